"""Checks against damaged texts of all kinds: each fails with a clear error of ours, or the text says the same."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

from damage import damaged, means_the_same
from forked import run_pytest, warm_up
from recording import NEW, OLD, Shelf, files_of, write

from pytest_nnviz.kinds import KINDS, Kind

__all__ = ["Judged", "run"]

_TEST = """
    import os
    import pytest
    from stand_ins import net

    @pytest.mark.parametrize("p", range({count}))
    def test(p, {fixture}):
        {fixture}(net(os.environ["MARK"]), *{args})
"""


@dataclass
class Judged:
    """What came of damaged texts: how many there were, how many may pass, and what is wrong."""

    texts: int = 0
    same: int = 0
    complaints: list[str] = field(default_factory=list)


class Reports:
    """A plugin that keeps how each test ended."""

    def __init__(self, path: Path) -> None:
        self.path, self.found = path, {}  # type: ignore[var-annotated]

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call" or report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            self.found[report.nodeid.partition("::")[2]] = (
                report.outcome,
                crash and crash.message,
                report.longreprtext,
            )

    def pytest_sessionfinish(self) -> None:
        self.path.write_text(json.dumps(self.found))


def run(stride: int = 1) -> Judged:
    """Judge every ``stride``-th damaged text of each kind, and let an update heal all."""
    warm_up()
    judged = Judged()
    with tempfile.TemporaryDirectory(prefix="nnviz-trust-") as folder:
        shelf = Shelf.at(Path(folder).resolve())
        texts = {kind: shelf.old[f"tests/__nnviz__/test_a/test_kinds.{kind.suffix}"].decode() for kind in KINDS}
        for kind in KINDS:
            new = shelf.new[f"tests/__nnviz__/test_a/test_kinds.{kind.suffix}"].decode()
            others = [new, *(texts[other] for other in KINDS if other is not kind)]
            _judge(shelf, kind, texts[kind], list(damaged(texts[kind], others))[::stride], judged)
    return judged


def _judge(shelf: Shelf, kind: Kind, text: str, cases: list[tuple[str, bytes]], judged: Judged) -> None:
    where = shelf.project("damaged", "")
    for path in (where / "tests").iterdir():
        path.unlink()
    args = "(1,)" if kind.suffix == "nnsummary" else "()"
    write(where, {"tests/test_d.py": dedent(_TEST).format(count=len(cases), fixture=kind.fixture, args=args)})
    folder = where / "tests/__nnviz__/test_d"
    folder.mkdir(parents=True)
    for number, (_, found) in enumerate(cases):
        (folder / f"test[{number}].{kind.suffix}").write_bytes(found)
    before, out = files_of(where), where.with_name("reports.json")
    for args in ([], ["--snapshot-update-new-only"]):
        out.unlink(missing_ok=True)
        ended = run_pytest(where, ["--nnviz-report", "never", *args], OLD, plugins=[Reports(out)], limit=900)
        if files_of(where) != before:
            judged.complaints.append(f"{kind.suffix}: a check {args} changed files")
        if not out.exists():
            judged.complaints.append(f"{kind.suffix}: a check {args} broke off, {ended.status}: {ended.out[-2000:]}")
            return
    reports = json.loads(out.read_text())
    for number, (label, found) in enumerate(cases):
        judged.texts += 1
        same = means_the_same(text, found)
        judged.same += same is not False
        complaint = _complaint(same, found, *reports[f"test[{number}]"])
        judged.complaints += [f"{kind.suffix} {label}: {complaint}"] if complaint else []
    ended = run_pytest(where, ["--snapshot-update"], NEW, limit=900)
    left = {name for name, data in files_of(where).items() if name.endswith(kind.suffix)} - before.keys()
    if ended.status or left or run_pytest(where, [], NEW, limit=900).status:
        judged.complaints.append(f"{kind.suffix}: an update does not heal: {ended.out[-2000:]}")


def _complaint(same: bool | None, found: bytes, outcome: str, headline: str | None, words: str) -> str:
    if outcome == "passed":
        return f"passes: {found!r}" if same is False else ""
    if same:
        return f"fails, though it means the same: {words[-1500:]}"
    if "pytest_nnviz/" in words or "Error: " in (headline or "").replace("SnapshotError: ", ""):
        return f"a traceback of ours, or an error of another: {words[-3000:]}"
    if b"\n<<<<<<< " in found and b"\n[end]" in found and "conflict marker" not in words:
        return f"does not name the conflict: {words[-1500:]}"
    return ""
