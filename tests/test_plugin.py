"""The fixture as a test sees it: the cycle, the options, the words, the errors."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import Project, Run

PYTEST = int(pytest.__version__.partition(".")[0])
WORKERS = {"serial": (), "xdist": ("-n", "2")}

TESTS = """
    import os

    from stub_tracer import Net

    WIDTH = int(os.environ.get("WIDTH", 4))

    def test_arch(nnviz_snapshot):
        arch = nnviz_snapshot(Net(WIDTH), "x", name="a keyword of the model", forward=lambda *a, **k: None)
        assert arch.total_parameters == 4 * WIDTH

    def test_other(nnviz_snapshot):
        nnviz_snapshot(Net(3), model=1, self=2, options=3)
""".replace("forward=lambda *a, **k: None", "options=None")


@pytest.mark.parametrize("workers", list(WORKERS))
def test_the_cycle(workers: str, project: Project) -> None:
    """Missing, update, same, drift, update: by one reusable course, bare and distributed."""
    project.write("tests/test_models.py", TESTS)
    text, picture = "tests/__nnviz__/test_models/test_arch.nnviz", "tests/__nnviz__/test_models/test_arch.svg"

    def run(*args: str, width: int = 4) -> Run:
        return project.pytest(*args, *WORKERS[workers], WIDTH=str(width))

    missing = run()
    assert missing.ret == 1
    assert missing.line("FAILED tests/test_models.py::test_arch -").endswith("- no snapshot yet: test_arch")
    assert "Net, eval, 16 parameters" in missing.out
    assert "to record: pytest --snapshot-update tests/test_models.py::test_arch" in missing.out
    assert not project.files()

    recorded = run("--snapshot-update")
    assert recorded.ret == 0, recorded.out
    assert recorded.line(f"recorded {text}: Net, eval, 16 parameters")
    assert project.files().keys() >= {text, picture}
    stored = project.files()

    same = run(width=4)
    assert same.ret == 0
    assert "2 snapshots passed." in same.out
    assert "recorded" not in same.out

    drifted = run(width=5)
    assert drifted.ret == 1
    assert "1 snapshot failed. 1 snapshot passed." in drifted.out
    words = [line[1:].strip() for line in drifted.out.splitlines() if line.startswith("E  ")]
    assert words[0].startswith("pytest_nnviz.errors.ArchitectureDrift: breaks checkpoints: head weight f32[4, 4]")
    assert words[0].endswith("in test_arch")
    assert "parameters 16 -> 20 (+25.0 %)" in words
    assert words[-3:] == [
        f"expected  {text}",
        "artifacts nnviz-artifacts/tests/test_models/test_arch",
        "if intended: pytest --snapshot-update tests/test_models.py::test_arch",
    ]
    assert drifted.line("FAILED tests/test_models.py::test_arch - breaks checkpoints: head weight")
    assert "stub_tracer.py:" not in drifted.out
    assert "snapshot.py:" not in drifted.out
    assert project.files() == stored
    assert len(project.files("nnviz-artifacts")) == 4 + 6 + 1 + 1 + 4

    accepted = run("--snapshot-update", width=5)
    assert accepted.ret == 0
    assert accepted.line(f"accepted {text}")
    assert words[0].partition(": ")[2] in accepted.out
    assert "parameters 16 -> 20 (+25.0 %)" in accepted.out
    assert "recorded tests" not in accepted.out
    assert project.files()[picture] != stored[picture]
    assert not project.files("nnviz-artifacts")
    assert run(width=5).ret == 0


def test_the_encoding_of_the_system_decides_nothing(project: Project) -> None:
    """A terminal of Windows, a locale without letters: the same files, and what changed is told; an error where a file
    can have no such name.
    """
    project.write(
        "test_m.py",
        """
        import os

        import pytest
        from stub_tracer import Net

        @pytest.mark.parametrize("id", ["größe", "中"])
        def test_arch(nnviz_snapshot, id):
            snapshot = nnviz_snapshot.using(name=id) if "NAMED" in os.environ else nnviz_snapshot
            snapshot(Net(int(os.environ.get("WIDTH", 4)), mark='"ß"'))
        """,
    )
    other = project.copy(project.root.with_name("other"))
    assert project.pytest("--snapshot-update", PYTHONUTF8="1").ret == 0
    system = {"PYTHONUTF8": "0", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "cp1252"}
    assert other.pytest("--snapshot-update", **system).ret == 0
    assert other.files() == project.files()
    drifted = other.pytest(WIDTH="5", **system)
    assert drifted.out.count("width 4 -> 5") >= 2
    assert "Error" not in drifted.out
    named = other.pytest(NAMED="1", **system)
    assert named.line("FAILED").partition(" - ")[2].startswith("SnapshotError: cannot read")
    assert named.line("this Python knows names of files in ascii alone: set PYTHONUTF8=1, or choose another name=")


def test_what_a_call_costs(project: Project) -> None:
    """A pass is one trace and no drawing; only what does not match is traced again."""
    project.write(
        "test_m.py",
        """
        import json, os, sys

        from stub_tracer import Net

        def test_log(nnviz_snapshot):
            net = Net(int(os.environ["WIDTH"]), cold=int(os.environ.get("COLD", 0)) or None)
            try:
                nnviz_snapshot(net)
            finally:
                print("LOG", net.log[1:-1], net.log[-1])

        def test_warmed_up(nnviz_snapshot):
            pass
        """,
    )
    for env, args, expected in (
        ({"WIDTH": "4"}, (), ["run", "settle"]),
        ({"WIDTH": "4"}, ("--snapshot-update",), ["run", "settle", "check_values"]),
        ({"WIDTH": "4"}, (), ["run"]),
        ({"WIDTH": "4"}, ("--snapshot-update",), ["run"]),
        ({"WIDTH": "4", "COLD": "9"}, (), ["run", "settle"]),
        ({"WIDTH": "4", "COLD": "9"}, ("--snapshot-update",), ["run", "settle"]),
        ({"WIDTH": "5"}, (), ["run", "settle"]),
        ({"WIDTH": "5"}, ("--snapshot-update",), ["run", "settle", "check_values"]),
    ):
        drawn = project.root / "drawn.log"
        drawn.write_text("")
        run = project.pytest("-rP", *args, **env, NNVIZ_STUB_DRAWN=str(drawn))
        assert run.line("LOG") == f"LOG {expected} close", (env, args)
        assert bool(drawn.read_text()) == ("check_values" in expected or env["WIDTH"] == "5")


def test_what_values_decide_is_not_recorded(project: Project) -> None:
    project.write(
        "test_m.py", "from stub_tracer import Net\ndef test(nnviz_snapshot): nnviz_snapshot(Net(values_decide=True))"
    )
    run = project.pytest("--snapshot-update")
    assert "UnstableArchitecture: values decide the graph" in run.out
    assert not project.files()


def test_options_come_from_the_project_the_markers_and_the_call(project: Project) -> None:
    project.write(
        "pytest.ini",
        "[pytest]\nnnviz_mode = train\nnnviz_images = off\nnnviz_gate = shapes topology\nnnviz_grad = yes\n",
    )
    project.write(
        "test_m.py",
        """
        import pytest
        from pytest_nnviz.gates import Gates
        from stub_tracer import Net

        pytestmark = pytest.mark.nnviz(mode="as-is", picture_depth=1)

        def opened(fixture):
            net = Net()
            fixture(net)
            return net.log[0]

        @pytest.mark.nnviz(images="png")
        @pytest.mark.nnviz(images="svg", grad=False)
        class TestMarked:
            @pytest.mark.nnviz(mode="eval")
            def test_closest(self, nnviz_snapshot):
                options = nnviz_snapshot._options
                assert (options.mode, options.images, options.picture_depth) == ("eval", "svg", 1)
                assert options.grad is False
                assert options.gate == Gates.of({"shapes", "topology"})
                assert opened(nnviz_snapshot) == "open eval"

        def test_using(nnviz_snapshot):
            other = nnviz_snapshot.using(mode="train").using(picture_depth=2)
            assert opened(other) == "open train"
            assert opened(nnviz_snapshot) == "open as-is"
            assert "test_using" in repr(other)
            assert other._options.picture_depth == 2
        """,
    )
    run = project.pytest("--snapshot-update")
    assert run.ret == 0, run.out
    assert sorted(Path(name).name for name in project.files()) == [
        "TestMarked.test_closest.nnviz",
        "TestMarked.test_closest.svg",
        "test_using.1.nnviz",
        "test_using.nnviz",
    ]


def test_unknown_options_name_their_place_and_the_choices(project: Project) -> None:
    project.write(
        "test_m.py",
        """
        import pytest
        from stub_tracer import Net

        @pytest.mark.nnviz(mod="eval")
        def test_marker(nnviz_snapshot): pass

        @pytest.mark.nnviz("eval")
        def test_positional(nnviz_snapshot): pass

        def test_using(nnviz_snapshot): nnviz_snapshot.using(gate={"shape"})(Net())

        def test_unnamed(nnviz_snapshot): nnviz_snapshot.using(Net())

        def test_no_model(nnviz_snapshot): nnviz_snapshot()
        """,
    )
    run = project.pytest("--strict-markers")
    assert (
        "@pytest.mark.nnviz of test_m.py::test_marker: unknown option 'mod' (did you mean 'mode'?); options: "
        in run.out
    )
    assert "@pytest.mark.nnviz of test_m.py::test_positional: 'eval' has no name; write name=value" in run.out
    assert "OptionError: unknown gate 'shape' (did you mean 'shapes'?); gates: 'structure', 'shapes'," in run.out
    assert (
        "OptionError: nnviz_snapshot.using() takes options by their names and gives the fixture back, got a Net: "
        'nnviz_snapshot.using(name="first")(model, ...)'
    ) in run.out
    assert "TraceError: nnviz_snapshot() needs a model" in run.out
    for key, value, words in (
        ("mode", "evil", "mode='evil': choose one of 'eval', 'train', 'as-is'"),
        ("grad", "maybe", "'maybe' is neither true nor false"),
        ("gate", "shape", "unknown gate 'shape' (did you mean 'shapes'?)"),
        ("picture_depth", "deep", "'deep' is not a number; give one from 0"),
        ("picture_depth", "-1", "picture_depth=-1: give a number from 0, or None for what fits"),
        ("mod", "eval", "unknown option 'mod' (did you mean 'mode'?); options: mode, device, "),
        ("name", "x", "unknown option 'name'"),
    ):
        run = project.pytest("-o", f"nnviz_{key}={value}")
        assert run.ret == 4
        assert words in run.out
        assert run.line(f"ERROR: nnviz_{key} in -o: ")
    project.write("pytest.ini", "[pytest]\nnnviz_mod = eval\n")
    assert project.pytest().line(f"ERROR: nnviz_mod in {project.root / 'pytest.ini'}: unknown option 'mod'")


@pytest.mark.parametrize("table", ["tool.pytest", "tool.pytest.ini_options"])
def test_options_in_toml_are_taken_as_they_come(table: str, project: Project) -> None:
    if table == "tool.pytest" and PYTEST < 9:
        pytest.skip("pytest reads this table from 9")
    lines = (
        'mode = "train"',
        "forward = false",
        "grad = true",
        "picture_depth = 2",
        'images = ["svg", "png"]',
        'gate = ["shapes", "topology"]',
        'opaque = "timm.*"',
    )
    project.write("pyproject.toml", "\n".join([f"[{table}]", *(f"nnviz_{line}" for line in lines), ""]))
    project.write(
        "test_m.py",
        """
        from pytest_nnviz.gates import Gates

        def test(nnviz_snapshot):
            options = nnviz_snapshot._options
            assert (options.mode, options.forward, options.grad) == ("train", False, True)
            assert (options.picture_depth, options.images) == (2, "svg png")
            assert (options.gate, options.opaque) == (Gates.of({"shapes", "topology"}), ("timm.*",))
        """,
    )
    run = project.pytest("-W", "error")
    assert run.ret == 0, run.out


def test_the_header_is_quiet_under_q(project: Project) -> None:
    project.write("test_m.py", "def test(): pass")
    assert project.pytest("--nnviz-artifacts", "out").line("nnviz: pytest-nnviz").endswith("artifacts: out")
    assert "nnviz" not in project.pytest("-q").out


def test_what_cannot_work_says_why(project: Project) -> None:
    project.write(
        "test_m.py",
        '''
        import pytest
        from stub_tracer import Net

        def documented():
            """
            >>> getfixture("nnviz_snapshot")
            """

        def test(nnviz_snapshot): nnviz_snapshot(Net())

        class TestOther:
            @pytest.fixture
            def snapshot(self): return object()

            def test_other_snapshot(self, nnviz_snapshot): nnviz_snapshot(Net())

            def test_model_raises(self): pass
        ''',
    )
    run = project.pytest("--doctest-modules")
    assert "doctests are not supported (test_m.py::test_m.documented); use a test" in run.out
    assert "SnapshotError: the fixture 'snapshot' is object, not syrupy's" in run.out
    run = project.pytest(plugins=("no:syrupy", "pytest_nnviz.plugin"))
    assert "SnapshotError: nnviz_snapshot builds on syrupy, which is not loaded: drop -p no:syrupy" in run.out
    run = project.pytest("--snapshot-dirname", "__nnviz__")
    assert run.line("ERROR: --snapshot-dirname: __nnviz__ holds the files of nnviz_snapshot")


def test_a_syrupy_that_was_not_tested_is_one_warning(project: Project) -> None:
    stub = (project.root / "conftest.py").read_text()
    project.write("conftest.py", stub + "import pytest_nnviz.extension as e\ne.version = lambda name: '8.1.0'\n")
    project.write("test_m.py", TESTS)
    run = project.pytest("--snapshot-update", "-n", "2")
    assert "2 passed, 1 warning" in run.out
    assert "tested with syrupy >=7.0.1,<8; this is 8.1.0" in run.out


def test_groups_of_workers(project: Project) -> None:
    """xdist appends the group to the node id; neither a file nor the command has it."""
    project.write(
        "test_m.py",
        """
        import pytest
        from stub_tracer import Net

        @pytest.mark.xdist_group("g")
        @pytest.mark.parametrize("p", [1, 2])
        def test(p, nnviz_snapshot):
            nnviz_snapshot(Net(p))
        """,
    )
    args = ("-n", "2", "--dist", "loadgroup")
    run = project.pytest(*args)
    assert run.line("to record: pytest --snapshot-update 'test_m.py::test[")[-1] == "'"
    assert "g'" not in run.out
    assert project.pytest("--snapshot-update", *args).ret == 0
    assert "2 snapshots passed." in project.pytest(*args).out
    assert all("@" not in name for name in project.files())


def test_the_users_own_error_is_shown_where_it_was_raised(project: Project) -> None:
    project.write(
        "test_m.py",
        """
        from stub_tracer import Net

        def forward(x):
            raise ValueError("planted")

        def test(nnviz_snapshot):
            nnviz_snapshot(Net(forward=forward), 1)

        def test_tracing(nnviz_snapshot):
            nnviz_snapshot()
        """,
    )
    run = project.pytest()
    assert "E       ValueError: planted" in run.out or "E   ValueError: planted" in run.out
    assert "pytest_nnviz/" not in run.out
    assert run.line("FAILED test_m.py::test - ValueError: planted")
    assert run.line("FAILED test_m.py::test_tracing - TraceError: nnviz_snapshot() needs a model")
    assert "pytest_nnviz/fixtures/snapshot.py" in project.pytest("--full-trace").out


def test_errors_of_ours_end_at_the_line_of_the_user(project: Project) -> None:
    """However they come about: no frame of this package, of the library or of pytest."""
    project.write(
        "net.py",
        """
        from pytest_nnviz.errors import TraceError

        def forward():
            raise TraceError("planted below") from OSError("the cause")
        """,
    )
    project.write(
        "test_m.py",
        """
        import pytest
        import unittest

        from net import forward
        from stub_tracer import Net

        class TestUnit(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _pinned(self, nnviz_snapshot):
                self.snapshot = nnviz_snapshot

            def test_missing(self):
                self.snapshot(Net())  # line of the user

        def test_gate(nnviz_snapshot):
            nnviz_snapshot.using(gate={"shape"})  # line of the user

        @pytest.mark.nnviz(modes="eval")
        def test_marker(nnviz_snapshot):
            pass

        def test_below(nnviz_snapshot):
            nnviz_snapshot(Net(forward=forward))  # line of the user
        """,
    )
    for style in ("long", "short"):
        run = project.pytest("--no-header", "--tb", style, COLUMNS="300")
        assert run.out.count("# line of the user") == 3, run.out
        for foreign in (
            "contextlib.py",
            "dataclasses.py",
            "pytest_nnviz/",
            "_pytest",
            "pluggy",
            "<string>",
            "Options(",
        ):
            assert foreign not in run.out, (style, foreign, run.out)
        assert run.line("FAILED test_m.py::TestUnit::test_missing - no snapshot yet: TestUnit.test_missing")
        assert run.line("FAILED test_m.py::test_gate - OptionError: unknown gate 'shape'")
        of_marker = "OptionError: @pytest.mark.nnviz of test_m.py::test_marker: "
        assert run.line(of_marker)
        assert run.line(f"ERROR test_m.py::test_marker{f' - {of_marker}' if PYTEST >= 9 else ''}")  # 8 leaves it out
        assert "net.py:" in run.out
        assert "OSError: the cause" in run.out
    run = project.pytest("--no-header", "-k", "test_gate", plugins=("no:syrupy", "pytest_nnviz.plugin"))
    assert "_pytest" not in run.out
    assert len(run.out.splitlines()) < 20


def test_it_fails_as_an_assertion_does(project: Project) -> None:
    project.write(
        "test_m.py",
        """
        import pytest
        from stub_tracer import Net
        from pytest_nnviz import ArchitectureDrift

        def test_without_assert(nnviz_snapshot):
            nnviz_snapshot(Net())

        @pytest.mark.xfail(raises=AssertionError)
        def test_expected(nnviz_snapshot):
            nnviz_snapshot(Net())

        def test_raises(nnviz_snapshot):
            with pytest.raises(ArchitectureDrift, match="no snapshot yet: test_raises"):
                nnviz_snapshot(Net())

        @pytest.fixture
        def in_setup(nnviz_snapshot):
            nnviz_snapshot(Net())

        def test_in_setup(in_setup):
            pass
        """,
    )
    run = project.pytest("--junitxml=report.xml")
    assert "1 failed, 1 passed, 1 xfailed, 1 error" in run.out
    cases = {case.get("name"): case for case in ElementTree.parse(project.root / "report.xml").iter("testcase")}
    named = cases["test_without_assert"].find("properties/property")
    assert named is not None
    assert (named.get("name"), named.get("value")) == ("nnviz", "no snapshot yet: test_without_assert")
    run = project.pytest("--snapshot-update", "-k", "in_setup")
    assert run.line("recorded __nnviz__/test_m/test_in_setup.nnviz")


DAMAGED = {
    "conflict markers": (lambda text: text.replace("\n", "\n<<<<<<< ours\n", 1), "line 2"),
    "a newer format": (lambda text: text.replace("nnviz 1", "nnviz 99", 1), "99"),
    "another file": (lambda text: "hello\n", ""),
    "empty": (lambda text: "", ""),
    "cut short": (lambda text: text[: len(text) // 2], ""),
}


def test_a_damaged_snapshot_is_named_and_healed_by_an_update(project: Project) -> None:
    names = list(DAMAGED)
    project.write(
        "test_m.py",
        f"""
        import pytest
        from stub_tracer import Net

        @pytest.mark.parametrize("p", range({len(names)}))
        def test(p, nnviz_snapshot):
            nnviz_snapshot(Net())
        """,
    )
    assert project.pytest("--snapshot-update").ret == 0
    stored = project.files()
    for index, name in enumerate(names):
        path = project.root / f"__nnviz__/test_m/test[{index}].nnviz"
        path.write_text(DAMAGED[name][0](path.read_text()))
    run = project.pytest()
    assert f"{len(names)} failed" in run.out
    for index, name in enumerate(names):
        line = run.line(f"pytest_nnviz.errors.SnapshotError: unreadable snapshot: test[{index}], ")
        assert DAMAGED[name][1] in line, (name, line)
        assert f"to write it anew: pytest --snapshot-update 'test_m.py::test[{index}]'" in run.out
    run = project.pytest("--snapshot-update")
    assert run.ret == 0, run.out
    assert "the snapshot before could not be read" in run.out
    assert project.files() == stored


@pytest.mark.parametrize("workers", list(WORKERS))
def test_what_is_not_gated_is_reported_and_an_update_rewrites_it(workers: str, project: Project) -> None:
    project.write("pytest.ini", "[pytest]\nfilterwarnings = error\n")
    project.write(
        "test_m.py",
        """
        import os
        from stub_tracer import Net

        def test(nnviz_snapshot):
            nnviz_snapshot.using(gate="structure shapes topology")(Net(trainable="FROZEN" not in os.environ))
        """,
    )
    assert project.pytest("--snapshot-update", *WORKERS[workers]).ret == 0
    stored = project.files()
    run = project.pytest(*WORKERS[workers], FROZEN="1")
    assert run.ret == 0, run.out
    assert "1 snapshot passed." in run.out
    assert run.line("not gated __nnviz__/test_m/test.nnviz")
    assert "head" in run.out
    assert project.files("__nnviz__", "nnviz-artifacts") == stored
    run = project.pytest("--snapshot-update", *WORKERS[workers], FROZEN="1")
    assert run.line("accepted __nnviz__/test_m/test.nnviz")
    assert project.files() != stored
    assert "not gated" not in project.pytest(FROZEN="1").out


def test_started_elsewhere_the_command_still_fits(project: Project) -> None:
    project.write("pytest.ini", "[pytest]\n")
    project.write("sub/test_m.py", "from stub_tracer import Net\ndef test(nnviz_snapshot): nnviz_snapshot(Net())")
    inner = Project(project.root / "sub")
    run = inner.pytest()
    assert run.line("to record:") == "to record: pytest --snapshot-update test_m.py::test"
    assert run.line("expected") == "expected  __nnviz__/test_m/test.nnviz"
