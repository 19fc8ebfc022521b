"""The plugin is loaded in every pytest run of whoever has it installed: it must not weigh anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Project

import pytest_nnviz

HEAVY = {"torch", "numpy", "PIL", "graphviz", "graphviz_pure", "torchinfo", "pygraphviz"}
LOADED = "import json, sys; print('LOADED', json.dumps(sorted(sys.modules)))"


def loaded(project: Project, source: str) -> set[str]:
    run = project.python("-c", f"{source}\n{LOADED}")
    return set(json.loads(run.line("LOADED").removeprefix("LOADED")))


def test_importing_the_plugin_imports_little(project: Project) -> None:
    before = loaded(project, "import pytest, syrupy")
    after = loaded(project, "import pytest, syrupy, pytest_nnviz.plugin")
    new = after - before
    assert {name.partition(".")[0] for name in new} == {"pytest_nnviz"}, new
    assert new == {
        "pytest_nnviz",
        *(
            f"pytest_nnviz.{name}"
            for name in (
                *("plugin", "accepting", "asked", "budgets", "configuration", "errors", "gates", "kinds"),
                *("naming", "options", "options.base", "options.filters", "options.snapshot", "options.summary"),
                *("ending", "patterns", "progress", "recap", "screen", "shell", "unused"),
            )
        ),
    }


@pytest.fixture
def listing(tmp_path: Path) -> Project:
    """A project whose runs say at their end which heavy modules were imported."""
    project = Project(tmp_path / "project").stub()
    project.write(
        "conftest.py",
        f"""
        import os, sys

        if "STUB" in os.environ:
            import stub_tracer

            stub_tracer.install()

        def pytest_unconfigure(config):
            found = {{name.partition(".")[0] for name in sys.modules}} & {HEAVY!r}
            rooms = {{name for name in sys.modules if name.startswith("pytest_nnviz.pictures.")}}
            print("HEAVY", sorted(found), sorted(rooms - {{"pytest_nnviz.pictures.digest"}}))
        """,
    )
    project.write(
        "test_m.py",
        """
        import os
        from stub_tracer import Net

        def test_requested(nnviz_snapshot):
            if "STUB" in os.environ:
                nnviz_snapshot(Net(int(os.environ.get("WIDTH", 4))))
            elif "USED" in os.environ:
                __import__(os.environ["USED"])
        """,
    )
    return project


def test_the_fixture_requested_but_not_called_imports_nothing_heavy(listing: Project) -> None:
    run = listing.pytest(fresh=True)
    assert run.ret == 0, run.out
    assert run.line("HEAVY") == "HEAVY [] []"


def test_a_pass_imports_nothing_that_draws(listing: Project) -> None:
    assert listing.pytest("--snapshot-update", fresh=True, STUB="1").ret == 0
    run = listing.pytest(fresh=True, STUB="1")
    assert run.ret == 0, run.out
    assert run.line("HEAVY") == "HEAVY [] []"


def test_the_check_notices(listing: Project) -> None:
    listing.write("graphviz.py", "")
    assert listing.pytest(fresh=True, USED="graphviz").line("HEAVY") == "HEAVY ['graphviz'] []"
    probe = "import pytest, syrupy, pytest_nnviz.plugin, graphviz"
    new = loaded(listing, probe) - loaded(listing, "import pytest, syrupy")
    assert "graphviz" in {name.partition(".")[0] for name in new}


def test_public_names_are_there_on_first_use() -> None:
    names = {
        "ArchitectureDrift",
        "SummaryDrift",
        "FilterDrift",
        "Options",
        "SummaryOptions",
        "FilterOptions",
        "Summary",
    }
    assert names <= set(pytest_nnviz.__all__)
    assert list(pytest_nnviz._HOME) == pytest_nnviz.__all__
    for name in pytest_nnviz.__all__:
        assert getattr(pytest_nnviz, name).__name__ == name
