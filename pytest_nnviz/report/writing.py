"""The files about a whole run, at the root of its artifacts: a page, a summary, what bots read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_nnviz.artifacts import ArtifactsFolder
from pytest_nnviz.report.brief import brief
from pytest_nnviz.report.findings import FILE as DATA
from pytest_nnviz.report.findings import Finding, counted, in_order
from pytest_nnviz.report.occasion import Occasion
from pytest_nnviz.report.page import page

__all__ = ["BRIEF", "PAGE", "SCHEMA", "add_to_job", "write_report"]

SCHEMA = "nnviz-report 1"

PAGE, BRIEF = "index.html", "summary.md"
_STEP = 900_000  # bytes that the summary of a step of GitHub Actions may have


def write_report(
    root: Path, folders: Iterable[Path], occasion: Occasion | None = None, lost: Iterable[str] = ()
) -> Path | None:
    """Write the page, the summary and the data of what lies in these folders, and remove those of an earlier run.

    All of it is made before anything is written.

    Args:
        root: the artifacts folder.
        folders: what snapshots have left; what cannot be read is said to be missing.
        occasion: why there is a report; a run of tests when None.
        lost: what could not be left, a line each.

    Returns:
        The page, None where there is nothing to show.

    Raises:
        ArtifactsError: the root cannot be written, or a file of the user's has a name of ours.
        OSError: the files of a finding cannot be read. Whatever is raised, none of the files is there.
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
        files = dict(_files(root, findings, occasion))
        own.open()
        for name, content in files.items():
            own.write(name, content)
    except BaseException:
        own.clear()
        raise
    return root / PAGE


def add_to_job(root: Path) -> str:
    """Add the summary to that of the CI job, the file that ``GITHUB_STEP_SUMMARY`` names; why not, where it cannot be.

    Args:
        root: the artifacts folder, in which a report was written.
    """
    job, text = os.environ.get("GITHUB_STEP_SUMMARY"), root / BRIEF
    if not job or not text.is_file():
        return ""
    try:
        with Path(job).open("ab") as file:
            content = text.read_bytes()
            if file.tell() + len(content) >= _STEP:
                return f"{text} was not added to the summary of the job, which has no room for it"
            file.write(content)
    except OSError as error:
        return f"{text} was not added to the summary of the job, {job}: {error.strerror or error}"
    return ""


def _files(root: Path, findings: Sequence[Finding], occasion: Occasion) -> Iterator[tuple[str, bytes]]:
    yield DATA, (json.dumps(_data(findings, occasion, root), indent=1) + "\n").encode()
    if occasion.is_review or findings[0].failed:
        yield BRIEF, brief(findings, occasion).encode("utf-8", "replace")
    yield PAGE, page(findings, occasion, root).encode("utf-8", "xmlcharrefreplace")


def _data(findings: Sequence[Finding], occasion: Occasion, root: Path) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "occasion": occasion.data(),
        "counts": dict(counted(findings)),
        "failed": sum(each.failed for each in findings),
        "findings": [each.data(root) for each in findings],
        "missing": list(occasion.missing),
    }


def _read(folder: Path) -> Finding | str:
    """What was left in a folder, or why that cannot be read."""
    try:
        return Finding.read(folder)
    except OSError as error:
        return f"{folder}: {error.strerror or error}"
    except ValueError as error:
        return str(error)
