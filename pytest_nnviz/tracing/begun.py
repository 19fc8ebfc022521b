"""A call that runs: what is known of it before there is a result."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_nnviz.architecture import Argument, Body, Call, Value

__all__ = ["Begun"]


@dataclass(slots=True)
class Begun:
    """The fields of a `Call` but for its result; those of a module get their body once they are over."""

    kind: str
    target: str
    args: tuple[Argument, ...]
    up: int = 0
    config: tuple[Argument, ...] = ()
    source: str | None = None
    body: Body | None = None

    @property
    def name(self) -> str:
        """The name that the result goes by."""
        return self.target or "self"

    def over(self, result: Value) -> Call:
        """The call with what it gave."""
        return Call(self.kind, self.target, self.args, result, self.body, self.up, self.config, self.source)
