"""What a picture is asked to show, where that is not left to what fits a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

__all__ = ["SIDES", "Asked"]

SIDES = ("both", "expected", "actual")
"""The pictures of a drift: both sides in one, or one alone in the same layout."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How a picture differs from the one that is drawn when nothing is asked for.

    Attributes:
        depth: how many levels of modules are opened; None for what fits.
        expand: patterns of module paths (``layer4``, ``layers.*.attn``) that are open whatever the depth.
        fold: False draws equal blocks that follow each other one by one.
        show_parameters: True draws a node for each parameter, with its name and shape.
        neighbours: how many steps around a change stay visible in the picture of a drift.
        called: what the title calls the two sides of a drift.
    """

    depth: int | None = None
    expand: tuple[str, ...] = ()
    fold: bool = True
    show_parameters: bool = False
    neighbours: int = 1
    called: tuple[str, str] = ("expected", "actual")

    def __str__(self) -> str:
        """What was asked for, empty for nothing: part of what a picture was drawn from."""
        facts = (
            f"picture_depth {self.depth}" if self.depth is not None else "",
            f"expand {' '.join(self.expand)}" if self.expand else "",
            "" if self.fold else "fold False",
            "show_parameters" if self.show_parameters else "",
            "" if self.neighbours == 1 else f"neighbours {self.neighbours}",
        )
        return ", ".join(filter(None, facts))

    def opens(self, place: str) -> bool:
        """Whether the module at a path is asked to be open."""
        return any(fnmatchcase(place, pattern) for pattern in self.expand)

    def unmatched(self, places: Iterable[str]) -> list[str]:
        """The patterns that name none of these modules."""
        known = list(places)
        return [pattern for pattern in self.expand if not any(fnmatchcase(place, pattern) for place in known)]
