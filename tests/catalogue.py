"""The awkward corpus: what an entry of it says, the laws that each one keeps, and the page that lists them all."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from pytest_nnviz import Options, diff, dumps, loads
from pytest_nnviz.errors import UnstableArchitecture, UntrackedTensorWarning
from pytest_nnviz.tracing import open_session

__all__ = ["CATALOGUES", "PAGE", "Entry", "Forward", "Given", "given", "page", "sections"]

PAGE = Path(__file__).parent.parent / "docs" / "coverage.md"
CATALOGUES = ("awkward_kinds", "awkward_forms", "awkward_transforms")
_HEAD = """\
# What is traced how

Each row is a model of the test suite (`tests/awkward_*.py`): what it does, how that is recorded, and a line of its
text. A test holds this page against them; `python tests/catalogue.py` writes it anew.
"""


@dataclass(frozen=True)
class Given:
    """A model and what it is called with."""

    model: nn.Module
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


def given(model: nn.Module, *args: Any, **kwargs: Any) -> Given:
    return Given(model, args, kwargs)


class Forward(nn.Module):
    """A model whose forward is the function that it is given, with members of its own."""

    def __init__(self, function: Callable[..., Any], **members: Any) -> None:
        super().__init__()
        for name, member in members.items():
            setattr(self, name, member)
        self._function = [function]

    def forward(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        return self._function[0](self, x, *args, **kwargs)


@dataclass(frozen=True)
class Entry:
    """One awkward thing.

    ``lines`` stand in the text of ``build()`` as they are, without their indent; the first is shown on the page.
    ``edited`` build models that must have another text, ``equal`` models that must have the same.
    ``meta`` says whether the meta device can run it and gives the same text; ``untracked`` whether a warning says that
    a tensor came out of nowhere; ``refused`` whether recording refuses it as values decide its graph.
    """

    name: str
    how: str
    build: Callable[[], Given]
    lines: tuple[str, ...]
    edited: tuple[Callable[[], Given], ...] = ()
    equal: tuple[Callable[[], Given], ...] = ()
    options: Options = Options()  # noqa: RUF009 (frozen)
    meta: bool = True
    untracked: bool = False
    refused: bool = False

    def __str__(self) -> str:
        return self.name

    def text(self, build: Callable[[], Given] | None = None, **options: Any) -> str:
        return self.text_of((build or self.build)(), **options)

    def text_of(self, made: Given, **options: Any) -> str:
        torch.manual_seed(0)
        with _heard(self.untracked):
            return dumps(self.options.using(**options).trace(made.model, *made.args, **made.kwargs))

    # the laws

    def check_text(self) -> None:
        """It traces, twice the same, reads back, and says what it should."""
        made = self.build()
        text = self.text_of(made)
        assert self.text_of(made) == text
        assert self.text() == text
        assert dumps(loads(text)) == text
        assert not diff(loads(text), loads(text))
        found = [line.strip() for line in text.splitlines()]
        missing = [line for line in self.lines if line not in found]
        assert not missing, f"{missing} not in\n{text}"

    def check_handed_back(self) -> None:
        """Every tensor of model and inputs is the one that it was, bit by bit; every attribute too."""
        made = self.build()
        attributes = [(module, dict(vars(module))) for module in made.model.modules()]
        before = [(tensor, _bits(tensor)) for tensor in _tensors(made)]
        randomness = torch.get_rng_state()
        torch.manual_seed(0)
        with _heard(self.untracked):
            self.options.trace(made.model, *made.args, **made.kwargs)
        torch.set_rng_state(randomness)
        for tensor, bits in before:
            assert _bits(tensor) == bits
        for module, held in attributes:
            assert vars(module).keys() == held.keys()
            assert all(vars(module)[name] is value for name, value in held.items())

    def check_values(self) -> None:
        """Recorded once more with other values it is the same, unless it is refused, and said to be."""
        made = self.build()
        with _heard(self.untracked), open_session(self.options, made.model, made.args, made.kwargs) as session:
            settled = session.settle(session.run())
            refusal = pytest.raises(UnstableArchitecture, match="values of weights or inputs decide")
            with refusal if self.refused else nullcontext():
                session.check_values(settled)

    def check_twins(self) -> None:
        """Edited twins differ, and the drift is told; equal twins do not."""
        text = self.text()
        for twin in self.edited:
            other = self.text(twin)
            assert other != text, f"an edit does not show in\n{text}"
            assert diff(loads(text), loads(other))
        for twin in self.equal:
            assert self.text(twin) == text

    def check_meta(self) -> None:
        """Without values the text is the same."""
        assert self.text(device="meta") == self.text()

    def row(self) -> str:
        line = self.lines[0].replace("|", "\\|")
        quotes = "``" if "`" in line else "`"
        return f"| {self.name} | {self.how} | {quotes}{line}{quotes} |"


@contextmanager
def _heard(untracked: bool) -> Iterator[None]:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        yield
    assert untracked == any(warning.category is UntrackedTensorWarning for warning in heard), [*map(str, heard)]


def _tensors(made: Given) -> list[torch.Tensor]:
    found = [*made.model.parameters(), *made.model.buffers()]
    for thing in (*made.args, *made.kwargs.values(), *(v for m in made.model.modules() for v in vars(m).values())):
        if isinstance(thing, torch.Tensor):
            found.append(thing)
    return [tensor for tensor in found if not tensor.is_meta]


def _bits(tensor: torch.Tensor) -> str:
    plain = tensor.detach()
    if type(plain) is torch.Tensor and plain.layout is torch.strided and not plain.is_nested and not plain.is_quantized:
        values = plain.clone().resolve_conj().resolve_neg().reshape(-1).view(torch.uint8)
        return f"{plain.dtype} {tuple(plain.shape)} {values.numpy().tobytes().hex()}"
    return repr(plain)


def sections(name: str) -> dict[str, tuple[Entry, ...]]:
    """The sections of one catalogue."""
    found: dict[str, tuple[Entry, ...]] = importlib.import_module(name).SECTIONS
    return found


def page() -> str:
    """The page that lists every entry."""
    parts = [_HEAD]
    for section, rows in (pair for name in CATALOGUES for pair in sections(name).items()):
        parts.append(f"## {section}\n\n| what | how it is recorded | a line of the text |\n|---|---|---|\n")
        parts.append("\n".join(entry.row() for entry in rows) + "\n")
    return "\n".join(parts).replace("|---|---|---|\n\n", "|---|---|---|\n")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
