"""The page of a run: whole, inert whatever is in it, there after a failure alone."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from unittest import mock
from urllib.parse import unquote

import pytest
from conftest import Project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pytest_nnviz.report import writing
from pytest_nnviz.report.brief import MARKER, brief
from pytest_nnviz.report.difference import beside, difference
from pytest_nnviz.report.findings import Finding, in_order
from pytest_nnviz.report.page import page
from pytest_nnviz.report.writing import add_to_job, write_report

HOSTILE = "\"'><script>alert(1)</script></style></pre></details><img src=x onerror=alert(1)>javascript:&lt;`${x}\u202e"


class Reader(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: dict[str, list[str]] = {}
        self.ids: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in ("meta", "input", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        inside = (tag for tag in reversed(self.open) if tag != "span")
        self.text.setdefault(next(inside, ""), []).append(data)

    def said(self, tag):
        return "".join(self.text.get(tag, []))


def written(folder: Path, **changed) -> Finding:
    row = {"marker": "~", "place": "conv", "facts": "kernel_size 3 -> 5", "extra": "x2", "consequence": "cosmetic"}
    found = {
        "fixture": "nnviz_snapshot",
        "status": "drifted",
        "name": "test",
        "test": "test_m.py::test",
        "snapshot": "__nnviz__/test_m/test.nnviz",
        "command": "pytest --snapshot-update test_m.py::test",
        "headline": "breaks checkpoints: conv kernel_size 3 -> 5 in test",
        "rows": [{**row, "source": "m.py:3", "gated": True}],
        "remarks": ["parameters 1 -> 2"],
        "rename_map": {"a": "b"},
        "causes": [],
        **changed,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "drift.json").write_text(json.dumps(found), encoding="utf-8")
    (folder / "expected.nnviz").write_text("a\nb\n", encoding="utf-8")
    (folder / "actual.nnviz").write_text("a\nc\n", encoding="utf-8")
    for which in ("diff", "expected", "actual"):
        picture = f'<svg xmlns="http://www.w3.org/2000/svg"><!--{folder.name}--></svg>'
        (folder / f"{which}.svg").write_text(picture, encoding="utf-8")
    return Finding.read(folder)


def test_whatever_is_said_is_text(tmp_path: Path) -> None:
    plain = Reader(page([written(tmp_path / "plain")]))
    row = dict.fromkeys(("marker", "place", "facts", "extra", "consequence", "source"), HOSTILE)
    texts = dict.fromkeys(("name", "test", "snapshot", "command", "headline"), HOSTILE)
    hostile = written(
        tmp_path / "hostile", **texts, rows=[{**row, "gated": True}], remarks=[HOSTILE], rename_map={HOSTILE: HOSTILE}
    )
    (hostile.folder / "actual.nnviz").write_text(HOSTILE, encoding="utf-8")
    (hostile.folder / "diff.svg").write_text(HOSTILE, encoding="utf-8")
    (hostile.folder / f"diff.{HOSTILE.replace('/', '')[:40]}.png").write_bytes(b"\x89PNG")
    read = Reader(page([hostile]))
    assert [tag for tag in read.tags if tag in ("script", "style", "meta")] == ["meta"] * 3 + ["style", "script"]
    assert {name for name, _ in read.attributes} == {name for name, _ in plain.attributes}
    assert HOSTILE in read.said("h2")
    assert HOSTILE in read.said("td")
    assert HOSTILE in read.said("li")
    assert HOSTILE in read.said("ins")
    assert all(value.startswith("data:image/") for name, value in read.attributes if name == "src")
    assert all(value.startswith("#f") for name, value in read.attributes if name == "href")


def test_the_page_asks_for_nothing_and_runs_its_own_script_alone(tmp_path: Path) -> None:
    text = page([written(tmp_path / "a")])
    read = Reader(text)
    digest = base64.b64encode(hashlib.sha256(read.said("script").encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].split("; ") == [
        *("default-src 'none'", "img-src data:", "style-src 'unsafe-inline'"),
        *(f"script-src 'sha256-{digest}'", "base-uri 'none'"),
    ]
    assert not re.search(r"https?://", re.sub(r'src="data:[^"]*"', "", text))


def test_ids_are_unique_and_last_from_run_to_run(tmp_path: Path) -> None:
    failures = [written(tmp_path / str(at), test=f"test_m.py::test[{at}]") for at in range(40)]
    ids = Reader(page(failures)).ids
    assert len(ids) == len(set(ids))
    alone = Reader(page([failures[7]])).ids
    assert set(alone) <= set(ids)


def test_the_gravest_comes_first(tmp_path: Path) -> None:
    said = {"c in c": "cosmetic", "a in a": "breaks checkpoints", "filters": "", "b in b": "changes the function"}
    failures = [
        written(
            tmp_path / text,
            headline=f"{consequence}: {text}",
            rows=[{"consequence": consequence}] if consequence else [],
            fixture="nnviz_snapshot" if consequence else "nnviz_filters",
        )
        for text, consequence in said.items()
    ]
    read = Reader(page(failures))
    assert re.findall(r"[abc] in [abc]|: filters", read.said("h2")) == ["a in a", "b in b", "c in c", ": filters"]
    assert read.said("h1") == "4 snapshots drifted"
    assert read.said("b") == "1111"


def test_pictures_are_in_it_as_they_are(tmp_path: Path) -> None:
    failure = written(tmp_path / "a")
    picture = '<svg xmlns="http://www.w3.org/2000/svg" a="#%é&quot;\'"/>'
    (failure.folder / "diff.svg").write_text(picture, encoding="utf-8")
    read = Reader(page([failure]))
    found = [value for name, value in read.attributes if name == "src"]
    assert unquote(found[0].removeprefix("data:image/svg+xml,")) == picture
    assert len(found) == 3


def test_a_drawing_does_not_end_before_its_end(tmp_path: Path) -> None:
    """Where there are scripts, what waits in a noscript is text up to the first that looks like its end."""
    failure = written(tmp_path / "a")
    picture = '<svg xmlns="http://www.w3.org/2000/svg"><!-- </noscript><img></NoScript > --></svg>'
    (failure.folder / "diff.svg").write_text(picture, encoding="utf-8")
    text = page([failure])
    assert len(re.findall("</noscript", text, re.IGNORECASE)) == text.count("<noscript>") == 3
    found = [value for name, value in Reader(text).attributes if name == "src"]
    assert unquote(found[0].removeprefix("data:image/svg+xml,")) == picture


def rendered(text: str):
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return [child for token in tokens for child in (token.children or [token])]


@given(st.text(max_size=60), st.text(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_summary_says_is_text(tmp_path: Path, one: str, other: str) -> None:
    row = {"marker": "~", "place": one, "facts": other, "extra": one, "consequence": other, "source": "", "gated": True}
    failure = written(tmp_path / "a", name=one, test=other, headline=one, command=other, rows=[row])
    tokens = rendered(brief([failure]))
    assert [token.content for token in tokens if token.type == "html_block"] == [f"{MARKER}\n"]
    kinds = {token.type for token in tokens} - {"text", "code_inline", "html_block", "softbreak"}
    assert {kind.removesuffix("_open").removesuffix("_close") for kind in kinds} <= {
        *("heading", "paragraph", "bullet_list", "list_item", "strong"),
    }
    said = [token.content for token in tokens if token.type == "code_inline"]
    assert "".join(each if each.isprintable() else "\ufffd" for each in " ".join(one.split())) in [*said, ""]


def test_hostile_words_are_text_in_a_summary(tmp_path: Path) -> None:
    row = dict.fromkeys(("marker", "place", "facts", "extra", "consequence", "source"), f"``` {HOSTILE} [a](b) ![c](d)")
    failure = written(tmp_path / "a", rows=[{**row, "gated": True}], test=f"` {HOSTILE}", headline=HOSTILE)
    tokens = rendered(brief([failure]))
    assert not {"html_inline", "link_open", "image", "fence"} & {token.type for token in tokens}
    assert [token.content for token in tokens if token.type == "html_block"] == [f"{MARKER}\n"]


def test_a_summary_fits_a_comment_and_says_what_is_left_out(tmp_path: Path) -> None:
    rows = [{"place": "p" * 200, "facts": "f" * 250, "gated": True}] * 20
    failures = [written(tmp_path / str(at), rows=rows, causes=[str(at)]) for at in range(200)]
    text = brief(failures)
    assert len(text) <= 60_000
    told = text.count("\n- **")
    assert f"... and {200 - told} more snapshots\n" in text
    assert "... and 12 more\n" in text


def test_one_cause_is_told_once(tmp_path: Path) -> None:
    failures = [written(tmp_path / str(at), test=f"test_m.py::test[{at}]", causes=["c"]) for at in range(30)]
    text = brief(failures)
    assert text.count("kernel_size") == 1
    assert text.count("test_m.py::test[") == 8 + 0
    assert "and 22 more" in text
    assert "and so for the others" in text
    ids = {at: "0123abcd" if at else "76543210" for at in range(30)}
    found = [replace(each, cause_id=ids[at]) for at, each in enumerate(failures)]
    assert "accept: `pytest --snapshot-update --nnviz-accept 0123abcd,76543210`\n" in brief(found)
    assert f"accept: `{found[0].command}`\n" in brief(found[:1])


def test_what_is_told_alike_and_is_not_the_same_is_told_of_each(tmp_path: Path) -> None:
    row = {"marker": ">", "facts": "renamed to c", "extra": "", "consequence": "", "source": "", "gated": True}
    found = [
        written(
            tmp_path / name,
            test=f"t.py::{name}",
            name=name,
            causes=["x"],
            cause_id=8 * id_,
            rows=[{**row, "place": name}],
        )
        for name, id_ in (("a", "0"), ("b", "1"))
    ]
    text = brief(found)
    assert "in `t.py::a`\n  - `> a` `renamed to c`\n" in text
    assert "  - in `t.py::b`: `> b` `renamed to c`\n" in text
    assert "Alike in 1 more" in page(found)
    same = [found[0], replace(found[0], test="t.py::b", folder=found[1].folder)]
    assert "in `t.py::a`, `t.py::b`\n" in brief(same)
    assert "The same in 1 more" in page(same)


def test_what_came_and_went_is_told_apart(tmp_path: Path) -> None:
    row = {"place": "conv", "facts": "Conv2d", "extra": "", "consequence": "", "source": "", "gated": True}
    texts = [brief([written(tmp_path / sign, rows=[{**row, "marker": sign}])]) for sign in "+-~"]
    assert ["`+ conv`" in texts[0], "`- conv`" in texts[1], "`conv`" in texts[2]] == [True] * 3


def test_what_is_not_gated_is_no_reason_and_said_to_be_none(tmp_path: Path) -> None:
    row = {"marker": "~", "extra": "", "source": "", "consequence": "cosmetic"}
    rows = [
        {**row, "place": name, "facts": f"{name} fact", "gated": gated} for name, gated in (("a", True), ("b", False))
    ]
    found = written(tmp_path / "a", rows=rows)
    assert "b fact" not in brief([found])
    assert page([found]).count("cosmetic (not gated)") == 1
    grave = replace(found, status="not gated", rows=(replace(found.rows[0], consequence="breaks checkpoints"),))
    assert in_order([grave, found]) == [found, grave]


def test_a_summary_says_what_it_cuts(tmp_path: Path) -> None:
    row = {"marker": "~", "place": "a", "extra": "", "source": "", "consequence": "", "gated": True}
    found = written(
        tmp_path / "a", rows=[{**row, "facts": "f" * 400 + "LAST"}], remarks=["old checkpoints load", "  sub"]
    )
    assert "fff...`" in brief([found])
    assert "  - old checkpoints load\n" in brief([found])
    assert "sub" not in brief([found])
    for graph in (f"{GRAPH}%% {'x' * 50_000}\n", GRAPH + "  n0 --> n0\n" * 501):
        (found.folder / "diff.mermaid").write_text(graph)
        assert "The graph of `test` is too large to be drawn here." in brief([found])
        assert "mermaid" not in brief([found])


def test_a_full_or_missing_summary_of_the_job_is_told_and_costs_nothing(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "summary.md").write_text("summary")
    job = tmp_path / "job.md"
    job.write_bytes(b"x" * 899_900)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(job))
    assert add_to_job(tmp_path) == ""
    assert job.stat().st_size == 899_907
    (tmp_path / "summary.md").write_text("s" * 200)
    assert "no room" in add_to_job(tmp_path)
    assert job.stat().st_size == 899_907
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "none" / "job.md"))
    assert add_to_job(tmp_path).endswith("none/job.md: No such file or directory")


@pytest.mark.parametrize("error", [ValueError, OSError])
def test_a_report_that_fails_half_way_is_absent(tmp_path: Path, monkeypatch, error) -> None:
    found = written(tmp_path / "a")
    write_report(tmp_path, [found.folder])
    assert (tmp_path / "index.html").is_file()
    monkeypatch.setattr(writing, "page", mock.Mock(side_effect=error))
    with pytest.raises(error):
        write_report(tmp_path, [found.folder])
    assert not [name for name in ("index.html", "summary.md", "drift.json") if (tmp_path / name).exists()]


GRAPH = 'flowchart TD\n  n0["a"]\n'


def test_a_graph_goes_with_it_as_long_as_it_can_be_drawn(tmp_path: Path) -> None:
    failure = written(tmp_path / "a")
    (failure.folder / "diff.mermaid").write_text(GRAPH)
    assert f"```mermaid\n{GRAPH}```\n" in brief([failure])
    html = MarkdownIt("commonmark").render(brief([replace(failure, name="test_a[<b>-*c*]")]))
    assert "<details><summary>test_a[&lt;b&gt;-*c*]</summary>" in html


LINES = st.lists(st.sampled_from(["a", "b", "<c>", "", "&d"]), max_size=30).map("\n".join)


@given(LINES, LINES)
def test_both_texts_can_be_had_back(old: str, new: str) -> None:
    read = _Sides()
    read.feed(difference(old, new))
    assert "".join(read.old) == f"{old}\n"
    assert "".join(read.new) == f"{new}\n"


@given(LINES, LINES)
def test_texts_beside_each_other_are_whole_and_level(old: str, new: str) -> None:
    for text, side, kind in zip((old, new), beside(old, new), ("del", "ins"), strict=True):
        read = _Sides()
        read.feed(side)
        assert "".join(read.old if kind == "del" else read.new) == f"{text}\n"
        assert read.kinds <= {kind, "span", "details", "summary"}
        assert (kind in read.kinds) <= (old != new)
    heights = [side.count("\n") + len(re.findall("<(?:ins|del|span) ?", side)) for side in beside(old, new)]
    assert heights[0] == heights[1]


def test_a_long_run_of_equal_rows_is_folded_on_both_sides() -> None:
    equal = "\n".join(map(str, range(100)))
    folds = [side.count("<summary>97 equal lines</summary>") for side in beside(f"{equal}\na", f"{equal}\nb")]
    assert folds == [1, 1]


def test_the_tables_of_a_summary_stand_beside_each_other_and_open(tmp_path: Path) -> None:
    failure = written(tmp_path / "a", fixture="nnviz_summary")
    for picture in failure.folder.glob("*.svg"):
        picture.unlink()
    text = page([failure])
    assert "<details open><summary>the tables before and after</summary>" in text
    columns = re.findall(r"<figure><figcaption>(\w+)</figcaption><pre[^>]*>(.*?)</pre></figure>", text, re.DOTALL)
    assert columns == [("expected", "  a\n<del>- b</del>  \n"), ("actual", "  a\n<ins>+ c</ins>  \n")]
    numbers = written(tmp_path / "b", fixture="nnviz_filters")
    assert "<figcaption>expected</figcaption><pre" not in page([numbers])


class _Sides(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.old: list[str] = []
        self.new: list[str] = []
        self.kind = ""
        self.kinds: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.kind = tag
        self.kinds.add(tag)

    def handle_endtag(self, tag):
        self.kind = ""

    def handle_data(self, data):
        if self.kind in ("summary", "span"):
            return
        for line in data.removesuffix("\n").split("\n"):
            text = f"{line[2:]}\n"
            self.old += [text] if self.kind != "ins" else []
            self.new += [text] if self.kind != "del" else []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rows": 3}', "\0", '{"rows": [{"a": 1}]}'])
def test_what_is_no_failure_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "drift.json").write_text(text)
    with pytest.raises(ValueError, match=r"Expecting value|is not what a snapshot leaves"):
        Finding.read(tmp_path)


TESTS = """
    import os

    import pytest
    from stub_tracer import Net

    @pytest.mark.parametrize("p", [1, 2, 3])
    def test(p, nnviz_snapshot):
        nnviz_snapshot.using(images=os.environ.get("IMAGES", "off"))(Net(int(os.environ.get("WIDTH", 4))))

    @pytest.mark.xfail(strict=False)
    def test_expected(nnviz_snapshot):
        nnviz_snapshot.using(images="off")(Net(int(os.environ.get("WIDTH", 4))))
"""
PAGE = "nnviz-artifacts/index.html"


@pytest.fixture
def recorded(project: Project) -> Project:
    project.write("test_m.py", TESTS)
    assert project.pytest("--snapshot-update").ret == 0
    return project


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["serial", "xdist"])
def test_a_run_that_fails_leaves_a_page_and_one_that_passes_removes_it(recorded: Project, workers) -> None:
    run = recorded.pytest(*workers, WIDTH="5")
    path = recorded.root / PAGE
    assert run.line("report: ") == f"report: {PAGE}"
    read = Reader(path.read_text(encoding="utf-8"))
    assert read.said("h1") == "3 snapshots drifted"
    assert read.said("h2").count("head weight f32[4, 4] -> f32[5, 4]") == 3
    assert {f"test_m.py::test[{p}]" for p in (1, 2, 3)} == set(re.findall(r"test_m\.py::\w+\[\d\]", read.said("code")))
    run = recorded.pytest(*workers)
    assert not path.exists()
    assert "report:" not in run.out


@pytest.mark.parametrize("nothing", [("--co",), ("-k", "nothing"), ("-n2", "-k", "nothing")])
def test_what_runs_no_test_leaves_a_page_alone(recorded: Project, nothing) -> None:
    page = recorded.root / "nnviz-artifacts" / "index.html"
    recorded.pytest(WIDTH="5")
    assert page.is_file()
    recorded.pytest(*nothing)
    assert page.is_file()


def test_a_run_adds_to_the_summary_of_its_job(recorded: Project) -> None:
    job = recorded.write("job.md", "before\n")
    recorded.pytest(WIDTH="5", GITHUB_STEP_SUMMARY=str(job))
    text = (recorded.root / "nnviz-artifacts/summary.md").read_text(encoding="utf-8")
    assert text.startswith(f"{MARKER}\n### 3 snapshots drifted: 3 breaks checkpoints\n")
    assert job.read_text(encoding="utf-8") == f"before\n{text}"
    assert recorded.pytest(GITHUB_STEP_SUMMARY=str(job)).ret == 0
    assert job.read_text(encoding="utf-8") == f"before\n{text}"


def test_a_page_of_the_user_stays(recorded: Project) -> None:
    mine = recorded.write(PAGE, "mine")
    run = recorded.pytest(WIDTH="5")
    assert run.line("report not written: ").endswith("is not ours; give --nnviz-artifacts another folder")
    assert recorded.pytest().ret == 0
    assert mine.read_text() == "mine"


def test_a_page_has_what_ran_before_the_run_was_stopped(recorded: Project) -> None:
    recorded.pytest("-x", WIDTH="5")
    assert Reader((recorded.root / PAGE).read_text(encoding="utf-8")).said("h1") == "1 snapshot drifted"
