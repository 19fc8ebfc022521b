"""A project that records snapshots of all kinds, what its files may be after a run, and what heals it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

from forked import run_pytest

__all__ = ["NEW", "OLD", "PROJECT", "Files", "Shelf", "files_of", "lost", "write"]

Files = Mapping[str, bytes]

OLD, NEW = {"MARK": "old"}, {"MARK": "new"}
_KINDS = (".nnviz", ".nnsummary", ".nnfilters")
_PICTURES = (".svg", ".png")

PROJECT = {
    "pytest.ini": """
        [pytest]
        markers = slow
        doctest_optionflags = NORMALIZE_WHITESPACE
    """,
    "conftest.py": """
        import os
        from pathlib import Path

        import stand_ins
        from faults import Faults

        stand_ins.install()
        if os.environ.get("FAULT") and os.environ.get("PYTEST_XDIST_WORKER") == "gw0":
            Faults(Path(__file__).parent, os.environ["FAULT"], int(os.environ["FAULT_AT"])).install()
    """,
    "tests/test_a.py": '''
        """
        >>> 1 + 1
        2
        """
        import os

        import pytest
        from stand_ins import net

        if "SKIP" in os.environ:
            pytest.importorskip("a_module_that_is_not_there")
        if "SKIP_ALL" in os.environ:
            pytest.skip("planted", allow_module_level=True)

        MARK = os.environ["MARK"]

        def test_first(nnviz_snapshot):
            nnviz_snapshot(net(MARK))

        def test_kinds(nnviz_snapshot, nnviz_summary, nnviz_filters):
            nnviz_summary(net(MARK), 1)
            nnviz_filters(net(MARK))
            nnviz_snapshot(net(MARK))
            nnviz_snapshot.using(name="named")(net(MARK))

        if "REMOVED" not in os.environ:
            @pytest.mark.parametrize("p", ["x", "y"])
            @pytest.mark.slow
            def test_some(p, nnviz_snapshot):
                nnviz_snapshot.using(images="svg png")(net(MARK + p))
    ''',
    "tests/test_b.py": '''
        import os
        import unittest

        from stand_ins import net

        if "BROKEN" in os.environ:
            raise ImportError("planted")

        class TestGroup:
            def test_in_class(self, nnviz_snapshot):
                """
                >>> 1
                1
                """
                nnviz_snapshot(net(os.environ["MARK"]))

        def test_filters(nnviz_filters):
            nnviz_filters(net(os.environ["MARK"]))
    ''',
}


@dataclass(frozen=True)
class Shelf:
    """A folder for projects, with the files of one that recorded the old model, and of one that recorded the new one.

    Attributes:
        root: the folder.
        old: what the files of snapshots are before.
        new: what they are after an update that nothing disturbs.
    """

    root: Path
    old: Files = field(default_factory=dict)
    new: Files = field(default_factory=dict)

    @classmethod
    def at(cls, root: Path) -> Shelf:
        """Record both."""
        found = []
        for env in (OLD, NEW):
            write(root / env["MARK"], PROJECT)
            ended = run_pytest(root / env["MARK"], ["--snapshot-update"], env)
            assert ended.status == 0, ended.out
            found.append(files_of(root / env["MARK"]))
        assert found[0].keys() == found[1].keys()
        assert all(found[0][name] != found[1][name] for name in found[0] if name.endswith(_KINDS))
        return cls(root, *found)

    def project(self, name: str, recorded: str = "old") -> Path:
        """A project as it was recorded, or with nothing recorded, ``""``."""
        where = self.root / f"project-{name}"
        shutil.rmtree(where, ignore_errors=True)
        if recorded:
            shutil.copytree(self.root / recorded, where, symlinks=True)
        else:
            write(where, PROJECT)
        return where

    def complaints(self, before: Files, after: Files, *, gone: Iterable[str] = ()) -> list[str]:
        """What was lost: each file is the old or the new one, whole, and those of texts are there."""
        return lost(before, self.new, after, gone=gone)

    def heals(self, where: Path) -> list[str]:
        """What is wrong once an update, which nothing disturbs, and a check have followed."""
        ended = run_pytest(where, ["--snapshot-update"], NEW)
        found = [] if ended.status == 0 else [f"an update afterwards ends with {ended.status}: {ended.out[-2000:]}"]
        after = files_of(where)
        found += [f"{name} is not the new one" for name in self.new if after.get(name) != self.new[name]]
        found += [f"{name} is new to an update" for name in after if name not in self.new and not _is_hidden(name)]
        ended = run_pytest(where, [], NEW)
        if ended.status or "unused" in ended.out:
            found.append(f"a check afterwards ends with {ended.status}: {ended.out[-2000:]}")
        return found


def lost(before: Files, new: Files, after: Files, *, gone: Iterable[str] = ()) -> list[str]:
    """What is missing, or is neither the old nor the new one; ``gone`` names what a run may delete."""
    found = []
    for name, data in before.items():
        if name.endswith(_KINDS) and name not in after and name not in gone:
            found.append(f"{name} is lost")
        elif name in after and after[name] not in (data, new.get(name)):
            found.append(f"{name} is neither old nor new: {after[name][:200]!r}")
    for name in after.keys() - before.keys():
        if not _is_hidden(name) and after[name] != new.get(name):
            found.append(f"{name} came, and is not the new one: {after[name][:200]!r}")
    return found


def files_of(where: Path) -> dict[str, bytes]:
    """All files among the snapshots, by their path."""
    found = sorted(path for path in where.rglob("*") if "__nnviz__" in path.parts)
    return {str(path.relative_to(where)): path.read_bytes() for path in found if path.is_file()}


def write(where: Path, sources: Mapping[str, str]) -> None:
    """Write the files of a project."""
    for name, source in sources.items():
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(source), encoding="utf-8")


def _is_hidden(name: str) -> bool:
    """Whether a file is one that a run was killed over."""
    return Path(name).name.startswith(".")
