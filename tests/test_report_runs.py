"""The report of runs that go wrong: whole, or honestly absent, and never in the way of the verdict."""

from __future__ import annotations

import errno
import json
import re
from pathlib import Path

import pytest
from conftest import Project, Run
from schema import validate
from test_report import PAGE, Reader, written

from pytest_nnviz import artifacts
from pytest_nnviz.errors import ArtifactsError
from pytest_nnviz.report.writing import write_report

TESTS = """
    import os

    import pytest
    from stub_tracer import Net

    WIDTH = int(os.environ.get("WIDTH", 4))
    ATTEMPTS = []

    @pytest.mark.parametrize("p", ["a", "b", "c", "d", "e", "f"])
    def test(p, nnviz_snapshot):
        if os.environ.get("CRASH") == p:
            os._exit(7)
        if os.environ.get("INTERRUPT") == p:
            raise KeyboardInterrupt
        nnviz_snapshot.using(images="off")(Net(WIDTH))

    def test_flaky(nnviz_snapshot):
        ATTEMPTS.append(1)
        nnviz_snapshot.using(images="off")(Net(4 if len(ATTEMPTS) > 1 else WIDTH))

    def test_parts(subtests, nnviz_snapshot):
        for part in "ab":
            with subtests.test(part):
                nnviz_snapshot.using(images="off", name=part)(Net(WIDTH if part == "a" else 4))

    @pytest.mark.xfail(strict=False)
    def test_expected(nnviz_snapshot):
        nnviz_snapshot.using(images="off")(Net(WIDTH))
"""
STOPS = {
    "workers": (["-n", "4"], {}, {*"abcdef"}),
    "crash": (["-n", "2", "-p", "no:faulthandler"], {"CRASH": "c"}, {*"abdef"}),
    "first": (["-x"], {}, {"a"}),
    "interrupt": ([], {"INTERRUPT": "d"}, {*"abc"}),
    "shuffled": (["-p", "randomly"], {}, {*"abcdef"}),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Project:
    project = Project(tmp_path_factory.mktemp("runs") / "project").stub()
    project.write("test_m.py", TESTS)
    run = project.pytest("--snapshot-update")
    assert run.ret == 0, run.out
    return project


@pytest.fixture
def recorded(base: Project, tmp_path: Path) -> Project:
    return base.copy(tmp_path / "project")


def reported(project: Project) -> dict:
    found = json.loads((project.root / "nnviz-artifacts/drift.json").read_text("utf-8"))
    validate(found)
    Reader((project.root / PAGE).read_text("utf-8"))
    return found


def parameters(report: dict) -> set[str]:
    return {found[1] for each in report["findings"] if (found := re.search(r"\[(\w)\]", each["test"]))}


@pytest.mark.parametrize("stop", STOPS)
def test_a_report_has_all_that_failed_until_then(recorded: Project, stop: str) -> None:
    args, env, expected = STOPS[stop]
    run = recorded.pytest(*args, WIDTH="5", **env)
    report = reported(recorded)
    assert parameters(report) == expected, run.out
    assert not [each for each in report["findings"] if "test_expected" in each["test"]]
    assert {each["name"] for each in report["findings"] if "parts" in each["test"]} <= {"test_parts[a]"}
    assert run.line("report: ")


def test_only_the_last_attempt_counts(recorded: Project) -> None:
    run = recorded.pytest(
        "-p", "pytest_rerunfailures", "--reruns", "1", "test_m.py::test[a]", "test_m.py::test_flaky", WIDTH="5"
    )
    assert "1 failed, 1 passed" in run.out
    assert "for one cause" not in run.out
    report = reported(recorded)
    assert parameters(report) == {"a"}
    assert (len(report["findings"]), report["missing"]) == (1, [])


def test_the_report_is_of_this_run_alone(recorded: Project) -> None:
    recorded.pytest("test_m.py::test[b]", "-o", "cache_dir=kept", WIDTH="5")
    run = recorded.pytest("--lf", "--lfnf=none", "-o", "cache_dir=kept", WIDTH="5")
    assert parameters(reported(recorded)) == {"b"}, run.out
    recorded.pytest("test_m.py::test[c]", WIDTH="5")
    assert parameters(reported(recorded)) == {"c"}


def failing(run: Run) -> int:
    assert run.ret == 1, run.out
    assert "INTERNALERROR" not in run.out
    return run.out.count("ArchitectureDrift: ")


@pytest.mark.parametrize("place", ["/proc/nnviz", "a-file/inside"])
def test_a_folder_that_cannot_be_written_costs_the_report_alone(recorded: Project, place: str) -> None:
    recorded.write("a-file", "mine")
    run = recorded.pytest(f"--nnviz-artifacts={place}", "test_m.py::test[a]", WIDTH="5")
    assert failing(run)
    assert run.line("artifacts not written: ")
    assert "report: " not in run.out
    assert (recorded.root / "a-file").read_text() == "mine"


FULL = """
    import errno
    import os

    import stub_tracer
    from pytest_nnviz import artifacts

    stub_tracer.install()
    left = int(os.environ.get("ROOM", 10**9))
    write = artifacts.write_atomic

    def into_a_full_disk(path, data):
        global left
        left -= len(data)
        if left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, data)

    artifacts.write_atomic = into_a_full_disk
"""


@pytest.mark.parametrize("room", [0, 3_000, 12_000])
def test_a_full_disk_costs_what_it_has_no_room_for_and_that_is_said(recorded: Project, room: int) -> None:
    recorded.write("conftest.py", FULL)
    run = recorded.pytest(*(f"test_m.py::test[{p}]" for p in "abc"), WIDTH="5", ROOM=str(room))
    assert failing(run)
    assert "No space left on device" in run.out
    assert "report: " not in run.out
    assert run.line("report not written: ").endswith("No space left on device")
    assert not [path for path in recorded.root.glob("nnviz-artifacts/*") if path.is_file()]


@pytest.mark.parametrize("step", range(8))
def test_a_report_is_whole_or_not_there(tmp_path: Path, monkeypatch, step: int) -> None:
    written(tmp_path / "a" / "b")
    write, count = artifacts.write_atomic, iter(range(100))

    def failing_once(path: Path, data: bytes) -> None:
        if next(count) == step:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, data)

    monkeypatch.setattr(artifacts, "write_atomic", failing_once)
    names = {"index.html", "summary.md", "drift.json", ".nnviz-files", "a"}
    if step > 6:
        write_report(tmp_path, [tmp_path / "a" / "b"])
    else:
        names = {"a"}
        with pytest.raises(ArtifactsError, match="No space left"):
            write_report(tmp_path, [tmp_path / "a" / "b"])
    assert {path.name for path in tmp_path.iterdir()} == names


def test_what_could_not_be_kept_is_counted(tmp_path: Path) -> None:
    written(tmp_path / "a")
    written(tmp_path / "b")
    (tmp_path / "b" / "drift.json").write_text("{}")
    page = write_report(tmp_path, [tmp_path / each for each in "abc"], lost=["d: <no space>"])
    assert page is not None
    assert "3 more could not be kept" in page.read_text("utf-8")
    assert "d: &lt;no space&gt;" in page.read_text("utf-8")
    assert "3 more could not be kept, the first: `d: <no space>`" in (tmp_path / "summary.md").read_text("utf-8")
    report = json.loads((tmp_path / "drift.json").read_text("utf-8"))
    validate(report)
    assert len(report["missing"]) == 3
