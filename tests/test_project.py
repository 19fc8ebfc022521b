"""What the project says of itself beside its code is true: versions, environments, workflows, what guides name."""

from __future__ import annotations

import configparser
import itertools
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import PAGES, ROOT, spans
from packaging.requirements import Requirement

from pytest_nnviz import __version__

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
TOX = configparser.ConfigParser(interpolation=None)
TOX.read(ROOT / "tox.ini", encoding="utf-8")
OWN_WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
GUIDES = ("CONTRIBUTING.md", "SECURITY.md", "docs/stability.md")


def parsed(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)  # or "on" is a truth value


def environments() -> set[str]:
    """The names of the environments of tox, those of the Pythons included."""
    names = {"py", *(f"py{version.replace('.', '')}" for version in pythons())}
    for head in TOX.sections():
        name = head.removeprefix("testenv:")
        if name != head:
            before, _, rest = name.partition("{")
            names.update(f"{before}{part}" for part in rest.removesuffix("}").split(",")) if rest else names.add(name)
    return names


def pythons() -> list[str]:
    found = [re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", each) for each in PROJECT["classifiers"]]
    return [each[1] for each in found if each]


def test_the_lowest_versions_are_those_that_are_claimed() -> None:
    needed = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["torch"]]
    claimed = {}
    for requirement in map(Requirement, needed):
        (lowest,) = (each.version for each in requirement.specifier if each.operator == ">=")
        claimed[requirement.name] = lowest
    pinned = re.findall(r"^lowest: (\S+)==(\S+)$", TOX["testenv:{lowest,newest,systems}"]["deps"], re.MULTILINE)
    assert {name: unpadded(version) for name, version in pinned} == {
        name: unpadded(version) for name, version in claimed.items()
    }


def unpadded(version: str) -> str:
    return re.sub(r"(\.0)+$", "", version)


def test_the_promise_names_what_is_claimed_and_run() -> None:
    page = PAGES["docs/stability.md"]
    (torch,) = PROJECT["optional-dependencies"]["torch"]
    for claimed in (torch.replace(">=", " "), PROJECT["requires-python"].replace(">=", "Python ")):
        assert f"{claimed} and newer" in page
    assert f"{TOX['testenv']['deps'].replace('==', ' ')} (`tox -e py`)" in page
    count = len(list(ROOT.glob("tests/__nnviz__/test_pinned/test_architecture*.nnviz")))
    for each in ("docs/stability.md", "docs/summary.md"):
        assert f"of {count} architectures" in PAGES[each]


def test_tests_that_environments_select_are_there() -> None:
    selected = " ".join(TOX["selected"].values()).split()
    assert len(selected) == len(set(selected)) >= 15
    scripts = re.findall(r"^python (\S+)", "\n".join(TOX[head].get("commands", "") for head in TOX), re.MULTILINE)
    for path in [*selected, *scripts]:
        assert (ROOT / path).is_file(), path


@pytest.mark.parametrize("name", [*PAGES, ".ci/run", *(path.relative_to(ROOT).as_posix() for path in OWN_WORKFLOWS)])
def test_environments_that_are_named_are_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = re.findall(r"\btox\"?(?: run(?:-parallel [^\n]*?)?)? -e ([\w,-]+)", text)
    assert {each for names in named for each in names.split(",")} <= environments()


@pytest.mark.parametrize("page", GUIDES)
def test_paths_that_guides_name_are_there(page: str) -> None:
    homes = (ROOT, ROOT / "pytest_nnviz", ROOT / "pytest_nnviz/pictures")
    named = [
        word
        for span in spans(PAGES[page])
        for word in re.findall(r"[\w./-]+\.(?:py|json)\b|(?<![\w./-])(?:[\w-]+/)+(?!\S)", span)
    ]
    for path in named:
        assert any((home / path).exists() for home in homes), path


@pytest.mark.parametrize("path", OWN_WORKFLOWS, ids=lambda path: path.name)
def test_workflows_may_read_and_nothing_else(path: Path) -> None:
    """Beside the one job that publishes; no workflow runs what a stranger may name, none keeps its token on disk."""
    workflow = parsed(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in workflow["on"]
    for name, job in workflow["jobs"].items():
        assert job.get("permissions", {}) == ({"id-token": "write"} if name == "publish" else {})
        if "uses" in job:  # another workflow of ours, held likewise, without secrets
            assert set(job) <= {"uses", "needs"}, name
            assert job["uses"] in {f"$/{each.relative_to(ROOT).as_posix()}" for each in OWN_WORKFLOWS}
            continue
        assert "timeout-minutes" in job, name
        for step in job["steps"]:
            assert "${{ github." not in step.get("run", ""), "by env, or a name becomes a command"
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] == "false"


def test_workflows_run_what_is_claimed() -> None:
    """Each Python on each system; the environments that the gate leaves out; what is published was tested."""
    jobs = parsed(ROOT / ".github/workflows/test.yml")["jobs"]
    matrix = jobs["systems"]["strategy"]["matrix"]
    assert matrix["python"] == pythons()
    assert {each.partition("-")[0] for each in matrix["os"]} == {"ubuntu", "macos", "windows"}
    long = parsed(ROOT / ".github/workflows/long.yml")["jobs"]
    gate = re.search(r" -e (\S+)", (ROOT / ".ci/run").read_text(encoding="utf-8"))
    assert gate is not None
    lists = (job["strategy"]["matrix"]["env"] for job in (jobs["others"], long["long"]))
    run = {*gate[1].split(","), *itertools.chain.from_iterable(lists), "package", "systems"}
    assert {name for name in environments() if not name.startswith("py3")} == run
    assert [step["run"] for step in jobs["systems"]["steps"] if "tox run" in step.get("run", "")] == [
        "tox run -e systems"
    ]
    assert "tox run -e package" in (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")
    release = parsed(ROOT / ".github/workflows/release.yml")["jobs"]
    assert [release[name]["needs"] for name in ("publish", "test", "build")] == ["test", "build", "suite"]
    assert release["suite"] == {"uses": "$/.github/workflows/test.yml"}
    assert "workflow_call" in parsed(ROOT / ".github/workflows/test.yml")["on"]
    assert [step for step in release["publish"]["steps"] if "run" in step] == []


def test_what_makes_a_release_is_pinned() -> None:
    needs = {"tox", *TOX["testenv:package"]["deps"].split()} - {TOX["testenv"]["deps"]}
    needs |= {Requirement(each).name for each in PYPROJECT["build-system"]["requires"]}
    lines = (ROOT / ".ci/requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    assert {pin.name for pin in pins} == needs
    assert all(str(pin.specifier).startswith("==") for pin in pins)
    steps = parsed(ROOT / ".github/workflows/release.yml")["jobs"]["build"]["steps"]
    constrained = [step.get("env", {}).get("PIP_CONSTRAINT", "") for step in steps if "tox" in step.get("run", "")]
    assert constrained == ["${{ github.workspace }}/.ci/requirements.txt"] * 2


def test_a_citation_names_this_version() -> None:
    citation = parsed(ROOT / "CITATION.cff")
    assert (citation["version"], citation["license"]) == (__version__, PROJECT["license"])
    assert {author["name"] for author in citation["authors"]} == {author["name"] for author in PROJECT["authors"]}


def test_hooks_run_what_the_environment_has() -> None:
    hooks = [hook for repository in parsed(ROOT / ".pre-commit-config.yaml")["repos"] for hook in repository["hooks"]]
    installed = {Requirement(each).name for each in PROJECT["optional-dependencies"]["lint"]}
    assert {hook["language"] for hook in hooks} == {"system"}
    assert {hook["entry"].split()[0] for hook in hooks} <= installed
