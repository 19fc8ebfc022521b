"""A summary table as frozen data, and what its writer and its reader have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from pytest_nnviz.textformat.names import plain_name

__all__ = [
    "FORMAT_VERSION",
    "NEED_FORWARD",
    "NOTHING",
    "NOTICE",
    "TITLES",
    "Row",
    "Summary",
    "label",
    "listed",
    "padded",
    "title_of",
    "widths_of",
]

FORMAT_VERSION = 1
NOTICE = "This file pins the summary table of a model. Made by pytest --snapshot-update; review it like code."
TITLES = {
    "input_size": "Input Shape",
    "output_size": "Output Shape",
    "num_params": "Param #",
    "params_percent": "Param %",
    "kernel_size": "Kernel Shape",
    "mult_adds": "Mult-Adds",
    "trainable": "Trainable",
}
NOTHING = "--"  # in a cell
NEED_FORWARD = ("input_size", "output_size", "mult_adds")

_COLUMN, _NAMES, _STEP = 25, 40, 5  # characters, as torchinfo has them
_PERCENT = 7


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    Attributes:
        path: dotted names from the model to the module, where names are shown; empty for the model.
        depth: how far below the model it stands.
        class_name: the class of the module.
        name: its name in the module around it, where names are shown.
        number: its number among the rows of its depth, where these are shown; None where they are
            not, and for the model.
        cells: what stands in the columns, in their order.
    """

    path: str
    depth: int
    class_name: str
    name: str
    number: int | None
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Summary:
    """A summary table, and the totals below it.

    Attributes:
        mode: the mode that the model was in, ``eval`` or ``train``.
        depth: how many levels of modules are shown.
        col_names: the columns, as torchinfo names them.
        row_settings: what rows show, as torchinfo names it.
        rows: the rows, in the order of execution.
        total_params: elements of all parameters, each counted once.
        trainable_params: how many of them require gradients.
        total_mult_adds: multiplications and additions, as torchinfo counts them; None without a forward pass.
        remark: why torchinfo counts other parameters, empty where it does not.
        text: the table as it is pinned; it takes no part in comparisons.
    """

    mode: str
    depth: int
    col_names: tuple[str, ...]
    row_settings: tuple[str, ...]
    rows: tuple[Row, ...]
    total_params: int
    trainable_params: int
    total_mult_adds: int | None = None
    remark: str = ""
    text: str = field(default="", compare=False)

    def __repr__(self) -> str:
        name = self.rows[0].class_name if self.rows else "nothing"
        return f"<Summary of {name}: {len(self.rows)} rows, {self.total_params:,} parameters>"

    def __str__(self) -> str:
        return self.text


def label(name: str) -> str:
    """A name as a title shows it: bare where it can be, between backticks where it could be mistaken."""
    return name if name == "buffer" else plain_name(name)


def title_of(row: Row) -> str:
    """The first column of a row, without the lines that lead to it."""
    name = f" ({row.name})" if row.name else ""
    return f"{row.class_name}{name}" + ("" if row.number is None else f": {row.depth}-{row.number}")


def widths_of(rows: Sequence[Row]) -> tuple[int, int]:
    """How wide the first column and the others are: as torchinfo has them, and so that nothing sticks out."""
    names = max((len(title_of(row)) + _STEP * row.depth + 1 for row in rows), default=0)
    cells = max((len(cell) for row in rows for cell in row.cells), default=0)
    return max(_NAMES, _rounded(names)), max(_COLUMN, _rounded(cells))


def _rounded(width: int) -> int:
    return math.ceil(width / _STEP) * _STEP


def padded(col_name: str, cell: str) -> str:
    """A cell as it stands in its column: percents end below each other."""
    return cell.rjust(_PERCENT) if col_name == "params_percent" else cell


def listed(words: Sequence[str]) -> str:
    """The value of an option as the head of the text has it."""
    return ", ".join(words) or "none"
