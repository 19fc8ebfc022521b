"""Chromium, driven by Playwright: pages of real runs, none of which may ask for, or complain of, anything."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import Project
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
NETWORKS = HERE.parent.parent / "docs" / "gallery" / "networks.py"
HOSTILE = "\"'><script>alert(1)</script></style></pre></details><img src=x onerror=alert(1)>javascript:`${x}`"
AUTHOR = ("-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")


PLUGINS = ("syrupy", "pytest_nnviz.plugin")


def recorded(root: Path, *sources: str) -> Project:
    """A project that has recorded the models of files of this folder."""
    project = Project(root, limit=900)  # thirty real models, drawn beside other tests
    for source in sources:
        project.write(f"test_{source}.py", (HERE / f"{source}.py").read_text(encoding="utf-8"))
    shutil.copy(NETWORKS, root)
    done = project.pytest("-q", "--snapshot-update", plugins=PLUGINS, HOSTILE=HOSTILE)
    assert done.ret == 0, done.out
    return project


def drifted(project: Project, source: str) -> Path:
    """The page of a run in which the models of a file have drifted."""
    done = project.pytest("-q", f"test_{source}.py", plugins=PLUGINS, HOSTILE=HOSTILE, EDITED="1")
    assert done.ret == 1, done.out
    assert " passed" not in done.out.splitlines()[-1], done.out
    return project.root / "nnviz-artifacts" / "index.html"


@pytest.fixture(scope="session")
def several(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return recorded(tmp_path_factory.mktemp("several") / "project", "few", "gallery")


@pytest.fixture(scope="session")
def few(several: Project) -> Path:
    return drifted(several, "few")


@pytest.fixture(scope="session")
def gallery(several: Project) -> Path:
    """The page of a run that passed."""
    always = ("--nnviz-report=always", "--nnviz-artifacts=gallery")
    done = several.pytest("-q", "test_gallery.py", *always, plugins=PLUGINS)
    assert done.ret == 0, done.out
    return several.root / "gallery" / "index.html"


@pytest.fixture(scope="session")
def reviewed(several: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a review in which snapshots of each kind changed, came and went."""
    project = several.copy(tmp_path_factory.mktemp("reviewed") / "project")
    for command in (["init", "-q"], ["add", "__nnviz__"], [*AUTHOR, "commit", "-q", "-m", "recorded"]):
        subprocess.run(["git", *command], cwd=project.root, check=True)
    done = project.pytest("-q", "--snapshot-update", plugins=PLUGINS, HOSTILE=HOSTILE, EDITED="1")
    assert done.ret == 0, done.out
    done = project.python("-m", "pytest_nnviz", "review", "HEAD", "--report", "out")
    assert done.ret == 0, done.out
    return project.root / "out" / "index.html"


@pytest.fixture(scope="session")
def thirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drifted(recorded(tmp_path_factory.mktemp("thirty") / "project", "thirty"), "thirty")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "no chromium on PATH: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*QUIET])
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page that is open, and what it did."""

    page: Page
    address: str
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """From now on; a violation of the content security policy is an error of the console."""
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.said.append(f"dialog: {dialog.message}"), dialog.dismiss()))

    def check(self) -> None:
        """It asked for itself alone, and nothing is wrong with it."""
        outside = {url.partition("#")[0] for url in self.asked if not url.startswith("data:image/")}
        assert outside == {self.address}
        assert self.said == []


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page without a network; after the test each is held against what no page may do."""
    visits: list[Visit] = []

    def opened(path: Path, link: str = "", *, width: int = 1280, height: int = 900, **options: Any) -> Page:
        settings = {"viewport": {"width": width, "height": height}, "offline": True, "reduced_motion": "reduce"}
        context = chromium.new_context(**{**settings, **options})
        context.set_default_timeout(5_000)
        found = Visit(context.new_page(), path.as_uri())
        found.watch()
        visits.append(found)
        found.page.goto(found.address + link)
        return found.page

    yield opened
    for each in visits:
        each.page.context.close()
        each.check()
