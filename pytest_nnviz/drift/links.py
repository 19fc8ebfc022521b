"""Which call, input and attribute became which, so that references are compared by what they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pytest_nnviz.architecture import Argument, Body, Call, Const, Literal, Ref, Step, Tree, Value, is_within, join
from pytest_nnviz.drift.aliases import Aliases
from pytest_nnviz.drift.consequence import FUNCTION, worst
from pytest_nnviz.drift.data import Row, Way
from pytest_nnviz.drift.pairs import Match
from pytest_nnviz.drift.references import Graph, Source, refs

__all__ = ["Links", "Use"]

Consequence = Callable[[int, Way], str]
"""Of the call at a way in the old (0) or the new (1) graph that comes or goes."""

Lone = Callable[[str, int], bool]
"""Whether the tensor or module at a path is in the old (0) or the new (1) model alone."""

Use = tuple[Value, Way]
"""A value and the way to the call that uses it."""


class Links:
    """What is known so far about two graphs; grows while they are walked in parallel.

    ``tensors`` are renamed parameters and buffers: the new path of the module with the old name -> the new path.
    ``taken_instead`` are calls of the old graph that traded places and whose result is not taken where it was.
    ``sizes`` are numbers that became others as the sizes of results did so far, with the consequence of that.
    ``consequence`` tells what it means that a call comes or goes, ``lone`` which attributes did.
    """

    def __init__(
        self,
        old: Graph,
        new: Graph,
        match: Match,
        tensors: Mapping[str, str],
        consequence: Consequence,
        lone: Lone,
    ) -> None:
        self.old = old
        self.new = new
        self.match = match
        self._tensors = tensors
        self.sizes: dict[tuple[Value, Value], str] = {}
        self._aliases = Aliases(match)
        self._consequence = consequence
        self._lone = lone
        self._calls: dict[tuple[Way, Way], dict[int, int]] = {}
        self._insides: dict[Way, Way] = {}
        self._inputs: dict[Way, dict[str, str]] = {}
        self._gone: set[Way] = set()
        self._came: set[Way] = set()
        self._left: set[Way] = set()
        self._joined: set[Way] = set()
        self._traded: dict[Way, Way] = {}
        self.taken_instead: set[Way] = set()
        self._replaced: tuple[set[Way], set[Way]] = (set(), set())

    def enter(self, old: Way, new: Way, rows: Sequence[Row]) -> None:
        """The calls inside two paired calls are paired like this."""
        self._calls[old, new] = {i: j for i, j in rows if i is not None and j is not None}
        gone = {(*old, i) for i, j in rows if i is not None and j is None}
        came = {(*new, j) for i, j in rows if i is None and j is not None}
        self._gone |= gone
        self._left |= gone
        self._came |= came
        self._joined |= came

    def steps(self, old: Way, new: Way) -> list[tuple[Way, Way]]:
        """The ways to two paired calls, then those that go through modules around one of them that only hand on what
        they take, down to the two whose insides are each other's.
        """
        found = [(old, new)]
        wrapping = self.match.wrapping(self.old.path(old), self.new.path(new))
        for _ in range(0 if wrapping is None else wrapping.depth):
            before, after = found[-1]
            found.append((before, (*after, 0)) if wrapping and wrapping.side else ((*before, 0), after))
            self._calls[before, after] = {}
        self._insides.update(found[1:] and dict(found[-1:]))
        return found

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
        found: Way | None = ()
        for level, index in enumerate(way):
            found = self._insides.get(way[:level], found)
            if found is not None:
                calls = self._calls.get((way[:level], found))
                at = index if calls is None else calls.get(index)
                found = None if at is None else (*found, at)
        return found

    def scope(self, way: Way) -> Way | None:
        """The new way to the call whose inside is that of the call at ``way``; None if that is gone."""
        return self._insides.get(way) if way in self._insides else self.home(way)

    def translate(self, source: Source, swapped: Mapping[Way, Way] | None = None) -> Source | None:
        """What a source of the old graph is in the new one; None if it is gone.

        The results of ``swapped`` calls are those of others.
        """
        after = None if source.after is None else self.translate(source.after, swapped)
        way = (swapped or {}).get(source.way) if source.kind == "result" else None
        if way is None:
            way = self.scope(source.way) if source.kind == "input" else self.home(source.way)
        if way is None or (after is None and source.after is not None):
            return None
        name = source.name
        if source.kind == "input" and isinstance(name, str):
            name = self._inputs.get(source.way, {}).get(name, name)
        elif isinstance(name, str) and source.kind == "attribute":
            name = self._tensor(name)
        elif isinstance(name, tuple):
            name = (self.scope(name[0]), name[1])
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
        """The consequence of what came or went between the two, if this alone makes the difference."""
        a, b = old[0], new[0]
        if isinstance(a, Tree) and isinstance(b, Tree) and a.kind == b.kind:
            return self._bypass_items((a, old[1]), (b, new[1]))
        if isinstance(a, Ref) and isinstance(b, Ref):
            return self._bypass(self.old.source(a, old[1]), self.new.source(b, new[1]))
        if (a, b) in self.sizes:
            return self.sizes[a, b]
        if _is_empty(b):
            return self.vanished(0, old)
        return self.vanished(1, new) if _is_empty(a) else None

    def vanished(self, side: int, use: Use) -> str | None:
        """The consequence if all that a value refers to is on one side alone."""
        graph, ways = ((self.old, self._gone), (self.new, self._came))[side]
        found = [self._of_lone(side, graph.source(ref, use[1]), ways) for ref in refs(use[0])]
        return worst([c for c in found if c is not None]) if found and None not in found else None

    def _of_lone(self, side: int, source: Source, ways: set[Way]) -> str | None:
        if source.kind == "attribute":
            return FUNCTION if isinstance(source.name, str) and self._lone(source.name, side) else None
        if self._inside_replaced(side, source):
            return FUNCTION
        way = _cut(source, ways)
        return None if way is None else self._consequence(side, way)

    def _inside_replaced(self, side: int, source: Source) -> bool:
        way = _cut(source, self._replaced[side])
        return way is not None and way != source.way

    def _bypass_items(self, old: tuple[Tree, Way], new: tuple[Tree, Way]) -> str | None:
        """As `bypass`, item by item; in a sequence some may have come or gone."""
        (a, old_way), (b, new_way) = old, new
        if a.keys != b.keys or (a.keys and len(a.items) != len(b.items)):
            return None
        found: list[str | None] = []
        waiting = [(item, new_way) for item in reversed(b.items)]
        spare = len(a.items) - len(b.items)
        for item in a.items:
            use = (item, old_way)
            while spare < 0 and not (waiting and self._explained(use, waiting[-1])):
                if not waiting:
                    return None
                found.append(self.vanished(1, waiting.pop()))
                spare += 1
            if spare > 0 and not (waiting and self._explained(use, waiting[-1])):
                found.append(self.vanished(0, use))
                spare -= 1
            elif not waiting:
                return None
            elif not self.same(use, waiting[-1]):
                found.append(self.bypass(use, waiting.pop()))
            else:
                waiting.pop()
        found += [self.vanished(1, use) for use in reversed(waiting)]
        return worst([c for c in found if c is not None]) if None not in found else None

    def _explained(self, old: Use, new: Use) -> bool:
        return self.same(old, new) or self.bypass(old, new) is not None

    def _bypass(self, old: Source, new: Source) -> str | None:
        if old.way in self._traded and self.translate(old, self._traded) == new:
            self.taken_instead.add(old.way)
            return FUNCTION
        if self._same_thing(old, new) or self._inside_replaced(0, old) or self._inside_replaced(1, new):
            return FUNCTION
        gone, came = _cut(old, self._gone), _cut(new, self._came)
        if gone is not None and came is not None:
            return worst([self._consequence(0, gone), self._consequence(1, came)])
        left, joined = _cut(old, self._left), _cut(new, self._joined)
        if joined is not None and self._leads_to(joined, old):
            return self._consequence(1, joined)
        if left is not None and self._led_to(left, new):
            return self._consequence(0, left)
        return None

    def _same_thing(self, old: Source, new: Source) -> bool:
        """Whether two names of one parameter, buffer or module are all the difference."""
        if not self._aliases or (old.kind, old.path) != (new.kind, new.path) or old.kind != "attribute":
            return False
        if not isinstance(old.name, str) or not isinstance(new.name, str):
            return False
        home = self._tensor(old.name)
        return home is not None and self._aliases.alike(home, new.name)

    def _leads_to(self, joined: Way, old: Source) -> bool:
        """Whether what came takes what was taken before, or converts what that was converted from."""
        before = self.translate(self._outer(self.old, old))
        return self._among(before, self._behind(self.new, joined, self._joined)) or (
            old.kind == "result" and self._another_version(old.way, joined)
        )

    def _led_to(self, left: Way, new: Source) -> bool:
        sources = [self._outer(self.old, source) for source in self._behind(self.old, left, self._left)]
        behind = {home for source in sources if (home := self.translate(source))}
        return self._among(new, behind) or (new.kind == "result" and self._another_version(left, new.way))

    def _among(self, source: Source | None, others: set[Source]) -> bool:
        """Whether a source is one of others, apart from who wrote to it last."""
        if source is None:
            return False
        outer = self._outer(self.new, source)
        return any(outer == self._outer(self.new, other) for other in others)

    def _outer(self, graph: Graph, source: Source) -> Source:
        """What was handed in where a source is an argument of a call around it."""
        source = replace(source, after=None)
        while source.kind == "input" and source.way:
            handed = next((a.value for a in graph.call(source.way).args if a.name == source.name), None)
            path = list(source.path)
            while isinstance(handed, Tree) and not handed.keys and path and isinstance(at := path.pop(0), int):
                handed = handed.items[at]
            if not isinstance(handed, Ref):
                return source
            outer = graph.source(handed, source.way)
            source = replace(outer, path=(*outer.path, *path), after=None)
        return source

    def _another_version(self, old: Way, new: Way) -> bool:
        """Whether two calls convert the same tensor, each in its way."""
        a, b = self.old.call(old), self.new.call(new)
        if any((call.kind, call.target) != ("function", "to") for call in (a, b)):
            return False
        before = [self.old.source(ref, old) for argument in a.args for ref in refs(argument.value)]
        after = [self.new.source(ref, new) for argument in b.args for ref in refs(argument.value)]
        return bool(before) and [self.translate(source) for source in before] == after

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

    def renamed(self, old: Way, new: Way) -> bool:
        """Whether two paired calls call modules of which one stands for the other."""
        before, after = self.old.target(old), self.new.target(new)
        return before is not None and after is not None and self.match.called(before) != after

    def replaced(self, old: Way, new: Way) -> bool:
        """Whether the insides of two paired calls are those of two modules, and so explain what is taken from them."""
        if self.renamed(old, new):
            self._replaced[0].add(old)
            self._replaced[1].add(new)
            return True
        return False

    def bodies(self, old: Way, new: Way) -> tuple[Body, Body]:
        """The bodies of two paired calls with the names that modules have now, where both sides have them."""
        if not self._aliases:
            return self.respelled(old, new), self.new.body(new)
        return (
            self._absolute(self.old, old, lambda path: self.match.called(path)),
            self._absolute(self.new, new, lambda path: path),
        )

    def _absolute(self, graph: Graph, scope: Way, home: Callable[[str], str | None]) -> Body:
        """A body whose calls name modules by the path of the first registration."""

        def spelled(call: Call, way: Way) -> Call:
            path = graph.target(way)
            there = None if path is None else home(path)
            return call if there is None else replace(call, target=f"/{self._aliases.first(there)}")

        body = graph.body(scope)
        return _respelled(body, [spelled(call, (*scope, index)) for index, call in enumerate(body.calls)])

    def respelled(self, old: Way, new: Way) -> Body:
        """The old body of a scope with the names that its modules have now."""
        body = self.old.body(old)
        if not self.match.disturbed:
            return body
        calls = [self._respell(call, (*old, index), new) for index, call in enumerate(body.calls)]
        return _respelled(body, calls)

    def _respell(self, call: Call, way: Way, scope: Way) -> Call:
        path = self.old.target(way)
        if path is None or len(scope) < call.up:
            return call
        home, owner = self.match.called(path), self.new.path(scope[: len(scope) - call.up])
        if home is not None and owner is not None and is_within(home, owner):
            target = home[len(owner) :].removeprefix(".")
            return call if target == call.target else replace(call, target=target)
        return replace(call, target=f"<{path}>")


def _respelled(body: Body, calls: Sequence[Call]) -> Body:
    """A body with calls by other names."""
    names = {a.name: b.name for a, b in zip(body.calls, calls, strict=True) if a.name != b.name}
    if not names:
        return body
    return Body(tuple(replace(call, args=_renamed(call.args, names)) for call in calls), body.returns)


def _holder(graph: Graph, const: Const, way: Way) -> str | None:
    """The path of the attribute that holds a constant."""
    if const.name is None:
        return None
    bare = const.name.lstrip("^")
    level = len(way) - 1 - (len(const.name) - len(bare))
    owner = graph.path(way[:level]) if level >= 0 else None
    return const.name if owner is None else join(owner, bare.removeprefix("self."))


def _is_empty(value: Value) -> bool:
    """Whether a value stands for no tensor: None, or an object that holds none."""
    return isinstance(value, Literal) and (value.text == "None" or value.text.startswith("<"))


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
