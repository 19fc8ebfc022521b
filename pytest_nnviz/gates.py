"""Gates: which kinds of change fail a test, in all of a model or place by place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from pytest_nnviz.errors import OptionError, suggest

if TYPE_CHECKING:
    from pytest_nnviz.drift import Change, Drift

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
            OptionError: an unknown gate, ``cost`` for a part of the model, or what is no pattern; the message lists the
                choices.
        """
        if isinstance(given, Gates):
            return given
        if not isinstance(given, Mapping):
            return cls(_names(given))
        places = {_pattern(pattern): _names(names, f" for {pattern!r}") for pattern, names in given.items()}
        everywhere = places.pop(_EVERYWHERE, frozenset(GATES))
        for pattern, names in places.items():
            _no_cost(pattern, names)
        return cls(everywhere, tuple(places.items()))

    def at(self, place: str) -> frozenset[str]:
        """The gates that hold at the path of a module; ``""`` is the model itself."""
        around = list(_around(place))
        for pattern, names in reversed(self.places):
            if any(fnmatchcase(path, pattern) for path in around):
                return names
        return self.everywhere

    def held_in(self, drift: Drift) -> Callable[[Change], bool]:
        """What says of a change of a drift whether it fails the test.

        A change of what has several places does so if any of them is held: one of place before and after, one in a
        module under each of its names.
        """
        if not self.places:
            return lambda change: change.gate in self.everywhere
        from pytest_nnviz.drift.statedict import registered

        names: dict[str, set[str]] = {}
        for module in (*registered(drift.old.root), *registered(drift.new.root)):
            names.setdefault(module.first, {module.first}).add(module.path)

        def held(change: Change) -> bool:
            went = change.kind in ("renamed", "moved") and change.what in ("", "parameters")
            places = [change.place, *([str(change.old)] if went else [])]
            return any(change.gate in self.at(name) for place in places for name in names.get(place, {place}))

        return held

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


def _no_cost(pattern: str, names: frozenset[str]) -> None:
    if "cost" in names:
        left = ", ".join(repr(name) for name in GATES if name in names and name != "cost")
        raise OptionError(
            f"gate for {pattern!r}: 'cost' is of the whole model, as FLOPs are; write "
            f"{{{pattern!r}: {f'{{{left}}}' if left else 'set()'}}}, and 'cost' among the gates for '*', where all are "
            "unless it says otherwise"
        )


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
