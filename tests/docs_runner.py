"""Runs pytest several times in one process, as `test_docs_snippets.py` writes it down: ``python docs_runner.py JSON``.

Each run is ``[folder, arguments, files to write first]``; printed is a JSON list of ``[exit code, output]``.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path

import pytest


def run(folder: str, arguments: list[str], files: dict[str, str]) -> tuple[int, str]:
    os.chdir(folder)
    for name, text in files.items():
        Path(name).write_text(text, encoding="utf-8")
    known, path, out = set(sys.modules), list(sys.path), io.StringIO()
    with contextlib.redirect_stdout(out):
        code = pytest.main(["-p", "syrupy", "-p", "pytest_nnviz.plugin", "-p", "no:cacheprovider", *arguments])
    own = [name for name in set(sys.modules) - known if is_below(name, Path(folder))]
    for name in own:  # the next run imports it anew
        del sys.modules[name]
    sys.path[:] = path
    return int(code), out.getvalue()


def is_below(name: str, folder: Path) -> bool:
    return Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(folder.resolve())


if __name__ == "__main__":
    print(json.dumps([run(*each) for each in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))]))
