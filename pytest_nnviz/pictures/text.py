"""Texts of which parts stand for one side of a drift alone, so that one layout serves both sides."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["HIDDEN", "Text", "joined", "part"]

HIDDEN = "-"
_BETWEEN = "between"


class Text(str):
    """What the picture of both sides says; ``parts`` says what of it is shown where.

    That is ``""`` (everywhere), ``expected``, ``actual`` or ``between`` (in the picture of both alone), behind a
    `HIDDEN` where it is not shown and keeps its place.
    """

    __slots__ = ("parts",)
    parts: tuple[tuple[str, str], ...]

    def __new__(cls, *parts: tuple[str, str]) -> Text:
        """The parts as one text."""
        made = super().__new__(cls, "".join(text for text, _ in parts))
        made.parts = tuple((text, side) for text, side in parts if text)
        return made

    @classmethod
    def of(cls, text: str) -> Text:
        """Any text; one without parts is shown everywhere."""
        return text if isinstance(text, Text) else cls((text, ""))

    @classmethod
    def pair(cls, old: str, new: str) -> Text:
        """``old → new``; just one where they are equal, or where the other is empty."""
        if old == new:
            return cls((old, ""))
        return cls((old, "expected"), (" → " if old and new else "", _BETWEEN), (new, "actual"))

    @classmethod
    def between(cls, text: str) -> Text:
        """A text that the picture of both sides has alone."""
        return cls((text, _BETWEEN))

    def on(self, side: str) -> Text:
        """The text on one side, what is not shown there hidden."""
        return Text(*((text, own if own in ("", side) else HIDDEN + own) for text, own in self.parts))

    def cut(self, start: int, end: int) -> Text:
        """The characters from ``start`` to before ``end``."""
        found: list[tuple[str, str]] = []
        at = 0
        for text, side in self.parts:
            found.append((text[max(0, start - at) : max(0, end - at)], side))
            at += len(text)
        return Text(*found)

    @property
    def shown(self) -> str:
        """What is not hidden."""
        return "".join(text for text, side in self.parts if not side.startswith(HIDDEN))

    @property
    def hidden(self) -> str:
        """What keeps its place."""
        return "".join(text for text, side in self.parts if side.startswith(HIDDEN))


def part(text: str, side: str) -> Text:
    """A text of one side."""
    return Text((text, side))


def joined(texts: Iterable[str], separator: str = "") -> Text:
    """Texts as one, in which every part stays on its side; a separator is where the text behind it is."""
    found: list[tuple[str, str]] = []
    for text in filter(None, texts):
        own = Text.of(text).parts
        sides = {side for _, side in own}
        found += [(separator, sides.pop() if len(sides) == 1 else ""), *own] if found else own
    return Text(*found)
