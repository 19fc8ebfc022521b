"""Programs as data that can be edited: models whose forwards run statements."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass, field
from typing import Any

import torch
from program_calls import KINDS
from torch import nn

FAILURES = (RuntimeError, TypeError, ValueError, LookupError, AttributeError, AssertionError)


@dataclass(frozen=True)
class Result:
    """A tensor that a statement or an argument gave, inside what it gave."""

    number: int
    path: tuple[int | str, ...] = ()


@dataclass(frozen=True)
class Held:
    """A parameter, a buffer or another tensor that a module holds."""

    module: str
    name: str


@dataclass(frozen=True)
class Apply:
    """``result = call(*operands, **literals)``."""

    kind: str
    operands: tuple[Any, ...]
    literals: tuple[tuple[str, Any], ...]
    spelling: int
    result: int

    def run(self, state: State) -> Any:
        spelling = KINDS[self.kind].spellings[self.spelling]
        return spelling(*state.filled(self.operands), **dict(self.literals))


@dataclass(frozen=True)
class Use:
    """``result = operand``: what is left where a call is dropped."""

    operand: Any
    result: int

    def run(self, state: State) -> Any:
        return state.filled(self.operand)


@dataclass(frozen=True)
class Run:
    """``result = module(*args, **kwargs)``."""

    module: str
    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...]
    result: int

    def run(self, state: State) -> Any:
        kwargs = {name: state.filled(value) for name, value in self.kwargs}
        return state.modules[self.module](*state.filled(self.args), **kwargs)


@dataclass
class Code:
    """The forward of a block: where its arguments are put, its statements, what it returns."""

    inputs: dict[str, int] = field(default_factory=dict)
    statements: list[Apply | Use | Run] = field(default_factory=list)
    returns: Any = None


@dataclass
class State:
    """What the blocks of a model share: their code, their modules, and every value so far by its number."""

    codes: dict[str, Code] = field(default_factory=dict)
    modules: dict[str, nn.Module] = field(default_factory=dict)
    values: dict[int, Any] = field(default_factory=dict)

    def filled(self, template: Any) -> Any:
        """A template of results, tensors that modules hold, numbers and containers, with their values."""
        if isinstance(template, Result):
            return functools.reduce(lambda thing, key: thing[key], template.path, self.values[template.number])
        if isinstance(template, Held):
            return getattr(self.modules[template.module], template.name)
        if type(template) in (tuple, list):
            return type(template)(map(self.filled, template))
        if type(template) is dict:
            return {key: self.filled(item) for key, item in template.items()}
        return template

    def execute(self, statement: Any) -> None:
        self.values[statement.result] = statement.run(self)


class Block(nn.Module):
    """A module whose forward is code."""

    state: State
    code: str

    def forward(self, x, y=None, *, gain=1.0, batch=None):
        code = self.state.codes[self.code]
        for name, value in (("x", x), ("y", y), ("gain", gain), ("batch", batch)):
            self.state.values[code.inputs[name]] = value
        for statement in code.statements:
            self.state.execute(statement)
        return self.state.filled(code.returns)


@dataclass
class Program:
    """A model with inputs; `edited` gives the same with another statement somewhere."""

    model: Block
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @property
    def state(self) -> State:
        return self.model.state

    def inputs(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return copy.deepcopy((self.args, self.kwargs))

    def places(self) -> list[tuple[str, int]]:
        """Where the statements stand: of which code, at which position."""
        return [(name, at) for name, code in self.state.codes.items() for at in range(len(code.statements))]

    def edited(self, place: tuple[str, int], *statements: Any) -> Program:
        """A copy with other statements in one place."""
        program = copy.deepcopy(self)
        name, at = place
        program.state.codes[name].statements[at : at + 1] = statements
        return program

    def runs(self) -> bool:
        """Whether it runs at all: a block that is called again may miss what it was called with first."""
        try:
            self.run()
        except FAILURES:
            return False
        return True

    def run(self) -> Any:
        """What a copy of the model gives, with the same randomness each time."""
        model, (args, kwargs) = copy.deepcopy(self.model), self.inputs()
        torch.manual_seed(0)
        with torch.no_grad():
            return model(*args, **kwargs)
