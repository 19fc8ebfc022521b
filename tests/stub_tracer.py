"""Stands in for the tracer and the drawing in inner pytest runs: no torch, a known architecture, a log of what ran."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from pytest_nnviz.architecture import Architecture, Argument, Body, Call, Literal, Module, Parameter, Ref, Step
from pytest_nnviz.architecture import TensorSpec as Spec
from pytest_nnviz.errors import DrawingError, UnstableArchitecture


@dataclass
class Net:
    """A model: what it holds, and how it misbehaves."""

    width: int = 4
    trainable: bool = True
    mark: str = "1"
    layers: int = 0  # so many layers, in each of which the mark is another value
    torch: str = "2.13.0"
    cold: int | None = None  # width of the first trace alone
    values_decide: bool = False
    forward: Callable[..., None] | None = None
    log: list[str] = field(default_factory=list)


def architecture(net: Net, width: int) -> Architecture:
    config = (Argument("width", Literal(str(width))), Argument("mark", Literal(net.mark)))
    weight = Parameter("weight", Spec("f32", (width, 4)), net.trainable)
    marks = [f"{net.mark}{index}" for index in range(net.layers)]
    layers = [(f"layer{index}", Module("Layer", (Argument("mark", Literal(m)),))) for index, m in enumerate(marks)]
    root = Module("Net", config, children=(("head", Module("Linear", (), (weight,))), *layers))
    x = Ref("input", (Step("x"),))
    call = Call("module", "head", (Argument(None, x),), Spec("f32", (1, width)))
    body = Body((call,), Ref("result", (Step("head"),)))
    return Architecture("eval", root, (Argument("x", Spec("f32", (1, 4))),), body, (("torch", net.torch),))


class Session:
    def __init__(self, net: Net, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.net, self.args, self.kwargs = net, args, kwargs
        self.reads: list[str] = []

    def run(self) -> Architecture:
        self.net.log.append("run")
        if self.net.forward is not None:
            try:
                self.net.forward(*self.args, **self.kwargs)
            except Exception as error:
                error.add_note("pytest-nnviz: raised in the model itself")
                raise
        return architecture(self.net, self.net.cold or self.net.width)

    def settle(self, first: Architecture, stored: str | None = None) -> Architecture:
        self.net.log.append("settle")
        return architecture(self.net, self.net.width)

    def versioned(self, architecture: Architecture) -> Architecture:
        return architecture

    def check_values(self, settled: Architecture) -> None:
        self.net.log.append("check_values")
        if self.net.values_decide:
            raise UnstableArchitecture("values decide the graph")


@contextmanager
def open_session(options: Any, net: Net, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Session]:
    net.log.append(f"open {options.mode}")
    try:
        yield Session(net, args, kwargs)
    finally:
        net.log.append("close")


class Drawn:
    def __init__(self, thing: Any, asked: Any) -> None:
        self.said = f"{type(thing).__name__}, depth {asked.depth}"

    def picture(self, suffix: str, side: str = "both", digest: str | None = None) -> str | bytes:
        from pytest_nnviz.pictures.digest import embed_in_png, embed_in_svg

        if "NNVIZ_STUB_DRAWN" in os.environ:
            with Path(os.environ["NNVIZ_STUB_DRAWN"]).open("a") as log:
                log.write(f"{suffix}\n")
        if "NNVIZ_STUB_NO_ENGINE" in os.environ:
            raise DrawingError("no engine: nothing is installed that draws")
        if suffix == "png":
            return embed_in_png(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(17), digest)
        return embed_in_svg(f"<svg>\n{self.said}, {side}</svg>\n", digest)


def install() -> None:
    """Put the stand-ins where the package will look for the tracer and the drawing."""
    import pytest_nnviz.pictures

    tracing = ModuleType("pytest_nnviz.tracing")
    tracing.open_session = open_session  # type: ignore[attr-defined]
    sys.modules["pytest_nnviz.tracing"] = tracing
    if "NNVIZ_REAL_DRAWING" not in os.environ:
        pytest_nnviz.pictures.Drawn = Drawn  # type: ignore[misc, assignment]
