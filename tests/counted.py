"""How many functions are called to trace, write, read, compare and judge one model: no load of a machine changes that.

    python tests/counted.py

Counts anew and writes ``counted.json`` beside this file, which `test_speed_budget` holds all later counts to. Run it in
the same change as what makes the counts smaller; where they are larger, say why in that change.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from pytest_nnviz import Options, diff, dumps, loads
from pytest_nnviz.checker import check
from pytest_nnviz.tracing import open_session

__all__ = ["KEPT", "STEPS", "Net", "counted", "steps_of"]

KEPT = Path(__file__).with_suffix(".json")


class Block(nn.Module):
    """Attention and a convolution: layers, functions, operators, arguments by name, a buffer, a container."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.mix = nn.Sequential(nn.Conv1d(width, width, 3, padding=1), nn.BatchNorm1d(width), nn.GELU())
        self.scale = nn.Parameter(torch.ones(width))
        self.register_buffer("shift", torch.zeros(width))

    def forward(self, x: torch.Tensor, *, causal: bool = False) -> torch.Tensor:
        q, k, v = self.qkv(self.norm(x)).chunk(3, dim=-1)
        x = x + nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return x + self.mix((x * self.scale + self.shift).transpose(1, 2)).transpose(1, 2)


class Net(nn.Module):
    """So many blocks."""

    def __init__(self, blocks: int, width: int = 4) -> None:
        super().__init__()
        self.embed = nn.Embedding(8, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(blocks))
        self.head = nn.Linear(width, 8, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, causal=True)
        return self.head(x)


def steps_of(blocks: int) -> dict[str, Callable[[], object]]:
    """What is counted, of a model of so many blocks."""
    model, tokens = Net(blocks).eval(), torch.ones(1, 5, dtype=torch.long)

    def trace(traced: nn.Module = model) -> object:
        with open_session(Options(), traced, (tokens,)) as session:
            return session.run()

    edited = Net(blocks).eval()
    for block in edited.blocks:
        block.mix[0] = nn.Conv1d(4, 4, 5, padding=2)
    old, new = trace(), trace(edited)
    text = dumps(old)
    return {
        "trace": trace,
        "dump": lambda: dumps(old),
        "load": lambda: loads(text),
        "diff": lambda: diff(old, new),
        "check": lambda: check(Options(), model, (tokens,), {}, stored=text, updates="nothing"),
    }


STEPS = ("trace", "dump", "load", "diff", "check")


def counted(step: Callable[[], object]) -> int:
    """How many functions are called, those written in C included, once what is kept for the next time is there."""
    calls = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    step()
    gc.collect()
    gc.disable()
    sys.setprofile(note)
    try:
        step()
    finally:
        sys.setprofile(None)
        gc.enable()
    return calls


if __name__ == "__main__":
    steps = steps_of(8)
    KEPT.write_text(json.dumps({name: counted(steps[name]) for name in STEPS}, indent=1) + "\n", encoding="utf-8")
    print(KEPT.read_text(encoding="utf-8"), end="")
