"""Plain values that modules hold: literals, functions, containers, and objects that are made of such."""

from __future__ import annotations

import functools
import re
import sys
from pathlib import PurePath
from typing import Any

import torch

from pytest_nnviz.architecture import Literal, Tree, Value
from pytest_nnviz.tracing.describing.values import (
    NUMBERS,
    SHARED,
    attributes_of,
    named,
    number,
    qualified_name,
    to_value,
)

__all__ = ["plain_value"]

_MAX_DEPTH = 8
_PATH = re.compile(r'"(~?/|[A-Za-z]:\\\\|\\\\\\\\).')  # of a string as it is written in the text
_PLAIN_MODULES = frozenset({"types", "argparse", "fractions"})
_FOREIGN = (sys.stdlib_module_names - _PLAIN_MODULES) | {"torch", "numpy"}


class _NotPlainError(Exception):
    pass


def plain_value(thing: Any) -> Value | None:
    """A value made of literals, enums, dtypes, functions, containers and objects of such; else None.

    Devices are left out, and absolute paths show as ``<path>``.
    """
    if type(thing) in NUMBERS:
        return number(thing)
    if isinstance(thing, torch.device):
        return None
    try:
        return _portable(_plain(thing, ()))
    except Exception:  # not plain, or an object that does not like to be looked at
        return None


def _plain(thing: Any, around: tuple[Any, ...]) -> Value:
    return to_value(thing, _refuse, functools.partial(_object, around=around))


def _refuse(_: Any) -> Value:
    raise _NotPlainError


def _object(thing: Any, around: tuple[Any, ...]) -> Value:
    """A partial with what it binds, a path without saying where, an object of plain values; ``around`` holds it."""
    if isinstance(thing, PurePath):
        return named("path")
    if len(around) >= _MAX_DEPTH or any(thing is outer for outer in around):
        raise _NotPlainError
    around = (*around, thing)
    if isinstance(thing, functools.partial):
        bound: dict[str, Any] = {"args": list(thing.args)} if thing.args else {}
        return _tree("partial", {"func": thing.func, **bound, **thing.keywords}, around, strict=False)
    if not _holds_values(thing):
        raise _NotPlainError
    return _tree(qualified_name(type(thing)), dict(attributes_of(thing)), around, strict=True)


def _holds_values(thing: Any) -> bool:
    """Whether an object may be one that only holds values: of a class of the author's, and no module."""
    cls = type(thing)
    if isinstance(thing, SHARED) or cls.__module__.partition(".")[0] in _FOREIGN:
        return False
    return hasattr(thing, "__dict__") or hasattr(cls, "__slots__")


def _tree(kind: str, attributes: dict[str, Any], around: tuple[Any, ...], *, strict: bool) -> Tree:
    """The attributes by name; ``strict`` refuses an object with a public one that is not plain."""
    found: dict[str, Value] = {}
    for name, item in attributes.items():
        if name.startswith("__"):
            continue
        try:
            found[name] = _plain(item, around)
        except _NotPlainError:
            if strict and not name.startswith("_"):
                raise
    return Tree(kind, tuple(found.values()), tuple(found))


def _portable(value: Value) -> Value:
    """The same on every machine: no devices, no paths."""
    if isinstance(value, Literal) and _PATH.match(value.text):
        return named("path")
    if not isinstance(value, Tree):
        return value
    if not value.keys:
        return Tree(value.kind, tuple(map(_portable, value.items)))
    kept = [pair for pair in zip(value.keys, value.items, strict=True) if not _is_device(*pair)]
    return Tree(value.kind, tuple(_portable(item) for _, item in kept), tuple(key for key, _ in kept))


def _is_device(name: str, value: Value) -> bool:
    return name == "device" or value == named("device")
