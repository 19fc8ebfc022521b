"""A model -> Summary: what each row says, in the words of torchinfo, and which rows there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_nnviz.options.summary import ROW_SETTINGS, SummaryOptions
from pytest_nnviz.summaries.table import NEED_FORWARD, NOTHING, Row, Summary, label
from pytest_nnviz.textformat.names import path_name
from pytest_nnviz.tracing import open_session

if TYPE_CHECKING:
    from pytest_nnviz.tracing.layers import Layer, Layers

__all__ = ["drawn", "summarize", "table_of"]

_AGAIN = "(recursive)"
_TIES = 3


def summarize(
    options: SummaryOptions, model: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
) -> Summary:
    """Run a model once, and draw the table of its layers.

    Args:
        options: how to run it, and what to draw.
        model: a ``torch.nn.Module``.
        args: positional arguments of its forward.
        kwargs: keyword arguments of its forward.

    Raises:
        TraceError: the model cannot be run as it is asked for.
        Exception: whatever its forward raises.
    """
    __tracebackhide__ = True
    with open_session(options.tracing, model, args, kwargs) as session:
        return drawn(session.layers(), options)


def drawn(layers: Layers, options: SummaryOptions) -> Summary:
    """The table of these layers, with its text."""
    from pytest_nnviz.summaries.drawing import draw

    summary = table_of(layers, options)
    return replace(summary, text=draw(summary))


def table_of(layers: Layers, options: SummaryOptions) -> Summary:
    """The table of these layers, without its text; columns that need a forward pass only where there was one."""
    columns = tuple(name for name in options.col_names if layers.mult_adds is not None or name not in NEED_FORWARD)
    settings = tuple(name for name in ROW_SETTINGS if name in options.row_settings)
    return Summary(
        mode=layers.mode,
        depth=options.depth,
        col_names=columns,
        row_settings=settings,
        rows=tuple(_rows(layers, options.depth, columns, settings)),
        total_params=layers.parameters,
        trainable_params=layers.trainable,
        total_mult_adds=layers.mult_adds,
        remark=_remark(layers),
    )


def _rows(layers: Layers, depth: int, col_names: Sequence[str], settings: Sequence[str]) -> Iterator[Row]:
    named, numbered = "var_names" in settings, "depth" in settings
    hidden = _only_again(layers.rows) if "hide_recursive_layers" in settings else set()
    numbers: Counter[int] = Counter()
    for at, layer in enumerate(layers.rows):
        level = len(layer.path)
        numbers[level] += 1
        if level > depth or at in hidden:
            continue
        cells = _cells(layer, layers.parameters, whole=level == depth)
        class_name = label(layer.class_name)
        yield Row(
            path=".".join(map(label, layer.path)) if named else "",
            depth=level,
            class_name=class_name,
            name=(label(layer.path[-1]) if layer.path else class_name) if named else "",
            number=numbers[level] if numbered and level else None,
            cells=tuple(cells[name] for name in col_names),
        )


def _cells(layer: Layer, total: int, *, whole: bool) -> dict[str, str]:
    """What stands in each column; ``whole`` if no rows below it say what is in them."""
    whole = whole or layer.is_leaf
    return {
        "input_size": _shape(layer.input),
        "output_size": _shape(layer.output),
        "num_params": _params(layer, whole=whole),
        "params_percent": _percent(layer, total, whole=whole),
        "kernel_size": _kernel(layer.kernel),
        "mult_adds": _cost(layer, whole=whole),
        "trainable": _trainable(layer),
    }


def _shape(shape: tuple[int | None, ...] | None) -> str:
    return NOTHING if shape is None else f"[{', '.join('?' if size is None else str(size) for size in shape)}]"


def _kernel(size: int | tuple[int, ...] | None) -> str:
    return str(list(size) if isinstance(size, tuple) else size) if size else NOTHING


def _params(layer: Layer, *, whole: bool) -> str:
    if not layer.parameters:
        return NOTHING
    if layer.is_again:
        return _AGAIN
    if whole:
        return f"{layer.parameters:,}" if layer.trainable else f"({layer.parameters:,})"
    return f"{layer.own:,}" if layer.own else NOTHING


def _percent(layer: Layer, total: int, *, whole: bool) -> str:
    count = layer.parameters if whole else layer.own
    if total and layer.is_again:
        return _AGAIN
    return f"{count / total:.2%}" if count and total else NOTHING


def _cost(layer: Layer, *, whole: bool) -> str:
    """Nothing where no weights are seen; 0 for modules in which no layer uses those that are there."""
    return f"{layer.mult_adds:,}" if whole and (layer.mult_adds or layer.is_costly) else NOTHING


def _trainable(layer: Layer) -> str:
    if not layer.parameters:
        return NOTHING
    return {0: "False", layer.parameters: "True"}.get(layer.trainable, "Partial")


def _only_again(rows: Sequence[Layer]) -> set[int]:
    """The rows that show what rows before have shown, as all below them do."""
    found: set[int] = set()
    deepest = 0  # a row at this depth or below it is above none of those behind it that are shown
    for at in range(len(rows) - 1, -1, -1):
        depth = len(rows[at].path)
        if rows[at].is_again and depth >= deepest:
            found.add(at)
        else:
            deepest = depth
    return found


def _remark(layers: Layers) -> str:
    if layers.torchinfo == layers.parameters:
        return ""
    ties = [f"{path_name(name)} is {path_name(other)}" for name, other in layers.ties[:_TIES]]
    more = len(layers.ties) - _TIES
    reasons = ", ".join([*ties, *([f"and {more:,} more"] if more > 0 else [])])
    return f"torchinfo says {layers.torchinfo:,}: {reasons}, counted once here"
