"""A layer between a run and the files of a folder: it counts what is done to them, and at one step lets it go wrong."""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

__all__ = ["FAULTS", "Faults"]

_LASTING = {"full": errno.ENOSPC, "read-only": errno.EROFS}
_ONCE = {"refused": errno.EACCES, "broken": errno.EIO}
FAULTS = ("kill", "interrupt", "signal", *_LASTING, *_ONCE)
"""What can happen at a step: kill -9, KeyboardInterrupt, SIGINT, and the errors of a file system."""

_FREES = ("unlink", "remove", "rmdir")  # what works on a disk that is full
_CHANGES = ("mkdir", *_FREES, "replace", "rename")


class _Halves:
    """A file whose every write is two steps, so that a fault can come between the halves."""

    def __init__(self, file: Any, step: Callable[[str], None]) -> None:
        self._file, self._step = file, step

    def write(self, data: Any) -> int:
        half = len(data) // 2
        for part in (data[:half], data[half:]):
            self._step("write")
            self._file.write(part)
            self._file.flush()
        return len(data)

    def __enter__(self) -> _Halves:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._step("close")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class Faults:
    """Once installed, everything that changes a file below ``root`` is a step, and step ``at`` goes wrong.

    Args:
        root: the folder.
        fault: one of ``FAULTS``.
        at: the number of the step from 0; a disk that is full, or a tree that is read-only, stays so.
        log: a file that gets a line for each step, to know how many there are.
    """

    def __init__(self, root: Path, fault: str = "", at: int = -1, log: Path | None = None) -> None:
        self.root, self.fault, self.at = str(root), fault, at
        self.log = None if log is None else os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        self.count = 0

    def install(self) -> None:
        """Stand between this process and its files from now on."""
        for name in _CHANGES:
            setattr(os, name, self._counted(name, getattr(os, name)))
        opens = io.open
        io.open = builtins.open = partial(self._open, opens)  # type: ignore[assignment]

    def _counted(self, what: str, does: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(does)
        def counted(path: Any, *args: Any, **kwargs: Any) -> Any:
            self._step(what, path)
            return does(path, *args, **kwargs)

        return counted

    def _open(self, opens: Callable[..., Any], file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if not set(mode) & set("wxa+") or not self._is_below(file):
            return opens(file, mode, *args, **kwargs)
        self._step("open", file)
        return _Halves(opens(file, mode, *args, **kwargs), partial(self._step, path=file))

    def _is_below(self, path: Any) -> bool:
        if not isinstance(path, str | os.PathLike):
            return False
        return os.path.abspath(path).startswith(self.root + os.sep)  # noqa: PTH100 (links are not followed)

    def _step(self, what: str, path: Any = None) -> None:
        if not self._is_below(path):
            return
        at, self.count = self.count, self.count + 1
        if self.log is not None:
            os.write(self.log, f"{what} {os.path.relpath(path, self.root)}\n".encode(errors="surrogateescape"))
        lasts = self.fault in _LASTING and not (self.fault == "full" and what in _FREES)
        if at == self.at or (lasts and -1 < self.at < at):
            self._go_wrong(path)

    def _go_wrong(self, path: Any) -> None:
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.fault == "signal":
            os.kill(os.getpid(), signal.SIGINT)
        elif self.fault == "interrupt":
            raise KeyboardInterrupt
        else:
            number = {**_LASTING, **_ONCE}[self.fault]
            raise OSError(number, os.strerror(number), os.fspath(path))
