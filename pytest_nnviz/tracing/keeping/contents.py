"""What tensors hold: kept bit by bit, and put back where it differs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch._C._functorch import is_functorch_wrapped_tensor

from pytest_nnviz.tracing.describing.values import ORDINARY, is_uninitialized
from pytest_nnviz.tracing.keeping.surroundings import Restore, all_of
from pytest_nnviz.tracing.provenance.handover import storage_of

__all__ = ["keep_all_contents", "keep_contents", "tells_its_memory", "view_of"]

# Classes of the same size in which no two different patterns of bits are equal, as 0.0 and -0.0 are.
_BITS = {
    **{dtype: dtype for dtype in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)},
    torch.bool: torch.uint8,
    torch.float16: torch.int16,
    torch.bfloat16: torch.int16,
    torch.float32: torch.int32,
    torch.float64: torch.int64,
    torch.complex64: torch.int64,
}


def tells_its_memory(tensor: torch.Tensor) -> bool:
    """Whether torch itself tells if a tensor and another one show the same memory."""
    usual = type(tensor) in ORDINARY and tensor.layout is torch.strided and (tensor.is_cpu or tensor.is_cuda)
    return usual and not tensor.is_nested and not is_functorch_wrapped_tensor(tensor)


def view_of(tensor: torch.Tensor) -> object:
    """What tells the part of memory that a tensor shows from all others; the tensor's identity if it has no storage."""
    storage = storage_of(tensor)
    if storage is None or tensor.is_nested:
        return id(tensor)
    return storage, tensor.storage_offset(), tuple(tensor.shape), tensor.stride()


def keep_all_contents(tensors: Iterable[torch.Tensor]) -> list[Restore]:
    """As `keep_contents` of each; those that are all of their memory are compared and put back by its bits."""
    bits: list[tuple[Any, ...]] = []
    others: list[Restore | None] = []
    for tensor in tensors:
        kind = _BITS.get(tensor.dtype)
        if kind is not None and tells_its_memory(tensor) and _is_all_of_its_memory(tensor):
            now = tensor.data.view(kind)
            bits.append((now, now.clone()))
        else:
            others.append(keep_contents(tensor))
    return [*all_of(_put_bits_back, bits), *filter(None, others)]


def _is_all_of_its_memory(tensor: torch.Tensor) -> bool:
    return tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.nbytes


def _put_bits_back(now: torch.Tensor, kept: torch.Tensor) -> None:
    storage = now.untyped_storage()
    if storage.nbytes() != kept.nbytes:
        storage.resize_(kept.nbytes)
    if not torch.equal(now, kept):  # the count of writes does not tell: batch norm writes without it
        storage.copy_(kept.untyped_storage())


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
    if not torch.equal(_flat(storage), _flat(kept)):  # of bytes, neither NaN nor quantised
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
