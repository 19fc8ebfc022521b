"""The fixture ``nnviz_filters`` under syrupy: record, pass, drift, accept; its sheets beside the text."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Project, Run

TESTS = """
    import os
    import sys
    import torch
    from torch import nn

    def net():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 8, 3))
        with torch.no_grad():
            exec(os.environ.get("EDIT", ""))
        return model

    def test_all(nnviz_filters):
        options = eval(os.environ.get("OPTIONS", "{}"))
        bank = nnviz_filters.using(**options)(net())
        assert [layer.filters for layer in bank.layers] == [16, 8]
        assert "PIL" not in sys.modules or "LIGHT" not in os.environ
"""
HOME = "__nnviz__/test_m"
FILES = {f"{HOME}/test_all.{end}" for end in ("nnfilters", "filters.png", "filters/0.png", "filters/2.png")}
EDIT = "model[0].weight[3, 0, 1, 2] += 0.4"
WITHIN = "model[2].weight.mul_(1 + 5e-6)"


def headline(run: Run) -> str:
    return run.line("FAILED test_m.py::test_all - ").removeprefix("FAILED test_m.py::test_all - ")


def failed(project: Project, **env: str) -> Run:
    run = project.pytest(COLUMNS="200", **env)
    assert run.ret == 1, run.out
    return run


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Project:
    project = Project(tmp_path_factory.mktemp("filters") / "project")
    project.root.mkdir()
    project.write("test_m.py", TESTS)
    run = project.pytest("--snapshot-update")
    assert run.ret == 0, run.out
    assert "Sequential, 2 layers, 24 filters" in run.out
    assert "torch.manual_seed(0)" in run.out
    return project


@pytest.fixture
def project(recorded: Project, tmp_path: Path) -> Project:
    return recorded.copy(tmp_path / "project")


def test_it_is_recorded_and_passes_and_a_missing_one_fails(project: Project) -> None:
    before = project.files()
    assert set(before) == FILES
    assert project.pytest("-W", "error", LIGHT="1").ret == 0
    assert project.pytest("-W", "error", EDIT=WITHIN).ret == 0
    assert project.files() == before
    (project.root / HOME / "test_all.nnfilters").unlink()
    run = failed(project)
    assert headline(run) == "no snapshot yet: test_all"
    assert (
        "weights that are random drift with every run: where nothing seeds or loads them, call torch.manual_seed(0)"
        in run.out
    )


def test_a_drift_is_told_located_and_leaves_pictures_until_it_passes(project: Project) -> None:
    before = project.files()
    run = failed(project, EDIT=EDIT)
    assert headline(run) == "0: filter 3 of 16 changed, by up to 0.4 in test_all"
    assert run.line("filter 3: channel 0 row 1 column 2 -0.21").endswith("-> 0.1839")
    assert run.line("if intended: pytest --snapshot-update test_m.py::test_all")
    left = project.files("nnviz-artifacts")
    home = "nnviz-artifacts/test_m/test_all/filters/"
    names = {name.removeprefix(home) for name in left if name.startswith(home)}
    assert names - {".nnviz-files", "drift.json"} == {
        *("expected.nnfilters", "actual.nnfilters", "words.txt", "expected.0.png", "actual.0.png", "diff.0.png"),
    }
    assert left[f"{home}expected.0.png"] == before[f"{HOME}/test_all.filters/0.png"]
    assert project.files() == before
    assert project.pytest().ret == 0
    assert not project.files("nnviz-artifacts")


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["serial", "xdist"])
def test_an_update_accepts_draws_what_changed_and_deletes_what_is_unused(
    project: Project, workers: tuple[str, ...]
) -> None:
    before = project.files()
    run = project.pytest("--snapshot-update", *workers, EDIT=EDIT)
    assert run.ret == 0, run.out
    assert run.line("0: filter 3 of 16 changed")
    after = project.files()
    changed = {name for name in FILES if before[name] != after[name]}
    assert changed == FILES - {f"{HOME}/test_all.filters/2.png"}
    copy = f"{HOME}/test_all.filters/0 before.png"
    (project.root / copy).write_bytes(after[f"{HOME}/test_all.filters/0.png"])
    assert project.pytest("--snapshot-update", *workers, EDIT=EDIT).ret == 0
    assert project.files() == after | {copy: after[f"{HOME}/test_all.filters/0.png"]}
    assert project.pytest(*workers, EDIT=EDIT).ret == 0
    project.write("test_m.py", TESTS.replace("test_all", "test_other"))
    mine = project.write(f"{HOME}/test_all.filters/mine.png", "mine").relative_to(project.root).as_posix()
    assert "1 unused snapshot deleted" in project.pytest("--snapshot-update", *workers).out
    assert set(project.files()) == {name.replace("test_all", "test_other") for name in FILES} | {mine, copy}


def test_a_sheet_that_is_missing_or_stale_is_warned_about_and_the_numbers_decide(project: Project) -> None:
    sheet = project.root / HOME / "test_all.filters" / "0.png"
    sheet.write_bytes((project.root / HOME / "test_all.filters" / "2.png").read_bytes())
    run = project.pytest()
    assert run.ret == 0
    assert "pictures that are missing or older than their text" in run.out
    assert "filters/0.png" in run.out
    run = failed(project, OPTIONS="{'sheets_check': 'digest'}")
    assert headline(run).startswith("SnapshotError: picture missing or older than its text")
    run = failed(project, EDIT=EDIT)
    assert headline(run).startswith("0: filter 3 of 16 changed, by ")
    assert run.line("without a sheet that fits the text: 0")
    names = {Path(name).name for name in project.files("nnviz-artifacts")}
    assert "actual.0.png" in names
    assert not names & {"expected.0.png", "diff.0.png"}
    sheet.write_text("mine")
    run = project.pytest("--snapshot-update")
    assert run.ret == 0
    assert "0.png is not ours" in run.out
    assert sheet.read_text() == "mine"


def test_another_view_is_stale_until_it_is_drawn(project: Project) -> None:
    asked = "{'scale': 'filter', 'max_filters': 4}"
    run = project.pytest(OPTIONS=asked)
    assert run.ret == 0
    assert "pictures that are missing or older than their text" in run.out
    assert project.pytest("--snapshot-update", OPTIONS=asked).ret == 0
    text = project.files()[f"{HOME}/test_all.nnfilters"].decode()
    assert "drawn: 4 filters, 1 channel, first, scale filter" in text
    assert project.pytest("-W", "error", OPTIONS=asked).ret == 0
    assert project.pytest("--snapshot-update", OPTIONS="{'sheets': 'off'}").ret == 0
    assert set(project.files()) == {f"{HOME}/test_all.nnfilters"}


def test_a_damaged_text_is_told_with_its_line_and_written_anew(project: Project) -> None:
    path = project.root / HOME / "test_all.nnfilters"
    path.write_text(path.read_text().replace("layers: 2", "layers: 3"))
    run = failed(project)
    assert headline(run).startswith("SnapshotError: unreadable snapshot: test_all, line 6: 3 layers are announced")
    assert project.pytest("--snapshot-update").ret == 0
    assert project.pytest().ret == 0


def test_wrong_calls_and_options_are_told(project: Project) -> None:
    project.write(
        "test_n.py",
        """
        import pytest
        import torch
        from pytest_nnviz.errors import OptionError, TraceError

        def test(nnviz_filters):
            with pytest.raises(TraceError, match="needs a model"):
                nnviz_filters()
            with torch.device("meta"):
                model = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3))
            with pytest.raises(TraceError, match="0 is on the meta device"):
                nnviz_filters(model)
            with pytest.raises(OptionError, match="'1' matches no module of Sequential"):
                nnviz_filters(model, "1")
            with pytest.raises(OptionError, match=r"rtol=1: give a number from 0, below 1"):
                nnviz_filters.using(rtol=1)
            with pytest.raises(OptionError, match=r"max_filters=0: give a number from 1 to 4096"):
                nnviz_filters.using(max_filters=0)
            with pytest.raises(OptionError, match=r"scale='model': choose one of 'layer', 'filter'"):
                nnviz_filters.using(scale="model")
            with pytest.raises(OptionError, match=r"unknown option 'atoll' \\(did you mean 'atol'"):
                nnviz_filters.using(atoll=1)
        """,
    )
    run = project.pytest("test_n.py", "-o", "nnviz_rtol=1e-3", "-o", "nnviz_exact=no")
    assert run.ret == 0, run.out
