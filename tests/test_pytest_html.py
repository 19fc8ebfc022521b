"""What a failure shows in the report of pytest-html, where that plugin is loaded."""

from __future__ import annotations

import base64
import json
import re
from html import unescape

import pytest
from conftest import _PLUGINS, Project

TESTS = r"""
    import os

    import pytest
    from stub_tracer import Net

    MARK = os.environ.get("MARK", "1")

    @pytest.mark.parametrize("p", ["plain", "<script>", "back\\slash"])
    def test(p, nnviz_snapshot):
        nnviz_snapshot.using(images="off")(Net(mark=MARK))

    def test_listed(nnviz_snapshot):
        import sys

        assert ("pytest_html" in sys.modules) == ("HTML" in os.environ)
"""
HTML = (*_PLUGINS, "pytest_metadata.plugin", "pytest_html.plugin")


@pytest.fixture
def recorded(project: Project) -> Project:
    project.write("test_m.py", TESTS)
    assert project.pytest("--snapshot-update").ret == 0
    return project


def extras(project: Project) -> dict[str, list[dict]]:
    text = (project.root / "out/report.html").read_text(encoding="utf-8")
    found = re.search(r'data-jsonblob="([^"]*)"', text)
    assert found is not None
    tests = json.loads(unescape(found[1]))["tests"]
    return {name: test[0]["extras"] for name, test in tests.items()}


@pytest.mark.parametrize("options", [(), ("--self-contained-html", "-n", "2")], ids=["serial", "one file, xdist"])
def test_a_failure_has_its_picture_and_a_link_to_the_page(options, recorded: Project) -> None:
    bare = recorded.pytest(MARK="2")
    run = recorded.pytest("--html=out/report.html", *options, plugins=HTML, MARK="2", HTML="1")
    said, without = (sorted(re.findall(r"^E .*", each.out, re.MULTILINE)) for each in (run, bare))
    assert said == without
    assert run.line("FAILED test_m.py::test[plain]") == bare.line("FAILED test_m.py::test[plain]")
    found = extras(recorded)
    picture, link = found["test_m.py::test[plain]"]
    assert link["name"] == "nnviz"
    page, _, anchor = link["content"].partition("#")
    assert page == "../nnviz-artifacts/index.html"
    assert f'id="{anchor}"' in (recorded.root / "nnviz-artifacts/index.html").read_text(encoding="utf-8")
    if options:
        head, _, data = picture["content"].partition(",")
        assert head == "data:image/svg+xml;base64"
        svg = base64.b64decode(data)
    else:
        svg = (recorded.root / "out" / picture["content"]).read_bytes()
    assert svg == (recorded.root / "nnviz-artifacts/test_m/test[plain]/diff.svg").read_bytes()
    assert sorted(map(len, found.values())) == [0, 2, 2, 2]


def test_no_report_no_extras_and_no_page_no_link(recorded: Project) -> None:
    run = recorded.pytest(plugins=HTML, MARK="2", HTML="1")
    assert run.line("3 snapshots drifted: 3 changes the function")
    recorded.pytest("--html=out/report.html", "--nnviz-report=never", "-k", "plain", plugins=HTML, MARK="2", HTML="1")
    assert [each["format_type"] for each in extras(recorded)["test_m.py::test[plain]"]] == ["image"]
