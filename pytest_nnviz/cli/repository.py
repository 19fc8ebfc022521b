"""What the command line reads from git: revisions, trees and files, without touching the work tree."""

from __future__ import annotations

import io
import os
import stat
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pytest_nnviz.errors import SourceError
from pytest_nnviz.shell import program

__all__ = ["Repository"]

_FILES = ("100644", "100755")


class Repository:
    """The git repository around the current folder, bare or not; only commands that write nothing, the index neither,
    are run.

    Raises:
        SourceError: there is none, or git is not installed.
    """

    def __init__(self) -> None:
        inside = self._asked("rev-parse", "--is-inside-work-tree") == "true"
        place = "--show-toplevel" if inside else "--absolute-git-dir"
        self.root = Path(self._said("rev-parse", place, otherwise="not in a repository"))
        self._has_files = inside

    def commit(self, revision: str) -> str:
        """The hash of a commit.

        Raises:
            SourceError: there is no such revision here.
        """
        found = self._asked("rev-parse", "--verify", "--quiet", f"{_checked(revision)}^{{commit}}")
        if found is None:
            why = self._why_not() or "; git branch --all lists the branches that are here"
            raise SourceError(f"no revision {revision!r} in {self.root}{why}")
        return found

    def merge_base(self, one: str, other: str) -> str:
        """The commit from which two went apart.

        Raises:
            SourceError: they have none in common here.
        """
        found = self._asked("merge-base", self.commit(one), self.commit(other))
        if found is None:
            raise SourceError(
                f"{one!r} and {other!r} have no commit in common{self._why_not()}; "
                "--direct compares the two revisions themselves"
            )
        return found.split("\n")[0]

    def file(self, spec: str) -> bytes:
        """What stands at ``REV:PATH``; an empty ``REV`` is the index, a path from ``./`` starts at the current folder.

        Raises:
            SourceError: there is no such revision, or no such file in it.
        """
        revision, _, path = spec.partition(":")
        found = self._asked("rev-parse", "--verify", "--quiet", _checked(spec))
        if found is None:
            if not revision and self._asked("ls-files", "--unmerged", "--", path):
                raise SourceError(f"{path!r} is in conflict: :2:{path} is ours, :3:{path} is theirs")
            where = f"revision {self.commit(revision)[:10]} ({revision})" if revision else "the index"
            raise SourceError(
                f"no file {path!r} in {where}: paths start at the root of the repository, with ./ at the current folder"
            )
        if self._said("cat-file", "-t", found) != "blob":
            raise SourceError(f"{spec} is a folder: give one of the snapshots in it")
        return self._run("cat-file", "blob", found).stdout

    def small_file(self, spec: str, most: int) -> bytes | None:
        """What stands at ``REV:PATH``; None where no file does, or one of more than ``most`` bytes."""
        if "\n" in spec:
            return None
        said = self._run("cat-file", "--batch-check", given=f"{spec}\n".encode("utf-8", "surrogateescape")).stdout
        name, kind, size = [*said.split(), b"", b""][:3]  # "HASH blob SIZE", or "SPEC missing"
        if kind != b"blob" or not size.isdigit() or int(size) > most:
            return None
        return self._run("cat-file", "blob", name.decode()).stdout

    def blobs(self, names: Iterable[str]) -> dict[str, bytes | None]:
        """Files by their hashes, read by one process; None for one that is not here."""
        asked = list(dict.fromkeys(names))
        answer = io.BytesIO(
            self._run("cat-file", "--batch", given="".join(f"{name}\n" for name in asked).encode()).stdout
        )
        found: dict[str, bytes | None] = {}
        for name in asked:
            _, kind, *size = answer.readline().split()  # "HASH blob SIZE", or "HASH missing"
            found[name] = answer.read(int(size[0])) if kind == b"blob" else None
            answer.read(1 if kind == b"blob" else 0)
        return found

    def small_blobs(self, names: Iterable[str], most: int) -> dict[str, bytes | None]:
        """As `blobs`, without those of more than ``most`` bytes."""
        asked = "".join(f"{name}\n" for name in dict.fromkeys(names)).encode()
        said = self._run("cat-file", "--batch-check=%(objectname) %(objectsize)", given=asked).stdout.decode()
        pairs = [line.split() for line in said.splitlines()]
        return self.blobs(name for name, size in pairs if size.isdigit() and int(size) <= most)

    def tree(self, revision: str) -> Iterator[tuple[str, str]]:
        """(path from the root, hash) of every file of a commit."""
        listed = self._run("ls-tree", "-r", "-z", "--full-tree", self.commit(revision)).stdout
        for line in filter(None, listed.split(b"\0")):
            facts, _, path = line.partition(b"\t")
            mode, _, name = facts.decode().split(" ")
            if mode in _FILES:
                yield os.fsdecode(path), name

    def work_tree(self, patterns: Sequence[str]) -> dict[str, str]:
        """Path from the root -> hash that it would have in a commit, of the files that match a pattern of git and are
        not ignored, new ones included; no hash for one that cannot be read. What a sparse checkout leaves out is as the
        index has it.

        Raises:
            SourceError: there is no work tree.
        """
        if not self._has_files:
            raise SourceError(f"no work tree in {self.root}: name the other revision too, BASE HEAD")
        listed = self._in_root("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns)
        paths = sorted({path for path in map(os.fsdecode, listed.split(b"\0")) if path and self._is_file(path)})
        read = self._hashes([path for path in paths if os.access(self.root / path, os.R_OK)])
        return dict(self._left_out(patterns)) | dict.fromkeys(paths, "") | read

    def _left_out(self, patterns: Sequence[str]) -> Iterator[tuple[str, str]]:
        """(path, hash) of the files that are in the index and, by a sparse checkout, not in the work tree."""
        for line in self._in_root("ls-files", "-z", "-t", "--stage", "--", *patterns).split(b"\0"):
            facts, _, path = line.partition(b"\t")
            tag, mode, name, *_ = [*facts.decode().split(" "), "", "", ""]
            if tag == "S" and mode in _FILES and not os.path.lexists(self.root / os.fsdecode(path)):
                yield os.fsdecode(path), name

    def _is_file(self, path: str) -> bool:
        """Whether git takes what is there now for a file: no folder, link or pipe."""
        try:
            return stat.S_ISREG((self.root / path).lstat().st_mode)
        except OSError:
            return False

    def _hashes(self, paths: list[str]) -> dict[str, str]:
        listed, others = ([path for path in paths if ("\n" in path) is split] for split in (False, True))
        given = b"".join(os.fsencode(path) + b"\n" for path in listed)
        names = self._in_root("hash-object", "--stdin-paths", given=given).decode().split()
        names += [self._in_root("hash-object", "--", path).decode().strip() for path in others]
        return dict(zip([*listed, *others], names, strict=True))

    def _why_not(self) -> str:
        """What to do where only a part of the history is here."""
        if self._asked("rev-parse", "--is-shallow-repository") != "true":
            return ""
        return ", which is a shallow clone: git fetch --unshallow, or fetch-depth: 0 of actions/checkout"

    def _in_root(self, *command: str, given: bytes = b"") -> bytes:
        return self._run("-C", str(self.root), *command, given=given).stdout

    def _asked(self, *command: str) -> str | None:
        """The answer of git, None where it has none."""
        done = self._run(*command, check=False)
        return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else None

    def _said(self, *command: str, otherwise: str = "") -> str:
        done = self._run(*command, check=False)
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")
            raise SourceError(f"git: {otherwise or said}" + (f" ({said})" if otherwise else ""))
        return os.fsdecode(done.stdout).strip("\n")

    def _run(self, *command: str, given: bytes = b"", check: bool = True) -> subprocess.CompletedProcess[bytes]:
        git = program("git")
        if git is None:
            raise SourceError("git is not installed, or not on the PATH")
        done = subprocess.run([git, *command], input=given, capture_output=True, check=False)
        if check and done.returncode:
            raise SourceError(f"git {' '.join(command[:3])}: {done.stderr.decode('utf-8', 'replace').strip()}")
        return done


def _checked(revision: str) -> str:
    """A revision that git cannot take for an option."""
    if revision.startswith("-") or "\0" in revision or not revision:
        raise SourceError(f"{revision!r} is no revision")
    return revision
