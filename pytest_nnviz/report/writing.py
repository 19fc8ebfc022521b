"""The files about a whole run, at the root of its artifacts: a page, a summary, what bots read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pytest_nnviz.artifacts import ArtifactsFolder
from pytest_nnviz.report.brief import brief
from pytest_nnviz.report.findings import FILE as DATA
from pytest_nnviz.report.findings import Finding, counted, in_order
from pytest_nnviz.report.occasion import Occasion
from pytest_nnviz.report.page import page

__all__ = ["BRIEF", "PAGE", "SCHEMA", "write_report"]

SCHEMA = "nnviz-report 1"

PAGE, BRIEF = "index.html", "summary.md"
_STEP = 900_000  # bytes that the summary of a step of GitHub Actions may have


def write_report(root: Path, folders: Iterable[Path], occasion: Occasion | None = None) -> Path | None:
    """Write the page, the summary and the data of what lies in these folders, and remove those of an earlier run.

    The summary is added to the file that ``GITHUB_STEP_SUMMARY`` names too, where anything failed or is reviewed.

    Args:
        root: the artifacts folder.
        folders: what snapshots have left; those that cannot be read are left out.
        occasion: why there is a report; a run of tests when None.

    Returns:
        The page, None where there is nothing to show.

    Raises:
        ArtifactsError: the root cannot be written, or a file of the user's has a name of ours.
        OSError: the summary of the job cannot be written.
    """
    occasion = Occasion() if occasion is None else occasion
    findings = in_order(finding for folder in folders for finding in _read(folder))
    own = ArtifactsFolder(root, root)
    if not findings:
        own.clear()
        return None
    own.open()
    own.write(DATA, (json.dumps(_data(findings, occasion, root), indent=1) + "\n").encode())
    if occasion.is_review or findings[0].failed:
        text = brief(findings, occasion).encode("utf-8", "replace")
        own.write(BRIEF, text)
        _append(os.environ.get("GITHUB_STEP_SUMMARY"), text)
    own.write(PAGE, page(findings, occasion, root).encode("utf-8", "xmlcharrefreplace"))
    return root / PAGE


def _data(findings: Sequence[Finding], occasion: Occasion, root: Path) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "occasion": occasion.data(),
        "counts": dict(counted(findings)),
        "failed": sum(each.failed for each in findings),
        "findings": [each.data(root) for each in findings],
    }


def _append(path: str | None, text: bytes) -> None:
    """Add to the summary of a CI job, where there is one that has room."""
    if not path:
        return
    with Path(path).open("ab") as file:
        if file.tell() + len(text) < _STEP:
            file.write(text)


def _read(folder: Path) -> Iterable[Finding]:
    try:
        return [Finding.read(folder)]
    except (OSError, ValueError, json.JSONDecodeError):
        return []
