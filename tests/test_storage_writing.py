"""Writing and reading snapshots: whole or not at all, and nothing that went wrong passes for a verdict."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Project

from pytest_nnviz.atomic import write_atomic

WORKERS = {"serial": (), "xdist": ("-n", "2")}

TESTS = """
    import os

    import pytest
    from stub_tracer import Net

    @pytest.mark.parametrize("p", range(4))
    def test_text(p, nnviz_snapshot):
        nnviz_snapshot(Net(mark=os.environ.get("MARK", "'1'")))
"""


@pytest.fixture
def recorded(project: Project) -> Project:
    project.write("test_m.py", TESTS)
    assert project.pytest("--snapshot-update").ret == 0
    return project


@pytest.mark.parametrize("workers", list(WORKERS))
def test_a_text_that_cannot_be_written_leaves_the_old_one_whole(workers: str, recorded: Project) -> None:
    before = recorded.files()
    recorded.write(
        "conftest.py",
        (recorded.root / "conftest.py").read_text()
        + (
            "import pytest_nnviz.atomic, pathlib\n"
            "def full(path, data): raise OSError(28, 'No space left on device')\n"
            "if 'FULL' in __import__('os').environ:\n    pathlib.Path.write_bytes = full\n"
        ),
    )
    run = recorded.pytest("--snapshot-update", *WORKERS[workers], FULL="1", MARK="'2'")
    assert "4 failed" in run.out, run.out
    path = recorded.root / "__nnviz__/test_m/test_text[0].nnviz"
    assert f"SnapshotError: cannot store the snapshot {path}: No space left on device" in run.out
    assert "nothing was changed; run it again once that is mended" in run.out
    assert "Errno" not in run.out
    assert "atomic.py" not in run.out
    assert recorded.files() == before
    lone = recorded.pytest("--snapshot-update", *WORKERS[workers], MARK="'\udcff'")
    assert "4 failed" in lone.out, lone.out
    assert recorded.files() == before


def test_an_atomic_write_is_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.nnviz"
    write_atomic(path, b"old")

    def fails(self: Path, target: Path) -> None:
        raise OSError("planted")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", fails)
        with pytest.raises(OSError, match="planted"):
            write_atomic(path, b"new")
    assert [entry.read_bytes() for entry in tmp_path.iterdir()] == [b"old"]


def test_two_updates_at_once_leave_whole_files(recorded: Project) -> None:
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "syrupy", "-p", "pytest_nnviz.plugin", "--snapshot-update"]
    both = [
        subprocess.Popen(command, cwd=recorded.root, env={**env, "MARK": f"'{mark * 5000}'"}, stdout=subprocess.DEVNULL)
        for mark in "ab"
    ]
    assert [process.wait(60) for process in both] == [0, 0]
    for name, data in recorded.files().items():
        assert (data.count(b"a" * 5000), data.count(b"b" * 5000)) in ((1, 0), (0, 1)) or name.endswith(".svg")
    assert not list((recorded.root / "__nnviz__").rglob(".*"))


def test_line_ends_do_not_matter(recorded: Project) -> None:
    written = recorded.files()
    for name, data in written.items():
        (recorded.root / name).write_bytes(data.replace(b"\n", b"\r\n") if name.endswith(".nnviz") else data)
    run = recorded.pytest()
    assert run.ret == 0, run.out
    run = recorded.pytest("--snapshot-update")
    assert "4 snapshots passed." in run.out


def test_what_is_not_utf_8_is_damage_that_an_update_heals(recorded: Project) -> None:
    path = recorded.root / "__nnviz__/test_m/test_text[0].nnviz"
    path.write_bytes(b"nnviz 1\n\xff\xfe")
    run = recorded.pytest()
    assert run.ret == 1
    assert "unreadable snapshot: test_text[0]" in run.out
    run = recorded.pytest("--snapshot-update")
    assert run.ret == 0, run.out
    assert recorded.pytest().ret == 0


def test_a_folder_in_the_place_of_a_snapshot(recorded: Project) -> None:
    path = recorded.root / "__nnviz__/test_m/test_text[0].nnviz"
    path.unlink()
    path.mkdir()
    for args in ((), ("--snapshot-update",)):
        run = recorded.pytest(*args)
        assert "1 failed, 3 passed" in run.out
        assert f"SnapshotError: cannot read the snapshot {path}: Is a directory\n" in run.out
        assert "a folder is in its place: move it away" in run.out
        assert "direct cause" not in run.out
        assert "during handling" not in run.out.lower()


def test_a_pipe_in_the_place_of_a_snapshot_or_of_its_picture(recorded: Project) -> None:
    """It is not waited for."""
    path = recorded.root / "__nnviz__/test_m/test_text[0].nnviz"
    for place in (path, path.with_name("test_text[1].svg")):
        place.unlink()
        os.mkfifo(place)
    for args in ((), ("--snapshot-update",)):
        run = recorded.pytest(*args)
        assert "1 failed, 3 passed" in run.out
        assert f"SnapshotError: cannot read the snapshot {path}: not a file\n" in run.out
        assert "a pipe, a socket or a device is in its place: move it away" in run.out


def test_a_file_in_the_place_of_the_snapshots(project: Project) -> None:
    project.write("test_m.py", TESTS)
    project.write("__nnviz__", "mine")
    run = project.pytest("--snapshot-update")
    assert "4 failed" in run.out
    assert "a file is in the place of a folder above it: move it away, so that" in run.out
    assert (project.root / "__nnviz__").read_text() == "mine"


READ_ONLY = """
import errno, pathlib

mkdir = pathlib.Path.mkdir

def refused(self, *args, **kwargs):
    if "__nnviz__" in self.parts:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))
    return mkdir(self, *args, **kwargs)

pathlib.Path.mkdir = refused
"""


def test_a_folder_that_is_read_only(project: Project) -> None:
    project.write("test_m.py", TESTS)
    project.write("read_only.py", READ_ONLY)  # for root no folder is
    run = project.pytest("--snapshot-update", "-p", "read_only")
    assert "Permission denied\n" in run.out
    assert f"make {project.root} writable" in run.out


def test_a_changed_comment_rewrites_nothing(recorded: Project) -> None:
    path = recorded.root / "__nnviz__/test_m/test_text[0].nnviz"
    old = path.read_text()
    assert "2.13.0" in old
    path.write_text(old.replace("2.13.0", "1.0"))
    for args in ((), ("--snapshot-update",)):
        run = recorded.pytest(*args)
        assert "4 snapshots passed." in run.out
        assert "1.0" in path.read_text()
    assert recorded.pytest("--snapshot-update", MARK="'2'").ret == 0
    assert "2.13.0" in path.read_text()


def test_new_only(recorded: Project) -> None:
    before = recorded.files()
    gone = recorded.root / "__nnviz__/test_m/test_text[0].nnviz"
    gone.unlink()
    gone.with_suffix(".svg").unlink()
    run = recorded.pytest("--snapshot-update-new-only", MARK="'2'")
    assert "3 failed, 1 passed" in run.out, run.out
    after = recorded.files()
    assert after.keys() == before.keys()
    assert [name for name in after if after[name] != before[name]] == [
        "__nnviz__/test_m/test_text[0].nnviz",
        "__nnviz__/test_m/test_text[0].svg",
    ]
