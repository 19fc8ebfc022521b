"""All findings as Markdown, short enough for the summary of a CI job or a comment of a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pytest_nnviz.report.findings import Finding, accepting, counted, groups, in_order
from pytest_nnviz.report.markdown import code, plain
from pytest_nnviz.report.occasion import Occasion

__all__ = ["MARKER", "brief"]

MARKER = "<!-- pytest-nnviz -->"
"""What the text starts with, so that a bot finds its comment again."""

_LIMIT = 60_000  # characters; comments hold 65,536
_EDITS = 8
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
    blocks = [f"{MARKER}\n### {_plain(occasion.title(found))}: {_plain(counts)}\n\n{occasion.about(found)}\n"]
    if occasion.missing:
        blocks.append(
            f"{len(occasion.missing):,} more could not be kept, the first: {_code(occasion.missing[0][:_FACTS])}\n"
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
    tests = list(dict.fromkeys(each.test or each.snapshot for each in group))
    shown = ", ".join(map(_code, tests[:_EDITS])) + (
        f" and {len(tests) - _EDITS:,} more" if len(tests) > _EDITS else ""
    )
    edits = [_edit(row.place, row.facts, row.extra) for row in first.rows if row.gated]
    edits = edits or [f"  - {_code(line.strip()[:_FACTS])}" for line in first.remarks]
    more = [f"  - ... and {len(edits) - _EDITS:,} more"] if len(edits) > _EDITS else []
    lines = [f"- **{_plain(first.consequence)}** in {shown}", *edits[:_EDITS], *more]
    accept = [f"  - accept: {_accepting(group)}"] if first.command else []
    return "\n".join([*lines, *accept]) + "\n"


def _accepting(group: Sequence[Finding]) -> str:
    """What accepts all of a group, or the first command of many."""
    command = accepting(group)
    return _code(command) if command else f"{_code(group[0].command)}, and so for the others"


def _edit(place: str, facts: str, extra: str) -> str:
    behind = f", {_plain(extra)}" if extra else ""
    return f"  - {_code(place)} {_code(facts[:_FACTS])}{behind}"


def _graphs(firsts: Iterable[Finding], left: int) -> Iterator[str]:
    """Graphs of the focus of some failures, as far as there is room."""
    for each in firsts:
        graph = _graph(each.folder / "diff.mermaid")
        if graph is None:
            continue
        block = f"<details><summary>{_plain(each.name)}</summary>\n\n```mermaid\n{graph}```\n\n</details>\n"
        if len(block) < left:
            yield block
            left -= len(block) + 1


def _graph(path: Path) -> str | None:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return None
    edges = sum(line.startswith("  n") and ("--" in line or "==" in line or "-." in line) for line in text.split("\n"))
    return text if len(text) <= _GRAPH_CHARACTERS and edges <= _GRAPH_EDGES else None


def _code(text: str) -> str:
    return code(_line(text))


def _plain(text: str) -> str:
    return plain(_line(text))


def _line(text: str) -> str:
    """One line, with a mark for what cannot be seen."""
    return "".join(each if each.isprintable() else "\ufffd" for each in " ".join(text.split()))
