"""All figures of trust, by one command: ``tox run -e trust``, or ``python tests/trust/figures.py``.

Ends with 1 if anything was lost, judged falsely, or left a door open, and says what.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

__all__ = ["PARTS", "main"]

Figures = tuple[dict[str, int], list[str]]


def _storage(share: float, seconds: int) -> Figures:
    import storage

    found = storage.run(share, told="-v" in sys.argv)
    figures = {
        "scenarios": found.known,
        "scenarios run": found.scenarios,
        "faults injected": found.faults,
        "lost": len(found.complaints),
    }
    return figures, found.complaints


def _verdicts(share: float, seconds: int) -> Figures:
    import verdicts

    found = verdicts.run(round(1 / share))
    figures = {
        "damaged texts judged": found.texts,
        "of them as they were but for line ends and comments or within the tolerance": found.same,
        "false verdicts": len(found.complaints),
    }
    return figures, found.complaints


def _fuzz(share: float, seconds: int) -> Figures:
    import fuzzing

    found = fuzzing.run(seconds=seconds / 2)
    inputs, said = found.inputs, [f"{what}: {data!r:.2000}" for what, data in found.complaints]
    if importlib.util.find_spec("atheris") is not None:
        import guided

        more, wrong = guided.run(seconds // 2)
        inputs, said = inputs + more, said + wrong
    return {"inputs fuzzed": inputs, "errors that are not ours": len(said)}, said


def _scaling(share: float, seconds: int) -> Figures:
    import scaling

    said = scaling.complaints(list(scaling.GROWING)[:: round(1 / share)])
    return {"shapes of input grown": len(scaling.GROWING), "that grow faster than they should": len(said)}, said


def _doors(share: float, seconds: int) -> Figures:
    with tempfile.TemporaryDirectory(prefix="nnviz-trust-") as folder:
        names = str(max(2, round(share * 20)))
        command = [sys.executable, str(Path(__file__).with_name("doors.py")), f"{folder}/project", names]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return {}, [done.stderr[-3000:]]
    figures, said = json.loads(done.stdout)
    return figures, said


PARTS: dict[str, Callable[[float, int], Figures]] = {
    "storage": _storage,
    "verdicts": _verdicts,
    "fuzz": _fuzz,
    "scaling": _scaling,
    "doors": _doors,
}
"""What is tried; each gives its figures, and what is wrong."""


def main(arguments: list[str]) -> int:
    """Try the parts that are asked for, and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; all of them without any")
    parser.add_argument(
        "--share", type=float, default=1.0, help="of the scenarios and damaged texts; 0.1 is one of ten"
    )
    parser.add_argument(
        "--seconds", type=int, default=1200, help="of fuzzing; atheris has half of them where it is there"
    )
    parser.add_argument("-v", action="store_true", help="print each scenario with its seconds")
    asked = parser.parse_args(arguments)
    wrong: Counter[str] = Counter()
    for part in asked.parts or PARTS:
        start = time.monotonic()
        figures, said = PARTS[part](asked.share, asked.seconds)
        told = ", ".join(f"{name}: {figure:,}" for name, figure in figures.items())
        print(f"{part}: {told} ({time.monotonic() - start:.0f} s)", flush=True)
        print(*(f"  {each}" for each in said), sep="\n", end="\n" if said else "")
        wrong[part] += len(said)
    return int(any(wrong.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
