"""Whether a checkpoint loads, in words: how many keys are in the way, and what was only renamed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pytest_nnviz.drift.checkpoints import Loading, Respec
from pytest_nnviz.drift.places import short_places

__all__ = ["checkpoint_lines", "counts", "dtypes", "keys_listed", "rename_map"]

_LISTED, _WAYS, _PLACES = 3, 3, 40


def checkpoint_lines(loading: Loading) -> list[str]:
    """What is said of checkpoints in a drift: nothing where they load strictly, else a line, and one of renames."""
    if loading.strict == "yes":
        return []
    head = "old checkpoints do not load strictly" if loading.strict == "no" else f"old checkpoints, {_unsure(loading)}"
    lines = [": ".join(filter(None, [head, counts(loading)]))]
    if loading.renamed is None:
        return lines
    return [*lines, f"rename map: {rename_map(loading.renames)}, {_after(loading.renamed)}"]


def _after(renamed: Loading) -> str:
    """What is said of a checkpoint once its keys are renamed."""
    if renamed.strict == "yes":
        return "then they load strictly"
    left = [f"leaves {counts(renamed)}"] if counts(renamed) else []
    return ", ".join([*left, *([_unsure(renamed)] if renamed.strict == "not verified" else [])])


def _unsure(loading: Loading) -> str:
    return f"not verified ({', '.join(keys_listed(loading.hooks))})"


def counts(loading: Loading) -> str:
    """``2 keys missing, 1 unexpected``; empty where no key is in the way."""
    found = {
        "missing": loading.missing,
        "unexpected": loading.unexpected,
        "reshaped": [respec.key for respec in loading.reshaped],
    }
    parts = [(len(keys), what) for what, keys in found.items() if keys]
    nouns = ["" if index else " key" + ("s" if count > 1 else "") for index, (count, _) in enumerate(parts)]
    return ", ".join(f"{count:,}{noun} {what}" for (count, what), noun in zip(parts, nouns, strict=True))


def rename_map(renames: Mapping[str, str]) -> str:
    """``encoder -> backbone (12 keys)``: the ways that keys took, those of a list together."""
    ways: dict[tuple[str, str, str], tuple[list[str], list[str]]] = {}
    for key, place in renames.items():
        old, new = _without_end(key, place)
        sides = ways.setdefault(_way(old, new), ([], []))
        sides[0].append(old)
        sides[1].append(new)
    texts = [" -> ".join(short_places(side, _PLACES) for side in sides) for sides in ways.values()]
    more = [f"{len(texts) - _WAYS} more"] if len(texts) > _WAYS else []
    noun = "key" if len(renames) == 1 else "keys"
    return f"{', '.join([*texts[:_WAYS], *more])} ({len(renames):,} {noun})"


def keys_listed(keys: Sequence[str], limit: int = _LISTED) -> list[str]:
    """The first keys, and how many more there are."""
    more = [f"{len(keys) - limit:,} more"] if len(keys) > limit else []
    return [*keys[:limit], *more]


def dtypes(respecs: Iterable[Respec]) -> list[str]:
    """``12 keys f32 -> bf16``, for each way that dtypes took."""
    ways: dict[str, int] = {}
    for respec in respecs:
        way = f"{respec.saved.dtype} -> {respec.expected.dtype}"
        ways[way] = ways.get(way, 0) + 1
    return [f"{count:,} key{'s' if count > 1 else ''} {way}" for way, count in ways.items()]


def _without_end(key: str, place: str) -> tuple[str, str]:
    """Both keys down to where they differ."""
    old, new = key.split("."), place.split(".")
    while len(old) > 1 and len(new) > 1 and old[-1] == new[-1]:
        old.pop()
        new.pop()
    return ".".join(old), ".".join(new)


def _way(old: str, new: str) -> tuple[str, str, str]:
    """What keys that went the same way have in common: the list in which they moved by as many places."""
    (old_parent, _, old_name), (new_parent, _, new_name) = old.rpartition("."), new.rpartition(".")
    if old_name.isdecimal() and new_name.isdecimal():
        return (old_parent, new_parent, str(int(new_name) - int(old_name)))
    return (old_name, new_name, "")
