"""Texts of snapshots as hands, merges, disks and other programs leave them."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from functools import partial

__all__ = ["damaged", "means_the_same"]

_CLOSE = 2e-4  # more than any bound for weights up to 3

_HUNK = "<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> branch\n"
_MARKERS = ("<<<<<<< HEAD\n", "||||||| base\n", "=======\n", ">>>>>>> branch\n")


def damaged(text: str, others: list[str], seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """What was done to a text, and what it is then.

    Args:
        text: as it was stored.
        others: texts of another model, and of other kinds.
        seed: of the random ones.
    """
    whole = text.encode()
    for at in range(len(whole)):
        yield f"cut off at byte {at}", whole[:at]
    for label, found in (*_by_line(text), *_by_section(text), *_as_other_programs(text)):
        yield label, found if isinstance(found, bytes) else found.encode()
    for number, other in enumerate(others):
        yield f"another text, {number}", other.encode()
        yield f"another text behind it, {number}", (text + other).encode()
    yield from _flipped(whole, random.Random(seed))


def _by_line(text: str) -> Iterator[tuple[str, str]]:
    lines = text.splitlines(keepends=True)
    for at, line in enumerate(lines):
        before, after = "".join(lines[:at]), "".join(lines[at + 1 :])
        yield f"without line {at + 1}", before + after
        yield f"line {at + 1} twice", before + line + line + after
        yield (
            f"line {at + 1} changed places",
            before + "".join(lines[at + 1 : at + 2]) + line + "".join(lines[at + 2 :]),
        )
        yield f"a conflict at line {at + 1}", before + _HUNK.format(ours=line, theirs=line.upper()) + after
        for marker in _MARKERS:
            yield f"{marker.strip()} before line {at + 1}", before + marker + line + after
        yield f"a space behind line {at + 1}", before + line.rstrip("\n") + " \n" + after
        yield f"a tab before line {at + 1}", f"{before}\t{line}{after}"


def _by_section(text: str) -> Iterator[tuple[str, str]]:
    first, *_ = text.split("\n")
    kind = first.partition(" ")[0]
    for version in ("2", "10", "999999999", "1" * 30, "0", "-1", "1.0", "\u0661", "", "1 "):
        yield f"version {version}", text.replace(first, f"{kind} {version}", 1)
    sections = text.split("\n\n")
    for at, section in enumerate(sections):
        yield f"section {at} twice", "\n\n".join([*sections[: at + 1], section, *sections[at + 1 :]])
        yield f"without section {at}", "\n\n".join([*sections[:at], *sections[at + 1 :]])
    yield "sections in another order", "\n\n".join(reversed(sections))


def _as_other_programs(text: str) -> Iterator[tuple[str, str | bytes]]:
    yield "CRLF", text.replace("\n", "\r\n")
    yield "CR", text.replace("\n", "\r")
    yield "CR CR LF", text.replace("\n", "\r\r\n")
    yield "a BOM", "\ufeff" + text
    yield "two BOMs", "\ufeff\ufeff" + text
    for encoding in ("utf-16", "utf-16-le", "utf-32", "cp037"):
        yield encoding, text.encode(encoding, "replace")
    yield "NUL between", text.replace("\n", "\0\n")
    yield "nothing", ""
    yield "blank", "\n" * 9
    yield "NULs of its length", bytes(len(text))
    yield "indented", "\n".join("  " + line for line in text.split("\n"))
    yield "HTML of a server", "<!DOCTYPE html><html><body>502 Bad Gateway</body></html>"
    yield "a pointer of Git LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 1\n"
    yield "without its last newline", text.rstrip("\n")
    yield "more behind", text + "more\n"
    yield "a comment behind", text + "# more\n"


def _flipped(whole: bytes, numbers: random.Random) -> Iterator[tuple[str, bytes]]:
    """Of each byte that decides, one bit; and some random ones."""
    for at in range(len(whole)):
        changed = whole[at] ^ (1 << numbers.randrange(8))
        yield f"a bit of byte {at}", whole[:at] + bytes([changed]) + whole[at + 1 :]
    for number in range(200):
        at, length = numbers.randrange(len(whole)), numbers.randrange(1, 9)
        yield f"random bytes, {number}", whole[:at] + numbers.randbytes(length) + whole[at + length :]


def means_the_same(text: str, found: bytes) -> bool | None:
    """Whether what decides of a text is the same: its lines up to ``[end]``, whatever ends them.

    None where a tolerance decides, or nothing does: those of filters have numbers, and say how they are drawn.
    """
    old, new = _deciding(text), _deciding(found.decode("utf-8", "replace"))
    near = text.startswith("nnviz-filters") and len(old) == len(new) and all(map(_is_close, old, new))
    return None if near and old != new else old == new


_STATISTICS = re.compile(r"(?<=[a-z] )-?[0-9]+(?:\.[0-9]+)?(?=,)")
_DIGEST = re.compile(r"(?<=digest )[0-9a-f]{12}$")


_UNDECIDED = ("all: ", "model: ", "drawn: ")  # the lines of the filters decide, under any name and however drawn


def _is_close(one: str, other: str) -> bool:
    """Whether two lines about filters differ by little; their digest decides nothing."""
    if one.startswith(_UNDECIDED):
        return other.startswith(one.partition(" ")[0])
    if not one[:1].isdigit():
        return one == other
    frames = [_DIGEST.sub("", _STATISTICS.sub("", line)) for line in (one, other)]
    numbers = [list(map(float, _STATISTICS.findall(line))) for line in (one, other)]
    near = len(numbers[0]) == len(numbers[1]) and all(
        map(partial(math.isclose, rel_tol=_CLOSE, abs_tol=_CLOSE), *numbers)
    )
    return frames[0] == frames[1] and near


def _deciding(text: str) -> list[str]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if "[end]" not in lines:
        return []
    end = lines.index("[end]") + 1
    return lines[:end] + [line for line in lines[end:] if line and not line.startswith("#")]
