"""The options of ``nnviz_summary``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_nnviz.errors import OptionError
from pytest_nnviz.options.base import OptionsBase, as_bool, as_int, as_words
from pytest_nnviz.options.snapshot import Options

__all__ = ["COL_NAMES", "ROW_SETTINGS", "SummaryOptions"]

COL_NAMES = (
    "input_size",
    "output_size",
    "num_params",
    "params_percent",
    "kernel_size",
    "mult_adds",
    "trainable",
)
ROW_SETTINGS = ("ascii_only", "depth", "hide_recursive_layers", "var_names")


def _depth(depth: object) -> None:
    if type(depth) is not int or depth < 0:
        raise OptionError(f"depth={depth!r}: give a number from 0, how many levels of modules are shown")


def _some_of(key: str, names: object, choices: tuple[str, ...]) -> tuple[str, ...]:
    """Names out of those that there are, each once."""
    found = tuple(names) if isinstance(names, list | tuple) else ("",)
    if not all(name in choices for name in found) or len(set(found)) < len(found):
        example = f"{key}=({choices[-1]!r},)"
        raise OptionError(f"{key}={names!r}: choose some of {', '.join(map(repr, choices))}, each once, as {example}")
    return found


def _words(value: object) -> object:
    return as_words(value.replace(",", " ")) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class SummaryOptions(OptionsBase):
    """How the table of a model is made and drawn; what torchinfo has too goes by its names.

    Attributes:
        name: name of the snapshot within its test; None numbers the calls.
        depth: how many levels of modules are shown, 3 by default; 0 shows the model alone.
        col_names: the columns, in their order, out of ``input_size``, ``output_size``, ``num_params``,
            ``params_percent``, ``kernel_size``, ``mult_adds`` and ``trainable``; ``output_size`` and ``num_params`` by
            default. Those that need a forward pass are left out where there is none.
        row_settings: what rows show, out of ``var_names`` (default: the names of modules), ``depth`` (``1-7``, the
            depth and a number), ``ascii_only`` and ``hide_recursive_layers``.
        mode: ``eval`` (default) or ``train`` puts the model into that mode for the pass, ``as-is`` leaves it.
        device: ``as-is`` (default) runs where the model lives, ``meta`` computes shapes alone, on meta tensors.
        forward: False draws the table of parameters alone; no inputs are needed.
        grad: True runs forward with gradients enabled, for models that differentiate inside forward.
        values: ``checked`` (default) refuses to record a table that values decide; ``fixed`` says that they are pinned.

    Raises:
        OptionError: a value that the option does not take; the message lists the choices.
    """

    _choices: ClassVar = {
        "mode": ("eval", "train", "as-is"),
        "device": ("as-is", "meta"),
        "forward": (True, False),
        "grad": (True, False),
        "values": ("checked", "fixed"),
    }
    _parsers: ClassVar = {
        "depth": as_int,
        "col_names": _words,
        "row_settings": _words,
        "forward": as_bool,
        "grad": as_bool,
    }

    depth: int = 3
    col_names: tuple[str, ...] = ("output_size", "num_params")
    row_settings: tuple[str, ...] = ("var_names",)
    mode: str = "eval"
    device: str = "as-is"
    forward: bool = True
    grad: bool = False
    values: str = "checked"

    def __post_init__(self) -> None:
        OptionsBase.__post_init__(self)
        _depth(self.depth)
        object.__setattr__(self, "col_names", _some_of("col_names", self.col_names, COL_NAMES))
        object.__setattr__(self, "row_settings", _some_of("row_settings", self.row_settings, ROW_SETTINGS))

    @property
    def tracing(self) -> Options:
        """How the model is run."""
        shared = ("mode", "device", "forward", "grad", "values")
        return Options(**{name: getattr(self, name) for name in shared})
