"""How a failure looks in pytest's report: the headline first, and the user's frames alone."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from pytest_nnviz.errors import ArchitectureDrift, NNVizError

__all__ = ["headline_first", "users_frames_only"]

_PACKAGE = Path(__file__).parent


def users_frames_only(excinfo: Any) -> None:
    """Take the frames of this package out of a traceback, unless the error may be its own.

    The model's forward runs inside of the tracer, which tells its errors apart from its own by a note on them.
    """
    told = any(note.startswith("pytest-nnviz") for note in getattr(excinfo.value, "__notes__", ()))
    if not (told or isinstance(excinfo.value, NNVizError | ArchitectureDrift)):
        return
    kept = _without_own(excinfo.tb)
    if kept is not None:
        excinfo.traceback = type(excinfo.traceback)(kept)


def headline_first(longrepr: Any, error: BaseException) -> None:
    """Let the short summary start with what happened, not with the path of the class of the error."""
    crash = getattr(longrepr, "reprcrash", None)
    if crash is None:
        return
    if isinstance(error, ArchitectureDrift):
        crash.message = str(error)
    elif isinstance(error, NNVizError):
        crash.message = f"{type(error).__name__}: {error}"


def _without_own(first: TracebackType | None) -> TracebackType | None:
    frames = []
    while first is not None:
        if _PACKAGE not in Path(first.tb_frame.f_code.co_filename).parents:
            frames.append(first)
        first = first.tb_next
    kept = None
    for frame in reversed(frames):
        kept = TracebackType(kept, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return kept
