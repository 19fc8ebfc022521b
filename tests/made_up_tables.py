"""Tables that no model has, for laws."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import strategies as st

from pytest_nnviz.options.summary import COL_NAMES, ROW_SETTINGS
from pytest_nnviz.summaries.drawing import draw
from pytest_nnviz.summaries.table import Row, Summary, label

CELLS = {
    "input_size": ["--", "[]", "[0]", "[1, 3]", "[1, ?, 64]", f"[{2**63 - 1}]"],
    "output_size": ["--", "[1, 8, 4, 4]", "[" + ", ".join(["1000"] * 9) + "]"],
    "num_params": ["--", "(recursive)", "1,024", "(12)", f"{2**70:,}", f"({2**70:,})"],
    "params_percent": ["--", "(recursive)", "0.00%", "0.50%", "100.00%"],
    "kernel_size": ["--", "3", "-1", "[3, 3]", "[0, 0]", str(2**64)],
    "mult_adds": ["--", "0", "7", "1,234,567", f"{2**128:,}"],
    "trainable": ["--", "True", "False", "Partial"],
}
CLASSES = ["Linear", "Conv2d", "Block", "a ` b", "Überschicht"]
NAMES = ["conv1", "fc", "0", "1", "2", "buffer", "a b", "x (y): 1-1", "├─", "\n", "`", "\\"]


@st.composite
def tables(draw_from: st.DrawFn, settings: tuple[str, ...] | None = None) -> Summary:
    """A table of a few rows, below each other as those of models are."""
    cols = draw_from(st.lists(st.sampled_from(COL_NAMES), unique=True, max_size=3))
    if settings is None:
        chosen = draw_from(st.sets(st.sampled_from(ROW_SETTINGS)))
        settings = tuple(name for name in ROW_SETTINGS if name in chosen)
    rows = list(_rows(draw_from, cols, settings))
    total = draw_from(st.integers(0, 10**12))
    summary = Summary(
        mode=draw_from(st.sampled_from(["eval", "train"])),
        depth=draw_from(st.integers(max(row.depth for row in rows), 9)),
        col_names=tuple(cols),
        row_settings=settings,
        rows=tuple(rows),
        total_params=total,
        trainable_params=draw_from(st.integers(0, total)),
        total_mult_adds=draw_from(st.none() | st.integers(0, 10**15)),
        remark=draw_from(
            st.sampled_from(
                [
                    "",
                    *(
                        f"torchinfo says {n}: {tied}, counted once here"
                        for n in (5, 6)
                        for tied in ("b is a", "c is a")
                    ),
                ]
            )
        ),
    )
    return replace(summary, text=draw(summary))


def _rows(draw_from, cols, settings):
    above: list[str] = []
    numbers: Counter[int] = Counter()
    depth = 0
    for at in range(draw_from(st.integers(1, 8))):
        depth = draw_from(st.integers(1, min(depth + 1, 4))) if at else 0
        numbers[depth] += 1
        class_name = label(draw_from(st.sampled_from(CLASSES)))
        name = class_name if not at else label(draw_from(st.sampled_from(NAMES)))
        del above[max(0, depth - 1) :]
        above += [name] if depth else []
        yield Row(
            path=".".join(above) if "var_names" in settings else "",
            depth=depth,
            class_name=class_name,
            name=name if "var_names" in settings else "",
            number=numbers[depth] if "depth" in settings and depth else None,
            cells=tuple(draw_from(st.sampled_from(CELLS[col])) for col in cols),
        )


@st.composite
def edited(draw_from: st.DrawFn, table: Summary) -> Summary:
    """The table after one or two edits of its rows."""
    rows = list(table.rows)
    for _ in range(draw_from(st.integers(1, 2))):
        at = draw_from(st.integers(0, len(rows) - 1))
        kind = draw_from(st.sampled_from(["swap", "drop", "copy", "rename", "class", "cell", "number"]))
        rows = _EDITS.get(kind, _changed)(draw_from, rows, at, kind, table)
    return _redrawn(replace(table, rows=tuple(_placed(rows, table))))


def _below(rows, at):
    end = at + 1
    while end < len(rows) and rows[end].depth > rows[at].depth:
        end += 1
    return end


def _swapped(_, rows, at, *__):
    """The rows of a module go behind those of the next one, if there is one beside it."""
    end = _below(rows, at)
    if at == 0 or end == len(rows) or rows[end].depth != rows[at].depth:
        return rows
    last = _below(rows, end)
    return [*rows[:at], *rows[end:last], *rows[at:end], *rows[last:]]


def _dropped(_, rows, at, *__):
    return [*rows[:at], *rows[_below(rows, at) :]] if at else rows


def _copied(_, rows, at, *__):
    end = _below(rows, at)
    return [*rows[:end], *rows[at:end], *rows[end:]] if at else rows


def _changed(draw_from, rows, at, kind, table):
    row = rows[at]
    if kind == "number" and row.number is not None:
        row = replace(row, number=row.number + 1)
    elif kind == "rename" and row.name and at:
        row = replace(row, name=label(draw_from(st.sampled_from(NAMES))))
    elif kind == "class":
        row = replace(row, class_name=label(draw_from(st.sampled_from(CLASSES))))
    elif kind == "cell" and row.cells:
        column = draw_from(st.integers(0, len(row.cells) - 1))
        cell = draw_from(st.sampled_from(CELLS[table.col_names[column]]))
        row = replace(row, cells=(*row.cells[:column], cell, *row.cells[column + 1 :]))
    return [*rows[:at], row, *rows[at + 1 :]]


_EDITS = {"swap": _swapped, "drop": _dropped, "copy": _copied}


def _placed(rows, table):
    """Rows with the paths that their names give; the model goes by its class."""
    above: list[str] = []
    for row in rows:
        name = row.name if row.depth else row.class_name
        del above[max(0, row.depth - 1) :]
        above += [name] if row.depth else []
        named = "var_names" in table.row_settings
        yield replace(row, path=".".join(above), name=name) if named else row


def _redrawn(table: Summary) -> Summary:
    return replace(table, text=draw(table))
