"""Every committed snapshot of one revision against those of another, as it is said, and what fails."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from typing import Any

from pytest_nnviz.cli.reviewing import Review, Reviewed, reviewed
from pytest_nnviz.cli.telling import tabled, words_of
from pytest_nnviz.cli.terminal import Terminal
from pytest_nnviz.drift.data import CONSEQUENCES
from pytest_nnviz.errors import OptionError, SourceError, suggest
from pytest_nnviz.gates import GATES
from pytest_nnviz.report.markdown import WIDTH, code

__all__ = ["FAIL_ON", "run_review"]

_CONSEQUENCES = dict(zip(("checkpoints", "function", "training"), CONSEQUENCES, strict=False))
FAIL_ON = (*_CONSEQUENCES, *GATES, "removed", "drift")


def run_review(options: Namespace, out: Terminal) -> int:
    """Print what changed; 1 if any of it is what ``--fail-on`` names, 2 if a snapshot cannot be read."""
    kinds = _kinds(options.fail_on)
    found = reviewed(options.base, options.head, direct=options.direct)
    failing = [each for each in found.snapshots if any(_is_of(each, kind) for kind in kinds)]
    if options.json:
        out.text(json.dumps(_data(found, failing), indent=2) + "\n")
    elif options.markdown:
        out.text(_markdown(found))
    else:
        _print(found, out)
    errors = [*found.errors, *_report(found, options)]
    if failing and not options.json and not options.markdown:
        out.title(f"fails (--fail-on {','.join(kinds)}): {', '.join(each.name for each in failing)}")
    if errors:
        raise SourceError("\n".join(errors))
    return int(bool(failing))


def _report(found: Review, options: Namespace) -> Iterator[str]:
    """Write the report that is asked for, say where it is; yield why there is none."""
    if options.report is None:
        return
    from pytest_nnviz.cli.reporting import write_review

    try:
        for line in write_review(found, options.report):
            print(line, file=sys.stderr if options.json or options.markdown else sys.stdout)
    except SourceError as error:
        yield str(error)


def _kinds(given: Iterable[str]) -> list[str]:
    kinds = [kind for text in given for kind in text.replace(",", " ").split()]
    for kind in kinds:
        if kind not in FAIL_ON:
            raise OptionError(f"--fail-on {kind}: unknown{suggest(kind, FAIL_ON)}; kinds: {', '.join(FAIL_ON)}")
    return kinds


def _is_of(found: Reviewed, kind: str) -> bool:
    """Whether a change is of a kind; a graver consequence is of the lesser ones too."""
    if found.verdict is None:
        return found.status == "removed" and kind in ("removed", "drift")
    if kind in GATES:
        return kind in found.verdict.touched
    if kind in _CONSEQUENCES:
        graver = CONSEQUENCES[: CONSEQUENCES.index(_CONSEQUENCES[kind]) + 1]
        return not found.verdict.consequences.isdisjoint(graver)
    return kind == "drift"


def _print(found: Review, out: Terminal) -> None:
    out.title(f"{found.base} -> {found.head}")
    for first, *others in found.groups:
        title, *lines = words_of(first.judged, first.name, out.width)
        out.title(f"\n{title}")
        out.lines(lines, "  ")
        told = [(each, *_alike(first, each, out.width)) for each in others]
        out.lines([f"{how} in {each.name}{where and f': {where}'}" for each, how, where in told], "  ")
    lone = [each.line for each in found.lone]
    if lone:
        out.lines(["", *lone])
    out.lines(["", _count(found)])


def _alike(first: Reviewed, other: Reviewed, width: int) -> tuple[str, str]:
    """How one is told with another, and its places where they are others, or its edits."""
    one, two = (each.judged.told(width).main for each in (first, other))
    if first.judged.cause_id != other.judged.cause_id:
        return "alike", ", ".join(f"{row.place} {row.facts}" for row in two)
    places = [row.place for row in two]
    return "the same", "" if places == [row.place for row in one] else ", ".join(places)


def _count(found: Review) -> str:
    counts = [f"{count:,} {status}" for status, count in found.counts.items() if count]
    return f"snapshots: {', '.join(counts) or 'none'}"


def _markdown(found: Review) -> str:
    blocks = []
    for first, *others in found.groups:
        alike = [(each, *_alike(first, each, WIDTH)) for each in others]
        same = "".join(f"- {how} in {code(each.name)}{where and f': {code(where)}'}\n" for each, how, where in alike)
        blocks.append(f"{tabled(first.judged, first.name)}{same}")
    lines = [each.line for each in found.lone]
    blocks += ["".join(f"- {code(line)}\n" for line in lines)] if lines else []
    return "\n".join([*blocks, f"{_count(found)}, {found.base} to {found.head}\n"])


def _data(found: Review, failing: list[Reviewed]) -> dict[str, Any]:
    return {
        "schema": "nnviz-review 1",
        "base": found.base,
        "head": found.head,
        "counts": found.counts,
        "failing": [each.path for each in failing],
        "errors": list(found.errors),
        "snapshots": [_snapshot(each) for each in found.snapshots],
    }


def _snapshot(each: Reviewed) -> dict[str, Any]:
    fixture = {"fixture": each.kind.fixture}
    return {"path": each.path, "old_path": each.old_path, "status": each.status, **fixture, "drift": _drift(each)}


def _drift(each: Reviewed) -> dict[str, Any] | None:
    if each.status == "renamed":
        return None
    return each.verdict.plain(each.path) if each.verdict else each.there.lone(each.path, came=each.new is not None)
