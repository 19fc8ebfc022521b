"""What programs read: each document against the schema, of each kind of failure and of what passed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Project
from jsonschema import Draft202012Validator, ValidationError
from schema import SCHEMA, validate

TESTS = """
    import os

    from stub_tracer import Net

    CHANGED = "CHANGED" in os.environ

    def pinned(fixture, name, **options):
        return fixture.using(images="off", name=name, **options)

    def test_drifted(nnviz_snapshot):
        pinned(nnviz_snapshot, "a")(Net(5 if CHANGED else 4))

    def test_missing(nnviz_snapshot):
        pinned(nnviz_snapshot, "other" if CHANGED else "a")(Net(4))

    def test_damaged(nnviz_snapshot):
        pinned(nnviz_snapshot, "a")(Net(4))

    def test_too_large(nnviz_snapshot):
        pinned(nnviz_snapshot, "a", max_parameters=1 if CHANGED else None)(Net(4))

    def test_not_gated(nnviz_snapshot):
        pinned(nnviz_snapshot, "a", gate=["topology"])(Net(4, mark="2" if CHANGED else "1"))

    def test_passed(nnviz_snapshot):
        pinned(nnviz_snapshot, "a")(Net(4))
"""
ROOT = "nnviz-artifacts"


@pytest.fixture
def recorded(project: Project) -> Project:
    project.write("test_m.py", TESTS)
    assert project.pytest("--snapshot-update").ret == 0
    project.write("__nnviz__/test_m/test_damaged[a].nnviz", "nonsense\n")
    return project


def documents(project: Project) -> dict[str, dict]:
    found = sorted((project.root / ROOT).rglob("drift.json"))
    return {str(path.parent.relative_to(project.root / ROOT)): json.loads(path.read_text("utf-8")) for path in found}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["serial", "xdist"])
def test_each_failure_is_in_the_report(recorded: Project, workers) -> None:
    run = recorded.pytest(*workers, CHANGED="1")
    found = documents(recorded)
    for document in found.values():
        validate(document)
    report = found.pop(".")
    statuses = {document["test"].partition("::")[2]: document["status"] for document in found.values()}
    assert statuses == {
        "test_drifted": "drifted",
        "test_missing": "missing",
        "test_damaged": "damaged",
        "test_too_large": "over budget",
    }
    assert {each["folder"] for each in report["findings"]} == set(found)
    assert report["occasion"] == {"kind": "run"}
    assert report["failed"] == 4
    assert report["counts"] == {
        "breaks checkpoints": 1,
        "no snapshot yet": 1,
        "unreadable snapshot": 1,
        "over budget": 1,
    }
    (edit,) = next(document["rows"] for document in found.values() if document["status"] == "drifted")[:1]
    assert {"gate": "parameters", "what": "weight", "old": "f32[4, 4]", "new": "f32[5, 4]"} in edit["changes"]
    for document in found.values():
        assert document["headline"] in run.out
        assert document["command"] in run.out or document["status"] == "over budget"
    text = (recorded.root / ROOT / "index.html").read_text("utf-8")
    assert all(f"<code>{document['test']}</code>" in text for document in found.values())
    assert "<h1>4 snapshots failed</h1>" in text


def test_always_shows_what_passed_too(recorded: Project) -> None:
    recorded.pytest("--nnviz-report=always", CHANGED="1")
    found = documents(recorded)
    for document in found.values():
        validate(document)
    assert found["."]["counts"]["passed"] == 1
    assert found["."]["counts"]["not gated"] == 1
    assert found["."]["failed"] == 4
    folder = recorded.root / ROOT / "test_m" / "test_passed[a]"
    assert {path.name for path in folder.iterdir()} >= {"actual.nnviz", "actual.svg", "words.txt", "drift.json"}
    assert "<h1>4 of 6 snapshots failed</h1>" in (recorded.root / ROOT / "index.html").read_text("utf-8")
    recorded.pytest(CHANGED="1")
    assert not folder.exists(), "what passed leaves nothing in a run that does not ask for it"


def test_a_run_that_passes_can_be_shown_and_is_no_failure(recorded: Project, tmp_path: Path) -> None:
    assert recorded.pytest("--snapshot-update").ret == 0
    job = tmp_path / "job.md"
    run = recorded.pytest("--nnviz-report=always", GITHUB_STEP_SUMMARY=str(job))
    assert run.ret == 0
    assert run.line("report: ").endswith("index.html")
    assert "<h1>6 snapshots, none failed</h1>" in (recorded.root / ROOT / "index.html").read_text("utf-8")
    assert not (recorded.root / ROOT / "summary.md").exists()
    assert not job.exists()


def test_never_leaves_the_files_of_failures_alone(recorded: Project) -> None:
    recorded.pytest(CHANGED="1")
    run = recorded.pytest("--nnviz-report=never", CHANGED="1")
    assert "report:" not in run.out
    assert {path.name for path in (recorded.root / ROOT).iterdir()} == {"test_m"}


def test_the_schema_is_one_and_refuses_what_it_does_not_say() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    report = {
        "schema": "nnviz-report 1",
        "occasion": {"kind": "run"},
        "counts": {},
        "failed": 0,
        "findings": [],
        "missing": [],
    }
    validate(report)
    for wrong in ({"failed": -1}, {"occasion": {"kind": "review"}}, {"schema": "nnviz-report 2"}, {"more": 1}):
        with pytest.raises(ValidationError):
            validate({**report, **wrong})
