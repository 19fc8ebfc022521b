"""With the wheel installed: pytest finds the plugin; one-line tests of all fixtures record, pass and fail on drift."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

TEST = """
import torch

def test_arch(nnviz_snapshot):
    nnviz_snapshot(torch.nn.Sequential(torch.nn.Linear(4, WIDTH), torch.nn.ReLU()), torch.zeros(1, 4))

def test_table(nnviz_summary):
    nnviz_summary(torch.nn.Sequential(torch.nn.Linear(4, WIDTH), torch.nn.ReLU()), torch.zeros(1, 4))

def test_filters(nnviz_filters):
    torch.manual_seed(WIDTH)
    nnviz_filters(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3)))
"""


def run(folder: Path, expected: int, words: str, *arguments: str) -> None:
    """Run pytest; its exit code and its output must be as expected."""
    command = [sys.executable, "-m", "pytest", *arguments]
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(command, cwd=folder, **both, encoding="utf-8", errors="replace", check=False)
    print(done.stdout)
    if done.returncode != expected or not re.search(words, done.stdout):
        sys.exit(f"pytest {' '.join(arguments)}: exit code {done.returncode} instead of {expected}, or no {words!r}")


with tempfile.TemporaryDirectory() as temporary:
    folder = Path(temporary)
    test = folder / "test_one_line.py"
    test.write_text(TEST.replace("WIDTH", "8"), encoding="utf-8")
    run(folder, 0, r"plugins: .*nnviz", "--co")
    run(folder, 1, "no snapshot", "-q")
    run(folder, 0, "recorded", "--snapshot-update")
    run(folder, 0, "3 passed")
    test.write_text(TEST.replace("WIDTH", "9"), encoding="utf-8")
    run(folder, 1, r"out_features 8 -> 9")
    if subprocess.run(["pytest-nnviz", "show", *folder.glob("__nnviz__/**/*.nnviz")], check=False).returncode:
        sys.exit("no command pytest-nnviz")
    for name in ("index.html", "summary.md", "**/diff.svg", "**/diff.0.png"):
        if not list(folder.glob(f"nnviz-artifacts/{name}")):
            sys.exit(f"no {name} of the drift")
