"""Each generated edit is told as one change, with its place, its gate and its values; several edits as several."""

from __future__ import annotations

import pytest
from generated import MODELS, tally_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


def test_an_edit_is_one_change():
    told = [row for name in MODELS for row in tally_of(name).told]
    missed = [row for row in told if row[1]]
    share = 1 - len(missed) / len(told)
    print(f"{share:.1%} of {len(told)} edits are one change; exceptions:")
    for what, complaint in missed:
        print(f"  {what}: {complaint}")
    assert share >= 0.95


def test_several_edits_are_told_apart():
    apart = [row for name in MODELS for row in tally_of(name).apart]
    share = sum(well for _, well in apart) / len(apart)
    print(f"{share:.1%} of {len(apart)} composed edits are told apart; exceptions:")
    for what, well in apart:
        if not well:
            print(f"  {what}")
    assert len(apart) >= 100
    assert share >= 0.9
