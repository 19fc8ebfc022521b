"""A drift applied to the old architecture: what no change names is the old model's, so that a silence shows.

Nothing is read from the new architecture but what a change names at its place, by argument, tensor or call; the text of
the change has to say what is read. What is spelled differently because names have changed is taken over where both
spellings mean the same, by the pairs of the drift.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from pytest_nnviz.architecture import (
    Architecture,
    Argument,
    Body,
    Call,
    Const,
    Module,
    Parameter,
    Ref,
    Tree,
    Value,
    resolve_shared,
    walk_modules,
)
from pytest_nnviz.drift import Change, Drift
from pytest_nnviz.drift.data import Way
from pytest_nnviz.drift.references import Graph, Source

__all__ = ["apply"]


def apply(drift: Drift) -> Architecture:
    """The old architecture with the changes of a drift; as large as the architectures."""
    return _Applying(drift).architecture()


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def labels(arguments: Iterable[Argument]) -> dict[str, Argument]:
    return {f"#{at}" if a.name is None else a.name: a for at, a in enumerate(arguments)}


class _Applying:
    def __init__(self, drift: Drift) -> None:
        self.drift = drift
        self.old_modules = dict(walk_modules(drift.old.root))
        self.at: dict[str, list[Change]] = defaultdict(list)
        self.gone: dict[str, list[Change]] = defaultdict(list)
        self.calls: dict[Way, list[Change]] = defaultdict(list)
        self.left: set[Way] = set()
        for change in drift.changes:
            lost = change.kind == "removed"
            (self.gone if lost else self.at)[change.place].append(change)
            if change.new_call is not None:
                self.calls[change.new_call].append(change)
            if lost and change.old_call is not None:
                self.left.add(change.old_call)
        self.homes = dict(drift.renames)
        self.insides: dict[Way, Way] = {}
        for ways in drift.rows:
            if len(ways[1]) >= len(self.insides.get(ways[0], ())):
                self.insides[ways[0]] = ways[1]

    def named(self, place: str, gate: str) -> list[Change]:
        return [c for c in (*self.at[place], *self.gone[place]) if c.gate == gate and not (c.old_call or c.new_call)]

    def architecture(self) -> Architecture:
        old, new = self.drift.old, self.drift.new
        mode = new.mode if any(c.what == "mode" for c in self.named("", "structure")) else old.mode
        root = self.module("", new.root)
        texts = [c for c in self.drift.changes if c.place == "" and c.what == "forward"]
        if texts or old.forward is None or new.forward is None:
            forward, inputs = (new.forward, new.inputs) if texts else (old.forward, old.inputs)
        else:
            self.graphs = (Graph(old.forward), Graph(new.forward))
            forward, inputs = self.body((), ()), self.inputs()
        flops = new.flops if self.named("", "cost") else old.flops
        return Architecture(mode, root, inputs, forward, flops=flops)

    # modules

    def module(self, path: str, new: Module) -> Module:
        """The module at a new path."""
        structure, parameters = self.named(path, "structure"), self.named(path, "parameters")
        children = tuple((name, self.module(join(path, name), child)) for name, child in new.children)
        if self.came(path):
            return replace(new, children=children)
        origin = self.drift.old_path(path)
        old = self.old_modules.get(origin)
        if old is None:
            return Module("nowhere")
        if any(c.kind == "changed" and not c.what for c in structure):
            whole = old.shared is not None or new.shared is not None
            if whole:
                return new
            old = replace(old, class_name=new.class_name, config=new.config)
        elif new.shared is not None and old.shared is not None:
            same = self.home(_resolve(origin, old.shared)) == _resolve(path, new.shared)
            return new if same else old
        configured = {c.what for c in structure if c.kind == "changed"}
        ordered = any((c.kind, c.what) == ("reordered", "arguments") for c in structure)
        left = [c.what for c in self.gone[origin] if c.gate == "structure" and c.what]
        marks = {m for m in old.marks if m not in left} | {c.what for c in structure if c.kind == "added" and c.what}
        renamed = {c.new: c.old for c in parameters if c.kind == "renamed" and c.what != "parameters"}
        lost = {c.what for c in self.gone[origin] if c.gate == "parameters"}
        tensors = {**{p.name: p for p in old.parameters}, **{b.name: b for b in old.buffers}}
        facts: dict[str, list[Change]] = defaultdict(list)
        for change in parameters:
            facts[change.what].append(change)
        kept = []
        for tensor in (*new.parameters, *new.buffers):
            was = tensors.get(renamed.get(tensor.name, tensor.name))
            if was is not None and not any(c.kind == "added" for c in facts[tensor.name]):
                kept.append(_tensor(was, tensor, facts[tensor.name], same=self.tied(origin, was, path, tensor)))
            elif facts[tensor.name]:
                kept.append(tensor)
        held = {tensor.name for tensor in kept} | {*renamed.values(), *lost}
        kept += [tensor for name, tensor in tensors.items() if name not in held]
        said = lost or any(c.kind != "changed" or c.what == "parameters" for c in parameters)
        if not said:
            kept.sort(key=lambda tensor: [*tensors, tensor.name].index(tensor.name))
        kinds = {id(t): isinstance(t, Parameter) for t in kept}
        return Module(
            old.class_name,
            _config(old.config, new.config, configured, ordered=ordered),
            tuple(t for t in kept if kinds[id(t)]),
            tuple(t for t in kept if not kinds[id(t)]),
            self.ordered(path, origin, children, old),
            tuple(m for m in (*new.marks, *(m for m in old.marks if m not in new.marks)) if m in marks),
            old.shared,
        )

    def came(self, path: str) -> bool:
        """Whether a change names a module, or the nearest around it that did not stay where it was, as added."""
        for up in _upwards(path):
            if up in self.homes.values():
                return False
            if any((c.gate, c.kind, c.what) == ("structure", "added", "") for c in self.at[up]):
                return True
        return False

    def tied(self, origin: str, old: object, path: str, new: object) -> bool:
        """Whether two tensors are tied to the same one."""
        if type(old) is not type(new) or old.tied is None or new.tied is None:
            return False
        return self.home(_resolve_in(origin, old.tied)) == _resolve_in(path, new.tied)

    def home(self, path: str) -> str | None:
        head, tail = path, ""
        while head and head not in self.homes:
            head, _, name = head.rpartition(".")
            tail = join(name, tail)
        return join(self.homes.get(head, head), tail)

    def ordered(self, path: str, origin: str, children: tuple, old: Module) -> tuple:
        """Children as they are now where a change says so; where none does, those of the old module that are left."""
        here = [join(origin, name) for name, _ in old.children]
        gone = {p for p in here if any(c.gate == "structure" and not c.what for c in self.gone[p])} | set(self.homes)
        kept = [p for p in here if p not in gone]
        there = {self.drift.old_path(join(path, name)): (name, child) for name, child in children}
        stayed = [there[p] for p in kept if p in there]
        says = any(c.kind == "reordered" and c.what == "children" for c in self.at[path])
        others = [entry for p, entry in there.items() if p not in kept]
        if any(p not in there for p in kept):
            return (*children, ("not told", Module("gone")))
        return children if others or says else tuple(stayed)

    # calls

    def inputs(self) -> tuple[Argument, ...]:
        old, new = labels(self.drift.old.inputs), labels(self.drift.new.inputs)
        changes = [c for c in (*self.at[""], *self.gone[""]) if c.what.startswith("input")]
        named = {c.what.removeprefix("input ") for c in changes}
        renamed = {c.new: c.old for c in changes if c.kind == "renamed"}
        if not changes:
            return self.drift.old.inputs
        kept = {n: new[n] if n in named or n in renamed else old.get(n) for n in new}
        missing = [n for n in old if n not in new and n not in named and n not in renamed.values()]
        return () if missing or None in kept.values() else tuple(kept.values())

    def body(self, old: Way, new: Way) -> Body:
        bodies = (self.graphs[0].body(old), self.graphs[1].body(new))
        rows = self.drift.pairs(old, new)
        calls: list[Call] = []
        for i, j in rows:
            if j is None:
                if ((*old, i), new) in self.drift.rows:  # all of the inside is what the other one does
                    return self.body((*old, i), new)
                if (*old, i) not in self.left:
                    calls.append(bodies[0].calls[i])
            elif i is None:
                if any(c.kind == "added" for c in self.calls[(*new, j)]):
                    inner = bodies[1].calls[j]
                    held = (old, (*new, j)) in self.drift.rows
                    calls.append(replace(inner, body=self.body(old, (*new, j))) if held else inner)
            else:
                calls.append(self.call((*old, i), (*new, j)))
        ends = ((*old, len(bodies[0].calls)), (*new, len(bodies[1].calls)))
        place = self.graphs[1].place(new)
        says = any(c.what.startswith("return") for c in (*self.at[place], *self.gone[place]))
        same = self.same(bodies[0].returns, ends[0], bodies[1].returns, ends[1])
        says = says or (rows == ((None, 0),) and bool(calls))  # a call of what stood in the place of the body
        return Body(tuple(calls), bodies[1].returns if says or same else bodies[0].returns)

    def call(self, old: Way, new: Way) -> Call:
        a, b = self.graphs[0].call(old), self.graphs[1].call(new)
        changes = self.calls[new]
        changed = any(c.gate == "topology" and c.kind in ("changed", "renamed") for c in changes)
        reshaped = any(c.gate == "shapes" for c in changes)
        target = self.graphs[0].target(old)
        same = target is not None and self.calls_in(target, self.graphs[1].target(new))
        same = same or (a.kind, a.target, a.up, a.config) == (b.kind, b.target, b.up, b.config)
        same = (
            same
            and len(a.args) == len(b.args)
            and all(
                x.name == y.name and self.same(x.value, old, y.value, new) for x, y in zip(a.args, b.args, strict=True)
            )
        )
        base = b if changed or same else a
        alone = a.body is None or b.body is None
        inside = (b if (old, new) in self.drift.rows else a).body if alone else self.body(old, new)
        if any({c.old, c.new} == {"one call", "its calls"} for c in changes):
            inside = b.body
        return replace(base, result=b.result if reshaped else a.result, body=inside)

    def calls_in(self, old: str, new: str | None) -> bool:
        """Whether calls of two paths reach the same module: one of them may be around it."""
        home = self.home(old)
        return new is not None and (home == new or f"{home}.".startswith(f"{new}."))

    def same(self, old: Value, old_way: Way, new: Value, new_way: Way) -> bool:
        """Whether two values mean the same by the pairs of the drift."""
        if isinstance(old, Ref) and isinstance(new, Ref):
            source, other = self.graphs[0].source(old, old_way), self.graphs[1].source(new, new_way)
            return self.translated(source) == other
        if isinstance(old, Tree) and isinstance(new, Tree):
            return (old.kind, old.keys, len(old.items)) == (new.kind, new.keys, len(new.items)) and all(
                self.same(a, old_way, b, new_way) for a, b in zip(old.items, new.items, strict=True)
            )
        if isinstance(old, Const) and isinstance(new, Const):
            return (old.spec, old.tracked) == (new.spec, new.tracked)
        return old == new

    def translated(self, source: Source) -> Source | None:
        way = self.scope(source.way) if source.kind == "input" else self.way(source.way)
        after = None if source.after is None else self.translated(source.after)
        if way is None or (after is None) != (source.after is None):
            return None
        name = source.name
        if source.kind == "attribute" and isinstance(name, str):
            home = self.home(name)
            owner, _, own = home.rpartition(".")
            renamed = {c.old: c.new for c in self.at[owner] if (c.gate, c.kind) == ("parameters", "renamed")}
            name = join(owner, renamed.get(own, own))
        elif source.kind == "input" and isinstance(name, str):
            place = self.graphs[1].place(way)
            renamed = {c.old: c.new for c in self.at[place] if (c.kind, c.what) == ("renamed", "input")}
            name = renamed.get(name, name)
        elif isinstance(name, tuple):
            name = (self.scope(name[0]), name[1])
        return Source(source.kind, way, name, source.path, after)

    def way(self, old: Way) -> Way | None:
        new: Way | None = ()
        for level, index in enumerate(old):
            new = self.insides.get(old[:level], new)
            there = None if new is None else dict(self.drift.pairs(old[:level], new)).get(index)
            new = None if there is None else (*new, there)
        return new

    def scope(self, old: Way) -> Way | None:
        """The way to what has the inside of an old call: its partner, or one around or inside of that."""
        return self.insides.get(old) if old in self.insides else self.way(old)


def _tensor(old, new, facts: list[Change], *, same: bool):
    """A tensor with what the facts about it name; the place of what it is tied to is spelled as it is now."""
    made = replace(old, tied=new.tied) if same else old
    for change in facts:
        if change.kind == "renamed":
            made = replace(made, name=new.name)
        elif change.kind == "changed" and change.new in ("trainable", "frozen"):
            made = replace(made, trainable=new.trainable)
        elif change.kind == "changed" and change.new in ("saved", "not saved"):
            made = replace(made, persistent=new.persistent)
        elif change.kind == "changed" and type(old) is not type(new):
            return new
        elif change.kind == "changed":
            made = replace(made, spec=new.spec, tied=new.tied)
    return made


def _config(
    old: tuple[Argument, ...], new: tuple[Argument, ...], named: set[str], *, ordered: bool
) -> tuple[Argument, ...]:
    before, after = labels(old), labels(new)
    if not named:
        return new if ordered and before == after else old
    kept = {n: after.get(n) if n in named else before.get(n) for n in {**after, **before}}
    return tuple(a for a in kept.values() if a is not None)


def _upwards(path: str) -> Iterable[str]:
    while path:
        yield path
        path = path.rpartition(".")[0]
    yield ""


def _resolve(path: str, shared: str) -> str:
    return _resolve_in(path.rpartition(".")[0], shared)


def _resolve_in(owner: str, place: str) -> str:
    try:
        return resolve_shared(owner, place)
    except ValueError:
        return place
