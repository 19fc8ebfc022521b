"""The page of the tutorial: its code runs as it stands, and makes what the page shows."""

from __future__ import annotations

import re
from pathlib import Path

from conftest import Project

from pytest_nnviz.pictures.digest import without_digest

DOCS = Path(__file__).parent.parent / "docs"


def test_the_page_shows_what_its_code_makes(tmp_path: Path) -> None:
    page = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    code, table = re.findall(r"^```(?:python)?\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    project = Project(tmp_path / "project")
    project.write("test_tutorial.py", code)
    assert project.pytest("--snapshot-update").ret == 0
    found = {Path(name).name: data for name, data in project.files().items()}
    assert set(found) == {
        *("test_graph.nnviz", "test_graph.svg", "test_table.nnsummary", "test_filters.nnfilters", "conv1.0.png"),
    }
    assert table in found["test_table.nnsummary"].decode()
    picture = (DOCS / "gallery/mlp_with_parameters.svg").read_bytes()
    assert without_digest(found["test_graph.svg"]) == without_digest(picture)
    assert project.pytest().ret == 0
