"""``python -m pytest_nnviz``: the same as the command ``pytest-nnviz``."""

from __future__ import annotations

import sys

from pytest_nnviz.cli import main

if __name__ == "__main__":
    sys.exit(main())
