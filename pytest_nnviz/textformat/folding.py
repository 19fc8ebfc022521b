"""What the lines of a text stand for that say ``same as``: a few, nested, could stand for more than any memory."""

from __future__ import annotations

from pytest_nnviz.architecture import Body, Module

__all__ = ["MOST_FOLDED", "Folded"]

MOST_FOLDED = 500_000
"""Modules, parameters, buffers and calls that are not written out; a model of 60 layers of 256 experts has 110,000."""


class Folded:
    """Counts while a text is read."""

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}  # by identity: what was read stays alive until all is
        self._count = 0

    def module(self, module: Module) -> Module:
        """Note how large a module is that was read, its inside with it."""
        inside = sum(self._sizes.get(id(child), 1) for _, child in module.children)
        self._sizes[id(module)] = 1 + len(module.parameters) + len(module.buffers) + inside
        return module

    def body(self, body: Body) -> Body:
        """Note how large the inside of a call is."""
        self._sizes[id(body)] = sum(1 + self._sizes.get(id(call.body), 0) for call in body.calls)
        return body

    def again(self, twin: Module | Body | None) -> bool:
        """Count what stands once more in the text; whether it is still no more than a text may stand for."""
        self._count += self._sizes.get(id(twin), 1)
        return self._count <= MOST_FOLDED
