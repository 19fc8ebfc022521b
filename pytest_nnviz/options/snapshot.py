"""The options of ``nnviz_snapshot``, and of a trace outside of a test."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_nnviz.asked import Asked
from pytest_nnviz.budgets import Budget
from pytest_nnviz.errors import OptionError
from pytest_nnviz.gates import Gates
from pytest_nnviz.options.base import OptionsBase, as_bool, as_float, as_int, as_words
from pytest_nnviz.patterns import ProjectPattern, patterns

if TYPE_CHECKING:
    from pytest_nnviz.architecture import Architecture

__all__ = ["Options"]


def _depth(depth: object) -> None:
    if depth is not None and (type(depth) is not int or depth < 0):
        raise OptionError(f"picture_depth={depth!r}: give a number from 0, or None for what fits")


def _share(key: str, share: object) -> None:
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise OptionError(f"{key}={share!r}: give a share of the pixels, from 0 to 1 (0.001 is a pixel in a thousand)")


def _project_patterns(value: object) -> object:
    words = as_words(value)
    return [ProjectPattern(word) for word in words] if isinstance(words, list) else words


def _gates(value: object) -> object:
    """Names, or names behind patterns that end in a colon; a table of TOML may come as its text."""
    if isinstance(value, str) and value.startswith("{"):
        value = _table(value)
    if isinstance(value, Mapping):
        return {ProjectPattern(pattern): names for pattern, names in value.items()}
    words = as_words(value)
    if not isinstance(words, list) or not any(str(word).endswith(":") for word in words):
        return words
    found: dict[str, list[str]] = {}
    pattern = ProjectPattern("*")
    for word in words:
        if word.endswith(":"):
            pattern = ProjectPattern(word[:-1])
            found[pattern] = []
        else:
            found.setdefault(pattern, []).append(word)
    return found


def _table(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        raise OptionError(f"{text!r} is no table; write patterns and gates, encoder.*: shapes parameters") from None


def _spaced(value: object) -> object:
    return " ".join(map(str, value)) if isinstance(value, list) else value


_PARSERS = {
    "forward": as_bool,
    "grad": as_bool,
    "flops": as_bool,
    "fold": as_bool,
    "show_parameters": as_bool,
    "expand": _project_patterns,
    "picture_depth": as_int,
    "max_parameters": as_int,
    "gate": _gates,
    "opaque": _project_patterns,
    "images": _spaced,
    "images_tolerance": as_float,
}
_CHOICES = {
    "mode": ("eval", "train", "as-is"),
    "device": ("as-is", "meta"),
    "forward": (True, False),
    "grad": (True, False),
    "flops": (True, False),
    "fold": (True, False),
    "show_parameters": (True, False),
    "values": ("checked", "fixed"),
    "images": ("svg", "png", "svg png", "off"),
    "images_check": ("warn", "digest", "pixels"),
}


@dataclass(frozen=True, slots=True)
class Options(OptionsBase):
    """How a model is traced, compared and drawn.

    Attributes:
        name: name of the snapshot within its test; None numbers the calls.
        mode: ``eval`` (default) or ``train`` puts the model into that mode for the trace, ``as-is`` leaves it.
        device: ``as-is`` (default) runs where the model lives, ``meta`` computes shapes alone, on meta tensors.
        forward: False pins modules and parameters alone; no inputs are needed.
        grad: True runs forward with gradients enabled, for models that differentiate inside forward.
        flops: True counts the floating-point operations of the forward pass, see `pytest_nnviz.tracing.cost`.
        gate: which changes fail the test, out of ``structure``, ``shapes``, ``parameters``, ``topology``, ``cost``; by
            pattern (``{"encoder.*": {"shapes"}}``) for parts of the model, see `pytest_nnviz.gates.Gates`.
        max_parameters: a budget: more parameters than this fail, also when snapshots are updated; None for any number.
        max_parameter_growth: a budget: growth against the stored snapshot by more than this (``"1%"``) fails likewise.
        opaque: patterns (``timm.layers.*``, ``*.rotary_emb``) of class paths or module paths recorded as one call.
        values: ``checked`` (default) refuses to record a graph that values decide; ``fixed`` says that they are pinned.
        picture_depth: how many levels of modules a picture opens; None chooses what fits.
        expand: patterns of module paths (``layer4``, ``layers.*.attn``) that a picture opens whatever the depth.
        fold: False draws equal blocks that follow each other one by one.
        show_parameters: True draws a node for each parameter.
        images: formats of the picture beside the text: ``svg`` (default), ``png``, ``svg png`` or ``off``.
        images_check: ``warn`` (default) warns about a stale or missing picture, ``digest`` fails, ``pixels`` draws it
            anew and fails too where the pixels of a PNG or the text of an SVG differ.
        images_tolerance: with ``pixels``, the share of the pixels of a PNG that may differ, from 0 (default) to 1.

    Raises:
        OptionError: a value that the option does not take; the message lists the choices.
    """

    _choices: ClassVar = _CHOICES
    _parsers: ClassVar = _PARSERS

    mode: str = "eval"
    device: str = "as-is"
    forward: bool = True
    grad: bool = False
    flops: bool = False
    gate: Gates = field(default_factory=Gates)
    max_parameters: int | None = None
    max_parameter_growth: str | None = None
    opaque: tuple[str, ...] = ()
    values: str = "checked"
    picture_depth: int | None = None
    expand: tuple[str, ...] = ()
    fold: bool = True
    show_parameters: bool = False
    images: str = "svg"
    images_check: str = "warn"
    images_tolerance: float = 0.0

    def __post_init__(self) -> None:
        OptionsBase.__post_init__(self)
        object.__setattr__(self, "gate", Gates.of(self.gate))
        object.__setattr__(self, "opaque", patterns("opaque", self.opaque, "('timm.layers.*', '*.rotary_emb')"))
        object.__setattr__(self, "expand", patterns("expand", self.expand, "('layer4', 'layers.*.attn')"))
        _depth(self.picture_depth)
        _share("images_tolerance", self.images_tolerance)
        _ = self.budget

    @property
    def budget(self) -> Budget:
        """The limits of the model."""
        return Budget(self.max_parameters, self.max_parameter_growth)

    @property
    def picture(self) -> Asked:
        """What pictures are asked to show."""
        return Asked(self.picture_depth, self.expand, self.fold, self.show_parameters)

    def trace(self, model: Any, *args: Any, **kwargs: Any) -> Architecture:
        """Trace ``model(*args, **kwargs)`` with these options; see `pytest_nnviz.trace`."""
        from pytest_nnviz.tracing import trace_with

        return trace_with(self, model, args, kwargs)
