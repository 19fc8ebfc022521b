"""What torch tests itself with, without what importing it forbids to the whole process: setting flags of backends."""

from __future__ import annotations

import warnings
from unittest import mock

import torch

with warnings.catch_warnings(), mock.patch.object(torch.backends, "disable_global_flags"):
    warnings.simplefilter("ignore")
    from torch.testing._internal import common_utils
    from torch.testing._internal.common_methods_invocations import op_db
    from torch.testing._internal.common_modules import module_db
    from torch.testing._internal.opinfo import core

# Each sample looks, through the source of every frame, for the unittest that it is made for: most of the time it takes.
for module in (common_utils, core):
    module.extract_test_fn = lambda: None  # there is none

__all__ = ["module_db", "op_db"]
