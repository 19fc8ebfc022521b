"""Keys in which a module has another name: ``layer.0.attn.q`` that became ``layer.0.attention.q``."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping

from pytest_nnviz.drift.statedict import Entry

__all__ = ["respelled_keys"]


def respelled_keys(old: Mapping[str, Entry], new: Mapping[str, Entry]) -> dict[str, str]:
    """Old key -> new key, where names stand in the place of others, each for the same one everywhere; no guesses: of
    one specification, and the only one of either side that comes into question. No number stands for another, and no
    name for one under which anything is of another shape or dtype.

    >>> entry = Entry(None, "")
    >>> respelled_keys({"0.attn.q": entry, "1.attn.q": entry}, {"0.self.q": entry, "1.self.q": entry})
    {'0.attn.q': '0.self.q', '1.attn.q': '1.self.q'}
    """
    spelled = {key: key for key in old}
    known: dict[str, str] = {}
    while names := _names(_left(spelled, old, new), _free(spelled, new), known):
        known |= names
        spelled = {key: way if way in new else _replaced(way, names) for key, way in spelled.items()}
    found = {key: way for key, way in spelled.items() if way in new and old[key].spec == new[way].spec}
    taken = Counter(found.values())
    return {key: way for key, way in found.items() if taken[way] == 1}


def _left(spelled: Mapping[str, str], old: Mapping[str, Entry], new: Mapping[str, Entry]) -> dict[str, Entry]:
    return {way: old[key] for key, way in spelled.items() if way not in new}


def _free(spelled: Mapping[str, str], new: Mapping[str, Entry]) -> dict[str, Entry]:
    taken = set(spelled.values())
    return {key: entry for key, entry in new.items() if key not in taken}


def _replaced(key: str, names: Mapping[str, str]) -> str:
    return ".".join(names.get(part, part) for part in key.split("."))


def _names(old: Mapping[str, Entry], new: Mapping[str, Entry], known: Mapping[str, str]) -> dict[str, str]:
    """Name -> the one in its place, where all keys that differ by that name alone agree on it."""
    there, back = _only(old, new), _only(new, old)
    found: defaultdict[str, set[str]] = defaultdict(set)
    for key, other in there.items():
        if back.get(other) == key:
            sides = zip(key.split("."), other.split("."), strict=True)
            before, after = next((a, b) for a, b in sides if a != b)
            found[before].add(after)
    names = {name: after.pop() for name, after in found.items() if len(after) == 1 and name not in known}
    ways = [(_replaced(key, names), key) for key in old]
    wrong = {part for way, key in ways if way in new and new[way].spec != old[key].spec for part in key.split(".")}
    return {name: after for name, after in names.items() if name not in wrong}


def _only(keys: Mapping[str, Entry], others: Mapping[str, Entry]) -> dict[str, str]:
    """The other key that differs from a key by one name, where there is exactly one of the same specification."""
    homes: defaultdict[Hashable, list[str]] = defaultdict(list)
    for other, entry in others.items():
        for around, number in _gaps(other):
            homes[around, number, entry.spec].append(other)
    found: dict[str, str] = {}
    for key, entry in keys.items():
        kinds = [(around, other) for around, number in _gaps(key) for other in (False, True) if not number & other]
        near = [homes[(*kind, entry.spec)] for kind in kinds if (*kind, entry.spec) in homes]
        if len(near) == 1 and len(near[0]) == 1:
            found[key] = near[0][0]
    return found


def _gaps(key: str) -> Iterator[tuple[tuple[str, ...], bool]]:
    """The key without each of its names, and whether that is a number."""
    parts = key.split(".")
    for index, part in enumerate(parts):
        yield (*parts[:index], "", *parts[index + 1 :]), part.isdecimal()
