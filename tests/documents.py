"""The pages of the documentation, taken apart: fences, code spans, links, headings, tables."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

__all__ = ["PAGES", "ROOT", "Fence", "anchors", "commands", "fences", "links", "rows", "section", "spans"]

ROOT = Path(__file__).parent.parent
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "example_project/README.md"])
}
_MARKDOWN = MarkdownIt("commonmark").enable("table")
_OPERATORS = re.compile(r"^(?:[|;&<>]+|[0-9]>.*)$")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block: its language, its text."""

    language: str
    text: str


def _tokens(text: str) -> list[Token]:
    return _MARKDOWN.parse(text)


def _inline(text: str) -> Iterator[Token]:
    for token in _tokens(text):
        yield from token.children or ()


def fences(text: str) -> list[Fence]:
    """The fenced blocks of a page, in their order."""
    return [Fence(token.info, token.content) for token in _tokens(text) if token.type == "fence"]


def spans(text: str) -> list[str]:
    """The code in running text and in tables."""
    return [token.content for token in _inline(text) if token.type == "code_inline"]


def links(text: str) -> list[str]:
    """Where links and images of a page lead, and the sources of images that are written as HTML."""
    found = [str(token.attrs.get("href") or token.attrs.get("src")) for token in _inline(text) if token.attrs]
    return [*found, *re.findall(r'<img src="([^"]*)"', text)]


def anchors(text: str) -> set[str]:
    """The anchors of the headings, as GitHub and the site make them."""
    tokens = _tokens(text)
    titles = [
        "".join(child.content for child in inline.children or ())
        for opening, inline in itertools.pairwise(tokens)
        if opening.type == "heading_open"
    ]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def section(text: str, title: str) -> str:
    """What stands below a heading, down to the next of its level or above."""
    head, _, rest = text.partition(f" {title}\n")
    level = len(head.rpartition("\n")[2])
    return re.split(rf"^#{{1,{level}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> Iterator[list[str]]:
    """The rows of the tables, headers left out, by the Markdown of their cells."""
    tokens = _tokens(text)
    cells: list[str] = []
    for token, inside in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "td_open" and inside is not None:
            cells.append(inside.content)
        elif token.type == "tr_close" and cells:
            yield cells
            cells = []


def commands(fence: Fence, program: str) -> Iterator[list[str]]:
    """The calls of a program in a block of a shell, each as its arguments without what the shell makes of the rest."""
    for line in fence.text.splitlines():
        line = line.strip().removeprefix("- run: ").removeprefix("run: ").removeprefix("- ").removeprefix("$ ")
        if not line.startswith((f"{program} ", f"{program}\n")) and line != program:
            continue
        words = shlex.split(line, comments=True)
        end = next((at for at, word in enumerate(words) if _OPERATORS.match(word)), len(words))
        yield words[1:end]
