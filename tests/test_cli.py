"""The command line: what is read from where, what is said, and the exit codes; without torch."""

import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import alone, git, ran
from hypothesis import given
from hypothesis import strategies as st
from made_up import ARCHITECTURES, call, linear, model, norm, result, run, x

from pytest_nnviz import dumps
from pytest_nnviz.architecture import Module, Parameter
from pytest_nnviz.cli import main
from pytest_nnviz.cli.outline import outline
from pytest_nnviz.cli.sources import parse
from pytest_nnviz.cli.terminal import Terminal
from pytest_nnviz.drift import diff
from pytest_nnviz.errors import SourceError
from pytest_nnviz.report import drift_data, markdown

WITHOUT = "import sys; sys.modules.update(torch=None, numpy=None, PIL=None, pytest=None, syrupy=None)\n"
COMMAND = f"{WITHOUT}from pytest_nnviz.cli import main; sys.exit(main(sys.argv[1:]))"


def net(width=8, *names, activation="relu", **root):
    """A model of two layers, and one more for each name."""
    children = [(name, linear(8, width) if name == "fc" else linear()) for name in ("fc", "head", *names)]
    calls = [run("fc", x()), call(activation, result("fc")), run("head", result(activation))]
    return model(children, calls, **root)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    """A folder of its own, outside of any repository, and a git that knows no one's settings."""
    alone(tmp_path, monkeypatch)


@pytest.fixture
def write(tmp_path):
    def write(name, architecture):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(architecture if isinstance(architecture, bytes) else dumps(architecture).encode())
        return name

    return write


@pytest.fixture
def command(capsys):
    """Run a command: its exit code, what it printed, what it complained about."""

    return lambda *arguments: ran(capsys, *arguments)


# show


def test_show_folds_runs_of_siblings(command, write):
    block = Module("Block", children=(("fc", linear()),))
    layers = Module("ModuleList", children=tuple((str(index), block) for index in range(5)))
    body = net().forward
    calls = [
        replace(
            run(f"layers.{i}", x=x() if not i else result(f"layers.{i - 1}")), body=replace(body, calls=(), returns=x())
        )
        for i in range(5)
    ]
    code, out, err = command("show", write("a.nnviz", model([("layers", layers)], calls)))
    assert (code, err) == (0, "")
    assert out == (
        "Net, eval\n"
        "parameters 360, trainable 360, buffers 0\n"
        "\n"
        "[modules]\n"
        "Net()\n"
        "  layers: ModuleList()\n"
        "    0: Block()\n"
        "      fc: Linear(in_features=8, out_features=8)\n"
        "        weight f32[8, 8]\n"
        "        bias f32[8]\n"
        "    {1..4}: same as {0..3}\n"
        "\n"
        "[graph]\n"
        "input x: f32[1, 8]\n"
        "self.layers.0(x=x) -> f32[1, 8]\n"
        "  return x\n"
        "self.layers.{1..4}(x=%layers.{0..3}) same as %layers.{0..3}\n"
        "return %layers.4\n"
    )


def test_show_leaves_out_what_is_deeper(command, write):
    code, out, _ = command("show", "--depth", "1", write("a.nnviz", net()))
    assert code == 0
    assert "  fc: Linear(in_features=8, out_features=8) ...\n" in out
    assert "weight" not in out
    assert "self.fc(x)" in out


def test_show_joins_only_what_goes_on_in_the_same_way():
    """By one in the same place from line to line, and numbers of floats never."""
    for rows in (
        [(0, 0), (1, 0), (1, 1)],
        [(0, 0), (2, 0), (4, 0)],
        [(0, 1), (1, 0), (2, 1)],
        [(0.1,), (0.2,), (0.3,)],
    ):
        lines = outline(model((), [call("getitem", x(), *row) for row in rows]))
        assert len([line for line in lines if line.startswith("getitem")]) == 3, rows
    lines = outline(model((), [call("getitem", x(), 1.5, index, index + 4) for index in range(3)]))
    assert "getitem(x, 1.5, {0..2}, {4..6}) -> f32[1, 8]" in lines


@given(ARCHITECTURES, ARCHITECTURES)
def test_two_snapshots_that_differ_read_differently(a, b):
    assert (outline(a) == outline(b)) == (dumps(a) == dumps(b))


# diff


def test_diff_says_what_changed_and_exits_by_it(command, write):
    old, new = write("old.nnviz", net()), write("new.nnviz", net(9))
    code, out, err = command("diff", old, new)
    assert (code, err) == (1, "")
    assert out.startswith("breaks checkpoints: fc out_features 8 -> 9 in new\n  ~ fc ")
    assert command("diff", old, old) == (0, "no change in old\n", "")


def test_gates_decide_the_exit_code(command, write):
    old, new = write("old.nnviz", net()), write("new.nnviz", net(activation="gelu"))
    assert command("diff", old, new, "--gate", "structure,shapes")[0] == 0
    assert "not gated:" in command("diff", old, new, "--gate", "structure")[1]
    assert command("diff", old, new, "--gate", "topology")[0] == 1
    assert command("diff", old, new, "--gate", "fc=topology", "--gate", "parameters")[0] == 0
    code, _, err = command("diff", old, new, "--gate", "shape")
    assert code == 2
    assert err.startswith("pytest-nnviz: unknown gate 'shape' (did you mean 'shapes'?)")


def test_reading_from_standard_input(command, write, monkeypatch):
    old = write("old.nnviz", net())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(dumps(net(9)).encode())))
    assert command("diff", old, "-")[:2][0] == 1
    code, _, err = command("diff", "-", "-")
    assert (code, err) == (2, "pytest-nnviz: OLD and NEW cannot both be read from standard input\n")


def test_the_null_device_is_a_snapshot_that_is_not_there(command, write):
    new = write("new.nnviz", net())
    assert command("diff", os.devnull, new) == (1, "new: new, Net, eval, 144 parameters\n", "")
    assert command("diff", new, os.devnull)[1] == "removed: new, Net, eval, 144 parameters\n"
    assert json.loads(command("diff", os.devnull, new, "--json")[1])["old"] is None
    assert command("diff", os.devnull, os.devnull)[0] == 2


def test_line_ends_of_windows_are_no_damage(command, write):
    old = write("old.nnviz", net())
    new = write("new.nnviz", dumps(net()).replace("\n", "\r\n").encode())
    assert command("diff", old, new)[0] == 0


TEXT = dumps(net())
DAMAGED = {
    "empty": (b"", "line 1: empty"),
    "binary": (b"\x89PNG\r\n\x1a\n\x00\xff", "line 1: not UTF-8"),
    "latin": (TEXT.replace("Net()", "N\u00e9t()").encode("latin-1"), "line 12: not UTF-8"),
    "utf-16": (TEXT.encode("utf-16"), "line 1: not UTF-8, so no snapshot of pytest-nnviz: PowerShell"),
    "foreign": (b"import torch\n", "line 1: not a snapshot of pytest-nnviz"),
    "newer": (TEXT.replace("nnviz 1", "nnviz 7").encode(), "line 1: written in format 7 by a newer pytest-nnviz"),
    "conflict": (TEXT.replace("[graph]", "<<<<<<< ours\n[graph]").encode(), "line 20: holds a conflict marker"),
    "cut off": (TEXT[: len(TEXT) // 2].encode(), "line 14"),
    "edited": (TEXT.replace("f32[8, 8]", "f32[8, 9]", 1).encode(), "line 7: the summary says"),
    "null bytes": (b"nnviz 1\n\0\0", "line 2: the text ends early"),
}


def test_a_gate_of_what_is_not_there_is_told(command, write):
    old, new = write("old.nnviz", net()), write("new.nnviz", net(9))
    code, _, err = command("diff", old, new, "--gate", "cf=shapes", "--gate", " fc = shapes")
    assert (code, err) == (0, "pytest-nnviz: --gate cf=...: names no module of Net, so it holds nothing\n")


@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.parametrize("asked", ["show", "diff"])
def test_damaged_and_foreign_files_are_errors_with_their_line(command, write, kind, asked):
    data, said = DAMAGED[kind]
    bad, good = write("bad.nnviz", data), write("good.nnviz", net())
    code, out, err = command(asked, *([good] if asked == "diff" else []), bad)
    assert (code, out) == (2, "")
    assert err.startswith(f"pytest-nnviz: bad.nnviz, {said}"), err
    assert err.count("\n") == 1


def test_what_is_no_file_is_an_error(command, tmp_path):
    (tmp_path / "folder").mkdir()
    assert command("show", "folder") == (2, "", "pytest-nnviz: folder is a folder: give one of the snapshots in it\n")
    assert command("show", "gone.nnviz")[2] == "pytest-nnviz: gone.nnviz cannot be read: No such file or directory\n"


def mangled(data, positions):
    """A text with some of its bytes replaced, cut out or repeated."""
    for position, byte, length in positions:
        at = position % (len(data) + 1)
        data = data[:at] + (bytes([byte]) if byte < 256 else data[at : at + length]) + data[at + length :]
    return data


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 300), st.integers(0, 40)), min_size=1, max_size=3))
def test_whatever_was_done_to_a_file_is_an_error_with_its_line_or_nothing(positions):
    try:
        parse(mangled(TEXT.encode(), positions), "bad.nnviz")
    except SourceError as error:
        assert re.match(r"bad\.nnviz, line \d+: .", str(error))  # noqa: PT017


# JSON and Markdown


def test_json_holds_everything(command, write):
    old, new = net(), net(9, activation="gelu")
    code, out, _ = command("diff", write("old.nnviz", old), write("new.nnviz", new), "--json", "--gate", "topology")
    data = json.loads(out)
    drift = diff(old, new)
    assert code == 1
    assert list(data) == [
        *("schema", "name", "same", "failed", "headline", "words", "old", "new", "changes", "renames", "checkpoint")
    ]
    assert (data["schema"], data["name"], data["same"], data["failed"]) == ("nnviz-drift 1", "new", False, True)
    counts = {"parameters": 144, "trainable": 144, "buffers": 0, "tied": 0, "flops": None}
    assert data["old"] == {"model": "Net", "mode": "eval", **counts, "versions": {}}
    assert len(data["changes"]) == len(drift.changes)
    change = next(change for change in data["changes"] if change["what"] == "out_features")
    facts = {"gate": "structure", "kind": "changed", "place": "fc", "old": "8", "new": "9", "ripple": False}
    assert facts.items() <= change.items()
    assert (change["consequence"], change["gated"], change["new_call"]) == ("changes the function", False, None)
    assert data["checkpoint"]["strict"] == "no"
    assert data["checkpoint"]["reshaped"][0] == {"key": "fc.weight", "old": "f32[8, 8]", "new": "f32[9, 8]"}


@given(ARCHITECTURES, ARCHITECTURES)
def test_any_drift_has_json_and_markdown(a, b):
    drift = diff(a, b)
    assert json.loads(json.dumps(drift_data(drift, "t")))["same"] == (a == b)
    assert all(
        len(re.findall(r"(?<!\\)\|", line)) == 6 for line in markdown(drift, "t").splitlines() if line[:1] == "|"
    )


def test_markdown_is_a_table(command, write):
    old, new = write("old.nnviz", net()), write("new.nnviz", net(9, activation="gelu"))
    code, out, _ = command("diff", old, new, "--markdown", "--gate", "structure")
    assert code == 1
    assert out.splitlines()[:5] == [
        "**changes the function: fc out\\_features 8 -&gt; 9 in new**",
        "",
        "|  | place | change |  | consequence |",
        "| --- | --- | --- | --- | --- |",
        "| `~` | `fc` | `out_features 8 -> 9` | parameters +9 | changes the function |",
    ]
    assert "Not gated:" in out


def test_nothing_in_a_name_is_taken_for_markdown():
    old, new = model(parameters=(Parameter("a|b`c", linear().parameters[0].spec),)), model()
    assert "| ``parameter a\\|b`c f32[8, 8] gone`` |" in markdown(diff(old, new), "<b>@you")
    assert "&lt;b&gt;&#64;you" in markdown(diff(old, new), "<b>@you")


# Standard output


def subcommand(*arguments, **options):
    """A command in a process of its own, in which torch and all that draws and tests cannot be imported."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **options.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments], env=environment, capture_output=True, timeout=120, **options
    )


def test_no_command_needs_torch(write, tmp_path):
    old, new = write("old.nnviz", net()), write("new.nnviz", net(9))
    git("init", "-q")
    write("t/__nnviz__/a.nnviz", net())
    git("add", ".")
    git("commit", "-qm", "one")
    write("model.safetensors", safetensors({"fc.weight": ("F32", (8, 8))}))
    for arguments, code in [
        (("show", old), 0),
        (("diff", old, new), 1),
        (("diff", old, new, "--json"), 1),
        (("diff", old, new, "--markdown"), 1),
        (("review", "HEAD"), 0),
        (("checkpoint", "model.safetensors", old), 1),
        (("show", "gone"), 2),
        (("show",), 2),
    ]:
        done = subcommand(*arguments)
        assert done.returncode == code, done.stderr.decode()
        assert b"Traceback" not in done.stderr


def test_the_check_would_notice():
    done = subprocess.run([sys.executable, "-c", f"{WITHOUT}import torch"], capture_output=True, timeout=60)
    assert b"ModuleNotFoundError" in done.stderr


def test_the_module_is_the_command():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest_nnviz", "--version"], env=environment, capture_output=True, timeout=60
    )
    assert re.fullmatch(rb"pytest-nnviz \d+\.\d+\.\d+\S*\r?\n", done.stdout)


def test_a_reader_that_has_enough_is_no_error():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", COMMAND, "show", "-"], env=environment, **pipes)
    process.stdout.close()
    process.stdin.write(dumps(net()).encode())
    process.stdin.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 141


def test_output_fits_any_encoding(write):
    name = write("a\u00fc\u4e2d.nnviz", net())
    done = subcommand("diff", os.devnull, name, env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (1, b"")
    assert b"new: a\\xfc\\u4e2d, Net" in done.stdout


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1"])
def test_a_tree_stays_a_tree_in_any_encoding(encoding):
    """A table from a terminal of Windows reads as one that was asked for in ASCII, column by column."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Terminal(stream).text("├─Block (a)   4\n│    └─ReLU    --\n±1 中\n")
    stream.flush()
    sign = "±" if encoding != "ascii" else "+-"
    expected = f"+ Block (a)   4\n|    + ReLU    --\n{sign}1 \\u4e2d\n"
    assert stream.buffer.getvalue().replace(os.linesep.encode(), b"\n") == expected.encode(encoding)


class Screen(io.StringIO):
    def isatty(self):
        return True


def shown(monkeypatch, *arguments, **environment):
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    for name, value in {"TERM": "xterm", **environment}.items():
        monkeypatch.setenv(name, value)
    main(list(arguments))
    return screen.getvalue()


def test_colour_only_on_a_terminal_that_wants_it(write, monkeypatch, command):
    old, new = write("old.nnviz", net()), write("new.nnviz", net(9))
    assert "\033" not in command("diff", old, new)[1]
    assert "\033[33m  ~ fc" in shown(monkeypatch, "diff", old, new)
    assert "\033" not in shown(monkeypatch, "diff", old, new, NO_COLOR="1")


def test_lines_are_as_long_as_the_terminal(write, monkeypatch):
    children = [(f"a_rather_long_name_{index}", norm(eps=1e-5)) for index in range(6)]
    old, new = write("old.nnviz", model(children)), write("new.nnviz", model([("x", norm(eps=2.0)), *children[::2]]))
    for width in (80, 120):
        lines = shown(monkeypatch, "diff", old, new, NO_COLOR="1", COLUMNS=str(width)).splitlines()
        assert max(map(len, lines)) <= width


# git


@pytest.fixture
def repository(write):
    """Two commits on main, one on feature since the first, and a work tree with changes of its own."""
    git("init", "-q", "-b", "main")
    for name, third in (("a", ()), ("b", ()), ("c", ("third",)), ("same", ())):
        write(f"tests/__nnviz__/test_m/{name}.nnviz", net(8, *third))
    write("docs/other.nnviz", net())
    git("add", ".")
    git("commit", "-qm", "one")
    git("checkout", "-qb", "feature")
    write("tests/__nnviz__/test_m/a.nnviz", net(9))
    write("tests/__nnviz__/test_m/b.nnviz", net(9))
    write("tests/__nnviz__/test_m/new.nnviz", net(activation="gelu"))
    git("mv", "tests/__nnviz__/test_m/c.nnviz", "tests/__nnviz__/test_m/d.nnviz")
    git("add", ".")
    git("commit", "-qm", "two")
    git("checkout", "-q", "main")
    write("tests/__nnviz__/test_m/same.nnviz", net(activation="silu"))
    git("commit", "-qam", "three")
    git("checkout", "-q", "feature")


@pytest.mark.usefixtures("repository")
class TestGit:
    A = "tests/__nnviz__/test_m/a.nnviz"

    def test_a_file_of_a_revision(self, command, monkeypatch):
        assert command("diff", f"main:{self.A}", self.A)[:2][0] == 1
        assert command("diff", f"HEAD:{self.A}", f":{self.A}")[0] == 0
        assert command("diff", f"main:{self.A}", self.A)[1].endswith("in a\n") is False
        monkeypatch.chdir("tests")
        assert command("show", "HEAD:./__nnviz__/test_m/a.nnviz")[0] == 0
        assert "in the index" not in command("show", f"HEAD:{self.A}")[2]

    def test_what_is_not_there_is_said(self, command):
        assert command("show", f"nothing:{self.A}")[2].startswith("pytest-nnviz: no revision 'nothing' in ")
        code, _, err = command("show", "main:tests/gone.nnviz")
        assert code == 2
        assert "no file 'tests/gone.nnviz' in revision" in err
        assert command("show", "main:tests")[2] == (
            "pytest-nnviz: main:tests is a folder: give one of the snapshots in it\n"
        )
        assert command("show", "--", "-x:y")[2] == "pytest-nnviz: '-x:y' is no revision\n"

    def test_review_since_the_merge_base(self, command):
        code, out, err = command("review", "main", "feature")
        assert (code, err) == (0, "")
        first, *lines = out.splitlines()
        assert re.fullmatch(r"\w{10}, merge base with main -> \w{10}, feature", first)
        assert lines[1].startswith("breaks checkpoints: fc out_features 8 -> 9")
        assert lines[1].endswith(f"in {self.A}")
        assert "  the same in tests/__nnviz__/test_m/b.nnviz" in lines
        assert lines[-5:] == [
            "",
            "added tests/__nnviz__/test_m/new.nnviz: Net, eval, 144 parameters",
            "renamed tests/__nnviz__/test_m/c.nnviz -> tests/__nnviz__/test_m/d.nnviz",
            "",
            "snapshots: 2 changed, 1 added, 1 renamed, 1 unchanged",
        ]
        assert command("review", "main...feature")[1].splitlines()[1:] == lines

    def test_review_of_the_revisions_themselves(self, command):
        out = command("review", "main", "feature", "--direct")[1]
        assert "snapshots: 3 changed, 1 added, 1 renamed" in out
        assert command("review", "main..feature")[1] == out

    def test_review_of_the_work_tree_leaves_it_alone(self, command, write, tmp_path):
        write("tests/__nnviz__/test_m/a.nnviz", net(10))
        write("tests/__nnviz__/test_m/untracked.nnviz", net(8, "another"))
        (tmp_path / "tests/__nnviz__/test_m/b.nnviz").unlink()
        before = (git("status", "--porcelain"), (tmp_path / ".git/index").read_bytes())
        out = command("review", "main")[1]
        assert "fc out_features 8 -> 10" in out
        assert "snapshots: 1 changed, 2 added, 1 removed, 1 renamed, 1 unchanged" in out
        assert (git("status", "--porcelain"), (tmp_path / ".git/index").read_bytes()) == before

    def test_review_from_a_folder_below(self, command, monkeypatch):
        whole = command("review", "main")[1]
        monkeypatch.chdir("docs")
        assert command("review", "main")[1] == whole

    @pytest.mark.parametrize(
        ("kinds", "code"),
        [
            ("checkpoints", 1),
            ("drift", 1),
            ("parameters", 1),
            ("topology", 0),
            ("removed", 0),
            ("topology,function", 1),
            ("training", 1),
        ],
    )
    def test_fail_on(self, command, kinds, code):
        assert command("review", "main", "feature", "--fail-on", kinds)[0] == code
        assert command("review", "main", "feature", "--fail-on", kinds, "--json")[0] == code

    def test_consequences_that_are_lesser_do_not_fail(self, command, write):
        write("tests/__nnviz__/test_m/a.nnviz", net(activation="gelu"))
        write("tests/__nnviz__/test_m/b.nnviz", net())
        assert command("review", "feature~1", "--fail-on", "checkpoints")[0] == 0
        assert command("review", "feature~1", "--fail-on", "function")[0] == 1
        code, _, err = command("review", "main", "--fail-on", "checkpoint")
        assert (code, err[:75]) == (2, "pytest-nnviz: --fail-on checkpoint: unknown (did you mean 'checkpoints'?); ")

    def test_a_removed_snapshot_is_drift(self, command):
        git("rm", "-q", self.A)
        assert command("review", "main", "--fail-on", "removed")[0] == 1
        assert command("review", "main", "--fail-on", "drift")[0] == 1

    def test_a_damaged_snapshot_does_not_hide_the_others(self, command, write):
        write("tests/__nnviz__/test_m/b.nnviz", b"nnviz 1\nbroken\n")
        code, out, err = command("review", "main", "--fail-on", "topology")
        assert code == 2
        assert f"in {self.A}" in out
        assert err.startswith("pytest-nnviz: tests/__nnviz__/test_m/b.nnviz (work tree), line 2: ")

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
    @pytest.mark.parametrize("instead", ["mkdir", "mkfifo", "ln -s nowhere"])
    def test_what_is_no_file_now_is_removed(self, command, instead):
        Path(self.A).unlink()
        subprocess.run([*instead.split(), self.A], check=True)
        code, out, _ = command("review", "feature")
        assert (code, f"removed {self.A}: Net" in out) == (0, True)

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
    def test_a_name_of_several_lines_is_a_name(self, command, write):
        write("tests/__nnviz__/test_m/a\nb.nnviz", net())
        code, out, err = command("review", "feature")
        assert (code, err) == (0, "")
        assert "1 added" in out

    def test_a_bare_repository_has_revisions_and_no_work_tree(self, command, monkeypatch):
        git("clone", "-q", "--bare", ".", "bare")
        monkeypatch.chdir("bare")
        assert "snapshots: 2 changed" in command("review", "main", "feature")[1]
        assert command("show", f"main:{self.A}")[0] == 0
        code, _, err = command("review", "main")
        assert (code, "name the other revision too, BASE HEAD" in err) == (2, True)

    def test_what_is_in_conflict_has_two_sides_in_the_index(self, command, write):
        git("checkout", "-q", "-b", "other", "main")
        write(self.A, net(23))
        git("commit", "-qam", "other")
        subprocess.run(["git", "merge", "-q", "feature"], capture_output=True, check=False)
        code, _, err = command("show", f":{self.A}")
        assert (code, f"is in conflict: :2:{self.A} is ours" in err) == (2, True)
        assert "[23, 8]" in command("show", f":2:{self.A}")[1]

    def test_what_cannot_be_read_is_counted_apart(self, command, write):
        for path in (self.A, "tests/__nnviz__/test_m/b.nnviz", "tests/__nnviz__/test_m/came.nnviz"):
            write(path, TEXT[: TEXT.index("[graph]")].encode())
        code, out, err = command("review", "feature")
        assert code == 2
        assert out.splitlines()[-1].endswith(", 3 unreadable")
        assert "came.nnviz (work tree), line 18: the text ends early, without '[end]': it was cut off; restore" in err
        data = json.loads(command("review", "feature", "--json")[1])["counts"]
        assert (data["unreadable"], data["unchanged"] >= 0) == (3, True)

    def test_all_files_of_a_revision_are_read_by_one_process(self, command, monkeypatch):
        asked, run = [], subprocess.run
        monkeypatch.setattr(subprocess, "run", lambda words, **rest: asked.append(words[1]) or run(words, **rest))
        assert command("review", "main", "feature", "--direct")[0] == 0
        assert asked.count("cat-file") == 1

    def test_a_file_that_is_not_here_is_an_error(self, command):
        name = git("rev-parse", f"main:{self.A}").strip()
        (Path(".git/objects") / name[:2] / name[2:]).unlink()
        code, _, err = command("review", "main", "feature", "--direct")
        assert code == 2
        assert f"{self.A} (" in err
        assert "is not here, as in a partial clone" in err

    def test_review_as_json_and_markdown(self, command):
        data = json.loads(command("review", "main", "feature", "--json")[1])
        assert data["schema"] == "nnviz-review 1"
        assert data["counts"] == {"changed": 2, "added": 1, "removed": 0, "renamed": 1, "unchanged": 1, "unreadable": 0}
        assert [each["status"] for each in data["snapshots"]] == ["changed", "changed", "renamed", "added"]
        assert data["snapshots"][0]["drift"]["schema"] == "nnviz-drift 1"
        out = command("review", "main", "feature", "--markdown")[1]
        assert "- the same in `tests/__nnviz__/test_m/b.nnviz`\n" in out
        assert out.count("| --- | --- | --- | --- | --- |") == 1

    def test_a_missing_revision(self, command):
        code, out, err = command("review", "nothing")
        assert (code, out) == (2, "")
        assert err.startswith("pytest-nnviz: no revision 'nothing' in ")

    def test_histories_without_a_common_commit(self, command):
        git("checkout", "-q", "--orphan", "island")
        git("commit", "-qm", "island")
        code, _, err = command("review", "main")
        assert (code, "have no commit in common; --direct compares" in err) == (2, True)
        assert command("review", "main", "--direct")[0] == 0

    def test_a_shallow_clone(self, command, tmp_path, monkeypatch):
        git("clone", "-q", "--depth", "1", "--no-single-branch", (tmp_path).as_uri(), "shallow")
        monkeypatch.chdir("shallow")
        code, _, err = command("review", "origin/main")
        assert code == 2
        assert "have no commit in common, which is a shallow clone: git fetch --unshallow" in err
        assert "shallow clone" in command("review", "HEAD~1")[2]

    def test_difftool_says_the_words(self):
        tool = f'"{sys.executable}" -m pytest_nnviz diff --name "$MERGED" "$LOCAL" "$REMOTE"'
        git("config", "difftool.nnviz.cmd", tool.replace("\\", "/"))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        out = git("difftool", "-y", "-t", "nnviz", "--no-renames", "main...feature", "--", "*.nnviz", env=environment)
        assert f"fc out_features 8 -> 9 in {self.A}" in out
        assert "new: tests/__nnviz__/test_m/new.nnviz, Net, eval, 144 parameters" in out
        assert "removed: tests/__nnviz__/test_m/c.nnviz, Net, eval, 216 parameters" in out

    def test_textconv_reads_well_in_diffs(self, write):
        write(".gitattributes", b"*.nnviz diff=nnviz\n")
        git("config", "diff.nnviz.textconv", f'"{sys.executable}" -m pytest_nnviz show --textconv'.replace("\\", "/"))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        out = git("diff", "--textconv", "main...feature", "--", self.A, env=environment)
        assert "+    weight f32[9, 8]\n" in out
        assert "-parameters 144, trainable 144, buffers 0\n" in out

    def test_textconv_of_a_conflict_stops_no_diff(self, write):
        write(".gitattributes", b"*.nnviz diff=nnviz\n")
        tool = f'"{sys.executable}" -m pytest_nnviz show --textconv'
        git("config", "diff.nnviz.textconv", tool.replace("\\", "/"))
        write(self.A, b"nnviz 1\n<<<<<<< HEAD\n=======\n>>>>>>> other\n")
        out = git("diff", "--textconv", "--", self.A, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        assert "line 2: holds a conflict marker" in out
        assert "+<<<<<<< HEAD\n" in out


def test_names_that_no_file_can_have(command, write):
    assert command("show", "")[2] == "pytest-nnviz: '' names no file\n"
    for name in ("a" * 5000, "\0"):
        assert command("show", name)[0] == command("diff", name, name)[0] == 2
    assert command("checkpoint", "a" * 5000, write("net.nnviz", net()))[0] == 2


@pytest.mark.skipif(sys.platform == "win32", reason="a colon is for drives there")
def test_a_file_with_a_colon_is_called_by_all_of_its_name(command, write):
    assert command("diff", write("a.nnviz", net()), write("co:lon.nnviz", net()))[1] == "no change in co:lon\n"


def test_a_byte_order_mark_is_passed_over(command, write):
    assert command("diff", write("a.nnviz", net()), write("b.nnviz", b"\xef\xbb\xbf" + TEXT.encode()))[0] in (0, 1)


def test_no_repository(command):
    code, out, err = command("review", "main")
    assert (code, out) == (2, "")
    assert err.startswith("pytest-nnviz: git: not in a repository (not a git repository")
    assert command("show", "HEAD:a.nnviz")[0] == 2


def test_no_git(command, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert command("review", "main")[2] == "pytest-nnviz: git is not installed, or not on the PATH\n"


# checkpoint

SIZES = {"F32": 4, "BF16": 2, "I64": 8}


def safetensors(tensors, *, metadata=None):
    """The bytes of a safetensors file."""
    header = {} if metadata is None else {"__metadata__": metadata}
    end = 0
    for name, (dtype, shape) in tensors.items():
        size = SIZES[dtype]
        for length in shape:
            size *= length
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + bytes(end)


NET = {
    "fc.weight": ("F32", (8, 8)),
    "fc.bias": ("F32", (8,)),
    "head.weight": ("F32", (8, 8)),
    "head.bias": ("F32", (8,)),
}
INDEX = "model.safetensors.index.json"


@pytest.fixture
def held(command, write):
    """Hold bytes against a model."""
    snapshot = write("net.nnviz", net())

    def held(data, *options, against=snapshot, name="model.safetensors"):
        if isinstance(data, dict):
            data = safetensors(data)
        return command("checkpoint", write(name, data), against, *options)

    return held


def test_a_checkpoint_that_loads(held):
    said = "model.safetensors loads strictly into net: 4 keys\n"
    assert held(NET) == (0, said, "")
    assert held(safetensors(NET, metadata={"format": "pt"})) == (0, said, "")


def test_a_checkpoint_that_does_not_load(held):
    tensors = {**NET, "fc.weight": ("F32", (4, 8)), "extra": ("I64", ())}
    del tensors["head.bias"]
    code, out, err = held(tensors)
    assert (code, err) == (1, "")
    assert out.splitlines() == [
        "model.safetensors does not load strictly into net: 1 key missing, 1 unexpected, 1 reshaped",
        "  - missing head.bias f32[8]",
        "  + unexpected extra i64[]",
        "  ~ reshaped fc.weight f32[4, 8], expected f32[8, 8]",
    ]


def test_another_dtype_is_a_note(held):
    code, out, _ = held({name: ("BF16", shape) for name, (_, shape) in NET.items()})
    assert code == 0
    assert out.splitlines()[1] == "  of another dtype, which loading casts: 4 keys bf16 -> f32"


def test_a_prefix_is_told(held):
    code, out, _ = held({f"module.{name}": facts for name, facts in NET.items()})
    assert code == 1
    assert out.splitlines()[1:] == ["  with 'module.' taken from every key it loads strictly"]


def test_a_missing_prefix_is_told(held, write):
    snapshot = write("wrapped.nnviz", model([("model", net().root)]))
    out = held(NET, against=snapshot)[1]
    assert out.splitlines()[1:] == ["  with 'model.' put before every key it loads strictly"]


def layered(*names):
    """Layers of a linear part each, of which the names are given."""
    layers = [(str(n), Module("Block", children=tuple((name, linear()) for name in names))) for n in range(12)]
    return model([("encoder", Module("Encoder", children=(("layer", Module("ModuleList", children=tuple(layers))),)))])


def layers_of(*names, prefix="", count=12):
    keys = [f"{prefix}encoder.layer.{n}.{name}" for n in range(count) for name in names]
    return {f"{key}.{what}": ("F32", shape) for key in keys for what, shape in (("weight", (8, 8)), ("bias", (8,)))}


def test_inner_names_that_were_replaced_are_a_rename_map(held, write):
    snapshot = write("layered.nnviz", layered("attention"))
    code, out, _ = held(layers_of("attn"), against=snapshot)
    assert code == 1
    assert out.splitlines()[1:] == [
        "  rename map: encoder.layer.{0..11}.attn -> encoder.layer.{0..11}.attention (24 keys), then it loads strictly"
    ]
    data = json.loads(held(layers_of("attn"), "--json", against=snapshot)[1])
    assert data["rename_map"]["encoder.layer.3.attn.bias"] == "encoder.layer.3.attention.bias"
    assert data["renamed"]["strict"] == "yes"


def test_names_are_replaced_behind_a_prefix_and_around_each_other(held, write):
    snapshot = write("layered.nnviz", layered("attention", "norm"))
    renamed = {key.replace("encoder", "body"): facts for key, facts in layers_of("attn", "norm").items()}
    lines = held({f"module.{key}": facts for key, facts in renamed.items()}, against=snapshot)[1].splitlines()
    assert lines[1:] == [
        "  with 'module.' taken from every key only 48 keys missing, 48 unexpected",
        "  rename map: body.layer.{0..11}.attn -> encoder.layer.{0..11}.attention, body -> encoder (48 keys), "
        "then it loads strictly",
    ]
    assert held({key: facts for key, facts in renamed.items() if "norm" in key}, against=snapshot)[1].splitlines()[
        1
    ] == ("  rename map: body -> encoder (24 keys), leaves 24 keys missing")


@pytest.mark.parametrize(
    ("names", "file"),
    [
        (("query", "key"), layers_of("q", "k")),  # which is which
        (("attention",), {key: ("F32", (8, 9)[: len(shape)]) for key, (_, shape) in layers_of("attn").items()}),
        (("attention",), {key: ("BF16", shape) for key, (_, shape) in layers_of("attn").items()}),
        (("fc",), {key.replace("layer.", "layer.1"): facts for key, facts in layers_of("fc", count=2).items()}),
    ],
)
def test_what_was_renamed_is_not_guessed(held, write, names, file):
    assert "rename map" not in held(file, against=write("layered.nnviz", layered(*names)))[1]


def test_unexpected_keys_are_in_the_order_of_their_numbers(held, write):
    lines = held(layers_of("fc"), against=write("net.nnviz", net()))[1].splitlines()
    unexpected = [line.split()[2] for line in lines if "unexpected encoder" in line]
    assert unexpected[:6:2] == [f"encoder.layer.{n}.fc.bias" for n in range(3)]


def tied(write):
    head = Module("Linear", parameters=(replace(linear().parameters[0], tied="^embed.weight"),))
    embed = Module("Embedding", parameters=linear().parameters[:1])
    return write("tied.nnviz", model([("embed", embed), ("head", head)]))


def test_tied_keys_that_savers_leave_out_are_told_apart(held, write):
    code, out, _ = held({"embed.weight": ("F32", (8, 8))}, against=tied(write))
    assert code == 1
    assert out.splitlines() == [
        "model.safetensors does not load strictly into tied: 1 key missing",
        "  only tied names are missing, which from_pretrained and safetensors.torch.load_model fill in",
        "  - missing head.weight, tied to embed.weight, which is there",
    ]
    assert "missing embed.weight, tied to head.weight" in held({"head.weight": ("F32", (8, 8))}, against=tied(write))[1]
    code, out, _ = held({"embed.weight": ("F32", (8, 8))}, "--json", against=tied(write))
    data = json.loads(out)
    assert (code, data["strict"], data["tied"]) == (1, "no", {"head.weight": "embed.weight"})


def test_batch_counts_are_filled_in(held, write):
    """A safetensors file holds no versions, so that torch fills in the count of batches."""
    buffers = tuple(replace(norm().buffers[0], name=name) for name in ("running_mean", "running_var"))
    count = replace(buffers[0], name="num_batches_tracked", spec=replace(buffers[0].spec, dtype="i64", shape=()))
    snapshot = write("bn.nnviz", model([("n", replace(norm(), buffers=(*buffers, count)))]))
    names = ("weight", "bias", "running_mean", "running_var")
    assert held({f"n.{name}": ("F32", (8,)) for name in names}, against=snapshot)[0] == 0


def test_shards_are_read_by_their_index(held, write):
    names = list(NET)
    write("one.safetensors", safetensors({name: NET[name] for name in names[:2]}))
    write("two.safetensors", safetensors({name: NET[name] for name in names[2:]}))
    homes = {name: "one.safetensors" if name in names[:2] else "two.safetensors" for name in names}
    index = json.dumps({"metadata": {}, "weight_map": homes}).encode()
    assert held(index, name=INDEX)[:2] == (0, f"{INDEX} loads strictly into net: 4 keys\n")
    for key, home, said in [
        ("gone", "one.safetensors", "'gone' is not in 'one.safetensors', as the index says"),
        ("fc.weight", "three.safetensors", "the shard 'three.safetensors' is not beside it"),
        ("fc.weight", "", "the shard '' is no file beside it"),
        ("fc.weight", "../one.safetensors", "the shard '../one.safetensors' is no file beside it"),
    ]:
        damaged = json.dumps({"weight_map": {**homes, key: home}}).encode()
        assert held(damaged, name=INDEX) == (2, "", f"pytest-nnviz: {INDEX}: {said}\n")
    assert held(b"{}", name=INDEX)[2].endswith("it has no weight_map\n")


GOOD = safetensors(NET)


def header(data):
    text = json.dumps(data).encode() if not isinstance(data, bytes) else data
    return len(text).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not a safetensors file"),
        (b"PK\x03\x04" + bytes(40), "not a safetensors file but a zip, as torch.save writes it"),
        (b"\x80\x02}q\x00" + bytes(40), "not a safetensors file but a pickle"),
        (b"version https://git-lfs.github.com/spec/v1\n", "not a safetensors file but a pointer of git LFS"),
        (TEXT.encode(), "not a safetensors file but a snapshot: give the checkpoint first, then the snapshot"),
        (b"GGUF" + bytes(40), "not a safetensors file but a GGUF file"),
        ((2**62).to_bytes(8, "little") + b"{}", "not a safetensors file"),
        (GOOD[:40], "cut off: its header has"),
        (GOOD[:-1], "cut off or damaged: 576 bytes of tensors announced, 575 there"),
        (GOOD + b"\0", "cut off or damaged: 576 bytes of tensors announced, 577 there"),
        (header(b"{\xff}"), "damaged: what it says of its tensors is no JSON"),
        (header(b"{,}"), "damaged: what it says of its tensors is no JSON"),
        (header(b"{" + b"[" * 100_000), "damaged: what it says of its tensors is no JSON"),
        (header(b'{"a": 1, "a": 2}'), "damaged: 'a' stands twice in it"),
        (header({"a": 1}), "damaged: what it says of 'a' does not fit together"),
        (header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}) + bytes(4), "damaged: what it says of"),
        (header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}) + bytes(4), "damaged: what it says of"),
        (header({"a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}}) + bytes(2), "damaged: the data of 'a'"),
    ],
)
def test_files_that_are_no_checkpoint_are_errors(held, data, said):
    code, out, err = held(data)
    assert (code, out) == (2, "")
    assert err.startswith(f"pytest-nnviz: model.safetensors: {said}"), err


def test_a_header_of_any_length_is_no_pickle(held):
    """0x80 is how a pickle starts, and how a header of 128 bytes does."""
    text = json.dumps({"a": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}}).encode().ljust(128)
    assert held(len(text).to_bytes(8, "little") + text)[0] == 1


def test_a_folder_of_a_checkpoint_is_told(command, write, tmp_path):
    (tmp_path / "folder").mkdir()
    assert "give the model.safetensors or" in command("checkpoint", "folder", write("a.nnviz", net()))[2]
    assert command("checkpoint", "gone", write("a.nnviz", net()))[2].endswith(
        "cannot be read: No such file or directory\n"
    )


@pytest.mark.parametrize("kind", ["svg", "png", "dot", "mermaid"])
def test_a_snapshot_and_a_drift_are_drawn(kind, capsys):
    Path("old.nnviz").write_text(dumps(net()), encoding="utf-8")
    Path("new.nnviz").write_text(dumps(net(width=9)), encoding="utf-8")
    assert main(["show", "old.nnviz", "--image", f"model.{kind}", "--parameters"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["diff", "old.nnviz", "new.nnviz", "--image", f"drift.{kind}"]) == 1
    assert "out_features 8 -> 9" in capsys.readouterr().out
    begin = {"svg": b"<?xml", "png": b"\x89PNG", "dot": b"digraph", "mermaid": b"flowchart"}[kind]
    assert all(Path(f"{name}.{kind}").read_bytes().startswith(begin) for name in ("model", "drift"))


def test_a_side_of_a_drift_is_drawn_with_as_many_neighbours_as_are_asked_for(capsys):
    Path("old.nnviz").write_text(dumps(net()), encoding="utf-8")
    Path("new.nnviz").write_text(dumps(net(width=9)), encoding="utf-8")
    command = ["diff", "old.nnviz", "new.nnviz", "--image", "side.svg", "--neighbours", "0"]
    assert main([*command, "--side", "expected"]) == 1
    assert "Net: expected<" in Path("side.svg").read_text()
    assert main([*command[:-1], "-1"]) == 2
    assert main([*command[:3], "--side", "expected"]) == 2
    assert main(["diff", os.devnull, *command[2:]]) == 1
    assert "side.svg is not drawn: one side alone has no drift" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--image", "out.jpg"], "--image out.jpg: end the name in one of .svg, .png, .dot, .mermaid"),
        (["--image", "nowhere/out.svg"], "nowhere/out.svg: No such file or directory"),
        (["--image", "out.svg", "--expand", "layer"], "expand='layer' names no module of Net"),
        (["--expand", "layer"], "--expand is about the picture: say with --image OUT where to draw it"),
        (["--no-fold"], "--no-fold is about the picture"),
    ],
)
def test_what_cannot_be_drawn_is_an_error_that_says_why(arguments, said, capsys):
    Path("old.nnviz").write_text(dumps(net()), encoding="utf-8")
    assert main(["show", "old.nnviz", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not list(Path().glob("out.*"))
