"""What was recorded under each version of the formats reads for ever: these texts are never changed, and never go.

``python tests/test_formats.py`` notes what is new among them; it leaves what is noted as it is.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from pytest_nnviz import architecture, textformat
from pytest_nnviz.cli import main
from pytest_nnviz.filterbanks import reading, writing
from pytest_nnviz.filterbanks.shelf import Sheets
from pytest_nnviz.filterbanks.stored import read_file
from pytest_nnviz.kinds import FILTERS, KINDS, SNAPSHOT, SUMMARY, kind_of
from pytest_nnviz.stored import Stored, read
from pytest_nnviz.summaries import table

FORMATS = Path(__file__).parent / "formats"
NOTED = FORMATS / "noted.json"
CURRENT = {
    "nnviz": textformat.FORMAT_VERSION,
    "nnviz-summary": table.FORMAT_VERSION,
    "nnviz-filters": writing.FORMAT_VERSION,
}
FILES = sorted(path for path in FORMATS.rglob("*") if path.is_file() and path != NOTED)
TEXTS = [path for path in FILES if path.suffix in {f".{kind.suffix}" for kind in KINDS}]


def name_of(path: Path) -> str:
    return path.relative_to(FORMATS).as_posix()


def stored(path: Path) -> Stored:
    return read(path.read_bytes().decode(), path, read_file)


def figures(path: Path) -> list[int]:
    """What a text says, in figures that any later version has too."""
    found = stored(path).content
    match kind_of(path.suffix):
        case kind if kind == SNAPSHOT:
            calls = sum(1 for _ in architecture.walk_calls(found.forward)) if found.forward else 0
            return [found.total_parameters, sum(1 for _ in architecture.walk_modules(found.root)), calls]
        case kind if kind == SUMMARY:
            return [found.total_params, found.trainable_params, len(found.rows)]
        case _:
            return [len(found.layers), found.filters, found.weights]


def facts(path: Path) -> dict[str, Any]:
    told = {"figures": figures(path)} if path in TEXTS else {}
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), **told}


def test_each_version_has_its_texts() -> None:
    wanted = {f"{head}-{version}" for head, current in CURRENT.items() for version in range(1, current + 1)}
    assert {path.parent.name for path in TEXTS} == wanted


def test_none_was_changed_and_none_is_gone() -> None:
    noted = json.loads(NOTED.read_text(encoding="utf-8"))
    found = {name_of(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in FILES}
    assert found == {name: fact["sha256"] for name, fact in noted.items()}


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_it_reads_as_it_did(path: Path) -> None:
    noted = json.loads(NOTED.read_text(encoding="utf-8"))[name_of(path)]
    assert figures(path) == noted["figures"]
    head, _, version = path.parent.name.rpartition("-")
    assert path.read_text(encoding="utf-8").startswith(f"{head} {version}\n")


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_it_differs_from_nothing_but_others(path: Path) -> None:
    """Nothing has changed since it was recorded, and another text is a change; each is told without a model."""
    other = next(each for each in TEXTS if each.parent == path.parent and each != path)
    assert main(["diff", str(path), str(path)]) == 0
    assert main(["diff", str(path), str(other)]) == 1


@pytest.mark.parametrize("path", [path for path in TEXTS if kind_of(path.suffix) == FILTERS], ids=name_of)
def test_sheets_beside_it_are_read(path: Path) -> None:
    bank = reading.loads(path.read_text(encoding="utf-8"))
    sheets = Sheets(path, bank)
    read_back = [layer.path for layer in bank.layers if sheets.of(layer) is not None]
    assert len(read_back) == len(list(path.with_suffix(".filters").glob("*.png")))


def test_architectures_say_all_that_a_text_can_say() -> None:
    """Each field of each part stands in one of them and is left out in another; each mark, and each kind of value."""
    said: set[tuple[str, str, bool]] = set()
    words: set[str] = set()
    for path in FORMATS.glob("nnviz-1/*.nnviz"):
        for part in parts(stored(path).content):
            for each in fields(part):
                said.add((type(part).__name__, each.name, bool(getattr(part, each.name))))
            words.update(getattr(part, "marks", ()), (getattr(part, "kind", ""),))
    optional = {
        "TensorSpec": "kind shape",
        "Step": "back",
        "Ref": "path up after",
        "Const": "name tracked",
        "Tree": "items keys",
        "Argument": "name",
        "Body": "calls",
        "Call": "args body up config",
        "Parameter": "trainable tied",
        "Buffer": "persistent tied",
        "Module": "config parameters buffers children marks shared",
    }
    wanted = {
        (part, name, full) for part, names in optional.items() for name in names.split() for full in (True, False)
    }
    assert wanted - said == set()
    marks = {"never called", "eval", "train", "load hook", "extra state", "save hook", "gradient hook"}
    kinds = {"function", "module", "created", "input", "attribute", "result", "list", "tuple", "dict"}
    assert (marks | kinds) - words == set()


def test_documents_keep_their_fields() -> None:
    """What reads JSON of a version reads all that is later written under it."""
    released = json.loads((FORMATS / "json-1/schema.json").read_text(encoding="utf-8"))
    assert lost(released, json.loads(files("pytest_nnviz.report").joinpath("schema.json").read_text("utf-8"))) == []
    less = copy.deepcopy(released)
    del less["$defs"]["report"]["properties"]["counts"]
    less["$defs"]["count"]["type"] = "string"
    assert lost(released, less) == ["$defs/count/type", "$defs/report/properties/counts"]


def lost(old: Any, new: Any, path: str = "") -> list[str]:
    """Where a schema says less than an older one, or something else; words about it and additions are no matter."""
    if isinstance(old, dict) and isinstance(new, dict):
        both = [
            (old[key], new.get(key), f"{path}/{key}".lstrip("/")) for key in old if key not in ("title", "description")
        ]
        return sorted(found for pair in both for found in lost(*pair))
    kept = all(each in new for each in old) if isinstance(old, list) and isinstance(new, list) else old == new
    return [] if kept else [path]


def parts(value: Any) -> Iterator[Any]:
    """The data that an architecture is made of, itself included."""
    pending = [value]
    while pending:
        part = pending.pop()
        if is_dataclass(part):
            yield part
            pending += [getattr(part, each.name) for each in fields(part)]
        elif isinstance(part, tuple):
            pending += part


if __name__ == "__main__":
    before = json.loads(NOTED.read_text(encoding="utf-8")) if NOTED.exists() else {}
    noted = {name_of(path): facts(path) for path in FILES} | before
    NOTED.write_text(json.dumps(noted, indent=1, sort_keys=True) + "\n", encoding="utf-8", newline="\n")
