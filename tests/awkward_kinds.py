"""Kinds of tensors, inputs, outputs and values that models have."""

from __future__ import annotations

import awkward_calls
import awkward_configurations
import awkward_inputs
import awkward_layers
import awkward_tensors
from catalogue import Entry

__all__ = ["SECTIONS"]

SECTIONS: dict[str, tuple[Entry, ...]] = {
    **awkward_tensors.SECTIONS,
    **awkward_layers.SECTIONS,
    **awkward_inputs.SECTIONS,
    **awkward_calls.SECTIONS,
    **awkward_configurations.SECTIONS,
}
