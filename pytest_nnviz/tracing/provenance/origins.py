"""Where tensors come from: names in the scopes that know them, writes to shared memory, references to both."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import torch

from pytest_nnviz.architecture import Call, Const, Ref, Step, TensorSpec, Value
from pytest_nnviz.tracing.describing.modules import class_name, configuration
from pytest_nnviz.tracing.describing.places import Places, relative
from pytest_nnviz.tracing.describing.plain import plain_value
from pytest_nnviz.tracing.describing.values import leaves, named, qualified_name, spec_of, tensors_in
from pytest_nnviz.tracing.provenance.births import Births
from pytest_nnviz.tracing.provenance.handover import storage_of

__all__ = ["Origins", "Scope"]

_Path = tuple[int | str, ...]


@dataclass(eq=False, slots=True)
class Scope:
    """The inside of a module call while it runs: its calls so far, and how often each name was used."""

    module: str | None  # path of the module, None for one that was made inside forward
    parent: Scope | None = None
    name: str = ""  # of the call in the parent
    nth: int = 0
    owner: object = None
    calls: list[Call] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    _mark: tuple[int, Any] | None = None

    def mark(self, output: Any) -> None:
        """Forward is over, with this output; what follows are its hooks."""
        self._mark = (len(self.calls), output)

    def take_mark(self) -> tuple[int, Any] | None:
        """How many calls there were when forward was over, and its output; None if nobody said so."""
        mark, self._mark = self._mark, None
        return mark

    def drop(self, start: int) -> dict[str, int]:
        """Take the calls from ``start`` back; how often each name is left."""
        for call in self.calls[start:]:
            self.counts[call.name] -= 1
        del self.calls[start:]
        return self.counts

    def add(self, call: Call) -> int:
        """Record a call that is over; returns how many of its name there are now."""
        self.calls.append(call)
        self.counts[call.name] = count = self.counts.get(call.name, 0) + 1
        return count


@dataclass(slots=True)
class _Place:
    """One name: of an input (``nth`` is 0) or of the ``nth`` call of that name in a scope, known since ``time``."""

    scope: Scope
    name: str
    nth: int
    path: _Path
    time: int


class _Held(weakref.ref[Any]):
    """A weak reference that knows by which id its thing went."""

    __slots__ = ("key",)
    key: int

    def __new__(cls, thing: Any, gone: Callable[[_Held], None]) -> Self:
        """As a weak reference; ``gone`` is told when the thing is."""
        held = super().__new__(cls, thing, gone)
        held.key = id(thing)
        return held


def _forget(known: dict[int, _Known], gone: _Held) -> None:
    known.pop(gone.key, None)


@dataclass(slots=True)
class _Known:
    """A live tensor or object: its name in each scope that knows it, the one that made it first."""

    alive: object  # keeps the id from being used again, or a weak reference that says when it may be
    places: dict[int, _Place]
    forgotten: bool = False


class Origins:
    """Names of everything that is alive in one forward pass.

    ``untracked`` is called with each tensor that appeared out of nowhere.
    """

    def __init__(self, places: Places, births: Births, untracked: Callable[[torch.Tensor], None]) -> None:
        self.registered = places
        self.births = births
        self.untracked = untracked
        self.used: set[str] = set()  # paths of parameters, buffers and constants that were read
        self.lost = False
        self._known: dict[int, _Known] = {}
        self._gone = functools.partial(_forget, self._known)
        self._writes: dict[int, _Place] = {}
        self._time = 0
        self._consts: dict[TensorSpec, dict[int, torch.Tensor]] = {}
        self._strangers: dict[object, dict[int, torch.nn.Module]] = {}
        self._refs: dict[tuple[Any, ...], Ref] = {}  # each is made once, so that it is written once

    def name(self, thing: Any, scope: Scope, name: str, nth: int, path: _Path, *, fresh: bool) -> None:
        """Give a tensor or object a name in a scope; ``fresh`` forgets all names that it had."""
        self._time += 1
        place = _Place(scope, name, nth, path, self._time)
        known = self._known.get(id(thing))
        if known is None:
            known = self._known[id(thing)] = _Known(self._hold(thing), {})
        elif fresh:
            known.places.clear()
        known.places[id(scope)] = place

    def _hold(self, thing: Any) -> object:
        try:
            return _Held(thing, self._gone)
        except TypeError:
            return thing

    def alias(self, new: torch.Tensor, old: torch.Tensor) -> None:
        """Let a tensor go by the names of another."""
        known = self._known.get(id(old))
        if known is not None:
            self._known[id(new)] = _Known(self._hold(new), dict(known.places))
        for table in (self.registered.tensors, self.registered.consts):
            if id(old) in table:
                self.registered.note(table, new, table[id(old)])

    def pin(self, tensor: torch.Tensor) -> None:
        """Hold a tensor itself from now on, as some calls take none that is held weakly."""
        self.births.pin(tensor)
        known = self._known.get(id(tensor))
        if known is not None:
            known.alive = tensor

    def let_go(self) -> None:
        """Hold nothing any more, not even weakly."""
        self._known.clear()
        self.births.let_go()

    def knows(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor has a name that says where it comes from."""
        return id(tensor) in self._known or id(tensor) in self.registered.tensors

    def number(self, module: torch.nn.Module) -> int:
        """Which of its class and configuration an unregistered module is; 1 where it holds nothing of its own."""
        tensors = [*module.parameters(), *module.buffers()]
        if all(self.knows(tensor) for tensor in tensors):
            return 1
        alike = self._strangers.setdefault((class_name(module), configuration(module)), {})
        alike.setdefault(id(module), module)
        return list(alike).index(id(module)) + 1

    def has_name(self, thing: Any, scope: Scope) -> bool:
        """Whether a tensor already has a name in exactly this scope."""
        known = self._known.get(id(thing))
        return known is not None and id(scope) in known.places

    def forget(self, scope: Scope, left: dict[str, int]) -> None:
        """Forget the results of calls that were taken back; ``lost`` says whether one of them is used after all."""
        for known in list(self._known.values()):
            place = known.places.get(id(scope))
            if place is not None and place.nth > left.get(place.name, place.nth):
                del known.places[id(scope)]
                known.forgotten = True

    def made_by(self, result: Any, scope: Scope) -> int:
        """How many calls of a scope it took until the last tensor of a result was made."""
        names = [call.name for call in scope.calls]
        made = 0
        for tensor in tensors_in(result):
            known = self._known.get(id(tensor))
            place = known.places.get(id(scope)) if known is not None else None
            if place is None or not place.nth:
                return len(names)
            at = [index for index, name in enumerate(names) if name == place.name][place.nth - 1]
            made = max(made, at + 1)
        return made or len(names)

    def was_made(self, tensor: torch.Tensor) -> bool:
        """Whether the tensor is the result of a call of this forward pass."""
        known = self._known.get(id(tensor))
        return known is not None and any(place.nth for place in known.places.values())

    def wrote(self, tensor: torch.Tensor, scope: Scope, name: str, nth: int) -> None:
        """Note that a call wrote to the memory of a tensor."""
        storage = storage_of(tensor)
        if storage is not None:
            self._time += 1
            self._writes[storage] = _Place(scope, name, nth, (), self._time)

    def tensor(self, tensor: torch.Tensor, scope: Scope) -> Value:
        """The reference to a tensor from inside a scope."""
        known = self._known.get(id(tensor))
        place = known.places.get(id(scope)) if known is not None else None
        if place is None and (registered := self._registered(tensor, scope)) is not None:
            ref, time = registered, 0
        elif known is not None and (place := place or self._outer(known, scope)) is not None:
            ref, time = self._ref(place, scope), place.time
        else:
            return self._stranger(tensor, scope)
        return self._after(tensor, ref, time, scope) if self._writes else ref

    def thing(self, thing: Any, scope: Scope) -> Value:
        """The reference to a foreign object that was handed in, or its class."""
        known = self._known.get(id(thing))
        place = self._outer(known, scope) if known is not None else None
        if place is not None:
            return self._ref(place, scope)
        partial = plain_value(thing) if isinstance(thing, functools.partial) else None
        return partial or named(qualified_name(type(thing)))

    def _registered(self, tensor: torch.Tensor, scope: Scope) -> Ref | None:
        path = self.registered.tensors.get(id(tensor))
        if path is None or self.was_made(tensor):
            return None
        self.used.add(path)
        up, name = self.locate(scope, path)
        return self._once("attribute", name, 0, (), up)

    def locate(self, scope: Scope | None, path: str) -> tuple[int, str]:
        """How many scopes to leave until the module of the scope holds ``path``, and its name there."""
        up = 0
        while scope is not None:
            if scope.module is not None:
                inside = relative(scope.module, path)
                if not inside.startswith("^"):
                    return up, inside
            scope, up = scope.parent, up + 1
        raise AssertionError(f"{path} is outside of the model")

    def _outer(self, known: _Known, scope: Scope) -> _Place | None:
        """The name in the innermost scope around; else the call that made it, inside a call that is over."""
        around: Scope | None = scope
        while around is not None:
            if id(around) in known.places:
                return known.places[id(around)]
            around = around.parent
        return next((place for place in known.places.values() if place.nth), None)

    def _ref(self, place: _Place, scope: Scope) -> Ref:
        if place.scope is scope:
            if place.nth == 0:
                return self._once("input", place.name, 0, place.path)
            return self._once("result", place.name, scope.counts.get(place.name, 0) - place.nth, place.path)
        depth: dict[int, int] = {}
        around: Scope | None = scope
        while around is not None:
            depth[id(around)] = len(depth)
            around = around.parent
        if place.nth == 0 and id(place.scope) in depth:
            return Ref("input", (Step(place.name),), place.path, depth[id(place.scope)])
        steps = []
        name, nth, owner = place.name, place.nth, place.scope
        while True:
            if nth:
                steps.append(Step(name, owner.counts.get(name, 0) - nth))
            if id(owner) in depth or owner.parent is None:
                break
            name, nth, owner = owner.name, owner.nth, owner.parent
        return Ref("result", tuple(reversed(steps)), place.path, depth.get(id(owner), 0))

    def _once(self, kind: str, name: str, back: int, path: _Path, up: int = 0) -> Ref:
        """A reference of one step."""
        key = kind, name, back, path, up
        ref = self._refs.get(key)
        if ref is None:
            ref = self._refs[key] = Ref(kind, (Step(name, back),), path, up)
        return ref

    def _after(self, tensor: torch.Tensor, ref: Ref, time: int, scope: Scope) -> Ref:
        write = self._writes.get(storage_of(tensor) or 0)
        if write is None or write.time <= time:
            return ref
        return Ref(ref.kind, ref.steps, ref.path, ref.up, self._ref(write, scope))

    def _stranger(self, tensor: torch.Tensor, scope: Scope) -> Value:
        path = self.registered.consts.get(id(tensor))
        if path is not None:
            self.used.add(path)
            up, name = self.locate(scope, path)
            return Const(spec_of(tensor), "^" * up + "self." + name)
        spec = spec_of(tensor)
        known = self._known.get(id(tensor))
        self.lost = self.lost or (known is not None and known.forgotten)
        if tensor in self.births:
            parts = (part for path, part in leaves(tensor, hidden=False) if path)
            inside = next((part for part in parts if self.knows(part)), None)
            if inside is not None:  # torch itself put a wrapper around it: the edge goes through
                return self.tensor(inside, scope)
            self.untracked(tensor)
            return Const(spec, None, tracked=False)
        alike = self._consts.setdefault(spec, {})
        alike.setdefault(id(tensor), tensor)
        number = list(alike).index(id(tensor))
        return Const(spec, f"#{number + 1}" if number else None)
