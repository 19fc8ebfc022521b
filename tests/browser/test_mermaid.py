"""The graphs of pull requests, read by Mermaid's own parser, which pages of code hosts run in browsers too."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser

from pytest_nnviz.pictures.drawing import Box, Drawing, Edge, Node
from pytest_nnviz.pictures.mermaid import to_mermaid

Parse = Callable[[str], dict[str, Any]]
HOSTILE = "\"'`<>&;#|[](){}\\/%-=.~_*:@$\n\t\u202e\x00\ud800é漢🙂"
WORDS = ["end", "subgraph ", "graph TD", "click ", "style ", "class ", ":::", "%%{init", "---", "1. ", "- ", "x"]
PARTS = st.one_of(st.sampled_from(HOSTILE), st.sampled_from(WORDS))
NAMES = st.lists(PARTS, max_size=30).map(lambda parts: "".join(parts)[:60])


@pytest.fixture(scope="session")
def parse(chromium: Browser) -> Iterator[Parse]:
    """What Mermaid understands of a text; a text that it refuses is an error."""
    spec = find_spec("mermaid_parser")
    assert spec is not None, "pip install --no-deps mermaid-parser-py"
    assert spec.origin is not None
    bundle = (Path(spec.origin).parent / "js" / "parser.bundle.js").read_text(encoding="utf-8")
    page = chromium.new_page()
    page.set_content("<!DOCTYPE html><p>")
    page.add_script_tag(content=f"{{const module = {{}};\n{bundle}\nwindow.parsed = module.exports}}")

    def parsed(text: str) -> dict[str, Any]:
        found = json.loads(page.evaluate("text => parsed(text)", text))
        assert found["graph_type"] == "flowchart-v2"
        graph: dict[str, Any] = found["graph_data"]
        return graph

    yield parsed
    page.close()


def said(text: str) -> str:
    """A label as Mermaid shows it: it keeps entities under signs of its own until it draws."""
    return re.sub("ﬂ°°([0-9]+)¶ß", lambda found: chr(int(found[1])), text)


def test_it_refuses_what_is_wrong(parse: Parse) -> None:
    with pytest.raises(Exception, match="Parse error"):
        parse("flowchart TD\n  n0 -->\n")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=NAMES, other=NAMES)
def test_names_are_shown_as_they_are(parse: Parse, one: str, other: str) -> None:
    inner = (Node("a", "module", one), Node("c", "function", other))
    graph = parse(to_mermaid(Drawing(one, (), (Box("b", other, "", inner),), (Edge("a", "c", (one, other)),))))
    (box,), (edge,), vertices = graph["subGraphs"], graph["edges"], graph["vertices"]
    one, other = (" ".join(each.split()) for each in (one, other))
    assert said(box["title"]).strip() == other
    assert [said(vertices[name]["text"]).strip() for name in box["nodes"]] == [one, other]
    assert said(edge["text"]).strip() == f"{one or ' '}<br/>{other or ' '}".strip()


def test_graphs_of_real_drifts(parse: Parse, few: Path, thirty: Path) -> None:
    graphs = [path for page in (few, thirty) for path in page.parent.rglob("*.mermaid")]
    assert len(graphs) > 30
    for path in graphs:
        text = path.read_text(encoding="utf-8")
        graph = parse(text)
        assert len(graph["subGraphs"]) == text.count("subgraph ")
        assert len(graph["edges"]) == len(re.findall(r"^  n\d+ [-=.>]", text, re.MULTILINE))


def test_graphs_of_the_summary(parse: Parse, few: Path) -> None:
    blocks = re.findall(r"```mermaid\n(.*?)```", (few.parent / "summary.md").read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    assert all(parse(block)["vertices"] for block in blocks)
