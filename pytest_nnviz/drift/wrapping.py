"""A model that was put as it is into others, which only call it; or taken out of such."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from pytest_nnviz.architecture import Architecture, Argument, Body, Call, Module, Ref, Step, walk_modules
from pytest_nnviz.drift.consequence import BREAKS, COSMETIC
from pytest_nnviz.drift.data import Change, Row, Way
from pytest_nnviz.drift.identity import Identities
from pytest_nnviz.drift.pairs import BY_STRUCTURE, join
from pytest_nnviz.drift.tensors import sides
from pytest_nnviz.textformat.write import format_call, format_config

__all__ = ["Wrapping", "find_wrapping"]

_T = TypeVar("_T")
_S = TypeVar("_S")


@dataclass(frozen=True, slots=True)
class Wrapping:
    """All of one model is one module of the other.

    Attributes:
        side: 0 if the old model is the one with modules around it, 1 if the new one is.
        path: the module that is all of the other model.
        around: the modules around it by path, the model itself first.
        calls: the calls that lead to it, from the outermost.
        body: what it does; None without graphs.
        breaks: whether it has a state dict.
    """

    side: int
    path: str
    around: tuple[tuple[str, Module], ...]
    calls: tuple[Call, ...]
    body: Body | None
    breaks: bool

    @property
    def renames(self) -> tuple[tuple[str, str], ...]:
        """The whole model has another path."""
        return (self._sides(self.path, ""),)

    @property
    def rows(self) -> dict[tuple[Way, Way], tuple[Row, ...]]:
        """The calls around it have no partners; those inside are those of the other model."""
        if self.body is None:
            return {}
        inside: tuple[Row, ...] = tuple((index, index) for index in range(len(self.body.calls)))
        depth = len(self.calls)
        return {
            self._sides((0,) * level, ()): inside if level == depth else (self._sides(0, None),)
            for level in range(depth + 1)
        }

    def changes(self) -> Iterator[Change]:
        """That the model moved; what is around it follows from that."""
        paths = self._sides(self.path, "")
        consequence = BREAKS if self.breaks else COSMETIC
        yield Change("structure", "moved", paths[1], "", *paths, consequence, matched=BY_STRUCTURE)
        if self.breaks:
            moved = ("parameters", "moved", paths[1], "parameters", *paths)
            yield Change(*moved, BREAKS, ripple=True, matched=BY_STRUCTURE)
        kind = ("removed", "added")[self.side]
        for path, module in self.around:
            text = format_config(module.class_name, module.config)
            yield Change("structure", kind, path, "", *sides(text, self.side), COSMETIC, ripple=True)
        for level, call in enumerate(self.calls):
            text, way = format_call(call), (0,) * (level + 1)
            old_way, new_way = self._sides(way, None)
            place = self.around[level][0]
            yield Change(
                "topology", kind, place, text, *sides(text, self.side), COSMETIC, old_way, new_way, ripple=True
            )

    def _sides(self, full: _T, bare: _S) -> tuple[_T | _S, _T | _S]:
        return (bare, full) if self.side else (full, bare)


def find_wrapping(old: Architecture, new: Architecture, ids: Identities) -> Wrapping | None:
    """Whether all of one model is one module of the other, around which nothing else is."""
    if old.mode != new.mode or old.inputs != new.inputs or (old.forward is None) != (new.forward is None):
        return None
    for side, (bare, full) in enumerate(((new, old), (old, new))):
        found = _descend(side, bare, full, ids)
        if found is not None:
            return found
    return None


def _descend(side: int, bare: Architecture, full: Architecture, ids: Identities) -> Wrapping | None:
    path, module, body = "", full.root, full.forward
    around: list[tuple[str, Module]] = []
    calls: list[Call] = []
    while ids.module(module) != ids.module(bare.root) or not around:
        if len(module.children) != 1 or module.parameters or module.buffers or module.marks:
            return None
        around.append((path, module))
        name, module = module.children[0]
        path = join(path, name)
        if body is not None:
            call = _only_call(body, full.inputs, name)
            if call is None:
                return None
            calls.append(call)
            body = call.body
    if ids.body(body) != ids.body(bare.forward):
        return None
    return Wrapping(side, path, tuple(around), tuple(calls), body, _has_keys(bare.root))


def _only_call(body: Body, inputs: tuple[Argument, ...], name: str) -> Call | None:
    """The call of a child that takes all inputs as they are and whose result is returned as it is, and no other."""
    if len(body.calls) != 1:
        return None
    call = body.calls[0]
    handed_on = tuple(Argument(a.name, Ref("input", (Step(str(a.name)),))) for a in inputs)
    whole = (call.kind, call.target, call.up, call.args) == ("module", name, 0, handed_on)
    return call if whole and body.returns == Ref("result", (Step(call.name),)) else None


def _has_keys(root: Module) -> bool:
    return any(m.parameters or any(buffer.persistent for buffer in m.buffers) for _, m in walk_modules(root))
