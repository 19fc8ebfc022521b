"""Random architectures made such that all they refer to is there, as it is in whatever a text can hold."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pytest_nnviz.architecture import (
    Architecture,
    Argument,
    Body,
    Call,
    Literal,
    Module,
    Parameter,
    Ref,
    Step,
    Tree,
    Value,
    resolve_shared,
    walk_modules,
)
from pytest_nnviz.drift.pairs import join

__all__ = ["mended"]

Results = dict[str, list[Call]]


def mended(made: Architecture) -> Architecture:
    """What is shared with, tied to, called or taken though it is nowhere is a module, parameter, function, or result
    of its own; inputs are there where a graph is.
    """
    root = _untied(_unshared(made.root))
    if made.forward is None:
        return replace(made, root=root, inputs=())
    names = {str(argument.name) for argument in made.inputs}
    return replace(made, root=root, forward=_Mending(root).body(made.forward, [_Scope("", names)]))


def _resolved(owner: str, place: str) -> str | None:
    try:
        return resolve_shared(owner, place)
    except ValueError:
        return None


def _unshared(root: Module) -> Module:
    own = {path for path, module in walk_modules(root) if module.shared is None}

    def rebuilt(path: str, module: Module) -> Module:
        if module.shared is not None:
            return module if _resolved(path.rpartition(".")[0], module.shared) in own else Module("Lone")
        return replace(module, children=tuple((n, rebuilt(join(path, n), child)) for n, child in module.children))

    return rebuilt("", root)


def _untied(root: Module) -> Module:
    own = {join(path, p.name): p for path, module in walk_modules(root) for p in module.parameters if p.tied is None}

    def tied(path: str, parameter: Parameter) -> Parameter:
        first = own.get(_resolved(path, parameter.tied) or "") if parameter.tied is not None else None
        if first is None:
            return replace(parameter, tied=None)
        return replace(parameter, spec=first.spec, trainable=first.trainable)

    def rebuilt(path: str, module: Module) -> Module:
        return replace(
            module,
            parameters=tuple(tied(path, parameter) for parameter in module.parameters),
            children=tuple((name, rebuilt(join(path, name), child)) for name, child in module.children),
        )

    return rebuilt("", root)


@dataclass
class _Scope:
    path: str | None
    inputs: set[str]
    results: Results = field(default_factory=dict)


class _Mending:
    def __init__(self, root: Module) -> None:
        self.modules = dict(walk_modules(root))
        self.tensors = {
            join(path, tensor.name)
            for path, module in self.modules.items()
            for tensor in (*module.parameters, *module.buffers)
        }

    def body(self, body: Body, scopes: list[_Scope]) -> Body:
        calls = []
        for call in body.calls:
            calls.append(self.call(call, scopes))
            scopes[-1].results.setdefault(calls[-1].name, []).append(calls[-1])
        return Body(tuple(calls), self.value(body.returns, scopes))

    def call(self, call: Call, scopes: list[_Scope]) -> Call:
        up = min(call.up, len(scopes) - 1)
        owner = scopes[-1 - up].path
        path = None if owner is None or call.kind != "module" else join(owner, call.target)
        kind = "module" if path in self.modules else "function"
        args = tuple(Argument(a.name, self.value(a.value, scopes)) for a in call.args)
        body = call.body
        if body is not None:
            inside = _Scope(path if kind == "module" else None, {a.name for a in args if a.name is not None})
            body = self.body(body, [*scopes, inside])
        return replace(call, kind=kind, up=up if kind == "module" else 0, args=args, body=body)

    def value(self, value: Value, scopes: list[_Scope]) -> Value:
        if isinstance(value, Tree):
            return replace(value, items=tuple(self.value(item, scopes) for item in value.items))
        return self.ref(value, scopes) if isinstance(value, Ref) else value

    def ref(self, ref: Ref, scopes: list[_Scope]) -> Value:
        """The reference, or one to the latest result, or to an argument, where it leads nowhere."""
        up = min(ref.up, len(scopes) - 1)
        scope, name = scopes[-1 - up], ref.steps[0].name
        if ref.kind == "input" and name in scope.inputs:
            return replace(ref, up=up, steps=(Step(name),))
        if ref.kind == "attribute" and scope.path is not None and join(scope.path, name) in self.tensors:
            return replace(ref, up=up, steps=(Step(name),))
        if ref.kind == "result" and self.leads(ref, scope.results):
            return replace(ref, up=up)
        if scope.results:
            return Ref("result", (Step(list(scope.results)[-1]),), up=up)
        return Ref("input", (Step(min(scope.inputs)),), up=up) if scope.inputs else Literal("0")

    def leads(self, ref: Ref, results: Results) -> bool:
        for step in ref.steps:
            calls = results.get(step.name, [])
            if step.back >= len(calls):
                return False
            body = calls[-1 - step.back].body
            results = {}
            for call in body.calls if body is not None else ():
                results.setdefault(call.name, []).append(call)
        return True
