"""Build sdist and wheel into a folder, and again from the sdist: the same bytes, and no file that git does not have."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
MADE_BY_THE_BUILD = {"PKG-INFO"}


def build(source: Path, target: Path) -> dict[str, bytes]:
    """What is built from a tree: the sdist from the tree, the wheel from the sdist."""
    subprocess.run([sys.executable, "-m", "build", "--outdir", target, source], check=True, stdout=subprocess.DEVNULL)
    return {path.name: path.read_bytes() for path in target.iterdir()}


def unpacked(sdist: Path, folder: Path) -> Path:
    """The tree that an sdist holds."""
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return folder / sdist.name.removesuffix(".tar.gz")


def foreign(tree: Path) -> set[str]:
    """Files of an sdist that are not committed."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout.decode()
    files = {path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()}
    return files - set(listed.split("\0")) - MADE_BY_THE_BUILD


def main(dist: Path) -> None:
    """Build, compare, and put what is built into a folder in place of what an earlier build left there."""
    with tempfile.TemporaryDirectory() as temporary:
        first = build(ROOT, Path(temporary, "first"))
        mask = os.umask(0o077)
        tree = unpacked(next(Path(temporary, "first").glob("*.tar.gz")), Path(temporary, "tree"))
        second = build(tree, Path(temporary, "second"))
        os.umask(mask)
        differing = sorted(name for name in first | second if first.get(name) != second.get(name))
        if differing or len(first) != 2:
            sys.exit(f"built twice, and not the same: {', '.join(differing) or sorted(first)}")
        if found := foreign(tree):
            sys.exit(f"the sdist has files that are not committed: {', '.join(sorted(found))}")
        dist.mkdir(exist_ok=True)
        for old in dist.glob("pytest_nnviz-*"):
            old.unlink()
        for name in first:
            shutil.copy(Path(temporary, "first", name), dist)
            print(f"{len(first[name]):,} bytes twice: {name}")


main(Path(sys.argv[1]))
