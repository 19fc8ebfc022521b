"""Graphs for pages that draw Mermaid: whatever a model is called, nothing of it is syntax."""

from __future__ import annotations

import re

import pytest
from drift_cases import CASES, Case
from hypothesis import given
from hypothesis import strategies as st

from pytest_nnviz import diff, render
from pytest_nnviz.pictures.drawing import Box, Drawing, Edge, Node, Stack
from pytest_nnviz.pictures.mermaid import to_mermaid

LABEL = r'"[^"<>&`;\\\x00-\x1f]*?(?:(?:<br/>|#\d+;)[^"<>&`;\\\x00-\x1f]*?)*"'
GRAMMAR = [
    r"flowchart TD",
    rf" *subgraph n\d+ \[{LABEL}\]",
    r" *end",
    rf" *n\d+\[{LABEL}\](:::(added|removed|changed|dim))?",
    r' *n\d+\(\(" "\)\)',
    rf"  n\d+ (-->|---|-\.->|==>)(\|{LABEL}\|)? n\d+",
    r"  classDef \w+ [\w:#,.%-]+( \d+)?",
]


def check(text: str) -> None:
    lines = text.removesuffix("\n").split("\n")
    wrong = [line for line in lines if not any(re.fullmatch(rule, line) for rule in GRAMMAR)]
    assert not wrong
    assert sum("subgraph" in line for line in lines) == sum(line.strip() == "end" for line in lines)


@given(st.text(max_size=90), st.text(max_size=90), st.sampled_from(["", "added", "removed", "changed"]))
def test_names_are_never_syntax(one: str, other: str, change: str) -> None:
    node = Node("a", "module", one, other, notes=(one, other), change=change)
    stack = Stack("s", (Node("r", "function", other), Node("q", "function", one)), (one, other))
    box = Box("b", other, one, (node, stack, Node("p", "point", "")), notes=(one,), change=change)
    edges = (Edge("a", "s", (one, other), change), Edge("q", "p"), Edge("p", "b", arrow=False))
    text = to_mermaid(Drawing(one, (other,), (box,), edges))
    check(text)
    assert text.count("\n") == 13


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_drifts_of_real_models(case: Case) -> None:
    check(str(render(diff(*case.pair()), "mermaid")))
