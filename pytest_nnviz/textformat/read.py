"""Text -> Architecture: sections by indentation, then a check that the parts fit together."""

from __future__ import annotations

from collections.abc import Callable

from pytest_nnviz.architecture import (
    Architecture,
    Argument,
    Body,
    Buffer,
    Call,
    Module,
    Parameter,
    Ref,
    Value,
)
from pytest_nnviz.errors import TextError
from pytest_nnviz.textformat.check import check_graph, resolve_ties
from pytest_nnviz.textformat.conflicts import refuse_conflicts
from pytest_nnviz.textformat.folding import MOST_FOLDED, Folded
from pytest_nnviz.textformat.lines import Lines, read_place
from pytest_nnviz.textformat.values import Cursor
from pytest_nnviz.textformat.write import FORMAT_VERSION, NOTICE, dumps

__all__ = ["loads"]

_MERGED = "; probably two updates were merged into one text: merge the code, then run pytest --snapshot-update"
_END = "[end]"
_CUT_OFF = (
    f"the text ends early, without {_END!r}: it was cut off; restore the file from version control, "
    "or record it again with pytest --snapshot-update"
)


def loads(text: str) -> Architecture:
    """Read a text back: ``loads(dumps(architecture)) == architecture``.

    Raises:
        TextError: the text is no snapshot, was damaged or edited by hand, holds conflict markers, was merged from two
            updates, or comes from a newer version of the format; with the line where that shows.
    """
    lines = text.split("\n")
    _check_first_lines(lines)
    if _END not in lines:
        raise TextError(_CUT_OFF, max(number for number, line in enumerate(lines, 1) if line or number == 1))
    reader = _Reader(lines)
    try:
        architecture = reader.read()
    except RecursionError as error:
        raise TextError("nested too deeply to be read") from error
    _check_canonical(architecture, lines)
    return architecture


def _check_first_lines(lines: list[str]) -> None:
    refuse_conflicts(lines)
    kind, _, version = lines[0].partition(" ")
    if kind != "nnviz" or not version.isascii() or not version.isdecimal() or len(version) > 9:
        raise TextError(f"not a snapshot of pytest-nnviz: it starts with {lines[0][:40]!r}, not with 'nnviz 1'", 1)
    if int(version) > FORMAT_VERSION:
        raise TextError(
            f"written in format {version} by a newer pytest-nnviz; this one reads up to {FORMAT_VERSION}: "
            "upgrade pytest-nnviz, or record again with pytest --snapshot-update",
            1,
        )
    if int(version) != FORMAT_VERSION:
        raise TextError(f"format {version} does not exist; this pytest-nnviz reads {FORMAT_VERSION}", 1)


def _check_canonical(architecture: Architecture, lines: list[str]) -> None:
    """What was read must be written in the same way, or something stands in the text that was not understood."""
    written = dumps(architecture).split("\n")
    if lines[: len(written)] == written:
        return
    for number, (expected, found) in enumerate(zip(written, lines, strict=False), 1):
        if expected.startswith("#") and found.startswith("#"):
            return
        if expected != found:
            raise TextError(f"not as pytest-nnviz writes it: expected {expected[:80]!r}, found {found[:80]!r}", number)


class _Reader:
    """Reads the lines from the top; ``row`` is the index of the next one."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.row = 0
        self.folded = Folded()
        self.said = Lines()

    @property
    def line(self) -> str:
        return self.lines[self.row] if self.row < len(self.lines) else ""

    def fail(self, message: str) -> TextError:
        return TextError(message, self.row + 1)

    def read(self) -> Architecture:
        self.row = 1
        self._expect(NOTICE)
        self._expect("")
        first = self.row + 1
        summary, flops = self._summary(), self._flops()
        self._expect("")
        self._expect("[modules]")
        start = self.row
        root = resolve_ties(self._module(self._cursor(0), 0), lambda message: TextError(message + _MERGED, start + 1))
        inputs: tuple[Argument, ...] = ()
        forward = None
        if self.line == "" and self.lines[self.row + 1 : self.row + 2] == ["[graph]"]:
            self.row += 2
            inputs, rows = self._inputs(), self.row
            forward, numbers = self._body(0), self._numbers(rows)
            check_graph(root, inputs, forward, lambda message, index: TextError(message + _MERGED, numbers(index)))
        self._expect("")
        self._expect(_END)
        architecture = Architecture(summary["mode"], root, inputs, forward, self._comments(), flops)
        self._check_totals(architecture, summary, first)
        return architecture

    def _numbers(self, start: int) -> Callable[[int], int]:
        """Line number of the call with an index, counted as written."""
        end = self.row

        def number(index: int) -> int:
            rows = [row + 1 for row in range(start, end) if not self.lines[row].lstrip(" ").startswith("return ")]
            return rows[index] if 0 <= index < len(rows) else end

        return number

    def _expect(self, line: str) -> None:
        if self.row >= len(self.lines):
            raise self.fail(f"the text ends where {line!r} should follow")
        if self.line != line:
            raise self.fail(f"expected {line!r}, found {self.line[:80]!r}")
        self.row += 1

    def _cursor(self, indent: int) -> Cursor:
        cursor = Cursor(self.line, self.row + 1, self.said.arguments)
        cursor.skip_indent(indent)
        return cursor

    def _depth(self) -> int:
        line = self.line
        return (len(line) - len(line.lstrip(" "))) // 2 if line.strip() else -1

    def _summary(self) -> dict[str, str]:
        self._expect("[summary]")
        found: dict[str, str] = {}
        for key in ("model", "mode", "parameters", "trainable", "buffers"):
            name, separator, value = self.line.partition(": ")
            if name != key or not separator:
                raise self.fail(f"expected '{key}: ...', found {self.line[:80]!r}")
            if key == "mode" and value not in ("eval", "train"):
                raise self.fail(f"the mode is 'eval' or 'train', not {value[:40]!r}")
            found[key] = value
            self.row += 1
        return found

    def _flops(self) -> int | None:
        """The line that stands there if they were counted."""
        if not self.line.startswith("flops: "):
            return None
        number = self.line.removeprefix("flops: ").replace(",", "")
        if not number.isascii() or not number.isdecimal() or len(number) > 30:
            raise self.fail(f"the FLOPs are a number, not {self.line[7:47]!r}")
        self.row += 1
        return int(number)

    def _check_totals(self, architecture: Architecture, summary: dict[str, str], row: int) -> None:
        totals = architecture.totals
        for offset, key in enumerate(("parameters", "trainable", "buffers"), 2):
            counted = f"{getattr(totals, key):,}"
            if summary[key] != counted:
                raise TextError(
                    f"the summary says {summary[key]} {key}, the modules add up to {counted}" + _MERGED,
                    row + offset + 1,
                )

    def _module(self, cursor: Cursor, indent: int) -> Module:
        """A module whose header is under the cursor (behind its name), then its inside."""
        class_name, config, marks = self.said.header(cursor)
        self.row += 1
        parameters: list[Parameter] = []
        buffers: list[Buffer] = []
        children: dict[str, Module] = {}
        while self._depth() == indent + 1:
            line = self._cursor(indent + 1)
            if line.accept("buffer "):
                self.row += 1
                buffers.append(self.said.buffer(line))
                continue
            name = line.read_name()
            if not line.accept(": "):
                self.row += 1
                parameters.append(self.said.parameter(name, line))
            elif name in children:
                raise self.fail(f"{name!r} stands twice in {class_name}" + _MERGED)
            else:
                children[name] = self._child(line, children, indent + 1)
        read = Module(class_name, config, tuple(parameters), tuple(buffers), tuple(children.items()), marks)
        return self.folded.module(read)

    def _child(self, line: Cursor, siblings: dict[str, Module], indent: int) -> Module:
        if line.accept("= "):
            place = read_place(line)
            self.row += 1
            return Module("", shared=place)
        if line.accept("same as "):
            twin = line.read_name()
            line.end()
            if twin not in siblings:
                raise self.fail(f"same as {twin!r}, but no such module stands before it" + _MERGED)
            self._once_more(siblings[twin])
            return siblings[twin]
        return self._module(line, indent)

    def _once_more(self, twin: Module | Body | None) -> None:
        """Go on behind a line that says ``same as``."""
        if not self.folded.again(twin):
            raise self.fail(f"the text stands for more than {MOST_FOLDED:,} modules and calls by 'same as'")
        self.row += 1

    def _inputs(self) -> tuple[Argument, ...]:
        inputs: list[Argument] = []
        while self.line.startswith("input "):
            cursor = self._cursor(0)
            cursor.expect("input ")
            name = cursor.read_name()
            cursor.expect(": ")
            inputs.append(Argument(name, cursor.read_value(specs=True)))
            cursor.end()
            self.row += 1
        return tuple(inputs)

    def _body(self, indent: int) -> Body:
        calls: list[Call] = []
        latest: dict[str, list[Call]] = {}
        while True:
            cursor = self._cursor(indent)
            if cursor.accept("return "):
                returns = cursor.read_value()
                cursor.end()
                self.row += 1
                return self.folded.body(Body(tuple(calls), returns))
            call = self._call(cursor, latest, indent)
            calls.append(call)
            latest.setdefault(call.name, []).append(call)

    def _call(self, cursor: Cursor, latest: dict[str, list[Call]], indent: int) -> Call:
        call, ref = self.said.call(cursor)
        if ref is not None:
            return self._again(call, ref, latest)
        self.row += 1
        return _with(call, call.result, self._body(indent + 1)) if self._depth() == indent + 1 else call

    def _again(self, call: Call, ref: Ref, latest: dict[str, list[Call]]) -> Call:
        """A call with the result and the inside of an earlier one."""
        step = ref.steps[0]
        twins = latest.get(step.name, [])
        if ref.kind != "result" or step.back >= len(twins):
            raise self.fail(f"same as %{step.name}, but no such call stands before it" + _MERGED)
        twin = twins[-1 - step.back]
        self._once_more(twin.body)
        return _with(call, twin.result, twin.body)

    def _comments(self) -> tuple[tuple[str, str], ...]:
        """The versions out of the comment lines at the end, which nothing may follow."""
        versions: tuple[tuple[str, str], ...] = ()
        for row in range(self.row, len(self.lines)):
            line = self.lines[row]
            if line and not line.startswith("#"):
                raise TextError(f"expected the end of the text, found {line[:80]!r}", row + 1)
            if line.startswith("# recorded with "):
                words = [part.rpartition(" ") for part in line.removeprefix("# recorded with ").split(", ")]
                versions = tuple((name, version) for name, _, version in words if name)
        return versions


def _with(call: Call, result: Value, body: Body | None) -> Call:
    return Call(call.kind, call.target, call.args, result, body, call.up, call.config)
