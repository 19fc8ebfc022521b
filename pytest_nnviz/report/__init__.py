"""A drift for others: as JSON for programs, as Markdown for pull requests and job summaries."""

from __future__ import annotations

from pytest_nnviz.report.data import SCHEMA, drift_data, loading_data, lone_data, rows_data
from pytest_nnviz.report.markdown import markdown

__all__ = ["SCHEMA", "drift_data", "loading_data", "lone_data", "markdown", "rows_data"]
