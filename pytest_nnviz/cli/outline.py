"""A snapshot to read: totals first, then modules and calls as in the text, with runs of siblings folded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pytest_nnviz.architecture import Architecture
from pytest_nnviz.stored import Stored, StoredArchitecture
from pytest_nnviz.textformat import dumps
from pytest_nnviz.totals import parts_of

__all__ = ["outline", "readable"]

_RUN = 3
# A number that stands for itself; those of floats do not.
_NUMBER = re.compile(r"(?<![\w.])\d+\.\d\w*(?:[+-]\d+)?|(?<!\w)(?P<whole>\d+)(?!\w)")


@dataclass(slots=True)
class _Node:
    """A line and the deeper lines below it."""

    line: str
    inside: list[_Node] = field(default_factory=list)


def readable(stored: Stored, depth: int | None = None) -> list[str]:
    """The lines of a snapshot of any kind for a reader; those that pin tables and filters are theirs already."""
    if isinstance(stored, StoredArchitecture):
        return outline(stored.content, depth)
    lines, _, comments = stored.text.partition("\n[end]\n")
    _, _, *told = lines.rstrip("\n").split("\n")  # the version, and how the file is made
    versions = [line.removeprefix("# ") for line in comments.split("\n") if line.startswith("# recorded with ")]
    return [stored.gist, *versions, *told]


def outline(architecture: Architecture, depth: int | None = None) -> list[str]:
    """The lines of a snapshot for a reader.

    All of it is there: two snapshots that differ read differently, unless ``depth`` leaves out what is that many
    modules below the root. No column depends on another line, so that a change shows where it was made.
    """
    sections = _sections(dumps(architecture).split("\n"))
    lines = [*_summary(architecture), "", "[modules]", *_lines(_tree(sections["[modules]"]), 0, depth)]
    if "[graph]" in sections:
        lines += ["", "[graph]", *_lines(_tree(sections["[graph]"]), 0, None if depth is None else depth - 1)]
    return lines


def _summary(architecture: Architecture) -> Iterator[str]:
    totals = architecture.totals
    yield f"{architecture.root.class_name}, {architecture.mode}"
    flops = "" if architecture.flops is None else f", flops {architecture.flops:,}"
    yield f"parameters {totals.parameters:,}, trainable {totals.trainable:,}, buffers {totals.buffers:,}{flops}"
    counts = {name: part.parameters for name, part in parts_of(architecture).items() if part.parameters}
    if len(counts) > 1:
        yield from (f"  {name} {count:,}" for name, count in counts.items())
    if architecture.versions:
        yield f"recorded with {', '.join(' '.join(version) for version in architecture.versions)}"


def _sections(lines: Iterable[str]) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    title = ""
    for line in lines:
        if line.startswith("["):
            title = line
        elif line:
            sections.setdefault(title, []).append(line)
    return sections


def _tree(lines: Iterable[str]) -> list[_Node]:
    root = _Node("")
    open_nodes = [root]
    for line in lines:
        bare = line.lstrip(" ")
        level = (len(line) - len(bare)) // 2
        node = _Node(bare)
        open_nodes[level].inside.append(node)
        open_nodes[level + 1 :] = [node]
    return root.inside


def _lines(nodes: Sequence[_Node], level: int, depth: int | None) -> Iterator[str]:
    if depth is not None and level > depth:
        return
    for run in _runs(nodes):
        inside = list(_lines(run[0].inside, level + 1, depth))
        hidden = " ..." if run[0].inside and not inside else ""
        yield "  " * level + _joined([node.line for node in run]) + hidden
        yield from inside


def _runs(nodes: Sequence[_Node]) -> Iterator[Sequence[_Node]]:
    """Siblings in stretches that differ by numbers alone which all go up by one from line to line."""
    start = 0
    while start < len(nodes):
        end, steps = start + 1, None
        while end < len(nodes) and nodes[end].inside == nodes[start].inside:
            found = _steps(nodes[end - 1].line, nodes[end].line)
            if found is None or steps not in (None, found):
                break
            end, steps = end + 1, found
        end = end if end - start >= _RUN else start + 1
        yield nodes[start:end]
        start = end


def _steps(one: str, other: str) -> tuple[int, ...] | None:
    """By how much each number goes up, 0 or 1 with a 1 among them; None for lines that differ otherwise."""
    left, right = _numbers(one), _numbers(other)
    if len(left) != len(right) or _NUMBER.sub(_blank, one) != _NUMBER.sub(_blank, other):
        return None
    steps = tuple(b - a for a, b in zip(left, right, strict=True))
    return steps if set(steps) <= {0, 1} and 1 in steps else None


def _numbers(line: str) -> list[int]:
    return [int(found["whole"]) for found in _NUMBER.finditer(line) if found["whole"]]


def _blank(found: re.Match[str]) -> str:
    return "#" if found["whole"] else found[0]


def _joined(lines: Sequence[str]) -> str:
    """The lines of a run in one, with ranges in braces."""
    first, last = lines[0], iter(_numbers(lines[-1]))

    def ranged(found: re.Match[str]) -> str:
        if not found["whole"]:
            return found[0]
        end = next(last)
        return found[0] if int(found[0]) == end else f"{{{found[0]}..{end}}}"

    return _NUMBER.sub(ranged, first)
