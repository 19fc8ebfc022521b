"""What readers of stored files do with bytes that nobody wrote: an error of ours, or what reads back."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pytest_nnviz.errors import NNVizError, TextError

__all__ = ["CORPUS", "TARGETS", "TOKENS", "Fuzzed", "complaint", "mutated", "run", "seeds_of"]

CORPUS = Path(__file__).with_name("corpus")
_PINNED = CORPUS.parent.with_name("__nnviz__")
_LARGEST = 8_000  # bytes of a seed; larger ones say nothing new and take longer
_LONGEST = 200_000  # bytes of an input
_SLOW = 1.0  # seconds of the processor, for inputs of some KiB that take a hundredth of that


def _architecture(data: bytes) -> None:
    from pytest_nnviz.drift import diff
    from pytest_nnviz.textformat import dumps, loads, without_comments

    text = data.decode("utf-8", "replace")
    found = loads(text)
    again = dumps(found)
    assert without_comments(again).rstrip("\n") == without_comments(text).rstrip("\n"), "reads what it would not write"
    assert loads(again) == found, "does not read back"
    assert not diff(found, found), "differs from itself"


def _summary(data: bytes) -> None:
    from pytest_nnviz.summaries.drift import diff
    from pytest_nnviz.summaries.reading import loads

    found = loads(data.decode("utf-8", "replace"))
    assert not diff(found, found), "differs from itself"


def _filters(data: bytes) -> None:
    from pytest_nnviz.filterbanks.comparing import compare
    from pytest_nnviz.filterbanks.reading import loads
    from pytest_nnviz.filterbanks.writing import dumps

    found = loads(data.decode("utf-8", "replace"))
    assert loads(dumps(found)) == found, "does not read back"
    assert not compare(found, found), "differs from itself"


def _sheet(data: bytes) -> None:
    from pytest_nnviz.filterbanks.stored import sheet_in
    from pytest_nnviz.pictures.digest import digest_of_head

    digest_of_head(data)
    sheet_in(data)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "nnviz": _architecture,
    "nnsummary": _summary,
    "nnfilters": _filters,
    "png": _sheet,
}
"""What reads the files of each suffix."""


def complaint(suffix: str, data: bytes) -> str:
    """What is wrong with how some bytes are read; empty where they are refused as they should be, or read back."""
    start = time.process_time()
    try:
        TARGETS[suffix](data)
    except TextError as error:
        if error.line is not None and not 0 < error.line <= data.count(b"\n") + 1:
            return f"names line {error.line}, which is not there"
        if len(str(error)) > 2000:
            return f"an error of {len(str(error))} characters"
    except NNVizError as error:
        return f"{type(error).__name__}, which is no TextError: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:300]}"
    took = time.process_time() - start
    return f"takes {took:.1f} s for {len(data):,} bytes" if took > _SLOW * (1 + len(data) / 50_000) else ""


def seeds_of(suffix: str) -> list[bytes]:
    """What to start from: the corpus, and what tests have pinned of real models."""
    found = [*sorted(CORPUS.glob(f"*.{suffix}")), *sorted(_PINNED.rglob(f"*.{suffix}"))]
    return [path.read_bytes() for path in found if path.stat().st_size <= _LARGEST]


TOKENS = [
    *(
        "[end]",
        "[modules]",
        "[graph]",
        "[summary]",
        "same as ",
        "= ",
        "^",
        "%",
        "~1",
        "self",
        "self.",
        "const ",
        " -> ",
    ),
    *(
        "untracked ",
        "after ",
        "new ",
        "return ",
        "input ",
        "buffer ",
        ", frozen",
        ", not saved",
        "(",
        ")",
        "[",
        "]",
        "{",
    ),
    *("}", ",", ", ", ": ", "=", "`", '"', "\\", "\\u0000", "\n", "\n\n", "  ", "\t", "\r", "\0", "\ufeff", "\u2028"),
    *(
        "0",
        "-1",
        "1e999",
        "9" * 20,
        "9" * 5000,
        "inf",
        "-inf",
        "nan",
        "NaN",
        "None",
        "True",
        "?",
        "...",
        ":",
        "#",
        "# ",
    ),
    *(
        "│    ",
        "├─",
        "└─",
        "--",
        "(recursive)",
        "1,024",
        "1,02",
        "f32[1, 2]",
        "i64[]",
        "<",
        ">",
        "<<<<<<< ",
        "=======\n",
    ),
    *(
        "{0.__class__}",
        "{{7*7}}",
        "%s%n",
        "$(id)",
        "`id`",
        "../../x",
        "C:\\x",
        "\ud7ff",
        "e\u0301",
        "\U0010ffff",
        "digest ",
    ),
]


def mutated(numbers: random.Random, seeds: list[bytes]) -> bytes:
    """Some bytes like those of the seeds, changed in a few places by lines, by tokens, by numbers and by bytes."""
    data = numbers.choice(seeds)
    for _ in range(numbers.choice((1, 1, 2, 3, 5, 9))):
        data = numbers.choice(_CHANGES)(numbers, data, seeds)[:_LONGEST]  # each may make it many times as long
    return data


def _cut(numbers: random.Random, data: bytes, seeds: list[bytes]) -> bytes:
    one, other = sorted(numbers.randrange(len(data) + 1) for _ in range(2))
    return data[:one] + data[other:] if other - one < 300 else data[:one]


def _token(numbers: random.Random, data: bytes, seeds: list[bytes]) -> bytes:
    at = numbers.randrange(len(data) + 1)
    token = numbers.choice(TOKENS).encode("utf-8", "surrogatepass")
    return (
        data[:at] + token * numbers.choice((1, 1, 1, 2, 50, 1500)) + data[at + numbers.choice((0, 0, 1, len(token))) :]
    )


def _byte(numbers: random.Random, data: bytes, seeds: list[bytes]) -> bytes:
    at = numbers.randrange(len(data) + 1)
    return data[:at] + numbers.randbytes(1) + data[at + 1 :]


def _line(numbers: random.Random, data: bytes, seeds: list[bytes]) -> bytes:
    lines = data.split(b"\n")
    others = numbers.choice(seeds).split(b"\n")
    at, given = numbers.randrange(len(lines)), numbers.choice((lines, others))
    start = numbers.randrange(len(given))
    taken = given[start : start + numbers.choice((1, 1, 2, 5, 40))] * numbers.choice((1, 1, 1, 2, 30))
    indent = numbers.choice((b"", b"", b"  ", b"    "))
    lines[at : at + numbers.choice((0, 1))] = [indent + line for line in taken]
    return b"\n".join(lines)


def _number(numbers: random.Random, data: bytes, seeds: list[bytes]) -> bytes:
    places = [at for at in range(len(data)) if data[at : at + 1].isdigit()]
    if not places:
        return data
    at = numbers.choice(places)
    return data[:at] + str(numbers.choice((0, 1, 7, 2**31, 2**64, 10**30))).encode() + data[at + 1 :]


_CHANGES = (_cut, _token, _token, _byte, _line, _line, _number)


@dataclass
class Fuzzed:
    """What came of inputs: how many of each suffix, how many were read, what is wrong, with the input."""

    inputs: int = 0
    complaints: list[tuple[str, bytes]] = field(default_factory=list)


def inputs(suffix: str, seed: int) -> Iterator[bytes]:
    """Inputs of one kind without end, the same for a seed."""
    numbers, seeds = random.Random(f"{suffix} {seed}"), seeds_of(suffix)
    while True:
        yield mutated(numbers, seeds)


def run(seconds: float = 0.0, count: int = 0, seed: int = 0) -> Fuzzed:
    """Fuzz every reader, each for its share of the seconds, or with so many inputs."""
    fuzzed = Fuzzed()
    for suffix in TARGETS:
        until = time.monotonic() + seconds / len(TARGETS)
        for number, data in enumerate(inputs(suffix, seed)):
            if number >= count if count else time.monotonic() > until:
                break
            fuzzed.inputs += 1
            found = complaint(suffix, data)
            if found:
                fuzzed.complaints.append((f"{suffix}: {found}", data))
    return fuzzed


if __name__ == "__main__":
    found = run(float(sys.argv[1]), seed=int(sys.argv[2]))
    seen: dict[str, int] = {}
    for said, data in found.complaints:
        key = said[:60]
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= 2:
            print(said, json.dumps(data.decode("utf-8", "replace"))[:1500], sep="\n  ")
    print(found.inputs, len(found.complaints), seen)
