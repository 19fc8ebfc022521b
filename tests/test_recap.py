"""What is said at the end of a run: what was accepted, and what made several snapshots fail, once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import Project
from made_up import call, linear, model, norm, run, x

from pytest_nnviz.accepting import Accepting, cause_id
from pytest_nnviz.architecture import Body, Module
from pytest_nnviz.drift import diff
from pytest_nnviz.recap import Note, Recap
from pytest_nnviz.wording import tell


def causes(old, new):
    return [row.cause for row in tell(diff(old, new)).main]


def stack(name: str, count: int, *, eps: float = 1e-5, gelu: bool = False, key: str = "norm"):
    """A model of its own with blocks of one class."""
    block = Module("Block", children=((key, norm(eps=eps)), ("fc", linear())))
    act = call("gelu" if gelu else "relu", x())
    body = Body((act, run(key, x(act.name)), run("fc", x(key))), x("fc"))
    layers = Module("ModuleList", children=tuple((str(i), block) for i in range(count)))
    return model([(name, layers)], [run(f"{name}.{i}", x=x(), body=body) for i in range(count)])


@pytest.mark.parametrize(
    ("edit", "cause"),
    [
        ({"eps": 0.5}, "Block.norm eps 1e-05 -> 0.5, changes the function"),
        ({"gelu": True}, "Block relu(x) -> gelu(x), changes the function"),
        ({"key": "ln"}, "Block.norm renamed to ln, breaks checkpoints"),
    ],
)
def test_a_cause_reads_the_same_in_every_model(edit: dict[str, object], cause: str) -> None:
    for name, count in (("layers", 2), ("h", 5)):
        assert cause in causes(stack(name, count), stack(name, count, **edit))


def said(*notes: Note) -> list[str]:
    recap = Recap()
    for note in notes:
        recap.add(Note.unpack(note.pack()))
    return list(recap.lines())


def failed(name: str, *causes: str) -> Note:
    return Note("failed", f"{name}.nnviz", f"test_m.py::{name}", (), causes, tuple(map(cause_id, causes)))


def test_each_reason_for_which_pictures_could_not_be_drawn_is_told_once() -> None:
    recap = Recap()
    for name, reason in (("a", "no room"), ("b", "not ours"), ("c", "no room")):
        recap.add(Note("undrawn", name, f"test_m.py::{name}", (reason,)))
    assert list(recap.warnings()) == [
        "pictures could not be drawn for a, c (the texts are complete, and they decide): no room\nfor b: not ours"
    ]


def test_causes_are_told_with_all_that_they_made_fail() -> None:
    both = ",".join(sorted(map(cause_id, ("one", "two"))))
    assert said(failed("a", "one", "two"), failed("b", "two", "one"), failed("c", "two", "three")) == [
        "3 snapshots share a change: two",
        "  beside other changes in test_m.py::a, test_m.py::b, test_m.py::c",
        "2 snapshots share a change: one",
        "  beside other changes in test_m.py::a, test_m.py::b",
        "several of these changes and no others: test_m.py::a, test_m.py::b",
        f"  if all are intended: pytest --snapshot-update --nnviz-accept {both}",
    ]


def test_each_command_accepts_what_stands_above_it() -> None:
    notes = failed("a", "one"), failed("b", "one", "two"), failed("c", "two", "three"), failed("d", "two")
    lines = said(*notes)
    commands = {at: line.rpartition(" ")[2].split(",") for at, line in enumerate(lines) if "--nnviz-accept" in line}
    assert len(commands) == 3
    for at, ids in commands.items():
        names = {note.nodeid for note in notes if Accepting(tuple(ids)).takes(note.ids)}
        above = next(line for line in reversed(lines[:at]) if "beside" not in line)
        assert {word.rstrip(",") for word in above.split() if "::" in word} <= names
        assert "test_m.py::c" not in names
    assert said(failed("a", "one"), failed("b", "two"), failed("c")) == []


def test_what_changes_nothing_is_no_cause_beside_what_does() -> None:
    assert said(failed("a", "graver a", "order, cosmetic"), failed("b", "graver b", "order, cosmetic")) == []
    assert said(failed("a", "order, cosmetic"), failed("b", "order, cosmetic"))[0] == (
        "2 snapshots failed for one cause: order, cosmetic"
    )


def test_what_many_have_in_common_stays_short() -> None:
    lines = said(*(failed(f"t{i:02}", *(f"cause {n}" for n in range(30))) for i in range(40)))
    assert lines[0] == "40 snapshots failed for one cause: cause 0"
    assert len(lines) == 12
    assert lines[-1].startswith("  if intended: pytest --snapshot-update --nnviz-accept ")
    differing = (replace(failed(f"t{i:02}", "words"), ids=(cause_id(str(i)),)) for i in range(40))
    assert said(*differing)[-1] == "  if intended: pytest --snapshot-update test_m.py"


TESTS = """
    import os
    import pytest
    from stub_tracer import Net

    @pytest.mark.parametrize("width", [3, 4, 5])
    def test_zoo(width, nnviz_snapshot):
        nnviz_snapshot(Net(width, mark=os.environ.get("MARK", "1")))

    def test_caught(nnviz_snapshot):
        try:
            nnviz_snapshot(Net(7, mark=os.environ.get("MARK", "1")))
        except AssertionError:
            pass
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_one_edit_of_several_models(workers: tuple[str, ...], project: Project) -> None:
    project.write("test_m.py", TESTS)
    assert project.pytest("--snapshot-update", *workers).ret == 0
    run = project.pytest(*workers, MARK="2")
    assert run.out.count("failed for one cause") == 1
    assert run.line("3 snapshots") == "3 snapshots failed for one cause: Net mark 1 -> 2, changes the function"
    for width in (3, 4, 5):
        assert run.line(f"FAILED test_m.py::test_zoo[{width}] - changes the function: mark 1 -> 2")
    assert "test_caught" not in run.out
    accepted = project.pytest("--snapshot-update", *workers, MARK="2")
    assert accepted.line("accepted in 4 snapshots: Net mark 1 -> 2, changes the function")
    assert accepted.line("__nnviz__/test_m/test_zoo[5].nnviz")


def test_one_failure_is_told_where_it_failed(project: Project) -> None:
    project.write("test_m.py", TESTS)
    assert project.pytest("--snapshot-update").ret == 0
    assert "for one cause" not in project.pytest("-k", "3", MARK="2").out
    accepted = project.pytest("--snapshot-update", "-k", "3", MARK="2")
    assert accepted.line("accepted __nnviz__/test_m/test_zoo[3].nnviz")
    assert accepted.line("~ (model)  mark 1 -> 2")
