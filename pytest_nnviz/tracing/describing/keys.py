"""What tells plain things from others: keys that are equal where the things are written in the same way."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch

from pytest_nnviz.tracing.describing.values import ORDINARY

__all__ = ["KEYABLE", "OtherError", "key_of"]

# No functions: a key outlives its call, and they may hold tensors.
_ATOMS = frozenset(
    {
        *(type(None), type(...), type(NotImplemented), bool, int, str),
        *(torch.dtype, torch.device, torch.layout, torch.memory_format),
    }
)
_SIMPLE = _ATOMS | {float}
_SEQUENCES = frozenset({tuple, list, torch.Size})
KEYABLE = _SIMPLE | _SEQUENCES | {slice}  # and tensors of torch's own classes


class OtherError(Exception):
    """Something that is no number, word or tensor of torch's own classes, nor a sequence of such."""


def key_of(things: Collection[Any], tensors: list[torch.Tensor]) -> tuple[Any, ...]:
    """Classes with values; of tensors, which are gathered in their order, the class alone.

    Raises:
        OtherError: one of the things is something else.
    """
    kinds = [*map(type, things)]
    if _SIMPLE.issuperset(kinds):
        return (*kinds, *[repr(thing) if type(thing) is float else thing for thing in things])
    key: list[Any] = []
    for thing in things:
        kind = type(thing)
        key.append(kind)
        if kind in ORDINARY:
            tensors.append(thing)
        elif kind in _ATOMS:
            key.append(thing)
        elif kind is float:
            key.append(repr(thing))  # 0.0 equals -0.0, and nan nothing
        elif kind in _SEQUENCES:
            key.append(key_of(thing, tensors))
        elif kind is slice:
            key.append(key_of((thing.start, thing.stop, thing.step), tensors))
        else:
            raise OtherError
    return tuple(key)
