"""Budgets: which limits there are, that they fail whatever is updated, and what their message says."""

from __future__ import annotations

import pytest
from conftest import Project
from made_up import linear, model

from pytest_nnviz.budgets import Budget
from pytest_nnviz.errors import OptionError
from pytest_nnviz.options import Options


def of(parameters: int):
    return model([("a", linear(parameters - 1, 1))])


@pytest.mark.parametrize(
    ("limit", "old", "new", "holds"),
    [
        (100, None, 100, True),
        (100, None, 101, False),
        (100, 101, 101, False),
        (None, None, 10**9, True),
    ],
)
def test_all_parameters(limit: int | None, old: int | None, new: int, holds: bool) -> None:
    before = None if old is None else of(old)
    assert (not list(Budget(limit).exceeded(before, of(new)))) is holds


@pytest.mark.parametrize(
    ("growth", "old", "new", "holds"),
    [
        ("1%", 1000, 1010, True),
        ("1%", 1000, 1011, False),
        ("0.1 %", 1000, 1001, True),
        ("0.1 %", 1000, 1002, False),
        ("0%", 1000, 1000, True),
        ("0%", 1000, 1001, False),
        ("0%", 1000, 2, True),
        ("100%", 1000, 2001, False),
        ("1%", None, 10**6, True),
    ],
)
def test_growth(growth: str, old: int | None, new: int, holds: bool) -> None:
    before = None if old is None else of(old)
    assert (not list(Budget(growth=growth).exceeded(before, of(new)))) is holds


def test_growth_from_nothing() -> None:
    [excess] = Budget(growth="5%").exceeded(model(), of(1234))
    assert excess.text == 'parameters 0 -> 1,234 (+1,234), max_parameter_growth="5%"'


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("max_parameters", -1, "max_parameters=-1: give a number from 0, or None for any"),
        ("max_parameters", 5e6, "max_parameters=5000000.0: give a number"),
        ("max_parameters", True, "max_parameters=True: give a number"),
        ("max_parameter_growth", 1, 'max_parameter_growth=1: give a percentage such as "1%", or None for any'),
        ("max_parameter_growth", "1", "max_parameter_growth='1': give a percentage"),
        ("max_parameter_growth", "-1%", "max_parameter_growth='-1%': give a percentage"),
        ("max_parameter_growth", "1/0%", "max_parameter_growth='1/0%': give a percentage"),
        ("max_parameter_growth", "1% more", "max_parameter_growth='1% more': give a percentage"),
    ],
)
def test_what_is_no_limit_says_so(option: str, value: object, words: str) -> None:
    with pytest.raises(OptionError) as raised:
        Options().using(**{option: value})
    assert str(raised.value).startswith(words)


@pytest.mark.parametrize("written", ["5_000_000", "5,000,000", "5000000", 5000000])
def test_numbers_of_a_project(written: object) -> None:
    assert Options(**Options.parse_ini({"max_parameters": written})).max_parameters == 5_000_000


TESTS = """
    import os
    import pytest
    from stub_tracer import Net

    def net():
        return Net(int(os.environ["WIDTH"]))

    def test_all(nnviz_snapshot):
        nnviz_snapshot.using(max_parameters=16)(net())

    @pytest.mark.nnviz(max_parameter_growth="10%")
    def test_growth(nnviz_snapshot):
        nnviz_snapshot(net())
"""


@pytest.mark.parametrize("update", [(), ("--snapshot-update",)])
def test_nothing_is_written_over_a_budget(update: tuple[str, ...], project: Project) -> None:
    project.write("test_m.py", TESTS)
    first = project.pytest(*update, WIDTH="5")
    headline = "over budget: parameters 20, max_parameters=16 in test_all"
    assert first.line("FAILED test_m.py::test_all - over budget: parameters")
    assert first.line(f"pytest_nnviz.errors.ArchitectureDrift: {headline}")
    assert first.line("parameters are in head 20")
    assert first.line("if intended:") == (
        "if intended: raise max_parameters, then pytest --snapshot-update test_m.py::test_all"
    )
    assert ("not written: a budget holds when updating too" in first.out) is bool(update)
    assert ("1 snapshot failed. 1 snapshot generated." if update else "2 snapshots failed.") in first.out
    assert all("test_growth" in name for name in project.files())

    assert project.pytest("--snapshot-update", WIDTH="4").ret == 0
    stored = project.files()
    second = project.pytest(*update, WIDTH="5")
    assert "2 failed" in second.out
    assert "2 snapshots failed." in second.out
    assert "snapshots passed" not in second.out
    assert second.line("FAILED test_m.py::test_growth - over budget: parameters")
    assert second.line("pytest_nnviz.errors.ArchitectureDrift: over budget: parameters 16 ->").endswith(
        'parameters 16 -> 20 (+25.00 %), max_parameter_growth="10%" in test_growth'
    )
    assert second.line("~ head     weight f32[4, 4] -> f32[5, 4]")
    assert "for one cause" not in second.out
    assert project.files() == stored
    assert len(project.files("nnviz-artifacts")) == 2 * 12 + 4
    assert project.pytest(*update, WIDTH="4").ret == 0
    assert not project.files("nnviz-artifacts")


def test_a_project_that_lowers_its_budget(project: Project) -> None:
    """A snapshot that still matches is not enough."""
    project.write("test_m.py", "from stub_tracer import Net\ndef test(nnviz_snapshot): nnviz_snapshot(Net())")
    assert project.pytest("--snapshot-update").ret == 0
    stored = project.files()
    project.write("pytest.ini", "[pytest]\nnnviz_max_parameters = 15\nnnviz_max_parameter_growth = 1%\n")
    for update in ((), ("--snapshot-update",)):
        run = project.pytest(*update)
        assert run.line("FAILED test_m.py::test - over budget: parameters 16, max_parameters=15")
        assert run.line("if intended:") == "if intended: raise max_parameters"
        assert "not written" not in run.out
        assert project.files() == stored
