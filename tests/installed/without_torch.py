"""Without torch: every stored text is shown, compared and reviewed, and a fixture says what is missing."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pytest_nnviz import loads

FORMATS = Path(__file__).parents[1] / "formats"
TEST = "def test_arch(nnviz_snapshot):\n    nnviz_snapshot(None)\n"


def run(folder: Path, *command: object, expected: int = 0, words: str = "") -> str:
    """Run a command; its exit code and its output must be as expected."""
    done = subprocess.run(
        [str(each) for each in command], cwd=folder, capture_output=True, encoding="utf-8", check=False
    )
    said = done.stdout + done.stderr
    if done.returncode != expected or words not in said:
        sys.exit(f"{command}: exit code {done.returncode} instead of {expected}, or no {words!r} in\n{said}")
    return said


def commit(folder: Path) -> None:
    """Commit all that is there."""
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    run(folder, "git", "add", "-A")
    run(folder, "git", *who, "commit", "-qm", "all")


def check(folder: Path) -> None:
    """Read and compare all stored texts, from files and from git."""
    stored = folder / "__nnviz__" / "formats"
    shutil.copytree(FORMATS, stored)
    run(folder, "git", "init", "-q")
    commit(folder)
    texts = sorted(path for path in stored.rglob("*.nn*"))
    for path in texts:
        run(folder, "pytest-nnviz", "show", path)
        run(folder, "pytest-nnviz", "diff", path, path)
        run(folder, "pytest-nnviz", "diff", os.devnull, path, expected=1)
    first, second, *_ = [path for path in texts if path.suffix == ".nnviz"]
    print(f"{len(texts)} texts, {loads(first.read_text(encoding='utf-8')).total_parameters:,} parameters in the first")
    shutil.copy(second, first)
    run(folder, "pytest-nnviz", "review", "HEAD", "--report", "review", expected=0, words=first.stem)
    run(folder, "pytest-nnviz", "review", "HEAD", "--fail-on", "drift", expected=1)
    if not list(folder.glob("review/**/diff.svg")):
        sys.exit("no picture of what changed")


if importlib.util.find_spec("torch"):
    sys.exit("torch is installed here")
with tempfile.TemporaryDirectory() as temporary:
    check(Path(temporary))
    Path(temporary, "test_arch.py").write_text(TEST, encoding="utf-8")
    print(run(Path(temporary), sys.executable, "-m", "pytest", expected=1, words="pip install"))
