"""pytest hooks, options and fixtures of pytest-nnviz. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_nnviz.configuration import PREFIX, accepting, fixtures_with, ini_keys, marked, project_options
from pytest_nnviz.ending import Ending
from pytest_nnviz.errors import NNVizWarning, OptionError, SnapshotError
from pytest_nnviz.kinds import FILTERS, SNAPSHOT, SUMMARY, Kind
from pytest_nnviz.naming import SNAPSHOT_DIRNAME
from pytest_nnviz.recap import Note, Recap
from pytest_nnviz.screen import WIDTH, colour, progress_of, width
from pytest_nnviz.unused import RunRecord

if TYPE_CHECKING:
    from pytest_nnviz.accepting import Accepting
    from pytest_nnviz.fixtures.filters import NNVizFilters
    from pytest_nnviz.fixtures.running import RunningTest
    from pytest_nnviz.fixtures.snapshot import NNVizSnapshot
    from pytest_nnviz.fixtures.summary import NNVizSummary
    from pytest_nnviz.options import OptionsBase
    from pytest_nnviz.progress import Progress

__all__ = ["nnviz_filters", "nnviz_snapshot", "nnviz_summary"]

_RUN = "nnviz-run"
_LISTS = ("gate", "opaque", "col_names", "row_settings")
_FAILURE = ("failed", "exceeded", "left", "lost", "property")  # notes that hold only if the test fails
_LINES, _MARGIN = 60, 8  # pytest indents a message


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options of the command line, and one ini key an option."""
    group = parser.getgroup("nnviz", "architecture snapshots of PyTorch models")
    group.addoption(
        "--nnviz-artifacts",
        dest="nnviz_artifacts",
        metavar="DIR",
        default="nnviz-artifacts",
        help="where failures leave texts and pictures, from the rootdir (default: nnviz-artifacts)",
    )
    group.addoption(
        "--nnviz-report",
        dest="nnviz_report",
        choices=("failures", "always", "never"),
        default="failures",
        help="when to write index.html: of what failed (default), of all snapshots of the run, or never",
    )
    group.addoption(
        "--nnviz-accept",
        dest="nnviz_accept",
        metavar="ID",
        action="append",
        help="with --snapshot-update: accept the cause with this id, which the end of a failing run shows; updates the "
        "snapshots that drifted by it alone, and nothing else; several with commas, or given again",
    )
    for key in ini_keys():
        text = f"option {key} of {fixtures_with(key)}, see pytest_nnviz.options"
        if key in _LISTS:
            parser.addini(f"{PREFIX}{key}", text, type="args", default=None)
        else:
            parser.addini(f"{PREFIX}{key}", text, type="string", default=None)


def pytest_configure(config: pytest.Config) -> None:
    """Read the options of the project and start to record the run."""
    if Path(config.getoption("snapshot_dirname", "")).name == SNAPSHOT_DIRNAME:
        raise pytest.UsageError(
            f"--snapshot-dirname: {SNAPSHOT_DIRNAME} holds the files of nnviz_snapshot, name another"
        )
    if not config.getoption("nnviz_artifacts"):
        raise pytest.UsageError("--nnviz-artifacts: '' is no folder, name one")
    config.addinivalue_line("markers", "nnviz(**options): options of the nnviz fixtures for this test")
    try:
        run = Run(config, project_options(config), accepting(config))
    except OptionError as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(run, _RUN)
    if not config.pluginmanager.hasplugin("syrupy"):
        config.pluginmanager.register(WithoutSyrupy(), "nnviz-without-syrupy")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say where failures leave their files; nothing under ``-q``."""
    if config.get_verbosity() < 0:
        return None
    from pytest_nnviz import __version__

    return f"nnviz: pytest-nnviz {__version__}, artifacts: {config.getoption('nnviz_artifacts')}"


@pytest.fixture
def nnviz_snapshot(request: pytest.FixtureRequest, snapshot: Any) -> NNVizSnapshot:
    """Pin the architecture of a model: ``nnviz_snapshot(model, *args, **kwargs)``, as you would call the model."""
    __tracebackhide__ = True
    from pytest_nnviz.fixtures.snapshot import NNVizSnapshot

    return NNVizSnapshot(*_started(request, snapshot, SNAPSHOT))


@pytest.fixture
def nnviz_summary(request: pytest.FixtureRequest, snapshot: Any) -> NNVizSummary:
    """Pin the summary table of a model: ``nnviz_summary(model, *args, **kwargs)``, as you would call the model."""
    __tracebackhide__ = True
    from pytest_nnviz.fixtures.summary import NNVizSummary

    return NNVizSummary(*_started(request, snapshot, SUMMARY))


@pytest.fixture
def nnviz_filters(request: pytest.FixtureRequest, snapshot: Any) -> NNVizFilters:
    """Pin the convolution filters of a model: ``nnviz_filters(model)``, or with the paths of some layers behind it."""
    __tracebackhide__ = True
    from pytest_nnviz.fixtures.filters import NNVizFilters

    return NNVizFilters(*_started(request, snapshot, FILTERS))


def _started(request: pytest.FixtureRequest, snapshot: Any, kind: Kind) -> tuple[RunningTest, Any]:
    """What a fixture is made of: the running test, and the options for it."""
    __tracebackhide__ = True
    run: Any = request.config.pluginmanager.get_plugin(_RUN)
    return run.start(request.node, snapshot, kind), marked(run.options[kind], kind, request.node)


class WithoutSyrupy:
    """Stands in where syrupy is not loaded."""

    @pytest.fixture
    def nnviz_snapshot(self) -> None:
        """Say that syrupy is missing, in place of an unknown fixture ``snapshot``."""
        __tracebackhide__ = True
        _without_syrupy(SNAPSHOT)

    @pytest.fixture
    def nnviz_filters(self) -> None:
        """As ``nnviz_snapshot``."""
        __tracebackhide__ = True
        _without_syrupy(FILTERS)

    @pytest.fixture
    def nnviz_summary(self) -> None:
        """As ``nnviz_snapshot``."""
        __tracebackhide__ = True
        _without_syrupy(SUMMARY)


def _without_syrupy(kind: Kind) -> None:
    __tracebackhide__ = True
    raise SnapshotError(f"{kind.fixture} builds on syrupy, which is not loaded: drop -p no:syrupy, or add -p syrupy")


class Run:
    """The hooks that need to know what went before in this run."""

    def __init__(self, config: pytest.Config, options: dict[Kind, OptionsBase], accepting: Accepting) -> None:
        self.config = config
        self.options = options
        self.accepting = accepting
        self.artifacts: Path = config.rootpath / config.getoption("nnviz_artifacts")
        self.record = RunRecord(partial=_hides_tests(config))
        self._recap = Recap(accepting)
        self._strict: list[str] = []
        self._ending = Ending(config, self._recap, self.artifacts)
        self._pending: defaultdict[str, list[Note]] = defaultdict(list)
        self._properties: defaultdict[str, list[tuple[str, object]]] = defaultdict(list)
        self._progress: Progress | None = None

    def start(self, item: pytest.Item, snapshot: Any, kind: Kind) -> RunningTest:
        """What the calls of a fixture in a test share; notes wait for its next report, which carries them on."""
        __tracebackhide__ = True
        from pytest_nnviz.artifacts import Artifacts
        from pytest_nnviz.extension import Storage, untested_version
        from pytest_nnviz.fixtures.running import RunningTest
        from pytest_nnviz.verdict import Room

        untested = untested_version()
        if untested is not None:
            self._note(item, Note("setup", "syrupy", item.nodeid, (untested,)))
        everything = self.config.get_verbosity(pytest.Config.VERBOSITY_ASSERTIONS) > 1
        room = Room(width(self.config) - _MARGIN, None if everything else _LINES, everything, str(self.config.rootpath))
        storage, artifacts = Storage(snapshot, self.record, kind), Artifacts(self.artifacts)
        shows_all = self.config.getoption("nnviz_report") == "always"
        watched = nullcontext if self._progress is None else self._progress.watching
        tell = partial(self._note, item)
        return RunningTest(item, storage, artifacts, tell, room, self.accepting, watched, shows_all)

    def pytest_sessionstart(self) -> None:
        """Look for a terminal, as long as nothing is captured; a worker of xdist has none."""
        if not hasattr(self.config, "workerinput"):
            self._progress = progress_of(self.config)

    def pytest_enter_pdb(self) -> None:
        """Leave the terminal to the debugger."""
        if self._progress is not None:
            self._progress.end()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of xdist, which has no terminal, how wide this one is."""
        node.workerinput[WIDTH] = width(self.config)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Record which tests there are, whether or not they will be selected."""
        report = yield
        if isinstance(collector, pytest.Module | pytest.Class):
            if report.passed:
                children = report.result
                items = [child for child in children if isinstance(child, pytest.Item)]
                classes = [child.nodeid for child in children if isinstance(child, pytest.Class)]
                self.record.collected(collector.path, collector.nodeid, items, classes)
            else:
                self.record.broken(collector.path)
        return report

    # No wrapper: pytest's own hook for unittest, which goes first, hands over what was raised.
    @pytest.hookimpl(specname="pytest_runtest_makereport")
    def pytest_runtest_makereport_frames(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Let a failure show the user's side."""
        if call.excinfo is not None and not self.config.getoption("fulltrace", False):
            from pytest_nnviz.failures import users_frames_only

            users_frames_only(call.excinfo, item.path)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the headline of a failure first, and attach the notes of a test, which travel with its report."""
        report = yield
        if report.failed and call.excinfo is not None:
            from pytest_nnviz.failures import headline_first, message_alone

            headline_first(report.longrepr, call.excinfo.value)
            if not self.config.getoption("fulltrace", False):
                report.longrepr = message_alone(call.excinfo, item.path) or report.longrepr
        if report.when == "call":
            self.record.ran(item)
        elif report.when == "teardown":
            self.record.ended(item)
        notes = [note for note in self._pending.pop(item.nodeid, ()) if note.kind not in _FAILURE or report.failed]
        self._tell_others(report, notes)
        notes = [note for note in notes if note.kind != "property"]
        if notes:
            report.nnviz = [note.pack() for note in notes]  # type: ignore[attr-defined]
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record outcomes and notes."""
        self.record.reported(report.nodeid, report.outcome)
        notes = map(Note.unpack, getattr(report, "nnviz", ()))
        for note in notes:
            if report.outcome in ("passed", "skipped", "failed") or note.kind not in _FAILURE:  # a rerun decides
                self._recap.add(note)

    @pytest.hookimpl(wrapper=True)  # starts before syrupy's, in whichever order the plugins were loaded
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Let syrupy judge what is unused, by what this run recorded; warn once for the whole run."""
        self.record.finishing = True
        if not hasattr(self.config, "workerinput"):
            if session.testscollected and not self.config.getoption("collectonly"):
                self._ending.report()
            self._warn(session)
        result = yield
        reporter: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        for line in [] if hasattr(self.config, "workerinput") else self._ending.attach():
            if reporter is not None:
                reporter.write_line(line)
        return result

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what was recorded and accepted, what differs without being gated, and what made several tests fail."""
        lines = [*self._recap.lines(), *self._ending.lines(), *(f"error: {text}" for text in self._strict)]
        if not lines or self._no_summary:
            return
        terminalreporter.section("nnviz", "-")
        for line in lines:
            terminalreporter.line(line, **colour(line))

    @property
    def _no_summary(self) -> bool:
        return bool(self.config.getoption("no_summary", False))

    def _note(self, item: pytest.Item, note: Note) -> None:
        self._pending[item.nodeid].append(note)

    def _tell_others(self, report: pytest.TestReport, notes: list[Note]) -> None:
        """Hand on what other plugins show of a failure; JUnit takes properties from the last report of a test."""
        found: list[tuple[str, object]] = [(note.subject, note.lines[0]) for note in notes if note.kind == "property"]
        self._properties[report.nodeid] += found
        report.user_properties += self._properties.pop(report.nodeid) if report.when == "teardown" else found
        extras = self._ending.extras(notes)
        if extras:
            report.extras = [*getattr(report, "extras", ()), *extras]  # type: ignore[attr-defined]

    def _warn(self, session: pytest.Session) -> None:
        for text in self._recap.unknown():
            self._strictly(session, text)
        for text in self._recap.warnings():
            try:
                self.config.issue_config_time_warning(NNVizWarning(text), stacklevel=1)
            except NNVizWarning:  # the user's filters make it an error
                self._strictly(session, text)
        reporter: Any = self.config.pluginmanager.get_plugin("terminalreporter")
        if self._no_summary and reporter is not None:  # a failing run says why, whatever else it leaves out
            for text in self._strict:
                reporter.ensure_newline()
                reporter.line(f"error: {text}")

    def _strictly(self, session: pytest.Session, text: str) -> None:
        self._strict.append(text)
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def _hides_tests(config: pytest.Config) -> bool:
    """Whether this run leaves tests out of collection without a word."""
    names = ("python_files", "python_classes", "python_functions")
    narrowed = any(given.startswith(names) for given in config.getoption("override_ini", None) or ())
    return bool(config.getoption("lf", False)) or narrowed or config.pluginmanager.is_blocked("unittest")
