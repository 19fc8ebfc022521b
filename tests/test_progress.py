"""The line that says what takes long: there while it does, gone when pytest prints next, nowhere but in a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time

import pytest
import torch
from conftest import _PLUGINS, Project
from torch import nn

from pytest_nnviz import trace
from pytest_nnviz.progress import Progress, doing, said
from pytest_nnviz.screen import linked, shows_links

ROWS, COLUMNS = 40, 80


class Screen:
    """What a terminal shows: the lines, once all was printed, and each text that stood behind a saved cursor."""

    def __init__(self, printed: str) -> None:
        self.lines = [""]
        self.shown: list[str] = []
        column, saved = 0, None
        for token in re.findall(r"\x1b\]8;.*?\x1b\\|\x1b\[[\d;]*[A-Za-z]|\x1b[78]|[\r\n]|[^\x1b\r\n]+", printed):
            line = self.lines[-1]
            if token == "\n":
                self.lines.append("")
            elif token == "\r":
                column = 0
            elif token == "\x1b7":
                saved = column
            elif token == "\x1b8":
                assert saved is not None
                column, saved = saved, None
            elif token == "\x1b[K":
                self.lines[-1] = line[:column]
            elif not token.startswith("\x1b"):
                assert saved is None or column + len(token) <= COLUMNS
                self.shown += [token.strip()] if saved is not None else []
                self.lines[-1] = line[:column].ljust(column) + token + line[column + len(token) :]
                column += len(token)

    def __str__(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines)


def printed(project: Project, *args: str, **env: str) -> str:
    """What a run in a terminal prints."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    options = [argument for plugin in _PLUGINS for argument in ("-p", plugin)]
    dropped = ("PYTEST", "NNVIZ", "GITHUB", "CI", "COLUMNS", "LINES", "NO_COLOR", "FORCE", "TERM", "SSH", "BUILD")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    own = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1", "TERM": "xterm", **env}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, *args]
    run = subprocess.Popen(command, cwd=project.root, env={**kept, **own}, stdout=terminal, stderr=terminal)
    os.close(terminal)
    found = b""
    try:
        while data := os.read(controller, 65536):
            found += data
    except OSError:  # nobody holds the other end any more
        pass
    os.close(controller)
    run.wait()
    return found.decode()


TESTS = """
    import os
    import threading
    import time

    import pytest
    from stub_tracer import Net

    WIDTH = int(os.environ.get("WIDTH", 4))

    def slow():
        print("said by forward")
        print("THREADS", threading.active_count())
        time.sleep(float(os.environ.get("SECONDS", 0)))

    @pytest.mark.parametrize("p", [1, 2])
    def test_quick(p, nnviz_snapshot):
        nnviz_snapshot(Net(3))

    def test_slow(nnviz_snapshot):
        nnviz_snapshot(Net(WIDTH, forward=slow))
"""
SLOW = {"SECONDS": "2.6", "WIDTH": "5"}


@pytest.fixture
def recorded(project: Project) -> Project:
    project.write("test_m.py", TESTS)
    assert project.pytest("--snapshot-update").ret == 0
    return project


def untimed(text: str) -> str:
    return re.sub(r"in \d+\.\d\ds( \(.*?\))?", "in", text)


@pytest.mark.parametrize("options", [(), ("-v",)], ids=["dots", "verbose"])
def test_what_takes_long_is_said_and_gone_when_pytest_goes_on(options, recorded: Project) -> None:
    loud = Screen(printed(recorded, *options, **SLOW))
    silent = Screen(printed(recorded, *options, SECONDS="0", WIDTH="5"))
    assert set(loud.shown) == {"checking test_slow"}
    assert silent.shown == []
    assert untimed(str(loud)).replace("=", "") == untimed(str(silent)).replace("=", "").replace(
        "THREADS 1", "THREADS 2"
    )


@pytest.mark.parametrize(
    ("options", "env"),
    [
        (("-s",), {}),
        (("-qq",), {}),
        (("-o", "log_cli=true"), {}),
        (("-n", "1"), {}),
        ((), {"TERM": "dumb"}),
        ((), {"CI": "true"}),
    ],
    ids=["-s", "-qq", "live log", "xdist", "dumb", "CI"],
)
def test_nothing_is_said_and_no_thread_runs_where_it_would_be_in_the_way(options, env, recorded: Project) -> None:
    out = printed(recorded, *options, WIDTH="5", **env)
    assert "\x1b7" not in out
    assert "THREADS 1" in out or "-n" in options


def test_without_a_terminal_there_is_no_thread(recorded: Project) -> None:
    assert "THREADS 1" in recorded.pytest(WIDTH="5").out


def read(descriptor: int) -> str:
    os.set_blocking(descriptor, False)
    try:
        return os.read(descriptor, 65536).decode()
    except BlockingIOError:
        return ""


def watchers() -> int:
    return sum(thread.name == "nnviz progress" for thread in threading.enumerate())


def interrupted(progress: Progress) -> None:
    with progress.watching(), doing("a class with a name that is too long by far"):
        time.sleep(0.1)
        raise KeyboardInterrupt


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_it_says_the_innermost_and_leaves_nothing(pipe) -> None:
    progress = Progress(pipe[1], lambda: 40, after=0.01)
    with progress.watching(), doing("outer"):
        with doing("inner", lambda: 12340):
            time.sleep(0.3)
        assert said() == "outer"
        progress.end()  # for a debugger
        assert watchers() == 0
    screen = Screen(read(pipe[0]))
    assert screen.shown[0] == "inner, 12,340 calls"
    assert str(screen) == ""
    assert said() == ""
    with pytest.raises(KeyboardInterrupt):
        interrupted(progress)
    screen = Screen(read(pipe[0]))
    assert screen.shown[0] == "a class with a name that is too lon..."
    assert (str(screen), said(), watchers()) == ("", "", 0)


def test_a_line_that_is_full_and_what_is_quick_say_nothing(pipe) -> None:
    with Progress(pipe[1], lambda: 10, after=0).watching(), doing("something"):
        assert watchers() == 0
    with Progress(pipe[1], lambda: 80).watching(), doing("something"):
        pass
    assert read(pipe[0]) == ""


def test_a_terminal_that_is_gone_hurts_nobody() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with Progress(writing, lambda: 80, after=0.01).watching(), doing("something"):
        time.sleep(0.1)
    os.close(writing)


HEARD: list[str] = []


class Inner(nn.Module):
    def forward(self, x):
        x = x + 1
        HEARD.append(said())
        return x * 2


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Inner()

    def forward(self, x):
        return self.inner(self.inner(x).relu())


def test_a_trace_tells_how_many_calls_it_has() -> None:
    trace(Outer(), torch.ones(1))
    assert HEARD[:2] == ["tracing Outer, 1 call", "tracing Outer, 5 calls"]


def test_links_are_for_terminals_that_show_them(tmp_path, monkeypatch) -> None:
    for known in ({"VTE_VERSION": "7600"}, {"TERM_PROGRAM": "WezTerm"}, {"TERM": "xterm-kitty"}, {"WT_SESSION": "1"}):
        assert shows_links(known, is_terminal=True)
        assert not shows_links(known, is_terminal=False)
        for other in ({"CI": "true"}, {"SSH_CONNECTION": "1"}, {"FORCE_HYPERLINK": "0"}):
            assert not shows_links({**known, **other}, is_terminal=True)
    for unknown in ({}, {"TERM": "xterm-256color"}, {"VTE_VERSION": "4900"}, {"TERM_PROGRAM": "Apple_Terminal"}):
        assert not shows_links(unknown, is_terminal=True)
        assert shows_links({**unknown, "FORCE_HYPERLINK": "1"}, is_terminal=False)
    page = tmp_path / "a b" / "index.html"
    monkeypatch.setenv("FORCE_HYPERLINK", "0")
    assert linked(page, tmp_path) == f"a b{os.sep}index.html"
    assert linked(page, tmp_path / "c") == str(page)
    monkeypatch.setenv("FORCE_HYPERLINK", "1")
    assert linked(page, tmp_path) == f"\x1b]8;;{page.as_uri()}\x1b\\a b{os.sep}index.html\x1b]8;;\x1b\\"
