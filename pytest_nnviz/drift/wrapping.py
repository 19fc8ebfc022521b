"""Modules that were put as they are into others, which only call them; or taken out of such."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from pytest_nnviz.architecture import Argument, Body, Call, Literal, Module, Ref, Step, Tree, Value, join, walk_calls
from pytest_nnviz.drift.data import Way
from pytest_nnviz.drift.identity import Identities
from pytest_nnviz.drift.pairs import Found, Wrapping
from pytest_nnviz.drift.references import Graph, refs

__all__ = ["Wrappers", "find_wrapping", "handed_on"]


class Wrappers:
    """The modules of one model that do nothing but call their one child."""

    def __init__(self, forward: Body | None) -> None:
        self._forward = forward

    def inside(self, path: str, module: Module) -> Iterator[Found]:
        """What a module holds as its only child, what that holds, and so on, as long as each hands on what it takes."""
        while _holds_one(module) and self._calls.get(path, True):
            name, module = module.children[0]
            path = join(path, name)
            yield path, module

    def called(self, path: str) -> bool:
        """Whether calls lead through the module; a list of modules is none that is called."""
        return path in self._calls

    @cached_property
    def _calls(self) -> dict[str, bool]:
        """The modules whose inside is shown by path, and whether they hand on at each call what they are given."""
        found: dict[str, bool] = {}
        stack: list[Way] = [] if self._forward is None else [()]
        graph = None if self._forward is None else Graph(self._forward)
        while graph is not None and stack:
            scope = stack.pop()
            body, path = graph.body(scope), graph.path(scope)
            if path is not None:
                found[path] = found.get(path, True) and _hands_on(body)
            stack += [(*scope, at) for at, call in enumerate(body.calls) if call.body is not None]
        return found


def find_wrapping(old: Found, new: Found, wrappers: tuple[Wrappers, Wrappers], ids: Identities) -> Wrapping | None:
    """Whether one of two modules of a name is inside of the other, which only hands on to it."""
    for side, (bare, full) in enumerate(((new, old), (old, new))):
        around = [full]
        for inner in wrappers[side].inside(*full):
            if _stands_for(inner[1], bare[1], full[1], ids):
                called = [wrappers[side].called(path) for path, _ in around]
                return Wrapping(side, tuple(around), inner, sum(called))
            around.append(inner)
    return None


def _stands_for(inner: Module, bare: Module, full: Module, ids: Identities) -> bool:
    return ids.module(inner) == ids.module(bare) or bare.class_name == inner.class_name != full.class_name


def _holds_one(module: Module) -> bool:
    own = module.parameters or module.buffers or module.marks
    return not own and len(module.children) == 1 and module.children[0][1].shared is None


def _hands_on(body: Body) -> bool:
    """Whether a body is the call of a child, with nothing that is not handed in, and gives its result as it is."""
    if len(body.calls) != 1:
        return False
    call = body.calls[0]
    known = (call.kind, call.up) == ("module", 0) and all(_is_handed(argument.value) for argument in call.args)
    return (
        known
        and not _is_looked_at(call.body)
        and _is_result(body.returns, call.result, Ref("result", (Step(call.name),)))
    )


def _is_looked_at(body: Body | None) -> bool:
    """Whether something inside of a call is a name of the scope that the call stands in, not handed in."""
    if body is None:
        return False
    uses = [(value, len(scopes)) for scopes, call in walk_calls(body) for value in (a.value for a in call.args)]
    ends = [(call.body.returns, len(scopes) + 1) for scopes, call in walk_calls(body) if call.body is not None]
    return any(ref.up == depth + 1 for value, depth in [*uses, *ends, (body.returns, 0)] for ref in refs(value))


def _is_handed(value: Value) -> bool:
    if isinstance(value, Tree):
        return all(map(_is_handed, value.items))
    return isinstance(value, Literal) or (isinstance(value, Ref) and (value.kind, value.up) == ("input", 0))


def _is_result(value: Value, result: Value, ref: Ref) -> bool:
    """Whether a value is what ``ref`` stands for, whole or part by part."""
    if not isinstance(result, Tree) or not isinstance(value, Tree):
        return value in (ref, result) if isinstance(result, Literal) else value == ref
    steps: list[int | str] = [*_names(result)] or list(range(len(result.items)))
    return (value.kind, value.keys, len(value.items)) == (result.kind, result.keys, len(result.items)) and all(
        _is_result(item, part, replace(ref, path=(*ref.path, step)))
        for item, part, step in zip(value.items, result.items, steps, strict=True)
    )


def handed_on(outer: Call, inner: Call) -> tuple[Argument, ...]:
    """The arguments of the one call inside of another, in the terms of the scope of the outer one."""
    given = {str(argument.name): argument.value for argument in outer.args}
    return tuple(replace(argument, value=_in_terms(argument.value, given)) for argument in inner.args)


def _in_terms(value: Value, given: dict[str, Value]) -> Value:
    if isinstance(value, Tree):
        return replace(value, items=tuple(_in_terms(item, given) for item in value.items))
    if not isinstance(value, Ref):
        return value
    found, path = given.get(value.steps[0].name, value), list(value.path)
    while path and isinstance(found, Tree):
        step = path.pop(0)
        names = _names(found)
        at = step if isinstance(step, int) else names.index(step) if step in names else len(names)
        if at >= len(found.items):
            return value
        found = found.items[at]
    return replace(found, path=(*found.path, *path)) if isinstance(found, Ref) and path else found


def _names(tree: Tree) -> list[str]:
    """The keys of a container as a path of a reference has them: without quotes."""
    return [key.strip("\"'") for key in tree.keys]
