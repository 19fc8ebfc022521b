"""The rows of a table of layers: the calls of modules, the containers around them, and what each counts."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch

from pytest_nnviz.tracing.observing import ModuleCall, Path, Shape, standing

__all__ = ["Layer", "Layers", "layers_of"]


@dataclass(frozen=True, slots=True)
class Layer:
    """One row: a call of a module, or a container that is not called around modules that are.

    Attributes:
        path: names from the model to the module; empty for the model.
        class_name: its class.
        kernel: its ``kernel_size``, None where it has none.
        input: the shape of the first tensor that it was handed, None where there is none.
        output: the shape of what it returned, likewise.
        is_leaf: whether there are no modules in it.
        is_again: whether a row before has the same module.
        parameters: how many elements its parameters and those of all modules in it have, each counted once.
        trainable: how many of these require gradients.
        own: how many are in none of the rows below.
        mult_adds: multiplications and additions of the leaves in it, as torchinfo counts them.
        is_costly: whether torchinfo sees weights in it that its result is made with, used by a leaf in it or not.
    """

    path: Path
    class_name: str
    kernel: int | tuple[int, ...] | None
    input: Shape | None
    output: Shape | None
    is_leaf: bool
    is_again: bool
    parameters: int
    trainable: int
    own: int
    mult_adds: int
    is_costly: bool


@dataclass(frozen=True, slots=True)
class Layers:
    """All rows, and what the model counts in all.

    Attributes:
        mode: the mode that the model was in, ``eval`` or ``train``.
        rows: in the order of execution; of a model that was not run, in the order of its tree.
        parameters: elements of its parameters, each counted once: ``sum(p.numel() for p in model.parameters())``.
        trainable: how many of these require gradients.
        mult_adds: multiplications and additions, as torchinfo counts them; None for a model that was not run.
        torchinfo: what torchinfo 1.8.0 says in their place.
        ties: parameters that are another one, ``(name, name of the other)``.
    """

    mode: str
    rows: tuple[Layer, ...]
    parameters: int
    trainable: int
    mult_adds: int | None
    torchinfo: int
    ties: tuple[tuple[str, str], ...]


def layers_of(model: torch.nn.Module, mode: str, calls: Iterable[ModuleCall] | None) -> Layers:
    """The rows of a model that was called so; with None those of its whole tree."""
    shown = [ModuleCall(module, path) for path, module in standing(model)] if calls is None else list(calls)
    own = _own(model, {id(call.module): call.module for call in shown})
    ends = _ends([len(call.path) for call in shown])
    seen: set[int] = set()
    rows = []
    for call, cost in zip(shown, _costs(shown, ends), strict=True):
        rows.append(_layer(call, own[id(call.module)], cost, is_again=id(call.module) in seen))
        seen.add(id(call.module))
    ties = tuple(_ties(model))
    total, trainable = _counted(model)
    mult_adds = None if calls is None else sum(row.mult_adds for row in rows if not row.path)
    return Layers(mode, tuple(rows), total, trainable, mult_adds, _as_torchinfo(rows, ends) if ties else total, ties)


def _ends(depths: Sequence[int]) -> list[int]:
    """For each row the index of the first behind it that is not below it."""
    ends = [len(depths)] * len(depths)
    open_rows: list[int] = []
    for at, depth in enumerate(depths):
        while open_rows and depths[open_rows[-1]] >= depth:
            ends[open_rows.pop()] = at
        open_rows.append(at)
    return ends


def _costs(calls: Sequence[ModuleCall], ends: Sequence[int]) -> list[int]:
    """The cost of each row, with all that are below it."""
    own = (_mult_adds(call.module, call.output) if _is_leaf(call.module) else 0 for call in calls)
    sums = [0, *accumulate(own)]
    return [sums[end] - sums[at] for at, end in enumerate(ends)]


def _is_leaf(module: torch.nn.Module) -> bool:
    return next(module.children(), None) is None


def _layer(call: ModuleCall, own: int, cost: int, *, is_again: bool) -> Layer:
    module = call.module
    parameters, trainable = _counted(module)
    return Layer(
        path=call.path,
        class_name=str(module.original_name if isinstance(module, torch.jit.ScriptModule) else type(module).__name__),
        kernel=_kernel(module),
        input=call.input,
        output=call.output,
        is_leaf=_is_leaf(module),
        is_again=is_again,
        parameters=parameters,
        trainable=trainable,
        own=own,
        mult_adds=cost,
        is_costly=_mult_adds(module, call.output) > 0,
    )


def _kernel(module: torch.nn.Module) -> int | tuple[int, ...] | None:
    size = getattr(module, "kernel_size", None)
    if isinstance(size, list | tuple) and all(isinstance(item, int) for item in size):
        return tuple(map(int, size))
    return int(size) if isinstance(size, int) else None


def _counted(module: torch.nn.Module) -> tuple[int, int]:
    """How many elements the parameters of a module have, each counted once, and how many are trainable."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in module.parameters()]
    return sum(size for size, _ in sizes), sum(size for size, trainable in sizes if trainable)


def _mult_adds(module: torch.nn.Module, output: Shape | None) -> int:
    """As torchinfo counts them: weights times the positions of the result that they are used for."""
    if output is None or None in output:
        return 0
    sizes = [size for size in output if size is not None]
    positions = sizes[:1] + sizes[2:] if "Conv" in type(module).__name__ else sizes[:1]
    found = 0
    for name, parameter in module.named_parameters():
        base = name.removesuffix("_orig")  # of pruned ones, which have a mask; those of spectral_norm have none
        if base in ("weight", "bias") and (base == name or hasattr(module, f"{base}_mask")):
            found += parameter.numel() * math.prod(positions)
        elif "weight" in name or "bias" in name:
            found += parameter.numel() * math.prod(sizes[:2])
    return found


def _own(model: torch.nn.Module, shown: dict[int, torch.nn.Module]) -> dict[int, int]:
    """For each module that has a row, how many elements of parameters are in it and in no row below."""
    held, holders = _held(model, shown)
    inside: dict[int, set[int]] = {}
    own = dict.fromkeys(shown, 0)
    for key, parameters in held.items():
        for parameter in parameters:
            others = holders[id(parameter)] - {key}
            if others:
                below = inside.setdefault(key, {id(module) for module in shown[key].modules()})
                if others & below:
                    continue
            own[key] += parameter.numel()
    return own


def _held(
    model: torch.nn.Module, shown: dict[int, torch.nn.Module]
) -> tuple[dict[int, list[torch.nn.Parameter]], dict[int, set[int]]]:
    """The parameters of each row by the module that it shows: its own, and those of modules that have no row.

    Also the modules whose rows have each parameter.
    """
    held: defaultdict[int, list[torch.nn.Parameter]] = defaultdict(list)
    holders: defaultdict[int, set[int]] = defaultdict(set)
    owners: dict[Path, int] = {}
    visited: set[int] = set()
    for path, module in standing(model):
        owners[path] = id(module) if id(module) in shown or not path else owners[path[:-1]]
        if id(module) in visited:
            continue
        visited.add(id(module))
        for _, parameter in module.named_parameters(recurse=False):
            if owners[path] not in holders[id(parameter)]:
                held[owners[path]].append(parameter)
                holders[id(parameter)].add(owners[path])
    return held, holders


def _ties(model: torch.nn.Module) -> Iterator[tuple[str, str]]:
    """The parameters that several modules hold: each further name with the first."""
    first: dict[int, str] = {}
    for path, module in model.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            place = f"{path}.{name}" if path else name
            known = first.setdefault(id(parameter), place)
            if known != place:
                yield place, known


def _as_torchinfo(rows: Sequence[Layer], ends: Sequence[int]) -> int:
    """The total of torchinfo 1.8.0: leaves as they are, and of containers what they have more than the rows below."""
    sums = [0] * (len(rows) + 1)  # of what the rows from here on count
    total = 0
    for at in range(len(rows) - 1, -1, -1):
        row = rows[at]
        counts = row.parameters - (0 if row.is_leaf else sums[at + 1] - sums[ends[at]])
        counts = 0 if row.is_again else counts
        sums[at] = sums[at + 1] + counts
        total += max(0, counts)
    return total
