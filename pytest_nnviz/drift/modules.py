"""What changed in the modules: classes, configuration, parameters, buffers, children and remarks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pytest_nnviz.architecture import Architecture, Argument, Module, TensorSpec, join, upwards, walk_modules
from pytest_nnviz.drift.consequence import BREAKS, COSMETIC, FUNCTION, TRAINING, of_config, of_mark, of_module, worst
from pytest_nnviz.drift.data import Change
from pytest_nnviz.drift.defaults import defaults_of
from pytest_nnviz.drift.pairs import BY_NAME, Match, Pair, Wrapping
from pytest_nnviz.drift.siblings import is_numbered, trades
from pytest_nnviz.drift.statedict import resolve
from pytest_nnviz.drift.tensors import compare_tensors, fits, reordered, sides, went_to
from pytest_nnviz.drift.ties import Ties, tensors_of
from pytest_nnviz.textformat.write import format_config, format_value

__all__ = ["ModuleChanges", "label_arguments"]


def label_arguments(arguments: Sequence[Argument]) -> dict[str, Argument]:
    """Arguments by name; by ``#`` and position where they have none."""
    return {f"#{index}" if a.name is None else a.name: a for index, a in enumerate(arguments)}


class ModuleChanges:
    """The changes of two matched trees, in the order of the new one; iterate for them.

    ``opaque`` holds the modules whose inside the graphs do not show, as (side, path); None if a graph is missing.
    """

    def __init__(
        self,
        old: Architecture,
        new: Architecture,
        match: Match,
        opaque: frozenset[tuple[int, str]] | None,
    ) -> None:
        self._modes = (old.mode, new.mode)
        self._modules = (dict(walk_modules(old.root)), dict(walk_modules(new.root)))
        self._match = match
        self._opaque = opaque
        self._ties = Ties(old.root, new.root, match)
        self._left = tuple({rename[side] for rename in match.renames} for side in (0, 1))
        self._renumbered = set(self._renumbering())

    def __iter__(self) -> Iterator[Change]:
        if self._modes[0] != self._modes[1]:
            yield Change("structure", "changed", "", "mode", *self._modes, TRAINING, matched=BY_NAME)
        for pair in (*self._match.pairs, *self._leading_elsewhere()):
            for change in self._of(pair):
                lone = change.kind in ("added", "removed")
                yield change if lone or change.matched else replace(change, matched=pair.matched)

    def _of(self, pair: Pair) -> Iterator[Change]:
        if pair.kind != "kept":
            yield from self._went(pair)
        if not pair.equal:
            yield from self._compare(pair)

    def _leading_elsewhere(self) -> Iterator[Pair]:
        """Modules that read as before, with ties or as second names of what may be another thing of that name now."""
        compared = {pair.old_path for pair in self._match.pairs if not pair.equal}
        for path, module in self._modules[0].items() if self._match.disturbed else ():
            if module.shared is not None or any(tensor.tied is not None for tensor in tensors_of(module).values()):
                home = None if path in compared else self._match.home(path)
                other = None if home is None else self._modules[1].get(home)
                if home is not None and other is not None and (other.shared is None) == (module.shared is None):
                    yield Pair(path, home, module, other)

    def _compare(self, pair: Pair) -> Iterator[Change]:
        if pair.old.shared is not None or pair.new.shared is not None:
            yield from self._sharing(pair)  # what was inside is told with it
            return
        yield from self._own(pair)
        for path, module in pair.removed:
            yield from self._subtree("removed", path, module, 0)
        for path, module in pair.added:
            yield from self._subtree("added", path, module, 1)
        yield from self._order(pair)

    def _went(self, pair: Pair) -> Iterator[Change]:
        """A module that has another name or parent now, and the keys of its parameters with it."""
        paths = (pair.old_path, pair.new_path)
        keys = self._state(pair.old_path, pair.old, 0) or self._state(pair.new_path, pair.new, 1)
        breaks = bool(keys) or (pair.kind == "moved" and not pair.follows and self._renumbers(pair.new_path, 1))
        consequence = BREAKS if breaks else COSMETIC
        yield Change("structure", pair.kind, pair.new_path, "", *paths, consequence, ripple=pair.follows)
        if keys:
            yield Change("parameters", pair.kind, pair.new_path, "parameters", *paths, BREAKS, ripple=True)
        if pair.wrapping is not None:
            yield from _around(pair.wrapping)

    def _subtree(self, kind: str, path: str, module: Module, side: int) -> Iterator[Change]:
        """One change for a module that came or went with all below it, and one for its parameters."""
        keys = self._state(path, module, side)
        consequence = BREAKS if keys or self._renumbers(path, side) else of_module(module)
        yield Change("structure", kind, path, "", *sides(_header(module), side), consequence)
        if keys:
            text = f"{sum(spec.numel for spec in keys.values()):,} in {len(keys)}"
            yield Change("parameters", kind, path, "parameters", *sides(text, side), BREAKS, ripple=True)

    def _renumbering(self) -> Iterator[tuple[int, str]]:
        """The containers in which modules with a state dict have other numbers because of others, as (side, path)."""
        for pair in self._match.pairs:
            if pair.follows and self._state(pair.old_path, pair.old, 0):
                yield from enumerate(path.rpartition(".")[0] for path in (pair.old_path, pair.new_path))

    def _renumbers(self, path: str, side: int) -> bool:
        return (side, path.rpartition(".")[0]) in self._renumbered

    def _state(self, path: str, module: Module, side: int) -> dict[str, TensorSpec]:
        """The state dict that a module answers for, by keys below it; what moved elsewhere has left it."""
        found: dict[str, TensorSpec] = {}
        left: str | None = None
        for inner, part in walk_modules(self._behind(path, module, side)):
            inside = join(path, inner)
            if left is not None and inside.startswith(left):
                continue
            if inner and inside in self._left[side]:
                left = f"{inside}."
                continue
            part = self._behind(inside, part, side)
            dropped = {buffer.name for buffer in part.buffers if not buffer.persistent}
            found.update({join(inner, n): t.spec for n, t in tensors_of(part).items() if n not in dropped})
        return found

    def _behind(self, path: str, module: Module, side: int) -> Module:
        """The module that stands behind a second registration; others stand for themselves."""
        if module.shared is None:
            return module
        return self._modules[side].get(resolve(path.rpartition(".")[0], module.shared), module)

    def _sharing(self, pair: Pair) -> Iterator[Change]:
        old, new = pair.old.shared, pair.new.shared
        if old is not None and new is not None:
            was = self._match.home(resolve(pair.old_path.rpartition(".")[0], old))
            if was == resolve(pair.new_path.rpartition(".")[0], new):
                return
        before, after = self._state(pair.old_path, pair.old, 0), self._state(pair.new_path, pair.new, 1)
        loads = before.keys() == after.keys() and all(fits(spec, after[key]) for key, spec in before.items())
        consequence = FUNCTION if loads else BREAKS
        texts = (_header(pair.old), _header(pair.new))
        if texts[0] == texts[1] and old is not None:
            texts = (went_to(texts[0], resolve(pair.old_path.rpartition(".")[0], old), self._match), texts[1])
        yield Change("structure", "changed", pair.new_path, "", *texts, consequence)
        if before or after:
            yield Change("parameters", "changed", pair.new_path, "parameters", *texts, consequence, ripple=True)

    def _own(self, pair: Pair) -> Iterator[Change]:
        """Class, configuration, tensors and remarks of a module, without its children."""
        facts = [*self._class(pair), *_config(pair)]
        yield from facts
        explained = any(not fact.what or fact.consequence == FUNCTION for fact in facts)
        yield from compare_tensors(pair, self._match, self._ties, ripple=explained)
        yield from self._marks(pair)

    def _class(self, pair: Pair) -> Iterator[Change]:
        old, new = pair.old, pair.new
        if old.class_name == new.class_name:
            return
        texts = (old.class_name, new.class_name) if old.config == new.config else (_header(old), _header(new))
        shown = self._opaque is not None and not {(0, pair.old_path), (1, pair.new_path)} & self._opaque
        consequence = COSMETIC if shown else worst([of_module(old), of_module(new)])
        yield Change("structure", "changed", pair.new_path, "", *texts, consequence)

    def _marks(self, pair: Pair) -> Iterator[Change]:
        marks, paths = (pair.old.marks, pair.new.marks), (pair.old_path, pair.new_path)
        for side, kind in enumerate(("removed", "added")):
            for mark in marks[side]:
                if mark not in marks[1 - side]:
                    consequence = of_mark(mark, self._modes[side])
                    # Of modules that are never called the outermost alone has the mark.
                    still = mark == "never called" and self._inside_unused(paths[1 - side], 1 - side)
                    yield Change("structure", kind, paths[side], mark, *sides(mark, side), consequence, ripple=still)

    def _inside_unused(self, path: str, side: int) -> bool:
        around = upwards(path.rpartition(".")[0]) if path else ()
        return any("never called" in self._modules[side][up].marks for up in around)

    def _order(self, pair: Pair) -> Iterator[Change]:
        old, new = pair.old.children, pair.new.children
        numbered = is_numbered(old) and is_numbered(new)
        if numbered and not (len(pair.children) == len(old) == len(new) and trades(old, new, pair.children)):
            return  # told by those that came, went or moved
        # What a number stands for is what it stood for.
        names = {(i, j): old[i][0] if numbered else new[j][0] for i, j, _ in pair.children}
        by_old, by_new = [names[at] for at in sorted(names)], list(names.values())
        # Without a graph the order is all that is known of what a Sequential runs; optimizers go by it anyway.
        consequence = FUNCTION if self._opaque is None and pair.new.class_name == "Sequential" else TRAINING
        consequence = BREAKS if numbered and (1, pair.new_path) in self._renumbered else consequence
        yield from reordered("structure", pair.new_path, "children", by_old, by_new, consequence)


def _around(wrapping: Wrapping) -> Iterator[Change]:
    for path, module in wrapping.around:
        kind, texts = ("removed", "added")[wrapping.side], sides(_header(module), wrapping.side)
        yield Change("structure", kind, path, "", *texts, COSMETIC, ripple=True)


def _header(module: Module) -> str:
    return format_config(module.class_name, module.config) if module.shared is None else f"= {module.shared}"


def _same_number(*sides: tuple[str | None, str]) -> bool:
    """Whether ``<index>``, the number of a module among its siblings, became that number or was it before."""
    texts = [text for text, _ in sides]
    found = [path.split(".") for text, path in sides if text == "<index>"]
    return len(found) == 1 and any(text in found[0] for text in texts)


def _config(pair: Pair) -> Iterator[Change]:
    """A change for each constructor argument; None stands for a default that is not known."""
    if pair.old.class_name != pair.new.class_name:
        return
    old, new = (
        {name: format_value(a.value) for name, a in label_arguments(m.config).items()} for m in (pair.old, pair.new)
    )
    defaults = defaults_of(pair.old) and defaults_of(pair.new)
    parts = {path.rpartition(".")[2] for path, _ in (*pair.removed, *pair.added)}  # in the place of None, or with it
    for name in {**old, **new}:
        if old.get(name) != new.get(name):
            texts = (old.get(name, defaults.get(name)), new.get(name, defaults.get(name)))
            consequence = of_config(pair.new.class_name, name)
            follows = name in parts or _same_number((texts[0], pair.old_path), (texts[1], pair.new_path))
            yield Change("structure", "changed", pair.new_path, name, *texts, consequence, ripple=follows)
    if old == new:
        yield from reordered("structure", pair.new_path, "arguments", list(old), list(new), COSMETIC)
