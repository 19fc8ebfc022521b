"""Options: one dataclass behind ``.using(...)``, the marker and the ini keys."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Self

from pytest_nnviz.asked import Asked
from pytest_nnviz.budgets import Budget
from pytest_nnviz.errors import OptionError, suggest
from pytest_nnviz.gates import Gates
from pytest_nnviz.patterns import ProjectPattern, patterns

if TYPE_CHECKING:
    from pytest_nnviz.architecture import Architecture

__all__ = ["Options"]

_CHOICES: dict[str, tuple[object, ...]] = {
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
class Options:
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

    name: str | None = None
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
        for key, choices in _CHOICES.items():
            _one_of(key, getattr(self, key), choices)
        object.__setattr__(self, "gate", Gates.of(self.gate))
        object.__setattr__(self, "opaque", patterns("opaque", self.opaque, "('timm.layers.*', '*.rotary_emb')"))
        object.__setattr__(self, "expand", patterns("expand", self.expand, "('layer4', 'layers.*.attn')"))
        _name(self.name)
        _depth(self.picture_depth)
        _share("images_tolerance", self.images_tolerance)
        _ = self.budget

    def using(self, **changes: Any) -> Self:
        """The same options with some changed.

        Raises:
            OptionError: an unknown option, or a value that it does not take.
        """
        _known(changes, [each.name for each in fields(self)])
        return replace(self, **changes)

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

    @classmethod
    def ini_keys(cls) -> list[str]:
        """The options that a project can set: all but the name, which is of one call."""
        return [each.name for each in fields(cls) if each.name != "name"]

    @classmethod
    def parse_ini(cls, values: Mapping[str, object]) -> dict[str, Any]:
        """Values of ini keys (without ``nnviz_``), texts or what TOML makes of them, as values of options.

        Raises:
            OptionError: an unknown key, or a value that does not read as what the option takes.
        """
        _known(values, cls.ini_keys())
        return {key: _PARSERS.get(key, _as_it_is)(value) for key, value in values.items()}


def _known(keys: Iterable[str], known: list[str]) -> None:
    for key in keys:
        if key not in known:
            raise OptionError(f"unknown option {key!r}{suggest(key, known)}; options: {', '.join(known)}")


def _one_of(key: str, value: object, choices: Iterable[object]) -> None:
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise OptionError(f"{key}={value!r}: choose one of {', '.join(map(repr, choices))}")


def _name(name: object) -> None:
    if name is not None and (not isinstance(name, str) or not name.strip()):
        raise OptionError(f"name={name!r}: give a string that is not empty, or None")


def _depth(depth: object) -> None:
    if depth is not None and (type(depth) is not int or depth < 0):
        raise OptionError(f"picture_depth={depth!r}: give a number from 0, or None for what fits")


def _share(key: str, share: object) -> None:
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise OptionError(f"{key}={share!r}: give a share of the pixels, from 0 to 1 (0.001 is a pixel in a thousand)")


def _as_it_is(value: object) -> object:
    return value


def _bool(value: object) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    found = words.get(str(value).strip().lower())
    if found is None:
        raise OptionError(f"{value!r} is neither true nor false")
    return found


def _int(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return int(value.replace(",", ""))
    except ValueError:
        raise OptionError(f"{value!r} is not a number; give one from 0") from None


def _float(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        raise OptionError(f"{value!r} is not a number; give one from 0 to 1") from None


def _words(value: object) -> object:
    return shlex.split(value) if isinstance(value, str) else value


def _project_patterns(value: object) -> object:
    words = _words(value)
    return [ProjectPattern(word) for word in words] if isinstance(words, list) else words


def _gates(value: object) -> object:
    """Names, or names behind patterns that end in a colon; a table of TOML may come as its text."""
    if isinstance(value, str) and value.startswith("{"):
        value = _table(value)
    if isinstance(value, Mapping):
        return {ProjectPattern(pattern): names for pattern, names in value.items()}
    words = _words(value)
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


_PARSERS: dict[str, Callable[[object], Any]] = {
    "forward": _bool,
    "grad": _bool,
    "flops": _bool,
    "fold": _bool,
    "show_parameters": _bool,
    "expand": _project_patterns,
    "picture_depth": _int,
    "max_parameters": _int,
    "gate": _gates,
    "opaque": _project_patterns,
    "images": _spaced,
    "images_tolerance": _float,
}
