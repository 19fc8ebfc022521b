"""Summary -> text: torchinfo draws the table; around it stand the options and the totals."""

from __future__ import annotations

from collections.abc import Iterator

from torchinfo.enums import ColumnSettings, RowSettings
from torchinfo.formatting import FormattingOptions

from pytest_nnviz.summaries.table import FORMAT_VERSION, NOTICE, Row, Summary, listed, padded, title_of, widths_of

__all__ = ["draw"]


def draw(summary: Summary) -> str:
    """The text that is pinned: LF endings, no trailing space, one final newline."""
    table = _Table(summary)
    lines = [f"nnviz-summary {FORMAT_VERSION}", NOTICE, "", *_options(summary), ""]
    lines += [table.divider, table.header, table.divider, *map(table.row, summary.rows), table.divider]
    lines += [*_totals(summary), table.divider, "", "[end]", ""]
    return "\n".join(lines)


class _Table:
    """torchinfo's own drawing of a row, told what to draw."""

    def __init__(self, summary: Summary) -> None:
        names, cells = widths_of(summary.rows)
        columns = tuple(map(ColumnSettings, summary.col_names))
        settings = set(map(RowSettings, summary.row_settings))
        self._formatting = FormattingOptions(summary.depth, 0, columns, cells, settings)
        self._formatting.layer_name_width = names
        self._col_names = summary.col_names
        self.divider = "=" * self._formatting.get_total_width()
        self.header = self._formatting.header_row().rstrip()

    def row(self, row: Row) -> str:
        start = self._formatting.get_start_str(row.depth)
        cells = {
            ColumnSettings(name): padded(name, cell) for name, cell in zip(self._col_names, row.cells, strict=True)
        }
        return str(self._formatting.format_row(f"{start}{title_of(row)}", cells)).rstrip()


def _options(summary: Summary) -> Iterator[str]:
    yield f"mode: {summary.mode}"
    yield f"depth: {summary.depth:,}"
    yield f"col_names: {listed(summary.col_names)}"
    yield f"row_settings: {listed(summary.row_settings)}"


def _totals(summary: Summary) -> Iterator[str]:
    yield f"Total params: {summary.total_params:,}" + (f"  ({summary.remark})" if summary.remark else "")
    yield f"Trainable params: {summary.trainable_params:,}"
    yield f"Non-trainable params: {summary.total_params - summary.trainable_params:,}"
    if summary.total_mult_adds is not None:
        yield f"Total mult-adds: {summary.total_mult_adds:,}"
