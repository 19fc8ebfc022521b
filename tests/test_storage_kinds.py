"""Snapshots of several kinds in one folder: each is judged by its own fixture's calls."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Project
from syrupy.location import PyTestLocation

from pytest_nnviz.extension import FiltersExtension, NNVizExtension, SummaryExtension
from pytest_nnviz.kinds import KINDS, kind_of
from pytest_nnviz.naming import stem_of_test

TEST = """
    from stub_tracer import Net

    def test(nnviz_snapshot):
        nnviz_snapshot(Net())
"""
FOLDER = "__nnviz__/test_m"


@pytest.fixture
def recorded(project: Project) -> Project:
    project.write("test_m.py", TEST)
    assert project.pytest("--snapshot-update").ret == 0
    return project


@pytest.mark.parametrize("suffix", [kind.suffix for kind in KINDS])
@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["serial", "xdist"])
def test_what_no_test_pins_is_unused(recorded: Project, suffix: str, workers: tuple[str, ...]) -> None:
    """Of a test that is gone, and of one that does not ask for that kind of fixture."""
    recorded.write(f"{FOLDER}/gone.{suffix}", "text")
    others = [f"{FOLDER}/test.{kind.suffix}" for kind in KINDS if kind.fixture != "nnviz_snapshot"]
    for name in others:
        recorded.write(name, "text")
    assert "3 snapshots unused" in recorded.pytest(*workers).out
    assert "3 unused snapshots deleted" in recorded.pytest("--snapshot-update", *workers).out
    assert set(recorded.files()) == {f"{FOLDER}/test.nnviz", f"{FOLDER}/test.svg"}


@pytest.mark.parametrize("suffix", [kind.suffix for kind in KINDS])
def test_what_a_test_did_not_come_to_stays(recorded: Project, suffix: str) -> None:
    recorded.write(
        "test_m.py",
        f"""
        import pytest

        @pytest.fixture
        def {kind_of(suffix).fixture}():
            pass

        def test_other({kind_of(suffix).fixture}):
            pass

        def test_failed({kind_of(suffix).fixture}):
            assert False
        """,
    )
    kept = [f"{FOLDER}/test_other.{suffix}", f"{FOLDER}/test_failed.{suffix}"]
    for name in kept:
        recorded.write(name, "text")
    recorded.write("test_n.py", TEST)
    recorded.pytest("--snapshot-update")
    assert set(kept) <= set(recorded.files())


@pytest.mark.parametrize("extension", [NNVizExtension, SummaryExtension, FiltersExtension])
def test_what_syrupy_may_ask_of_an_extension(
    extension: type[NNVizExtension], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    location = PyTestLocation(request.node)
    name, folder = stem_of_test(request.node), Path(extension.dirname(test_location=location))
    assert extension.get_snapshot_name(test_location=location) == name
    may_be = {folder / f"{name}.x": True, folder / "test_other.x": False, folder.parent / f"{name}.x": False}
    for path, expected in may_be.items():
        found = extension.matches_test_location(test_location=location, snapshot_location=str(path))
        assert found is expected, path
    gone = str(tmp_path / "gone")  # deleted by another process
    extension().delete_snapshots(snapshot_location=gone, snapshot_names={"gone"})


def test_sheets_go_with_their_text(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    source = """
        import torch

        def test_kept(nnviz_filters):
            torch.manual_seed(0)
            nnviz_filters(torch.nn.Conv2d(1, 1, 2))
    """
    project.write("test_m.py", source + source.replace("kept", "gone"))
    assert project.pytest("--snapshot-update").ret == 0
    mine = project.write(f"{FOLDER}/test_gone.txt", "mine")
    recorded = project.files()
    assert len([name for name in recorded if "gone" in name]) > 2
    project.write("test_m.py", source)
    assert "1 unused snapshot deleted" in project.pytest("--snapshot-update").out
    kept = {name for name in recorded if "gone" not in name}
    assert set(project.files()) == kept | {mine.relative_to(project.root).as_posix()}


def test_comments_behind_a_text_decide_nothing(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.write(
        "test_m.py",
        """
        import torch

        def test(nnviz_snapshot, nnviz_summary, nnviz_filters):
            torch.manual_seed(0)
            net = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 2))
            x = torch.ones(1, 1, 2, 2)
            nnviz_snapshot(net, x)
            nnviz_summary(net, x)
            nnviz_filters(net)
        """,
    )
    assert project.pytest("--snapshot-update").ret == 0
    stored = {}
    for kind in KINDS:
        path = project.root / FOLDER / f"test.{kind.suffix}"
        stored[path] = path.read_text() + "\n# from the last review\n"
        path.write_text(stored[path])
    for args in ((), ("--snapshot-update",)):
        run = project.pytest(*args)
        assert "1 passed" in run.out, run.out
        assert {path: path.read_text() for path in stored} == stored
        for path in stored:
            path.write_text(stored[path])
    for path in stored:
        path.write_text(f"{stored[path]}more\n")
    run = project.pytest()
    assert "expected the end of the text, found 'more'" in run.out
    assert "1 failed" in run.out
