"""The readers under atheris, which looks for inputs that reach new lines: ``python tests/trust/guided.py SECONDS``.

Its own processes: what is read is instrumented as it is imported. What it keeps lies in a folder of its own; inputs
that break something are printed, and make it end with 1.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

__all__ = ["fuzzed", "run"]

_SUFFIXES = ("nnviz", "nnsummary", "nnfilters")
_MOST = 20
_FOUND = "found: "


def run(seconds: int) -> tuple[int, list[str]]:
    """Fuzz each of the three readers for its share of the seconds; how many inputs, and what went wrong."""
    inputs, said = 0, []
    for suffix in _SUFFIXES:
        with tempfile.TemporaryDirectory(prefix="nnviz-atheris-") as folder:
            more, wrong = fuzzed([sys.executable, __file__, suffix, folder], seconds // len(_SUFFIXES))
        inputs, said = inputs + more, said + wrong
    return inputs, said


def fuzzed(command: list[str], seconds: float) -> tuple[int, list[str]]:
    """Run a fuzzer, and again for what is left of the time wherever it ends early: it has kept its inputs.

    Args:
        command: of the fuzzer, to which the seconds are added.
        seconds: for all of its runs.

    Returns:
        How many inputs were tried, and what was found, each kind once: at most 20 of them, which end it.
    """
    inputs, said, until = 0, dict[str, str](), time.monotonic() + max(1, seconds)
    while (left := round(until - time.monotonic())) > 0 and len(said) < _MOST:
        done = subprocess.run([*command, str(left)], capture_output=True, text=True, errors="replace", check=False)
        units = re.search(r"stat::number_of_executed_units: *(\d+)", done.stderr)
        inputs += int(units[1]) if units else 0
        found = [line for line in done.stderr.splitlines() if line.startswith(_FOUND)]
        for line in found:
            said.setdefault(_kind(line), line)
        if done.returncode or not units:
            said[f"end {len(said)}"] = f"ended with {done.returncode}: {done.stderr[-3000:]}"
    return inputs, list(said.values())


def _kind(line: str) -> str:
    """What was found, whatever the input and the numbers."""
    return re.sub(r"\d+", "", line.partition(": b")[0])


def _fuzz(suffix: str, folder: str, seconds: str) -> None:
    import atheris

    with atheris.instrument_imports(include=["pytest_nnviz"]):
        import fuzzing

        import pytest_nnviz.drift
        import pytest_nnviz.filterbanks.comparing
        import pytest_nnviz.filterbanks.reading
        import pytest_nnviz.summaries.drift
        import pytest_nnviz.summaries.reading
        import pytest_nnviz.textformat  # noqa: F401

    for number, seed in enumerate(fuzzing.seeds_of(suffix)):
        Path(folder, str(number)).write_bytes(seed)
    words = Path(folder, "words.dict")
    tokens = {token.encode("utf-8", "surrogatepass")[:60] for token in fuzzing.TOKENS}
    words.write_text("\n".join('"' + "".join(f"\\x{byte:02x}" for byte in token) + '"' for token in sorted(tokens)))

    def one(data: bytes) -> None:
        found = fuzzing.complaint(suffix, data)
        if found:
            print(f"{_FOUND}{suffix}: {found!r}: {data!r}", file=sys.stderr, flush=True)

    options = [
        f"-max_total_time={seconds}",
        "-max_len=8000",
        "-timeout=30",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]
    atheris.Setup(
        [sys.argv[0], folder, f"-dict={words}", f"-artifact_prefix={tempfile.gettempdir()}/nnviz-", *options], one
    )
    atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        _fuzz(*sys.argv[1:4])
    else:
        tried, wrong = run(int(sys.argv[1]))
        print(f"inputs: {tried:,}", *wrong, sep="\n")
        sys.exit(bool(wrong))
