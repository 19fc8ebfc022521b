"""What a call was handed: which of it the call wrote to, and what comes back as it was."""

from __future__ import annotations

from typing import Any

import torch

from pytest_nnviz.tracing.values import tensors_in

__all__ = ["Handover", "may_write"]

_WRITERS = frozenset({"setitem", "set_data"})


def may_write(name: str) -> bool:
    """Whether a function says by its name that it writes to its first argument."""
    return (name.endswith("_") and not name.endswith("__")) or name in _WRITERS


class Handover:
    """The tensors that a call is handed, noted before it runs."""

    def __init__(self, things: Any) -> None:
        self.tensors = list(tensors_in(things))
        self._versions = [_version(tensor) for tensor in self.tensors]

    def holds(self, tensor: torch.Tensor) -> bool:
        """Whether the call was handed this very tensor."""
        return any(tensor is handed for handed in self.tensors)

    def written(self, name: str) -> list[torch.Tensor]:
        """The tensors that the call wrote to; by its name where a tensor keeps no count of writes."""
        found: list[torch.Tensor] = []
        for tensor, version in zip(self.tensors, self._versions, strict=True):
            uncounted = version is None and may_write(name) and tensor is self.tensors[0]
            if (uncounted or _version(tensor) != version) and not any(tensor is other for other in found):
                found.append(tensor)
        return found

    def with_identities(self, result: Any, written: list[torch.Tensor]) -> Any:
        """The result, with a tensor that comes back as it was handed given an identity of its own.

        Whether ``contiguous`` or ``to`` hands back its input depends on memory format, dtype and device; where an edge
        starts must not.
        """

        def fresh(thing: Any) -> Any:
            same = isinstance(thing, torch.Tensor) and self.holds(thing)
            return _alias(thing) if same and not any(thing is tensor for tensor in written) else thing

        with torch._C.DisableTorchFunction():
            if isinstance(result, torch.Tensor):
                return fresh(result)
            if type(result) in (tuple, list):
                return type(result)(fresh(item) for item in result)
            return result


def _version(tensor: torch.Tensor) -> int | None:
    try:
        return tensor._version
    except (RuntimeError, NotImplementedError):  # inference tensors keep no count of writes
        return None


def _alias(tensor: torch.Tensor) -> torch.Tensor:
    try:
        return tensor.view_as(tensor)
    except (RuntimeError, NotImplementedError):  # sparse and nested tensors have no views
        return tensor
