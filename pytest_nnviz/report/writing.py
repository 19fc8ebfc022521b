"""The files about a whole run, at the root of its artifacts: a page, a summary, what bots read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from pytest_nnviz.artifacts import ArtifactsFolder
from pytest_nnviz.report.failures import Failure
from pytest_nnviz.report.page import page

__all__ = ["PAGE", "write_report"]

PAGE = "index.html"


def write_report(root: Path, folders: Iterable[Path]) -> Path | None:
    """Write the page of the failures that lie in these folders, and remove that of an earlier run.

    Args:
        root: the artifacts folder.
        folders: where failures have left their files; those that cannot be read are left out.

    Returns:
        The page, None where there is nothing to show.

    Raises:
        ArtifactsError: the root cannot be written, or a file of the user's has a name of ours.
    """
    failures = [failure for folder in folders for failure in _read(folder)]
    own = ArtifactsFolder(root, root)
    if not failures:
        own.clear()
        return None
    own.open()
    own.write(PAGE, page(failures).encode("utf-8", "xmlcharrefreplace"))
    return root / PAGE


def _read(folder: Path) -> Iterable[Failure]:
    try:
        return [Failure.read(folder)]
    except (OSError, ValueError, json.JSONDecodeError):
        return []
