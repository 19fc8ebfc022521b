"""The text of filters: canonical, versioned on its first line, one line a filter."""

from __future__ import annotations

from pytest_nnviz.filterbanks.data import Bank, Layer, Line, View
from pytest_nnviz.textformat.names import path_name

__all__ = ["END", "FORMAT_VERSION", "HEADER", "NOTICE", "block", "dumps", "number", "place"]

FORMAT_VERSION = 1
HEADER = "nnviz-filters"
END = "[end]"
NOTICE = "This file pins the convolution filters of a model. Made by pytest --snapshot-update; review it like code."


def dumps(bank: Bank) -> str:
    """The text of the filters of a model."""
    lines = [
        f"{HEADER} {FORMAT_VERSION}",
        NOTICE,
        "",
        "[summary]",
        f"model: {path_name(bank.model)}",
        f"layers: {len(bank.layers):,}",
        f"filters: {bank.filters:,}",
        f"weights: {bank.weights:,}",
        "",
    ]
    for layer in bank.layers:
        lines += [*block(layer), ""]
    versions = ", ".join(f"{name} {version}" for name, version in bank.versions)
    return "\n".join([*lines, END, *(["", f"# recorded with {versions}"] if versions else []), ""])


def block(layer: Layer) -> list[str]:
    """The lines of a layer: what there is, how it is drawn, and the numbers of all weights and of each filter."""
    nan, inf = layer.broken
    return [
        f"[layer] {place(layer.path)}",
        f"class: {path_name(layer.class_name)}",
        f"weight: {layer.dtype}{list(layer.shape)}",
        f"filters: {layer.filters:,} of {list(layer.kernel)}, {layer.whole.dead:,} dead, {nan:,} nan, {inf:,} inf",
        f"drawn: {_drawn(layer.view)}",
        f"all: {_numbers(layer.whole)}",
        *(f"{line}: {_numbers(line)}{_flags(line)}" for line in layer.lines),
    ]


def place(path: str) -> str:
    """The path of a module as it is written and told."""
    return path_name(path) if path else "(model)"


def number(value: float) -> str:
    """A number to six significant digits."""
    return f"{value + 0.0:.6g}"


def _drawn(view: View) -> str:
    channels = "1 channel" if view.shown == 1 else f"{view.shown:,} channels"
    return f"{view.filters:,} filters, {channels}, {view.channels}, scale {view.scale}"


def _numbers(line: Line) -> str:
    s = line.statistics
    named = {"norm": s.norm, "mean": s.mean, "std": s.std, "min": s.low, "max": s.high, "projection": s.projection}
    counted = {"nan": s.nan, "inf": s.inf, "-inf": s.minus_inf}
    values = [f"{name} {number(value)}" for name, value in named.items()]
    wild = [f"{name} x{count}" for name, count in counted.items() if count]
    return ", ".join([*values, *wild, f"digest {line.digest}"])


def _flags(line: Line) -> str:
    if not line.dead:
        return ""
    return ", dead" if len(line) == 1 else f", {line.dead} dead"
