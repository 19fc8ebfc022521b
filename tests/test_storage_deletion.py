"""Whatever keeps a test from running or passing, its snapshots stay; what belongs to no test goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Project

from pytest_nnviz.unused import RunRecord

WORKERS = {"serial": (), "xdist": ("-n", "2")}

TEST_A = """
    import os

    import pytest
    from stub_tracer import Net

    if "SKIP_MODULE" in os.environ:
        pytest.importorskip("a_module_that_is_not_there")
    def trouble(request):
        kind = dict(pair.split(":") for pair in os.environ.get("TROUBLE", "").split()).get(request.node.name)
        if kind == "fail":
            pytest.fail("planted")
        if kind == "skip":
            pytest.skip("planted")
        if kind == "interrupt":
            raise KeyboardInterrupt
        if kind == "crash":
            os._exit(7)

    @pytest.fixture(autouse=True)
    def in_setup(request):
        request.node.name.startswith("test_in") and trouble(request)

    def test_first(request, nnviz_snapshot):
        trouble(request)
        nnviz_snapshot(Net())

    def test_twice(request, nnviz_snapshot):
        nnviz_snapshot(Net(2))
        trouble(request)
        if "ONCE" not in os.environ:
            nnviz_snapshot(Net(3))
            nnviz_snapshot.using(name="third")(Net(5))

    @pytest.mark.parametrize("p", ["a/b", "ab", "a\\\\b", "slow"])
    def test_ids(request, p, nnviz_snapshot):
        trouble(request)
        nnviz_snapshot(Net(len(p)))

    @pytest.mark.slow
    def test_in_setup(nnviz_snapshot):
        nnviz_snapshot(Net(6))

    if "REMOVED" not in os.environ:
        def test_removed(nnviz_snapshot):
            nnviz_snapshot(Net(7))
"""
TEST_B = """
    import os

    from stub_tracer import Net

    if "BREAK_MODULE" in os.environ and "sub" not in __name__:
        raise ImportError("planted")

    def test_first(nnviz_snapshot):
        nnviz_snapshot(Net(8))

    class TestGroup:
        def test_in_class(self, nnviz_snapshot):
            nnviz_snapshot(Net(9))

    class TestOther:
        def test_in_class(self, nnviz_snapshot):
            nnviz_snapshot(Net(10))
"""
INI = "[pytest]\nmarkers = slow\npython_files = test_*.py\nfilterwarnings = error\n"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with its snapshots; under filters that turn every warning into an error."""
    project = Project(tmp_path_factory.mktemp("recorded") / "project").stub()
    project.write("pytest.ini", INI)
    for package in ("tests", "tests/sub"):
        project.write(f"{package}/__init__.py", "")
    project.write("tests/test_a.py", TEST_A)
    project.write("tests/test_b.py", TEST_B)
    project.write("tests/sub/test_a.py", TEST_B)
    run = project.pytest("--snapshot-update")
    assert run.ret == 0, run.out
    assert "16 snapshots generated." in run.out
    assert len(project.files()) == 2 * 16
    return project


@dataclass(frozen=True)
class Scenario:
    args: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()  # arguments of a run before


def trouble(*where: str) -> dict[str, str]:
    return {"TROUBLE": " ".join(where)}


FAILS_FIRST = trouble("test_first:fail")
KEEP = {
    "fails or is skipped before, between and after its calls, or in setup": Scenario(
        (),
        trouble("test_first:fail", "test_twice:fail", "test_in_class:fail", "test_in_setup:skip", "test_ids[ab]:skip"),
    ),
    "stops at the first failure": Scenario(("-x",), FAILS_FIRST),
    "interrupted": Scenario((), trouble("test_ids[ab]:interrupt")),
    "module skipped, module broken": Scenario(
        ("--continue-on-collection-errors",), {"SKIP_MODULE": "1", "BREAK_MODULE": "1"}
    ),
    "-k by marker": Scenario(("-k", "not slow")),
    "-k by module and class": Scenario(("-k", "not test_b and not TestGroup")),
    "-m": Scenario(("-m", "not slow")),
    "--ignore and --deselect": Scenario(("--ignore", "tests/test_b.py", "--deselect", "tests/test_a.py::test_ids")),
    "node ids": Scenario(("tests/test_a.py::test_first", "tests/test_b.py::TestGroup")),
    "one file": Scenario(("tests/sub/test_a.py",)),
    "last failed": Scenario(("--lf", "-p", "cacheprovider"), before=("-p", "cacheprovider")),
}


@pytest.mark.parametrize("workers", list(WORKERS))
@pytest.mark.parametrize("name", list(KEEP))
def test_snapshots_stay(name: str, workers: str, recorded: Project, tmp_path: Path) -> None:
    project, scenario = recorded.copy(tmp_path / "project"), KEEP[name]
    if scenario.before:
        project.pytest(*scenario.before, **FAILS_FIRST)
    run = project.pytest("--snapshot-update", *scenario.args, *WORKERS[workers], **scenario.env)
    assert project.files() == recorded.files(), run.out
    assert "unused" not in run.out
    assert "nternal" not in run.out


@pytest.mark.parametrize("workers", list(WORKERS))
def test_without_an_update_they_are_not_called_unused_either(workers: str, recorded: Project, tmp_path: Path) -> None:
    project = recorded.copy(tmp_path / "project")
    run = project.pytest("-k", "not test_b", *WORKERS[workers], **{**FAILS_FIRST, "SKIP_MODULE": ""})
    assert "unused" not in run.out
    assert project.files() == recorded.files()


def test_snapshots_of_a_crashed_worker_stay(recorded: Project, tmp_path: Path) -> None:
    project = recorded.copy(tmp_path / "project")
    run = project.pytest("--snapshot-update", "-n", "2", **trouble("test_ids[ab]:crash"))
    assert "crashed" in run.out
    assert project.files() == recorded.files(), run.out


def test_fewer_workers_than_asked_for(recorded: Project, tmp_path: Path) -> None:
    project = recorded.copy(tmp_path / "project")
    run = project.pytest("--snapshot-update", "-n", "4", "--maxprocesses", "2", "-W", "default", REMOVED="1")
    assert project.files() == recorded.files(), run.out


def test_what_a_run_must_have_seen_to_call_a_snapshot_unused(tmp_path: Path) -> None:
    module = tmp_path / "test_m.py"
    module.write_text("")
    location = tmp_path / "__nnviz__/test_m/test.1.nnviz"

    def judged(
        *outcomes: tuple[str, str],
        partial: bool = False,
        opened: bool = True,
        broken: bool = False,
        called: str = "first",
        fixture: bool = True,
    ) -> bool:
        item: Any = SimpleNamespace(name="test", nodeid="test_m.py::test", path=module, parent=None)
        item.fixturenames = ["nnviz_snapshot"] if fixture else []
        record = RunRecord(partial=partial)
        record.collected(module, "test_m.py", [item], ["test_m.py::TestC"])
        if opened:
            record.collected(module, "test_m.py::TestC", [], [])
        if broken:
            record.broken(module)
        if called:
            record.called(item, location.with_stem("test") if called == "first" else location)
        for phase, outcome in outcomes:
            record.reported(item.nodeid, outcome)
            if phase == "call":
                record.ran(item)
            if phase == "teardown":
                record.ended(item)
        assert not record.may_judge(location)
        record.finishing = True
        return record.may_judge(location)

    passed = [(phase, "passed") for phase in ("setup", "call", "teardown")]
    assert judged(*passed)
    assert not judged(*passed, partial=True)
    assert not judged(*passed, opened=False)
    assert not judged(*passed, broken=True)
    assert not judged(*passed[:1])
    assert not judged(*passed[:2])
    assert not judged(passed[0], passed[2])
    assert not judged(*passed[:2], ("teardown", "failed"))
    assert not judged(*passed[:1], ("call", "rerun"), *passed)
    assert not judged(*passed, called="")
    assert not judged(*passed, called="second")
    assert judged(*passed, called="", fixture=False)


@pytest.mark.parametrize("workers", list(WORKERS))
def test_what_belongs_to_no_test_is_unused_and_goes_with_its_pictures(
    workers: str, recorded: Project, tmp_path: Path
) -> None:
    project = recorded.copy(tmp_path / "project")
    foreign = project.write("tests/__nnviz__/test_a/README.md", "kept")
    picture = project.write("tests/__nnviz__/test_a/test_removed.png", "mine")
    (project.root / "tests/test_b.py").unlink()
    run = project.pytest(*WORKERS[workers], REMOVED="1", ONCE="1")
    assert run.ret == 1, run.out
    assert "6 snapshots unused." in run.out
    run = project.pytest("--snapshot-update", *WORKERS[workers], REMOVED="1", ONCE="1")
    assert run.ret == 0, run.out
    assert "6 unused snapshots deleted." in run.out
    gone = {name.rpartition(".")[0] for name in recorded.files()} - {
        name.rpartition(".")[0] for name in project.files() if not name.endswith(".png")
    }
    root = "tests/__nnviz__"
    assert gone == {
        *(f"{root}/test_a/{stem}" for stem in ("test_removed", "test_twice.1", "test_twice[third]")),
        *(f"{root}/test_b/{stem}" for stem in ("test_first", "TestGroup.test_in_class", "TestOther.test_in_class")),
    }
    assert len(project.files()) == 2 * 10 + 2
    assert (foreign.read_text(), picture.read_text()) == ("kept", "mine")
    assert not (project.root / root / "test_b").exists()


@pytest.mark.parametrize("workers", list(WORKERS))
def test_other_snapshots_beside_ours(workers: str, project: Project) -> None:
    project.write(
        "test_m.py",
        """
        from pathlib import Path

        import pytest
        from stub_tracer import Net
        from syrupy.extensions.image import PNGImageSnapshotExtension, SVGImageSnapshotExtension
        from syrupy.extensions.json import JSONSnapshotExtension

        def test_all(snapshot, nnviz_snapshot):
            nnviz_snapshot.using(images="svg png")(Net())
            assert snapshot == "amber"
            assert snapshot.use_extension(PNGImageSnapshotExtension) == b"png"
            assert snapshot.use_extension(SVGImageSnapshotExtension) == "<svg/>"

        @pytest.mark.parametrize("p", ["nnviz", "svg"])
        def test_named(p, snapshot, nnviz_snapshot):
            nnviz_snapshot.using(name="nnviz")(Net())
            assert snapshot.use_extension(SVGImageSnapshotExtension)(name="nnviz") == "<svg/>"

        @pytest.fixture
        def json_snapshot(snapshot):
            return snapshot.use_extension(JSONSnapshotExtension)

        def test_json(json_snapshot):
            assert json_snapshot == {"a": 1}
        """,
    )
    roots = ("__nnviz__", "__snapshots__")
    run = project.pytest("--snapshot-update", *WORKERS[workers])
    assert run.ret == 0, run.out
    assert "9 snapshots generated." in run.out
    written = project.files(*roots)
    assert len(project.files()) == 3 + 2 * 2
    for args in (("--snapshot-update",), ()):
        run = project.pytest(*args, *WORKERS[workers])
        assert run.ret == 0, run.out
        assert "unused" not in run.out
        assert project.files(*roots) == written
    ours = project.files()
    run = project.pytest("--snapshot-update", "-k", "nnviz", *WORKERS[workers])  # selects snapshots by name, for syrupy
    assert project.files() == ours


CALLS = {
    "argument": """
        def test_here(nnviz_snapshot):
            if "GPU" in os.environ:
                nnviz_snapshot.using(name="gpu")(Net())
    """,
    "request": """
        def test_here(request):
            if "GPU" in os.environ:
                request.getfixturevalue("nnviz_snapshot").using(name="gpu")(Net())
    """,
    "fixture": """
        import pytest

        @pytest.fixture
        def pin(request):
            def call(model):
                request.getfixturevalue("nnviz_snapshot").using(name="gpu")(model)
            return call

        def test_here(pin):
            if "GPU" in os.environ:
                pin(Net())
    """,
}


@pytest.mark.parametrize("call", list(CALLS))
@pytest.mark.parametrize("workers", list(WORKERS))
def test_a_test_that_does_not_come_to_its_call_keeps_its_snapshot(workers: str, call: str, project: Project) -> None:
    """Until it no longer asks for the fixture: then nothing will use the snapshot again."""
    source = dedent(CALLS[call])
    project.write("test_m.py", f"import os\nfrom stub_tracer import Net\n{source}")
    project.write("test_other.py", "from stub_tracer import Net\ndef test(nnviz_snapshot): nnviz_snapshot(Net())")
    assert project.pytest("--snapshot-update", GPU="1").ret == 0
    stored = project.files()
    for args in (("--snapshot-update",), ()):
        run = project.pytest(*args, *WORKERS[workers])
        assert run.ret == 0, run.out
        assert "unused" not in run.out
        assert project.files() == stored
    project.write("test_m.py", "def test_here(request, tmp_path): pass")
    run = project.pytest("--snapshot-update")
    assert "1 unused snapshot deleted." in run.out
    assert set(project.files()) == {"__nnviz__/test_other/test.nnviz", "__nnviz__/test_other/test.svg"}


def test_what_another_plugin_collects_keeps_its_snapshots_without_that_plugin(project: Project) -> None:
    project.write("test_n.py", "from stub_tracer import Net\ndef test(nnviz_snapshot): nnviz_snapshot(Net())")
    project.write("test_m.case", "of a collector that is not loaded")
    kept = project.write("__nnviz__/test_m/run.nnviz", "text")
    gone = project.write("__nnviz__/test_k/run.nnviz", "text")
    run = project.pytest("--snapshot-update")
    assert "1 unused snapshot deleted." in run.out
    assert (kept.exists(), gone.exists()) == (True, False)


@pytest.mark.parametrize("workers", list(WORKERS))
def test_tests_outside_of_the_rootdir_are_told_apart(workers: str, project: Project) -> None:
    """pytest gives them one node id where their folders are arguments of its own."""
    project.write("ci/pytest.ini", "[pytest]\nmarkers = slow\n")
    for folder in "ab":
        project.write(f"tests/{folder}/__init__.py", "")
        source = """
            import os
            import pytest
            from stub_tracer import Net

            MARK
            def test(nnviz_snapshot): nnviz_snapshot(Net(int(os.environ.get("WIDTH", 4))))
        """
        project.write(f"tests/{folder}/test_m.py", source.replace("MARK", "@pytest.mark.slow" if folder == "b" else ""))
    for name in ("conftest.py", "stub_tracer.py"):
        (project.root / name).rename(project.root / "tests" / name)
    args = ("-c", "ci/pytest.ini", "tests/a", "tests/b", *WORKERS[workers])
    assert project.pytest("--snapshot-update", *args).ret == 0
    stored = project.files()
    assert {name for name in stored if name.endswith("z")} == {
        "tests/a/__nnviz__/test_m/test.nnviz",
        "tests/b/__nnviz__/test_m/test.nnviz",
    }
    run = project.pytest("--snapshot-update", "-m", "not slow", *args)
    assert run.ret == 0, run.out
    assert project.files() == stored
    run = project.pytest(*args, WIDTH="5")
    for folder in "ab":
        assert f"if intended: pytest --snapshot-update tests/{folder}/test_m.py::test" in run.out
        assert any(f"tests/{folder}/test_m/test/words.txt" in name for name in project.files("nnviz-artifacts"))
    run = project.pytest("-c", "ci/pytest.ini", "tests/a/test_m.py", "tests/b/test_m.py", *WORKERS[workers])
    assert run.ret == 0, run.out
    assert not project.files("nnviz-artifacts")


BUILT = """
import os
import unittest

import pytest
from stub_tracer import Net

MODELS = {} if "NOLIB" in os.environ else {"net": Net(2)}


@pytest.fixture
def model(nnviz_snapshot):
    nnviz_snapshot.using(name="built")(Net(3))
    return Net(4)


def test_used(model, nnviz_snapshot):
    nnviz_snapshot(model)


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("name", MODELS)
def test_zoo(nnviz_snapshot, name, size):
    nnviz_snapshot(MODELS[name])


class TestPlain:
    def test_plain(self, nnviz_snapshot):
        nnviz_snapshot(Net(7))


class TestCase(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def bring(self, nnviz_snapshot):
        self.pin = nnviz_snapshot

    def test_case(self):
        self.pin(Net(2))
"""


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["--setup-only"], {}),
        (["-o", "python_functions=test_us"], {}),
        (["-o", "python_classes=Other"], {}),
        (["-p", "no:unittest"], {}),
        ([], {"NOLIB": "1"}),
    ],
    ids=["bodies that do not run", "functions by another name", "classes", "no unittest", "no values"],
)
def test_what_is_left_out_without_a_word_stays(
    arguments: list[str], environment: dict[str, str], project: Project
) -> None:
    project.write("tests/test_built.py", BUILT)
    assert project.pytest("--snapshot-update").ret == 0
    files = project.files()
    assert len(files) == 2 * 6, files
    for update in ([], ["--snapshot-update"]):
        run = project.pytest(*arguments, *update, **environment)
        assert "unused" not in run.out, run.out
        assert project.files() == files
    assert project.pytest().ret == 0


def test_a_folder_of_tests_that_a_link_leads_to_once_more(project: Project) -> None:
    test = "from stub_tracer import Net\ndef test_x(nnviz_snapshot): nnviz_snapshot(Net())"
    project.write("one/tests/test_q.py", test)
    (project.root / "all").symlink_to(project.root / "one/tests", target_is_directory=True)
    assert project.pytest("--snapshot-update", "one").ret == 0
    run = project.pytest("--import-mode=importlib", "one", "all")
    assert run.ret == 0, run.out
    assert "2 passed" in run.out
