"""All failures of a run as Markdown, short enough for the summary of a CI job or a comment of a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pytest_nnviz.report.failures import Failure, counted, in_order
from pytest_nnviz.report.markdown import code, plain

__all__ = ["MARKER", "brief"]

MARKER = "<!-- pytest-nnviz -->"
"""What the text starts with, so that a bot finds its comment again."""

_LIMIT = 60_000  # characters; comments hold 65,536
_EDITS = 8
_FACTS = 300
_GRAPH_CHARACTERS, _GRAPH_EDGES = 50_000, 500  # what GitHub draws
_ABOUT = (
    "The snapshots of these tests say what the models are: modules, parameters, shapes, the graph of the forward pass, "
    "weights of convolutions. What was found now is something else. Either that is meant, and the command accepts it, "
    "or it is a mistake."
)


def brief(failures: Iterable[Failure], limit: int = _LIMIT) -> str:
    """The failures, those of one cause together, the gravest first; then a graph of what changed. One final newline.

    Args:
        failures: of a run.
        limit: characters, at most; what does not fit is counted.
    """
    found = in_order(failures)
    counts = ", ".join(f"{count:,} {name}" for name, count in counted(found))
    noun = "snapshot" if len(found) == 1 else "snapshots"
    blocks = [f"{MARKER}\n### {len(found):,} {noun} drifted: {_plain(counts)}\n\n{_ABOUT}\n"]
    left = limit - len(blocks[0]) - 200
    groups = list(_by_cause(found))
    for at, group in enumerate(groups):
        block = _group(group)
        if len(block) > left:
            rest = sum(map(len, groups[at:]))
            return "\n".join([*blocks, f"... and {rest:,} more {'snapshot' if rest == 1 else 'snapshots'}\n"])
        blocks.append(block)
        left -= len(block) + 1
    return "\n".join([*blocks, *_graphs([group[0] for group in groups], left)])


def _by_cause(found: Sequence[Failure]) -> Iterator[list[Failure]]:
    groups: dict[object, list[Failure]] = {}
    for each in found:
        groups.setdefault(each.causes or each.folder, []).append(each)
    yield from groups.values()


def _group(group: Sequence[Failure]) -> str:
    first = group[0]
    tests = list(dict.fromkeys(each.test for each in group))
    shown = ", ".join(map(_code, tests[:_EDITS])) + (
        f" and {len(tests) - _EDITS:,} more" if len(tests) > _EDITS else ""
    )
    edits = [_edit(row.place, row.facts, row.extra) for row in first.rows if row.gated]
    edits = edits or [f"  - {_code(line.strip()[:_FACTS])}" for line in first.remarks]
    more = [f"  - ... and {len(edits) - _EDITS:,} more"] if len(edits) > _EDITS else []
    lines = [f"- **{_plain(first.consequence)}** in {shown}", *edits[:_EDITS], *more]
    command = _code(first.command) if len(tests) == 1 else f"{_code(first.command)}, and so for the others"
    return "\n".join([*lines, f"  - accept: {command}"]) + "\n"


def _edit(place: str, facts: str, extra: str) -> str:
    behind = f", {_plain(extra)}" if extra else ""
    return f"  - {_code(place)} {_code(facts[:_FACTS])}{behind}"


def _graphs(firsts: Iterable[Failure], left: int) -> Iterator[str]:
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
