"""What a page has room for: causes before their repetitions, pictures once, the rest by links."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from test_report import Reader, written

from pytest_nnviz.report.findings import Finding, groups
from pytest_nnviz.report.page import page
from pytest_nnviz.report.space import shared_out

SVG = '<svg xmlns="http://www.w3.org/2000/svg">{}</svg>'


def drawn(folder: Path, text: str = "", size: int = 1000, **facts) -> Finding:
    finding = written(folder, test=f"test_m.py::{folder.name}", name=folder.name, **facts)
    for which in ("diff", "expected", "actual"):
        (folder / f"{which}.svg").write_text(SVG.format(f"<!--{which}{text or folder.name}{'x' * size}-->"))
    return finding


def shares(found: list[Finding], most: int):
    ids = {each.folder: f"f{each.folder.name}" for each in found}
    return {folder.name: share for folder, share in shared_out(groups(found), ids, most).items()}


def test_one_cause_is_one_article_and_the_others_are_below_it(tmp_path: Path) -> None:
    found = [drawn(tmp_path / name, causes=["a"]) for name in "abcd"] + [drawn(tmp_path / "e", causes=["b"])]
    text = page(found, root=tmp_path)
    assert "<summary>The same in 3 more: <code>b, c, d</code></summary>" in text
    assert text.count("<article ") == 5
    assert text.count("<li><a href=") == 2
    assert Reader(text).said("h1") == "5 snapshots drifted"


def test_one_cause_is_accepted_at_once_where_it_has_an_id(tmp_path: Path) -> None:
    found = [drawn(tmp_path / name, causes=["a"], cause_id="0123abcd") for name in "abc"]
    text = page(found, root=tmp_path)
    assert text.count("If it is intended in all 3:") == text.count("--nnviz-accept 0123abcd") == 1
    assert "--nnviz-accept" not in page(found[:1], root=tmp_path)
    assert "<summary>1 snapshot</summary>" in page(found[:1], root=tmp_path)
    assert "<summary>3 snapshots, 1 cause</summary>" in text
    assert "in all 2" not in page([found[0], replace(found[1], cause_id="")], root=tmp_path)


def test_one_that_is_not_drawn_says_where_its_cause_is(tmp_path: Path) -> None:
    found = [drawn(tmp_path / "a", causes=["a"]), written(tmp_path / "b", causes=["a"], test="test_m.py::b")]
    for picture in found[1].pictures().values():
        picture.unlink()
    told = shares(found, 10**6)
    assert (told["a"].led, told["b"].led) == ("", "fa")
    assert page(found, root=tmp_path).count("Not drawn: <a href=") == 1


def test_there_is_room_for_causes_first_and_for_what_changed_before_the_sides(tmp_path: Path) -> None:
    found = [drawn(tmp_path / name, causes=[cause]) for name, cause in ("ax", "bx", "cy")]
    for each in found:
        (each.folder / "expected.nnviz").write_text("")
        (each.folder / "actual.nnviz").write_text("")
    told = shares(found, 5000)  # of about 1,240 bytes a picture
    shown = {name: sorted(share.pictures) for name, share in told.items()}
    assert shown == {"a": ["actual", "diff", "expected"], "b": [], "c": ["diff"]}
    assert {path.name for path in told["b"].linked} == {"diff.svg", "expected.svg", "actual.svg"}
    assert all(share.texts for share in told.values())
    assert all(len(share.pictures) == 3 for share in shares(found, 10**6).values())


@pytest.mark.parametrize("most", [0, 1500, 4000, 20000])
def test_nothing_is_lost_to_want_of_room(tmp_path: Path, most: int) -> None:
    found = [drawn(tmp_path / str(at), causes=[str(at % 3)], size=at * 100) for at in range(9)]
    for each, share in zip(sorted(found, key=lambda f: f.name), sorted(shares(found, most).items()), strict=True):
        held = {path.name for path in share[1].pictures.values()} | {path.name for path in share[1].linked}
        held |= {"expected.nnviz", "actual.nnviz"} if share[1].texts else set()
        assert held == {"diff.svg", "expected.svg", "actual.svg", "expected.nnviz", "actual.nnviz"}, each.name


def test_the_same_pictures_are_there_once(tmp_path: Path) -> None:
    found = [drawn(tmp_path / name, text="same") for name in "abc"]
    text = page(found, root=tmp_path)
    assert text.count('src="data:') == 3
    assert text.count("The pictures are those of") == 2


def test_what_is_not_in_the_page_is_linked_from_it(tmp_path: Path, monkeypatch) -> None:
    found = [drawn(tmp_path / "a b" / "c#d")]
    monkeypatch.setattr("pytest_nnviz.report.page.shared_out", lambda groups, ids: shared_out(groups, ids, 0))
    links = [value for name, value in Reader(page(found, root=tmp_path)).attributes if name == "href"]
    assert "./a%20b/c%23d/diff.svg" in links
    assert not [link for link in links if not link.startswith(("#", "./a%20b/c%23d/"))]
