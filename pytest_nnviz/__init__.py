"""Architecture regression testing for PyTorch models: trace, pin, compare and draw what a model is.

PYTEST_DONT_REWRITE
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_nnviz.architecture import Architecture
    from pytest_nnviz.drift import Drift, diff
    from pytest_nnviz.errors import ArchitectureDrift, FilterDrift, NNVizError, SummaryDrift
    from pytest_nnviz.options import FilterOptions, Options, SummaryOptions
    from pytest_nnviz.pictures import render
    from pytest_nnviz.summaries import Summary
    from pytest_nnviz.textformat import dumps, loads
    from pytest_nnviz.tracing import trace
    from pytest_nnviz.wording import words

__all__ = [
    "Architecture",
    "ArchitectureDrift",
    "Drift",
    "FilterDrift",
    "FilterOptions",
    "NNVizError",
    "Options",
    "Summary",
    "SummaryDrift",
    "SummaryOptions",
    "diff",
    "dumps",
    "loads",
    "render",
    "trace",
    "words",
]
__version__ = "0.1.0"

_HOME = {
    "Architecture": "architecture",
    "ArchitectureDrift": "errors",
    "Drift": "drift",
    "FilterDrift": "errors",
    "FilterOptions": "options",
    "NNVizError": "errors",
    "Options": "options",
    "Summary": "summaries",
    "SummaryDrift": "errors",
    "SummaryOptions": "options",
    "diff": "drift",
    "dumps": "textformat",
    "loads": "textformat",
    "render": "pictures",
    "trace": "tracing",
    "words": "wording",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that loading the plugin loads nothing else (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
