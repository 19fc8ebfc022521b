"""How names stand in the text: bare where they can, between backticks where they could be mistaken."""

from __future__ import annotations

import json
import re

__all__ = ["input_name", "key_name", "path_name", "plain_name"]

_BARE = re.compile(r"[A-Za-z0-9_]+")
_BARE_PATH = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = frozenset({"self", "const", "untracked", "None", "True", "False", "torch"})


def _quoted(name: str) -> str:
    return "`" + json.dumps(name)[1:-1].replace("`", "\\u0060") + "`"


def plain_name(name: str) -> str:
    """The name of a parameter, buffer or argument."""
    return name if _BARE.fullmatch(name) and name != "buffer" else _quoted(name)


def path_name(path: str) -> str:
    """A dotted path of modules or the dotted name of a function; each part is quoted on its own."""
    if _BARE_PATH.fullmatch(path) and "buffer" not in path:
        return path
    return ".".join(map(plain_name, path.split(".")))


def input_name(name: str) -> str:
    """The name of an argument of forward, which must not look like a literal."""
    return name if _IDENTIFIER.fullmatch(name) and name not in _RESERVED else _quoted(name)


def key_name(key: int | str) -> str:
    """A key on the way into a nested input or output: an index, or a word."""
    if isinstance(key, int):
        return str(int(key))
    return key if _IDENTIFIER.fullmatch(key) else json.dumps(key)
