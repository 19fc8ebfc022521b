"""The command and git, as tests run them: outside of any repository, with no one's settings."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pytest_nnviz.cli import main

__all__ = ["alone", "commit", "git", "git_bytes", "ran"]


def git(*arguments: Any, **options: Any) -> str:
    """What git says; it has to succeed."""
    done = subprocess.run(["git", *arguments], capture_output=True, check=False, timeout=60, **options)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def git_bytes(spec: str) -> bytes:
    """What stands at ``REV:PATH``."""
    return subprocess.run(["git", "cat-file", "blob", spec], capture_output=True, check=True, timeout=60).stdout


def commit(message: str) -> None:
    """Commit all that is there."""
    git("add", "-A", ".")
    git("commit", "-q", "--allow-empty", "-m", message)


def alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder outside of any repository, with a git that knows no one's settings."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "a")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "a@example.org")
    for name in ("COLUMNS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def ran(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """A command: its exit code, what it printed, what it complained about."""
    code = main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()
