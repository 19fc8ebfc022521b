"""What changed in the graph: both forward passes walked in parallel, scope by scope."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from pytest_nnviz.architecture import Architecture, Argument, Call, Tree, join
from pytest_nnviz.drift.alignment import align_calls, crossing_calls, in_order
from pytest_nnviz.drift.arguments import (
    fields_returned,
    handed,
    is_same_form,
    literal_text,
    positional,
    renamed_arguments,
    sizes_changed,
)
from pytest_nnviz.drift.causes import Causes
from pytest_nnviz.drift.consequence import COSMETIC, FUNCTION, TRAINING, of_call, of_config, worst
from pytest_nnviz.drift.data import Change, Row, Way
from pytest_nnviz.drift.effects import ModuleEffects
from pytest_nnviz.drift.identity import Identities
from pytest_nnviz.drift.links import Links, Use
from pytest_nnviz.drift.modules import label_arguments
from pytest_nnviz.drift.order import Order, permutations
from pytest_nnviz.drift.pairs import BY_NAME, BY_POSITION, BY_STRUCTURE, Match
from pytest_nnviz.drift.references import Graph, refs
from pytest_nnviz.drift.spelling import tell_apart
from pytest_nnviz.drift.tensors import out_of_place, sides
from pytest_nnviz.textformat.write import format_arguments, format_call, format_callee, format_value

__all__ = ["CallChanges"]

Difference = tuple[str, Argument | None, Argument | None]
_Calls = tuple[Way, Way]


@dataclass(slots=True)
class _Scope:
    """Two paired bodies on the walk, those of two paired ``calls`` or inside of these.

    ``start`` is the number of changes found before them; ``follows`` is where those begin that only follow from it that
    another module is called, if one is.
    """

    old: Way
    new: Way
    calls: _Calls
    rows: Iterator[Row]
    crossing: frozenset[int]
    orders: tuple[Order, ...]
    start: int
    follows: int | None = None


class CallChanges:
    """The changes of two graphs, given those of the modules; `changes` walks once and fills ``rows``."""

    def __init__(
        self, old: Architecture, new: Architecture, match: Match, ids: Identities, modules: Sequence[Change]
    ) -> None:
        assert old.forward is not None
        assert new.forward is not None
        self.old = Graph(old.forward)
        self.new = Graph(new.forward)
        self._modules = ModuleEffects(old, new, match, modules)
        tensors = _renamed_tensors(modules)
        self.links = Links(self.old, self.new, match, tensors, self._of_lone, self._modules.lone)
        self.rows: dict[tuple[Way, Way], tuple[Row, ...]] = {}
        self._inputs = (old.inputs, new.inputs)
        self._ids = ids
        self._found: list[Change] = []
        self._known = Causes(self.new, self._modules)
        self._crossed: set[Way] = set()
        self._followers: tuple[set[Way], set[Way]] = (set(), set())
        self._along: tuple[set[Way], set[Way]] = (set(), set())

    def changes(self) -> list[Change]:
        """All changes in the order of execution."""
        steps = self.links.steps((), ())
        self._compare_inputs(wrapped=len(steps) > 1, follows=len(steps) > 1 and self._same_handed(steps))
        self._hand_on(steps)
        stack = [self._enter(*steps[-1], ((), ()))]
        while stack:
            scope = stack[-1]
            row = next(scope.rows, None)
            if row is None:
                self._leave(stack.pop())
                continue
            inside = self._row(scope, *row)
            if inside is not None:
                stack.append(inside)
        return self._found

    def _add(
        self,
        gate: str,
        kind: str,
        place: str,
        what: str,
        texts: tuple[str | None, str | None],
        consequence: str,
        ways: tuple[Way | None, Way | None] = (None, None),
        *,
        ripple: bool = False,
    ) -> None:
        matched = "" if kind in ("added", "removed") else self._matched(kind, *ways)
        self._found.append(Change(gate, kind, place, what, *texts, consequence, *ways, ripple, matched))

    def _matched(self, kind: str, old: Way | None, new: Way | None) -> str:
        """How the pair was found that a change is about: two calls, or two inputs or results."""
        if old is None or new is None or kind == "renamed":
            return BY_STRUCTURE if kind == "renamed" else BY_NAME
        a, b = self.old.call(old), self.new.call(new)
        if new in self._crossed:
            return BY_STRUCTURE
        if (a.kind, a.target) == (b.kind, b.target) or (a.kind == b.kind == "module"):
            return BY_NAME
        return BY_STRUCTURE if a.args == b.args else BY_POSITION

    def _same_handed(self, steps: Sequence[_Calls]) -> bool:
        """Whether modules around one of the models hand on what the other one takes."""
        given = [Call("module", "", inputs, Tree("tuple", ())) for inputs in self._inputs]
        sides = zip(given, (self.old, self.new), zip(*steps, strict=True), strict=True)
        before, after = ([a.value for a in handed(call, graph, ways).args] for call, graph, ways in sides)
        return before == after

    def _compare_inputs(self, *, wrapped: bool, follows: bool) -> None:
        old, new = (label_arguments(side) for side in self._inputs)
        renamed = renamed_arguments(old, new, lambda a, b: a.value == b.value)
        if not wrapped:
            self.links.rename_inputs((), renamed)
        for before, after in renamed.items():
            self._add("topology", "renamed", "", "input", (before, after), FUNCTION, ripple=follows)
        for name in {**old, **new}:
            if name not in renamed and name not in renamed.values():
                self._compare_input(name, old.get(name), new.get(name), follows=follows)
        order = [renamed.get(name, name) for name in old if renamed.get(name, name) in new]
        by_new = [name for name in new if name in order]
        if order != by_new:
            self._add("topology", "reordered", "", "inputs", out_of_place(order, by_new), FUNCTION, ripple=follows)

    def _compare_input(self, name: str, old: Argument | None, new: Argument | None, *, follows: bool) -> None:
        before, after = (None if a is None else format_value(a.value) for a in (old, new))
        if old is None or new is None:
            kind = "added" if old is None else "removed"
            self._add("topology", kind, "", f"input {name}", (before, after), FUNCTION, ripple=follows)
        elif old.value != new.value:
            gate = "shapes" if is_same_form(old.value, new.value) else "topology"
            self._add(gate, "changed", "", f"input {name}", (before, after), COSMETIC, ripple=follows)
            self._known.add_input((), name, COSMETIC)
            self.links.sizes.update(dict.fromkeys(sizes_changed(old.value, new.value), COSMETIC))

    def _hand_on(self, steps: Sequence[_Calls]) -> None:
        """The calls inside of modules that only hand on what they take, on the way to those that are compared."""
        for outer, inner in pairwise(steps):
            side = int(outer[0] == inner[0])
            graph, way = (self.old, self.new)[side], inner[side]
            kind, row, ways = ("added", (None, 0), (None, way)) if side else ("removed", (0, None), (way, None))
            text = format_call(graph.call(way))
            self.rows[outer] = (row,)
            self._add("topology", kind, graph.place(way[:-1]), text, sides(text, side), COSMETIC, ways, ripple=True)
            self._known.enter(outer[1])
        self._known.enter(steps[-1][1])

    def _enter(self, old: Way, new: Way, calls: _Calls) -> _Scope:
        forwards = in_order(self.old.body(old), self.new.body(new), equal=self.links.match.forwards)
        rows = tuple(align_calls(*self.links.bodies(old, new), forwards=forwards))
        self.rows[old, new] = rows
        self.links.enter(old, new, rows)
        crossing = crossing_calls(rows, forwards=forwards)
        self._crossed |= {(*new, j) for j in crossing}
        orders = tuple(permutations(self.links, old, new, rows)) if crossing else ()
        ordered = {pair for order in orders for pair in order.calls}
        for order in orders:
            self.links.trade(order.places)
        for pair in (((*old, i), (*new, j)) for j, i in crossing.items()):
            if pair not in ordered and self._takes_others(*pair):
                self.links.move(*pair)
        return _Scope(old, new, calls, iter(rows), frozenset(crossing), orders, len(self._found))

    def _takes_others(self, old: Way, new: Way) -> bool:
        """Whether a pair of calls takes its operands from elsewhere."""
        values = [a.value for a in self.old.call(old).args], [a.value for a in self.new.call(new).args]
        pairs = [(a, b) for a, b in zip(*values, strict=False) if any(refs(a)) and any(refs(b))]
        return any(not self.links.same((a, old), (b, new)) for a, b in pairs)

    def _leave(self, scope: _Scope) -> None:
        self._compare_returns(scope)
        for order in scope.orders:
            self._tell_order(order, scope)
        if scope.follows is not None:
            self._found[scope.follows :] = [replace(change, ripple=True) for change in self._found[scope.follows :]]
        if scope.calls[1]:
            self._compare_result(*scope.calls, scope.start)

    def _compare_returns(self, scope: _Scope) -> None:
        bodies = (self.old.body(scope.old), self.new.body(scope.new))
        ways = ((*scope.old, len(bodies[0].calls)), (*scope.new, len(bodies[1].calls)))
        old, new = ((body.returns, way) for body, way in zip(bodies, ways, strict=True))
        if self.links.same(old, new):
            return
        place = self.new.place(scope.new)
        for what, before, after in fields_returned(old[0], new[0]):
            if before is None:
                assert after is not None
                self._add("topology", "added", place, what, (None, format_value(after)), FUNCTION)
            elif after is None:
                self._add("topology", "removed", place, what, (format_value(before), None), FUNCTION)
            elif not self.links.same((before, old[1]), (after, new[1])):
                self._compare_return(what, place, (before, old[1]), (after, new[1]))

    def _compare_return(self, what: str, place: str, old: Use, new: Use) -> None:
        bypass = self.links.bypass(old, new)
        apart = tell_apart(self.links, ((Argument(None, old[0]),), old[1]), ((Argument(None, new[0]),), new[1]))
        texts = (format_arguments(apart[0]), format_arguments(apart[1]))
        self._add("topology", "changed", place, what, texts, bypass or FUNCTION, ripple=bypass is not None)

    def _row(self, scope: _Scope, i: int | None, j: int | None) -> _Scope | None:
        if j is None:
            assert i is not None
            self._lone("removed", self.old, (*scope.old, i))
            return None
        if i is None:
            self._lone("added", self.new, (*scope.new, j))
            return None
        old, new = (*scope.old, i), (*scope.new, j)
        start = len(self._found)
        crosses = j in scope.crossing
        carried = crosses and self._carried(old, new)
        steps = self.links.steps(old, new)
        self._compare_call(steps, crosses=crosses, carried=carried)
        if crosses:
            self._reordered(old, new, ripple=carried)
        self._hand_on(steps)
        told = len(self._found)
        if self._has_inside(*steps[-1]):
            inside = self._enter(*steps[-1], (old, new))
            inside.start = start
            inside.follows = told if self.links.replaced(*steps[-1]) else None
            return inside
        self._compare_result(old, new, start)
        return None

    def _carried(self, old: Way, new: Way) -> bool:
        """Whether a call runs elsewhere because its module moved among its siblings, or because it goes with such."""
        target, ways = self.new.target(new), (old, new)
        if target is not None:
            carried = target in self._modules.carried
        else:
            carried = all(self._takes_from(self._along, side, way) for side, way in enumerate(ways))
        for found, way in zip(self._along if carried else (), ways, strict=False):
            found.add(way)
        return carried

    def _lone(self, kind: str, graph: Graph, way: Way) -> None:
        call = graph.call(way)
        side = 0 if kind == "removed" else 1
        text = format_call(call)
        target = graph.target(way)
        lone = target is not None and self._modules.lone(target, side)
        ripple = lone or (call.kind == "function" and self._takes_from(self._followers, side, way))
        if ripple:
            self._followers[side].add(way)
        ways = (None, way) if side else (way, None)
        self._add(
            "topology",
            kind,
            graph.place(way[:-1]),
            text,
            sides(text, side),
            self._of_lone(side, way),
            ways,
            ripple=ripple,
        )

    def _takes_from(self, calls: tuple[set[Way], set[Way]], side: int, way: Way) -> bool:
        """Whether a call takes a result of one of these, which follow from a module that came or went, or moved."""
        graph = (self.old, self.new)[side]
        sources = [graph.source(ref, way) for a in graph.call(way).args for ref in refs(a.value)]
        return any(source.kind == "result" and source.way in calls[side] for source in sources)

    def _of_lone(self, side: int, way: Way) -> str:
        """The consequence of a call that came or went."""
        graph = (self.old, self.new)[side]
        target = graph.target(way)
        return of_call(graph.call(way), None if target is None else self._modules.module(target, side))

    def _reordered(self, old: Way, new: Way, *, ripple: bool) -> None:
        call = self.new.call(new)
        texts = _positions((self.old, old), (self.new, new))
        if call.target.endswith("_"):
            consequence = FUNCTION
        else:
            consequence = TRAINING if of_call(call, None) == TRAINING else COSMETIC
        place = self.new.place(new[:-1])
        self._add("topology", "reordered", place, format_callee(call), texts, consequence, (old, new), ripple=ripple)

    def _tell_order(self, order: Order, scope: _Scope) -> None:
        """One change for the modules of a container that run in another order, instead of one for each of them."""
        consequence = FUNCTION if self.links.taken_instead & order.places.keys() else COSMETIC
        for at in range(scope.start, len(self._found)):
            change = self._found[at]
            if change.gate == "topology" and (change.old_call, change.new_call) in order.calls:
                consequence = worst([consequence, change.consequence])
                self._found[at] = replace(change, ripple=True)
        texts = out_of_place(order.old, order.new)
        told = order.renamed and any(self.new.target(way) in self._modules.went for way in order.places.values())
        self._add("topology", "reordered", self.new.place(scope.new), order.container, texts, consequence, ripple=told)

    def _compare_call(self, steps: Sequence[_Calls], *, crosses: bool, carried: bool) -> None:
        """Target, arguments and configuration of two paired calls; what one that ``crosses`` others takes is told."""
        old, new = steps[0]
        a, b = self.old.call(old), self.new.call(new)
        if len(steps) > 1:
            befores, afters = zip(*steps, strict=True)
            a, b = handed(a, self.old, befores), handed(b, self.new, afters)
        differences = self._differences(a, b, steps)
        if a.kind != b.kind or (a.target != b.target and a.kind != "module") or a.config != b.config:
            self._other_call(a, b, old, new)
        elif differences:
            bypasses = [None if crosses else self._bypass(difference, old, new) for difference in differences]
            real = [d for d, bypass in zip(differences, bypasses, strict=True) if bypass is None]
            consequence = worst([c for c in bypasses if c is not None])
            if real:
                consequence = worst([self._of_difference(a, d) for d in real])
                consequence = COSMETIC if self._commutes(a, b, old, new) else consequence
            self._changed(real or differences, (a, b), (old, new), consequence, ripple=carried or not real)
        elif a.kind == "module" and self.links.renamed(old, new):
            self._changed([("#", None, None)], (a, b), (old, new), FUNCTION, ripple=True)
        elif len(steps) > 1:
            self._handed_otherwise(old, new)

    def _handed_otherwise(self, old: Way, new: Way) -> None:
        """The same arguments by the names that a module around the one has for them."""
        texts = (format_call(self.old.call(old)), format_call(self.new.call(new)))
        if texts[0] != texts[1]:
            callee = format_callee(self.new.call(new))
            self._add("topology", "changed", self.new.place(new[:-1]), callee, texts, COSMETIC, (old, new), ripple=True)

    def _other_call(self, a: Call, b: Call, old: Way, new: Way) -> None:
        in_place = a.target.rstrip("_") == b.target.rstrip("_") and a.kind == b.kind and a.config == b.config
        consequence = COSMETIC if in_place else worst([of_call(a, None), of_call(b, None)])
        place = self.new.place(new[:-1])
        texts = (format_call(a), format_call(b))
        self._add("topology", "changed", place, format_callee(b), texts, consequence, (old, new))

    def _changed(
        self, changed: list[Difference], calls: tuple[Call, Call], ways: _Calls, consequence: str, *, ripple: bool
    ) -> None:
        (a, b), (old, new) = calls, ways
        texts: tuple[str | None, str | None]
        if any(label.startswith("#") for label, _, _ in changed):
            spelled = tell_apart(self.links, (a.args, old), (b.args, new))
            texts = (
                f"{format_callee(a)}({format_arguments(spelled[0])})",
                f"{format_callee(b)}({format_arguments(spelled[1])})",
            )
        else:
            befores, afters = (tuple(filter(None, side)) for side in ((d[1] for d in changed), (d[2] for d in changed)))
            spelled = tell_apart(self.links, (befores, old), (afters, new))
            texts = (format_arguments(spelled[0]) or None, format_arguments(spelled[1]) or None)
        place = self.new.place(new[:-1])
        self._add("topology", "changed", place, format_callee(b), texts, consequence, (old, new), ripple=ripple)

    def _differences(self, old_call: Call, new_call: Call, steps: Sequence[_Calls]) -> list[Difference]:
        a, b = label_arguments(old_call.args), label_arguments(new_call.args)
        old, new = steps[0]
        renamed: dict[str, str] = {}
        if old_call.body is not None and new_call.body is not None:
            if a.keys() != b.keys():
                renamed = renamed_arguments(a, b, lambda x, y: self.links.same((x.value, old), (y.value, new)))
                self._rename_inputs(renamed, *steps[-1])
        elif new_call.kind != "function":  # which has one spelling
            a, b = positional(a, b)
        found: list[Difference] = []
        for label in {**a, **b}:
            x, y = a.get(label), b.get(label)
            if label in renamed or label in renamed.values():
                continue
            if x is None or y is None or not self.links.same((x.value, old), (y.value, new)):
                found.append((label, x, y))
        return found

    def _rename_inputs(self, renamed: dict[str, str], old: Way, new: Way) -> None:
        self.links.rename_inputs(old, renamed)
        for before, after in renamed.items():
            self._add("topology", "renamed", self.new.place(new), "input", (before, after), COSMETIC, (old, new))

    def _bypass(self, difference: Difference, old: Way, new: Way) -> str | None:
        label, a, b = difference
        if self._modules.explains(self.new.place(new[:-1]), label, *map(literal_text, (a, b))):
            return FUNCTION
        if a is None or b is None:
            return (
                self.links.vanished(0, (a.value, old)) if a else self.links.vanished(1, (b.value, new)) if b else None
            )
        return self.links.bypass((a.value, old), (b.value, new))

    def _of_difference(self, call: Call, difference: Difference) -> str:
        if call.kind == "function" and of_call(call, None) == TRAINING:
            return TRAINING
        label = difference[0]
        return FUNCTION if label.startswith("#") else of_config(call.target, label)

    def _commutes(self, a: Call, b: Call, old: Way, new: Way) -> bool:
        """Whether two operands changed places that may do so."""
        if a.kind != "function" or a.target not in ("add", "mul") or not len(a.args) == len(b.args) == 2:
            return False
        crossed = zip(a.args, reversed(b.args), strict=True)
        return all(self.links.same((x.value, old), (y.value, new)) for x, y in crossed)

    def _has_inside(self, old: Way, new: Way) -> bool:
        """Whether two paired calls have insides that may differ."""
        a, b = self.old.call(old).body, self.new.call(new).body
        if a is None or b is None:
            if a is not b:
                texts = ("one call" if a is None else "its calls", "one call" if b is None else "its calls")
                place, callee = self.new.place(new[:-1]), format_callee(self.new.call(new))
                target = self.new.target(new)
                consequence = FUNCTION if target and self._modules.is_layer(target) else COSMETIC
                ripple = target in self._modules.touched
                self._add("topology", "changed", place, callee, texts, consequence, (old, new), ripple=ripple)
            return False
        if self._ids.body(a) != self._ids.body(b) or self.new.reach(b) > 0:
            return True
        # Another module, the inside of which is the same, explains it as a whole.
        return self._modules.disturbed(self.old.place(old)) and not self.links.renamed(old, new)

    def _compare_result(self, old: Way, new: Way, start: int) -> None:
        a, b = self.old.call(old), self.new.call(new)
        if a.result == b.result:
            return
        causes = self._explained(new, start)
        consequence = worst(causes) if causes else FUNCTION
        self._known.add_result(new, consequence)
        for size in sizes_changed(a.result, b.result):
            self.links.sizes.setdefault(size, consequence)
        texts = (format_value(a.result), format_value(b.result))
        place = self.new.place(new[:-1])
        self._add("shapes", "changed", place, format_callee(b), texts, consequence, (old, new), ripple=bool(causes))

    def _explained(self, new: Way, start: int) -> list[str]:
        """Consequences of what explains another result: a changed call or module, or operands of another shape."""
        target = self.new.target(new)
        found = self._found[start:]
        inside = any(change.gate != "shapes" or not change.ripple for change in found)
        known = [FUNCTION] if inside or (target is not None and target in self._modules.touched) else []
        operands = [c for argument in self.new.call(new).args for c in self._known.of(argument.value, new)]
        return known + [change.consequence for change in found] + operands


def _renamed_tensors(modules: Sequence[Change]) -> dict[str, str]:
    renamed = [c for c in modules if c.kind == "renamed" and c.gate == "parameters" and not c.ripple]
    return {join(c.place, str(c.old)): join(c.place, str(c.new)) for c in renamed}


def _positions(*sides: tuple[Graph, Way]) -> tuple[str, str]:
    """Where a call stands, before and after: by the name of the call before it, by as much more as tells them apart."""
    found = [_position(graph, way, format_callee) for graph, way in sides]
    if found[0] == found[1]:
        found = [_position(graph, way, format_call) for graph, way in sides]
    if found[0] == found[1]:
        found = [f"as call {way[-1] + 1}" for _, way in sides]
    return found[0], found[1]


def _position(graph: Graph, way: Way, name: Callable[[Call], str]) -> str:
    return f"after {name(graph.call((*way[:-1], way[-1] - 1)))}" if way[-1] else "first"
