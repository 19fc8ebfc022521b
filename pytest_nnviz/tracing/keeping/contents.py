"""What tensors hold: kept bit by bit, and put back where it differs."""

from __future__ import annotations

import torch

from pytest_nnviz.tracing.describing.values import is_uninitialized
from pytest_nnviz.tracing.keeping.surroundings import Restore
from pytest_nnviz.tracing.provenance.handover import storage_of

__all__ = ["keep_contents", "view_of"]


def view_of(tensor: torch.Tensor) -> object:
    """What tells the part of memory that a tensor shows from all others; the tensor's identity if it has no storage."""
    storage = storage_of(tensor)
    if storage is None or tensor.is_nested:
        return id(tensor)
    return storage, tensor.storage_offset(), tuple(tensor.shape), tensor.stride()


def keep_contents(tensor: torch.Tensor) -> Restore | None:
    """Put the contents of a tensor back; None where there are none."""
    if is_uninitialized(tensor) or tensor.is_meta:
        return None
    return _bytes(tensor) or _values(tensor)


def _bytes(tensor: torch.Tensor) -> Restore | None:
    """All bytes of the storage, as they are neither NaN nor quantised; None where most of it is not the tensor's."""
    try:
        storage = tensor.untyped_storage()
        if storage.nbytes() > 2 * tensor.nbytes:
            return None
        kept = storage.clone()  # type: ignore[no-untyped-call]
    except (RuntimeError, NotImplementedError):  # sparse layouts, subclasses that hold other tensors
        return None
    return lambda: _copy(kept, storage)


def _flat(storage: torch.UntypedStorage) -> torch.Tensor:
    return torch.empty(0, dtype=torch.uint8, device=storage.device).set_(storage)


def _copy(kept: torch.UntypedStorage, storage: torch.UntypedStorage) -> None:
    if storage.nbytes() != kept.nbytes():
        storage.resize_(kept.nbytes())
    if not torch.equal(_flat(storage), _flat(kept)):  # the count of writes does not tell: batch norm writes without it
        storage.copy_(kept)


def _values(tensor: torch.Tensor) -> Restore:
    values = tensor.detach().clone()

    def restore() -> None:
        with torch.inference_mode() if tensor.is_inference() else torch.no_grad():
            if not _same(tensor, values):
                tensor.data.copy_(values)

    return restore


def _same(tensor: torch.Tensor, values: torch.Tensor) -> bool:
    try:
        return torch.equal(tensor, values)
    except (RuntimeError, NotImplementedError, AttributeError):  # sparse and nested layouts
        return False
