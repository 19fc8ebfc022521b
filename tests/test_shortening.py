"""Texts that differ stay different when they are cut, and fit where that is possible."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_nnviz.wording.shortening import narrowed, shorten, shorten_call

TEXTS = st.text("ab(, )=.01", max_size=60)


@given(TEXTS, TEXTS, TEXTS, TEXTS, st.integers(24, 80))
def test_what_differs_stays_different_and_fits(head, tail, old, new, width):
    assume(old != new)
    a, b = narrowed(head + old + tail, head + new + tail, width)
    assert a != b
    assert len(a) + len(b) <= width


@pytest.mark.parametrize("width", [32, 40, 60])
def test_two_orders_of_one_list_are_told_apart(width):
    old, new = narrowed("0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11", "0, 1, 2, 4, 3, 5, 6, 7, 8, 9, 10, 11", width)
    assert "3, 4" in old
    assert "4, 3" in new


@given(TEXTS, st.integers(10, 80))
def test_a_cut_text_fits(text, width):
    assert len(shorten(text, width)) <= width
    assert len(shorten_call(f"name({text})", width)) <= width
