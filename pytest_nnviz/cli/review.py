"""Every committed snapshot of one revision against those of another."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from pytest_nnviz.architecture import Architecture
from pytest_nnviz.checker import gist
from pytest_nnviz.cli.repository import Repository
from pytest_nnviz.cli.sources import parse, read_file
from pytest_nnviz.cli.terminal import Terminal
from pytest_nnviz.drift import Drift, checkpoint, diff
from pytest_nnviz.drift.data import CONSEQUENCES
from pytest_nnviz.errors import OptionError, SourceError, suggest
from pytest_nnviz.gates import GATES
from pytest_nnviz.kinds import SNAPSHOT
from pytest_nnviz.naming import SNAPSHOT_DIRNAME
from pytest_nnviz.report import drift_data, lone_data, markdown
from pytest_nnviz.wording import headline, tell, words

__all__ = ["FAIL_ON", "run_review"]

_CONSEQUENCES = dict(zip(("checkpoints", "function", "training"), CONSEQUENCES, strict=False))
FAIL_ON = (*_CONSEQUENCES, *GATES, "removed", "drift")
_PATTERN = f":(glob)**/{SNAPSHOT_DIRNAME}/**/*.{SNAPSHOT.suffix}"


@dataclass(frozen=True, slots=True)
class Side:
    """The snapshots of a revision, or of the work tree (which has a ``root``): the hash of each path, and what stands
    under the hashes that are read.
    """

    name: str
    hashes: Mapping[str, str]
    root: Path | None = None
    blobs: Mapping[str, bytes | None] = field(default_factory=dict)

    def load(self, path: str) -> Architecture:
        return parse(self._read(path), f"{path} ({self.name})")

    def _read(self, path: str) -> bytes:
        if self.root is not None:
            return read_file(self.root / path, path)
        found = self.blobs[self.hashes[path]]
        if found is None:
            raise SourceError(f"{path} ({self.name}) is not here, as in a partial clone: git fetch --refetch")
        return found


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A snapshot that is not as it was.

    ``old_path`` is another than ``path`` for one that was renamed as it is.
    """

    path: str
    old_path: str
    old: Architecture | None = None
    new: Architecture | None = None
    drift: Drift | None = None

    @property
    def status(self) -> str:
        if self.path != self.old_path:
            return "renamed"
        if self.old is None:
            return "added"
        return "removed" if self.new is None else "changed"


@dataclass(frozen=True, slots=True)
class Review:
    """All that changed between two sides, how many snapshots did not, and which could not be read."""

    base: str
    head: str
    snapshots: tuple[Reviewed, ...]
    unchanged: int
    errors: tuple[str, ...] = ()

    def of(self, status: str) -> list[Reviewed]:
        return [each for each in self.snapshots if each.status == status]

    @property
    def counts(self) -> dict[str, int]:
        statuses = ("changed", "added", "removed", "renamed")
        lone = {"unchanged": self.unchanged, "unreadable": len(self.errors)}
        return {status: len(self.of(status)) for status in statuses} | lone


def run_review(options: Namespace, out: Terminal) -> int:
    """Print what changed; 1 if any of it is what ``--fail-on`` names, 2 if a snapshot cannot be read."""
    kinds = _kinds(options.fail_on)
    found = _review(options.base, options.head, direct=options.direct)
    failing = [each for each in found.snapshots if any(_is_of(each, kind) for kind in kinds)]
    if options.json:
        out.text(json.dumps(_data(found, failing), indent=2) + "\n")
    elif options.markdown:
        out.text(_markdown(found))
    else:
        _print(found, out)
    if failing and not options.json and not options.markdown:
        out.title(f"fails (--fail-on {','.join(kinds)}): {', '.join(each.path for each in failing)}")
    if found.errors:
        raise SourceError("\n".join(found.errors))
    return int(bool(failing))


def _kinds(given: Iterable[str]) -> list[str]:
    kinds = [kind for text in given for kind in text.replace(",", " ").split()]
    for kind in kinds:
        if kind not in FAIL_ON:
            raise OptionError(f"--fail-on {kind}: unknown{suggest(kind, FAIL_ON)}; kinds: {', '.join(FAIL_ON)}")
    return kinds


def _is_of(found: Reviewed, kind: str) -> bool:
    """Whether a change is of a kind; a graver consequence is of the lesser ones too."""
    if found.drift is None:
        return found.status == "removed" and kind in ("removed", "drift")
    if kind in GATES:
        return any(change.gate == kind for change in found.drift.changes)
    if kind in _CONSEQUENCES:
        graver = CONSEQUENCES[: CONSEQUENCES.index(_CONSEQUENCES[kind]) + 1]
        return any(c.consequence in graver for c in found.drift.changes) or checkpoint(found.drift).strict != "yes"
    return kind == "drift"


def _review(base: str, head: str | None, *, direct: bool) -> Review:
    repository = Repository()
    if head is None and ".." in base:
        dots = "..." if "..." in base else ".."
        base, _, head = base.partition(dots)
        base, head, direct = base or "HEAD", head or "HEAD", direct or dots == ".."
    start = repository.commit(base) if direct else repository.merge_base(base, head or "HEAD")
    old = _revision(repository, start, base if direct else f"merge base with {base}")
    new = _work_tree(repository) if head is None else _revision(repository, repository.commit(head), head)
    differ = [path for path in {**old.hashes, **new.hashes} if old.hashes.get(path) != new.hashes.get(path)]
    committed = [
        side.hashes[path] for side in (old, new) if side.root is None for path in differ if path in side.hashes
    ]
    blobs = repository.blobs(committed)
    return _compared(*(replace(side, blobs=blobs) for side in (old, new)))


def _revision(repository: Repository, commit: str, called: str) -> Side:
    files = {path: name for path, name in repository.tree(commit) if _is_snapshot(path)}
    return Side(f"{commit[:10]}, {called}", files)


def _work_tree(repository: Repository) -> Side:
    files = {path: name for path, name in repository.work_tree(_PATTERN).items() if _is_snapshot(path)}
    return Side("work tree", files, repository.root)


def _is_snapshot(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return path.endswith(f".{SNAPSHOT.suffix}") and SNAPSHOT_DIRNAME in parts[:-1]


def _compared(old: Side, new: Side) -> Review:
    renamed = dict(_renamed(old, new))
    snapshots: list[Reviewed] = []
    errors: dict[str, str] = {}
    for path in sorted({*old.hashes, *new.hashes} - set(renamed.values())):
        if old.hashes.get(path) == new.hashes.get(path):
            continue
        try:
            found = _reviewed(old, new, path, renamed.get(path))
        except SourceError as error:
            errors[path] = str(error)
            continue
        if found is not None:
            snapshots.append(found)
    changed = {each.path for each in snapshots if each.status == "changed"}
    unchanged = (old.hashes.keys() & new.hashes.keys()) - changed - errors.keys()
    return Review(old.name, new.name, tuple(snapshots), len(unchanged), tuple(errors.values()))


def _renamed(old: Side, new: Side) -> Iterator[tuple[str, str]]:
    """(new path, old path) of snapshots that are under another name as they were."""
    gone: dict[str, list[str]] = {}
    for path, key in old.hashes.items():
        if path not in new.hashes:
            gone.setdefault(key, []).append(path)
    for path, key in new.hashes.items():
        if path not in old.hashes and gone.get(key):
            yield path, gone[key].pop(0)


def _reviewed(old: Side, new: Side, path: str, old_path: str | None) -> Reviewed | None:
    """What became of a snapshot; None if it holds what it held."""
    if old_path is not None:
        return Reviewed(path, old_path)
    if path not in old.hashes:
        return Reviewed(path, path, new=new.load(path))
    if path not in new.hashes:
        return Reviewed(path, path, old=old.load(path))
    drift = diff(old.load(path), new.load(path))
    return Reviewed(path, path, drift.old, drift.new, drift) if drift else None


def _alike(snapshots: Iterable[Reviewed]) -> list[list[Reviewed]]:
    """Those that changed, the ones of the same edits together: wherever in the models, however many parameters."""
    groups: dict[Any, list[Reviewed]] = {}
    for each in snapshots:
        if each.drift is not None:
            told = tell(each.drift)
            key = (told.more, *(row.cause for row in told.main))
            groups.setdefault(key, []).append(each)
    return list(groups.values())


def _print(found: Review, out: Terminal) -> None:
    out.title(f"{found.base} -> {found.head}")
    for same in _alike(found.snapshots):
        first, *others = same
        assert first.drift is not None
        out.title(f"\n{headline(first.drift, first.path)}")
        out.lines(words(first.drift, width=out.width - 2, stored=True), "  ")
        out.lines([f"the same in {each.path}" for each in others], "  ")
    told = [line for status in ("added", "removed", "renamed") for line in map(_line, found.of(status))]
    if told:
        out.lines(["", *told])
    out.lines(["", _count(found)])


def _line(each: Reviewed) -> str:
    there = each.new or each.old
    if there is None:
        return f"renamed {each.old_path} -> {each.path}"
    return f"{each.status} {each.path}: {gist(there)}"


def _count(found: Review) -> str:
    counts = [f"{count:,} {status}" for status, count in found.counts.items() if count]
    return f"snapshots: {', '.join(counts) or 'none'}"


def _markdown(found: Review) -> str:
    blocks = []
    for first, *others in _alike(found.snapshots):
        assert first.drift is not None
        same = "".join(f"- the same in `{each.path}`\n" for each in others)
        blocks.append(f"{markdown(first.drift, first.path)}{same}")
    lines = [line for status in ("added", "removed", "renamed") for line in map(_line, found.of(status))]
    blocks += ["".join(f"- `{line}`\n" for line in lines)] if lines else []
    return "\n".join([*blocks, f"{_count(found)}, {found.base} to {found.head}\n"])


def _data(found: Review, failing: list[Reviewed]) -> dict[str, Any]:
    return {
        "schema": "nnviz-review 1",
        "base": found.base,
        "head": found.head,
        "counts": found.counts,
        "failing": [each.path for each in failing],
        "errors": list(found.errors),
        "snapshots": [
            {"path": each.path, "old_path": each.old_path, "status": each.status, "drift": _drift(each)}
            for each in found.snapshots
        ],
    }


def _drift(each: Reviewed) -> dict[str, Any] | None:
    if each.drift is not None:
        return drift_data(each.drift, each.path)
    there = each.new or each.old
    return None if there is None else lone_data(there, each.path, came=each.new is not None)
