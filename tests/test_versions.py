"""The versions behind a text: whose they are, when they are looked up, and what a message says of them."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from conftest import Project
from torch import nn

from pytest_nnviz import Options, __version__, dumps, trace
from pytest_nnviz.checker import check
from pytest_nnviz.tracing.describing import distributions
from pytest_nnviz.verdict import Status

X = torch.zeros(1, 2)
ALWAYS = (("torch", torch.__version__.partition("+")[0]), ("pytest-nnviz", __version__))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed distributions, empty, and nothing known of what is installed."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    forget()
    yield site
    forget()
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def forget() -> None:
    for table in (distributions._packages, distributions._distributions, distributions._keeps_metadata):
        table.cache_clear()


def install(site: Path, name: str, version: str, package: str) -> None:
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "top_level.txt").write_text(f"{package}\n")
    (info / "RECORD").write_text(f"{package}/__init__.py,,\n")


def block_of(folder: Path, package: str) -> nn.Module:
    """A model with a module of a class out of this package."""
    (folder / package).mkdir(parents=True)
    (folder / package / "__init__.py").write_text("import torch\nclass Block(torch.nn.Linear): pass\n")
    return nn.Sequential(importlib.import_module(package).Block(2, 2))


def test_the_distributions_of_classes_are_known(site: Path) -> None:
    install(site, "made-up-layers", "1.2.3", "made_up_layers")
    assert trace(block_of(site, "made_up_layers"), X).versions == (*ALWAYS, ("made-up-layers", "1.2.3"))


def test_modules_of_the_user_are_no_distribution_of_the_same_name(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some distributions install a package ``tests`` or ``models``, which is not the one in the project."""
    install(site, "careless", "9.9", "models_of_mine")
    monkeypatch.syspath_prepend(tmp_path / "project")
    assert trace(block_of(tmp_path / "project", "models_of_mine"), X).versions == ALWAYS


def test_a_model_of_the_user_and_of_torch_reads_no_metadata(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that passes has the versions too, and asks for no more than the model is made of."""

    def fail(*_: object) -> None:
        raise AssertionError("metadata were read")

    for name in ("packages_distributions", "distribution", "version"):
        monkeypatch.setattr(importlib.metadata, name, fail)
    monkeypatch.syspath_prepend(tmp_path / "project")
    model = block_of(tmp_path / "project", "models_of_mine")
    stored = dumps(trace(model, X))
    verdict = check(Options(), model, (X,), {}, stored=stored, updates="nothing")
    assert (verdict.status, verdict.architecture.versions) == (Status.PASSED, ALWAYS)
    install(site, "made-up-layers", "1.2.3", "made_up_layers")
    with pytest.raises(AssertionError, match="metadata"):
        trace(block_of(site, "made_up_layers"), X)


def test_they_are_recorded_without_a_forward_pass_too() -> None:
    assert Options(forward=False).trace(nn.Linear(2, 2)).versions == ALWAYS


def test_a_pass_leaves_them_and_a_change_rewrites_them(project: Project) -> None:
    project.write(
        "test_m.py",
        """
        import os
        from stub_tracer import Net

        def test(nnviz_snapshot):
            nnviz_snapshot(Net(int(os.environ["WIDTH"]), torch=os.environ["NOW"]))
        """,
    )

    def last_line() -> str:
        return (project.root / "__nnviz__/test_m/test.nnviz").read_text().splitlines()[-1]

    assert project.pytest("--snapshot-update", WIDTH="4", NOW="2.13.0").ret == 0
    assert project.pytest("--snapshot-update", WIDTH="4", NOW="2.15.0").ret == 0
    assert last_line() == "# recorded with torch 2.13.0"
    drifted = project.pytest(WIDTH="5", NOW="2.15.0")
    assert drifted.line("recorded with torch 2.13.0; now torch 2.15.0")
    assert project.pytest(WIDTH="5", NOW="2.13.0").line("torch 2.13.0: unchanged since this was recorded")
    assert project.pytest("--snapshot-update", WIDTH="5", NOW="2.15.0").ret == 0
    assert last_line() == "# recorded with torch 2.15.0"
