"""What a failure shows in the report of pytest-html: what drifted as a picture, and a link to the page."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pytest_nnviz.report.findings import Finding

__all__ = ["extras_of"]

_MOST = 4


def extras_of(folder: Path, page: Path | None, report: Path) -> list[dict[str, Any]]:
    """The extras of a failure; none where what it left cannot be read.

    Args:
        folder: where its files are.
        page: of the run, None where there will be none.
        report: what pytest-html writes, to which the link is relative.
    """
    from pytest_html import extras

    try:
        finding = Finding.read(folder)
    except (OSError, ValueError):
        return []
    drifted = [path for name, path in finding.pictures().items() if name.partition(".")[0] == "diff"]
    found = [_image(extras, path) for path in drifted[:_MOST]]
    if page is not None:
        found.append(extras.url(f"{_way(page, report.parent)}#{finding.anchor}", name="nnviz"))
    return found


def _image(extras: Any, path: Path) -> dict[str, Any]:
    content = base64.b64encode(path.read_bytes()).decode()
    kind = extras.svg if path.suffix == ".svg" else extras.png
    return dict(kind(content, name=path.stem))


def _way(page: Path, start: Path) -> str:
    try:
        return quote(os.path.relpath(page, start).replace(os.sep, "/"))
    except ValueError:  # another drive
        return page.as_uri()
