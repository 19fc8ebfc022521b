"""Tables that no model has, for laws."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import strategies as st

from pytest_nnviz.options.summary import COL_NAMES, ROW_SETTINGS
from pytest_nnviz.summaries.drawing import draw
from pytest_nnviz.summaries.table import Row, Summary, label

CELLS = {
    "input_size": ["--", "[]", "[1, 3]", "[1, ?, 64]"],
    "output_size": ["--", "[1, 8, 4, 4]", "[" + ", ".join(["1000"] * 9) + "]"],
    "num_params": ["--", "(recursive)", "1,024", "(12)"],
    "params_percent": ["--", "(recursive)", "0.50%", "100.00%"],
    "kernel_size": ["--", "3", "[3, 3]"],
    "mult_adds": ["--", "7", "1,234,567"],
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
