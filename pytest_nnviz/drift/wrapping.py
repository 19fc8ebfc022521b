"""A model that was put as it is into another, which only calls it; or taken out of such a one."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_nnviz.architecture import Architecture, Argument, Call, Ref, Step
from pytest_nnviz.drift.consequence import COSMETIC
from pytest_nnviz.drift.data import Change, Row, Way
from pytest_nnviz.drift.identity import Identities
from pytest_nnviz.drift.matching import Match, join
from pytest_nnviz.textformat.write import format_call

__all__ = ["Wrapping", "find_wrapping"]


@dataclass(frozen=True, slots=True)
class Wrapping:
    """The ``call`` that is the whole forward pass of the old (side 0) or new (side 1) model, and all of the other."""

    call: Call
    side: int

    @property
    def rows(self) -> dict[tuple[Way, Way], tuple[Row, ...]]:
        """The calls inside are those of the other model."""
        count = len(self.call.body.calls) if self.call.body is not None else 0
        inside = tuple((index, index) for index in range(count))
        if self.side:
            return {((), ()): ((None, 0),), ((), (0,)): inside}
        return {((), ()): ((0, None),), ((0,), ()): inside}

    def change(self) -> Change:
        """The call itself, which follows from the modules that moved."""
        text = format_call(self.call)
        if self.side:
            return Change("topology", "added", "", text, None, text, COSMETIC, None, (0,), ripple=True)
        return Change("topology", "removed", "", text, text, None, COSMETIC, (0,), None, ripple=True)


def find_wrapping(old: Architecture, new: Architecture, match: Match, ids: Identities) -> Wrapping | None:
    """Whether all of one model is one call of the other."""
    for side, (bare, full) in enumerate(((new, old), (old, new))):
        call = _only_call(full)
        if call is not None and ids.body(call.body) == ids.body(bare.forward) and bare.inputs == full.inputs:
            names = [name for name, _ in bare.root.children]
            moved = {(name, join(call.target, name)) for name in names}
            if names and moved <= {pair if side else pair[::-1] for pair in match.renames}:
                return Wrapping(call, side)
    return None


def _only_call(model: Architecture) -> Call | None:
    """The call that takes the inputs as they are and whose result is returned as it is, if there is no other."""
    if model.forward is None or len(model.forward.calls) != 1:
        return None
    call = model.forward.calls[0]
    handed_on = tuple(Argument(a.name, Ref("input", (Step(str(a.name)),))) for a in model.inputs)
    returned = model.forward.returns == Ref("result", (Step(call.name),))
    whole = call.kind == "module" and call.body is not None and call.args == handed_on
    return call if whole and returned else None
