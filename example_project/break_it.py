"""Run the tests as they are, then on a copy with two planted edits; succeed if just those are caught."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ARTIFACTS = HERE / "nnviz-artifacts"
EDITS = {
    "zoo/resnet.py": [
        ("kernel_size=3, stride=stride, padding=1, bias=False", "kernel_size=5, stride=stride, padding=2, bias=False")
    ],
    "zoo/transformer.py": [("x = x + self.dropout(self.attention", "x = self.dropout(self.attention")],
}
EXPECTED = [
    "ArchitectureDrift",
    "kernel_size 3 -> 5",
    "padding 1 -> 2",
    "breaks checkpoints",
    "add(x, %dropout) gone",
    "2 failed, 2 passed",
]


def run(folder: Path) -> tuple[int, str]:
    """Run pytest in a folder; return its exit code and what it printed."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--nnviz-artifacts={ARTIFACTS}"]
    print(f"\n$ pytest --nnviz-artifacts={ARTIFACTS.name}    ({folder.name})", flush=True)
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(done.stdout, flush=True)
    return done.returncode, done.stdout


def plant(folder: Path) -> None:
    """Make the edits; each must change its file."""
    for name, edits in EDITS.items():
        path = folder / name
        text = path.read_text(encoding="utf-8")
        for old, new in edits:
            if old not in text:
                sys.exit(f"{name} has no {old!r} to edit")
            print(f"\nplanted in {name}:\n  - {old.strip()}\n  + {new.strip()}", flush=True)
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")


def main() -> None:
    """Green first, then red for the right reason."""
    code, _ = run(HERE)
    if code != 0:
        sys.exit("the tests should pass before the edits")
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary) / "with two planted edits"
        shutil.copytree(HERE, copy, ignore=shutil.ignore_patterns("nnviz-artifacts", "__pycache__"))
        plant(copy)
        code, output = run(copy)
    missing = [words for words in EXPECTED if words not in output]
    if code != 1 or missing:
        sys.exit(f"the edits should fail two tests with {missing or EXPECTED}; pytest ended with {code}")
    page = ARTIFACTS / "index.html"
    pictures = sorted(str(path) for path in ARTIFACTS.rglob("diff.svg"))
    if len(pictures) < 2 or not page.exists():
        sys.exit(f"no page, or no pictures of the drifts, under {ARTIFACTS}")
    print("Both edits were caught. The page and the pictures of what changed:", page, *pictures, sep="\n  ")


if __name__ == "__main__":
    main()
