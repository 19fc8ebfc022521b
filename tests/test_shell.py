"""Commands are quoted as the shell of the system wants them; programs come from the PATH, never from where we are."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest
from command_line import alone, commit, git, ran
from hypothesis import given
from hypothesis import strategies as st
from made_up import model

from pytest_nnviz import dumps, render
from pytest_nnviz.errors import DrawingError
from pytest_nnviz.pictures import picture
from pytest_nnviz.pictures.picture import engines
from pytest_nnviz.shell import program, typed

WORDS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r"), min_size=1), min_size=1)


@given(WORDS)
def test_a_shell_parts_it_into_the_same_words(words: list[str]) -> None:
    assert shlex.split(typed(words, windows=False)) == words


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["pytest", "tests/test_m.py::test[a-b]"], "pytest tests/test_m.py::test[a-b]"),
        (["pytest", r"tests\test_m.py"], r"pytest tests\test_m.py"),
        (["pytest", "test_m.py::test[a b]", "-k", "a and b"], 'pytest "test_m.py::test[a b]" -k "a and b"'),
        (["pytest", "test_m.py::test[a&b;c'd]"], 'pytest "test_m.py::test[a&b;c\'d]"'),
        (["pytest", 'say "hi"', ""], r'pytest "say \"hi\"" ""'),
    ],
)
def test_on_windows_quotes_are_those_that_both_of_its_shells_take(words: list[str], line: str) -> None:
    assert typed(words, windows=True) == line


def put(folder: Path, name: str) -> Path:
    """A program that leaves a mark and does nothing else."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!{sys.executable}\nopen({str(folder / 'ran')!r}, 'w')\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_programs_come_from_folders_that_the_path_names_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("git", "git.exe"):
        put(tmp_path, name)
    found = put(tmp_path / "bin", "git"), put(tmp_path / "bin", "git.exe")
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", "bin", str(tmp_path / "nowhere")]))
    assert (program("git", windows=False), program("git", windows=True)) == (None, None)
    monkeypatch.setenv("PATH", os.pathsep.join([".", str(tmp_path / "bin")]))
    assert (program("git", windows=False), program("git", windows=True)) == tuple(map(str, found))


@pytest.mark.skipif(os.name == "nt", reason="the stand-ins are scripts")
def test_nothing_of_a_checkout_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A repository with programs in it that are called like those that we run, and a PATH that would take them."""
    alone(tmp_path, monkeypatch)
    git("init", "-q")
    (tmp_path / "__nnviz__").mkdir()
    (tmp_path / "__nnviz__/a.nnviz").write_text(dumps(model()), encoding="utf-8")
    commit("all")
    for name in ("git", "dot", "python"):
        put(tmp_path, name)
    monkeypatch.setenv("PATH", f".{os.pathsep}{os.environ['PATH']}")
    assert ran(capsys, "review", "HEAD")[0] == 0
    assert all(os.path.isabs(engine.command[0]) for engine in engines())  # noqa: PTH117 (a text)
    assert not (tmp_path / "ran").exists()


def test_no_module_of_a_checkout_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(picture, "_embedded", lambda: None)
    monkeypatch.setattr(picture.util, "find_spec", lambda name: name)
    put(tmp_path, "pygraphviz.py")
    with pytest.raises(DrawingError):
        render(model())
    assert not (tmp_path / "ran").exists()
