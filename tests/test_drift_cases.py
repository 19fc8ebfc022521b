"""What is said of ten edits that people make is what the goldens and the page say."""

from __future__ import annotations

import drift_cases
import pytest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


@pytest.mark.parametrize("case", drift_cases.CASES, ids=lambda case: case.name)
def test_the_words_are_those_of_the_golden(case):
    assert case.told() == case.golden.read_text(encoding="utf-8"), "write it anew: python tests/drift_cases.py"


def test_the_page_shows_the_goldens():
    page = drift_cases.PAGE.read_text(encoding="utf-8")
    assert page == drift_cases.page(), "write it anew: python tests/drift_cases.py"


def test_nothing_else_lies_among_the_goldens():
    used = {case.golden for case in drift_cases.CASES} | set(drift_cases.TEXTS.glob("torch_*.nnviz"))
    assert set(drift_cases.TEXTS.iterdir()) == used
