"""Inner pytest runs in subprocesses, with a stand-in for the tracer: quick, and with nothing but the plugins named."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import settings

STUB = Path(__file__).with_name("stub_tracer.py")
_OTHERS = os.environ.get("INNER_PLUGINS", "xdist").split(",")
_PLUGINS = ("syrupy", "pytest_nnviz.plugin", *_OTHERS)

# Terminals, and processes that are asked what they took, are other ones elsewhere.
collect_ignore = [] if sys.platform == "linux" else ["test_memory.py", *["test_progress.py"] * (os.name == "nt")]

settings.register_profile("no deadline", deadline=None)  # machines are shared and slow
settings.load_profile("no deadline")


@dataclass(frozen=True)
class Run:
    """What an inner run returned and printed."""

    ret: int
    out: str

    def line(self, start: str) -> str:
        """The first line that starts so, without indent and pytest's mark of an error."""
        lines = [line.removeprefix("E  ").strip() for line in self.out.splitlines()]
        found = [line for line in lines if line.startswith(start)]
        assert found, f"no line starts with {start!r} in:\n{self.out}"
        return found[0]


class Preloaded:
    """Runs pytest in forks of a process that has imported torch, which takes a run of a real model most of its time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def pytest(self, args: list[str], root: Path, env: dict[str, str], limit: int) -> Run:
        """As ``python -m pytest`` in a folder; ``limit`` is the seconds after which a run hangs."""
        if self._process is None:
            program = [sys.executable, str(STUB.with_name("preloaded.py"))]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
            self._process = subprocess.Popen(program, **pipes, start_new_session=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder, "out")
            asked = {"args": args, "cwd": str(root), "env": env, "out": str(out)}
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            if not select.select([self._process.stdout], [], [], limit)[0]:
                os.killpg(self._process.pid, signal.SIGKILL)  # with the run that hangs
                self.close()
                raise subprocess.TimeoutExpired(args, limit, out.read_bytes())
            ret = int(self._process.stdout.readline())
            return Run(ret, out.read_text(encoding="utf-8", errors="backslashreplace"))

    def close(self) -> None:
        """Let the process end."""
        if self._process is not None:
            self._process.communicate()
            self._process = None


_PRELOADED = Preloaded()


@pytest.fixture(scope="session", autouse=True)
def _preloaded() -> Iterator[None]:
    yield
    _PRELOADED.close()


class Project:
    """A project on disk and its pytest runs."""

    def __init__(self, root: Path, limit: int = 120) -> None:
        self.root = root
        self.limit = limit  # seconds, after which a run hangs

    def write(self, name: str, source: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(source), encoding="utf-8")
        return path

    def stub(self) -> Project:
        """Put the stand-ins in place of tracing and drawing."""
        self.root.mkdir(parents=True, exist_ok=True)
        shutil.copy(STUB, self.root)
        self.write("conftest.py", "import stub_tracer\nstub_tracer.install()\n")
        return self

    def pytest(self, *args: str, plugins: tuple[str, ...] = _PLUGINS, fresh: bool = False, **env: str) -> Run:
        """Run it, in a process that has imported nothing yet if it is to be ``fresh``."""
        options = [argument for plugin in plugins for argument in ("-p", plugin)]
        if hasattr(os, "fork") and not fresh and not any(name.startswith("PYTHON") for name in env):
            return _PRELOADED.pytest([*options, *args], self.root, self._environment(env), self.limit)
        return self.python("-m", "pytest", *options, *args, **env)

    def _environment(self, env: dict[str, str]) -> dict[str, str]:
        dropped = ("PYTEST", "NNVIZ", "COV", "GITHUB", "PYTHONDONTWRITEBYTECODE")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
        own = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPYCACHEPREFIX": str(self.root.parent.parent / "bytecode")}
        return {**kept, **own, **env}

    def python(self, *args: str, **env: str) -> Run:
        done = subprocess.run(
            [sys.executable, *args],
            cwd=self.root,
            env=self._environment(env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="backslashreplace",
            timeout=self.limit,
        )
        return Run(done.returncode, done.stdout)

    def files(self, *roots: str) -> dict[str, bytes]:
        """Every file below folders of these names (``__nnviz__`` unless told), by its path."""
        wanted = set(roots or ("__nnviz__",))
        found = [path for path in self.root.rglob("*") if path.is_file() and wanted & set(path.parts)]
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in sorted(found)}

    def copy(self, target: Path) -> Project:
        shutil.copytree(self.root, target, symlinks=True)
        return Project(target)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the generated edits came to; each test says its figures by `record_property`, so that workers can."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    said = [pair for report in reports if report.when == "call" for pair in report.user_properties]
    counts: Counter[str] = Counter()
    for what, figure in said:
        counts.update({what: figure} if what.startswith("generated: ") else {})
    figures = [f"{count:,} {what.removeprefix('generated: ')}" for what, count in sorted(counts.items())]
    refused = [name for what, name in said if what == "refused by name"]
    if figures or refused:
        terminalreporter.write_line(f"generated: {', '.join(figures)}; {len(refused)} refused: {', '.join(refused)}")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project").stub()


@pytest.fixture(scope="module", autouse=True)
def _forgotten_tables() -> Iterator[None]:
    """What models of one file have cached is not looked for in every pass of the next."""
    yield
    tables = sys.modules.get("pytest_nnviz.tracing.keeping.tables")
    for cache in tables.Tables()._filled if tables is not None else ():
        cache.cache_clear()
