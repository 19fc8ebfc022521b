"""How long a drift takes, its words, its verdict on checkpoints: graphs of 1,000 and of 10,000 calls and edited copies.

    python benchmarks/diff.py

Prints the table of ``docs/performance.md`` and writes it there: seconds of the larger size, and their ratio to those of
the smaller, which is 10 where the time is linear in the size. Runs from a checkout; needs no torch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from made_up import call, config, linear, model, norm, result, run, x

from pytest_nnviz.architecture import Architecture, Body, Module
from pytest_nnviz.drift import checkpoint, diff
from pytest_nnviz.wording import words

__all__ = ["CASES", "seconds"]

Pair = tuple[Architecture, Architecture]


def chain(length: int, *, inserted: int = 0, edited: int = 0, dropped: int = 0, start: int = 0) -> Architecture:
    """Calls one after the other; every so many something is inserted, has another argument, or is missing."""
    names = ("conv", "bn", "relu", "add")
    calls, last = [], x()
    for index in range(length):
        if dropped and index % dropped == start:
            continue
        name = names[index % 4]
        dim = 2 if edited and index % edited == start else 1
        calls.append(call(name, last, *([x()] if name == "add" else []), dim=dim))
        last = result(name)
        if inserted and index % inserted == start:
            calls.append(call("mul", last, 2))
            last = result("mul")
    return model((), calls)


def others(length: int, salt: str) -> Architecture:
    """Calls of which none is in another such chain."""
    return model((), [call(f"f{i}{salt}", result(f"f{i - 1}{salt}") if i else x(), i) for i in range(length)])


def blocks(count: int, eps: Callable[[int], float], names: Callable[[int], str] = str) -> Architecture:
    """Blocks of four calls in a list."""
    body = Body(
        (run("fc", x()), call("relu", result("fc")), run("norm", result("relu")), call("add", result("norm"), x())),
        result("add"),
    )
    children = [
        (names(i), Module("Block", children=(("fc", linear()), ("norm", norm(eps=eps(i)))))) for i in range(count)
    ]
    calls = [run(f"l.{n}", x=result(f"l.{names(i - 1)}") if i else x(), body=body) for i, (n, _) in enumerate(children)]
    return model([("l", Module("ModuleList", config(), children=tuple(children)))], calls)


def without(count: int, place: int) -> Architecture:
    """Blocks that all differ, one of them missing."""
    return blocks(count - 1, lambda i: float(i + (i >= place)))


CASES: dict[str, Callable[[int], Pair]] = {
    "an equal copy": lambda n: (chain(n), chain(n)),
    "one call inserted": lambda n: (chain(n), chain(n, inserted=n, start=n // 2)),
    "one argument edited": lambda n: (chain(n), chain(n, edited=n, start=n // 2)),
    "one in 100 inserted": lambda n: (chain(n), chain(n, inserted=100)),
    "one in 100 edited": lambda n: (chain(n), chain(n, edited=100)),
    "one in 10 missing": lambda n: (chain(n), chain(n, dropped=10)),
    "all edited": lambda n: (chain(n), chain(n, edited=1)),
    "nothing in common": lambda n: (others(n, "a"), others(n, "b")),
    "one block missing of those that all differ": lambda n: (blocks(n // 5, float), without(n // 5, n // 10)),
    "all blocks edited": lambda n: (blocks(n // 5, lambda i: 1.0), blocks(n // 5, lambda i: 2.0)),
    "all blocks renamed": lambda n: (blocks(n // 5, float), blocks(n // 5, float, lambda i: f"b{i}")),
}


def seconds(case: str, size: int) -> dict[str, float]:
    """The least times of three runs of `diff`, of `words` and of `checkpoint`, without making the two sides."""
    old, new = CASES[case](size)
    drift = diff(old, new)
    works: dict[str, Callable[[], object]] = {
        "diff": lambda: diff(old, new),
        "words": lambda: words(drift),
        "checkpoint": lambda: checkpoint(drift),
    }
    return {name: min(_times(work)) for name, work in works.items()}


def _times(work: Callable[[], object]) -> Iterator[float]:
    for _ in range(3):
        started = process_time()
        work()
        yield process_time() - started


def _row(case: str) -> list[str]:
    small, large = seconds(case, 1_000), seconds(case, 10_000)
    return [case, *(text for name, took in large.items() for text in (f"{took:.3f}", f"{took / small[name]:.1f}"))]


if __name__ == "__main__":
    from page import put, ran_on, table

    works = ("diff", "words", "checkpoint")
    head = ["edit of 10,000 calls", *(text for work in works for text in (f"{work}, s", "over 1,000 calls"))]
    put("diff", [*table(head, map(_row, CASES)), "", ran_on("python benchmarks/diff.py")])
