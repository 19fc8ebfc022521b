"""Inputs that grow: the time of a reader, and its memory, grow with them and not with their square."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from fuzzing import TARGETS

from pytest_nnviz.filterbanks.writing import NOTICE as filters_notice
from pytest_nnviz.summaries.table import NOTICE as table_notice

__all__ = ["GROWING", "complaints", "growth", "memory"]

_MOST_GROWTH = 3.0  # 8 would be the square
_MOST_MEMORY = 500  # bytes

_HEAD = (
    "nnviz 1\nThis file pins the architecture of a model. Made by pytest --snapshot-update; review it like code.\n\n"
)
_SUMMARY = (
    "[summary]\nmodel: Net\nmode: eval\nparameters: {count}\ntrainable: {count}\nbuffers: 0\n\n[modules]\nNet()\n"
)
_END = "\n[end]\n"


def _modules(lines: str, count: int = 0) -> str:
    return _HEAD + _SUMMARY.format(count=f"{count:,}") + lines + _END


def _graph(lines: str, modules: str = "") -> str:
    return _modules(f"{modules}\n[graph]\ninput x: f32[1]\n{lines}return x\n")


GROWING: dict[str, tuple[str, Callable[[int], str]]] = {
    "children": ("nnviz", lambda n: _modules("".join(f"  m{i}: Linear()\n" for i in range(n)))),
    "parameters": ("nnviz", lambda n: _modules("".join(f"  p{i} f32[1]\n" for i in range(n)), n)),
    "ties": ("nnviz", lambda n: _modules("  p f32[1]\n" + "".join(f"  p{i} = p\n" for i in range(n)), 1)),
    "calls": ("nnviz", lambda n: _graph("relu(x) -> f32[1]\n" * n)),
    "calls counted back": ("nnviz", lambda n: _graph("relu(x)\n" + "".join(f"relu(%relu~{i})\n" for i in range(n)))),
    "a call and uses of what is in it": (
        "nnviz",
        lambda n: _graph(
            "new A()(x) -> f32[1]\n" + "".join(f"  f{i}(^x)\n" for i in range(n)) + "  return None\n" + "g(%A%f0)\n" * n
        ),
    ),
    "same as, in a row": (
        "nnviz",
        lambda n: _modules("  a: A()\n    b: B()\n" + "".join(f"  a{i}: same as a\n" for i in range(n))),
    ),
    "same as, of calls": (
        "nnviz",
        lambda n: _graph("new A()(x) -> f32[1]\n  f(^x)\n  return None\n" + "new A()(x) same as %A\n" * n),
    ),
    "a long list": ("nnviz", lambda n: _graph(f"f([{', '.join(['1'] * n)}])\n")),
    "a long name": ("nnviz", lambda n: _modules(f"  `{'a' * n}!`: Linear()\n")),
    "a name of escapes": ("nnviz", lambda n: _modules("  `" + "\\u00e9" * n + "`: Linear()\n")),
    "a long path": ("nnviz", lambda n: _graph(f"{'.'.join(['a'] * n)}(x)\n")),
    "carets": ("nnviz", lambda n: _graph(f"f({'^' * n}x)\n")),
    "unfinished quotes": ("nnviz", lambda n: _graph('f("' + '\\"' * n + ")\n")),
    "unfinished brackets": ("nnviz", lambda n: _graph("f(" + "a(" * n + "\n")),
    "unfinished names": ("nnviz", lambda n: _graph("f(" + "`" * n + ")\n")),
    "a number of digits": ("nnviz", lambda n: _graph(f"f(x[{'9' * n}])\n")),
    "comments": ("nnviz", lambda n: _modules("") + "# recorded with torch 2\n" * n),
    "after": ("nnviz", lambda n: _graph("f(x)\n" * n + "g(%f after %f)\n" * n)),
    "filters, lines": ("nnfilters", lambda n: _bank(n)),
    "filters, numbers": ("nnfilters", lambda n: _bank(1).replace("norm 1", f"norm {'1' * n}")),
    "filters, a path": ("nnfilters", lambda n: _bank(1).replace("[layer] a", "[layer] " + ".".join(["a"] * n))),
    "filters, unfinished": ("nnfilters", lambda n: _bank(1).replace("[layer] a", "[layer] `" + "\\" * n)),
    "a table, rows": ("nnsummary", lambda n: _table("├─Linear (a)\n" * n)),
    "a table, a title": ("nnsummary", lambda n: _table(f"├─{'a' * n}\n")),
    "a table, bars": ("nnsummary", lambda n: _table("│    " * n + "\n")),
    "a table, a wide one": ("nnsummary", lambda n: _table("├─Linear (a)\n", width=n)),
    "a table, unfinished names": ("nnsummary", lambda n: _table("├─" + "`" * n + "\n")),
    "a table, a total": ("nnsummary", lambda n: _table("").replace("params: 0", "params: " + "1," * n)),
}
"""What grows, of a text of which kind."""


def _bank(count: int) -> str:
    numbers = "norm 1, mean 1, std 0, min 1, max 1, projection 1, digest 0123456789ab"
    lines = "".join(f"{i}: {numbers}\n" for i in range(count))
    return (
        f"nnviz-filters 1\n{filters_notice}\n\n[summary]\nmodel: Net\nlayers: 1\n"
        f"filters: {count:,}\nweights: {count:,}\n\n[layer] a\n"
        f"class: Conv2d\nweight: f32[{count}, 1, 1, 1]\nfilters: {count:,} of [1, 1, 1], 0 dead, 0 nan, 0 inf\n"
        f"drawn: 0 filters, 0 channels, first, scale layer\nall: {numbers}\n{lines}\n[end]\n"
    )


def _table(rows: str, width: int = 40) -> str:
    line = "=" * max(width, 21)
    return (
        f"nnviz-summary 1\n{table_notice}\n\nmode: eval\ndepth: 9\n"
        f"col_names: none\nrow_settings: var_names\n\n{line}\nLayer (type (var_name))\n"
        f"{line}\nNet (Net)\n{rows}{line}\nTotal params: 0\nTrainable params: 0\nNon-trainable params: 0\n{line}\n"
        "\n[end]\n"
    )


def growth(name: str, size: int = 400, times: int = 8) -> float:
    """By how much more than ``times`` the time grows as an input does; the best of some tries, without noise near 1."""
    suffix, made = GROWING[name]
    small, large = made(size).encode(), made(size * times).encode()
    return min(_seconds(suffix, large) / max(_seconds(suffix, small), 2e-4) for _ in range(3)) / times


def memory(name: str, size: int = 1000) -> float:
    """The bytes that a reader holds at once, for each byte of an input."""
    suffix, made = GROWING[name]
    data = made(size).encode()
    tracemalloc.start()
    _read(suffix, data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / len(data)


def _seconds(suffix: str, data: bytes) -> float:
    start = time.process_time()
    _read(suffix, data)
    return time.process_time() - start


def _read(suffix: str, data: bytes) -> None:
    from pytest_nnviz.errors import TextError

    with suppress(TextError):
        TARGETS[suffix](data)


def complaints(names: Iterable[str] = GROWING) -> list[str]:
    """Which of the inputs take more than their share: of time as they grow, of memory for their size."""
    return [f"{name}: {what}" for name in names for what in _complaint(name)]


def _complaint(name: str) -> Iterator[str]:
    if growth(name) > _MOST_GROWTH:
        yield f"takes {growth(name):.1f} times its share of time"
    if memory(name) > _MOST_MEMORY:
        yield f"takes {memory(name):,.0f} bytes for each of its own"
