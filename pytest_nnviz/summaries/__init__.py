"""Summary tables: the layers of a model as torchinfo draws them, as a text that can be pinned, read and compared."""

from pytest_nnviz.summaries.drift import Change, Difference, Edit, diff
from pytest_nnviz.summaries.making import summarize
from pytest_nnviz.summaries.reading import loads
from pytest_nnviz.summaries.table import Row, Summary
from pytest_nnviz.summaries.wording import causes, headline, words

__all__ = [
    "Change",
    "Difference",
    "Edit",
    "Row",
    "Summary",
    "causes",
    "diff",
    "headline",
    "loads",
    "summarize",
    "words",
]
