"""What can go wrong: each error says what, which value, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "ArchitectureDrift",
    "ArtifactsError",
    "DrawingError",
    "FilterDrift",
    "MissingTorch",
    "NNVizError",
    "NNVizWarning",
    "OptionError",
    "SnapshotDrift",
    "SnapshotError",
    "SourceError",
    "SummaryDrift",
    "TextError",
    "TraceError",
    "UnmatchedPatternWarning",
    "UnstableArchitecture",
    "UntrackedTensorWarning",
    "suggest",
    "warn",
]


class NNVizError(Exception):
    """Base of the errors of pytest-nnviz that are not verdicts."""


class OptionError(NNVizError, ValueError):
    """An unknown option or a value that it does not take."""


class MissingTorch(NNVizError, ImportError):
    """torch is not installed; it is needed to trace, not to read or compare texts."""


class TraceError(NNVizError):
    """The model could not be traced: not a model, inputs that do not fit, a device that does not match."""


class UnstableArchitecture(TraceError):
    """The graph depends on values or changes from run to run, so that a snapshot of it would be a coincidence."""


_LONGEST = 1_000  # characters of a message about a text


class TextError(NNVizError, ValueError):
    """A text is not a snapshot, or a damaged one. ``line`` is the number of the offending line, from 1, or None."""

    def __init__(self, message: str, line: int | None = None) -> None:
        if len(message) > _LONGEST:  # it quotes what may be of any length
            message = f"{message[: _LONGEST // 2]} ... {message[-_LONGEST // 2 :]}"
        super().__init__(message if line is None else f"line {line}: {message}")
        self.line = line


class SnapshotError(NNVizError):
    """A stored snapshot cannot be used as it is (unreadable, damaged, two calls for one file)."""


class SourceError(NNVizError):
    """What the command line was asked to read cannot be read, or is not what it should be."""


class ArtifactsError(NNVizError):
    """The artifacts folder cannot be used."""


class DrawingError(NNVizError):
    """No engine could draw the picture, with what each of them said."""


class SnapshotDrift(AssertionError):
    """What was found is not what the snapshot says, or there is no snapshot yet; the base of all verdicts."""


class ArchitectureDrift(SnapshotDrift):
    """The architecture is not the one of the snapshot, there is no snapshot yet, or it is over a budget."""


class SummaryDrift(SnapshotDrift):
    """The summary table is not the one of the snapshot, or there is no snapshot yet."""


class FilterDrift(SnapshotDrift):
    """The filters are not those of the snapshot, or there is no snapshot yet."""


class NNVizWarning(UserWarning):
    """Something that does not decide a test but should be known: a stale picture, a missing engine."""


class UnmatchedPatternWarning(NNVizWarning):
    """A pattern of ``opaque`` or ``gate`` names no module of the model: it was misspelled, or is no longer needed."""


class UntrackedTensorWarning(NNVizWarning):
    """A tensor appeared during the forward pass that no recorded call made; its edge is cut."""


def suggest(word: str, known: Iterable[str]) -> str:
    """What may have been meant by a word that is not known, for the end of a clause; empty where nothing is close."""
    import difflib

    close = difflib.get_close_matches(word, list(known), 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def warn(message: str, category: type[Warning]) -> None:
    """Warn, and point to the line that called into this package."""
    import contextlib
    import sys
    import warnings

    own = (__file__.removesuffix("errors.py"), contextlib.__file__)
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(own):
        frame = frame.f_back
    names = frame.f_globals
    warnings.warn_explicit(
        message,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        names.get("__name__"),
        names.setdefault("__warningregistry__", {}),
    )
