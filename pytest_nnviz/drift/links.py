"""Which call, input and attribute became which, so that references are compared by what they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pytest_nnviz.architecture import Argument, Body, Call, Const, Ref, Step, Tree, Value
from pytest_nnviz.drift.consequence import FUNCTION, worst
from pytest_nnviz.drift.data import Row, Way
from pytest_nnviz.drift.pairs import Match, join
from pytest_nnviz.drift.references import Graph, Source, refs

__all__ = ["Links", "Use"]

Consequence = Callable[[int, Way], str]
"""Of the call at a way in the old (0) or the new (1) graph that comes or goes."""

Use = tuple[Value, Way]
"""A value and the way to the call that uses it."""


class Links:
    """What is known so far about two graphs; grows while they are walked in parallel.

    ``tensors`` are renamed parameters and buffers: the new path of the module with the old name -> the new path.
    ``consequence`` tells what it means that a call comes or goes.
    """

    def __init__(
        self, old: Graph, new: Graph, match: Match, tensors: Mapping[str, str], consequence: Consequence
    ) -> None:
        self.old = old
        self.new = new
        self.match = match
        self._tensors = tensors
        self._consequence = consequence
        self._calls: dict[tuple[Way, Way], dict[int, int]] = {}
        self._inputs: dict[Way, dict[str, str]] = {}
        self._gone: set[Way] = set()
        self._came: set[Way] = set()
        self._left: set[Way] = set()
        self._joined: set[Way] = set()
        self._traded: dict[Way, Way] = {}

    def enter(self, old: Way, new: Way, rows: Sequence[Row]) -> None:
        """The calls inside two paired calls are paired like this."""
        self._calls[old, new] = {i: j for i, j in rows if i is not None and j is not None}
        gone = {(*old, i) for i, j in rows if i is not None and j is None}
        came = {(*new, j) for i, j in rows if i is None and j is not None}
        self._gone |= gone
        self._left |= gone
        self._came |= came
        self._joined |= came

    def move(self, old: Way, new: Way) -> None:
        """A call takes its operands in another place now: it left the one way of data and joined another."""
        self._left.add(old)
        self._joined.add(new)

    def rename_inputs(self, scope: Way, names: Mapping[str, str]) -> None:
        """The arguments of the call at ``scope`` have other names now."""
        self._inputs.setdefault(scope, {}).update(names)

    def trade(self, places: Mapping[Way, Way]) -> None:
        """Calls stand in the places of others now; what took the result of one takes that of the other."""
        self._traded.update(places)

    def home(self, way: Way) -> Way | None:
        """The new way to the call that was at ``way``; None if that is gone."""
        found: Way = ()
        for level, index in enumerate(way):
            calls = self._calls.get((way[:level], found))
            at = index if calls is None else calls.get(index)
            if at is None:
                return None
            found = (*found, at)
        return found

    def translate(self, source: Source, swapped: Mapping[Way, Way] | None = None) -> Source | None:
        """What a source of the old graph is in the new one; None if it is gone.

        The results of ``swapped`` calls are those of others.
        """
        after = None if source.after is None else self.translate(source.after, swapped)
        way = (swapped or {}).get(source.way) if source.kind == "result" else None
        way = self.home(source.way) if way is None else way
        if way is None or (after is None and source.after is not None):
            return None
        name = source.name
        if source.kind == "input" and isinstance(name, str):
            name = self._inputs.get(source.way, {}).get(name, name)
        elif isinstance(name, str):
            name = self._tensor(name)
        elif isinstance(name, tuple):
            name = (self.home(name[0]), name[1])
        return Source(source.kind, way, name, source.path, after)

    def _tensor(self, path: str) -> str | None:
        home = self.match.home(path)
        return None if home is None else self._tensors.get(home, home)

    def same(self, old: Use, new: Use, swapped: Mapping[Way, Way] | None = None) -> bool:
        """Whether two values mean the same, however they are spelled; ``swapped`` as for `translate`."""
        a, b = old[0], new[0]
        if isinstance(a, Ref) and isinstance(b, Ref):
            return self.translate(self.old.source(a, old[1]), swapped) == self.new.source(b, new[1])
        if isinstance(a, Tree) and isinstance(b, Tree):
            return (a.kind, a.keys, len(a.items)) == (b.kind, b.keys, len(b.items)) and all(
                self.same((x, old[1]), (y, new[1]), swapped) for x, y in zip(a.items, b.items, strict=True)
            )
        if isinstance(a, Const) and isinstance(b, Const):
            return (a.spec, a.tracked) == (b.spec, b.tracked) and self._same_holder((a, old[1]), (b, new[1]))
        return a == b

    def _same_holder(self, old: tuple[Const, Way], new: tuple[Const, Way]) -> bool:
        a, b = _holder(self.old, *old), _holder(self.new, *new)
        return a == b if a is None or b is None else self.match.home(a) == b

    def bypass(self, old: Use, new: Use) -> str | None:
        """The consequence of the calls that came or went between the two, if these alone make the difference."""
        a, b = old[0], new[0]
        if isinstance(a, Tree) and isinstance(b, Tree) and len(a.items) == len(b.items):
            if (a.kind, a.keys) != (b.kind, b.keys):
                return None
            parts = [((x, old[1]), (y, new[1])) for x, y in zip(a.items, b.items, strict=True)]
            found = [self.bypass(x, y) for x, y in parts if not self.same(x, y)]
            return worst([c for c in found if c is not None]) if None not in found else None
        if isinstance(a, Ref) and isinstance(b, Ref):
            return self._bypass(self.old.source(a, old[1]), self.new.source(b, new[1]))
        return None

    def _bypass(self, old: Source, new: Source) -> str | None:
        if old.way in self._traded and self.translate(old, self._traded) == new:
            return FUNCTION
        gone, came = _cut(old, self._gone), _cut(new, self._came)
        if gone is not None and came is not None:
            return worst([self._consequence(0, gone), self._consequence(1, came)])
        left, joined = _cut(old, self._left), _cut(new, self._joined)
        if joined is not None and self.translate(old) in self._behind(self.new, joined, self._joined):
            return self._consequence(1, joined)
        if left is not None and new in map(self.translate, self._behind(self.old, left, self._left)):
            return self._consequence(0, left)
        return None

    def _behind(self, graph: Graph, way: Way, through: set[Way]) -> set[Source]:
        """What a call takes, and what the calls that it takes from take, as long as these are in ``through``."""
        found: set[Source] = set()
        seen = {way}
        stack = [way]
        while stack:
            top = stack.pop()
            for argument in graph.call(top).args:
                for ref in refs(argument.value):
                    source = graph.source(ref, top)
                    found.add(source)
                    next_way = _cut(source, through)
                    if next_way is not None and next_way not in seen:
                        seen.add(next_way)
                        stack.append(next_way)
        return found

    def respelled(self, old: Way, new: Way) -> Body:
        """The old body of a scope with the names that its modules have now."""
        body = self.old.body(old)
        if not self.match.disturbed:
            return body
        calls = [self._respell(call, (*old, index), new) for index, call in enumerate(body.calls)]
        names = {a.name: b.name for a, b in zip(body.calls, calls, strict=True) if a.name != b.name}
        if not names:
            return body
        return Body(tuple(replace(call, args=_renamed(call.args, names)) for call in calls), body.returns)

    def _respell(self, call: Call, way: Way, scope: Way) -> Call:
        path = self.old.target(way)
        if path is None or len(scope) < call.up:
            return call
        home, owner = self.match.home(path), self.new.path(scope[: len(scope) - call.up])
        if home is not None and owner is not None and (not owner or f"{home}.".startswith(f"{owner}.")):
            target = home[len(owner) :].removeprefix(".")
            return call if target == call.target else replace(call, target=target)
        return replace(call, target=f"<{path}>")


def _holder(graph: Graph, const: Const, way: Way) -> str | None:
    """The path of the attribute that holds a constant."""
    if const.name is None:
        return None
    bare = const.name.lstrip("^")
    level = len(way) - 1 - (len(const.name) - len(bare))
    owner = graph.path(way[:level]) if level >= 0 else None
    return const.name if owner is None else join(owner, bare.removeprefix("self."))


def _cut(source: Source, ways: set[Way]) -> Way | None:
    """The outermost call around a result that is one of ``ways``."""
    if source.kind != "result":
        return None
    prefixes = (source.way[:level] for level in range(1, len(source.way) + 1))
    return next((prefix for prefix in prefixes if prefix in ways), None)


def _renamed(arguments: Sequence[Argument], names: Mapping[str, str]) -> tuple[Argument, ...]:
    return tuple(Argument(a.name, _respell_value(a.value, names)) for a in arguments)


def _respell_value(value: Value, names: Mapping[str, str]) -> Value:
    if isinstance(value, Tree):
        return replace(value, items=tuple(_respell_value(item, names) for item in value.items))
    if isinstance(value, Ref) and value.kind == "result" and not value.up and value.steps[0].name in names:
        first = Step(names[value.steps[0].name], value.steps[0].back)
        return replace(value, steps=(first, *value.steps[1:]))
    return value
