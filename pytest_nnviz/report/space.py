"""What a page has room for: the pictures and texts that it holds, those that it links to, those that it has already."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_nnviz.report.findings import Finding

__all__ = ["MOST", "Share", "shared_out"]

MOST = 7_500_000
"""Bytes of pictures and texts that a page holds."""

_LARGER = {".svg": 1.15, ".png": 4 / 3}  # as it stands in a page
_SIDES = ("expected", "actual")


@dataclass(frozen=True, slots=True)
class Share:
    """What is shown of a finding.

    Attributes:
        pictures: those that are in the page, by name.
        linked: files that the page has no room for.
        texts: whether the two texts are in the page.
        like: the id of the finding that has the very same pictures, empty where none has.
        led: the id of the first of its cause where that has pictures and it has none, else empty.
    """

    pictures: Mapping[str, Path]
    linked: tuple[Path, ...] = ()
    texts: bool = True
    like: str = ""
    led: str = ""


def shared_out(found: Sequence[Sequence[Finding]], ids: Mapping[Path, str], most: int = MOST) -> dict[Path, Share]:
    """What the page shows of each finding, by its folder.

    Room goes to the first of each cause before the others, to the merged picture before the sides, then to the texts.
    Pictures that another finding has too are there once.

    Args:
        found: findings in the order of the page, those of one cause together.
        ids: their ids, by folder.
        most: bytes that there is room for.

    Raises:
        OSError: a picture cannot be read.
    """
    like = _alike([each for group in found for each in group], ids)
    leaders = [group[0] for group in found]
    others = [each for group in found for each in group[1:]]
    held: dict[Path, set[str]] = {each.folder: set() for group in found for each in group}
    for some in (leaders, others):
        drawn = [(each, each.pictures()) for each in some if each.folder not in like]
        for merged in (True, False):
            for each, pictures in drawn:
                wanted = {name: path for name, path in pictures.items() if (name not in _SIDES) is merged}
                most = _hold(held[each.folder], {name: _size([path]) for name, path in wanted.items()}, most)
        for each in some:
            texts = [path for which in _SIDES for path in each.folder.glob(f"{which}.nn*")]
            most = _hold(held[each.folder], {"": max((path.stat().st_size for path in texts), default=0)}, most)
    led = {each.folder: ids[group[0].folder] for group in found if group[0].pictures() for each in group[1:]}
    return {
        each.folder: _share(each, held[each.folder], like.get(each.folder, ""), led.get(each.folder, ""))
        for each in (*leaders, *others)
    }


def _hold(held: set[str], sizes: Mapping[str, int], left: int) -> int:
    for name, size in sizes.items():
        if size <= left:
            held.add(name)
            left -= size
    return left


def _size(paths: Sequence[Path]) -> int:
    return int(sum(path.stat().st_size * _LARGER.get(path.suffix, 1) for path in paths))


def _share(finding: Finding, held: set[str], like: str, led: str) -> Share:
    pictures = {} if like else finding.pictures()
    linked = [path for name, path in pictures.items() if name not in held]
    if "" not in held:
        linked += sorted(path for which in _SIDES for path in finding.folder.glob(f"{which}.nn*"))
    shown = {name: path for name, path in pictures.items() if name in held}
    return Share(shown, tuple(linked), "" in held, like, "" if like or pictures else led)


def _alike(found: Sequence[Finding], ids: Mapping[Path, str]) -> dict[Path, str]:
    """For those whose pictures an earlier one has too, its id."""
    first: dict[tuple[tuple[str, bytes], ...], str] = {}
    like: dict[Path, str] = {}
    for each in found:
        pictures = each.pictures()
        key = tuple((name, hashlib.sha256(path.read_bytes()).digest()) for name, path in pictures.items())
        if key and first.setdefault(key, ids[each.folder]) != ids[each.folder]:
            like[each.folder] = first[key]
    return like
