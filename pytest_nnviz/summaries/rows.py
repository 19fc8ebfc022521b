"""The lines of a table -> rows: where its columns are, how deep a row stands, what its title says."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from pytest_nnviz.summaries.table import NOTHING, TITLES, Row, label, padded

__all__ = ["RowReader"]

_NAME = r"[A-Za-z0-9_]+|`[^`]*`"
_TITLE = re.compile(rf"(?P<class>{_NAME})(?: \((?P<name>{_NAME})\))?(?:: (?P<depth>\d{{1,9}})-(?P<number>\d{{1,9}}))?")
_SIZE, _COUNT = r"(?:0|[1-9]\d{0,18}|\?)", r"[1-9]\d{0,2}(?:,\d{3}){0,12}"
_SIZES = rf"\[(?:{_SIZE}(?:, {_SIZE})*)?\]"
_CELLS = {
    "input_size": _SIZES,
    "output_size": _SIZES,
    "num_params": rf"\(recursive\)|{_COUNT}|\({_COUNT}\)",
    "params_percent": r"\(recursive\)|\d{1,9}\.\d\d%",
    "kernel_size": r"-?\d{1,99}|\[(?:-?\d{1,99}(?:, -?\d{1,99})*)\]",
    "mult_adds": rf"0|{_COUNT}",
    "trainable": "True|False|Partial",
}


class RowReader:
    """Reads the rows of one table, one after the other.

    Args:
        header: the line with the titles, which shows where the columns are.
        divider: the line above it, which is as wide as all columns.
        depth: how deep a row may stand.
        col_names: the columns.
        row_settings: what rows show.
    """

    def __init__(
        self, header: str, divider: str, depth: int, col_names: Sequence[str], row_settings: Sequence[str]
    ) -> None:
        self._col_names = col_names
        self._depth = depth
        self._ascii, self._numbered, self._named = (key in row_settings for key in ("ascii_only", "depth", "var_names"))
        first = f"Layer (type{' (var_name)' * self._named}{':depth-idx' * self._numbered})"
        start = header.find(TITLES[col_names[0]], len(first)) if col_names else -1
        self._names = max(len(first), start - 1 if start >= 0 else len(divider))
        self._cells = (len(divider) - self._names) // max(1, len(col_names))
        self._above: list[str] = []
        self._last = -1
        self.header = self._line(first, [TITLES[name] for name in col_names])

    def read(self, line: str) -> Row:
        """The row that a line shows.

        Raises:
            ValueError: the line is not written as a row is.
        """
        title, cells = self._split(line)
        depth = self._depth_of(title)
        start = self._start(depth)
        found = _TITLE.fullmatch(title.removeprefix(start))
        if found is None:
            raise ValueError(f"expected 'Class' or 'Class (name)', found {title[:80]!r}")
        self._check(found, depth)
        for name, cell in zip(self._col_names, cells, strict=True):
            if cell != NOTHING and not re.fullmatch(_CELLS[name], cell):
                raise ValueError(f"{cell[:40]!r} is nothing that stands in the column {TITLES[name]!r}")
        if line != self._line(title, [padded(*pair) for pair in zip(self._col_names, cells, strict=True)]):
            raise ValueError(f"not as pytest-nnviz writes it: {line[:120]!r}")
        return self._row(found, depth, tuple(cells))

    def _row(self, found: re.Match[str], depth: int, cells: tuple[str, ...]) -> Row:
        name = found["name"] or ""
        del self._above[max(0, depth - 1) :]
        self._above += [name] if depth else []
        path = ".".join(self._above) if self._named else ""
        number = None if found["number"] is None else int(found["number"])
        return Row(path, depth, found["class"], name, number, cells)

    def _check(self, found: re.Match[str], depth: int) -> None:
        """Hold a title against what rows show, and against its place in the table."""
        for token in filter(None, (found["class"], found["name"])):
            if label(_unquoted(token)) != token:
                raise ValueError(f"{token[:40]!r} is not how that name is written")
        if bool(found["name"]) is not self._named or (found["depth"] is not None) is not (self._numbered and depth > 0):
            raise ValueError(f"{found[0][:80]!r} does not show what row_settings say")
        if found["depth"] is not None and (found["depth"] != str(depth) or found["number"].startswith("0")):
            raise ValueError(f"{found[0][:80]!r} stands at depth {depth}")
        if depth == 0 and self._named and found["name"] != found["class"]:
            raise ValueError(f"the model {found['class'][:40]!r} is called {found['name'][:40]!r}")

    def _depth_of(self, title: str) -> int:
        """How deep a row stands, by the lines that lead to it: at most one level below the row before."""
        bar = self._start(2)[:5]
        bars = 0
        while title.startswith(bar, bars * len(bar)):
            bars += 1
        depth = bars + 1 if title.startswith(self._start(bars + 1)) else 0
        if depth > min(self._depth, self._last + 1):
            raise ValueError(f"a row at depth {depth} cannot stand here: {title[:80]!r}")
        self._last = depth
        return depth

    def _start(self, depth: int) -> str:
        bar, first, tip = ("|    ", "+ ", "+ ") if self._ascii else ("│    ", "├─", "└─")
        return "" if depth == 0 else first if depth == 1 else bar * (depth - 1) + tip

    def _split(self, line: str) -> tuple[str, list[str]]:
        starts = [self._names + 1 + at * (self._cells + 1) for at in range(len(self._col_names))]
        return line[: self._names].rstrip(), [line[start : start + self._cells].strip() for start in starts]

    def _line(self, title: str, cells: Sequence[str]) -> str:
        return " ".join([title.ljust(self._names), *(cell.ljust(self._cells) for cell in cells)]).rstrip()


def _unquoted(token: str) -> str:
    """The name that a token stands for; only texts stand between backticks."""
    try:
        return str(json.loads(f'"{token[1:-1]}"')) if token.startswith("`") else token
    except ValueError:
        return ""
