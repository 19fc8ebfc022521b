"""What a run touches: every file, process and socket that Python tells an audit hook of, while three fixtures fail and
pass on names and texts that would like to be run.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

__all__ = ["NAMES", "Touched", "complaints", "run"]

# Names that do something wherever they are evaluated, formatted, unpickled, or handed to a shell or a browser.
NAMES = (
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned #",
    "{0.__class__.__mro__}",
    "{{7*7}}",
    "%(x)s%n",
    "__import__('os').system('touch pwned')",
    "cos\\nsystem\\n(S'touch pwned'\\ntR.",
    "../../../pwned",
    "<script>fetch('//pwned')</script>",
    '" onload=alert(1) x="',
    "::error::pwned",
    "]]><x/>",
)
_TEST = """
    import json
    import os
    from pathlib import Path

    import pytest
    import torch
    from torch import nn

    EVIL = json.loads(Path(__file__).with_name("names.json").read_text())

    class Model(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.note = name
            self.conv = nn.Conv2d(1, int(os.environ["WIDTH"]), 2)
            self.register_module(name.replace(".", "_"), nn.Identity())

        def forward(self, x):
            return self.conv(x)

    @pytest.mark.parametrize("name", EVIL, ids=EVIL)
    def test_it(name, nnviz_snapshot, nnviz_summary, nnviz_filters):
        torch.manual_seed(0)
        Model.__qualname__ = name
        model, x = Model(name), torch.ones(1, 1, 4, 4)
        failed = []
        for check in (
            lambda: nnviz_snapshot.using(name=name)(model, x),
            lambda: nnviz_summary.using(name=name)(model, x),
            lambda: nnviz_filters.using(name=name)(model),
        ):
            try:
                check()
            except AssertionError as error:
                failed.append(error)
        if failed:
            raise failed[0]
"""
_PROCESSES = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "pty.spawn",
)
_CHANGES = (
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.chmod",
    "os.chown",
    "os.link",
    "os.symlink",
    "os.truncate",
)
_RUNS = ("exec", "compile", "pickle.find_class", "marshal.loads", "ctypes.dlopen")
_MARK = "pwned"


@dataclass
class Touched:
    """What runs touched.

    Attributes:
        events: how many were told.
        sockets: each use of one.
        processes: the commands that were started.
        written: files that were written, removed, made or renamed.
        evaluated: code that was compiled or run, or classes that were unpickled, with a mark of ours in it.
    """

    events: int = 0
    sockets: list[str] = field(default_factory=list)
    processes: list[Sequence[str]] = field(default_factory=list)
    written: set[str] = field(default_factory=set)
    evaluated: list[str] = field(default_factory=list)

    def hears(self, event: str, args: tuple[Any, ...]) -> None:
        """The audit hook."""
        self.events += 1
        if event.startswith("socket."):
            self.sockets.append(f"{event} {args!r:.200}")
        elif event.startswith(_PROCESSES):
            self.processes.append(
                [str(part) for part in args[1]] if event == "subprocess.Popen" else [event, repr(args)]
            )
        elif event == "open":
            self._opened(*args)
        elif event.startswith((*_CHANGES, "shutil.")):
            self.written.update(
                os.path.abspath(os.fsdecode(part))  # noqa: PTH100 (links are not followed)
                for part in args
                if isinstance(part, str | bytes | Path)
            )
        elif event.startswith(_RUNS) and _MARK in repr(args[0] if event != "pickle.find_class" else args):
            self.evaluated.append(f"{event} {args!r:.300}")

    def _opened(self, path: Any, mode: Any, flags: int) -> None:
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        if isinstance(path, str | bytes | os.PathLike) and writes:
            self.written.add(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100


class Hook:
    """A plugin that listens while tests run and while the run ends."""

    def __init__(self, touched: Touched) -> None:
        self.touched, self.on = touched, False
        sys.addaudithook(self._hook)  # cannot be taken away again

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if self.on:
            self.touched.hears(event, args)

    def pytest_sessionstart(self) -> None:
        self.on = True

    def pytest_unconfigure(self) -> None:
        self.on = False


def run(where: Path, names: Sequence[str] = NAMES) -> list[tuple[Touched, int]]:
    """Record, pass, and drift: what each of the three runs touched, and how it ended.

    The process that calls this has imported torch before, and runs nothing else.
    """
    import pytest
    import torch  # noqa: F401
    import torchinfo  # noqa: F401

    where.mkdir(parents=True)
    (where / "test_doors.py").write_text(dedent(_TEST))
    (where / "names.json").write_text(json.dumps(names))  # so that no source has them
    (where / "pytest.ini").write_text("[pytest]\n")
    os.chdir(where)
    os.environ.update(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", WIDTH="2")
    sys.dont_write_bytecode = True
    found = []
    for width, args in (("2", ["--snapshot-update"]), ("2", []), ("3", ["--junitxml", "nnviz-artifacts/junit.xml"])):
        os.environ["WIDTH"] = width
        sys.modules.pop("test_doors", None)
        touched = Touched()
        plugins = ["-p", "syrupy", "-p", "pytest_nnviz.plugin", "-p", "no:cacheprovider", "-q", "--no-header"]
        status = pytest.main([*plugins, *args], plugins=[Hook(touched)])
        found.append((touched, int(status)))
    return found


def complaints(where: Path, found: list[tuple[Touched, int]]) -> list[str]:
    """What runs touched that is not theirs."""
    said = [f"run {at} ends with {status}" for at, (_, status) in enumerate(found) if status != int(at == 2)]
    for touched, _ in found:
        said += [f"a socket: {each}" for each in touched.sockets]
        said += [f"evaluates {each}" for each in touched.evaluated]
        said += [f"starts {each}" for each in touched.processes if not _is_engine(each)]
        said += [f"writes {path}" for path in sorted(touched.written) if not _is_own(Path(path), where)]
    said += [f"writes in a run that passes: {path}" for path in sorted(found[1][0].written) if not _is_device(path)]
    said += [f"made {path}" for path in where.parent.rglob("*pwned*") if path.name == _MARK]
    return said


def _is_engine(command: Sequence[str]) -> bool:
    """Whether a command is a drawing engine with options of ours alone: what it draws goes to its standard input."""
    program, *options = command
    return Path(program).name.startswith(("dot", "graphviz")) and _MARK not in " ".join(options)


def _is_own(path: Path, where: Path) -> bool:
    inside = path.is_relative_to(where / "__nnviz__") or path.is_relative_to(where / "nnviz-artifacts")
    return inside or _is_device(str(path))


def _is_device(path: str) -> bool:
    return path == os.devnull


if __name__ == "__main__":
    folder = Path(sys.argv[1]).resolve()
    out = os.dup(1)
    os.dup2(2, 1)  # what the runs print
    found = run(folder, NAMES[: int(sys.argv[2])])
    figures = {
        "audit events heard": sum(touched.events for touched, _ in found),
        "sockets": sum(len(touched.sockets) for touched, _ in found),
        "processes that are no drawing engine": sum(
            not _is_engine(each) for touched, _ in found for each in touched.processes
        ),
    }
    os.write(out, json.dumps([figures, complaints(folder, found)]).encode())
