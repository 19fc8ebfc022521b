"""Two sides held against each other: what became of each snapshot."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from pytest_nnviz.cli.repository import Repository
from pytest_nnviz.cli.sides import Side, printed, revision, with_blobs, work_tree
from pytest_nnviz.drift.data import CONSEQUENCES
from pytest_nnviz.errors import SourceError
from pytest_nnviz.gates import Gates
from pytest_nnviz.kinds import Kind, kind_of
from pytest_nnviz.stored import Stored
from pytest_nnviz.verdict import Verdict

__all__ = ["Review", "Reviewed", "reviewed"]

_WIDTH = 110


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A snapshot that is not as it was.

    ``old_path`` is another than ``path`` for one that was renamed as it is.
    """

    path: str
    old_path: str
    old: Stored | None = None
    new: Stored | None = None
    verdict: Verdict | None = None

    @property
    def status(self) -> str:
        """What became of it."""
        if self.path != self.old_path:
            return "renamed"
        if self.old is None:
            return "added"
        return "removed" if self.new is None else "changed"

    @property
    def name(self) -> str:
        """Its path on one line."""
        return printed(self.path)

    @property
    def judged(self) -> Verdict:
        """What changed, or the text alone of one that came or went."""
        return self.verdict or self.there.alone(came=self.new is not None)

    @property
    def there(self) -> Stored:
        """The text now, or before of one that is gone."""
        there = self.new or self.old
        assert there is not None
        return there

    @property
    def kind(self) -> Kind:
        """Which fixture pins it."""
        return kind_of(PurePosixPath(self.path).suffix)

    @property
    def line(self) -> str:
        """What became of it as a whole."""
        if self.status == "renamed":
            return f"renamed {printed(self.old_path)} -> {self.name}"
        return f"{self.status} {self.name}: {self.there.gist}"


@dataclass(frozen=True, slots=True)
class Review:
    """All that changed between two sides.

    Attributes:
        base: what the one is called.
        head: what the other is called.
        snapshots: those that are not as they were, by their paths.
        groups: those of them that changed, the ones of the same edits together: wherever in the models, however many
            parameters.
        unchanged: how many others there are.
        errors: why some could not be read.
    """

    base: str
    head: str
    snapshots: tuple[Reviewed, ...]
    groups: tuple[tuple[Reviewed, ...], ...]
    unchanged: int
    errors: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many snapshots there are, by what became of them."""
        statuses = ("changed", "added", "removed", "renamed")
        lone = {"unchanged": self.unchanged, "unreadable": len(self.errors)}
        return {status: sum(each.status == status for each in self.snapshots) for status in statuses} | lone

    @property
    def lone(self) -> list[Reviewed]:
        """The snapshots that came, went or have another name, in this order."""
        order = ("added", "removed", "renamed")
        found = (each for each in self.snapshots if each.status in order)
        return sorted(found, key=lambda each: order.index(each.status))


def reviewed(base: str, head: str | None, *, direct: bool) -> Review:
    """What changed in every committed snapshot.

    Args:
        base: a revision, or two with ``..`` or ``...`` between them.
        head: the other one, the work tree when None.
        direct: compare with ``base`` itself, not with the commit from which they went apart.

    Raises:
        SourceError: there is no repository, or no such revision.
    """
    repository = Repository()
    if head is None and ".." in base:
        dots = "..." if "..." in base else ".."
        base, _, head = base.partition(dots)
        base, head, direct = base or "HEAD", head or "HEAD", direct or dots == ".."
    start = repository.commit(base) if direct else repository.merge_base(base, head or "HEAD")
    old = revision(repository, start, base if direct else f"merge base with {base}")
    new = work_tree(repository) if head is None else revision(repository, repository.commit(head), head)
    differ = [path for path in {**old.hashes, **new.hashes} if old.hashes.get(path) != new.hashes.get(path)]
    return _compared(*with_blobs((old, new), differ))


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
    groups = tuple(map(tuple, _groups(snapshots)))
    return Review(old.name, new.name, tuple(snapshots), groups, len(unchanged), tuple(errors.values()))


def _groups(snapshots: Iterable[Reviewed]) -> Iterable[list[Reviewed]]:
    found: dict[Hashable, list[Reviewed]] = {}
    for each in snapshots:
        if each.verdict is not None:
            key = (each.kind, each.verdict.told(_WIDTH).more, *each.verdict.causes)
            found.setdefault(key, []).append(each)
    return sorted(found.values(), key=_gravity)


def _gravity(group: list[Reviewed]) -> int:
    """What matters most first; the others in the order of their paths."""
    found = group[0].judged.consequences
    return next((at for at, name in enumerate(CONSEQUENCES) if name in found), len(CONSEQUENCES))


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
        return Reviewed(path, old_path, new=new.load(path))
    before = old.load(path) if path in old.hashes else None
    now = new.load(path) if path in new.hashes else None
    if before is None or now is None:
        return Reviewed(path, path, before, now)
    if before.kind is not now.kind:
        raise SourceError(f"{printed(path)} was a text of {before.kind.fixture} and is one of {now.kind.fixture} now")
    verdict = now.since(before, Gates())
    return Reviewed(path, path, before, now, verdict) if verdict.differs else None
