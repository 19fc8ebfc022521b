"""The page of the awkward corpus is the one that the catalogues make; their names are told apart."""

from __future__ import annotations

import collections

import catalogue


def test_the_page_lists_every_entry_as_it_is():
    assert catalogue.PAGE.read_text(encoding="utf-8") == catalogue.page(), "write it anew: python tests/catalogue.py"


def test_no_two_entries_of_a_section_share_a_name():
    sections = [section for name in catalogue.CATALOGUES for section in catalogue.entries(name).items()]
    names = [(section, entry.name) for section, rows in sections for entry in rows]
    assert [name for name, count in collections.Counter(names).items() if count > 1] == []
    assert len({section for section, _ in sections}) == len(sections)
