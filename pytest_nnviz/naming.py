"""Names of tests as names of files: injective, short, and legal on every system."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

__all__ = ["SNAPSHOT_DIRNAME", "call_suffix", "clean", "owning_names", "stem_of_test"]

SNAPSHOT_DIRNAME = "__nnviz__"

_FOREIGN = re.compile(r"[^\w\-.,=+@ \[\]()]")
_TEST_BYTES = 140
_CALL_BYTES = 60


def clean(raw: str, limit: int) -> str:
    """``raw`` as a file name of at most ``limit`` bytes; whatever had to be changed is told apart by a hash.

    >>> clean("test_p[a-b]", 140), clean("test_p[a/b]", 140)
    ('test_p[a-b]', 'test_p[a_b]~89327271')
    """
    safe = _FOREIGN.sub("_", unicodedata.normalize("NFC", raw))
    if safe == raw and len(safe.encode()) <= limit:
        return safe
    import hashlib

    digest = hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{safe.encode()[: limit - 9].decode(errors='ignore')}~{digest}"


def stem_of_test(item: Any) -> str:
    """The file stem of an item's first snapshot: ``Class.test[param]``, cleaned.

    ``][`` never appears in it, so that ``test[a][b]`` can only be the call ``name="b"`` of ``test[a]``.
    """
    raw = ".".join([*_classes(item), item.name])
    return clean(raw, _TEST_BYTES) if "][" not in raw else clean(raw.replace("][", "]\0["), _TEST_BYTES)


def call_suffix(index: int | str) -> str:
    """What a call adds to the stem of its test: nothing for the first, ``.1`` for the second, ``[name]`` for named."""
    if isinstance(index, str):
        return clean(f"[{index}]", _CALL_BYTES)
    return f".{index}" if index else ""


def owning_names(stem: str) -> Iterator[str]:
    """Every test stem that a snapshot with this file stem may belong to."""
    yield stem
    for position, character in enumerate(stem):
        if character in ".[":
            yield stem[:position]


def _classes(item: Any) -> list[str]:
    names = []
    node = getattr(item, "parent", None)
    while node is not None and isinstance(getattr(node, "obj", None), type):
        names.append(node.name)
        node = node.parent
    return names[::-1]
