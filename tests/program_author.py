"""Random programs: small models of random modules whose forwards make random calls."""

from __future__ import annotations

import copy
from typing import Any

import torch
from hypothesis import assume
from hypothesis import strategies as st
from program_calls import COMBINATIONS, ELEMENTWISE, KINDS, NUMBERS, REDUCTIONS, SHAPES, WRITES
from programs import FAILURES, Apply, Block, Code, Held, Program, Result, Run, State
from torch import nn


class TwoOutputs(nn.Module):
    """A layer of an author's own: a parameter used directly, a dict returned."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.rand(4))
        self.norm = nn.LayerNorm(4)

    def forward(self, x, *, residual=None):
        scaled = self.norm(x) * self.scale
        return {"scaled": scaled, "sum": (scaled if residual is None else scaled + residual, [x])}


LAYERS = {
    "linear": lambda: nn.Linear(4, 4),
    "wide": lambda: nn.Linear(4, 3, bias=False),
    "norm": lambda: nn.LayerNorm(4),
    "batch norm": lambda: nn.BatchNorm1d(4),
    "group norm": lambda: nn.GroupNorm(2, 4),
    "conv": lambda: nn.Conv1d(2, 2, 3, padding=1),
    "act": lambda: nn.GELU(),
    "relu in place": lambda: nn.ReLU(inplace=True),
    "softmax": lambda: nn.Softmax(dim=-1),
    "identity": lambda: nn.Identity(),
    "dropout": lambda: nn.Dropout(0.5),
    "sequential": lambda: nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)),
    "gru": lambda: nn.GRU(4, 4, batch_first=True),
    "attention": lambda: nn.MultiheadAttention(4, 2, batch_first=True),
    "own": lambda: TwoOutputs(),
    "flatten": lambda: nn.Flatten(0, 1),
}


def leaves(thing: Any, path: tuple[int | str, ...] = ()):
    """The tensors in containers, with their paths."""
    if isinstance(thing, torch.Tensor):
        yield path, thing
    elif isinstance(thing, list | tuple):
        for index, item in enumerate(thing):
            yield from leaves(item, (*path, index))
    elif isinstance(thing, dict):
        for key, item in thing.items():
            yield from leaves(item, (*path, key))


class Author:
    """Writes a program by running it: whatever cannot run is not written."""

    def __init__(self, draw) -> None:
        self.draw = draw
        self.state = State()
        self.fresh = iter(range(10_000))
        self.depth = 0
        self.finished: list[str] = []  # blocks whose code is written

    # choices

    def choose(self, options) -> Any:
        return self.draw(st.sampled_from(list(options)))

    def chance(self, one_in: int) -> bool:
        return self.draw(st.integers(1, one_in)) == one_in

    def tensors(self, code: str) -> list[Any]:
        """What a call may use: mostly what its own block made or was handed, sometimes anything made so far."""
        inside = self.state.codes[code]
        own = {*inside.inputs.values(), *(statement.result for statement in inside.statements)}
        numbers = self.state.values if self.chance(6) else own
        results = [Result(n, path) for n in sorted(numbers) for path, _ in leaves(self.state.values.get(n))]
        return results + [Held(code, name) for name in self.held(code)]

    def held(self, code: str) -> list[str]:
        block = self.state.modules[code]
        return [*block._parameters, *block._buffers, *(["table"] if hasattr(block, "table") else [])]

    # blocks

    def block(self, arguments: dict[str, Any]) -> str:
        """Make a block and write its code while it runs on these arguments; the name of its code."""
        block = Block()
        name = f"block {len(self.state.codes)}"
        block.state, block.code = self.state, name
        self.state.modules[name] = block.eval()
        self.state.codes[name] = code = Code({argument: next(self.fresh) for argument in ("x", "y", "gain", "batch")})
        self.furnish(block)
        for argument, number in code.inputs.items():
            self.state.values[number] = arguments.get(argument, 1.0 if argument == "gain" else None)
        self.depth += 1
        for _ in range(self.draw(st.integers(1, 10 if self.depth == 1 else 4))):
            self.statement(name)
        self.depth -= 1
        code.returns = self.returned(name)
        self.finished.append(name)
        return name

    def furnish(self, block: Block) -> None:
        if self.chance(2):
            block.weight = nn.Parameter(torch.rand(self.choose([(4,), (4, 4), (1,), (2, 4)])) - 0.5)
        if self.chance(3):
            block.register_buffer("mask", torch.rand(2, 4) - 0.5, persistent=self.chance(2))
        if self.chance(5):
            block.table = torch.rand(4)

    def returned(self, code: str) -> Any:
        results = self.tensors(code)
        last = [Result(s.result) for s in self.state.codes[code].statements[-1:]]
        shape = self.choose(["last", "last", "all", "tuple", "list", "dict", "nested", "nothing"])
        one, two = (*last, self.choose(results))[0], self.choose(results)
        if self.depth == 0 and shape in ("nothing", "last"):
            shape = "all"
        return {
            "last": one,
            "all": {"all": [Result(s.result) for s in self.state.codes[code].statements], "x": two},
            "tuple": (one, two),
            "list": [two, one, None],
            "dict": {"a": one, "b": two},
            "nested": {"hidden": (one, [two]), "loss": None, "size": 3},
            "nothing": None,
        }[shape]

    # statements

    def statement(self, code: str) -> None:
        write = self.run_block if self.chance(4) and self.depth < 4 else self.run_layer if self.chance(3) else self.call
        try:
            statements = write(code)
        except FAILURES:
            return
        self.state.codes[code].statements.extend(statements)

    def call(self, code: str) -> list[Apply]:
        table = self.choose([ELEMENTWISE, ELEMENTWISE, SHAPES, REDUCTIONS, COMBINATIONS, WRITES])
        name = self.choose(table)
        kind, tensors = KINDS[name], self.tensors(code)
        operands: list[Any] = [self.choose(tensors) for _ in range(kind.operands)]
        if kind.numbers and self.chance(3):
            operands[-1 if kind.numbers == "last" else self.choose([0, -1])] = self.number(code)
        literals = tuple(self.choose(kind.literals).items())
        spelling = self.choose(range(len(kind.spellings)))
        statement = Apply(name, tuple(operands), literals, spelling, next(self.fresh))
        self.state.execute(statement)
        return [statement]

    def number(self, code: str) -> Any:
        return self.choose([*NUMBERS, Result(self.state.codes[code].inputs["gain"])])

    def run_layer(self, code: str) -> list[Run]:
        """Call a layer on what it can take: a new one, or one that the block has."""
        block = self.state.modules[code]
        own = [name for name in self.state.modules if name.startswith(f"{code}:")]
        name = self.choose(own) if own and self.chance(2) else self.layer(code, block)
        x = self.choose(self.tensors(code))
        module = self.state.modules[name]
        args, kwargs = ((x, x, x) if isinstance(module, nn.MultiheadAttention) else (x,)), ()
        if isinstance(module, TwoOutputs) and self.chance(2):
            kwargs = (("residual", self.choose(self.tensors(code))),)
        elif isinstance(module, nn.Linear) and self.chance(3):
            args, kwargs = (), (("input", x),)
        statement = Run(name, args, kwargs, next(self.fresh))
        self.state.execute(statement)
        return [statement]

    def layer(self, code: str, block: Block) -> str:
        """A new layer (or one that another block has), registered in one of several ways."""
        others = [name for name in self.state.modules if ":" in name]
        name = f"{code}:{next(self.fresh)}"
        if others and self.chance(6):
            layer = self.state.modules[self.choose(others)]
        else:
            layer = LAYERS[self.choose(LAYERS)]().eval()
        self.register(block, layer)
        linears = [module for module in self.state.modules.values() if type(module) is nn.Linear]
        if type(layer) is nn.Linear and linears and self.chance(4):
            layer.weight = self.choose(linears).weight
        self.state.modules[name] = layer
        return name

    def register(self, block: Block, layer: nn.Module) -> None:
        place = self.choose(["attribute", "attribute", "list", "dict"])
        number = str(len(block._modules))
        if place == "attribute":
            block.add_module(f"layer{number}", layer)
        elif place == "list":
            if not hasattr(block, "layers"):
                block.layers = nn.ModuleList().eval()
            block.layers.append(layer)
        else:
            if not hasattr(block, "parts"):
                block.parts = nn.ModuleDict().eval()
            block.parts[f"part{len(block.parts)}"] = layer

    def run_block(self, code: str) -> list[Run]:
        """Call a new block, an equal one, or one that was called before."""
        block = self.state.modules[code]
        x = self.choose(self.tensors(code))
        if self.finished and self.chance(3):
            name = self.choose(self.finished)
            statements = [Run(self.again(block, name), (x,), self.keywords(code), next(self.fresh))]
            self.state.execute(statements[0])
            return statements
        kwargs = dict(self.keywords(code))
        given = {key: self.state.filled(value) for key, value in kwargs.items()} | {"x": self.state.filled(x)}
        name = self.block(given)
        self.register(block, self.state.modules[name])
        args, named = self.spelled(x, kwargs)
        number = next(self.fresh)
        self.state.values[number] = self.state.filled(self.state.codes[name].returns)
        return [Run(name, args, named, number)]

    def again(self, block: Block, name: str) -> str:
        """The same block once more, or a copy with weights of its own."""
        if not self.chance(2):
            return name
        twin = Block().eval()
        twin.state, twin.code = self.state, name
        original = self.state.modules[name]
        for key, parameter in original._parameters.items():
            twin.register_parameter(key, nn.Parameter(parameter.detach().clone()))
        for key, buffer in original._buffers.items():
            twin.register_buffer(key, buffer.clone())
        self.register(block, twin)
        key = f"{name} twin {next(self.fresh)}"
        self.state.modules[key] = twin
        return key

    def keywords(self, code: str) -> tuple[tuple[str, Any], ...]:
        tensors = self.tensors(code)
        kwargs = {}
        if self.chance(3):
            kwargs["y"] = self.choose(tensors)
        if self.chance(4):
            kwargs["gain"] = self.choose([0.5, 2, 1.0, -1])
        if self.chance(4):
            one, two = self.choose(tensors), self.choose(tensors)
            kwargs["batch"] = self.choose([{"ids": one, "rest": [two]}, (one, two), [two, None, one]])
        return tuple(kwargs.items())

    def spelled(self, x: Any, kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], tuple[tuple[str, Any], ...]]:
        """The arguments of a call, by position or by name."""
        if self.chance(3):
            return (), (("x", x), *kwargs.items())
        if "y" in kwargs and self.chance(2):
            return (x, kwargs["y"]), tuple((key, value) for key, value in kwargs.items() if key != "y")
        return (x,), tuple(kwargs.items())


@st.composite
def programs(draw) -> Program:
    """A model that was written while it ran, with its inputs."""
    torch.manual_seed(draw(st.integers(0, 3)))
    author = Author(draw)
    given = {"x": torch.rand(author.choose([(2, 4), (2, 4), (2, 2, 4)])) - 0.4}
    if author.chance(3):
        given["y"] = torch.rand(2, 4) - 0.4
    if author.chance(4):
        given["batch"] = {"ids": torch.arange(8).reshape(2, 4), "rest": [torch.rand(4)]}
    if author.chance(4):
        given["gain"] = 2.0
    before = copy.deepcopy(given)
    with torch.no_grad():
        name = author.block(given)
    author.state.values.clear()
    program = Program(author.state.modules[name], (before.pop("x"),), before)
    assume(program.runs())
    return program
