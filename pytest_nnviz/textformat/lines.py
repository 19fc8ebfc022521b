"""What one line says of a module, a parameter, a buffer or a call; equal ends of lines are read once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pytest_nnviz.architecture import Argument, Buffer, Call, Literal, Parameter, Ref, TensorSpec, Value
from pytest_nnviz.errors import TextError
from pytest_nnviz.textformat.values import Cursor

__all__ = ["Header", "Lines", "read_place"]

_MARKS = ("never called", "eval", "train", "load hook", "extra state", "save hook", "gradient hook")
_NONE = Literal("None")
_T = TypeVar("_T")

Header = tuple[str, tuple[Argument, ...], tuple[str, ...]]
"""Class, constructor arguments and marks of a module."""


class Lines:
    """Reads the rest of a line behind a cursor. What an equal rest said before is said again: it is the same object."""

    def __init__(self) -> None:
        self.arguments: dict[str, Argument] = {}
        self._headers: dict[str, Header] = {}
        self._tensors: dict[str, tuple[TensorSpec, bool]] = {}
        self._calls: dict[str, tuple[Call, Ref | None]] = {}
        self._results: dict[str, Value] = {}

    def header(self, line: Cursor) -> Header:
        """A module without its name."""
        return _once(self._headers, line, _header)

    def parameter(self, name: str, line: Cursor) -> Parameter:
        """A parameter behind its name."""
        if line.accept(" = "):
            return Parameter(name, TensorSpec("", ()), tied=read_place(line))
        spec, frozen = _once(self._tensors, line, _spec_and_frozen)
        return Parameter(name, spec, trainable=not frozen)

    def buffer(self, line: Cursor) -> Buffer:
        """A buffer behind the word that says so."""
        name = line.read_name()
        tied = read_place(line) if line.accept(" = ") else None
        spec = TensorSpec("", ())
        if tied is None:
            line.expect(" ")
            spec = line.read_spec()
        dropped = line.accept(", not saved")
        line.end()
        return Buffer(name, spec, persistent=not dropped, tied=tied)

    def call(self, line: Cursor) -> tuple[Call, Ref | None]:
        """A call without its inside, and the one that it says it is the same as."""
        return _once(self._calls, line, self._call)

    def _call(self, line: Cursor) -> tuple[Call, Ref | None]:
        kind, target, up, config = _callee(line)
        args = line.read_arguments()
        if line.accept(" same as "):
            twin = line.read_ref()
            line.end()
            return Call(kind, target, args, _NONE, up=up, config=config), twin
        result = _once(self._results, line, _result)
        return Call(kind, target, args, result, up=up, config=config), None


def _once(known: dict[str, _T], line: Cursor, read: Callable[[Cursor], _T]) -> _T:
    """What ``read``, which reads to the end of the line, says of the rest of it."""
    rest = line.text[line.at :]
    found = known.get(rest)
    if found is None:
        found = known[rest] = read(line)
    return found


def _header(line: Cursor) -> Header:
    class_name = line.read_path()
    line.expect("(")
    config = line.read_arguments()
    rest = line.text[line.at :].removeprefix(", ")
    marks = tuple(rest.split(", ")) if line.at < len(line.text) else ()
    for mark in marks:
        if mark not in _MARKS:
            raise TextError(f"{mark[:40]!r} is no mark of a module ({', '.join(_MARKS)})", line.number)
    return class_name, config, marks


def _spec_and_frozen(line: Cursor) -> tuple[TensorSpec, bool]:
    line.expect(" ")
    spec = line.read_spec()
    frozen = line.accept(", frozen")
    line.end()
    return spec, frozen


def _result(line: Cursor) -> Value:
    result = line.read_value(specs=True) if line.accept(" -> ") else _NONE
    line.end()
    return result


def _callee(line: Cursor) -> tuple[str, str, int, tuple[Argument, ...]]:
    """Kind, target, scopes to leave and, of a module made inside forward, its constructor arguments."""
    if line.accept("new "):
        target = line.read_path()
        line.expect("(")
        config = line.read_arguments()
        line.expect("(")
        return "created", target, 0, config
    up = line.read_ups()
    is_module = line.text.startswith(("self.", "self("), line.at)
    if is_module:
        line.accept("self")
    target = "" if is_module and not line.accept(".") else line.read_path()
    line.expect("(")
    return "module" if is_module else "function", target, up, ()


def read_place(line: Cursor) -> str:
    """Where something else is registered."""
    ups = line.read_ups()
    place = line.read_path()
    if not line.text.startswith(",", line.at):
        line.end()
    return "^" * ups + ("" if place == "self" else place)
