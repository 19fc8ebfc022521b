"""What the fixture ``nnviz_snapshot`` hands to a test."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from pytest_nnviz.artifacts import Artifacts, ArtifactsFolder
from pytest_nnviz.checker import Room, Status, Verdict, Where, causes_of, check, gist, message, words_of
from pytest_nnviz.companions import (
    Differing,
    differing_companions,
    draw_companions,
    pictures_of,
    remove_other_companions,
    stale_companions,
)
from pytest_nnviz.errors import ArchitectureDrift, ArtifactsError, DrawingError, SnapshotError, TraceError
from pytest_nnviz.extension import Place, Storage
from pytest_nnviz.gates import Gates
from pytest_nnviz.options import Options
from pytest_nnviz.recap import Note

if TYPE_CHECKING:
    from pytest_nnviz.architecture import Architecture
    from pytest_nnviz.drift import Drift

__all__ = ["NNVizSnapshot", "RunningTest"]

_NO_MODEL = object()
_PICTURES = tuple(
    ((suffix, side), f"{name}.{suffix}")
    for side, name in (("both", "diff"), ("expected", "expected"), ("actual", "actual"))
    for suffix in ("svg", "png")
)
_RECAP_LINES = 25
_LESS_INDENTED = 8  # characters that a line at the end of the run has more room than one of pytest's message


@dataclass(frozen=True, slots=True)
class RunningTest:
    """What all calls of one test share.

    Attributes:
        item: the pytest item.
        storage: its snapshots.
        artifacts: where failures leave their files.
        note: takes what is to be said at the end of the run.
        room: the room that the terminal has for a message.
    """

    item: Any
    storage: Storage
    artifacts: Artifacts
    note: Callable[[Note], None]
    room: Room

    @property
    def command(self) -> str:
        """The command that updates this test's snapshots, as typed where pytest was started."""
        return f"pytest --snapshot-update {shlex.quote(self.nodeid)}"

    @property
    def nodeid(self) -> str:
        """The node id, relative to where pytest was started."""
        # Not the item's own: xdist adds the names of its groups to that.
        # Nor the path in it: of a file outside of the rootdir pytest leaves out the folders.
        _, colons, rest = f"{self.item.parent.nodeid}::{self.item.name}".partition("::")
        return f"{self.shown(self.item.path).replace(os.sep, '/')}{colons}{rest}"

    def shown(self, path: Path) -> str:
        """A path as short as it can be from where pytest was started."""
        start = self.item.config.invocation_params.dir
        return str(path.relative_to(start)) if path.is_relative_to(start) else str(path)

    def folder(self, place: Place) -> ArtifactsFolder:
        """Where a failure of this call leaves its files."""
        return self.artifacts.folder(_from(self.item.config.rootpath, self.item.path), place.name)


@dataclass(frozen=True, slots=True, repr=False)
class NNVizSnapshot:
    """Compare a model with its snapshot: call it as you would call the model.

    Immutable; `using` gives one with other options, for the same test.
    """

    _test: RunningTest
    _options: Options

    def __repr__(self) -> str:
        return f"<nnviz_snapshot of {self._test.item.nodeid}>"

    def using(self, **options: Any) -> NNVizSnapshot:
        """The same fixture with other options, see `pytest_nnviz.Options`.

        Raises:
            OptionError: an unknown option, or a value that it does not take; the message lists the choices.
        """
        __tracebackhide__ = True
        return replace(self, _options=self._options.using(**options))

    def __call__(self, model: Any = _NO_MODEL, /, *args: Any, **kwargs: Any) -> Architecture:
        """Trace ``model(*args, **kwargs)`` and compare it with the stored snapshot; ``--snapshot-update`` stores it.

        Returns:
            What was traced, so that a test can go on: ``assert arch.total_parameters < 5_000_000``.

        Raises:
            ArchitectureDrift: it is not what the snapshot says, there is no snapshot yet, or it is over a budget.
            SnapshotError: the snapshot is damaged or cannot be read or written, or two calls share one file.
            TraceError: the model cannot be traced.
            Exception: whatever the model's forward raises.
        """
        __tracebackhide__ = True
        storage = self._test.storage
        place = storage.place(self._options.name)
        if model is _NO_MODEL:
            raise TraceError("nnviz_snapshot() needs a model: call it as you would call it, nnviz_snapshot(model, x)")
        verdict = check(self._options, model, args, kwargs, stored=storage.read(place), updates=storage.updates)
        storage.keep(place, verdict.kept, refused=verdict.refused)
        if verdict.failed:
            self._fail(place, verdict)
        self._passed(place, verdict)
        return verdict.architecture

    def _fail(self, place: Place, verdict: Verdict) -> None:
        __tracebackhide__ = True
        where = Where(place.name, self._test.shown(place.path), self._test.command)
        if verdict.drift is not None:
            where = replace(where, artifacts=self._leave(place, verdict, where))
        else:
            self._test.folder(place).clear()
        text = message(verdict, where, self._options.gate, self._test.room)
        if not verdict.excess:  # no update accepts it
            self._note("failed", place.path, [], causes_of(verdict, self._options.gate))
        self._test.item.user_properties.append(("nnviz", text.partition("\n")[0]))
        damaged = verdict.status is Status.DAMAGED and not verdict.excess
        raise SnapshotError(text) if damaged else ArchitectureDrift(text)

    def _passed(self, place: Place, verdict: Verdict) -> None:
        __tracebackhide__ = True
        self._test.folder(place).clear()
        self._tell(place, verdict)
        self._illustrate(place, verdict)

    def _tell(self, place: Place, verdict: Verdict) -> None:
        """Say what was recorded or accepted, and what differs without being gated."""
        if verdict.status is Status.PASSED and verdict.drift is None:
            return
        lines = [gist(verdict.architecture)] if verdict.status is Status.RECORDED else self._words(place, verdict)
        kind = "not gated" if verdict.status is Status.PASSED else verdict.status.value
        self._test.item.add_report_section("call", "nnviz", "\n".join([kind, *lines]))
        self._note(kind, place.path, lines, causes_of(verdict, self._gate_of(verdict)))

    def _words(self, place: Place, verdict: Verdict) -> list[str]:
        from pytest_nnviz.wording import wrapped

        room = self._recap_room
        lines = words_of(verdict, place.name, self._gate_of(verdict), room)
        head = [] if verdict.status is Status.PASSED else lines[:1]  # the headline says what fails a test
        return [*(part for line in head for part in wrapped(line, room.width + _LESS_INDENTED)), *lines[1:]]

    def _gate_of(self, verdict: Verdict) -> Gates:
        """The gates to word a drift by: of one that passes no change is held, and all are told alike."""
        return Gates() if verdict.status is Status.PASSED else self._options.gate

    @property
    def _recap_room(self) -> Room:
        room = self._test.room
        return replace(room, width=room.width - 2, lines=room.lines and _RECAP_LINES)

    def _illustrate(self, place: Place, verdict: Verdict) -> None:
        """Draw what is missing or stale where this run may write, else say that it is."""
        __tracebackhide__ = True
        images, updates = self._options.images, self._test.storage.updates
        stale = stale_companions(place.path, verdict.kept, images, self._options.picture)
        if updates == "all" or verdict.status is Status.RECORDED:
            self._draw(stale or self._redrawn(place, verdict), place, verdict)
            remove_other_companions(place.path, images)
        elif stale and self._options.images_check != "warn":
            shown = ", ".join(self._test.shown(path) for path in stale)
            raise SnapshotError(
                f"picture missing or older than its text: {shown}\nto redraw: {self._test.command}\n"
                f"(images_check={self._options.images_check!r} makes this fail)"
            )
        elif not stale:
            self._compare_pictures(place, verdict)
        for path in stale if updates == "nothing" else ():
            self._note("picture", path, [])

    def _compare_pictures(self, place: Place, verdict: Verdict) -> None:
        """Fail where a stored picture is not as it is drawn now, and leave both."""
        __tracebackhide__ = True
        try:
            differing = self._differing(place, verdict)
        except DrawingError as error:
            raise SnapshotError(f"images_check='pixels' cannot draw to compare: {error}") from None
        if differing:
            headline = f"picture differs from how it is drawn now: {differing[0]}"
            left = self._leave_drawn(place, differing)
            more = (f"  {each}" for each in differing[1:])
            raise SnapshotError("\n".join([headline, *more, f"artifacts {left}", f"to redraw: {self._test.command}"]))

    def _redrawn(self, place: Place, verdict: Verdict) -> list[Path]:
        """The pictures that an update draws anew though their text is the same."""
        with suppress(DrawingError):
            return [each.path for each in self._differing(place, verdict)]
        return []

    def _differing(self, place: Place, verdict: Verdict) -> list[Differing]:
        if self._options.images_check != "pixels":
            return []
        options, drift = self._options, verdict.drift
        kept = drift.old if drift is not None and verdict.status is Status.PASSED else verdict.architecture
        return list(
            differing_companions(
                place.path, kept, verdict.kept, options.images, options.picture, options.images_tolerance
            )
        )

    def _leave_drawn(self, place: Place, differing: Sequence[Differing]) -> str:
        """Write the stored pictures, the fresh ones and where they differ; where they are, or why not."""
        folder = self._test.folder(place)
        try:
            folder.open()
            for each in differing:
                folder.write(f"expected{each.path.suffix}", each.path.read_bytes())
                folder.write(f"actual{each.path.suffix}", each.drawn)
                if each.image is not None:
                    folder.write("diff.png", each.image)
        except ArtifactsError as error:
            return f"not written: {error}"
        return self._test.shown(folder.path)

    def _draw(self, stale: list[Path], place: Place, verdict: Verdict) -> None:
        try:
            draw_companions(stale, verdict.architecture, verdict.kept, self._options.picture)
        except Exception as error:  # the text is stored, and it decides: no picture may fail a test
            self._note("undrawn", place.path, [_said(error)])

    def _leave(self, place: Place, verdict: Verdict, where: Where) -> str:
        """Write the files of a drift; where they are, or why they are not there."""
        folder = self._test.folder(place)
        try:
            folder.open()
            folder.write("expected.nnviz", _bytes(verdict.stored or ""))
            folder.write("actual.nnviz", _bytes(verdict.text))
            room = Room(lines=None, ripples=True, root=self._test.room.root)
            folder.write("words.txt", _bytes(message(verdict, where, self._options.gate, room) + "\n"))
            self._leave_pictures(folder, place, verdict.drift)
        except ArtifactsError as error:
            return f"not written: {error}"
        return self._test.shown(folder.path)

    def _leave_pictures(self, folder: ArtifactsFolder, place: Place, drift: Drift | None) -> None:
        if drift is None:
            return
        try:
            pictures = pictures_of(drift, [kind for kind, _ in _PICTURES], self._options.picture)
            for (_, name), picture in zip(_PICTURES, pictures, strict=True):
                folder.write(name, picture)
        except ArtifactsError:
            raise
        except Exception as error:  # the verdict must not be lost to a picture
            self._note("undrawn", place.path, [_said(error)])

    def _note(self, kind: str, path: Path, lines: Sequence[str], causes: Sequence[str] = ()) -> None:
        self._test.note(Note(kind, self._test.shown(path), self._test.nodeid, tuple(lines), tuple(causes)))


def _from(root: Path, path: Path) -> PurePath:
    """The way from a folder to a file; the whole path where there is none, as between two drives."""
    try:
        return PurePath(os.path.relpath(path, root))
    except ValueError:
        return path.relative_to(path.anchor)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
