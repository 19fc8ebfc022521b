"""Texts cut to a width: calls at their arguments, pairs down to where they differ, all else in the middle."""

from __future__ import annotations

import re

__all__ = ["narrowed", "shorten", "shorten_call"]

_CONTEXT = 10
_CALL = re.compile(r"(?P<name>[^\s(]+)\((?P<arguments>.*)\)")
_NAMED = re.compile(r"(?P<name>\w+=)(?P<value>.*)")


def shorten(text: str, width: int) -> str:
    """The text without its middle, if it is longer than ``width`` characters.

    >>> shorten("abcdefghijkl", 9)
    'abc...jkl'
    """
    if len(text) <= width:
        return text
    head = (width - 3 + 1) // 2
    return f"{text[:head]}...{text[len(text) - (width - 3 - head) :]}"


def shorten_call(text: str, width: int) -> str:
    """A call or a module without its last arguments, as long as its name fits.

    >>> shorten_call("grouped_mm(%to, %transpose, bias=None, offs=%cumsum)", 36)
    'grouped_mm(%to, %transpose, ...)'
    """
    found = _CALL.fullmatch(text)
    if len(text) <= width or found is None:
        return shorten(text, width)
    kept = _arguments(found["arguments"])
    while kept and len(_call(found["name"], kept)) > width:
        kept.pop()
    return shorten(_call(found["name"], kept), width)


def _call(name: str, kept: list[str]) -> str:
    return f"{name}({', '.join([*kept, '...'])})"


def _arguments(text: str) -> list[str]:
    """The arguments, split at the commas that stand in no brackets and no string."""
    parts, start, depth, quoted = [], 0, 0, False
    for index, letter in enumerate(text):
        if letter == '"' and text[index - 1 : index] != "\\":
            quoted = not quoted
        elif not quoted:
            depth += (letter in "([{") - (letter in ")]}")
            if letter == "," and not depth:
                parts.append(text[start:index].strip())
                start = index + 1
    return [*parts, text[start:].strip()]


def narrowed(old: str | None, new: str | None, width: int) -> tuple[str, str]:
    """Both texts, cut down to where they differ if they are too long; the new one without the name that both have.

    Texts that differ stay different, however little room there is; calls of one function keep its name.

    >>> narrowed("dtype=torch.float32", "dtype=torch.float16", 80)
    ('dtype=torch.float32', 'torch.float16')
    >>> narrowed("view(self.query(x), 1, 16, 4, 8)", "view(self.key(x), 1, 16, 4, 8)", 44)
    ('view(self.query(x), ...', 'view(self.key(x), ...')
    """
    a, b = _named_once("(default)" if old is None else old, "(default)" if new is None else new)
    if len(a) + len(b) > width and a.replace("torch.", "") != b.replace("torch.", ""):
        a, b = a.replace("torch.", ""), b.replace("torch.", "")
    if len(a) + len(b) <= width:
        return a, b
    start = _common(a, b)
    end = _common(a[start:][::-1], b[start:][::-1])
    name = a[: a.find("(") + 1]
    kept = len(name) if len(name) <= min(start, width // 4) else 0
    for context in range(_CONTEXT, -1, -1):
        found = _window(a, kept, start - context, end - context), _window(b, kept, start - context, end - context)
        if sum(map(len, found)) <= width:
            return found
    return _beginning(a, kept, start, width // 2), _beginning(b, kept, start, width // 2)


def _window(text: str, kept: int, start: int, end: int) -> str:
    """What lies between ``start`` and ``end`` (from behind), behind what is kept of the beginning."""
    start, end = max(kept, start), max(0, end)
    return _before(text, kept, start) + text[start : len(text) - end] + ("..." if end > 3 else text[len(text) - end :])


def _before(text: str, kept: int, start: int) -> str:
    return text[:kept] + ("..." if start - kept > len("...") else text[kept:start])


def _beginning(text: str, kept: int, start: int, width: int) -> str:
    """The beginning of what differs."""
    before = _before(text, kept, start)
    rest = text[start:]
    room = max(4, width - len(before))
    return before + (rest if len(rest) <= room else rest[: room - 3] + "...")


def _named_once(old: str, new: str) -> tuple[str, str]:
    names = _NAMED.fullmatch(old), _NAMED.fullmatch(new)
    same = names[0] and names[1] and names[0]["name"] == names[1]["name"]
    return (old, names[1]["value"]) if names[1] and same and names[1]["value"] != old else (old, new)


def _common(a: str, b: str) -> int:
    return next((index for index, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
