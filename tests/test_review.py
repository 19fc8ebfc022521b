"""The review of two revisions, of all kinds of snapshots."""

import json
import sys
from pathlib import Path

import pytest
import torch
from recorded import Net, alone, commit, git, ran, record
from schema import validate
from torch import nn

FOLDER = "tests/__nnviz__/test_m"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    alone(tmp_path, monkeypatch)


@pytest.fixture
def command(capsys):
    return lambda *arguments: ran(capsys, *arguments)


def dead():
    """A model of which one filter is dead: another function, the same keys."""
    model = Net()
    with torch.no_grad():
        model.conv2.weight[1] = 0
    return model


def frozen():
    model = Net()
    model.head.requires_grad_(False)
    return model


def activated():
    model = Net()
    model.conv1 = nn.Sequential(model.conv1)
    return model


@pytest.fixture
def repository(tmp_path):
    """Two models, each pinned in all three ways."""
    git("init", "-q", "-b", "main")
    for name in ("a", "b"):
        record(tmp_path / FOLDER, name, Net())
    commit("one")


@pytest.mark.usefixtures("repository")
class TestReview:
    def test_all_kinds_are_compared_and_each_cause_is_said_once(self, command, tmp_path):
        for name in ("a", "b"):
            record(tmp_path / FOLDER, name, Net(width=6))
        code, out, err = command("review", "main")
        assert (code, err) == (0, "")
        assert out.count("breaks checkpoints: conv1 out_channels 4 -> 6") == 1
        assert out.count(f"conv1: filters 4 -> 6, filters 4, 5 added (+1 more layer) in {FOLDER}/a.nnfilters") == 1
        assert out.count("summary drifted: conv1 Param # 40 -> 60") == 1
        for kind in ("nnviz", "nnsummary", "nnfilters"):
            assert f"  the same in {FOLDER}/b.{kind}" in out
        assert out.endswith("snapshots: 6 changed\n")
        data = json.loads(command("review", "main", "--json")[1])
        assert [each["fixture"] for each in data["snapshots"][:3]] == [
            "nnviz_filters",
            "nnviz_summary",
            "nnviz_snapshot",
        ]
        validate(data)
        assert data["snapshots"][0]["drift"]["schema"] == "nnviz-filters-drift 1"
        assert command("review", "main", "--markdown")[1].count("| --- | --- | --- | --- | --- |") == 3

    def test_what_came_and_went(self, command, tmp_path):
        for path in sorted((tmp_path / FOLDER).glob("b.nn*")):
            path.rename(path.with_name(f"c{path.suffix}"))
        record(tmp_path / FOLDER, "d", Net(width=5))
        (tmp_path / FOLDER / "a.nnfilters").unlink()
        out = command("review", "main")[1]
        assert f"added {FOLDER}/d.nnfilters: Net, 2 layers, 9 filters\n" in out
        assert f"removed {FOLDER}/b.nnfilters: Net, 2 layers, 8 filters\n" in out  # equal ones are renamed in order
        assert f"renamed {FOLDER}/b.nnsummary -> {FOLDER}/c.nnsummary\n" in out
        assert out.endswith("snapshots: 3 added, 1 removed, 3 renamed, 2 unchanged\n")

    @pytest.mark.parametrize(
        ("model", "kinds", "fails"),
        [
            (dead, ("drift", "function", "training"), ["nnfilters"]),
            (dead, ("checkpoints", "structure", "shapes", "parameters", "topology", "cost", "removed"), []),
            (frozen, ("training", "parameters"), ["nnsummary", "nnviz"]),
            (frozen, ("checkpoints", "function", "structure", "shapes"), []),
            (activated, ("checkpoints", "structure"), ["nnfilters", "nnsummary", "nnviz"]),
        ],
    )
    def test_what_fails(self, command, tmp_path, model, kinds, fails):
        record(tmp_path / FOLDER, "a", model())
        for kind in kinds:
            code, out, _ = command("review", "main", "--fail-on", kind, "--json")
            found = [path.rpartition(".")[2] for path in json.loads(out)["failing"]]
            assert (code, found) == (int(bool(fails)), fails), kind

    @pytest.mark.parametrize("kind", ["nnviz", "nnsummary", "nnfilters"])
    def test_what_is_in_conflict_is_unreadable_and_said_to_be(self, command, tmp_path, kind):
        path = tmp_path / FOLDER / f"a.{kind}"
        lines = path.read_text(encoding="utf-8").split("\n")
        path.write_text("\n".join([*lines[:5], "<<<<<<< HEAD", *lines[5:]]), encoding="utf-8")
        code, out, err = command("review", "main")
        assert (code, "1 unreadable" in out) == (2, True)
        assert f"a.{kind} (work tree), line 6: holds a conflict marker" in err

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
    def test_a_name_of_several_lines_breaks_none(self, command, tmp_path):
        record(tmp_path / FOLDER, "new\nline", Net())
        (tmp_path / FOLDER / "a.nnviz").rename(tmp_path / FOLDER / "ol\nd.nnviz")
        for output in ((), ("--markdown",)):
            out = command("review", "main", *output)[1]
            assert "new\\nline.nnviz" in out
            assert "ol\\nd.nnviz" in out
            assert "\nline" not in out
        paths = [each["path"] for each in json.loads(command("review", "main", "--json")[1])["snapshots"]]
        assert f"{FOLDER}/new\nline.nnviz" in paths

    def test_what_a_sparse_checkout_leaves_out_is_as_the_index_has_it(self, command, tmp_path):
        git("mv", f"{FOLDER}/b.nnviz", f"{FOLDER}/c.nnviz")
        record(tmp_path / FOLDER, "a", Net(width=6))
        Path("src").mkdir()
        Path("src/code.py").write_text("", encoding="utf-8")
        commit("two")
        whole = command("review", "HEAD~1")[1]
        git("sparse-checkout", "set", "src")
        assert not (tmp_path / FOLDER).exists()
        assert command("review", "HEAD")[1].endswith("snapshots: 6 unchanged\n")
        assert command("review", "HEAD~1")[1] == whole
        assert "conv1 out_channels 4 -> 6" in whole
