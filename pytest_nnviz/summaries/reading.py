"""Text -> Summary: line by line, and strictly: what would not be written so is not read."""

from __future__ import annotations

import re

from pytest_nnviz.errors import TextError
from pytest_nnviz.options.summary import COL_NAMES, ROW_SETTINGS
from pytest_nnviz.summaries.rows import RowReader
from pytest_nnviz.summaries.table import FORMAT_VERSION, NOTICE, Row, Summary
from pytest_nnviz.textformat.conflicts import refuse_conflicts

__all__ = ["loads"]

_END = "[end]"
_AGAIN = "record it again with pytest --snapshot-update"
_NUMBER = re.compile(r"0|[1-9]\d{0,2}(?:,\d{3}){0,12}")
_DIVIDER = re.compile("=+")


def loads(text: str) -> Summary:
    """Read a table back from its text.

    Raises:
        TextError: the text is no summary, was damaged, cut off or edited by hand, holds conflict markers, or comes from
            a newer version of the format; with the line where that shows.
    """
    lines = text.split("\n")
    _check_ends(lines)
    return _Reader(lines).read(text)


def _check_ends(lines: list[str]) -> None:
    refuse_conflicts(lines)
    kind, _, version = lines[0].partition(" ")
    if kind != "nnviz-summary" or not version.isascii() or not version.isdecimal() or len(version) > 9:
        raise TextError(
            f"not a summary of pytest-nnviz: it starts with {lines[0][:40]!r}, not with 'nnviz-summary 1'", 1
        )
    if int(version) > FORMAT_VERSION:
        raise TextError(
            f"written in format {version} by a newer pytest-nnviz; this one reads up to {FORMAT_VERSION}: "
            f"upgrade pytest-nnviz, or {_AGAIN}",
            1,
        )
    if version != str(FORMAT_VERSION):
        raise TextError(f"format {version} does not exist; this pytest-nnviz reads {FORMAT_VERSION}", 1)
    if _END not in lines:
        raise TextError(
            f"the text ends early, without {_END!r}: it was cut off; restore the file from version control, "
            f"or {_AGAIN}",
            max(number for number, line in enumerate(lines, 1) if line or number == 1),
        )


class _Reader:
    """Reads the lines from the top; ``at`` is the index of the next one."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.at = 1
        self.divider = ""

    def fail(self, message: str, back: int = 0) -> TextError:
        return TextError(message, self.at + 1 - back)

    def read(self, text: str) -> Summary:
        self._expect(NOTICE)
        self._expect("")
        mode = self._choice("mode", ("eval", "train"))
        depth = self._number("depth")
        col_names = self._listed("col_names", COL_NAMES)
        row_settings = self._listed("row_settings", ROW_SETTINGS)
        self._expect("")
        rows = self._table(depth, col_names, row_settings)
        total, remark = self._total()
        trainable = self._number("Trainable params")
        if trainable > total:
            raise self.fail(f"{trainable:,} of {total:,} parameters cannot be trainable", back=1)
        self._expect(f"Non-trainable params: {total - trainable:,}")
        cost = self._number("Total mult-adds") if self._line().startswith("Total mult-adds: ") else None
        self._expect(self.divider)
        for line in ("", _END):
            self._expect(line)
        while self.at < len(self.lines):
            if self._line() and not self._line().startswith("#"):
                raise self.fail(f"expected the end of the text, found {self._line()[:80]!r}")
            self.at += 1
        return Summary(mode, depth, col_names, row_settings, tuple(rows), total, trainable, cost, remark, text)

    def _line(self) -> str:
        return self.lines[self.at] if self.at < len(self.lines) else ""

    def _expect(self, line: str) -> None:
        if self.at >= len(self.lines):
            raise self.fail(f"the text ends where {line!r} should follow")
        if self._line() != line:
            raise self.fail(f"expected {line[:80]!r}, found {self._line()[:80]!r}")
        self.at += 1

    def _value(self, key: str) -> str:
        name, separator, value = self._line().partition(": ")
        if name != key or not separator:
            raise self.fail(f"expected '{key}: ...', found {self._line()[:80]!r}")
        self.at += 1
        return value

    def _choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = self._value(key)
        if value not in choices:
            raise self.fail(f"{key} is one of {', '.join(choices)}, not {value[:40]!r}", back=1)
        return value

    def _number(self, key: str) -> int:
        value = self._value(key)
        if not _NUMBER.fullmatch(value):
            raise self.fail(f"{key} is a number like 1,024, not {value[:40]!r}", back=1)
        return int(value.replace(",", ""))

    def _listed(self, key: str, choices: tuple[str, ...]) -> tuple[str, ...]:
        value = self._value(key)
        found = () if value == "none" else tuple(value.split(", "))
        for name in found:
            if name not in choices or found.count(name) > 1:
                raise self.fail(f"{key} are some of {', '.join(choices)}, each once, not {value[:80]!r}", back=1)
        return found

    def _total(self) -> tuple[int, str]:
        found = re.fullmatch(r"Total params: ([\d,]{1,60})(?:  \((torchinfo says .+)\))?", self._line())
        if found is None or not _NUMBER.fullmatch(found[1]):
            raise self.fail(f"expected 'Total params: ' and a number like 1,024, found {self._line()[:80]!r}")
        self.at += 1
        return int(found[1].replace(",", "")), found[2] or ""

    def _table(self, depth: int, col_names: tuple[str, ...], row_settings: tuple[str, ...]) -> list[Row]:
        self.divider = self._line()
        if not _DIVIDER.fullmatch(self.divider):
            raise self.fail(f"expected a line of '=', found {self.divider[:80]!r}")
        self.at += 1
        rows = RowReader(self._line(), self.divider, depth, col_names, row_settings)
        self._expect(rows.header)
        self._expect(self.divider)
        found = []
        while self._line() != self.divider:
            try:
                found.append(rows.read(self._line()))
            except ValueError as error:
                raise self.fail(str(error)) from None
            self.at += 1
        if not found:
            raise self.fail("the table has no rows")
        self.at += 1
        return found
