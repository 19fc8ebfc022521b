"""A share of what ``tox run -e trust`` tries whole, and that it would notice."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from documents import PAGES, rows

HERE = Path(__file__).parent / "trust"
sys.path.insert(0, str(HERE))

import doors  # noqa: E402
import fuzzing  # noqa: E402
import guided  # noqa: E402
import mutation  # noqa: E402
import scaling  # noqa: E402
from damage import damaged, means_the_same  # noqa: E402
from edited import functions  # noqa: E402
from faults import FAULTS, Faults  # noqa: E402
from forked import end_of, start  # noqa: E402
from recording import lost  # noqa: E402

from pytest_nnviz.errors import TextError  # noqa: E402
from pytest_nnviz.textformat import loads  # noqa: E402
from pytest_nnviz.textformat.lines import Lines  # noqa: E402


def printed(*arguments: str) -> tuple[int, str]:
    command = [sys.executable, str(HERE / "figures.py"), *arguments]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False
    )
    return done.returncode, done.stdout


def figures(text: str) -> dict[str, int]:
    found = re.findall(r"[:,] ([a-z][a-z ]*): (\d+(?:,\d{3})*)", text)
    return {name: int(figure.replace(",", "")) for name, figure in found}


def test_a_share_of_the_scenarios_and_the_damaged_texts() -> None:
    status, out = printed("storage", "verdicts", "doors", "--share", "0.01")
    assert status == 0, out
    found = figures(out)
    assert found["scenarios"] > 700, out
    assert found["scenarios run"] > 3
    assert found["damaged texts judged"] > 30
    assert (found["lost"], found["false verdicts"], found["sockets"]) == (0, 0, 0)
    told = {name: figure for name, figure, *_ in rows(PAGES["docs/trust.md"])}
    assert told["scenarios run"] == f"{found['scenarios']:,}"  # the whole


@pytest.mark.parametrize("suffix", fuzzing.TARGETS)
def test_readers_and_bytes_that_nobody_wrote(suffix: str) -> None:
    assert all(not fuzzing.complaint(suffix, seed) for seed in fuzzing.seeds_of(suffix)[:9])
    inputs = fuzzing.inputs(suffix, 1)
    assert [found for _ in range(60) if (found := fuzzing.complaint(suffix, next(inputs)))] == []


def test_a_fuzzer_that_breaks_off_goes_on(tmp_path: Path) -> None:
    tries, source = tmp_path / "tries", tmp_path / "fuzzer.py"
    source.write_text(f"""
import sys, time
with open({str(tries)!r}, "a+") as file:
    file.write("x")
    file.seek(0)
    often = len(file.read())
for found in ("'line 7': b'a'", "'line 8': b'b'", "'other': b''"):
    print("found: nnviz:", found, file=sys.stderr)
print("stat::number_of_executed_units: 5", file=sys.stderr)
time.sleep(0 if often < 3 else float(sys.argv[1]))
sys.exit(77 if often < 3 else 0)
""")
    inputs, said = guided.fuzzed([sys.executable, str(source)], 2)
    assert tries.read_text() == "xxx"
    assert inputs == 15
    assert said[:2] == ["found: nnviz: 'line 7': b'a'", "found: nnviz: 'other': b''"]
    assert [end.partition(":")[0] for end in said[2:]] == ["ended with 77"] * 2


class Forgetful(dict):
    """Remembers nothing."""

    def __setitem__(self, key: str, value: object) -> None:
        pass


def outcome(text: str) -> object:
    try:
        return loads(text)
    except TextError as error:
        return str(error)


def test_what_is_read_once_is_what_would_be_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that says what an earlier one said, an argument that stood before: read anew, they mean the same."""
    inputs = fuzzing.inputs("nnviz", 2)
    texts = [path.read_text("utf-8") for path in sorted((HERE.parent / "formats" / "nnviz-1").glob("*.nnviz"))]
    texts += [next(inputs).decode("utf-8", "replace") for _ in range(300)]
    found = [outcome(text) for text in texts]
    assert 30 < sum(isinstance(each, str) for each in found) < 330
    remembering = Lines.__init__

    def forgetting(lines: Lines) -> None:
        remembering(lines)
        for name in vars(lines):
            setattr(lines, name, Forgetful())

    monkeypatch.setattr(Lines, "__init__", forgetting)
    assert [outcome(text) for text in texts] == found


def test_time_and_memory_grow_with_what_is_read() -> None:
    assert scaling.complaints(["calls counted back", "a call and uses of what is in it", "a long list"]) == []


@contextmanager
def disturbed(faults: Faults) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("mkdir", "unlink", "remove", "rmdir", "replace", "rename"):
            patch.setattr(os, name, getattr(os, name))
        patch.setattr("io.open", open)
        patch.setattr("builtins.open", open)
        faults.install()
        yield


def test_the_layer_of_faults_stands_between(tmp_path: Path) -> None:
    assert len(FAULTS) == 7
    path = tmp_path / "a"
    with disturbed(Faults(tmp_path, "broken", 2)), pytest.raises(OSError, match="Input/output"):
        path.write_bytes(b"0123456789")
    assert path.read_bytes() == b"01234"
    with disturbed(Faults(tmp_path, "full", 0)):
        for _ in range(2):
            with pytest.raises(OSError, match="No space"):
                path.write_bytes(b"new")
        path.unlink()
    assert not path.exists()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_that_breaks_says_by_what(tmp_path: Path) -> None:
    ended = end_of(*start(lambda: 1 // 0, tmp_path / "not-there"))
    assert ended.status == 70
    assert "FileNotFoundError" in ended.out
    ended = end_of(*start(lambda: 1 // 0, tmp_path))
    assert (ended.status, ended.out.splitlines()[-1][:18]) == (70, "ZeroDivisionError:")


def test_what_is_lost_is_noticed() -> None:
    old, new = {"a.nnviz": b"old", "a.svg": b"old"}, {"a.nnviz": b"new", "b.nnviz": b"new"}
    assert lost(old, new, {**old}) == lost(old, new, {"a.nnviz": b"new", "a.svg": b"old"}) == []
    assert lost(old, new, {"a.nnviz": b"old"}) == []
    assert lost(old, new, {"a.svg": b"old"}) == ["a.nnviz is lost"]
    assert len(lost(old, new, {"a.nnviz": b"ne"})) == 1
    assert len(lost(old, new, {**old, "b.nnviz": b"ne"})) == 1
    assert lost(old, new, {**old, ".b": b"ne"}) == []


def test_damage_is_damage() -> None:
    text = "nnviz 1\nline\n\n[end]\n\n# comment\n"
    found = dict(damaged(text, ["other"]))
    assert len(found) > 250
    same = {label for label, data in found.items() if means_the_same(text, data)}
    assert {"CRLF", "CR", "a comment behind", "without its last newline"} <= same
    assert not any("line 2" in label or label in ("a BOM", "utf-16", "cut off at byte 12") for label in same)


@pytest.mark.parametrize(
    ("line", "other", "decided"),
    [
        ("model: Net", "model: Ndt", None),
        ("drawn: 2 filters, 1 channel", "drawn: 0 filters, 1 channel", None),
        ("all: norm 1, min 0, digest 4c4853643d60", "all: norm 2, min 0, digest 4c4853643d60", None),
        ("0: norm 1, min 0, digest 4c4853643d60", "0: norm 1, min 0, digest 3c4853643d60", None),
        ("0: norm 1, min 0, digest 4c4853643d60", "0: norm 1.01, min 0, digest 4c4853643d60", False),
        ("class: Conv2d", "class: Conv3d", False),
        ("model: Net", "modek: Net", False),
    ],
)
def test_what_decides_of_filters(line: str, other: str, decided: bool | None) -> None:
    text = f"nnviz-filters 1\n{line}\n[end]\n"
    assert means_the_same(text, text.replace(line, other).encode()) is decided


def test_mutation_finds_the_functions_that_it_edits() -> None:
    from pytest_nnviz.textformat import names

    edits = list(mutation.edits_of(Path(names.__file__)))
    constant = next(edit for edit in edits if edit.what == "another text")
    returned = next(edit for edit in edits if edit.what == "returns None")
    assert functions(constant) == {}
    ((function, code),) = functions(returned).items()
    assert function is names._quoted
    assert code.co_names != function.__code__.co_names


def test_doors_are_noticed(tmp_path: Path) -> None:
    touched = doors.Touched()
    for event, *args in (
        ("socket.connect", None, ("host", 80)),
        ("subprocess.Popen", "sh", ["sh", "-c", "touch pwned"], None, None),
        ("subprocess.Popen", "dot", ["dot", "-Tsvg"], None, None),
        ("open", str(tmp_path / "elsewhere"), "w", os.O_WRONLY | os.O_CREAT),
        ("open", str(tmp_path / "read"), "r", os.O_RDONLY),
        ("os.rename", "a", str(tmp_path / "moved"), -1, -1),
        ("exec", compile("'pwned'", "pwned", "eval")),
        ("compile", "touch('pwned')", "<string>"),
        ("import", "json", None, None, None, None),
    ):
        touched.hears(event, tuple(args))
    said = doors.complaints(tmp_path / "project", [(doors.Touched(), 0), (doors.Touched(), 0), (touched, 1)])
    assert [each.split()[0] for each in said] == ["a", "evaluates", "evaluates", "starts", "writes", "writes", "writes"]
