"""How long a review takes of 120 snapshots of models that share a block, which is another one in all of them.

    python benchmarks/review.py [COUNT]

Prints the table of ``docs/performance.md`` and writes it there: seconds, those of processors beside them, the size of
the page, and how often the cause is said. Runs from a checkout; recording needs torch, the review is a process of its
own that does not.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from command_line import commit, git
from page import put, ran_on, table
from recorded import zoo

_WHO = {f"GIT_{who}_{what}": f"{who}@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def main(count: int) -> None:
    """Record two commits, review one against the other."""
    os.environ.update(_WHO)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        git("init", "-q", "-b", "main")
        for kernel in (3, 5):
            zoo(Path(folder), count, kernel)
            commit(f"kernel {kernel}")
        command = [sys.executable, "-m", "pytest_nnviz", "review", "HEAD~1", "HEAD", "--report", "out"]
        before, start = _used(), perf_counter()
        out = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        seconds = perf_counter() - start
        used = _used() - before
        page = Path("out/index.html").stat().st_size
        causes = out.count("breaks checkpoints: ") + out.count("summary drifted: ")
        head = ["snapshots", "seconds", "seconds of processors", "MB of the page", "causes that are told"]
        row = [f"{count:,}", f"{seconds:.1f}", f"{used:.1f}", f"{page / 1e6:.1f}", f"{causes}"]
        put("review", [*table(head, [row]), "", ran_on(" ".join(["python benchmarks/review.py", *sys.argv[1:]]))])


def _used() -> float:
    """Seconds of processors that processes of ours have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 120)
