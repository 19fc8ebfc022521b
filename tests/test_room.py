"""A message in the room that the terminal has: its lines, their width, what -vv adds, colours."""

from __future__ import annotations

import pytest
from conftest import Project

TESTS = """
    import os
    from stub_tracer import Net

    def test(nnviz_snapshot):
        nnviz_snapshot(Net(int(os.environ.get("WIDTH", 4)), mark=os.environ.get("MARK", "1"), layers=100))
"""


@pytest.fixture
def recorded(project: Project) -> Project:
    project.write("test_m.py", TESTS)
    assert project.pytest("--snapshot-update").ret == 0
    return project


def message(out: str) -> list[str]:
    """The lines of the one failure, as pytest prints them."""
    return [line for line in out.splitlines() if line.startswith("E  ")]


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_sixty_lines_of_the_width_of_the_terminal(workers: tuple[str, ...], recorded: Project) -> None:
    for columns in (80, 120):
        run = recorded.pytest(*workers, WIDTH="5", MARK="2", COLUMNS=str(columns))
        lines = message(run.out)
        assert len(lines) <= 60
        assert max(map(len, lines[1:])) <= columns
        left = next(line for line in lines if "... and " in line)
        told = sum(line[1:].strip().startswith("~ ") for line in lines)
        assert int(left.split()[3]) == 102 - told
        assert run.line("artifacts") == "artifacts nnviz-artifacts/test_m/test, all of it in words.txt"


def test_the_artifact_has_all_of_it(recorded: Project) -> None:
    recorded.pytest(WIDTH="5", MARK="2")
    text = recorded.files("nnviz-artifacts")["nnviz-artifacts/test_m/test/words.txt"].decode()
    assert sum(line.startswith("  ~ layer") for line in text.splitlines()) == 100
    assert "  downstream:\n  ~ (model)  self.head result f32[1, 4] -> f32[1, 5]" in text
    assert "... and" not in text


def test_vv_tells_what_follows_and_all_of_it(recorded: Project) -> None:
    assert "and 1 shape downstream" in recorded.pytest("-v", WIDTH="5").out
    run = recorded.pytest("-vv", WIDTH="5", MARK="2")
    assert run.line("downstream:")
    assert sum(line[1:].strip().startswith("~ layer") for line in message(run.out)) == 100
    assert "... and" not in run.out


def test_how_much_is_told_goes_by_the_verbosity_of_assertions(recorded: Project) -> None:
    """As in pytest, ``-q`` takes back one ``v``; its ini option for assertions holds over both."""
    assert "and 1 shape downstream" in recorded.pytest("-q", "-vv", WIDTH="5").out
    assert recorded.pytest("-q", "-o", "verbosity_assertions=2", WIDTH="5").line("downstream:")


def test_an_accepted_headline_is_no_longer_than_the_terminal(recorded: Project) -> None:
    run = recorded.pytest("--snapshot-update", WIDTH="5", MARK="a_mark_of_many_characters")
    accepted = run.out[run.out.index("accepted ") :].splitlines()[1:4]
    run = recorded.pytest("--snapshot-update", WIDTH="5", MARK="another_mark_of_many_characters_more")
    accepted += run.out[run.out.index("accepted ") :].splitlines()[1:4]
    assert any(line.endswith(" in test") for line in accepted), accepted
    assert max(map(len, accepted)) <= 80, accepted


def test_colours_where_the_terminal_has_them(recorded: Project) -> None:
    plain = recorded.pytest("--snapshot-update", MARK="2").out
    assert "\x1b" not in plain
    coloured = recorded.pytest("--snapshot-update", "--color=yes", MARK="3").out
    assert "\x1b[33m  ~ layer0" in coloured
    assert "\x1b[1maccepted __nnviz__/test_m/test.nnviz" in coloured
