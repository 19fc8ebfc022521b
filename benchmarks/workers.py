"""Work timed in turns: each way has a process of its own, so that what one does to torch does not touch another."""

from __future__ import annotations

import gc
import io
import os
import signal
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from statistics import median

import torch

__all__ = ["Found", "in_turns"]

_LIMIT = 30  # seconds of the processor, of one run
_SPENT = 6.0  # seconds of all runs of one way, from which on it takes no more turns
_TURNS = 7

Make = Callable[[], Callable[[], object]]


@dataclass(slots=True)
class Found:
    """What one way took: seconds of the processor of each run, KiB of the process at its peak; or why it failed."""

    seconds: list[float] = field(default_factory=list)
    peak: int = 0
    failure: str = ""

    @property
    def median(self) -> float:
        """The median of the runs in seconds."""
        return median(self.seconds)


def in_turns(ways: Mapping[str, Make]) -> dict[str, Found]:
    """Run every way once, then in turns; the first run of each, which fills caches, does not count.

    Args:
        ways: by name, what prepares a run in the process of that way.
    """
    found = {name: Found() for name in ways}
    workers = {name: _Worker(make) for name, make in ways.items()}
    try:
        for turn in range(_TURNS + 1):
            for name, worker in workers.items():
                this = found[name]
                if not this.failure and sum(this.seconds) < _SPENT:
                    answer = worker.turn()
                    if isinstance(answer, str):
                        this.failure = answer
                    elif turn:
                        this.seconds.append(answer[0])
                        this.peak = max(this.peak, answer[1])
    finally:
        for worker in workers.values():
            worker.close()
    return found


class _Worker:
    """A copy of this process, in which all that is loaded is loaded; by hand, as torchlens refuses multiprocessing."""

    def __init__(self, make: Make) -> None:
        self._pipe, theirs = Pipe()
        self._process = os.fork()
        if not self._process:
            try:
                self._pipe.close()
                _serve(theirs, make)
            finally:
                os._exit(0)
        theirs.close()

    def turn(self) -> tuple[float, int] | str:
        """Seconds and KiB of one run, or why there are none."""
        began = self._used()
        try:
            self._pipe.send(None)
            while not self._pipe.poll(1):
                if self._used() - began > _LIMIT:
                    os.kill(self._process, signal.SIGKILL)
                    return f"> {_LIMIT} s"
            return self._pipe.recv()  # type: ignore[no-any-return]
        except (EOFError, ConnectionError):
            return "died"

    def _used(self) -> float:
        """Seconds of the processor so far."""
        fields = Path(f"/proc/{self._process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End the process."""
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)


def _serve(pipe: Connection, make: Make) -> None:
    warnings.simplefilter("ignore")
    gc.collect()  # copies, once in each process, what the collector looks through; every way has the same then
    torch.set_num_threads(1)
    run: Callable[[], object] | None = None
    while True:
        pipe.recv()
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            try:
                run = run or make()
                answer: tuple[float, int] | str = _timed(run)
            except BaseException as error:
                answer = type(error).__name__
        pipe.send(answer)


def _timed(run: Callable[[], object]) -> tuple[float, int]:
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak from now on
    start = time.process_time()
    result = run()
    seconds = time.process_time() - start
    del result
    status = Path("/proc/self/status").read_text()
    return seconds, int(status.partition("VmHWM:")[2].split()[0])
