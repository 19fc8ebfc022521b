"""Commands as a person types them, and programs where the system has them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence

__all__ = ["program", "typed"]

_WINDOWS = os.name == "nt"
_BARE = re.compile(r"[\w@%+=:,./\\\[\]-]+")


def typed(words: Sequence[str], *, windows: bool = _WINDOWS) -> str:
    """A command as it is typed; on Windows in quotes that cmd and PowerShell take."""
    if not windows:
        return shlex.join(words)
    return " ".join(word if _BARE.fullmatch(word) else '"' + word.replace('"', r"\"") + '"' for word in words)


def program(name: str, *, windows: bool = _WINDOWS) -> str | None:
    """Where a program lies, None where it is in no folder that the PATH names in full.

    Not left to the system: Windows looks into the current folder first, and that may be a stranger's checkout.
    """
    file = f"{name}.exe" if windows else name
    paths = (os.path.join(folder, file) for folder in os.get_exec_path() if os.path.isabs(folder))  # noqa: PTH117, PTH118
    return next((path for path in paths if os.path.isfile(path) and os.access(path, os.X_OK)), None)  # noqa: PTH113
