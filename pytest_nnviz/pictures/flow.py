"""Where tensors come from: the forward pass followed with node names in place of tensors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pytest_nnviz.architecture import Argument, Body, Call, Const, Ref, TensorSpec, Tree, Value

__all__ = ["At", "Sight", "Stream", "follow"]

At = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Sight:
    """How a call is seen: ``node`` is the node that stands for it, None where it is open; ``repeats`` is True for a
    repetition of the call before it, which has no node of its own.
    """

    node: str | None
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Stream:
    """A tensor on its way from one node to another."""

    tail: str
    head: str
    spec: TensorSpec | None


@dataclass(frozen=True, slots=True)
class _Source:
    node: str
    spec: TensorSpec | None


@dataclass(frozen=True, slots=True)
class _Pack:
    """Several sources: of a container, or (``either``) of one tensor that two calls have written to."""

    items: tuple[_Traced, ...]
    keys: tuple[str, ...] = ()
    either: bool = False


_Traced = _Source | _Pack
_NOTHING = _Pack(())


@dataclass(slots=True)
class _Scope:
    inputs: dict[str, _Traced]
    parent: _Scope | None = None
    results: dict[str, list[tuple[_Traced, _Scope | None]]] = field(default_factory=dict)


def follow(
    forward: Body,
    inputs: tuple[Argument, ...],
    sight: Callable[[At], Sight],
    input_node: Callable[[str], str],
    output_node: Callable[[tuple[str, ...]], str],
) -> Iterator[Stream]:
    """Yield every way a tensor takes between two different nodes, in the order of execution.

    ``sight`` says what stands for the call at a place (an index at each level of bodies), ``input_node`` what stands
    for an argument of forward, ``output_node`` for a leaf of its result (by the keys on the way to it).
    """
    walk = _Walk(sight)
    scope = _Scope({str(a.name): _opaque(a.value, input_node(str(a.name))) for a in inputs})
    result = walk.body(forward, scope, (), None)
    yield from walk.streams
    for keys, source in _leaves(result):
        yield Stream(source.node, output_node(keys), source.spec)


class _Walk:
    def __init__(self, sight: Callable[[At], Sight]) -> None:
        self.sight = sight
        self.streams: list[Stream] = []

    def body(self, body: Body, scope: _Scope, at: At, inside: str | None) -> _Traced:
        """Follow the calls of a scope; ``inside`` is the node that stands for all of them, if they are not open."""
        last: _Traced = _NOTHING
        for index, call in enumerate(body.calls):
            here = (*at, index)
            sight = Sight(inside) if inside is not None else self.sight(here)
            inner: _Scope | None = None
            if not sight.repeats:
                last, inner = self.call(call, scope, here, sight.node)
            scope.results.setdefault(call.name, []).append((last, inner))
        return _value(body.returns, scope)

    def call(self, call: Call, scope: _Scope, at: At, node: str | None) -> tuple[_Traced, _Scope | None]:
        arguments = [(a.name, _value(a.value, scope)) for a in call.args]
        if node is not None:
            self.streams += [
                Stream(s.node, node, s.spec) for _, a in arguments for _, s in _leaves(a) if s.node != node
            ]
        if call.body is None:
            return _opaque(call.result, node or ""), None
        inner = _Scope({name: value for name, value in arguments if name is not None}, scope)
        result = self.body(call.body, inner, at, node)
        return (result if node is None else _opaque(call.result, node)), inner


def _value(value: Value, scope: _Scope) -> _Traced:
    match value:
        case Ref():
            return _ref(value, scope)
        case Tree(_, items, keys):
            return _Pack(tuple(_value(item, scope) for item in items), keys)
    return _NOTHING


def _ref(ref: Ref, scope: _Scope) -> _Traced:
    there: _Scope | None = scope
    for _ in range(ref.up):
        there = there.parent if there is not None else None
    found = _NOTHING if there is None else _find(ref, there)
    for key in ref.path:
        found = _select(found, key)
    return found if ref.after is None else _Pack((found, _ref(ref.after, scope)), either=True)


def _find(ref: Ref, scope: _Scope) -> _Traced:
    if ref.kind == "input":
        return scope.inputs.get(ref.steps[0].name, _NOTHING)
    found: _Traced = _NOTHING
    inner: _Scope | None = scope
    for step in ref.steps if ref.kind == "result" else ():
        calls = inner.results.get(step.name, []) if inner is not None else []
        if step.back >= len(calls):
            return found
        found, inner = calls[-1 - step.back]
    return found


def _select(traced: _Traced, key: int | str) -> _Traced:
    if isinstance(traced, _Source):
        return traced
    if traced.either:
        return _Pack((_select(traced.items[0], key), *traced.items[1:]), either=True)
    for name in (str(key), json.dumps(key)):
        if name in traced.keys:
            return traced.items[traced.keys.index(name)]
    if isinstance(key, int) and key < len(traced.items):
        return traced.items[key]
    return traced


def _opaque(result: Value, node: str) -> _Traced:
    match result:
        case TensorSpec() | Const():
            return _Source(node, result if isinstance(result, TensorSpec) else result.spec)
        case Tree(_, items, keys):
            return _Pack(tuple(_opaque(item, node) for item in items), keys)
    return _NOTHING


def _leaves(traced: _Traced, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], _Source]]:
    if isinstance(traced, _Source):
        yield keys, traced
        return
    for index, item in enumerate(traced.items):
        key = () if traced.either else (traced.keys[index] if traced.keys else str(index),)
        yield from _leaves(item, (*keys, *key))
