"""Which tensors of a model are one, whichever of their names comes first."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

from pytest_nnviz.architecture import Buffer, Module, Parameter, join, walk_modules
from pytest_nnviz.drift.pairs import Match
from pytest_nnviz.drift.statedict import resolve

__all__ = ["Tensor", "Ties", "tensors_of"]

Tensor = Parameter | Buffer


def tensors_of(module: Module) -> dict[str, Tensor]:
    """Parameters, then buffers, by name."""
    found: dict[str, Tensor] = {parameter.name: parameter for parameter in module.parameters}
    found.update({buffer.name: buffer for buffer in module.buffers})
    return found


class Ties:
    """The ties of two models."""

    def __init__(self, old: Module, new: Module, match: Match) -> None:
        self._roots = (old, new)
        self._match = match

    @cached_property
    def _sides(self) -> tuple[_Names, _Names]:
        return _Names(self._roots[0]), _Names(self._roots[1])

    @cached_property
    def _origins(self) -> dict[str | None, str]:
        return {self._match.home(place): place for place in self._sides[0].tensors}

    def same(self, old: str, new: str) -> bool:
        """Whether the tensors at two places share memory with the same ones, as far as both models have these."""
        before, after = (names.of(place) for names, place in zip(self._sides, (old, new), strict=True))
        kept = {self._match.home(place) for place in before} & self._sides[1].tensors.keys()
        return kept == {place for place in after if place in self._origins}

    def loosened(self, old: str, new: str) -> bool:
        """Whether what a tensor was tied to, or is now, is a parameter on one side and a buffer on the other."""
        before, after = self._sides
        first, now = before.first(old), after.first(new)
        if first == old:
            return now != new and now in self._origins and self._turned(self._origins[now], now)
        home = self._match.home(first)
        return home is not None and self._turned(first, home)

    def _turned(self, old: str, new: str) -> bool:
        before, after = self._sides
        both = old in before.tensors and new in after.tensors
        return both and type(before.tensors[old]) is not type(after.tensors[new])


class _Names:
    """The tensors of a model by place, and the names that each of them has."""

    def __init__(self, root: Module) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._firsts: dict[str, str] = {}
        self._names: defaultdict[str, set[str]] = defaultdict(set)
        for path, module in walk_modules(root):
            for name, tensor in tensors_of(module).items():
                place = join(path, name)
                self.tensors[place] = tensor
                self._firsts[place] = place if tensor.tied is None else resolve(path, tensor.tied)
                self._names[self._firsts[place]].add(place)

    def first(self, place: str) -> str:
        """The first name of the tensor at a place."""
        return self._firsts[place]

    def of(self, place: str) -> set[str]:
        """All names of the tensor at a place."""
        return self._names[self._firsts[place]]
