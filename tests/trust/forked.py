"""Runs of pytest in children of one warm process: nothing is imported again, and each may be killed."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import stand_ins

__all__ = ["Ended", "begin_pytest", "end_of", "run_pytest", "start", "warm_up"]

_PLUGINS = ("-p", "syrupy", "-p", "pytest_nnviz.plugin", "-p", "no:cacheprovider", "-q", "-rN")
_HANGS = -1000


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: its exit status, or minus the number of the signal that killed it; and what it printed."""

    status: int
    out: str

    @property
    def hung(self) -> bool:
        """Whether it had to be stopped."""
        return self.status == _HANGS


def warm_up() -> None:
    """Import what runs need, with the stand-ins; from then on children start at once."""
    for name in ("_pytest.doctest", "_pytest.junitxml", "PIL.PngImagePlugin", "syrupy.extensions.single_file"):
        import_module(name)

    import pytest_nnviz.fixtures.filters
    import pytest_nnviz.fixtures.snapshot
    import pytest_nnviz.fixtures.summary
    import pytest_nnviz.plugin  # noqa: F401

    here = Path(__file__).parent
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, (here, here.parent, here.parent.parent)))  # for workers
    for name in [name for name in os.environ if name.startswith(("PYTEST_XDIST", "PYTEST_ADDOPTS", "NNVIZ", "GITHUB"))]:
        del os.environ[name]
    sys.dont_write_bytecode = True
    stand_ins.install()


def start(does: Callable[[], int], where: Path, env: Mapping[str, str] | None = None) -> tuple[int, Path]:
    """Start a child that does this in a folder; its id, and the file of what it prints."""
    said = where.with_name(f"{where.name}.{time.monotonic_ns()}.out")
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child, said
    status = 70
    try:
        out = os.open(said, os.O_CREAT | os.O_WRONLY)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.chdir(where)
        os.environ.update(env or {})
        status = int(does())
        sys.stdout.flush()
    except BaseException:
        os.write(2, traceback.format_exc().encode("utf-8", "backslashreplace"))
    finally:
        os._exit(status)


def end_of(child: int, said: Path, limit: float = 60) -> Ended:
    """Wait for a child; stop one that hangs."""
    until = time.monotonic() + limit
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            code = os.waitstatus_to_exitcode(status)
            break
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            code = _HANGS
            break
        time.sleep(0.002)
    out = said.read_text(encoding="utf-8", errors="backslashreplace") if said.exists() else ""
    said.unlink(missing_ok=True)
    return Ended(code, out)


def begin_pytest(
    where: Path,
    args: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    before: Callable[[], object] | None = None,
    plugins: Sequence[object] = (),
) -> tuple[int, Path]:
    """Start a run of pytest in a folder, as a child.

    Args:
        where: the folder.
        args: of its command line.
        env: what its environment has beside this one's.
        before: what the child does first, as to put faults in place.
        plugins: objects with hooks.
    """

    def does() -> int:
        if before is not None:
            before()
        return int(pytest.main([*_PLUGINS, *args], plugins=list(plugins)))

    return start(does, where, env)


def run_pytest(where: Path, args: Sequence[str] = (), *rest: Any, limit: float = 60, **more: Any) -> Ended:
    """As `begin_pytest`, to its end; ``limit`` is in seconds, after which it hangs."""
    return end_of(*begin_pytest(where, args, *rest, **more), limit)
