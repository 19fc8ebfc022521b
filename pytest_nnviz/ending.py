"""What a run leaves when it is over: its report, lines about that, and what the reports of other plugins show."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pytest_nnviz.errors import ArtifactsError
from pytest_nnviz.recap import Note, Recap
from pytest_nnviz.screen import linked

__all__ = ["Ending"]


class Ending:
    """The report of a run, as its options want it.

    Args:
        config: of pytest.
        recap: what the run found.
        artifacts: the folder of the report.
    """

    def __init__(self, config: Any, recap: Recap, artifacts: Path) -> None:
        self._config = config
        self._recap = recap
        self._artifacts = artifacts
        self._start: Path = config.invocation_params.dir
        self._xml = self._path("xmlpath")
        self._html = self._path("htmlpath")
        self._reported: list[str] = []

    def report(self) -> None:
        """Write the page of what was found, or remove that of an earlier run."""
        left = self._recap.left() if self._wants_page else []
        lost = self._recap.lost()
        if not left and not lost and not self._artifacts.is_dir():
            return
        from pytest_nnviz.report.writing import add_to_job, write_report

        try:
            page = write_report(self._artifacts, [self._start / folder for folder in left], lost=lost)
        except (ArtifactsError, OSError) as error:
            self._reported = [f"report not written: {error}"]
        except Exception as error:  # the hook that calls this stores snapshots too
            self._reported = [f"report not written: {type(error).__name__}: {error}"]
        else:
            none = [f"report not written: {lost[0]}"] if lost else []
            self._reported = none if page is None else [f"report: {linked(page, self._start)}"]
            self._reported += filter(None, [add_to_job(self._artifacts)])

    def lines(self) -> list[str]:
        """How many snapshots failed, by consequence, and where the report is."""
        failures = self._recap.failures()
        if not failures:
            return self._reported
        from pytest_nnviz.report.findings import tally

        return [tally(failures), *self._reported]

    def attach(self) -> list[str]:
        """Add the files of failures to the JUnit report, once pytest has written it; why not, where that fails."""
        if self._xml is None or not self._recap.failures():
            return []
        from pytest_nnviz.report.junit import attach

        try:
            attach(self._xml, self._start, self._artifacts / "index.html")
        except Exception as error:  # the run is over, and what it found stands
            return [f"nnviz: nothing attached to {self._xml}: {type(error).__name__}: {error}"]
        return []

    def extras(self, notes: list[Note]) -> list[dict[str, Any]]:
        """What the report of pytest-html shows of a failure, if there will be one."""
        folders = [self._start / note.subject for note in notes if note.kind == "left"]
        if self._html is None or not folders:
            return []
        from pytest_nnviz.report.extras import extras_of

        page = self._artifacts / "index.html" if self._wants_page else None
        return [each for folder in folders for each in extras_of(folder, page, self._html)]

    @property
    def _wants_page(self) -> bool:
        return bool(self._config.getoption("nnviz_report") != "never")

    def _path(self, option: str) -> Path | None:
        given = self._config.getoption(option, None)
        return Path(os.path.expandvars(given)).expanduser().absolute() if given else None
