"""Kinds of tensors, inputs, outputs and values that models have: one entry each."""

from __future__ import annotations

import torch
from catalogue import Entry, Forward, given

__all__ = ["SECTIONS"]

X = torch.linspace(-1, 1, 8).reshape(2, 4)


def calls(function, *args, **members):
    """A builder of a model whose forward is ``function(self, *args)``."""
    return lambda: given(Forward(function, **{name: make() for name, make in members.items()}), *(args or (X,)))


COMPLEX = (
    Entry(
        "FFT there and back",
        "calls; complex dtypes in the specs",
        calls(lambda m, x: torch.fft.irfft(torch.fft.rfft(x, dim=1), n=4)),
        ("fft_rfft(x, dim=1) -> c64[2, 3]",),
        edited=(calls(lambda m, x: torch.fft.irfft(torch.fft.rfft(x, dim=0), n=4)),),
    ),
)

SECTIONS = {"Complex numbers": COMPLEX}
