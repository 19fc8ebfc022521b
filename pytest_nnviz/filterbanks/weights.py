"""The weight that a convolution works with, read once and without changing anything: as it is, then ordered."""

from __future__ import annotations

import copy
import ctypes
from array import array
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch.nn.utils import parametrize, prune
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from pytest_nnviz.errors import TraceError
from pytest_nnviz.filterbanks.data import View
from pytest_nnviz.tracing.describing.values import is_uninitialized
from pytest_nnviz.tracing.keeping.surroundings import same_randomness

__all__ = ["ROOT", "Convolution", "bytes_of"]

ROOT = "(model)"
"""The name of a model that is a convolution itself."""


@dataclass(frozen=True)  # without slots, for what is read once
class Convolution:
    """A convolution of a model, and where it is."""

    path: str
    module: Any

    @property
    def name(self) -> str:
        """Its path, as it is told."""
        return self.path or ROOT

    def weight(self) -> torch.Tensor:
        """The weight that it works with, as ``[filters, channels, *kernel]`` on the CPU.

        Raises:
            TraceError: it has no values, they cannot be read, or they are not the same twice.
        """
        return self._ordered(self._on_cpu(self.given)).contiguous()

    def size(self) -> tuple[int, tuple[int, ...]]:
        """How many filters, and the shape of one.

        Raises:
            TraceError: it has no values, they cannot be read, or they are not the same twice.
        """
        shape = self._ordered(self.given).shape
        if not all(shape):
            raise TraceError(f"{self.name} has no weights: its shape is {list(shape)}")
        return shape[0], tuple(shape[1:])

    @cached_property
    def given(self) -> torch.Tensor:
        """The weight that it works with, as it is; read once, so that all that is told and drawn is of the same."""
        own = self.module._parameters.get("weight")
        if is_uninitialized(own):
            raise TraceError(f"{self.name} is lazy and has no weights yet: run the model once, then pin its filters")
        if own is not None:
            return self._checked(own)
        with same_randomness():
            first, second = (self._checked(self._computed()) for _ in range(2))
            one, other = (self._ordered(self._on_cpu(each)).double() for each in (first, second))
        if one.shape != other.shape or not torch.allclose(one, other, equal_nan=True):
            raise TraceError(
                f"the weight of {self.name} is not the same twice: what it is computed by draws random numbers or "
                "counts; pin the model without that"
            )
        return first

    def _computed(self) -> Any:
        try:
            with torch.no_grad():
                return _effective(self.module)
        except Exception as error:  # of the model's own code, or of copying it
            raise TraceError(
                f"the weight of {self.name} cannot be computed without changing the model "
                f"({type(error).__name__}: {error}): parametrizations are copied first; make that one copyable, or pin "
                "the model without it (torch.nn.utils.parametrize.remove_parametrizations)"
            ) from error

    def _checked(self, weight: Any) -> torch.Tensor:
        if not isinstance(weight, torch.Tensor):
            raise TraceError(f"{self.name} has no weight: it is {type(weight).__name__}")
        held = weight.detach()
        if type(held).__name__ == "FakeTensor":
            raise TraceError(
                f"{self.name} was made in a FakeTensorMode and has no weights: build the model outside of it"
            )
        if weight.is_meta:
            raise TraceError(
                f"{self.name} is on the meta device and has no weights: build it on another device, or load it"
            )
        if weight.layout != torch.strided:
            raise TraceError(f"the weight of {self.name} is sparse ({weight.layout}): pin a dense one (to_dense())")
        return held

    def _on_cpu(self, weight: torch.Tensor) -> torch.Tensor:
        try:
            return weight.cpu().resolve_conj().resolve_neg()
        except (RuntimeError, NotImplementedError) as error:
            kind = type(weight).__name__
            raise TraceError(f"the weight of {self.name}, a {kind}, cannot be read: {error}") from None

    def _ordered(self, weight: torch.Tensor) -> torch.Tensor:
        if self.module.transposed:
            groups = self.module.groups
            split = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
            weight = split.transpose(1, 2).flatten(0, 1)
        return torch.view_as_real(weight).movedim(-1, 2).flatten(1, 2) if weight.is_complex() else weight

    def drawn(self, view: View) -> list[array[float]]:
        """The weights that are drawn, filter by filter, channel by channel, row by row."""
        weight = self.weight()[: view.filters]
        shown = weight.double().mean(1, keepdim=True) if view.channels == "mean" else weight[:, : view.shown].double()
        return [_doubles(filter_) for filter_ in shown]


def _effective(module: Any) -> Any:
    """The weight that the next forward pass would work with, without what that pass would change."""
    if parametrize.is_parametrized(module, "weight"):
        # A copy in eval mode: in train mode reading a spectral norm moves its vectors.
        return copy.deepcopy(module.parametrizations["weight"]).eval()()
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm) and hook.name == "weight":
            return hook.compute_weight(module)
        if isinstance(hook, SpectralNorm) and hook.name == "weight":
            return hook.compute_weight(module, do_power_iteration=False)
        if isinstance(hook, prune.BasePruningMethod) and hook._tensor_name == "weight":
            return hook.apply_mask(module)  # type: ignore[no-untyped-call]
    return module.weight


def bytes_of(tensor: torch.Tensor) -> bytes:
    """What a contiguous tensor of the CPU holds."""
    return ctypes.string_at(tensor.data_ptr(), tensor.nbytes)


def _doubles(tensor: torch.Tensor) -> array[float]:
    found: array[float] = array("d")
    found.frombytes(bytes_of(tensor.contiguous()))
    return found
