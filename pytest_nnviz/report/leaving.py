"""What a snapshot leaves in its folder of the artifacts: both texts, the words, the facts for pages and bots."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from pytest_nnviz.artifacts import ArtifactsFolder
from pytest_nnviz.kinds import Kind
from pytest_nnviz.report.findings import FILE, SCHEMA, Finding
from pytest_nnviz.verdict import Verdict

__all__ = ["About", "leave"]

_PLACES = "  expected  "  # from here on a message says where the files are and what to type


@dataclass(frozen=True, slots=True)
class About:
    """Whose files they are: the attributes of `Finding` of the same names.

    ``root`` is the folder to which lines of source are relative.
    """

    kind: Kind
    status: str
    name: str
    snapshot: str
    test: str = ""
    command: str = ""
    root: str = ""


def leave(folder: ArtifactsFolder, verdict: Verdict, about: About, words: str) -> Finding:
    """Empty the folder and write the files but for the pictures.

    Args:
        folder: of the snapshot.
        verdict: what became of it.
        about: whose files they are.
        words: all that there is to say, headline first.

    Returns:
        What a page reads there.

    Raises:
        ArtifactsError: the folder cannot be written.
    """
    folder.open()
    if verdict.stored is not None:
        folder.write(f"expected.{about.kind.suffix}", _bytes(verdict.stored))
    if verdict.text:
        folder.write(f"actual.{about.kind.suffix}", _bytes(verdict.text))
    folder.write("words.txt", _bytes(words + "\n"))
    data = _data(verdict, about, words)
    folder.write(FILE, _bytes(json.dumps(data, indent=1) + "\n"))
    return Finding.of(folder.path, data)


def _data(verdict: Verdict, about: About, words: str) -> dict[str, Any]:
    headline, *lines = words.split("\n")
    said = verdict.data(about.name, about.root) if verdict.differs else {"rows": [], "rename_map": {}}
    if not verdict.differs:
        said["remarks"] = [line.strip() for line in takewhile(lambda line: not line.startswith(_PLACES), lines)]
    return {
        "schema": SCHEMA,
        "fixture": about.kind.fixture,
        "status": about.status,
        "name": about.name,
        "test": about.test,
        "snapshot": about.snapshot,
        "command": about.command,
        **said,
        "headline": headline,
        "causes": verdict.causes,
        "cause_id": "" if verdict.exceeded else verdict.cause_id,
    }


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
