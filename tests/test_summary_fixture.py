"""nnviz_summary in runs of pytest: recorded, passed, drifted, accepted, unused; artifacts, markers, ini."""

from __future__ import annotations

import pytest
from conftest import Project

TEST = """
    import torch
    from torch import nn

    WIDTH = 4

    def model():
        return nn.Sequential(nn.Linear(3, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 2))

    def test_arch(nnviz_summary):
        summary = nnviz_summary(model(), torch.ones(1, 3))
        assert summary.total_params == sum(p.numel() for p in model().parameters())
        nnviz_summary.using(name="flat", depth=0)(model())

    def test_both(nnviz_summary, nnviz_snapshot):
        nnviz_summary(model(), torch.ones(1, 3))
        nnviz_snapshot(model(), torch.ones(1, 3))
"""
FOLDER = "__nnviz__/test_m"


@pytest.fixture
def project(tmp_path) -> Project:
    project = Project(tmp_path / "project")
    project.write("test_m.py", TEST)
    return project


def test_the_cycle(project: Project) -> None:
    missing = project.pytest("test_m.py::test_arch")
    assert missing.line("FAILED").endswith("no snapshot yet: test_arch")
    assert "Sequential, eval, 4 rows, 26 parameters" in missing.out

    recorded = project.pytest("--snapshot-update", "-n", "2")
    assert recorded.ret == 0, recorded.out
    assert sum(name.endswith(".nnsummary") for name in project.files()) == 3
    assert {f"{FOLDER}/test_arch.nnsummary", f"{FOLDER}/test_both.nnviz"} < set(project.files())
    before = project.files()

    passed = project.pytest()
    assert passed.ret == 0, passed.out
    assert project.files() == before

    source = project.root / "test_m.py"
    source.write_text(source.read_text().replace("WIDTH = 4", "WIDTH = 5"))
    drifted = project.pytest("test_m.py::test_arch", COLUMNS="160")
    assert drifted.line("FAILED").endswith(
        "summary drifted: 0 Param # 16 -> 20, Output Shape [1, 4] -> [1, 5] (+1 more) in test_arch"
    )
    assert "~ 2  Param # 10 -> 12" in drifted.out
    assert "Total params 26 -> 32" in drifted.out
    artifacts = {name.rpartition("/summary/")[2] for name in project.files("nnviz-artifacts")}
    assert {"actual.nnsummary", "expected.nnsummary", "words.txt"} <= artifacts

    accepted = project.pytest("--snapshot-update")
    assert accepted.ret == 0, accepted.out
    assert "accepted" in accepted.out
    assert not any("/summary/" in name for name in project.files("nnviz-artifacts"))


def test_options_from_the_ini_and_a_marker(project: Project) -> None:
    project.write("pytest.ini", "[pytest]\nnnviz_depth = 1\nnnviz_col_names = num_params\n")
    project.write(
        "test_m.py",
        """
        import pytest, torch
        from torch import nn

        @pytest.mark.nnviz(row_settings=("depth",))
        def test(nnviz_summary):
            summary = nnviz_summary(nn.Sequential(nn.Linear(3, 2)), torch.ones(1, 3))
            assert (summary.depth, summary.col_names, summary.row_settings) == (1, ("num_params",), ("depth",))
        """,
    )
    run = project.pytest("--snapshot-update")
    assert run.ret == 0, run.out
    project.write("pytest.ini", "[pytest]\nnnviz_depth = deep\n")
    assert "nnviz_depth in" in project.pytest().out


def test_without_syrupy_the_fixture_says_so(project: Project) -> None:
    run = project.pytest("-p", "no:syrupy", plugins=("pytest_nnviz.plugin",))
    assert "nnviz_summary builds on syrupy, which is not loaded" in run.out
