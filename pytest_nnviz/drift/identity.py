"""Equality of whole subtrees as one comparison of numbers, without recursion."""

from __future__ import annotations

from collections.abc import Hashable

from pytest_nnviz.architecture import Body, Module

__all__ = ["Identities"]


class Identities:
    """Numbers for modules and bodies: two have the same number if and only if they are equal.

    Comparing data nested 200 levels deep with ``==`` exhausts the interpreter's stack, and costs the square of the
    depth when every level asks again. The objects must outlive this.
    """

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._known: dict[int, int] = {}

    def module(self, module: Module) -> int:
        """The number of a module with everything below it."""
        stack = [module]
        while stack:
            top = stack[-1]
            waiting = [child for _, child in top.children if id(child) not in self._known]
            if waiting and id(top) not in self._known:
                stack += waiting
                continue
            stack.pop()
            if id(top) not in self._known:
                self._known[id(top)] = self._number(self._module_key(top))
        return self._known[id(module)]

    def body(self, body: Body | None) -> int:
        """The number of a body with everything inside; of None too."""
        if body is None:
            return -1
        stack = [body]
        while stack:
            top = stack[-1]
            waiting = [call.body for call in top.calls if call.body is not None and id(call.body) not in self._known]
            if waiting and id(top) not in self._known:
                stack += waiting
                continue
            stack.pop()
            if id(top) not in self._known:
                self._known[id(top)] = self._number(self._body_key(top))
        return self._known[id(body)]

    def _number(self, key: Hashable) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def _module_key(self, module: Module) -> Hashable:
        children = tuple((name, self._known[id(child)]) for name, child in module.children)
        own = (module.class_name, module.config, module.parameters, module.buffers, module.marks, module.shared)
        return ("module", *own, children)

    def _body_key(self, body: Body) -> Hashable:
        calls = tuple(
            (c.kind, c.target, c.up, c.args, c.config, c.result, None if c.body is None else self._known[id(c.body)])
            for c in body.calls
        )
        return ("body", calls, body.returns)
