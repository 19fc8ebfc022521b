"""Gates: which kinds of change fail a test, in all of a model or place by place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pytest_nnviz.errors import OptionError, suggest

if TYPE_CHECKING:
    from pytest_nnviz.drift import Change

__all__ = ["GATES", "Gates"]

GATES = ("structure", "shapes", "parameters", "topology", "cost")

_EVERYWHERE = "*"


@dataclass(frozen=True, slots=True)
class Gates:
    """Which changes fail a test; the others are notes.

    A pattern is the path of a module (``encoder``, ``layers.*.attn``) and names that module and all below it.

    Attributes:
        everywhere: the gates of what no pattern names.
        places: (pattern, gates) as they were given; where several patterns name a place the last one decides.
    """

    everywhere: frozenset[str] = frozenset(GATES)
    places: tuple[tuple[str, frozenset[str]], ...] = ()

    @classmethod
    def of(cls, given: object) -> Gates:
        """Gates from names (``{"shapes"}``, ``"shapes topology"``), or from names by pattern, ``*`` for the rest.

        Raises:
            OptionError: an unknown gate, or what is no pattern; the message lists the choices.
        """
        if isinstance(given, Gates):
            return given
        if not isinstance(given, Mapping):
            return cls(_names(given))
        places = {_pattern(pattern): _names(names, f" for {pattern!r}") for pattern, names in given.items()}
        everywhere = places.pop(_EVERYWHERE, frozenset(GATES))
        return cls(everywhere, tuple(places.items()))

    def at(self, place: str) -> frozenset[str]:
        """The gates that hold at the path of a module; ``""`` is the model itself."""
        around = list(_around(place))
        for pattern, names in reversed(self.places):
            if any(fnmatchcase(path, pattern) for path in around):
                return names
        return self.everywhere

    def hold(self, change: Change) -> bool:
        """Whether a change fails the test; one of place does so if either of its places is held."""
        went = change.kind in ("renamed", "moved") and change.gate in self.at(change.old or "")
        return went or change.gate in self.at(change.place)

    def unmatched(self, paths: Collection[str]) -> list[str]:
        """The patterns that name none of the modules at these paths."""
        return [pattern for pattern, _ in self.places if not any(fnmatchcase(path, pattern) for path in paths)]


def _names(given: object, where: str = "") -> frozenset[str]:
    names = given.split() if isinstance(given, str) else given
    if not isinstance(names, Iterable):
        raise OptionError(f"gate{where}: {given!r} is no set out of {', '.join(map(repr, GATES))}")
    found = list(names)
    for name in found:
        if name not in GATES:
            hint = suggest(str(name), GATES) or _by_place(name)
            raise OptionError(f"unknown gate {name!r}{where}{hint}; gates: {', '.join(map(repr, GATES))}")
    return frozenset(found)


def _by_place(name: object) -> str:
    looks = isinstance(name, str) and ("." in name or "*" in name)
    return f" (for a part of the model: {{{name!r}: {{'shapes'}}}})" if looks else ""


def _pattern(pattern: object) -> str:
    if not isinstance(pattern, str) or not pattern:
        raise OptionError(
            f"gate: {pattern!r} is no pattern; give paths of modules such as 'encoder' or 'layers.*.attn'"
        )
    return pattern


def _around(place: str) -> Iterator[str]:
    """A path, and the paths of the modules around it."""
    yield place
    while "." in place:
        place = place.rpartition(".")[0]
        yield place
