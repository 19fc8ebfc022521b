"""The report of a review: what each snapshot leaves in its folder, then the page, the summary, the data of all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from pytest_nnviz.artifacts import Artifacts, ArtifactsFolder
from pytest_nnviz.cli.reviewing import Review, Reviewed
from pytest_nnviz.cli.sides import printed
from pytest_nnviz.errors import ArtifactsError, SourceError
from pytest_nnviz.naming import SNAPSHOT_DIRNAME, clean
from pytest_nnviz.report.findings import FILE
from pytest_nnviz.report.leaving import About, leave
from pytest_nnviz.report.occasion import Occasion
from pytest_nnviz.report.writing import add_to_job, write_report
from pytest_nnviz.verdict import Room, Verdict

__all__ = ["write_review"]

_MORE, _LONE = 12, 60
"""Snapshots that have pictures beside the first of each cause: of those that changed, of those that came or went."""

_STEM = 200


def write_review(review: Review, root: Path) -> Iterator[str]:
    """Write the report of a review, in the place of an earlier one, and yield what there is to say about it.

    Args:
        review: what changed.
        root: the folder of the report; only files that were written here before are removed from it.

    Raises:
        SourceError: it cannot be written.
    """
    try:
        _clear(root)
        left = [(each, *_left(each, root)) for each in review.snapshots]
        undrawn = list(_draw(review, left))
        occasion = Occasion(_called(review.base), _called(review.head))
        page = write_report(root, [folder.path for _, _, folder in left], occasion, review.errors)
    except (ArtifactsError, OSError) as error:
        raise SourceError(f"--report {root}: {error}") from error
    yield from undrawn
    yield "report: nothing changed, so none was written" if page is None else f"report: {page.absolute().as_uri()}"
    yield from filter(None, [add_to_job(root)])


def _called(side: str) -> str:
    """A side in a sentence: ``3f2a1c9b52, main`` as ``main (3f2a1c9b52)``."""
    commit, comma, name = side.partition(", ")
    article = "the " if (name or side).startswith(("merge base ", "work tree")) else ""
    return f"{article}{name} ({commit})" if comma else f"{article}{side}"


def _left(each: Reviewed, root: Path) -> tuple[Verdict, ArtifactsFolder]:
    """Write the files of a snapshot but for its pictures."""
    there = each.there
    verdict = each.judged
    stem = PurePosixPath(each.path).stem
    room = Room(lines=None, ripples=True)
    words = verdict.words(stem, room) if verdict.differs else [f"{each.status}: {stem}, {_what(each)}"]
    folder = _folder(each, root)
    leave(folder, verdict, About(there.kind, each.status, stem, each.name), "\n  ".join(words))
    return verdict, folder


def _what(each: Reviewed) -> str:
    """Of one that did not change: what it says, or what it was called."""
    return f"before {printed(each.old_path)}" if each.status == "renamed" else each.there.gist


def _folder(each: Reviewed, root: Path) -> ArtifactsFolder:
    """Where a run leaves the files of a snapshot: by the test's file and the name of the snapshot."""
    path = PurePosixPath(each.path)
    *around, module = [part for part in path.parent.parts if part != SNAPSHOT_DIRNAME] or ["snapshots"]
    return Artifacts(root).folder(PurePosixPath(*around, f"{module}.py"), clean(path.stem, _STEM), each.kind.folder)


def _draw(review: Review, left: Iterable[tuple[Reviewed, Verdict, ArtifactsFolder]]) -> Iterator[str]:
    """Draw the first of each cause, and some of the others; yield what could not be drawn."""
    first = {group[0].path for group in review.groups}
    room = {"changed": _MORE, "added": _LONE, "removed": _LONE, "renamed": 0}
    for each, verdict, folder in left:
        is_first = each.path in first
        if not is_first and not room[each.status]:
            continue
        try:
            pictures = list(each.there.pictures(verdict))
            room[each.status] -= bool(pictures and not is_first)
            for name, picture in pictures:
                folder.write(name, picture)
        except ArtifactsError:
            raise
        except Exception as error:  # a picture that cannot be drawn is no reason to lose the words
            yield f"no picture of {each.name}: {type(error).__name__}: {error}"


def _clear(root: Path) -> None:
    """Remove what the folders of an earlier report hold; which they are stands in its data."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads((root / FILE).read_text(encoding="utf-8"))
        for each in found["findings"]:
            ArtifactsFolder(root, root / str(each["folder"])).clear()
