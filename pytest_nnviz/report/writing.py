"""The files about a whole run, at the root of its artifacts: a page, a summary, what bots read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from pytest_nnviz.artifacts import ArtifactsFolder
from pytest_nnviz.report.brief import brief
from pytest_nnviz.report.failures import Failure
from pytest_nnviz.report.page import page

__all__ = ["BRIEF", "PAGE", "write_report"]

PAGE, BRIEF = "index.html", "summary.md"
_STEP = 900_000  # bytes that the summary of a step of GitHub Actions may have


def write_report(root: Path, folders: Iterable[Path]) -> Path | None:
    """Write the page and the summary of the failures that lie in these folders, and remove those of an earlier run.

    The summary is added to the file that ``GITHUB_STEP_SUMMARY`` names too.

    Args:
        root: the artifacts folder.
        folders: where failures have left their files; those that cannot be read are left out.

    Returns:
        The page, None where there is nothing to show.

    Raises:
        ArtifactsError: the root cannot be written, or a file of the user's has a name of ours.
        OSError: the summary of the job cannot be written.
    """
    failures = [failure for folder in folders for failure in _read(folder)]
    own = ArtifactsFolder(root, root)
    if not failures:
        own.clear()
        return None
    own.open()
    text = brief(failures).encode("utf-8", "replace")
    own.write(PAGE, page(failures).encode("utf-8", "xmlcharrefreplace"))
    own.write(BRIEF, text)
    _append(os.environ.get("GITHUB_STEP_SUMMARY"), text)
    return root / PAGE


def _append(path: str | None, text: bytes) -> None:
    """Add to the summary of a CI job, where there is one that has room."""
    if not path:
        return
    with Path(path).open("ab") as file:
        if file.tell() + len(text) < _STEP:
            file.write(text)


def _read(folder: Path) -> Iterable[Failure]:
    try:
        return [Failure.read(folder)]
    except (OSError, ValueError, json.JSONDecodeError):
        return []
