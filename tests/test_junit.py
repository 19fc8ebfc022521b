"""JUnit reports: facts of a failure as properties, its files as attachments, well-formed whatever is in them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import Project

from pytest_nnviz.report.junit import attach

TESTS = """
    import os
    import sys

    import pytest
    from stub_tracer import Net

    MARK = os.environ.get("MARK", "1")

    @pytest.fixture
    def broken_later():
        yield
        assert MARK == "1"

    def test_plain(nnviz_snapshot):
        print("said by the test")
        nnviz_snapshot(Net(mark=MARK))

    @pytest.mark.parametrize("p", ["]]>", "\\x07<&'\\"[[ATTACHMENT|x]]"])
    def test_hostile(p, nnviz_snapshot):
        nnviz_snapshot(Net(mark=MARK + p))

    def test_twice(broken_later, nnviz_snapshot):
        nnviz_snapshot(Net(mark=MARK))

    @pytest.mark.xfail(strict=False)
    def test_expected(nnviz_snapshot):
        nnviz_snapshot(Net(mark=MARK))

    def test_caught(nnviz_snapshot):
        try:
            nnviz_snapshot(Net(mark=MARK))
        except AssertionError:
            pass
"""


@pytest.fixture
def recorded(project: Project) -> Project:
    project.write("test_m.py", TESTS)
    assert project.pytest("--snapshot-update").ret == 0
    return project


def cases(project: Project) -> dict[str, list[ElementTree.Element]]:
    found: dict[str, list[ElementTree.Element]] = {}
    for case in ElementTree.parse(project.root / "report.xml").iter("testcase"):
        found.setdefault(case.get("name", "").partition("[")[0], []).append(case)
    return found


def facts(case: ElementTree.Element) -> dict[str, str]:
    pairs = [(each.get("name", ""), each.get("value", "")) for each in case.iterfind("properties/property")]
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


def attached(case: ElementTree.Element) -> list[str]:
    outs = case.findall("system-out")
    assert len(outs) <= 1
    lines = "" if not outs else outs[0].text or ""
    return [line[13:-2] for line in lines.splitlines() if line.startswith("[[ATTACHMENT|") and line.endswith("]]")]


@pytest.mark.parametrize("options", [(), ("-n", "2", "-o", "junit_logging=all")], ids=["serial", "xdist, captured"])
def test_a_failure_has_its_facts_and_its_files(options, recorded: Project) -> None:
    run = recorded.pytest("--junitxml=report.xml", *options, MARK="2")
    assert f"[[ATTACHMENT|{recorded.root}" not in run.out
    found = cases(recorded)
    (plain,) = found["test_plain"]
    folder = "nnviz-artifacts/test_m/test_plain"
    said = facts(plain)
    assert len(said.pop("nnviz.cause_id")) == 8
    assert said == {
        "nnviz": "changes the function: mark 1 -> 2 in test_plain",
        "nnviz.consequence": "changes the function",
        "nnviz.snapshot": "__nnviz__/test_m/test_plain.nnviz",
        "nnviz.artifacts": folder,
    }
    files = [recorded.root / folder / name for name in ("diff.png", "words.txt")]
    assert attached(plain) == [*map(str, files), str(recorded.root / "nnviz-artifacts/index.html")]
    assert all(map(Path.is_file, map(Path, attached(plain))))
    assert ("said by the test" in (plain.findtext("system-out") or "")) == bool(options)
    assert {len(attached(case)) for case in found["test_hostile"]} == {1}  # "]]" ends an attachment
    assert [case.find("failure") is None for case in found["test_twice"]] == [False, True]
    assert [len(attached(case)) for case in found["test_twice"]] == [3, 3]
    for name in ("test_expected", "test_caught"):
        assert [(facts(case), attached(case)) for case in found[name]] == [({}, [])]


def test_gitlab_takes_paths_from_the_folder_of_the_project(recorded: Project) -> None:
    recorded.pytest("--junitxml=report.xml", "-k", "plain", MARK="2", CI_PROJECT_DIR=str(recorded.root))
    (plain,) = cases(recorded)["test_plain"]
    assert attached(plain)[0] == "nnviz-artifacts/test_m/test_plain/diff.png"


def test_a_report_that_is_not_there_is_said_and_a_run_that_passes_leaves_it_as_it_is(recorded: Project) -> None:
    recorded.write(
        "gone.py",
        "import pytest\n@pytest.hookimpl(trylast=True)\ndef pytest_sessionfinish(): "
        "open('report.xml', 'w').write('<no')",
    )
    run = recorded.pytest("--junitxml=report.xml", "-p", "gone", "-k", "plain", MARK="2")
    assert run.line("nnviz: nothing attached to").endswith("unclosed token: line 1, column 0")
    assert run.ret == 1
    assert recorded.pytest("--junitxml=report.xml", "-k", "plain").ret == 0
    assert attached(cases(recorded)["test_plain"][0]) == []


def test_paths_that_no_reader_takes_are_left_out(tmp_path: Path) -> None:
    names = ["plain", "brack]]ets", "contr\x1bol", "surro\udc80gate"]
    for name in names:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "words.txt").write_text("words")
    rows = "".join(
        f'<testcase><properties><property name="nnviz.artifacts" value="{name}"/></properties><failure/></testcase>'
        for name in names[:2]
    )
    report = tmp_path / "report.xml"
    report.write_text(f"<testsuites><testsuite>{rows}</testsuite></testsuites>")
    for start in (tmp_path, *(tmp_path / name for name in names[2:])):
        (start / "plain").mkdir(exist_ok=True)
        (start / "plain" / "words.txt").write_text("words")
        attach(report, start, tmp_path / "index.html")
    found = [attached(case) for case in ElementTree.parse(report).iter("testcase")]
    assert found == [[str(tmp_path / "plain" / "words.txt")], []]
