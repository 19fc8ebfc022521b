"""Mutation testing of our own tests: edits of the sources, one at a time, and whether quick tests notice.

``python tests/trust/mutation.py textformat --sample 150`` tries so many edits of a room, drawn by a seed from all that
there are. Prints what became of each, as file, line and edit, and the share that was killed. Functions are edited in
children of one process that has collected the tests, the quickest first, or has what scenarios need; all else, and what
scenarios do not notice, is edited in its file, in children of one that has not imported this package.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(Path(__file__).parent)]

ROOMS = {
    "textformat": (["textformat"], 0.0, ["test_textformat.py", "test_trust.py"]),
    "drift": (
        ["drift"],
        0.0,
        [
            "test_diff.py",
            "test_drift_laws.py",
            "test_drift_pairing.py",
            "test_drift_wrapping.py",
            "test_checkpoints.py",
            "test_edits.py",
            "test_wording.py",
            "test_drift_cases.py",
        ],
    ),
    "extension": (
        ["extension.py", "unused.py", "naming.py", "atomic.py", "regular.py"],
        0.03,
        ["test_storage_names.py", "test_storage_deletion.py", "test_storage_writing.py", "test_storage_kinds.py"],
    ),
}
"""Of each room, its sources, the share of the scenarios and the tests that hold them."""

_LONG = "test_a_share_of_the_scenarios_and_the_damaged_texts", "test_mutation_finds_the_functions_that_it_edits"
LEFT_OUT = [part for name in _LONG for part in ("--deselect", f"tests/test_trust.py::{name}")]
"""What takes minutes, or is about these edits."""

_COMPARED = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_COUNTED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}


@dataclass(frozen=True)
class Edit:
    """One edit: the number of a node in its file, and what becomes of it."""

    path: Path
    node: int
    what: str
    line: int

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line} {self.what} ({self.node})"


def edits_of(path: Path) -> Iterator[Edit]:
    """All edits of a file: comparisons, operators, conditions, constants, returns and statements."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = set(_not_run(tree))
    for number, node in enumerate(ast.walk(tree)):
        if id(node) not in skipped:
            for what in _edits(node):
                yield Edit(path, number, what, getattr(node, "lineno", 0))


def _not_run(tree: ast.AST) -> Iterator[int]:
    """What no test is asked for: annotations, docstrings, ``__all__``, imports for types, messages, decorators."""
    for node in ast.walk(tree):
        parts: list[ast.AST] = []
        if isinstance(node, ast.FunctionDef):
            parts = [*filter(None, [node.returns]), *node.decorator_list]
        elif isinstance(node, ast.arg | ast.AnnAssign):
            parts = [*filter(None, [node.annotation])]
        elif ast.unparse(node).startswith(("__all__ = ", "if TYPE_CHECKING", "'", '"')) and isinstance(node, ast.stmt):
            parts = [node]
        elif isinstance(node, ast.Raise | ast.JoinedStr):
            parts = [*ast.iter_child_nodes(node)]
        for part in parts:
            yield from map(id, ast.walk(part))


def _edits(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARED:
        yield "compares otherwise"
    elif isinstance(node, ast.BinOp) and type(node.op) in _COUNTED:
        yield "counts otherwise"
    elif isinstance(node, ast.BoolOp):
        yield "and for or"
        yield "without its last part"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "without not"
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        yield "never"
        if not isinstance(node, ast.While):
            yield "always"
    elif isinstance(node, ast.comprehension) and node.ifs:
        yield "without its condition"
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int) and node.value is not None:
        yield "another constant"
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield "another text"
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield "returns None"
    elif isinstance(node, ast.Expr | ast.AugAssign) and not isinstance(getattr(node, "value", None), ast.Constant):
        yield "left out"
    elif isinstance(node, ast.Continue | ast.Break):
        yield "pass"


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def mutated(edit: Edit) -> ast.Module:
    """The file with the edit."""
    tree = ast.parse(edit.path.read_text(encoding="utf-8"))
    old = next(node for number, node in enumerate(ast.walk(tree)) if number == edit.node)
    new = _made(copy.deepcopy(old), edit.what)

    class Puts(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return ast.copy_location(new, node) if node is old else self.generic_visit(node)

    return ast.fix_missing_locations(Puts().visit(tree))


def _made(node: ast.AST, what: str) -> ast.AST:
    if isinstance(node, ast.Compare):
        node.ops[0] = _COMPARED[type(node.ops[0])]()
    elif isinstance(node, ast.BinOp):
        node.op = _COUNTED[type(node.op)]()
    elif isinstance(node, ast.BoolOp) and what == "and for or":
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    elif isinstance(node, ast.BoolOp):
        node = ast.BoolOp(node.op, node.values[:-1]) if len(node.values) > 2 else node.values[0]
    elif isinstance(node, ast.UnaryOp):
        node = node.operand
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        node.test = ast.Constant(what == "always")
    elif isinstance(node, ast.comprehension):
        node.ifs = []
    elif isinstance(node, ast.Constant):
        value = node.value
        node.value = not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"{value}x"
    elif isinstance(node, ast.Return):
        node.value = ast.Constant(None)
    else:
        node = ast.Pass()
    return node


def lay_over(edit: Edit | None, where: Path) -> None:
    """Put the package as it is edited in a folder: links to all files but one."""
    for path in (ROOT / "pytest_nnviz").rglob("*"):
        copied = where / path.relative_to(ROOT)
        if path.is_file() and "__pycache__" not in path.parts:
            copied.parent.mkdir(parents=True, exist_ok=True)
            copied.symlink_to(path)
    if edit is None:
        return
    copied = where / edit.path.relative_to(ROOT)
    copied.unlink()
    copied.write_text(ast.unparse(mutated(edit)), encoding="utf-8")


def _notice(where: Path, share: float, tests: list[str]) -> int:
    """Run a share of the scenarios, and tests, with the package in a folder; not 0 where something is wrong."""
    sys.path.insert(0, str(where))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(where), str(ROOT / "tests"), str(ROOT / "tests/trust")])
    os.environ["PYTHONPYCACHEPREFIX"] = str(where / "bytecode")
    if share:
        import storage

        if storage.run(share).complaints:
            return 1
    import pytest

    options = [
        *("-x", "-W", "ignore::pytest.PytestAssertRewriteWarning"),  # of what the parent imported
        "-q",
        "-p",
        "no:cacheprovider",
        *LEFT_OUT,
        "--basetemp",
        str(where / "tmp"),
    ]
    return int(pytest.main([*options, *tests]))


def outcome(edit: Edit | None, share: float, tests: list[str], limit: float, out: int) -> str:
    """Whether an edit is noticed: ``killed``, ``killed by time``, or ``survived``; ``out`` takes what is printed."""
    with tempfile.TemporaryDirectory(prefix="nnviz-mutant-") as folder:
        where = Path(folder)
        lay_over(edit, where)
        child = os.fork()
        if not child:
            status = 1
            try:
                os.setsid()
                for stream in (0, 1, 2):
                    os.dup2(out, stream)
                status = _notice(where, share, tests)
            finally:
                os._exit(int(status != 0))
        return end_of(child, limit)


def end_of(child: int, limit: float) -> str:
    until = time.monotonic() + limit
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "killed" if status else "survived"
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "killed by time"


def in_place(edits: list[Edit], share: float, tests: list[str], times: float) -> dict[str, str]:
    """What became of the edits of functions, by what they are; the others are left out.

    Where there are scenarios they alone are run, and what they do not notice is ``left``: the tests start processes.
    """
    with tempfile.TemporaryDirectory(prefix="nnviz-mutants-") as folder:
        found = Path(folder, "found")
        child = os.fork()
        if not child:
            status = 1
            try:
                from edited import Loop, run, run_scenarios

                loop = Loop(edits, Path(folder), times)
                status = run_scenarios(loop, share) if share else run(loop, tests)
            finally:
                os._exit(status)
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit("the tests fail as it is")
        return dict(line.split("\t") for line in found.read_text().splitlines())


def in_files(
    edits: list[Edit], left: set[str], share: float, tests: list[str], times: float
) -> Iterator[tuple[Edit, str]]:
    """What became of edits, each in its file; for those that are ``left`` the scenarios need not run again."""
    start = time.monotonic()
    with tempfile.TemporaryFile("w+b") as out:
        if edits and outcome(None, share, tests, 900, out.fileno()) != "survived":
            out.seek(0)
            sys.exit(f"the tests fail as it is:\n{out.read().decode(errors='replace')[-5000:]}")
    limit = times * (time.monotonic() - start)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for edit in edits:
        yield edit, outcome(edit, 0.0 if str(edit) in left else share, tests, limit, nowhere)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("room", choices=ROOMS)
    parser.add_argument("--sample", type=int, default=0, help="how many edits; all without it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--times", type=float, default=4, help="as long as unedited a run may take, before it hangs")
    asked = parser.parse_args()
    parts, share, names = ROOMS[asked.room]
    os.chdir(ROOT)
    os.environ.pop("PYTEST_ADDOPTS", None)
    sys.dont_write_bytecode = True
    paths = [found for part in parts for found in _files(ROOT / "pytest_nnviz" / part)]
    edits = [edit for path in paths for edit in edits_of(path)]
    chosen = random.Random(asked.seed).sample(edits, asked.sample) if asked.sample else edits
    for name in ("torch", "numpy", "torchinfo", "pytest"):
        import_module(name)
    tests = [f"tests/{name}" for name in names]
    found = in_place(chosen, share, tests, asked.times)
    left = {edit for edit, became in found.items() if became == "left"}
    rest = [edit for edit in chosen if str(edit) not in found or str(edit) in left]
    for edit, became in in_files(rest, left, share, tests, asked.times):
        found[str(edit)] = became
        print(f"{became}: {edit}", flush=True)
    killed = sum(became != "survived" for became in found.values())
    print(f"{asked.room}: {len(edits)} edits, {len(found)} tried, {killed} killed ({killed / len(found):.1%})")


def _files(path: Path) -> list[Path]:
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


if __name__ == "__main__":
    main()
