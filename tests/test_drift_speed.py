"""The work of `diff` grows with the size and not with its square: calls of functions are counted, no clock decides."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from pytest_nnviz.drift import diff

CASES = runpy.run_path(str(Path(__file__).parent.parent / "benchmarks" / "diff.py"))["CASES"]
SMALL, TIMES = 200, 8


def steps(old, new):
    """How many functions are called."""
    count = 0

    def counted(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        diff(old, new)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("case", CASES)
def test_work_is_linear(case):
    small, large = (steps(*CASES[case](SMALL * times)) for times in (1, TIMES))
    assert large / small < 2 * TIMES
