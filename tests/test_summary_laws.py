"""Laws of summary tables: their texts read back, and their differences are empty, whole and mirrored."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_tables import edited, tables

from pytest_nnviz.errors import TextError
from pytest_nnviz.summaries import Change, Edit, Row, Summary, diff, headline, loads, words
from pytest_nnviz.summaries.drawing import draw


@given(tables())
def test_a_text_reads_back(table: Summary) -> None:
    read = loads(table.text)
    assert read == table
    assert read.text == table.text
    assert not any(line != line.rstrip() for line in table.text.split("\n"))
    assert table.text.endswith("\n[end]\n")


@given(tables())
def test_a_table_does_not_differ_from_itself(table: Summary) -> None:
    assert not diff(table, replace(table))
    assert words(diff(table, table)) == []


@settings(max_examples=150)
@given(st.data())
def test_tables_that_differ_have_a_difference_and_words(data: st.DataObject) -> None:
    old = data.draw(tables())
    new = data.draw(tables(old.row_settings) | st.just(old))
    difference = diff(old, new)
    assert bool(difference) == (old != new)
    if old != new:
        assert words(difference)
        assert headline(difference, "test_x").endswith(" in test_x")


@settings(max_examples=200)
@given(st.data())
def test_rows_that_differ_have_edits(data: st.DataObject) -> None:
    old = data.draw(tables())
    new = data.draw(edited(old))
    assert loads(new.text) == new
    assert bool(diff(old, new).edits) == (old.rows != new.rows)


@settings(max_examples=200)
@given(st.data())
def test_the_way_back_is_the_mirror_image(data: st.DataObject) -> None:
    old = data.draw(tables())
    new = data.draw(edited(old) | tables(old.row_settings))
    there, back = diff(old, new), diff(new, old)
    assert Counter(map(mirrored, there.edits)) == Counter(map(bare, back.edits))
    assert [flipped(change) for change in there.totals] == list(back.totals)


@given(st.permutations("abcde"), st.permutations("abcde"), st.sampled_from([(), ("var_names",)]))
def test_also_where_rows_trade_places(before: list[str], after: list[str], row_settings: tuple[str, ...]) -> None:
    old, new = (in_order(names, row_settings) for names in (before, after))
    there, back = diff(old, new), diff(new, old)
    assert Counter(map(mirrored, there.edits)) == Counter(map(bare, back.edits))
    assert bool(there.edits) == (before != after)
    assert not row_settings or {edit.kind for edit in there.edits} <= {"moved"}


def in_order(names: list[str], row_settings: tuple[str, ...]) -> Summary:
    """A model of layers that differ, called in this order."""
    named = bool(row_settings)
    rows = [Row(name * named, 1, "Layer", name * named, None, (str(ord(name)),)) for name in names]
    model = Row("", 0, "Model", "Model" * named, None, ("--",))
    return Summary("eval", 3, ("kernel_size",), row_settings, (model, *rows), 0, 0)


def bare(edit: Edit) -> Edit:
    """Without what is read off the new table alone."""
    return replace(edit, place="", nth=1, ripple=False)


def mirrored(edit: Edit) -> Edit:
    kind = {"added": "removed", "removed": "added"}.get(edit.kind, edit.kind)
    changes = tuple(map(flipped, edit.changes))
    return replace(bare(edit), kind=kind, old=edit.new, new=edit.old, changes=changes)


def flipped(change: Change) -> Change:
    return Change(change.what, change.new, change.old)


@settings(max_examples=150)
@given(tables(), st.data())
def test_a_damaged_text_is_refused_or_says_the_same(table: Summary, data: st.DataObject) -> None:
    """A letter put in or replaced: an error, or a table that is written just so, however wide its columns are."""
    at = data.draw(st.integers(0, len(table.text) - 1))
    letter = data.draw(st.sampled_from("x1 =-()[]`,:\n│├└─"))
    kept = data.draw(st.sampled_from([0, 1]))
    damaged = table.text[:at] + letter + table.text[at + kept :]
    try:
        read = loads(damaged)
    except TextError as error:
        where = error.line
    else:
        where = 0
        assert squeezed(draw(read)) == squeezed(damaged)
    assert where is not None


def squeezed(text: str) -> str:
    return re.sub("=+", "=", re.sub(" +", " ", text))


@given(tables(), st.data())
def test_a_text_that_was_cut_off_is_said_to_be(table: Summary, data: st.DataObject) -> None:
    kept = data.draw(st.integers(0, table.text.rindex("[end]") + 4))
    with pytest.raises(TextError):
        loads(table.text[:kept])
