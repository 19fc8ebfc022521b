"""The line of source of a call: from the trace of a check that fails, in its words, never in the text."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path

import torch
from conftest import Project
from made_up import call, model, result, x
from torch import nn

from pytest_nnviz import Options, diff, dumps, trace
from pytest_nnviz.architecture import walk_calls
from pytest_nnviz.tracing import open_session
from pytest_nnviz.wording import words

X = torch.zeros(1, 4)


class Block(nn.Module):
    def __init__(self, twice=False):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.twice = twice

    def forward(self, x):
        x = self.fc(x)  # fc
        if self.twice:
            x = x * 2  # mul
        return torch.relu(x)  # relu


def line_of(mark: str) -> str:
    lines, start = inspect.getsourcelines(Block)
    return f"{__file__}:{start + next(i for i, line in enumerate(lines) if line.endswith(f'# {mark}' + chr(10)))}"


def sources(architecture):
    return {call.name: call.source for _, call in walk_calls(architecture.forward)}


def test_the_passes_of_a_check_that_fails_know_the_lines() -> None:
    with open_session(Options(), nn.Sequential(Block(twice=True)), (X,)) as session:
        first = session.run()
        settled = session.settle(first)
    assert set(sources(first).values()) == {None}
    found = sources(settled)
    assert {name: found[name] for name in ("fc", "mul", "relu")} == {
        name: line_of(name) for name in ("fc", "mul", "relu")
    }
    assert found["0"] is None  # called by torch's own Sequential
    assert first == settled
    assert dumps(replace(settled, versions=())) == dumps(first)
    assert __file__ not in dumps(settled)


def test_an_added_call_is_told_with_its_line() -> None:
    drift = diff(trace(nn.Sequential(Block()), X), trace(nn.Sequential(Block(twice=True)), X))
    lines = words(drift, root=str(Path(__file__).parent))
    assert any(line.startswith("+ 0  mul(%fc, 2) new") and f"  {Path(line_of('mul')).name}" in line for line in lines)


def test_a_line_goes_below_where_there_is_no_room() -> None:
    def of(*calls):
        return model((), [replace(each, source=f"/home/me/project/models/{each.target}.py:7") for each in calls])

    drift = diff(of(call("relu", x())), of(call("relu", x()), call("softmax", result("relu"), dim=1)))
    row = "+ (model)  softmax(%relu, dim=1) new  changes the function"
    assert words(drift, root="/home/me/project")[0] == f"{row}  models/softmax.py:7"
    assert words(drift, root="/home/me/project", width=70)[:2] == [row, "    models/softmax.py:7"]
    assert words(drift, root="/home/me/other")[0].endswith("  /home/me/project/models/softmax.py:7")


def test_lines_of_a_library_go_by_its_package() -> None:
    old, new = (
        model((), [call("relu", x())]),
        model((), [replace(call("gelu", x()), source="/v/site-packages/lib/a.py:3")]),
    )
    assert words(diff(old, new))[0].endswith("  lib/a.py:3")


def test_the_line_is_in_the_message(project: Project) -> None:
    project.write("conftest.py", "")
    project.write(
        "models/block.py",
        """
        import os
        import torch

        class Block(torch.nn.Module):
            def forward(self, x):
                if "EDIT" in os.environ:
                    x = x.tanh()
                return x.relu()
        """,
    )
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    project.write(
        "test_m.py",
        "import torch\nfrom models.block import Block\n"
        "def test(nnviz_snapshot):\n    nnviz_snapshot.using(images='off')(Block(), torch.zeros(1))",
    )
    assert project.pytest("--snapshot-update").ret == 0
    run = project.pytest(EDIT="1", COLUMNS="120")
    assert run.line("+ (model)  tanh(x) new").endswith("  models/block.py:8")
    assert all(b"block.py" not in data for data in project.files().values())
