"""A drift in words: the headline, then one changed fact a line, what matters most first."""

from pytest_nnviz.wording.facts import Fact
from pytest_nnviz.wording.layout import words, wrapped
from pytest_nnviz.wording.telling import Row, Told, headline, row_data, tell

__all__ = ["Fact", "Row", "Told", "headline", "row_data", "tell", "words", "wrapped"]
