"""Every awkward model keeps the laws of the catalogue, and the page that lists them is the one that they make."""

from __future__ import annotations

import collections

import catalogue
import pytest

SECTIONS = [section for name in catalogue.CATALOGUES for section in catalogue.sections(name).items()]
ENTRIES = [entry for _, entries in SECTIONS for entry in entries]


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_the_text_says_what_it_should(entry):
    entry.check_text()


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_the_model_comes_back(entry):
    entry.check_handed_back()


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.edited or entry.equal], ids=str)
def test_edits_show_and_nothing_else(entry):
    entry.check_twins()


@pytest.mark.parametrize("entry", [entry for entry in ENTRIES if entry.meta], ids=str)
def test_the_text_without_values_is_the_same(entry):
    entry.check_meta()


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_other_values_are_the_same_text_or_refused(entry):
    entry.check_values()


def test_the_page_lists_every_entry_as_it_is():
    assert catalogue.PAGE.read_text(encoding="utf-8") == catalogue.page(), "write it anew: python tests/catalogue.py"


def test_no_two_entries_of_a_section_share_a_name():
    names = [(section, entry.name) for section, entries in SECTIONS for entry in entries]
    assert [name for name, count in collections.Counter(names).items() if count > 1] == []
    assert len({section for section, _ in SECTIONS}) == len(SECTIONS)
