"""Read the text of filters: strictly, by line, nothing of it is ever evaluated."""

from __future__ import annotations

import json
import math
import re

from pytest_nnviz.errors import TextError
from pytest_nnviz.filterbanks.data import Bank, Layer, Line, Statistics, View
from pytest_nnviz.filterbanks.writing import END, FORMAT_VERSION, HEADER, NOTICE, dumps
from pytest_nnviz.textformat.conflicts import refuse_conflicts

__all__ = ["loads"]

_LONGEST = 100_000_000
_RESTORE = "restore the file from version control, or write it anew with pytest --snapshot-update"

_NUMBER = r"-?(?:inf|[0-9]{1,7}(?:\.[0-9]{1,9})?(?:e[+-][0-9]{1,3})?)"
_COUNT = r"([0-9]{1,3}(?:,[0-9]{3}){0,5})"
_SIZES = r"\[([0-9]{1,12}(?:, [0-9]{1,12}){0,7})\]"
_PART = r"(?:[A-Za-z0-9_]+|`(?:[^`\\]|\\.)*`)"
_PATH = rf"({_PART}?(?:\.{_PART})*)"

_SUMMARY = [
    re.compile(rf"{name}: {what}")
    for name, what in (("model", _PATH), ("layers", _COUNT), ("filters", _COUNT), ("weights", _COUNT))
]
_LAYER = [
    re.compile(rf"\[layer\] (?:\(model\)|{_PATH})"),
    re.compile(rf"class: {_PATH}"),
    re.compile(rf"weight: ([a-z0-9_]{{1,20}}){_SIZES}"),
    re.compile(rf"filters: {_COUNT} of {_SIZES}, {_COUNT} dead, {_COUNT} nan, {_COUNT} inf"),
    re.compile(rf"drawn: {_COUNT} filters, {_COUNT} channels?, (first|mean|rgb|all), scale (layer|filter)"),
]
_STATISTICS = (
    "".join(rf"{name} ({_NUMBER}), " for name in ("norm", "mean", "std", "min", "max", "projection"))
    + "".join(rf"(?:{name} x([0-9]{{1,15}}), )?" for name in ("nan", "inf", "-inf"))
    + r"digest ([0-9a-f]{12})"
)
_ALL = re.compile(f"all: {_STATISTICS}")
_PARTS = re.compile(_PART)
_LINE = re.compile(rf"([0-9]{{1,12}})(?:\.\.([0-9]{{1,12}}))?: {_STATISTICS}(, dead|, ([0-9]{{1,12}}) dead)?")
_VERSIONS = re.compile(r"# recorded with ([^\s,]+ [^\s,]+(?:, [^\s,]+ [^\s,]+)*)")


def loads(text: str) -> Bank:
    """The filters that a text says; the exact inverse of `dumps`.

    Raises:
        TextError: no such text, or one that was damaged, edited by hand, left with conflict markers or written by a
            newer version; with the line.
    """
    if len(text) > _LONGEST:
        raise TextError(f"{len(text):,} characters are no snapshot of filters; {_RESTORE}")
    lines = text.split("\n")
    refuse_conflicts(lines)
    _check_version(lines[0])
    bank = _Reader(lines).read()
    for index, (given, written) in enumerate(zip(lines, dumps(bank).split("\n"), strict=False)):
        if given != written and given != "" and not given.startswith("#"):
            raise TextError(f"this does not fit the rest, {_short(written)} would; {_RESTORE}", index + 1)
    return bank


def _check_version(first: str) -> None:
    kind, _, version = first.partition(" ")
    if kind != HEADER or not re.fullmatch("[1-9][0-9]{0,8}", version, re.ASCII):
        raise TextError(f"no snapshot of filters, which begin with '{HEADER} {FORMAT_VERSION}'; {_RESTORE}", 1)
    if int(version) > FORMAT_VERSION:
        raise TextError(
            f"written in format {version} by a newer pytest-nnviz; this one reads up to {FORMAT_VERSION}: "
            "upgrade pytest-nnviz",
            1,
        )


class _Reader:
    """Goes through the lines once."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._at = 1

    def read(self) -> Bank:
        for line in (NOTICE, "", "[summary]"):
            self._literal(line)
        (model,), (count,), *_ = (self._match(pattern) for pattern in _SUMMARY)
        self._literal("")
        layers: list[Layer] = []
        paths: set[str] = set()
        while self._line.startswith("[layer] "):
            layers.append(self._layer())
            if layers[-1].path in paths:
                raise TextError(f"the layer {_short(layers[-1].path)} stands twice in it; {_RESTORE}", self._at)
            paths.add(layers[-1].path)
        if len(layers) != _count(count):
            raise self._fail(f"{count} layers are announced, {len(layers)} are there", 6)
        self._literal(END)
        return Bank(self._path(model, 4), tuple(layers), self._versions())

    @property
    def _line(self) -> str:
        if self._at >= len(self._lines):
            raise TextError(f"the text ends early, without {END!r}: it was cut off; {_RESTORE}", len(self._lines))
        return self._lines[self._at]

    def _fail(self, message: str, line: int | None = None) -> TextError:
        return TextError(f"{message}; {_RESTORE}", line or self._at + 1)

    def _literal(self, expected: str) -> None:
        if self._line != expected:
            raise self._fail(f"{_short(self._line)} where {expected!r} should be" if expected else "no blank line")
        self._at += 1

    def _match(self, pattern: re.Pattern[str]) -> tuple[str, ...]:
        found = pattern.fullmatch(self._line)
        if found is None:
            raise self._fail(f"{_short(self._line)} cannot be read")
        self._at += 1
        return tuple(group or "" for group in found.groups())

    def _path(self, text: str, row: int) -> str:
        try:
            return ".".join(json.loads(f'"{part[1:-1]}"') if part[:1] == "`" else part for part in _PARTS.findall(text))
        except ValueError:
            raise TextError(f"{_short(text)} cannot be read; {_RESTORE}", row + 1) from None

    def _layer(self) -> Layer:
        start = self._at
        (path,), (class_name,), (dtype, shape), (filters, kernel, dead, nan, inf), view = map(self._match, _LAYER)
        whole = _line(("0", "", *self._match(_ALL), f", {dead} dead", dead), _count(filters))
        lines: list[Line] = []
        while self._line:
            lines.append(_line(self._match(_LINE)))
            if lines[-1].start != (lines[-2].stop if len(lines) > 1 else 0):
                self._at -= 1
                raise self._fail(f"{_short(self._line)} is not the next filter")
        self._literal("")
        layer = Layer(
            self._path(path, start),
            self._path(class_name, start + 1),
            dtype,
            _sizes(shape),
            _count(filters),
            _sizes(kernel),
            whole,
            View(view[3], view[2], _count(view[0]), _count(view[1])),
            tuple(lines),
            (_count(nan), _count(inf)),
        )
        self._check(layer, start)
        return layer

    def _check(self, layer: Layer, start: int) -> None:
        parts = 2 if layer.dtype.startswith("c") else 1
        if math.prod(layer.shape) * parts != layer.filters * layer.size:
            raise TextError(f"shape and filters do not fit together; {_RESTORE}", start + 3)
        if not layer.lines or layer.lines[-1].stop != layer.filters:
            raise self._fail(f"not all of the {layer.filters:,} filters are there", self._at)
        if layer.view.filters > layer.filters or layer.view.shown > layer.kernel[0]:
            raise TextError(f"more is drawn than there is; {_RESTORE}", start + 5)

    def _versions(self) -> tuple[tuple[str, str], ...]:
        versions: tuple[tuple[str, str], ...] = ()
        for row in range(self._at, len(self._lines)):
            line = self._lines[row]
            if line and not line.startswith("#"):
                raise TextError(f"{_short(line)} stands behind {END!r}; {_RESTORE}", row + 1)
            found = _VERSIONS.fullmatch(line)
            if found:
                pairs = (pair.split(" ") for pair in found[1].split(", "))
                versions = tuple((name, version) for name, version in pairs)
        return versions


def _line(groups: tuple[str, ...], stop: int | None = None) -> Line:
    start, last, *values = groups
    numbers, wild, (digest, flag, dead) = values[:6], values[6:9], values[9:]
    norm, mean, std, low, high, projection = map(float, numbers)
    nan, inf, minus_inf = (int(count or 0) for count in wild)
    statistics = Statistics(norm, mean, std, low, high, projection, nan, inf, minus_inf)
    end = stop if stop is not None else int(last or start) + 1
    return Line(int(start), end, statistics, _count(dead) if dead else int(bool(flag)), digest)


def _count(text: str) -> int:
    return int(text.replace(",", ""))


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split(", "))


def _short(line: str) -> str:
    return repr(line if len(line) <= 60 else f"{line[:57]}...")
