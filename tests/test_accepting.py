"""Acceptance by cause: ids that two drifts share only where they are the same, and updates that take nothing else."""

from __future__ import annotations

import json
import re
import sys

import pytest
import torch
from conftest import Project, Run
from hypothesis import given
from hypothesis import strategies as st
from made_up import linear, model, norm
from test_recap import failed, said, stack
from torch import nn

from pytest_nnviz.accepting import Accepting, cause_id, ids_of, whole_id
from pytest_nnviz.architecture import Module
from pytest_nnviz.drift import diff
from pytest_nnviz.filterbanks.comparing import compare
from pytest_nnviz.filterbanks.measuring import find
from pytest_nnviz.filterbanks.telling import cause, cause_key
from pytest_nnviz.options import FilterOptions, SummaryOptions
from pytest_nnviz.recap import Note, Recap
from pytest_nnviz.summaries.checking import check
from pytest_nnviz.summaries.drift import diff as difference
from pytest_nnviz.summaries.wording import cause_keys as keys_of_tables
from pytest_nnviz.summaries.wording import causes as causes_of_tables
from pytest_nnviz.wording import tell
from pytest_nnviz.wording.causes import cause_keys

IDS = st.sets(st.text(max_size=3).map(cause_id), min_size=1, max_size=5)


@given(IDS, IDS, st.randoms())
def test_a_drift_is_accepted_as_a_whole_or_cause_by_cause(causes, others, random) -> None:
    mixed = [*causes, *causes]
    random.shuffle(mixed)
    whole = whole_id(causes)
    assert ids_of([whole]) == (whole,)
    assert whole_id(mixed) == whole
    assert Accepting((whole,)).takes(mixed)
    assert Accepting((*causes, *others)).takes(mixed)
    assert Accepting((whole,)).takes(others) == (causes == others)
    assert Accepting(tuple(causes)).takes(causes | others) == (others <= causes)
    assert not Accepting(tuple(causes)).takes([])


def test_ids_come_with_commas_and_again() -> None:
    assert ids_of(["0123abcd,FFFFFFFF", " 0123abcd ", "00000000"]) == ("0123abcd", "ffffffff", "00000000")
    for wrong in ("", "0123abc", "0123abcg", "0123abcd,", "0123abcd 00000000"):
        with pytest.raises(ValueError, match="is no id of a cause: give the 8 hexadecimal digits"):
            ids_of([wrong])


def told(old, new):
    drift = diff(old, new)
    rows = tell(drift, limit=sys.maxsize).main
    keys = cause_keys(drift)
    assert len(keys) == len(rows) > 0
    return [row.cause for row in rows], keys


@pytest.mark.parametrize("edit", [{"eps": 0.5}, {"gelu": True}, {"key": "ln"}, {"eps": 0.5, "gelu": True}])
def test_one_edit_has_one_key_in_every_model(edit) -> None:
    keys = [told(stack(name, count), stack(name, count, **edit))[1] for name, count in (("layers", 2), ("h", 5))]
    assert keys[0] == keys[1]


def test_what_the_words_cut_still_counts() -> None:
    """Two drifts in the same words, which have no room for what tells them apart."""
    inside = [model([("head", Module("Sequential", children=(("0", linear(8, size)),)))]) for size in (8, 9)]
    came = [told(model([("head", Module("Sequential"))]), new) for new in inside]
    assert came[0][1] != came[1][1]
    added = [told(model([]), new) for new in inside]
    assert added[0][0] == added[1][0]
    assert added[0][1] != added[1][1]
    gone = [told(new, model([])) for new in inside]
    assert gone[0][0] == gone[1][0]
    assert gone[0][1] != gone[1][1]
    many = {f"argument_{at:02}": "a" * 9 for at in range(40)}
    old, *news = (
        model([("norm", norm(**{**many, **edit}))])
        for edit in ({}, *({**dict.fromkeys(many, "b" * 9), "argument_39": end} for end in ("c", "d")))
    )
    cut = [told(old, new) for new in news]
    assert cut[0][0] == cut[1][0]
    assert cut[0][1] != cut[1][1]


def test_more_edits_than_a_message_tells_all_count() -> None:
    olds, news, others = (
        model([(f"n{at}", norm(eps=at + add)) for at in range(70)][: 70 - (kind == "less")])
        for kind, add in (("all", 0), ("all", 0.5), ("less", 0.5))
    )
    assert len(told(olds, news)[1]) == 70
    assert len({*told(olds, news)[1], *told(olds, others)[1]}) == 71


def table(module):
    return check(SummaryOptions(), module, (torch.ones(1, 4),), {}, stored=None, updates="all").summary


def test_rows_of_a_table_count_with_what_is_in_them() -> None:
    old = table(nn.Sequential(nn.Linear(4, 4)))
    news = [
        table(nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4), last))) for last in (nn.ReLU(), nn.GELU())
    ]
    drifts = [difference(old, new) for new in news]
    assert causes_of_tables(drifts[0]) == causes_of_tables(drifts[1])
    assert keys_of_tables(drifts[0]) != keys_of_tables(drifts[1])
    assert keys_of_tables(difference(old, news[0])) == keys_of_tables(drifts[0])


def test_filters_count_to_the_bit() -> None:
    banks = []
    for by in (0.0, 1.0, 1.00001):
        torch.manual_seed(0)
        conv = nn.Conv2d(1, 4, 3)
        with torch.no_grad():
            conv.weight[0, 0, 0, 0] += by
        banks.append(find(conv).measure(FilterOptions()))
    one, other = (compare(banks[0], new).layers[0] for new in banks[1:])
    assert cause(one) == cause(other)
    assert cause_key(one) != cause_key(other)


def test_a_group_is_told_with_the_command_that_accepts_it() -> None:
    one, two, both = cause_id("one"), cause_id("two"), whole_id(map(cause_id, ("one", "two")))
    command = "  if intended: pytest --snapshot-update --nnviz-accept"
    assert said(failed("a", "one"), failed("b", "one"))[-1] == f"{command} {one}"
    assert said(failed("a", "two", "one"), failed("b", "one", "two"))[-1] == f"{command} {both}"
    lines = said(failed("a", "one"), failed("b", "one", "two"), failed("c", "two"))
    assert [line for line in lines if line.startswith(command)] == [f"{command} {one}", f"{command} {two}"]
    assert lines[-1] == f"  if all are intended: pytest --snapshot-update --nnviz-accept {','.join(sorted((one, two)))}"
    lines = said(failed("a", "one"), failed("b", "one", "three"), failed("c", "one"))
    assert lines[-1] == f"{command} {one}"
    assert "beside other changes in test_m.py::b" in lines[-2]


def recap(accepting: tuple[str, ...], *notes: Note) -> Recap:
    found = Recap(Accepting(accepting))
    for note in notes:
        found.add(note)
    return found


def test_the_end_says_what_was_accepted_what_was_left_and_what_is_unknown() -> None:
    one, two = cause_id("one"), cause_id("two")
    accepted = Note("accepted", "a.nnviz", "test_m.py::a", (), ("one",), (one,))
    found = recap((one, two, "00000000"), accepted, failed("b", "one", "three"), failed("c", "four"))
    assert list(found.lines())[-2:] == [
        "accepted by cause: 1 snapshot",
        "  not accepted, as other changes are beside it: b.nnviz",
    ]
    assert [text.split(":")[0] for text in found.unknown()] == [f"--nnviz-accept {two}", "--nnviz-accept 00000000"]
    assert list(recap((), accepted).unknown()) == []
    assert "accepted by cause" not in "\n".join(recap((), accepted).lines())


TESTS = """
    import os

    import pytest
    from stub_tracer import Net

    MARK = os.environ.get("MARK", "1")

    @pytest.mark.parametrize("width", [3, 4])
    def test_zoo(width, nnviz_snapshot):
        nnviz_snapshot(Net(width, mark=MARK))

    class TestIn:
        def test_method(self, nnviz_snapshot):
            nnviz_snapshot.using(images="png")(Net(5, mark=MARK))

    def test_beside(nnviz_snapshot):
        nnviz_snapshot(Net(6, mark=MARK, trainable=MARK == "1"))

    def test_another(nnviz_snapshot):
        nnviz_snapshot(Net(7, trainable=MARK == "1"))

    def test_over_budget(nnviz_snapshot):
        nnviz_snapshot.using(max_parameters=1 if MARK == "2" else None)(Net(8, mark=MARK))

    def test_not_recorded(nnviz_snapshot):
        if MARK == "2":
            nnviz_snapshot(Net())

    def test_damaged(nnviz_snapshot):
        nnviz_snapshot(Net(9, mark=MARK))

    def test_stale(nnviz_snapshot):
        nnviz_snapshot(Net(10))

    def test_of_others(snapshot):
        assert MARK == snapshot

    @pytest.mark.xfail(MARK == "2", reason="no report tells it", strict=True)
    def test_known(nnviz_snapshot):
        nnviz_snapshot(Net(11, mark=MARK))
"""
HOME = "__nnviz__/test_m"
NAMES = {f"{HOME}/test_zoo[{width}].{suffix}" for width in (3, 4) for suffix in ("nnviz", "svg")} | {
    f"{HOME}/TestIn.test_method.{suffix}" for suffix in ("nnviz", "png")
}


@pytest.fixture
def recorded(project: Project) -> Project:
    project.write("test_m.py", TESTS)
    assert project.pytest("--snapshot-update").ret == 0
    project.write(f"{HOME}/test_damaged.nnviz", "damage")
    project.write(f"{HOME}/test_gone.nnviz", "of a test that is gone")
    (project.root / f"{HOME}/test_stale.svg").unlink()
    return project


def shown(run: Run) -> str:
    start = run.out.index("4 snapshots share a change: Net mark 1 -> 2, changes the function")
    return re.findall(r"--nnviz-accept (\w{8})\n", run.out[start:])[0]


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["serial", "xdist"])
def test_an_update_takes_what_drifted_by_this_cause_and_nothing_else(workers, recorded: Project) -> None:
    accepted = shown(recorded.pytest(*workers, MARK="2"))
    before = recorded.files("__nnviz__", "__snapshots__")
    run = recorded.pytest("--snapshot-update", "--nnviz-accept", accepted, *workers, MARK="2")
    after = recorded.files("__nnviz__", "__snapshots__")
    assert {name for name in after if after[name] != before.get(name)} == NAMES
    assert after.keys() == before.keys()
    assert run.ret == 1
    assert run.line("accepted in 3 snapshots: Net mark 1 -> 2, changes the function")
    assert run.line("accepted by cause: 3 snapshots")
    assert run.line("not accepted, as other changes").endswith(f"beside it: {HOME}/test_beside.nnviz")
    failed = re.findall(r"^FAILED test_m\.py::(\w+)", run.out, re.MULTILINE)
    names = ["another", "beside", "damaged", "not_recorded", "of_others", "over_budget"]
    assert sorted(failed) == [f"test_{name}" for name in names]
    assert run.line("FAILED test_m.py::test_beside - changes the function: mark 1 -> 2 (+1 more)")
    assert run.line("FAILED test_m.py::test_not_recorded - no snapshot yet")
    assert "error:" not in run.out
    again = recorded.pytest("--snapshot-update", "--nnviz-accept", accepted, *workers, "-k", "zoo", MARK="2")
    assert again.ret == 1
    assert again.line(f"error: --nnviz-accept {accepted}: nothing drifted by this cause")
    assert recorded.files("__nnviz__", "__snapshots__") == after


def test_several_causes_accept_what_has_them_all(recorded: Project) -> None:
    run = recorded.pytest("-k", "beside", MARK="2")
    data = recorded.files("nnviz-artifacts")["nnviz-artifacts/test_m/test_beside/drift.json"]
    whole = json.loads(data)["cause_id"]
    assert whole not in run.out  # it is told of several alone
    copy = recorded.copy(recorded.root.parent / "copy")
    run = recorded.pytest("--snapshot-update", f"--nnviz-accept={whole}", "-k", "beside or zoo", MARK="2")
    assert run.line("accepted by cause: 1 snapshot")
    assert (run.ret, run.out.count("FAILED")) == (1, 2)
    ids = re.findall(r"--nnviz-accept (\w+)", copy.pytest("-k", "beside or zoo or another", MARK="2").out)
    assert len(set(ids)) == 2
    run = copy.pytest("--snapshot-update", "--nnviz-accept", ",".join(ids), "-k", "beside or zoo or another", MARK="2")
    assert run.ret == 0, run.out
    assert run.line("accepted by cause: 4 snapshots")


def test_it_needs_an_update_and_ids(recorded: Project) -> None:
    run = recorded.pytest("--nnviz-accept", "0123abcd", "test_m.py::test_zoo[3]")
    assert run.ret == 4
    command = "pytest --snapshot-update -p syrupy -p pytest_nnviz.plugin -p xdist --nnviz-accept 0123abcd"
    assert run.line("ERROR: --nnviz-accept says").endswith(
        f"needs --snapshot-update: {command} 'test_m.py::test_zoo[3]'"
    )
    run = recorded.pytest("--snapshot-update", "--nnviz-accept", "mark")
    assert (run.ret, "'mark' is no id of a cause" in run.out) == (4, True)
    run = recorded.pytest("--snapshot-update", "--nnviz-accept", "0123abcd", "--no-summary", "-k", "zoo")
    assert run.ret == 1
    assert run.line("error: --nnviz-accept 0123abcd: nothing drifted by this cause")


KINDS = """
    import os
    import torch
    from torch import nn

    EDITED = "EDITED" in os.environ

    def net():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(1, 4, 3 - 2 * EDITED), nn.ReLU())
        return model

    class TestKinds:
        def test_arch(self, nnviz_snapshot):
            nnviz_snapshot(net(), torch.ones(1, 1, 8, 8))

        def test_table(self, nnviz_summary):
            nnviz_summary(net(), torch.ones(1, 1, 8, 8))

        def test_filters(self, nnviz_filters):
            nnviz_filters(net())
"""


def test_all_kinds_of_snapshots_are_accepted_by_cause(tmp_path) -> None:
    project = Project(tmp_path / "project")
    project.write("test_m.py", KINDS)
    assert project.pytest("--snapshot-update").ret == 0
    before = project.files()
    project.pytest(EDITED="1")
    run = json.loads(project.files("nnviz-artifacts")["nnviz-artifacts/drift.json"])
    ids = {finding["cause_id"] for finding in run["findings"]}
    assert len(ids) == 3
    accepted = project.pytest("--snapshot-update", f"--nnviz-accept={','.join(ids)}", EDITED="1")
    assert accepted.ret == 0, accepted.out
    assert accepted.line("accepted by cause: 3 snapshots")
    after = project.files()
    assert after.keys() == before.keys()
    assert all(after[name] != before[name] for name in after)
