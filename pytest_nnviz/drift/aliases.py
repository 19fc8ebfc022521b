"""What is registered a second time, and so goes by the name of its first registration: modules and tied tensors."""

from __future__ import annotations

from pytest_nnviz.architecture import join
from pytest_nnviz.drift.pairs import Match
from pytest_nnviz.drift.statedict import resolve
from pytest_nnviz.drift.ties import Tensor, tensors_of

__all__ = ["Aliases"]


class Aliases:
    """Places of both sides that stand for others on one of them alone: modules that became, or ceased to be, a second
    registration, and tensors that were tied or untied.

    Only what changed is looked up, by new paths; ``aliases[path]`` is the first registration, as it is called now.
    """

    def __init__(self, match: Match) -> None:
        self._places: dict[str, str] = {}
        for pair in match.pairs:
            old, new = pair.old.shared, pair.new.shared
            if (old is None) != (new is None):
                self._add(pair.new_path, _home(match, pair.old_path, old), _there(pair.new_path, new))
            elif old is None and not pair.equal:
                self._ties(pair.old_path, pair.new_path, tensors_of(pair.old), tensors_of(pair.new), match)

    def _ties(self, old: str, new: str, before: dict[str, Tensor], after: dict[str, Tensor], match: Match) -> None:
        for name, tensor in after.items():
            was = before.get(name)
            if was is not None and (was.tied is None) != (tensor.tied is None):
                first = None if was.tied is None else match.home(resolve(old, was.tied))
                now = None if tensor.tied is None else resolve(new, tensor.tied)
                self._add(join(new, name), first, now)

    def _add(self, path: str, before: str | None, after: str | None) -> None:
        first = before if after is None else after
        if first is not None and first != path:
            self._places[path] = first

    def __bool__(self) -> bool:
        return bool(self._places)

    def alike(self, old: str, new: str) -> bool:
        """Whether two new paths name one thing on one of the sides."""
        firsts = {old, self.first(old)}
        return new in firsts or self.first(new) in firsts

    def first(self, path: str) -> str:
        """The first registration of what is at a new path, as far as only one side has it."""
        head, tail = path, ""
        while head and head not in self._places:
            head, _, name = head.rpartition(".")
            tail = join(name, tail)
        return join(self._places[head], tail) if head else path


def _home(match: Match, path: str, shared: str | None) -> str | None:
    return None if shared is None else match.home(resolve(path.rpartition(".")[0], shared))


def _there(path: str, shared: str | None) -> str | None:
    return None if shared is None else resolve(path.rpartition(".")[0], shared)
