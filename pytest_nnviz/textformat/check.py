"""Do the parts of a text fit together: ties, modules that are called, results that are used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from pytest_nnviz.architecture import (
    Argument,
    Body,
    Buffer,
    Call,
    Module,
    Parameter,
    Ref,
    Tree,
    Value,
    join,
    resolve_shared,
    walk_modules,
)
from pytest_nnviz.errors import TextError

__all__ = ["check_graph", "resolve_ties"]

Fail = Callable[[str, int], TextError]


def resolve_ties(root: Module, fail: Callable[[str], TextError]) -> Module:
    """Give tied parameters and buffers, which are written by their place alone, the spec of that place."""
    walked = list(walk_modules(root))
    concerned = _with_ties(walked)
    if not concerned:
        return root
    modules = dict(walked)
    tensors: dict[str, Parameter | Buffer] = {}
    for path, module in modules.items():
        tensors.update({join(path, tensor.name): tensor for tensor in module.parameters})
        tensors.update({join(path, tensor.name): tensor for tensor in module.buffers})

    def target(path: str, place: str) -> str:
        try:
            return resolve_shared(path, place)
        except ValueError as error:
            raise fail(str(error)) from error

    def parameter(path: str, tied: Parameter) -> Parameter:
        if tied.tied is None:
            return tied
        first = tensors.get(target(path, tied.tied))
        if not isinstance(first, Parameter) or first.tied is not None:
            raise fail(f"{path}.{tied.name} is tied to {tied.tied}, which is no parameter of its own")
        return replace(tied, spec=first.spec, trainable=first.trainable)

    def buffer(path: str, tied: Buffer) -> Buffer:
        if tied.tied is None:
            return tied
        first = tensors.get(target(path, tied.tied))
        if first is None or first.tied is not None:
            raise fail(f"{path}.{tied.name} is tied to {tied.tied}, which is no buffer of its own")
        return replace(tied, spec=first.spec)

    def rebuild(path: str, module: Module) -> Module:
        if path not in concerned:
            return module
        if module.shared is not None:
            first = modules.get(target(path.rpartition(".")[0], module.shared))
            if first is None or first.shared is not None:
                raise fail(f"{path} is the same as {module.shared}, which is no module of its own")
            return module
        return replace(
            module,
            parameters=tuple(parameter(path, p) for p in module.parameters),
            buffers=tuple(buffer(path, b) for b in module.buffers),
            children=tuple((name, rebuild(join(path, name), child)) for name, child in module.children),
        )

    return rebuild("", root)


def _with_ties(modules: Iterable[tuple[str, Module]]) -> set[str]:
    """The places of modules that are another, or hold what is tied, and of all around them."""
    found: set[str] = set()
    for path, module in modules:
        if module.shared is None and all(tensor.tied is None for tensor in _own(module)):
            continue
        found.add("")
        while path not in found:
            found.add(path)
            path = path.rpartition(".")[0]
    return found


def _own(module: Module) -> tuple[Parameter | Buffer, ...]:
    return (*module.parameters, *module.buffers)


class _Scope:
    """A module call while its inside is checked: what its names mean so far."""

    def __init__(self, path: str | None, inputs: set[str]) -> None:
        self.path = path
        self.inputs = inputs
        self.results: dict[str, list[Call]] = {}


def check_graph(root: Module, inputs: tuple[Argument, ...], forward: Body, fail: Fail) -> None:
    """Every module that is called and every reference must exist; ``fail(message, index of the call)`` words it."""
    _GraphCheck(root, fail).body(forward, [_Scope("", {str(a.name) for a in inputs})])


class _GraphCheck:
    def __init__(self, root: Module, fail: Fail) -> None:
        self.modules: set[str] = set()
        self.tensors: set[str] = set()
        self.inside: dict[int, dict[str, list[Call]]] = {}
        self.refs: dict[int, list[Ref]] = {}
        self.fail = fail
        self.index = -1
        for path, module in walk_modules(root):
            self.modules.add(path)
            self.tensors.update([join(path, tensor.name) for tensor in _own(module)])

    def body(self, body: Body, scopes: list[_Scope], *, written: bool = True) -> None:
        """``written`` is False inside a call that the text folds into ``same as``: its calls have no lines."""
        seen: set[int] = set()
        for call in body.calls:
            self.index += written
            path = self.module(call, scopes)
            for ref in self.refs_of(call.args):
                self.ref(ref, scopes)
            if call.body is not None:
                inside = _Scope(path, {a.name for a in call.args if a.name is not None})
                self.body(call.body, [*scopes, inside], written=written and id(call.body) not in seen)
                seen.add(id(call.body))
            scopes[-1].results.setdefault(call.name, []).append(call)
        for ref in _refs(body.returns):
            self.ref(ref, scopes)

    def module(self, call: Call, scopes: list[_Scope]) -> str | None:
        if call.kind != "module":
            return None
        owner = self.scope(call.up, scopes).path
        path = None if owner is None else join(owner, call.target)
        if path is not None and path not in self.modules:
            raise self.fail(f"the graph calls {path}, which is no module", self.index)
        return path

    def scope(self, up: int, scopes: list[_Scope]) -> _Scope:
        if up >= len(scopes):
            raise self.fail(f"a name leaves {up} scopes, but there are only {len(scopes) - 1} around it", self.index)
        return scopes[-1 - up]

    def refs_of(self, args: tuple[Argument, ...]) -> list[Ref]:
        """The references among arguments; lines that say the same, and calls that stand for others, share theirs."""
        found = self.refs.get(id(args))
        if found is None:
            found = self.refs[id(args)] = [ref for argument in args for ref in _refs(argument.value)]
        return found

    def ref(self, ref: Ref, scopes: list[_Scope]) -> None:
        scope = self.scope(ref.up, scopes)
        name = ref.steps[0].name
        if ref.kind == "input" and name not in scope.inputs:
            raise self.fail(
                f"{name!r} is no argument here (arguments: {', '.join(sorted(scope.inputs)) or 'none'})", self.index
            )
        if ref.kind == "attribute" and scope.path is not None and join(scope.path, name) not in self.tensors:
            raise self.fail(f"{join(scope.path, name)} is no parameter or buffer", self.index)
        if ref.kind == "result":
            self.result(ref, scope.results)
        if ref.after is not None:
            self.ref(ref.after, scopes)

    def result(self, ref: Ref, results: dict[str, list[Call]]) -> None:
        for step in ref.steps:
            calls = results.get(step.name, [])
            if step.back >= len(calls):
                raise self.fail(
                    f"%{step.name} is used {step.back + 1} calls back, there are {len(calls)} before it", self.index
                )
            if step is not ref.steps[-1]:
                results = self.results_in(calls[-1 - step.back].body)

    def results_in(self, body: Body | None) -> dict[str, list[Call]]:
        """The calls inside of a finished call by name; many references may lead into it."""
        if body is None:
            return {}
        if id(body) not in self.inside:
            found: dict[str, list[Call]] = {}
            self.inside[id(body)] = found
            for call in body.calls:
                found.setdefault(call.name, []).append(call)
        return self.inside[id(body)]


def _refs(value: Value) -> Iterator[Ref]:
    stack = [value]
    while stack:
        top = stack.pop()
        if isinstance(top, Ref):
            yield top
        elif isinstance(top, Tree):
            stack.extend(top.items)
