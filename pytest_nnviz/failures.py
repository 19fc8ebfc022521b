"""How a failure looks in pytest's report: the headline first, and the user's frames alone."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from pytest_nnviz.errors import NNVizError, SnapshotDrift

__all__ = ["headline_first", "message_alone", "users_frames_only"]

_PACKAGE = Path(__file__).parent
_LIBRARY = Path(sysconfig.get_paths()["stdlib"])
_INSTALLED = {"site-packages", "dist-packages", "_pytest", "pluggy"}


def users_frames_only(excinfo: Any, module: Path) -> None:
    """Take the frames of this package out of a traceback, unless the error may be its own.

    The model's forward runs inside of the tracer, which tells its errors apart from its own by a note on them. An error
    of ours ends at the user's last frame: below it there is nothing to mend.

    Args:
        excinfo: pytest's of the error.
        module: the test file, whose frames are the user's wherever it lies.
    """
    told = any(note.startswith("pytest-nnviz") for note in getattr(excinfo.value, "__notes__", ()))
    if not (told or _is_ours(excinfo.value)):
        return
    frames = list(_frames(excinfo.tb))
    kept = _traceback(_users_side(frames, module) if _is_ours(excinfo.value) else frames)
    if kept is not None:
        excinfo.traceback = type(excinfo.traceback)(kept)
    for cause in _causes(excinfo.value):
        _trim_cause(cause, module)


def message_alone(excinfo: Any, module: Path) -> str | None:
    """What stands for an error of ours that was raised before any frame of the user's; None where there is one."""
    if not _is_ours(excinfo.value) or any(_is_users(frame, module) for frame in _frames(excinfo.tb)):
        return None
    return _summary(excinfo.value)


def headline_first(longrepr: Any, error: BaseException) -> None:
    """Let the short summary start with what happened, not with the path of the class of the error."""
    crash = getattr(longrepr, "reprcrash", None)
    if crash is not None and _is_ours(error):
        crash.message = _summary(error)


def _summary(error: BaseException) -> str:
    return str(error) if isinstance(error, SnapshotDrift) else f"{type(error).__name__}: {error}"


def _is_ours(error: BaseException) -> bool:
    return isinstance(error, NNVizError | SnapshotDrift)


def _frames(first: TracebackType | None) -> Iterator[TracebackType]:
    while first is not None:
        yield first
        first = first.tb_next


def _traceback(frames: Iterable[TracebackType]) -> TracebackType | None:
    """These frames, without this package's, in one traceback."""
    kept = None
    for frame in reversed([frame for frame in frames if not _is_own(frame)]):
        kept = TracebackType(kept, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return kept


def _users_side(frames: list[TracebackType], module: Path) -> list[TracebackType]:
    """The way to the first frame of this package, or on to the user's last one, in a forward that it runs."""
    way = next((index for index, frame in enumerate(frames) if _is_own(frame)), len(frames))
    last = max((index for index, frame in enumerate(frames) if _is_users(frame, module)), default=-1)
    return frames[: max(way, last + 1)]


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen = {id(error)}
    cause = error.__cause__ or error.__context__
    while cause is not None and id(cause) not in seen:
        yield cause
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__


def _trim_cause(cause: BaseException, module: Path) -> None:
    """Leave a cause the user's side of its traceback; its message alone where that is empty."""
    frames = list(_frames(cause.__traceback__))
    users = any(_is_users(frame, module) for frame in frames)
    cause.__traceback__ = _traceback(frames) if users else None


def _is_own(frame: TracebackType) -> bool:
    return _PACKAGE in _path(frame).parents


def _is_users(frame: TracebackType, module: Path) -> bool:
    path = _path(frame)
    if path == module:
        return True
    elsewhere = _is_own(frame) or _LIBRARY in path.parents or bool(_INSTALLED & set(path.parts))
    return not elsewhere and not str(path).startswith("<")


def _path(frame: TracebackType) -> Path:
    return Path(frame.tb_frame.f_code.co_filename)
