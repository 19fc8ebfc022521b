"""What torch tests itself with, without what importing it forbids to the whole process: setting flags of backends."""

from __future__ import annotations

import warnings
from unittest import mock

import torch

with warnings.catch_warnings(), mock.patch.object(torch.backends, "disable_global_flags"):
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db
    from torch.testing._internal.common_modules import module_db

__all__ = ["module_db", "op_db"]
