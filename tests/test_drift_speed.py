"""The work of a drift and its words grows with the size, not with its square: calls are counted, no clock decides."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from pytest_nnviz.drift import checkpoint, diff
from pytest_nnviz.wording import words

CASES = runpy.run_path(str(Path(__file__).parent.parent / "benchmarks" / "diff.py"))["CASES"]
SMALL, TIMES = 200, 8


def steps(work, *of):
    """How many functions are called."""
    count = 0

    def counted(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        work(*of)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("case", CASES)
def test_work_is_linear(case):
    small, large = (steps(diff, *CASES[case](SMALL * times)) for times in (1, TIMES))
    assert large / small < 2 * TIMES


@pytest.mark.parametrize("work", [words, checkpoint])
@pytest.mark.parametrize("case", CASES)
def test_work_on_a_drift_is_linear(case, work):
    small, large = (steps(work, diff(*CASES[case](SMALL * times))) for times in (1, TIMES))
    assert large / small < 2 * TIMES
