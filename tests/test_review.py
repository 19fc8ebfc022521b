"""The review of two revisions, of all kinds of snapshots."""

import json
import os
import re
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from command_line import alone, commit, git, git_bytes, ran
from conftest import Project
from markdown_it import MarkdownIt
from recorded import Net, architecture, record, zoo
from schema import validate
from torch import nn

from pytest_nnviz.filterbanks.stored import sheet_in

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
        command("review", "main", "--report", "out")
        data = json.loads(Path("out/drift.json").read_text(encoding="utf-8"))
        validate(data)
        assert data["counts"] == {"added": 3, "removed": 1, "renamed": 3}
        said = [each["headline"] for each in data["findings"] if each["status"] == "renamed"]
        assert f"renamed: c, before {FOLDER}/b.nnsummary" in said
        assert Path("out/tests/test_m/c/actual.nnviz").read_bytes() == (tmp_path / FOLDER / "c.nnviz").read_bytes()

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

    def test_the_report_is_that_of_a_run(self, command, tmp_path, monkeypatch):
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
        record(tmp_path / FOLDER, "a", dead())
        record(tmp_path / FOLDER, "b", Net(width=6))
        record(tmp_path / FOLDER, "c", frozen())
        (tmp_path / FOLDER / "a.nnsummary").unlink()
        code, out, err = command("review", "main", "--report", "out")
        assert (code, err) == (0, "")
        assert out.endswith(f"report: {(tmp_path / 'out/index.html').as_uri()}\n")
        files = [path for path in Path("out/tests/test_m").rglob("*") if path.is_file() and path.name[0] != "."]
        found = {path.relative_to("out/tests/test_m").as_posix() for path in files}
        every = {"drift.json", "words.txt"}
        texts = {"expected.nnviz", "actual.nnviz"}
        drawn = {"diff.svg", "expected.svg", "actual.svg", "diff.mermaid"}
        assert found == {
            *(f"b/{name}" for name in {*every, *texts, *drawn}),
            *(f"b/summary/{name}" for name in {*every, "expected.nnsummary", "actual.nnsummary"}),
            *(f"b/filters/{name}" for name in {*every, "expected.nnfilters", "actual.nnfilters"}),
            *(f"b/filters/{side}.conv{n}.png" for side in ("expected", "actual") for n in (1, 2)),
            *(f"a/filters/{name}" for name in {*every, "expected.nnfilters", "actual.nnfilters"}),
            *(f"a/filters/{side}.conv2.png" for side in ("expected", "actual", "diff")),
            *(f"a/summary/{name}" for name in {*every, "expected.nnsummary"}),
            *(f"c/{name}" for name in {*every, "actual.nnviz", "actual.svg"}),
            *(f"c/summary/{name}" for name in {*every, "actual.nnsummary"}),
            *(f"c/filters/{name}" for name in {*every, "actual.nnfilters", "actual.conv1.png", "actual.conv2.png"}),
        }
        for path in Path("out").rglob("drift.json"):
            validate(json.loads(path.read_text(encoding="utf-8")))
        data = json.loads(Path("out/drift.json").read_text(encoding="utf-8"))
        assert data["failed"] == 0
        assert data["counts"] == {"breaks checkpoints": 3, "changes the function": 1, "added": 3, "removed": 1}
        page = Path("out/index.html").read_text(encoding="utf-8")
        assert "<h1>Review: 4 snapshots changed, 3 added, 1 removed</h1>" in page
        assert "of the work tree with those of the merge base with main (" in page
        assert "--snapshot-update" not in page.replace("Made by pytest --snapshot-update", "")
        drawing = Path("out/tests/test_m/b/diff.svg").read_text(encoding="utf-8")
        assert ("before" in drawing, "expected" in drawing) == (True, False)
        summary = Path("out/summary.md").read_text(encoding="utf-8")
        assert summary == Path("step.md").read_text(encoding="utf-8")
        assert "accept" not in summary
        sheet = Path("out/tests/test_m/a/filters/expected.conv2.png").read_bytes()
        shown, kept = sheet_in(sheet), sheet_in(git_bytes(f"main:{FOLDER}/a.filters/conv2.png"))
        assert (shown.rows, shown.layout.limits) == (kept.rows, kept.layout.limits)
        assert shown.layout.top > kept.layout.top  # of the other side, which has a line more: a filter is dead

    def test_names_are_text_wherever_they_stand(self, command, tmp_path):
        """In the page, in Markdown; and in the folder they are names of files."""
        name = "a`|<img src=x onerror=alert(1)>[b](javascript:1) @you"
        record(tmp_path / FOLDER, name, Net(width=5))
        record(tmp_path / FOLDER, "a", Net(width=6))
        assert command("review", "main", "--report", "out")[0] == 0
        page, summary = (Path(f"out/{file}").read_text(encoding="utf-8") for file in ("index.html", "summary.md"))
        assert "&lt;img src=x onerror=alert(1)&gt;" in page
        assert "<img src=x" not in page
        for text in (summary, command("review", "main", "--markdown")[1]):
            html = MarkdownIt("commonmark").enable("table").render(text)
            assert "onerror" in html
            assert not re.search("<img|<a ", html)

    def test_no_torch_is_needed(self, tmp_path):
        record(tmp_path / FOLDER, "a", dead())
        record(tmp_path / FOLDER, "b", Net(width=6))
        hidden = "import sys; sys.modules.update(torch=None, torchinfo=None, numpy=None, pytest=None, syrupy=None)"
        run = f"{hidden}\nfrom pytest_nnviz.cli import main\nsys.exit(main(sys.argv[1:]))"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        arguments = [sys.executable, "-c", run, "review", "main", "--report", "out", "--fail-on", "checkpoints"]
        done = subprocess.run(arguments, env=environment, capture_output=True, timeout=120, check=False)
        assert (done.returncode, done.stderr) == (1, b"")
        assert {path.name for path in Path("out").rglob("diff.*")} == {"diff.svg", "diff.mermaid", "diff.conv2.png"}

    def test_a_later_report_takes_the_place_of_an_earlier_one_and_of_nothing_else(self, command, tmp_path):
        record(tmp_path / FOLDER, "a", Net(width=6))
        mine = Path("out/tests/test_m/a/mine.txt")
        mine.parent.mkdir(parents=True)
        mine.write_text("mine", encoding="utf-8")
        assert command("review", "main", "--report", "out")[0] == 0
        git("checkout", "-q", ".")
        code, out, _ = command("review", "main", "--report", "out", "--json")
        assert (code, json.loads(out)["snapshots"]) == (0, [])
        assert [path.name for path in Path("out").rglob("*") if path.is_file()] == ["mine.txt"]

    def test_a_file_of_the_user_stays(self, command, tmp_path):
        record(tmp_path / FOLDER, "a", Net(width=6))
        Path("out").mkdir()
        Path("out/index.html").write_text("mine", encoding="utf-8")
        code, _, err = command("review", "main", "--report", "out")
        assert (code, "index.html is not ours" in err) == (2, True)
        assert Path("out/index.html").read_text(encoding="utf-8") == "mine"
        (tmp_path / FOLDER / "b.nnviz").write_text("nnviz 1\n<<<<<<< ours\n", encoding="utf-8")
        code, out, err = command("review", "main", "--report", FOLDER, "--fail-on", "drift")
        assert (code, "fails (--fail-on drift)" in out) == (2, True)
        assert err.count("\n") == 2  # what cannot be read, and why there is no report

    def test_a_report_says_what_it_could_not_read(self, command, tmp_path):
        record(tmp_path / FOLDER, "a", Net(width=6))
        (tmp_path / FOLDER / "b.nnviz").write_text("nnviz 1\n<<<<<<< ours\n", encoding="utf-8")
        code, _, err = command("review", "main", "--report", "out")
        assert (code, "holds a conflict marker" in err) == (2, True)
        assert "holds a conflict marker" in Path("out/index.html").read_text(encoding="utf-8")
        assert "holds a conflict marker" in Path("out/summary.md").read_text(encoding="utf-8")


def test_of_many_snapshots_the_cause_is_said_once(command, tmp_path):
    """30 tests of models that share a block, which is another one now: two causes, as one half pins tables."""
    git("init", "-q", "-b", "main")
    zoo(tmp_path, 30, 3)
    commit("one")
    zoo(tmp_path, 30, 5)
    commit("two")
    out = command("review", "HEAD~1", "HEAD", "--report", "out")[1]
    assert out.count("kernel_size 3 -> 5") == out.count("Param # 584 -> 1,608") == 2  # a headline, a row
    assert out.count("the same in ") == 28
    assert "snapshots: 30 changed" in out
    summary = Path("out/summary.md").read_text(encoding="utf-8")
    listed = summary.partition("<details>")[0]
    assert (listed.count("kernel_size 3 -> 5"), listed.count("Param # 584 -> 1,608")) == (1, 1)
    page = Path("out/index.html").read_text(encoding="utf-8")
    assert page.count('<section class="group">') == 2
    assert len(page) < 2_000_000
    assert len(list(Path("out").rglob("diff.svg"))) == 13  # the first, and twelve


TESTS = """
from recorded import Net, inputs

def test_a(nnviz_snapshot):
    nnviz_snapshot(Net(6), inputs())

def test_b(nnviz_summary):
    nnviz_summary(Net(6), inputs())

def test_c(nnviz_filters):
    nnviz_filters(Net(6))
"""


def drawn(svg):
    """What a drawing says; of a review as of a run."""
    words = re.findall(">([^<]+)<", svg.decode().replace("before", "expected").replace("after", "actual"))
    assert words
    return words


def test_a_review_leaves_what_a_run_has_left_before_it_was_accepted(command, tmp_path):
    """Byte by byte, but for PNGs beside SVGs, what drawings call the sides, and what is said of the test."""
    project = Project(tmp_path)
    project.write("test_m.py", TESTS)
    git("init", "-q", "-b", "main")
    for width in (4, 6):
        for name in ("test_a", "test_b", "test_c"):
            record(tmp_path / "__nnviz__/test_m", name, Net(width))
        commit(f"width {width}")
    git("checkout", "-q", "main~1")
    assert project.pytest("--nnviz-artifacts=run", PYTHONPATH=os.pathsep.join(sys.path)).ret == 1
    assert command("review", "main~1", "main", "--report", "out")[0] == 0
    run, out = (tmp_path / f"{root}/test_m" for root in ("run", "out"))
    left = {path.relative_to(run) for path in run.rglob("*.*") if path.name[0] != "."}
    beside = {path.with_suffix(".png") for path in left if path.suffix == ".svg"}
    kept = {path for path in left - beside if path.suffix not in (".txt", ".json")}
    assert len(kept) == 14
    for path in kept:
        expected, actual = ((root / path).read_bytes() for root in (run, out))
        assert expected == actual or drawn(expected) == drawn(actual), path
    for folder in {path.parent for path in kept}:
        there, here = (json.loads((root / folder / "drift.json").read_text(encoding="utf-8")) for root in (run, out))
        for key in ("rows", "headline", "causes", "cause_id", "rename_map"):
            assert there[key] == here[key], (folder, key)


def test_what_is_told_together_is_told_apart_where_it_differs(command, tmp_path):
    """Three models in one cause: at the same place, at others, and a rename that is another one in the same words."""

    def models(edited):
        act, name = (nn.GELU if edited else nn.ReLU), ("head" if edited else "{}")
        blocks = [nn.Sequential(nn.Linear(8, 8), act()) for _ in range(3)]
        yield from ((f"a{count}", nn.Sequential(*blocks[:count])) for count in (2, 2, 3))
        yield from ((old, nn.Sequential(OrderedDict([(name.format(old), nn.Linear(8, 8))]))) for old in ("x", "y"))

    git("init", "-q", "-b", "main")
    for edited in (False, True):
        for at, (name, model) in enumerate(models(edited)):
            path = tmp_path / FOLDER / f"{at}{name}.nnviz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(architecture(model), encoding="utf-8", newline="\n")
        commit(str(edited))
    out = command("review", "HEAD~1", "HEAD", "--report", "out")[1]
    assert f"  the same in {FOLDER}/1a2.nnviz\n" in out
    assert f"  the same in {FOLDER}/2a3.nnviz: {{0..2}}.1\n" in out
    assert f"  alike in {FOLDER}/4y.nnviz: y renamed to head\n" in out
    assert out.index("breaks checkpoints: x") < out.index("changes the function: {0,1}.1")
    summary = Path("out/summary.md").read_text(encoding="utf-8")
    assert f"  - the same elsewhere in `{FOLDER}/2a3.nnviz` (`{{0..2}}.1`)\n" in summary
    assert f"  - in `{FOLDER}/4y.nnviz`: `> y` `renamed to head`\n" in summary
