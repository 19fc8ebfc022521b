"""The command line reads and compares tables and filters too."""

import json
import os
from pathlib import Path

import pytest
import torch
from command_line import alone, commit, git, ran
from hypothesis import given
from made_up_tables import tables
from recorded import Net, filters, record, record_filters, table
from schema import validate

from pytest_nnviz.drift.data import CONSEQUENCES
from pytest_nnviz.gates import GATES
from pytest_nnviz.summaries.checking import compared

FIXTURES = {"nnsummary": "nnviz_summary", "nnfilters": "nnviz_filters"}


@pytest.fixture(scope="module")
def texts():
    """Each kind of text, before and after the first layer is wider."""
    old, new = Net(), Net(width=6)
    return {"nnsummary": (table(old), table(new)), "nnfilters": (filters(old), filters(new))}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    alone(tmp_path, monkeypatch)


@pytest.fixture
def command(capsys):
    return lambda *arguments: ran(capsys, *arguments)


@pytest.fixture(params=FIXTURES)
def pair(request, texts):
    """The files of one kind, and the kind."""
    for name, text in zip(("old", "new"), texts[request.param], strict=True):
        Path(f"{name}.{request.param}").write_text(text, encoding="utf-8")
    return f"old.{request.param}", f"new.{request.param}", request.param


def test_show_is_the_text_without_what_is_the_same_in_all(command, pair, texts):
    old, new, kind = pair
    code, out, err = command("show", old)
    assert (code, err) == (0, "")
    assert out.startswith({"nnsummary": "Net, eval, 4 rows, ", "nnfilters": "Net, 2 layers, 8 filters\n"}[kind])
    assert "Made by pytest" not in out
    told = [line for line in texts[kind][0].split("\n")[3:] if line != "[end]"]
    assert set(filter(None, told)) <= {*out.split("\n"), *(f"# {line}" for line in out.split("\n"))}
    assert out != command("show", new)[1]


def test_diff_says_what_changed_and_exits_by_it(command, pair):
    old, new, kind = pair
    said = {
        "nnsummary": "summary drifted: conv1 Param # 40 -> 60, Output Shape [1, 4, 6, 6] -> [1, 6, 6, 6] (+1 more)",
        "nnfilters": "conv1: filters 4 -> 6, filters 4, 5 added (+1 more layer)",
    }[kind]
    code, out, err = command("diff", old, new)
    assert (code, err) == (1, "")
    assert out.split("\n")[0] == f"{said} in new"
    assert "conv2" in out
    assert command("diff", old, old) == (0, "no change in old\n", "")


def test_what_is_not_there(command, pair):
    old = pair[0]
    code, out, _ = command("diff", os.devnull, old)
    assert (code, out.startswith("new: old, Net, ")) == (1, True)
    data = json.loads(command("diff", old, os.devnull, "--json")[1])
    assert (data["new"], data["old"]["model"], data["headline"]) == (None, "Net", "removed: old")


def test_as_json_and_markdown(command, pair):
    old, new, kind = pair
    code, out, _ = command("diff", old, new, "--json", "--name", "net")
    data = json.loads(out)
    validate(data)
    validate(json.loads(command("diff", os.devnull, old, "--json")[1]))
    schema = {"nnsummary": "nnviz-summary-drift 1", "nnfilters": "nnviz-filters-drift 1"}[kind]
    assert (code, data["schema"], data["name"], data["same"], data["failed"]) == (1, schema, "net", False, True)
    assert data["headline"].endswith(" in net")
    conv1 = next(change for change in data["changes"] if change["place"] == "conv1")
    facts = {
        "nnsummary": {"what": "Param #", "old": "40", "new": "60"},
        "nnfilters": {"what": "filters", "old": "4", "new": "6"},
    }[kind]
    assert facts in (conv1["changes"] if kind == "nnsummary" else conv1["facts"])
    assert json.loads(command("diff", old, old, "--json")[1])["same"] is True
    lines = command("diff", old, new, "--markdown")[1].splitlines()
    assert lines[2] == "|  | place | change |  | consequence |"
    assert any(line.startswith("| `~` | `conv1` |") and line.endswith("breaks checkpoints |") for line in lines)


def test_what_a_kind_has_not_is_an_error(command, pair):
    old, new, kind = pair
    for arguments in (["diff", old, new, "--gate", "shapes"], ["diff", old, new, "--image", "a.svg"]):
        code, out, err = command(*arguments)
        what = arguments[3]
        assert (code, out) == (2, "")
        assert err == (
            f"pytest-nnviz: {old} is a text of {FIXTURES[kind]}: {what} is for those of nnviz_snapshot (.nnviz)\n"
        )
    for arguments in (["show", old, "--depth", "1"], ["show", old, "--image", "a.svg"], ["checkpoint", "x", old]):
        assert command(*arguments)[0] == 2
    assert not list(Path().glob("a.*"))


def test_texts_of_two_kinds_are_not_compared(command, texts):
    for kind, (text, _) in texts.items():
        Path(f"old.{kind}").write_text(text, encoding="utf-8")
    code, out, err = command("diff", "old.nnsummary", "old.nnfilters")
    assert (code, out) == (2, "")
    assert err == (
        "pytest-nnviz: old.nnsummary is a text of nnviz_summary and old.nnfilters is a text of nnviz_filters: "
        "give two of one kind\n"
    )


@pytest.mark.parametrize("where", ["top", "middle"])
def test_conflict_markers_are_said_to_be_that(command, pair, where):
    old, _, _ = pair
    lines = Path(old).read_text(encoding="utf-8").split("\n")
    at = 0 if where == "top" else 7
    lines[at:at] = ["<<<<<<< HEAD", lines[at], "=======", "mode: train", ">>>>>>> other"]
    Path(old).write_text("\n".join(lines), encoding="utf-8")
    code, _, err = command("show", old)
    assert code == 2
    assert f"{old}, line {at + 1}: holds a conflict marker ('<<<<<<< HEAD'): merge the code" in err


def moved():
    """A model of which one weight is another."""
    model = Net()
    with torch.no_grad():
        model.conv1.weight[2, 0, 1, 2] = 1.0
    return model


@pytest.fixture
def _sheets():
    record_filters(Path("old/__nnviz__/net.nnfilters"), Net())
    record_filters(Path("new/__nnviz__/net.nnfilters"), moved())


@pytest.mark.usefixtures("_sheets")
class TestSheets:
    OLD, NEW = "old/__nnviz__/net.nnfilters", "new/__nnviz__/net.nnfilters"

    def test_sheets_on_both_sides_locate_the_weight(self, command):
        """Sheets of two scales, as the largest weight is another: what did not move is not told."""
        out = command("diff", self.OLD, self.NEW)[1]
        assert "filter 2: channel 0 row 1 column 2 " in out
        assert "-> 1 (±0.0041)" in out
        assert "more weights" not in out

    def test_sheets_of_revisions_do_too(self, command, monkeypatch):
        whole = command("diff", self.OLD, self.NEW)[1]
        git("init", "-q")
        commit("one")
        assert command("diff", f"HEAD:{self.OLD}", f":{self.NEW}")[1] == whole
        monkeypatch.chdir("old")
        assert command("diff", "HEAD:./__nnviz__/net.nnfilters", f"HEAD:{self.NEW}")[1] == whole

    @pytest.mark.parametrize("side", ["old", "new"])
    def test_without_one_the_numbers_speak(self, command, side):
        Path(f"{side}/__nnviz__/net.filters/conv1.png").unlink()
        out = command("diff", self.OLD, self.NEW)[1]
        assert "filter 2: max" in out
        assert "without a sheet that fits the text: conv1; the numbers alone were compared" in out

    def test_a_sheet_that_is_too_large_is_not_read(self, command, monkeypatch):
        git("init", "-q")
        commit("one")
        monkeypatch.setattr("pytest_nnviz.filterbanks.stored.LARGEST", 100)
        assert "without a sheet" in command("diff", f"HEAD:{self.OLD}", f"HEAD:{self.NEW}")[1]


def test_what_moved_within_the_tolerance_is_told_by_its_exact_values(command):
    """A stored text holds digests of exact values: whoever accepted another one has accepted another weight."""
    model = Net()
    Path("old.nnfilters").write_text(filters(model), encoding="utf-8")
    with torch.no_grad():
        model.conv2.weight[1, 0, 0, 0] *= 1 + 1e-6
    Path("new.nnfilters").write_text(filters(model), encoding="utf-8")
    code, out, _ = command("diff", "old.nnfilters", "new.nnfilters")
    assert code == 1
    assert "filter 1: another digest, all numbers within the tolerance" in out


def test_weights_that_are_no_numbers_are_json(command):
    model = Net()
    record_filters(Path("old.nnfilters"), model)
    with torch.no_grad():
        model.conv1.weight[0, 0, 0, 0] = float("inf")
    record_filters(Path("new.nnfilters"), model)
    data = json.loads(command("diff", "old.nnfilters", "new.nnfilters", "--json")[1], parse_constant=pytest.fail)
    validate(data)
    assert data["changes"][0]["filters"][0]["became"] == ["inf x1"]


def test_all_kinds_of_one_test_lie_beside_each_other(command, tmp_path):
    record(tmp_path / "t", "net", Net())
    assert sorted(path.suffix for path in (tmp_path / "t").glob("net.nn*")) == [".nnfilters", ".nnsummary", ".nnviz"]
    assert all(command("diff", path, path)[0] == 0 for path in (tmp_path / "t").glob("net.nn*"))


@given(tables(), tables())
def test_any_two_tables_are_compared_and_described(a, b):
    found = compared(a, b)
    assert found.differs == (a != b)
    told = found.told(0)
    validate(found.plain("test"))
    assert found.differs == bool(told.main or told.remarks)
    assert {row.consequence for row in told.main} | found.consequences <= set(CONSEQUENCES)
    assert found.touched <= set(GATES)
    assert not compared(a, a).consequences
    mirrored = compared(b, a)
    assert (mirrored.consequences, mirrored.touched) == (found.consequences, found.touched)
