"""The Python, the configuration and the first five minutes of the pages run, in one process: torch is imported once.

A block with a test in it is run as it stands; another one as a test of its own, with the fixtures that it names. What
a page takes for granted (a model, an input) is in docs_setting.py.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

import pytest
from conftest import Project
from documents import PAGES, Fence, fences

STORY = "docs/index.md"
ELSEWHERE = {STORY, "docs/tutorial.md", "example_project/README.md"}  # told below; test_tutorial.py; tox -e example
SNIPPETS = {
    page: found
    for page, text in PAGES.items()
    if page not in ELSEWHERE and (found := [fence for fence in fences(text) if fence.language == "python"])
}
NAMES = {"ini": "pytest.ini", "toml": "pyproject.toml"}
CONFIGURATIONS = {
    f"{page}-{number}": fence
    for page, text in PAGES.items()
    for number, fence in enumerate(fences(text))
    if fence.language in NAMES
}
HERE = Path(__file__).parent


def as_tests(blocks: list[Fence]) -> str:
    """The blocks of a page as a test file."""
    parts = ["from docs_setting import *"]
    for number, block in enumerate(blocks):
        if "def test_" in block.text:
            parts.append(block.text)
        else:
            fixtures = sorted(set(re.findall(r"\bnnviz_(?:snapshot|summary|filters)\b", block.text)))
            parts.append(f"def test_block_{number}({', '.join(fixtures)}):\n{indent(block.text, '    ')}")
    return "\n\n".join(parts)


def story() -> tuple[dict[str, str], str, list[Fence]]:
    """The files of the first five minutes, what replaces the line that is edited, and what is printed."""
    blocks = fences(PAGES[STORY])
    python = [block.text for block in blocks if block.language == "python"]
    files = {text.partition("\n")[0].removeprefix("# "): text for text in python[:2]}
    return files, python[2].partition("\n")[2], [block for block in blocks if not block.language]


@dataclass(frozen=True)
class Ran:
    """What the runs came to, in their order by name, and the folder that they ran in."""

    by_name: dict[str, tuple[int, str]]
    root: Path


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    project = Project(tmp_path_factory.mktemp("docs") / "project")
    files, edited, _ = story()
    broken = files["model.py"].replace(
        next(line for line in files["model.py"].splitlines(True) if "x + " in line), edited
    )
    accept = re.findall(r"^pytest (.*)$", PAGES[STORY], re.MULTILINE)[-1].split()
    runs: dict[str, tuple[str, list[str], dict[str, str]]] = {
        "missing": ("story", [], files),
        "recorded": ("story", ["--snapshot-update"], {}),
        "passed": ("story", [], {}),
        "drifted": ("story", [], {"model.py": broken}),
        "accepted": ("story", accept, {}),
        "after": ("story", [], {}),
        "snippets": ("snippets", ["--snapshot-update", "-W", "ignore"], {}),
    }
    empty = {"test_nothing.py": ""}
    for name, fence in CONFIGURATIONS.items():
        runs[name] = (str(len(runs)), [], {NAMES[fence.language]: fence.text, **empty})
    for folder, _, _ in runs.values():
        (project.root / folder).mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "docs_setting.py", project.root / "snippets")
    for page, blocks in SNIPPETS.items():
        project.write(f"snippets/test_{Path(page).stem.lower()}.py", as_tests(blocks))
    listed = [(str(project.root / folder), arguments, files) for folder, arguments, files in runs.values()]
    plan = project.write("runs.json", json.dumps(listed))
    done = project.python(str(HERE / "docs_runner.py"), str(plan))
    assert done.ret == 0, done.out
    return Ran(dict(zip(runs, json.loads(done.out.splitlines()[-1]), strict=True)), project.root)


def test_the_python_of_the_pages_runs(ran: Ran) -> None:
    code, out = ran.by_name["snippets"]
    assert code == 0, out
    count = sum(as_tests(blocks).count("def test_") for blocks in SNIPPETS.values())
    assert f"{count} passed" in out


def test_the_table_of_the_page_is_the_one_of_its_test(ran: Ran) -> None:
    shown = next(block.text for block in fences(PAGES["docs/summary.md"]) if block.text.startswith("nnviz-summary 1"))
    assert (ran.root / "snippets/__nnviz__/test_summary/test_table.nnsummary").read_text(encoding="utf-8") == shown


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_configurations_of_the_pages_are_taken(ran: Ran, name: str) -> None:
    code, out = ran.by_name[name]
    assert code == pytest.ExitCode.NO_TESTS_COLLECTED, out


def test_the_first_five_minutes_go_as_the_page_says(ran: Ran) -> None:
    codes = {name: ran.by_name[name][0] for name in ("missing", "recorded", "passed", "drifted", "accepted", "after")}
    assert codes == {"missing": 1, "recorded": 0, "passed": 0, "drifted": 1, "accepted": 0, "after": 0}
    missing, text, drifted = story()[2]
    for shown, name in ((missing, "missing"), (drifted, "drifted")):
        found = [re.sub(r"^E {7}", "", line) for line in ran.by_name[name][1].splitlines()]
        assert shown.text in "\n".join([*found, ""]), ran.by_name[name][1]
    accepted = (ran.root / "story/__nnviz__/test_model/test_net.nnviz").read_text(encoding="utf-8")
    assert text.text.replace("    add(x, %norm) -> f32[1, 16, 32, 32]\n", "").replace("%add", "%norm") in accepted
