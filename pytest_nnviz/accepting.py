"""Acceptance by cause: the short id of what drifted, and which drifts a run may accept."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from hashlib import sha256

__all__ = ["Accepting", "cause_id", "command", "ids_of", "whole_id"]

_DIGITS = 8
_IDS = 8
_ID = re.compile(rf"[0-9a-f]{{{_DIGITS}}}")


def cause_id(key: str) -> str:
    """The id of one cause, by the text that tells it from all others: 8 hexadecimal digits."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def whole_id(ids: Collection[str]) -> str:
    """The id of a drift by the ids of its causes, in whichever order: of a single one the same, of none empty."""
    different = sorted(set(ids))
    return cause_id(" ".join(different)) if len(different) > 1 else "".join(different)


def command(ids: Iterable[str]) -> str:
    """The command that accepts the drifts of these ids; empty where one has none, or they are too many to type."""
    different = sorted(set(ids))
    return (
        f"pytest --snapshot-update --nnviz-accept {','.join(different)}"
        if 0 < len(different) <= _IDS and all(different)
        else ""
    )


def ids_of(given: Iterable[str]) -> tuple[str, ...]:
    """The ids in what was typed: one or several with commas each.

    Raises:
        ValueError: what is no id.
    """
    found = [part.strip().lower() for each in given for part in each.split(",")]
    wrong = next((each for each in found if not _ID.fullmatch(each)), None)
    if wrong is not None:
        raise ValueError(
            f"{wrong!r} is no id of a cause: give the {_DIGITS} hexadecimal digits that the end of a failing run "
            "shows, or cause_id of a drift.json"
        )
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Accepting:
    """The ids of what a run may accept; without any it is no run that accepts by cause."""

    ids: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ids)

    def takes(self, causes: Collection[str]) -> bool:
        """Whether a drift with causes of these ids is accepted: as a whole, or each of its causes."""
        return bool(causes) and (whole_id(causes) in self.ids or set(causes) <= set(self.ids))
