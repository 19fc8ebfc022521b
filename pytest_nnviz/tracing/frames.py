"""Whose code calls: the author's, torch's or the tracer's, by the frames of the stack."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import torch

from pytest_nnviz.tracing.calls.operations import SWITCHES

__all__ = ["CALLED_BY_TORCH", "author_line", "is_machinery", "is_torchs_own", "source_line"]


CALLED_BY_TORCH = SWITCHES | {"empty", "lift_fresh", "requires_grad_"}  # by others too


def is_torchs_own(name: str, caller: FrameType) -> bool:
    """Whether torch's own code calls, as checkpoints and transforms do around what they are handed."""
    if name == "empty":  # checkpoints of torch 2.6 make tensors that hold nothing
        return caller.f_code.co_filename == _CHECKPOINT
    if name == "lift_fresh":  # what torch.tensor and torch.from_numpy end with, seen where FLOPs are counted
        return True
    if name == "requires_grad_":  # transforms of torch.func ask for gradients of what they wrap
        return caller.f_code.co_filename.startswith(_TORCH)
    return name in SWITCHES and _thrown_by_torch()


def _thrown_by_torch() -> bool:
    """Between a switch and this are the frames of modes; what ``@torch.no_grad()`` stands over says whose it is."""
    frame = sys._getframe(1)
    while frame.f_back is not None and not frame.f_code.co_filename.startswith(_SWITCHES[1:]):
        frame = frame.f_back
    while frame.f_back is not None and (at := frame.f_code.co_filename).startswith(_SWITCHES):
        decorated = frame.f_locals.get("func") if at == torch.utils._contextlib.__file__ else None
        if decorated is not None:
            return str(decorated.__module__).startswith("torch.")
        frame = frame.f_back
    return frame.f_code.co_filename.startswith(_TORCH)


def source_line() -> tuple[str, int]:
    """File and line of the innermost frame that is neither torch's nor ours."""
    frame = sys._getframe(1)
    while frame.f_back is not None and is_machinery(frame.f_code.co_filename):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def author_line() -> tuple[str, int] | None:
    """As `source_line`, within the forward pass: None for what torch's own containers call."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_machinery(frame.f_code.co_filename):
        if (frame.f_code.co_filename, frame.f_code.co_name) == _START:
            return None
        frame = frame.f_back
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def is_machinery(filename: str) -> bool:
    """Whether a file belongs to torch or to the tracer."""
    return filename.startswith((_TORCH, _OURS, "<"))


_TORCH = torch.__file__.removesuffix("__init__.py")
_OURS = __file__.removesuffix("frames.py")
_START = (f"{_OURS}recorder.py", "forward")  # of the recorder: what lies above is who traces
_CHECKPOINT = str(Path(torch.__file__).parent / "utils" / "checkpoint.py")  # not imported before it is used
_SWITCHES = (
    _OURS,
    torch.autograd.grad_mode.__file__,
    torch.utils._contextlib.__file__,
    torch.overrides.__file__,
)
