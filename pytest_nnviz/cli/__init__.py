"""The command line: show, diff and review stored texts, and hold checkpoints against them; torch is not needed."""

from __future__ import annotations

from pytest_nnviz.cli.main import main

__all__ = ["main"]
