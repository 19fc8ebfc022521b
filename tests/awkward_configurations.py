"""What modules are configured with: plain values, enums, functions, objects; and what of it changes while they run."""

from __future__ import annotations

import collections.abc
import enum
import functools
import types
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from awkward_tensors import X
from catalogue import Entry, given
from torch import nn

__all__ = ["SECTIONS"]


class Kind(enum.Enum):
    """A choice."""

    SOFT = "soft"
    HARD = "hard"


@dataclass(frozen=True)
class Sizes:
    """A configuration as a dataclass."""

    width: int = 4
    where: str = "/data/run"


class Settings:
    """A configuration as an ordinary class, one value behind a property."""

    def __init__(self, width=4, depth=2):
        self.width = width
        self._depth = depth
        self.device = torch.device("cpu")

    @property
    def depth(self):
        return self._depth


@dataclass(frozen=True)
class Named:
    """A configuration that says what model it is of, as those of transformers do."""

    dropout: float = 0.1
    model_type: str = "gpt"


class Slotted:
    """A configuration without a ``__dict__``."""

    __slots__ = ("width",)

    def __init__(self, width):
        self.width = width


class Tree(collections.abc.Mapping):
    """A configuration as a mapping, as read from a file."""

    def __init__(self, values):
        self._values = values

    def __getitem__(self, key):
        return self._values[key]

    def __iter__(self):
        return iter(self._values)

    def __len__(self):
        return len(self._values)


class Holder(nn.Module):
    """Holds what it is configured with."""

    def __init__(self, setting):
        super().__init__()
        self.setting = setting

    def forward(self, x):
        return x * 2


class Counting(nn.Module):
    """Counts its calls in a constructor argument, and looks up another the first time."""

    def __init__(self, step=0, limit=None, p=0.5):
        super().__init__()
        self.step, self.limit, self.p = step, limit, p

    def forward(self, x):
        self.step += 1
        self.limit = self.limit or 7
        return x * self.limit


def holds(setting):
    return lambda: given(Holder(setting), X)


def _used(model, **edits):
    for _ in range(3):
        model(X)
    for name, value in edits.items():
        setattr(model, name, value)
    return given(model, X)


def _row(name, how, setting, line, edited=(), equal=()):
    line = f"Holder(setting={line})"
    return Entry(name, how, holds(setting), (line,), tuple(map(holds, edited)), tuple(map(holds, equal)))


CONFIGURATIONS = (
    _row("enum", "class and name", Kind.SOFT, "<Kind.SOFT>", [Kind.HARD]),
    _row("dtype", "as torch says it", torch.float16, "torch.float16", [torch.float32]),
    _row("dataclass", "its fields", Sizes(), "Sizes(width=4, where=<path>)", [Sizes(5)], [Sizes(4, "/elsewhere/run")]),
    _row("dataclass, of a model", "the same", Named(), 'Named(dropout=0.1, model_type="gpt")', [Named(0.2)]),
    _row("namespace", "its attributes", types.SimpleNamespace(a=1, b="x"), 'SimpleNamespace(a=1, b="x")'),
    _row(
        "parsed arguments",
        "its attributes",
        Namespace(lr=0.1),
        "Namespace(lr=0.1)",
        [Namespace(lr=1)],
    ),
    _row(
        "object of plain values",
        "its attributes, no devices",
        Settings(),
        "Settings(width=4, _depth=2)",
        [Settings(5), Settings(4, 3)],
    ),
    _row("object with slots", "its attributes", Slotted(4), "Slotted(width=4)", [Slotted(5)]),
    _row("mapping", "its items", Tree({"a": 1, "b": [1, 2]}), "Tree(a=1, b=[1, 2])", [Tree({"a": 2, "b": [1, 2]})]),
    _row(
        "nested objects",
        "down to plain values",
        types.SimpleNamespace(inner=Settings()),
        "SimpleNamespace(inner=Settings(width=4, _depth=2))",
    ),
    _row("function", "by qualified name", F.gelu, "<gelu>", [F.relu]),
    _row("class", "by qualified name", nn.LayerNorm, "<LayerNorm>", [nn.BatchNorm1d]),
    _row(
        "partial",
        "with what it binds",
        functools.partial(F.gelu, approximate="tanh"),
        'partial(func=<gelu>, approximate="tanh")',
        [functools.partial(F.gelu), F.gelu],
    ),
    _row("path", "that it is one", Path("/data/run"), "<path>", [None], [Path("elsewhere")]),
    _row("absolute path in a string", "that it is one", "/data/run", "<path>", ["run"], ["C:\\data\\run"]),
    _row("bytes", "length and digest", b"abc", "<3 bytes, digest ba7816bf8f01>", [b"abd"]),
    _row(
        "long table of numbers",
        "beginning and digest",
        list(range(100)),
        "[0, 1, 2, 3, 4, 5, 6, 7, <92 more, digest ce669cc6fe8e>]",
        [[*range(99), 0]],
    ),
    Entry(
        "random generators, tensors, modules, devices",
        "not shown as arguments",
        holds(torch.Generator()),
        ("Holder()",),
        equal=(holds(torch.device("cpu")), holds(types.SimpleNamespace(generator=torch.Generator()))),
    ),
    Entry(
        "argument that forward counts up",
        "left out; what forward sets once shows as it is then",
        lambda: given(Counting(), X),
        ("Counting(limit=7, p=0.5)",),
        edited=(
            lambda: given(Counting(p=0.25), X),
            lambda: _used(Counting(), p=0.25),
            lambda: given(Counting(limit=8), X),
        ),
        equal=(lambda: _used(Counting()), lambda: given(Counting(step=5), X)),
    ),
)

SECTIONS: dict[str, tuple[Entry, ...]] = {"Configuration of modules": CONFIGURATIONS}
