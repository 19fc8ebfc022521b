"""Tests that are collected once and run for each edit of a function, in a child of its own."""

from __future__ import annotations

import ast
import gc
import inspect
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType

import pytest
from mutation import LEFT_OUT, Edit, end_of, mutated

__all__ = ["Loop", "put_in_place", "run"]


class Loop:
    """A plugin that runs the tests as they are, and then for each edit up to the first that fails."""

    def __init__(self, edits: list[Edit], folder: Path, times: float) -> None:
        self._edits, self.folder, self._times = edits, folder, times
        self._took = Counter[str]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._took[report.nodeid] += report.duration  # type: ignore[assignment]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.each(partial(_run_all, session), partial(self._sort, session))
        return True

    def _sort(self, session: pytest.Session) -> None:
        took = json.loads(self._times_of_tests.read_text())
        session.items.sort(key=lambda item: took[item.nodeid])

    def each(self, tries: Callable[[], int], sort: Callable[[], None] = lambda: None, *, last: bool = True) -> None:
        """Try as it is, and then each edit.

        Args:
            tries: gives 0 where nothing is noticed.
            sort: makes it quicker by what the first time took.
            last: whether what is not noticed has survived; it is left where more is tried.
        """
        for _ in range(2):
            start = time.monotonic()
            if self._child(tries, None, 900) != "survived":
                pytest.exit("the tests fail as it is", 1)
            sort()
        limit = self._times * (time.monotonic() - start)
        with (self.folder / "found").open("w") as found:
            for edit in self._edits:
                codes = functions(edit)
                if not codes:
                    continue
                became = self._child(tries, codes, limit)
                if became == "survived" and not last:
                    became = "left"
                print(f"{became}: {edit}", flush=True)
                print(edit, became, sep="\t", file=found)

    @property
    def _times_of_tests(self) -> Path:
        return self.folder / "times"

    def _child(self, tries: Callable[[], int], codes: dict[FunctionType, CodeType] | None, limit: float) -> str:
        child = os.fork()
        if not child:
            status = 1
            try:
                os.setsid()
                nowhere = os.open(os.devnull, os.O_RDWR)
                for stream in (0, 1, 2) if codes else (0, 1):
                    os.dup2(nowhere, stream)
                put_in_place(codes or {})
                status = tries()
                self._times_of_tests.write_text(json.dumps(self._took))
            finally:
                os._exit(status)
        return end_of(child, limit)


def _run_all(session: pytest.Session) -> int:
    for item, following in zip(session.items, [*session.items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            print(f"fails: {item.nodeid}", file=sys.stderr)
            return 1
    return 0


def run(loop: Loop, tests: list[str]) -> int:
    """Collect the tests and run them by the loop."""
    options = ["-s", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--basetemp", str(loop.folder / "tmp")]
    return int(pytest.main([*options, *LEFT_OUT, *tests], plugins=[loop]))


def run_scenarios(loop: Loop, share: float) -> int:
    """Try a share of the scenarios of storage by the loop."""
    import storage
    from forked import warm_up

    warm_up()
    loop.each(lambda: int(bool(storage.run(share).complaints)), last=False)
    return 0


def functions(edit: Edit) -> dict[FunctionType, CodeType]:
    """Functions as they are imported, and what the edit makes of them; empty where it is not one in a function."""
    old = compile(ast.parse(edit.path.read_text(encoding="utf-8")), str(edit.path), "exec", dont_inherit=True)
    new = compile(mutated(edit), str(edit.path), "exec", dont_inherit=True)
    codes = {before: now for before, now in _codes(old, new) if before != now}
    if len(codes) != 1 or None in codes:
        return {}
    held = (each for each in gc.get_objects() if type(each) is FunctionType)
    return {each: codes[each.__code__] for each in held if each.__code__ in codes}


def _codes(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType | None, CodeType | None]]:
    """The outermost functions of both; None for what differs outside of them."""
    if old.co_flags & inspect.CO_OPTIMIZED:
        yield old, new
        return
    own = [[each for each in code.co_consts if not isinstance(each, CodeType)] for code in (old, new)]
    inner = [[each for each in code.co_consts if isinstance(each, CodeType)] for code in (old, new)]
    if (old.co_code, old.co_names, own[0], len(inner[0])) != (new.co_code, new.co_names, own[1], len(inner[1])):
        yield None, new
        return
    for before, now in zip(*inner, strict=True):
        yield from _codes(before, now)


def put_in_place(codes: dict[FunctionType, CodeType]) -> None:
    """Give functions other code."""
    for function, code in codes.items():
        function.__code__ = code
