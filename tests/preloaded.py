"""A process that has imported torch already, and forks for each run of pytest: ``python preloaded.py``.

It reads one run a line, as JSON: the arguments, the folder, the environment, the file for the output; it answers with
the exit code.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from typing import Any

import pytest


def _run(args: list[str], cwd: str, env: dict[str, str], out: str) -> int:
    """As ``python -m pytest ARGS`` in a process of its own."""
    descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.path[0] = cwd
    sys.pycache_prefix = env.get("PYTHONPYCACHEPREFIX")
    sys.argv[:] = ["pytest", *args]
    return int(pytest.main(args))


def _forked(asked: dict[str, Any]) -> int:
    child = os.fork()
    if not child:
        code = 70
        try:
            code = _run(**asked)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Answer until there is nothing more to read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch  # noqa: F401
    for line in sys.stdin:
        print(_forked(json.loads(line)), flush=True)


if __name__ == "__main__":
    main()
