"""The files of failures as attachments in a JUnit report, as Jenkins, GitLab and Azure read them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_nnviz.atomic import write_atomic

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["ARTIFACTS", "attach"]

ARTIFACTS = "nnviz.artifacts"
"""The property of a test case that says where the files of its failure are."""

_HEAD = '<?xml version="1.0" encoding="utf-8"?>'


def attach(report: Path, start: Path, page: Path) -> None:
    """Add to the output of each test that failed by a snapshot what drifted as a picture, the words and the page.

    Each is a line ``[[ATTACHMENT|path]]``. GitLab takes the first that has no brackets in it, in the one ``system-out``
    that a test may have, from the folder of the project; all others take absolute paths.

    Args:
        report: the XML that pytest has written.
        start: the folder to which the paths in it are relative.
        page: of the run; it may be missing.

    Raises:
        OSError: it cannot be read or written.
        xml.etree.ElementTree.ParseError: it is no XML.
    """
    from xml.etree import ElementTree

    root = ElementTree.parse(report).getroot()
    cases = [(case, list(_lines(case, start, page))) for case in root.iter("testcase")]
    for case, lines in cases:
        if lines:
            _say(case, lines)
    if any(lines for _, lines in cases):
        write_atomic(report, (_HEAD + ElementTree.tostring(root, encoding="unicode")).encode())


def _lines(case: Element, start: Path, page: Path) -> Iterator[str]:
    properties = case.iterfind("properties/property")
    folders = [each.get("value", "") for each in properties if each.get("name") == ARTIFACTS]
    if folders and (case.find("failure") is not None or case.find("error") is not None):
        paths = [path for folder in dict.fromkeys(folders) for path in _files(start / folder)]
        shown = (_shown(path) for path in [*paths, page] if path.is_file())
        yield from (f"[[ATTACHMENT|{each}]]" for each in shown if each.isprintable() and "]]" not in each)


def _files(folder: Path) -> Iterable[Path]:
    """Pictures as PNG, which Jenkins shows; of what has none its words."""
    return [*sorted(folder.glob("diff*.png")), folder / "words.txt"]


def _shown(path: Path) -> str:
    project = os.environ.get("CI_PROJECT_DIR")  # of GitLab
    return path.relative_to(project).as_posix() if project and path.is_relative_to(project) else str(path.absolute())


def _say(case: Element, lines: Iterable[str]) -> None:
    from xml.etree.ElementTree import Element

    out = case.find("system-out")
    if out is None:
        out = Element("system-out")
        errors = case.find("system-err")
        case.insert(len(case) if errors is None else list(case).index(errors), out)
    out.text = "\n".join([*filter(None, [(out.text or "").rstrip("\n")]), *lines, ""])
