"""How many floating-point operations a forward pass takes, by torch's own counter."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

__all__ = ["counting", "refused_by_counter"]

# How nested tensors say, strided and jagged, that an operation reached them through a mode.
_REFUSALS = ("NestedTensorImpl", "_FlopCounterMode")


class _Whole:
    """In the place of the counter's tracker of modules, whose hooks every module would have while it is traced."""

    parents = frozenset({"Global"})

    def __enter__(self) -> _Whole:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@contextmanager
def counting() -> Iterator[Callable[[], int]]:
    """Count the FLOPs of what is called meanwhile, two for a multiply-accumulate; yields what says how many so far.

    Fused kernels are off: which of them a machine has decides what the counter sees. It knows nothing of the attention
    and the recurrent layers that are fused on a CPU.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    counter: Any = FlopCounterMode(display=False)
    counter.mod_tracker = _Whole()
    with sdpa_kernel(SDPBackend.MATH), _libraries_off(), counter:
        yield counter.get_total_flops


def refused_by_counter(error: Exception) -> bool:
    """Whether the counter was in the way of what was called: nested tensors run without it, not under it."""
    if not any(refusal in str(error) for refusal in _REFUSALS):
        return False
    return any(frame.filename.endswith("flop_counter.py") for frame in traceback.extract_tb(error.__traceback__))


@contextmanager
def _libraries_off() -> Iterator[None]:
    """Without oneDNN and cuDNN; torch's own context managers set more than that, and warn about some of it."""
    before = torch._C._get_mkldnn_enabled(), torch._C._get_cudnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    torch._C._set_cudnn_enabled(False)
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(before[0])
        torch._C._set_cudnn_enabled(before[1])
