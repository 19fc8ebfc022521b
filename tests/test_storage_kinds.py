"""Snapshots of several kinds in one folder: each is judged by its own fixture's calls."""

from __future__ import annotations

import pytest
from conftest import Project

from pytest_nnviz.kinds import KINDS, kind_of

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
