"""The edits of a finding as a table: what changed where, of which gate, from what to what, what that means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape

from pytest_nnviz.report.findings import Row
from pytest_nnviz.wording import Fact

__all__ = ["arrowed", "edits", "tone"]

_TONES = {"breaks checkpoints": "breaks", "changes the function": "changes"}
_MARKS = {"+": "added", "-": "removed", "~": "changed", ">": "moved"}
_ROWS = 200
_UNSEEN = '<span class="unseen">{}</span>'  # for those who have the page read to them

_BEFORE: dict[str, Callable[[Row], str]] = {"kind": lambda row: row.marker, "place": lambda row: row.place}
_FACTS: dict[str, Callable[[Fact], str]] = {
    "what": lambda fact: fact.what,
    "old": lambda fact: fact.old,
    "new": lambda fact: fact.new,
    "gate": lambda fact: fact.gate,
}
_BEHIND: dict[str, Callable[[Row], str]] = {
    "effect": lambda row: row.extra,
    "means": lambda row: row.consequence if row.gated else f"{row.consequence} (not gated)",
    "source": lambda row: row.source,
}


def edits(rows: Sequence[Row]) -> str:
    """A table with the columns in which something stands: an edit has as many lines as it has facts."""
    if not rows:
        return ""
    shown = rows[:_ROWS]
    told = [fact for row in shown for fact in row.changes]
    facts = [name for name, said in _FACTS.items() if any(map(said, told))] or ["change"]
    before, behind = ([name for name, said in found.items() if any(map(said, shown))] for found in (_BEFORE, _BEHIND))
    columns = [*before, *facts, *behind]
    heads = "".join(f'<th scope="col">{_UNSEEN.format(name) if name == "kind" else name}</th>' for name in columns)
    lines = "".join(line for row in shown for line in _edit(row, before, facts, behind))
    left = len(rows) - _ROWS
    more = f'<tr><td colspan="{len(columns)}">... and {left:,} more, in words.txt</td></tr>\n' if left > 0 else ""
    return (
        '<div class="scroll" tabindex="0" role="group" aria-label="Changes"><table class="edits">'
        f"<thead><tr>{heads}</tr></thead><tbody>\n{lines}{more}</tbody></table></div>\n"
    )


def tone(consequence: str) -> str:
    """The class by which a consequence has its colour."""
    return _TONES.get(consequence, "milder")


def arrowed(text: str) -> str:
    """A text as HTML in which no line ends within an arrow."""
    return escape(text).replace("-&gt;", '<span class="arrow">-&gt;</span>')


def _edit(row: Row, before: Sequence[str], facts: Sequence[str], behind: Sequence[str]) -> Iterator[str]:
    """The lines of an edit: its first fact with what is said of all, then the others."""
    first, *others = row.changes or (None,)
    rows = f' rowspan="{len(others) + 1}"' if others else ""
    heads, ends = ("".join(_cell(row, name, rows) for name in names) for names in (before, behind))
    yield f'<tr class="edit">{heads}{_fact(row, first, facts)}{ends}</tr>\n'
    for fact in others:
        yield f"<tr>{_fact(row, fact, facts)}</tr>\n"


def _cell(row: Row, name: str, rows: str) -> str:
    kind = _MARKS.get(row.marker, "changed")
    classes = {"kind": f"kind {kind}", "means": f"means {tone(row.consequence)}"}
    spoken = _UNSEEN.format(kind) if name == "kind" else ""
    said = {**_BEFORE, **_BEHIND}[name](row)
    return f'<td class="{classes.get(name, name)}"{rows}>{escape(said)}{spoken}</td>'


def _fact(row: Row, fact: Fact | None, facts: Sequence[str]) -> str:
    """The cells of a fact, or one for all words where there is none."""
    if fact is None or facts == ["change"]:
        across = f' colspan="{len(facts)}"' if len(facts) > 1 else ""
        return f'<td class="change"{across}>{arrowed(row.facts)}</td>'
    return "".join(f'<td class="{name}">{arrowed(_FACTS[name](fact))}</td>' for name in facts)
