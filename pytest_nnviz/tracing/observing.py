"""The calls of modules in one forward pass: which, from where, in which order, with which shapes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from pytest_nnviz.tracing.describing.values import spec_of, walk

__all__ = ["ModuleCall", "Observer", "Path", "Shape", "standing"]

Path = tuple[str, ...]
Shape = tuple[int | None, ...]

_MAX_PLACES = 64  # of one container; more would be as many as paths lead through modules that hold each other


@dataclass(frozen=True, slots=True)
class ModuleCall:
    """One call of a module: where in the model the module stands, the shapes that went in and came out.

    A module that stands at several places is called from one of them. None is the shape of what holds no tensor.
    """

    module: torch.nn.Module
    path: Path
    input: Shape | None = None
    output: Shape | None = None


class Observer:
    """Notes the calls of a model's modules, in the order in which they begin."""

    def __init__(self, model: torch.nn.Module) -> None:
        self._calls: list[ModuleCall] = []
        self._running: list[Path] = [()]
        self._often: Counter[Path] = Counter()
        self._modules = dict(standing(model))
        self._places: defaultdict[int, list[Path]] = defaultdict(list)
        for path, module in self._modules.items():
            self._places[id(module)].append(path)

    def watch(self, module: torch.nn.Module, run: Callable[[Any, Any], Any], args: Any, kwargs: Any) -> Any:
        """Call a module by ``run(args, kwargs)``; one that is not the model's is only called."""
        places = self._places.get(id(module))
        if places is None:
            return run(args, kwargs)
        with torch._C.DisableTorchFunction():
            call = ModuleCall(module, self._nearest(places), _first((args, kwargs)))
        at = len(self._calls)
        self._calls.append(call)
        self._running.append(call.path)
        self._often[call.path] += 1
        try:
            result = run(args, kwargs)
        finally:
            self._running.pop()
        with torch._C.DisableTorchFunction():
            self._calls[at] = replace(call, output=_shape_of(result))
        return result

    def _nearest(self, places: list[Path]) -> Path:
        """The place that has most in common with the place of the caller; of several the one that was called least."""
        caller = self._running[-1]
        return places[0] if len(places) == 1 else max(places, key=lambda p: (_common(p, caller), -self._often[p]))

    def calls(self) -> Iterator[ModuleCall]:
        """The calls, and before each that is in another container than the call before, the way from one to the other,
        as if its modules had been called.
        """
        here: Path = ()
        for call in self._calls:
            for depth in range(1, len(call.path)):
                outer = call.path[:depth]
                if here[:depth] != outer:
                    here = outer
                    yield ModuleCall(self._modules[outer], outer)
            here = call.path
            yield call


def standing(model: torch.nn.Module) -> Iterator[tuple[Path, torch.nn.Module]]:
    """Every module at every place where it stands, in the order of the tree."""
    often: Counter[int] = Counter()
    stack: list[tuple[Path, torch.nn.Module]] = [((), model)]
    while stack:
        path, module = stack.pop()
        yield path, module
        often[id(module)] += 1
        if often[id(module)] <= _MAX_PLACES:
            children = [(name, child) for name, child in module._modules.items() if child is not None]
            stack += [((*path, name), child) for name, child in reversed(children)]


def _common(place: Path, other: Path) -> int:
    return next(
        (at for at, (a, b) in enumerate(zip(place, other, strict=False)) if a != b), min(len(place), len(other))
    )


def _shape_of(result: Any) -> Shape | None:
    """The shape of a result: of its first tensor; of the last value of a dict, as torchinfo has it, if that has one."""
    last = next(reversed(list(result.values())), None) if isinstance(result, Mapping) else None
    shape = _first(last, hidden=False)
    return _first(result) if shape is None else shape


def _first(thing: Any, *, hidden: bool = True) -> Shape | None:
    """The shape of the first tensor; ``hidden=False`` looks into no objects that hold some."""
    tensors = (leaf for _, leaf in walk(thing, hidden=hidden) if isinstance(leaf, torch.Tensor))
    return next((spec_of(tensor).shape for tensor in tensors), None)
