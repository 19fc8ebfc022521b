"""Convolution filters, pinned: measured once, written as a text that decides, drawn as sheets, compared."""

from pytest_nnviz.filterbanks.data import Bank, Layer, Line, Statistics, View
from pytest_nnviz.filterbanks.reading import loads
from pytest_nnviz.filterbanks.writing import dumps

__all__ = ["Bank", "Layer", "Line", "Statistics", "View", "dumps", "loads"]
