"""Keys whose tensor is the same one level deeper or higher: a layer put into a wrapper, a model into another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from pytest_nnviz.drift.statedict import Entry

__all__ = ["nested_keys"]


def nested_keys(old: Mapping[str, Entry], new: Mapping[str, Entry]) -> dict[str, str]:
    """Old key -> new key, where modules stand around a tensor that were not there, or no longer; no guesses: of one
    specification, and the only one of either side that comes into question.

    >>> entry = Entry(None, "")
    >>> nested_keys({"proj.weight": entry}, {"proj.base.weight": entry, "other": entry})
    {'proj.weight': 'proj.base.weight'}
    """
    deeper = [(shorter, key) for key in new for shorter in _without_a_stretch(key) if shorter in old]
    higher = [(key, shorter) for key in old for shorter in _without_a_stretch(key) if shorter in new]
    pairs = [pair for pair in dict.fromkeys([*deeper, *higher]) if old[pair[0]].spec == new[pair[1]].spec]
    taken = Counter(key for key, _ in pairs), Counter(key for _, key in pairs)
    return {key: place for key, place in pairs if taken[0][key] == taken[1][place] == 1}


def _without_a_stretch(key: str) -> Iterator[str]:
    """The key without some of its modules that follow each other; the name of the tensor stays."""
    parts = key.split(".")
    for start in range(len(parts) - 1):
        for end in range(start + 1, len(parts)):
            yield ".".join(parts[:start] + parts[end:])
