"""The readers under atheris, which looks for inputs that reach new lines: ``python tests/trust/guided.py SECONDS``.

Its own process: what is read is instrumented as it is imported. What it keeps lies in a folder of its own; inputs that
break something are printed, and make it end with 1.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = ["run"]

_SUFFIXES = ("nnviz", "nnsummary", "nnfilters")


def run(seconds: int) -> tuple[int, str]:
    """Fuzz each of the three readers for its share of the seconds; how many inputs, and what went wrong."""
    inputs, said = 0, ""
    for suffix in _SUFFIXES:
        with tempfile.TemporaryDirectory(prefix="nnviz-atheris-") as folder:
            command = [sys.executable, __file__, suffix, str(max(1, seconds // len(_SUFFIXES))), folder]
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        found = re.search(r"stat::number_of_executed_units: *(\d+)", done.stderr)
        inputs += int(found[1]) if found else 0
        said += done.stderr[-3000:] if done.returncode or not found else ""
    return inputs, said


def _fuzz(suffix: str, seconds: str, folder: str) -> None:
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
            raise AssertionError(f"{suffix}: {found}: {data!r}")

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
        print(*run(int(sys.argv[1])))
