"""What takes long, on one line of the terminal until it is done."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

__all__ = ["Progress", "doing", "said"]

_AFTER = 2.0  # seconds
_EVERY, _TIMES = 0.25, 50  # seconds, and times what it takes to find out what to say: from one saying to the next
_ROOM = 12  # columns, at least
_SAVE, _RESTORE, _ERASE = "\x1b7", "\x1b8", "\x1b[K"

_stages: list[tuple[str, Callable[[], int] | None]] = []


@contextmanager
def doing(what: str, calls: Callable[[], int] | None = None) -> Iterator[None]:
    """Within it this is what is done; ``calls`` says how many there are by now, and is asked by another thread."""
    _stages.append((what, calls))
    try:
        yield
    finally:
        _stages.pop()


def said() -> str:
    """What is done now: the innermost of it; empty where nothing is."""
    try:
        what, calls = _stages[-1]
    except IndexError:  # it came to its end meanwhile
        return ""
    count = 0 if calls is None else calls()
    return f"{what}, {count:,} {'call' if count == 1 else 'calls'}" if count else what


class Progress:
    """Says what is done, every now and then, behind what stands on the line of the terminal already.

    The cursor stays where it is, so that whoever prints next prints where they would have.

    Args:
        terminal: a file descriptor of a terminal that knows ``ESC 7``, ``ESC 8`` and ``ESC [ K``.
        room: how many columns are left on the line.
        after: seconds before it says anything.
    """

    def __init__(self, terminal: int, room: Callable[[], int], after: float = _AFTER) -> None:
        self._terminal = terminal
        self._room = room
        self._after = after
        self._over = threading.Lock()  # nothing that the collector counts: see Recorder.call_count
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Say what is done as long as this takes, by a thread that ends with it."""
        room = self._room() - 2
        if room < _ROOM or self._thread is not None:
            yield
            return
        self._over.acquire()
        self._thread = threading.Thread(target=self._say, args=(room,), name="nnviz progress", daemon=True)
        self._thread.start()
        try:
            yield
        finally:
            self.end()

    def end(self) -> None:
        """Say nothing more, and take back what was said."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._over.release()
            thread.join()

    def _say(self, room: int) -> None:
        wait, shown = self._after, False
        with suppress(OSError):  # the terminal is gone
            while not self._over.acquire(timeout=wait):
                start, shown = time.perf_counter(), True
                line = f"{_SAVE} {_cut(said(), room)}{_ERASE}{_RESTORE}"
                os.write(self._terminal, line.encode(errors="replace"))
                wait = max(_EVERY, _TIMES * (time.perf_counter() - start))
            self._over.release()
            if shown:
                os.write(self._terminal, _ERASE.encode())


def _cut(text: str, room: int) -> str:
    """As much as fits; what is not ASCII may be two columns wide."""
    letters = room if text.isascii() else room // 2
    return text if len(text) <= letters else f"{text[: letters - 3]}..."
