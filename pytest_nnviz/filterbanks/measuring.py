"""Weights of convolutions into numbers, layer by layer; which layers, by path and pattern."""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import torch
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils import parametrize

from pytest_nnviz.errors import OptionError, TraceError, suggest
from pytest_nnviz.filterbanks.arranging import MOST_SHEETS, view_of
from pytest_nnviz.filterbanks.data import Bank, Layer, Line, Statistics, View
from pytest_nnviz.filterbanks.partition import parts_of
from pytest_nnviz.filterbanks.pooling import NOISE, above, in_range, pattern, pool
from pytest_nnviz.filterbanks.weights import ROOT, Convolution, bytes_of
from pytest_nnviz.options import FilterOptions
from pytest_nnviz.tracing.describing.distributions import versions_of
from pytest_nnviz.tracing.describing.places import unwrap
from pytest_nnviz.tracing.describing.values import spec_of

__all__ = ["Convolution", "Convolutions", "find"]

_AT_ONCE = 2**18
_SMALL, _LARGE = 1e-120, 1e120


@dataclass(frozen=True, slots=True)
class Convolutions:
    """The convolutions of a model that are to be pinned."""

    model: str
    found: tuple[Convolution, ...]
    versions: tuple[tuple[str, str], ...]

    def measure(self, options: FilterOptions, parts: Mapping[str, Sequence[tuple[int, int]]] | None = None) -> Bank:
        """Their numbers.

        Args:
            options: how they are drawn.
            parts: for some paths, which filters each line is about; what does not fit a layer is not heeded.

        Raises:
            TraceError: a weight has no values, or cannot be read.
        """
        kernels = [each.size() for each in self.found]
        usual = parts_of([filters for filters, _ in kernels])
        layers = []
        for index, (each, (filters, kernel), own) in enumerate(zip(self.found, kernels, usual, strict=True)):
            given = tuple((parts or {}).get(each.path, ()))
            fits = bool(given) and given[0][0] == 0 and given[-1][1] == filters
            asked = view_of(kernel, filters if index < MOST_SHEETS else 0, options)
            try:
                layers.append(_layer(each, given if fits else own, asked))
            except OverflowError:
                raise TraceError(
                    f"the weights of {each.name} are too large to be measured: sums of them are beyond the range of "
                    "doubles; look for what made them so, or pin the other layers"
                ) from None
        return Bank(self.model, tuple(layers), self.versions)

    def drawn(self, layer: Layer) -> list[array[float]]:
        """The weights that are drawn of a layer, filter by filter, channel by channel, row by row."""
        return next(each for each in self.found if each.path == layer.path).drawn(layer.view)


def find(model: Any, names: Sequence[str] = ()) -> Convolutions:
    """The convolutions of a model: those whose paths match one of the patterns, without patterns all.

    Raises:
        TraceError: no model, or one without convolutions.
        OptionError: a pattern that matches no convolution.
    """
    if not isinstance(model, torch.nn.Module):
        raise TraceError(f"got a {type(model).__name__}, not a torch.nn.Module: pass the model first")
    root = unwrap(model)
    found = _named(root, names) if names else _all(root)
    return Convolutions(_class(root), tuple(found), versions_of(root))


def _all(root: torch.nn.Module) -> list[Convolution]:
    found = [Convolution(path, module) for path, module in root.named_modules() if isinstance(module, _ConvNd)]
    if not found:
        raise TraceError(f"{_class(root)} has no convolutions: there are no filters to pin")
    return found


def _named(root: torch.nn.Module, names: Sequence[str]) -> list[Convolution]:
    places = {path or ROOT: module for path, module in root.named_modules(remove_duplicate=False)}
    own = {path: module for path, module in places.items() if isinstance(module, _ConvNd)}
    for name in names:
        if not isinstance(name, str):
            raise OptionError(
                "a layer is named by its path or a pattern such as 'conv1' or 'layer1.*', not by a "
                f"{type(name).__name__}: filters are weights, the model is not run and takes no inputs"
            )
        if not name:
            raise OptionError(f"{name!r} names no layer; give paths or patterns such as 'conv1' or 'layer1.*'")
        if not any(_names(name, path, own) for path in own):
            raise OptionError(_unmatched(name, places, own, root))
    matched = [path for path in own if any(_names(name, path, own) for name in names)]
    once = {id(own[path]): path for path in reversed(matched)}
    return [Convolution("" if path == ROOT else path, own[path]) for path in matched if once[id(own[path])] == path]


def _names(name: str, path: str, own: Mapping[str, Any]) -> bool:
    """Whether a name is of a path: as it is written, or, where no convolution has that path, as a pattern."""
    return path == name if name in own else fnmatchcase(path, name)


def _unmatched(name: str, places: Mapping[str, Any], own: Mapping[str, Any], root: torch.nn.Module) -> str:
    if not own:
        return f"{name!r} matches no convolution: {_class(root)} has none"
    if name in places:
        below = [path for path in own if path.startswith(f"{name}.")]
        way = f"; for those in it write {name + '.*'!r}" if below else f"; one is {next(iter(own))!r}"
        return f"{name!r} is a {_class(places[name])}, no convolution{way}"
    return f"{name!r} matches no module of {_class(root)}{suggest(name, own) or f'; one is {next(iter(own))!r}'}"


def _class(module: torch.nn.Module) -> str:
    return parametrize.type_before_parametrizations(module).__name__


def _layer(each: Convolution, parts: Sequence[tuple[int, int]], view: View) -> Layer:
    weight, spec = each.weight(), spec_of(each.given)
    filters, kernel = weight.shape[0], tuple(weight.shape[1:])
    statistics, sizes = _statistics(weight.reshape(filters, -1))
    dead = [_is_dead(one, size, math.prod(kernel)) for one, size in zip(statistics, sizes, strict=True)]

    def line(start: int, stop: int, *, alone: bool = True) -> Line:
        one = alone and stop == start + 1
        numbers = statistics[start] if one else pool(statistics[start:stop], sizes[start:stop], start)
        return Line(start, stop, numbers, sum(dead[start:stop]), _digest(weight[start:stop]))

    return Layer(
        each.path,
        _class(each.module),
        spec.dtype,
        tuple(int(size or 0) for size in spec.shape),
        filters,
        kernel,
        line(0, filters, alone=False),
        view,
        tuple(line(start, stop) for start, stop in parts),
        (sum(one.nan > 0 for one in statistics), sum(one.inf + one.minus_inf > 0 for one in statistics)),
    )


def _is_dead(one: Statistics, finite: int, size: int) -> bool:
    return finite == size and one.low == one.high and (size > 1 or one.low == 0)


def _statistics(rows: torch.Tensor) -> tuple[list[Statistics], list[int]]:
    """The numbers of each row, and how many of its elements are finite."""
    size = rows.shape[1]
    weights = _pattern(size)
    step = max(1, _AT_ONCE // size)
    found: list[Statistics] = []
    sizes: list[int] = []
    for start in range(0, len(rows), step):
        for one, count in _chunk(rows[start : start + step].double(), weights):
            found.append(one)
            sizes.append(count)
    return found, sizes


def _chunk(rows: torch.Tensor, weights: torch.Tensor) -> Iterator[tuple[Statistics, int]]:
    finite = rows.isfinite()
    wild = not bool(finite.all())
    counts = finite.sum(1)
    held = torch.where(finite, rows, 0.0) if wild else rows
    low, high = held.aminmax(dim=1)
    unit = _unit(torch.maximum(-low, high))
    held = held / unit[:, None]
    size = counts.clamp(min=1).double()
    norm = torch.linalg.vector_norm(held, dim=1)
    mean = held.sum(1) / size
    spread = torch.where(finite, held - mean[:, None], 0.0) if wild else held - mean[:, None]
    std = torch.linalg.vector_norm(spread, dim=1) / size.sqrt()
    if wild:
        low = torch.where(finite, rows, math.inf).amin(1).where(counts > 0, 0.0)
        high = torch.where(finite, rows, -math.inf).amax(1).where(counts > 0, 0.0)
    sums = (norm, mean, std * (low != high), held @ weights)
    numbers = torch.stack((*(one * unit for one in sums), low, high), 1).tolist()
    kinds = [rows.isnan(), rows == math.inf, rows == -math.inf] if wild else []
    counted: list[list[int]] = torch.stack([kind.sum(1) for kind in kinds], 1).tolist() if wild else []
    for row, (numbers_, count) in enumerate(zip(numbers, counts.tolist(), strict=True)):
        norm_, mean_, std_, projection_, low_, high_ = in_range(numbers_)
        noise = NOISE * norm_ / math.sqrt(max(count, 1))
        mean_, projection_ = above(mean_, noise), above(projection_, noise * count)
        yield Statistics(norm_, mean_, std_, low_, high_, projection_, *(counted[row] if wild else ())), count


def _unit(largest: torch.Tensor) -> torch.Tensor:
    """A power of two for each row that keeps squares within the range of doubles; 1 wherever they are."""
    fits = (largest == 0) | ((largest > _SMALL) & (largest < _LARGE))
    return torch.where(fits, 1.0, torch.ldexp(torch.ones_like(largest), torch.frexp(largest).exponent))


@lru_cache(maxsize=64)
def _pattern(size: int) -> torch.Tensor:
    return torch.tensor([pattern(index) for index in range(size)], dtype=torch.float64, device="cpu")


def _digest(weight: torch.Tensor) -> str:
    return hashlib.sha256(bytes_of(weight)).hexdigest()[:12]
