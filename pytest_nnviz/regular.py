"""Open files, and nothing in the place of one: a pipe or a device would be waited for, or read, for ever."""

from __future__ import annotations

import errno
import stat
from pathlib import Path
from typing import BinaryIO

__all__ = ["NotRegular", "open_regular", "read_regular"]


class NotRegular(OSError):
    """A pipe, a socket or a device is in the place of a file."""


def open_regular(path: Path) -> BinaryIO:
    """The file at a path, or behind the links there, to be read.

    Raises:
        NotRegular: something else is there that can be opened.
        OSError: there is no file, or it cannot be read.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # that one cannot be opened, and says so
        raise NotRegular(errno.EINVAL, "not a file", str(path))
    return path.open("rb")


def read_regular(path: Path, at_most: int = -1) -> bytes:
    """What that file holds, or its first bytes.

    Args:
        path: where it is.
        at_most: how many bytes are read; all with -1.

    Raises:
        OSError: as `open_regular`.
    """
    with open_regular(path) as file:
        return file.read(at_most)
