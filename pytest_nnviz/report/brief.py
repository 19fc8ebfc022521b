"""All findings as Markdown, short enough for the summary of a CI job or a comment of a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

from pytest_nnviz.report.findings import Finding, Row, accepting, counted, groups, in_order
from pytest_nnviz.report.markdown import code, plain
from pytest_nnviz.report.occasion import Occasion

__all__ = ["MARKER", "brief"]

MARKER = "<!-- pytest-nnviz -->"
"""What the text starts with, so that a bot finds its comment again."""

_WHERE = "With pictures: `index.html`, among the artifacts of the job."
_LIMIT = 60_000  # characters; comments hold 65,536
_ASKS = {"missing": "record", "damaged": "write anew", "picture": "redraw"}
_EDITS = 8
_REMARKS = 3
_FACTS = 300
_GRAPH_CHARACTERS, _GRAPH_EDGES = 50_000, 500  # what GitHub draws


def brief(findings: Iterable[Finding], occasion: Occasion | None = None, limit: int = _LIMIT) -> str:
    """The findings, those of one cause together, the gravest first; then graphs of what changed. One final newline.

    Args:
        findings: of a run, where only what failed is told, or of a review.
        occasion: why there is a summary; a run of tests when None.
        limit: characters, at most; what does not fit is counted.
    """
    occasion = Occasion() if occasion is None else occasion
    found = [each for each in in_order(findings) if each.failed or occasion.is_review]
    counts = ", ".join(f"{count:,} {name}" for name, count in counted(found))
    blocks = [
        f"{MARKER}\n### {_plain(occasion.title(found))}: {_plain(counts)}\n\n{_plain(occasion.about(found))} {_WHERE}\n"
    ]
    if occasion.missing:
        blocks.append(
            f"{len(occasion.missing):,} more could not be kept, the first: {_code(_cut(occasion.missing[0]))}\n"
        )
    left = limit - sum(map(len, blocks)) - 200
    causes = groups(found)
    for at, group in enumerate(causes):
        block = _group(group)
        if len(block) > left:
            rest = sum(map(len, causes[at:]))
            return "\n".join([*blocks, f"... and {rest:,} more {'snapshot' if rest == 1 else 'snapshots'}\n"])
        blocks.append(block)
        left -= len(block) + 1
    return "\n".join([*blocks, *_graphs([group[0] for group in causes], left)])


def _group(group: Sequence[Finding]) -> str:
    first = group[0]
    alike = list(filter(first.is_same, group))
    others = [each for each in group if not first.is_same(each)]
    moved = [f"{_code(each.where)} ({_places(each)})" for each in others if first.is_same_cause(each)]
    elsewhere = [f"the same elsewhere in {', '.join(_few(moved))}"] if moved else []
    there = [f"in {_code(each.where)}: {_there(each)}" for each in others if not first.is_same_cause(each)]
    accept = [f"{_ASKS.get(first.status, 'accept')}: {_accepting(group)}"] if first.command else []
    lines = [f"**{_plain(first.consequence)}** in {_listed(alike)}", *_said(first), *elsewhere, *_few(there), *accept]
    return "- " + "\n  - ".join(lines) + "\n"


def _said(finding: Finding) -> list[str]:
    """The edits that decide, and what is said about the whole; of what has none, what it is."""
    edits = [_edit(row) for row in finding.rows if row.gated]
    remarks = [_plain(_cut(line)) for line in finding.remarks if not line.startswith(" ")]
    if edits:
        return [*_few(edits), *remarks[:_REMARKS]]
    return [_code(_cut(line.strip())) for line in finding.remarks[:_EDITS]] or [_plain(_cut(finding.headline))]


def _there(finding: Finding) -> str:
    """The first edit of one that is told with others, whose edits are not the very same."""
    edit, *others = [_edit(row) for row in finding.rows if row.gated] or [_code(_cut(finding.headline))]
    return f"{edit} (+{len(others):,} more)" if others else edit


def _places(finding: Finding) -> str:
    return ", ".join(_few([_code(_cut(row.place)) for row in finding.rows if row.gated]))


def _listed(group: Sequence[Finding]) -> str:
    return ", ".join(_few([_code(where) for where in dict.fromkeys(each.where for each in group)]))


def _few(lines: Sequence[str]) -> list[str]:
    left = len(lines) - _EDITS
    return [*lines[:_EDITS], f"... and {left:,} more"] if left > 0 else [*lines]


def _cut(text: str) -> str:
    return text if len(text) <= _FACTS else f"{text[: _FACTS - 3]}..."


def _accepting(group: Sequence[Finding]) -> str:
    """What accepts all of a group, or the first command of many."""
    command = accepting(group)
    return _code(command) if command else f"{_code(group[0].command)}, and so for the others"


def _edit(row: Row) -> str:
    """What changed where; what came, went or moved behind its sign."""
    place = row.place if row.marker == "~" else f"{row.marker} {row.place}"
    behind = f", {_plain(row.extra)}" if row.extra else ""
    source = f" ({_code(row.source)})" if row.source else ""
    return f"{_code(place)} {_code(_cut(row.facts))}{behind}{source}"


def _graphs(firsts: Iterable[Finding], left: int) -> Iterator[str]:
    """Graphs of the focus of some failures, as far as there is room."""
    for each in firsts:
        graph = _graph(each.folder / "diff.mermaid")
        if graph is None:
            continue
        name = escape(_line(each.name), quote=False)
        block = f"<details><summary>{name}</summary>\n\n```mermaid\n{graph}```\n\n</details>\n"
        if not graph or len(block) >= left:
            block = f"The graph of {_code(each.name)} is too large to be drawn here.\n"
        if len(block) < left:
            yield block
            left -= len(block) + 1


def _graph(path: Path) -> str | None:
    """The graph of a drift, empty where it is too large for those who draw it; None where there is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return None
    edges = sum(line.startswith("  n") and ("--" in line or "==" in line or "-." in line) for line in text.split("\n"))
    return text if len(text) <= _GRAPH_CHARACTERS and edges <= _GRAPH_EDGES else ""


def _code(text: str) -> str:
    return code(_line(text))


def _plain(text: str) -> str:
    return plain(_line(text))


def _line(text: str) -> str:
    """One line, with a mark for what cannot be seen."""
    return "".join(each if each.isprintable() else "\ufffd" for each in " ".join(text.split()))
