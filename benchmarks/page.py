"""The page of performance in the docs: tables that benchmarks write, each between two marks, with what it ran on."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

__all__ = ["PAGE", "put", "ran_on", "ratio", "table"]

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


def put(name: str, lines: Iterable[str]) -> None:
    """Replace what stands between the marks of a name, and print it.

    Raises:
        ValueError: the page has no such marks.
    """
    text = PAGE.read_text(encoding="utf-8")
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{PAGE} has no {begin.strip()} and {end}: put them where the table is to stand")
    body = "\n".join(lines)
    print(body)
    PAGE.write_text(f"{before}{begin}{body}\n{end}{after}", encoding="utf-8")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown: the first column is text, the others are numbers."""
    lines = [" | ".join(cells) for cells in (head, ["---", *["---:"] * (len(head) - 1)], *rows)]
    return [f"| {line} |" for line in lines]


def ratio(value: float) -> str:
    """A ratio with three digits that count."""
    return f"{value:.2f}" if value < 9.95 else f"{value:.1f}" if value < 99.5 else f"{value:,.0f}"


def ran_on(command: str, *packages: str) -> str:
    """The line below a table: the command, the machine in words, versions, the date."""
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    versions = [f"{package} {version(package).partition('+')[0]}" for package in packages]
    where = [_machine(), platform.system(), f"Python {platform.python_version()}", *versions]
    return f"`{command}` on {', '.join(where)}; {day}."


def _machine() -> str:
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")]
    name = names[0] if names else platform.machine()
    count, load = os.cpu_count() or 1, os.getloadavg()[1]
    shared = f", shared with other work (load {load:.0f})" if load > count else ""
    return f"{count} processors ({name}), one thread{shared}"
