"""Which tensors were made during a forward pass: the collector keeps what is young apart from what was there before."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from itertools import compress
from types import TracebackType
from typing import Any, Literal, Self

import torch

__all__ = ["Births"]

_Tensors = dict[int, Callable[[], torch.Tensor | None]]


class Births:
    """Tells tensors that appeared while it was entered.

    They are in the youngest generation, where a collection would take them from: each is noted before one begins.
    ``collecting`` says that one runs in this thread: what finalizers do then is no part of the forward pass.
    """

    def __init__(self) -> None:
        self.collecting = False
        self._thread = threading.get_ident()
        self._before: _Tensors = {}
        self._since: _Tensors = {}
        self._pinned: dict[int, torch.Tensor] = {}

    def __enter__(self) -> Self:
        self._note_young(self._before)
        gc.callbacks.append(self._on_collection)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> Literal[False]:
        gc.callbacks.remove(self._on_collection)
        return False

    def _on_collection(self, phase: str, _: Any) -> None:
        if phase == "start":
            self._note_young(self._since)
        if threading.get_ident() == self._thread:
            self.collecting = phase == "start"

    def pin(self, tensor: torch.Tensor) -> None:
        """Hold a tensor itself from now on, as some calls take none that is held weakly."""
        is_from_before, is_made_since = _holds(self._before, tensor), tensor in self
        for table, knows in ((self._before, is_from_before), (self._since, is_made_since)):
            table.pop(id(tensor), None)
            if knows:
                table[id(tensor)] = lambda: tensor
        self._pinned[id(tensor)] = tensor

    def let_go(self) -> None:
        """Hold nothing any more, not even weakly."""
        self._before.clear()
        self._since.clear()
        self._pinned.clear()

    def made(self) -> list[torch.Tensor]:
        """Those that appeared and are still there."""
        self._note_young(self._since)
        alive = (reference() for reference in list(self._since.values()))
        return [tensor for tensor in alive if tensor is not None and not _holds(self._before, tensor)]

    def _note_young(self, table: _Tensors) -> None:
        young = gc.get_objects(generation=0)
        # By class, not with isinstance: that asks the object, which may answer with code.
        classes = {cls for cls in set(map(type, young)) if issubclass(cls, torch.Tensor)}
        if classes:
            found = compress(young, map(classes.__contains__, map(type, young)))
            table.update([(id(thing), weakref.ref(thing)) for thing in found if id(thing) not in self._pinned])

    def __contains__(self, tensor: torch.Tensor) -> bool:
        if _holds(self._before, tensor):
            return False
        return _holds(self._since, tensor) or any(thing is tensor for thing in gc.get_objects(generation=0))


def _holds(table: _Tensors, tensor: torch.Tensor) -> bool:
    reference = table.get(id(tensor))
    return reference is not None and reference() is tensor
