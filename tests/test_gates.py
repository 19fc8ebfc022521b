"""Gates by place: which pattern decides where, how they are spelled, and what fails, what is noted."""

from __future__ import annotations

import pytest
from conftest import Project
from made_up import call, linear, model, result, run, spec, x

from pytest_nnviz.architecture import Architecture, Body, Module
from pytest_nnviz.drift import Change, Drift, diff
from pytest_nnviz.errors import OptionError
from pytest_nnviz.gates import GATES, Gates
from pytest_nnviz.options import Options
from pytest_nnviz.report import drift_data
from pytest_nnviz.wording import headline, words

ALL = frozenset(GATES)


@pytest.mark.parametrize(
    ("pattern", "named", "others"),
    [
        ("encoder", ["encoder", "encoder.0", "encoder.0.conv"], ["", "encoder2", "decoder", "decoder.encoder"]),
        ("encoder.*", ["encoder.0", "encoder.0.conv"], ["", "encoder", "encoder2"]),
        ("layers.*.attn", ["layers.0.attn", "layers.11.attn.proj"], ["layers.0", "layers.0.attn2", "attn"]),
        ("*.norm", ["layers.0.norm"], ["norm", "layers.0.norm2"]),
    ],
)
def test_a_pattern_names_modules_and_what_is_below_them(pattern: str, named: list[str], others: list[str]) -> None:
    gates = Gates.of({pattern: {"shapes"}})
    assert [gates.at(place) for place in named] == [{"shapes"}] * len(named)
    assert [gates.at(place) for place in others] == [ALL] * len(others)


def test_the_last_pattern_decides_and_the_star_is_for_the_rest_wherever_it_stands() -> None:
    inner, outer, rest = ("encoder.0", {"shapes"}), ("encoder", {"topology"}), ("*", set[str]())
    for given in ([rest, outer, inner], [outer, rest, inner], [outer, inner, rest]):
        gates = Gates.of(dict(given))
        assert (gates.at("encoder.0.conv"), gates.at("encoder.1"), gates.at("head"), gates.at("")) == (
            {"shapes"},
            {"topology"},
            set(),
            set(),
        )
    assert Gates.of(dict([inner, outer])).at("encoder.0") == {"topology"}


def test_what_moves_is_held_by_the_place_that_it_leaves_too() -> None:
    gates = Gates.of({"new": ()})
    for old, held in (("new.a", False), ("old.a", True)):
        change = Change("structure", "moved", "new.b", "", old, "new.b", "breaks checkpoints")
        assert gates.held_in(Drift(model(), model(), (change,)))(change) is held


def shared(target: str, size: int = 8) -> Architecture:
    """A part that three blocks call, and hold under names of their own."""
    part = Module("Part", children=(("fc", linear(8, size)),))
    others = [(str(n), Module("Block", children=(("part", Module("", shared="^0.part")),))) for n in (1, 2)]
    blocks = Module("ModuleList", children=(("0", Module("Block", children=(("part", part),))), *others))
    inside = Body((call(target, x()),), result(target))
    parts = [run("part", x=x(), body=inside), *(run("blocks.0.part", x=x(), body=inside, up=1) for _ in (1, 2))]
    calls = [run(f"blocks.{n}", x=x(), body=Body((part,), x())) for n, part in enumerate(parts)]
    return model([("blocks", blocks)], calls)


@pytest.mark.parametrize(("free", "failing"), [(("0",), True), (("1",), True), (("0", "1", "2"), False)])
def test_what_several_modules_share_is_held_where_any_of_them_is(free: tuple[str, ...], failing: bool) -> None:
    gates = Gates.of({f"blocks.{n}": () for n in free})
    for drift in (diff(shared("relu"), shared("tanh")), diff(shared("relu"), shared("relu", 9))):
        assert {change.place for change in drift.changes} <= {"blocks.0.part", "blocks.0.part.fc"}
        assert any(map(gates.held_in(drift), drift.changes)) is failing
        assert drift_data(drift, "t", gates)["failed"] is failing
        assert (words(drift, gate=gates)[0] == "not gated:") is not failing


def test_parameters_that_two_modules_share_now_are_held() -> None:
    """Half of them are gone, whoever looks at the structure."""
    apart = model([("a", linear()), ("b", linear())], [run("a", x()), run("b", result("a"))])
    tied = model([("a", linear()), ("b", Module("", shared="a"))], [run("a", x()), run("a", result("a"))])
    for old, new in ((apart, tied), (tied, apart)):
        drift = diff(old, new)
        held = [change for change in drift.changes if Gates.of({"parameters"}).held_in(drift)(change)]
        assert [(change.kind, change.place, change.what) for change in held] == [("changed", "b", "parameters")]


def test_a_renamed_parameter_is_held_where_it_is() -> None:
    change = Change("parameters", "renamed", "head", "weight", "encoder", "weight", "breaks checkpoints")
    assert not Gates.of({"head": ()}).held_in(Drift(model(), model(), (change,)))(change)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (3, "gate: 3 is no set out of 'structure', 'shapes', 'parameters', 'topology'"),
        ({"encoder.*"}, "unknown gate 'encoder.*' (for a part of the model: {'encoder.*': {'shapes'}})"),
        (
            {"encoder": {"shape"}},
            "unknown gate 'shape' for 'encoder' (did you mean 'shapes'?); gates: 'structure'",
        ),
        ({"encoder": 3}, "gate for 'encoder': 3 is no set out of 'structure'"),
        ({"": {"shapes"}}, "gate: '' is no pattern; give paths of modules such as 'encoder' or 'layers.*.attn'"),
        ({3: {"shapes"}}, "gate: 3 is no pattern"),
        (
            {"encoder": {"cost"}},
            "gate for 'encoder': 'cost' is of the whole model, as FLOPs are; write {'encoder': set()}, and 'cost' "
            "among the gates for '*', where all are unless it says otherwise",
        ),
        (
            {"encoder": {"cost", "shapes"}},
            "gate for 'encoder': 'cost' is of the whole model, as FLOPs are; write {'enc",
        ),
    ],
)
def test_what_is_no_gate_says_so(given: object, words: str) -> None:
    with pytest.raises(OptionError) as raised:
        Options().using(gate=given)
    assert str(raised.value).startswith(words)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("shapes topology", {"shapes", "topology"}),
        ("", ()),
        ("\nencoder.*: shapes parameters\nhead:\n", {"encoder.*": "shapes parameters", "head": ()}),
        ("encoder.*: shapes head: topology", {"encoder.*": "shapes", "head": "topology"}),
        ("shapes encoder: structure", {"*": "shapes", "encoder": "structure"}),
        ("*: shapes\nencoder: structure", {"*": "shapes", "encoder": "structure"}),
        ({"encoder": ["shapes"], "*": "topology"}, {"*": "topology", "encoder": "shapes"}),
        ("{'encoder': ['shapes'], 'head': []}", {"encoder": "shapes", "head": ()}),
        (["shapes", "topology"], {"shapes", "topology"}),
    ],
)
def test_spellings_of_a_project(written: object, meant: object) -> None:
    assert Options(**Options.parse_ini({"gate": written})).gate == Gates.of(meant)


def test_a_broken_table_says_how_to_write_one() -> None:
    with pytest.raises(OptionError, match=r"'\{encoder' is no table; write patterns and gates, encoder\.\*: shapes"):
        Options.parse_ini({"gate": "{encoder"})


def network(size: int, head: int = 4):
    """An encoder whose first layer has ``size`` outputs, and a head with ``head``."""
    encoder = Module("Encoder", children=(("fc", linear(8, size)), ("out", linear(size, 8))))
    inside = Body((run("fc", x(), gives=spec(1, size)), run("out", x("fc"), gives=spec(1, 8))), x("out"))
    calls = [run("encoder", x=x(), body=inside), call("relu", x()), run("head", x(), gives=spec(1, head))]
    return model([("encoder", encoder), ("head", linear(8, head))], calls)


def test_what_a_place_does_not_hold_is_a_note() -> None:
    drift = diff(network(16), network(32, head=5))
    gates = Gates.of({"encoder": {"topology"}})
    lines = words(drift, gate=gates)
    assert headline(drift, "t", gate=gates).startswith("breaks checkpoints: head out_features 4 -> 5 in t")
    assert lines[0].startswith("~ head")
    assert lines[1] == "not gated:"
    assert lines[2].startswith("~ encoder.fc")


def test_what_follows_in_a_held_place_from_one_that_is_not_is_told_as_its_own() -> None:
    drift = diff(network(16), network(32))
    lines = words(drift, gate=Gates.of({"encoder": {"topology", "parameters"}}))
    assert lines[0].startswith("~ encoder.fc   weight f32[16, 8] -> f32[32, 8]")
    assert lines[2] == "not gated:"


TESTS = """
    import os
    import pytest
    from stub_tracer import Net

    WITHOUT = {"structure", "shapes", "topology"}

    def net():
        return Net(trainable="FROZEN" not in os.environ)

    def test_using(nnviz_snapshot):
        nnviz_snapshot.using(gate={"head": WITHOUT})(net())

    @pytest.mark.nnviz(gate={"*": WITHOUT, "head": "parameters"})
    def test_marker(nnviz_snapshot):
        nnviz_snapshot(net())

    def test_project(nnviz_snapshot):
        nnviz_snapshot(net())
"""


def test_places_by_call_marker_and_project(project: Project) -> None:
    project.write("pytest.ini", "[pytest]\nnnviz_gate =\n    head: structure shapes\n    other.*: shapes\n")
    project.write("test_m.py", TESTS)
    assert project.pytest("--snapshot-update", "-W", "error").ret == 0
    run = project.pytest("-W", "error", FROZEN="1")
    assert "1 failed, 2 passed" in run.out
    assert run.line("FAILED test_m.py::test_marker - training only: head weight")
    assert run.line("not gated in 2 snapshots: Linear weight trainable -> frozen, training only")
    assert run.line("__nnviz__/test_m/test_using.nnviz")
    assert run.line("__nnviz__/test_m/test_project.nnviz")


def test_a_pattern_that_names_nothing_is_a_warning(project: Project) -> None:
    source = """
        from stub_tracer import Net

        def test(nnviz_snapshot):
            nnviz_snapshot.using(gate={"haed": "shapes"})(Net())  # line of the user
    """
    project.write("test_m.py", source)
    for args in (("--snapshot-update",), ()):
        run = project.pytest(*args)
        assert "UnmatchedPatternWarning: gate='haed' names nothing in Net: give the path of a module" in run.out
        assert "# line of the user" in run.out
        assert "1 passed, 1 warning" in run.out


@pytest.mark.parametrize("table", ["tool.pytest", "tool.pytest.ini_options"])
def test_places_in_toml(table: str, project: Project) -> None:
    if table == "tool.pytest" and int(pytest.__version__.partition(".")[0]) < 9:
        pytest.skip("pytest reads this table from 9")
    project.write("pyproject.toml", f'[{table}]\nnnviz_gate = {{"*" = "shapes", "head.*" = ["structure"], "x" = []}}\n')
    project.write(
        "test_m.py",
        """
        from pytest_nnviz.gates import Gates

        def test(nnviz_snapshot):
            given = {"*": {"shapes"}, "head.*": {"structure"}, "x": ()}
            assert nnviz_snapshot._options.gate == Gates.of(given)
        """,
    )
    run = project.pytest("-W", "error")
    assert run.ret == 0, run.out
