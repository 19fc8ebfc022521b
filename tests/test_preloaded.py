"""Runs of pytest in forks of one process: one that hangs is stopped, and the next is as if it had not been."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from conftest import Project

TESTS = """
    import os
    import time

    def test_slow():
        while "HANGS" in os.environ:
            with open("alive", "a") as file:
                file.write(".")
            time.sleep(0.02)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="runs are processes of their own there")
def test_a_run_that_hangs_is_stopped(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.write("test_m.py", TESTS)
    assert project.pytest().ret == 0  # the process is there
    project.limit = 4
    with pytest.raises(subprocess.TimeoutExpired):
        project.pytest(HANGS="1")
    alive = project.root / "alive"
    written = alive.stat().st_size
    assert written
    time.sleep(0.5)
    assert alive.stat().st_size == written
    project.limit = 120
    assert project.pytest().ret == 0
