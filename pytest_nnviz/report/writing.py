"""The files about a whole run, at the root of its artifacts: a page, a summary, what bots read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_nnviz.artifacts import ArtifactsFolder
from pytest_nnviz.errors import ArtifactsError
from pytest_nnviz.report.brief import brief
from pytest_nnviz.report.findings import FILE as DATA
from pytest_nnviz.report.findings import Finding, counted, in_order
from pytest_nnviz.report.occasion import Occasion
from pytest_nnviz.report.page import page

__all__ = ["BRIEF", "PAGE", "SCHEMA", "write_report"]

SCHEMA = "nnviz-report 1"

PAGE, BRIEF = "index.html", "summary.md"
_STEP = 900_000  # bytes that the summary of a step of GitHub Actions may have


def write_report(
    root: Path, folders: Iterable[Path], occasion: Occasion | None = None, lost: Iterable[str] = ()
) -> Path | None:
    """Write the page, the summary and the data of what lies in these folders, and remove those of an earlier run.

    The summary is added to the file that ``GITHUB_STEP_SUMMARY`` names too, where anything failed or is reviewed.

    Args:
        root: the artifacts folder.
        folders: what snapshots have left; what cannot be read is said to be missing.
        occasion: why there is a report; a run of tests when None.
        lost: what could not be left, a line each.

    Returns:
        The page, None where there is nothing to show.

    Raises:
        ArtifactsError: the root cannot be written, or a file of the user's has a name of ours; then none of the files
            is there.
        OSError: the summary of the job cannot be written.
    """
    read = [_read(folder) for folder in folders]
    findings = in_order(each for each in read if isinstance(each, Finding))
    missing = (*lost, *(each for each in read if isinstance(each, str)))
    occasion = replace(occasion or Occasion(), missing=missing)
    own = ArtifactsFolder(root, root)
    if not findings:
        own.clear()
        return None
    try:
        _write(own, root, findings, occasion)
    except ArtifactsError:
        own.clear()
        raise
    return root / PAGE


def _write(own: ArtifactsFolder, root: Path, findings: Sequence[Finding], occasion: Occasion) -> None:
    own.open()
    own.write(DATA, (json.dumps(_data(findings, occasion, root), indent=1) + "\n").encode())
    if occasion.is_review or findings[0].failed:
        text = brief(findings, occasion).encode("utf-8", "replace")
        own.write(BRIEF, text)
        _append(os.environ.get("GITHUB_STEP_SUMMARY"), text)
    own.write(PAGE, page(findings, occasion, root).encode("utf-8", "xmlcharrefreplace"))


def _data(findings: Sequence[Finding], occasion: Occasion, root: Path) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "occasion": occasion.data(),
        "counts": dict(counted(findings)),
        "failed": sum(each.failed for each in findings),
        "findings": [each.data(root) for each in findings],
        "missing": list(occasion.missing),
    }


def _append(path: str | None, text: bytes) -> None:
    """Add to the summary of a CI job, where there is one that has room."""
    if not path:
        return
    with Path(path).open("ab") as file:
        if file.tell() + len(text) < _STEP:
            file.write(text)


def _read(folder: Path) -> Finding | str:
    """What was left in a folder, or why that cannot be read."""
    try:
        return Finding.read(folder)
    except OSError as error:
        return f"{folder}: {error.strerror or error}"
    except ValueError as error:
        return str(error)
