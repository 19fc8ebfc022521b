"""What a reference means: the call, input or attribute that it stands for, by ways through the whole forward pass."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from pytest_nnviz.architecture import Body, Call, Ref, Tree, Value, join
from pytest_nnviz.drift.data import Way

__all__ = ["Graph", "Source", "refs"]


def refs(value: Value) -> Iterator[Ref]:
    """The references in a value, with those to later writes."""
    stack = [value]
    while stack:
        top = stack.pop()
        if isinstance(top, Ref):
            yield top
            if top.after is not None:
                stack.append(top.after)
        elif isinstance(top, Tree):
            stack.extend(reversed(top.items))


def _ups(body: Body) -> Iterator[int]:
    yield from (call.up for call in body.calls)
    values = [argument.value for call in body.calls for argument in call.args]
    yield from (ref.up for value in [*values, body.returns] for ref in refs(value))


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from.

    ``kind`` is ``result`` (``way`` leads to the call), ``input`` (``name`` of the call at ``way``), ``attribute``
    (``name`` is a path in the model), or ``unknown`` (``name`` is whatever was written).
    """

    kind: str
    way: Way = ()
    name: Hashable = ""
    path: tuple[int | str, ...] = ()
    after: Source | None = None


class Graph:
    """A forward pass: what stands at a way, and what names mean there."""

    def __init__(self, forward: Body) -> None:
        self._bodies: dict[Way, Body] = {(): forward}
        self._paths: dict[Way, str | None] = {(): ""}
        self._names: dict[int, dict[str, list[int]]] = {}
        self._reach: dict[int, int] = {}

    def body(self, scope: Way) -> Body:
        """The inside of the call at a way, which has one."""
        if scope not in self._bodies:
            body = self.call(scope).body
            assert body is not None
            self._bodies[scope] = body
        return self._bodies[scope]

    def call(self, way: Way) -> Call:
        """The call at a way."""
        return self.body(way[:-1]).calls[way[-1]]

    def path(self, scope: Way) -> str | None:
        """The path of the module whose call is at a way; None for a module made inside forward."""
        if scope not in self._paths:
            self._paths[scope] = self.target(scope)
        return self._paths[scope]

    def target(self, way: Way) -> str | None:
        """The path of the module that the call at a way calls; None if it calls none."""
        call = self.call(way)
        if call.kind != "module" or call.up >= len(way):
            return None
        owner = self.path(way[: len(way) - 1 - call.up])
        return None if owner is None else join(owner, call.target)

    def place(self, scope: Way) -> str:
        """The path of the innermost module around the calls of a scope."""
        while scope and self.path(scope) is None:
            scope = scope[:-1]
        return self.path(scope) or ""

    def source(self, ref: Ref, way: Way) -> Source:
        """What ``ref`` stands for in the call at ``way`` (for what a body returns: one behind its last call)."""
        level = len(way) - 1 - ref.up
        after = None if ref.after is None else self.source(ref.after, way)
        if level < 0:
            return Source("unknown", (), ref)
        scope, name = way[:level], ref.steps[0].name
        if ref.kind == "input":
            return Source("input", scope, name, ref.path, after)
        if ref.kind == "attribute":
            owner = self.path(scope)
            place: Hashable = (scope, name) if owner is None else join(owner, name)
            return Source("attribute", (), place, ref.path, after)
        found = self._result(ref, scope, way[level])
        return Source("unknown", (), ref) if found is None else Source("result", found, "", ref.path, after)

    def reach(self, body: Body) -> int:
        """How many scopes around a body its names leave; 0 for one that stands on its own."""
        stack = [body]
        while stack:
            top = stack[-1]
            inside = [call.body for call in top.calls if call.body is not None]
            waiting = [inner for inner in inside if id(inner) not in self._reach]
            if waiting:
                stack += waiting
                continue
            stack.pop()
            deeper = [self._reach[id(inner)] - 1 for inner in inside]
            self._reach[id(top)] = max([0, *_ups(top), *deeper])
        return self._reach[id(body)]

    def _result(self, ref: Ref, scope: Way, before: int) -> Way | None:
        body: Body | None = self.body(scope)
        for step in ref.steps:
            if body is None:
                return None
            places = self._places(body).get(step.name, [])
            at = bisect_left(places, before) - 1 - step.back
            if at < 0:
                return None
            scope = (*scope, places[at])
            body = body.calls[places[at]].body
            before = len(body.calls) if body is not None else 0
        return scope

    def _places(self, body: Body) -> dict[str, list[int]]:
        """The calls of a body by name."""
        if id(body) not in self._names:
            places: dict[str, list[int]] = {}
            for index, call in enumerate(body.calls):
                places.setdefault(call.name, []).append(index)
            self._names[id(body)] = places
        return self._names[id(body)]
