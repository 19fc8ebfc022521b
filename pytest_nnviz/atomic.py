"""Write a file whole or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

__all__ = ["write_atomic"]


def write_atomic(path: Path, data: bytes) -> None:
    """Replace ``path`` by a file with ``data``; after a failure or a kill the old file is still there, whole.

    Raises:
        OSError: the folder does not exist or cannot be written.
    """
    # The leading dot hides the unfinished file from whoever lists the folder meanwhile.
    unfinished = path.with_name(f".{hashlib.sha256(path.name.encode()).hexdigest()[:12]}.{os.getpid()}")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
