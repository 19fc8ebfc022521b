"""Chromium, driven by Playwright: pages of real runs, none of which may ask for, or complain of, anything."""

from __future__ import annotations

import shutil
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
QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")


def run(root: Path, source: str) -> Path:
    """The page of a real run, in which the models of a file of this folder have drifted."""
    project = Project(root, limit=900)  # thirty real models, drawn beside other tests
    project.write(f"test_{source}.py", (HERE / f"{source}.py").read_text(encoding="utf-8"))
    shutil.copy(NETWORKS, root)
    plugins = ("syrupy", "pytest_nnviz.plugin")
    recorded = project.pytest("-q", "--snapshot-update", plugins=plugins, HOSTILE=HOSTILE)
    assert recorded.ret == 0, recorded.out
    drifted = project.pytest("-q", plugins=plugins, HOSTILE=HOSTILE, EDITED="1")
    assert drifted.ret == 1, drifted.out
    assert " passed" not in drifted.out.splitlines()[-1], drifted.out
    return root / "nnviz-artifacts" / "index.html"


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("few") / "project", "few")


@pytest.fixture(scope="session")
def thirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("thirty") / "project", "thirty")


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
