"""The calls to draw: of one forward pass, or of two woven into one, with what changed marked at each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_nnviz.architecture import Architecture, Argument, Body, Call, Module, Ref, Tree, Value, walk_modules
from pytest_nnviz.asked import Asked
from pytest_nnviz.drift import align_calls
from pytest_nnviz.drift.data import CONSEQUENCES
from pytest_nnviz.pictures.flow import At

if TYPE_CHECKING:
    from pytest_nnviz.drift import Change, Drift

__all__ = ["Run", "Site", "Weave", "counts_up", "safe_id", "unique_id", "walk_runs", "weave"]

_NOTHING_ASKED = Asked()


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A call, or a pair of calls that are the same one before and after.

    ``calls``, ``at`` and ``modules`` hold (before, after), None on the side where there is none; outside of a drift
    everything is after. ``places`` are the paths of the module that is called, else the one it is called in. ``change``
    is ``""``, ``added``, ``removed`` or ``changed``.
    """

    id: str
    calls: tuple[Call | None, Call | None]
    at: tuple[At | None, At | None]
    modules: tuple[Module | None, Module | None]
    places: tuple[str, str]
    change: str
    changes: tuple[Change, ...]
    inside: tuple[Run, ...]

    @property
    def call(self) -> Call:
        """The call after, or before where it was removed."""
        call = self.calls[1] or self.calls[0]
        assert call is not None
        return call

    @property
    def place(self) -> str:
        """The path after, or before where it was removed."""
        return self.places[0 if self.calls[1] is None else 1]

    @property
    def module(self) -> Module | None:
        """The module that is called, if it is registered."""
        return self.modules[1] or self.modules[0]

    @property
    def notable(self) -> tuple[Change, ...]:
        """The changes here that do not just follow from others, and reshaped parameters; not what is cosmetic, unless
        there is nothing else.
        """
        went = ("renamed", "moved")
        reshaped = [
            c for c in self.changes if c.gate == "parameters" and c.kind not in went and self.change == "changed"
        ]
        own = [c for c in self.changes if _shows(c) or c in reshaped]
        weighty = [change for change in own if change.consequence != "cosmetic"]
        return tuple(weighty or own)

    @property
    def weight(self) -> int:
        """How little the worst change here matters: its place in `CONSEQUENCES`, behind all for what only follows."""
        own = [c.consequence for c in self.changes if not c.ripple or c.gate == "parameters"]
        return min(map(CONSEQUENCES.index, own), default=len(CONSEQUENCES))

    @property
    def reshaped(self) -> bool:
        """Has any call here another result than before?"""
        before, after = self.calls
        differ = before is not None and after is not None and before.result != after.result
        return differ or any(run.first.reshaped for run in self.inside)

    @property
    def touched(self) -> bool:
        """Did anything change here or inside?"""
        return bool(self.change) or any(run.first.touched for run in self.inside)

    @property
    def size(self) -> int:
        """Number of opaque calls."""
        return sum(len(run.sites) * run.first.size for run in self.inside) or 1

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of opaque calls before and after."""
        if not self.inside:
            return int(self.calls[0] is not None), int(self.calls[1] is not None)
        both = [run.sizes for run in self.inside]  # each once: asked for by side, what is deep would take for ever
        return sum(old for old, _ in both), sum(new for _, new in both)


@dataclass(frozen=True, slots=True)
class Run:
    """Equal siblings that follow each other, as one; mostly there is just one site in it."""

    sites: tuple[Site, ...]

    @property
    def first(self) -> Site:
        """The site that stands for all."""
        return self.sites[0]

    @property
    def size(self) -> int:
        """Number of opaque calls."""
        return len(self.sites) * self.first.size

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of opaque calls before and after."""
        old, new = self.first.sizes
        return len(self.sites) * old, len(self.sites) * new


@dataclass(frozen=True, slots=True)
class Weave:
    """All runs of a forward pass, and the changes that belong to no call."""

    runs: tuple[Run, ...]
    homeless: tuple[Change, ...]


def walk_runs(runs: tuple[Run, ...]) -> Iterator[Run]:
    """Yield runs and those inside them, outer ones first."""
    for run in runs:
        yield run
        yield from walk_runs(run.first.inside)


def weave(
    old: Architecture | None, new: Architecture, drift: Drift | None = None, asked: Asked = _NOTHING_ASKED
) -> Weave:
    """The calls of ``new``, woven with those of ``old`` if there is a drift between them."""
    weaver = _Weaver((old, new), drift, asked)
    before = old.forward if old is not None else None
    runs = weaver.body((before, new.forward), (("",), ("",)), ((), ()))
    changes = drift.changes if drift is not None else ()
    left = tuple(change for change in changes if change not in weaver.used and not change.ripple)
    return Weave(runs, left)


def safe_id(name: str) -> str:
    """A name as an identifier of letters, digits and ``_.-``."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name)[:120] or "_"


def unique_id(name: str, taken: dict[str, int]) -> str:
    """A name as an identifier that is not ``taken`` yet; it is from now on."""
    base = safe_id(name)
    taken[base] = taken.get(base, 0) + 1
    return base if taken[base] == 1 else f"{base}~{taken[base]}"


def _shows(change: Change) -> bool:
    """Whether a change is shown in its place: what does not follow from others, and other names."""
    return not change.ripple or (change.gate, change.kind) == ("structure", "renamed")


class _Weaver:
    def __init__(self, models: tuple[Architecture | None, Architecture], drift: Drift | None, asked: Asked) -> None:
        self.asked = asked
        self.comparing = drift is not None
        self.modules = [dict(walk_modules(model.root)) if model else {} for model in models]
        self.by_call: tuple[dict[At, list[Change]], ...] = ({}, {})
        self.by_place: tuple[dict[str, list[Change]], ...] = ({}, {})
        self.ids: dict[str, int] = {}
        self.used: set[Change] = set()
        self.drift = drift
        for change in drift.changes if drift else ():
            self.register(change)

    def register(self, change: Change) -> None:
        for side, at in enumerate((change.old_call, change.new_call)):
            if at is not None:
                self.by_call[side].setdefault(at, []).append(change)
        if change.old_call is None and change.new_call is None:
            for side, absent in enumerate(("added", "removed")):
                if change.kind != absent:
                    self.by_place[side].setdefault(self.place_of(change, side), []).append(change)

    def place_of(self, change: Change, side: int) -> str:
        """The path before (0) or after (1) of the module that changed."""
        if side or change.kind == "removed" or self.drift is None:
            return change.place
        return self.drift.old_path(change.place)

    def body(
        self,
        bodies: tuple[Body | None, Body | None],
        scopes: tuple[tuple[str | None, ...], tuple[str | None, ...]],
        at: tuple[At, At],
    ) -> tuple[Run, ...]:
        sites = [self.site(bodies, pair, scopes, at) for pair in self.pairs(*bodies, at)]
        return self.fold(sites)

    def fold(self, sites: list[Site]) -> tuple[Run, ...]:
        """Put equal siblings that follow each other into one run; what is asked to be open stays with its like."""
        runs: list[list[Site]] = []
        for site in sites:
            if runs and self.asked.fold and self.alike(runs[-1][-1], site) and _continues(runs[-1], site):
                runs[-1].append(site)
            else:
                runs.append([site])
        return tuple(Run(tuple(run)) for run in runs)

    def alike(self, one: Site, other: Site) -> bool:
        return self.asked.opens(one.place) == self.asked.opens(other.place)

    def pairs(self, old: Body | None, new: Body | None, at: tuple[At, At]) -> Iterable[tuple[int | None, int | None]]:
        if old is None or new is None:
            body = old or new
            count = range(len(body.calls)) if body is not None else ()
            return [(index, None) if new is None else (None, index) for index in count]
        if self.drift is not None and (at in self.drift.rows or old == new):
            return self.drift.pairs(*at)
        return align_calls(old, new)

    def site(
        self,
        bodies: tuple[Body | None, Body | None],
        pair: tuple[int | None, int | None],
        scopes: tuple[tuple[str | None, ...], tuple[str | None, ...]],
        at: tuple[At, At],
    ) -> Site:
        calls = (_pick(bodies[0], pair[0]), _pick(bodies[1], pair[1]))
        places = (_place(calls[0], scopes[0]), _place(calls[1], scopes[1]))
        here = (None if pair[0] is None else (*at[0], pair[0]), None if pair[1] is None else (*at[1], pair[1]))
        call = calls[1] or calls[0]
        assert call is not None
        owner = scopes[1][-1] if calls[1] is not None else scopes[0][-1]
        place = places[1] if calls[1] is not None else places[0]
        own = self.own_changes(here, places)
        name = place if place is not None else ".".join(filter(None, (owner, call.name)))
        identity = unique_id(name or call.name, self.ids)
        modules = (self.module(0, places[0]), self.module(1, places[1]))
        within = ((*scopes[0], places[0]), (*scopes[1], places[1]))
        change = self.change(calls, own)
        if self.wraps(at, here):  # the calls inside are those that stood in its place
            inside = self.body(
                (call.body, bodies[1]) if calls[1] is None else (bodies[0], call.body),
                (within[0], scopes[1]) if calls[1] is None else (scopes[0], within[1]),
                (at[0] if here[0] is None else here[0], at[1] if here[1] is None else here[1]),
            )
            change = "changed"
        else:
            inside = self.body(_bodies(calls), within, (here[0] or (), here[1] or ()))
        homes = (places[0] or scopes[0][-1] or "", places[1] or scopes[1][-1] or "")
        return Site(identity, calls, here, modules, homes, change, own, inside)

    def wraps(self, at: tuple[At, At], here: tuple[At | None, At | None]) -> bool:
        """Does a call that came or went hold what stands around it on the other side?"""
        if self.drift is None or None not in here:
            return False
        return (at[0] if here[0] is None else here[0], at[1] if here[1] is None else here[1]) in self.drift.rows

    def module(self, side: int, place: str | None) -> Module | None:
        return self.modules[side].get(place) if place is not None else None

    def change(self, calls: tuple[Call | None, Call | None], own: tuple[Change, ...]) -> str:
        if not self.comparing:
            return ""
        if calls[0] is None:
            return "added"
        if calls[1] is None:
            return "removed"
        return "changed" if any(map(_shows, own)) else ""

    def own_changes(self, at: tuple[At | None, At | None], places: tuple[str | None, str | None]) -> tuple[Change, ...]:
        found: list[Change] = []
        for side in (0, 1):
            here, place = at[side], places[side]
            found += self.by_call[side].get(here, []) if here is not None else []
            found += self.by_place[side].get(place, []) if place else []
        self.used.update(found)
        return tuple(dict.fromkeys(found))


def _pick(body: Body | None, index: int | None) -> Call | None:
    return body.calls[index] if body is not None and index is not None else None


def _bodies(calls: tuple[Call | None, Call | None]) -> tuple[Body | None, Body | None]:
    """What happens inside a pair of calls; nothing where one of them does not show it."""
    old, new = calls
    if old is not None and new is not None and (old.body is None or new.body is None):
        return None, None
    return old.body if old is not None else None, new.body if new is not None else None


def _place(call: Call | None, scopes: tuple[str | None, ...]) -> str | None:
    """Path of the module that is called, None for functions and for modules made inside forward."""
    if call is None or call.kind != "module" or call.up >= len(scopes):
        return None
    owner = scopes[-1 - call.up]
    return None if owner is None else ".".join(filter(None, (owner, call.target)))


def _continues(run: list[Site], site: Site) -> bool:
    last = run[-1]
    return (
        counts_up(last.call.target, site.call.target)
        and _same_look(last, site)
        and all(_same_call([other.calls[side] for other in run[-2:]], site.calls[side]) for side in (0, 1))
    )


def counts_up(one: str, other: str) -> bool:
    """Is ``other`` the same name or the next one, as ``layers.1`` is after ``layers.0``?"""
    parts, following = one.split("."), other.split(".")
    differ = [(a, b) for a, b in zip(parts, following, strict=False) if a != b]
    if len(parts) != len(following) or len(differ) > 1:
        return False
    return all(a.isdecimal() and b.isdecimal() and int(b) == int(a) + 1 for a, b in differ)


def _same_look(one: Site, other: Site) -> bool:
    """Do both show the same, names aside?"""
    return (
        one.change == other.change
        and one.modules == other.modules
        and _texts(one) == _texts(other)
        and len(one.inside) == len(other.inside)
        and all(
            len(a.sites) == len(b.sites) and _same_look(a.first, b.first)
            for a, b in zip(one.inside, other.inside, strict=True)
        )
    )


def _texts(site: Site) -> list[tuple[str, str, str | None, str | None]]:
    return [(c.kind, c.what, c.old, c.new) if c.what else (c.kind, "", None, None) for c in site.notable]


def _same_call(before: list[Call | None], call: Call | None) -> bool:
    """Is ``call`` one more of the calls ``before`` it, each of which may use the result of the one before?"""
    last = before[-1]
    if last is None or call is None:
        return last is call
    if call.kind != "module" or (call.kind, call.up, call.result, call.body) != (
        last.kind,
        last.up,
        last.result,
        last.body,
    ):
        return False
    known = [call for call in before if call is not None]
    used = _pattern(call.args, known[-1])
    if len(known) > 1:
        return used == _pattern(last.args, known[-2])
    return len(used) == len(last.args) and all(_fits(u, a) for u, a in zip(used, last.args, strict=True))


_PREVIOUS = Ref("previous", ())


def _pattern(arguments: tuple[Argument, ...], previous: Call) -> list[Argument]:
    return [Argument(a.name, _mask(a.value, previous)) for a in arguments]


def _mask(value: Value, previous: Call) -> Value:
    match value:
        case Ref("result", steps, _, 0) if steps[0].name == previous.name and steps[0].back == 0:
            return _PREVIOUS
        case Tree(kind, items, keys):
            return Tree(kind, tuple(_mask(item, previous) for item in items), keys)
    return value


def _fits(pattern: Argument, argument: Argument) -> bool:
    return pattern.name == argument.name and _value_fits(pattern.value, argument.value)


def _value_fits(pattern: Value, value: Value) -> bool:
    if pattern == _PREVIOUS:
        return isinstance(value, Ref)
    if isinstance(pattern, Tree) and isinstance(value, Tree):
        return (pattern.kind, pattern.keys, len(pattern.items)) == (value.kind, value.keys, len(value.items)) and all(
            map(_value_fits, pattern.items, value.items)
        )
    return pattern == value
