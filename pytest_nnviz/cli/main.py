"""Arguments, exit codes, and what becomes of errors."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_nnviz.cli import commands
from pytest_nnviz.cli.images import add_drift_options, add_image_options
from pytest_nnviz.cli.terminal import Terminal
from pytest_nnviz.errors import NNVizError

__all__ = ["main"]

_SOURCE = "a file, - for standard input, or REV:PATH of git"
_ERROR, _PIPE, _INTERRUPTED = 2, 141, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command: 0 is good, 1 a drift or a checkpoint that does not load, 2 an error.

    Args:
        arguments: those of the command line when None.
    """
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options, Terminal())
        sys.stdout.flush()
    except NNVizError as error:
        sys.stdout.flush()
        print(f"pytest-nnviz: {error}", file=sys.stderr)
        return _ERROR
    except BrokenPipeError:  # who read has read enough; what is left in the buffer would raise again at the exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pytest-nnviz",
        description="Read and compare the texts that pin models. Nothing here needs torch.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="say which version this is")
    kinds = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _show(kinds.add_parser("show", help="a snapshot to read", allow_abbrev=False))
    _diff(kinds.add_parser("diff", help="what changed from one snapshot to another", allow_abbrev=False))
    _review(kinds.add_parser("review", help="what changed in all snapshots between two revisions", allow_abbrev=False))
    _checkpoint(kinds.add_parser("checkpoint", help="whether a safetensors file loads", allow_abbrev=False))
    return parser


class _Version(argparse.Action):
    """Says the version; it is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from pytest_nnviz import __version__

        print(f"pytest-nnviz {__version__}")
        parser.exit()


def _show(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Totals, modules and calls of a snapshot, with runs of equal siblings folded; or its picture. A table of "
        "nnviz_summary, or filters of nnviz_filters."
    )
    parser.add_argument("file", metavar="FILE", help=_SOURCE)
    parser.add_argument("--depth", type=_depth, metavar="N", help="leave out what is more than N modules deep")
    parser.add_argument(
        "--textconv",
        action="store_true",
        help="print a file that is no snapshot as it is, with the reason: git goes on",
    )
    add_image_options(parser)
    parser.set_defaults(run=commands.show)


def _diff(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "What changed from one snapshot to another of its kind. Exit code 0: the same; 1: drift; 2: an error."
    )
    parser.add_argument("old", metavar="OLD", help=_SOURCE)
    parser.add_argument("new", metavar="NEW", help=_SOURCE)
    _output(parser)
    parser.add_argument(
        "--gate",
        action="append",
        default=[],
        metavar="GATE",
        help="structure, shapes, parameters, topology, cost, or PATTERN=GATES for a part of the model; several by "
        "commas or by giving it again; other changes are notes and exit with 0",
    )
    parser.add_argument("--name", help="what to call the snapshot (default: by the file name of NEW)")
    add_image_options(parser)
    add_drift_options(parser)
    parser.set_defaults(run=commands.diff)


def _review(parser: argparse.ArgumentParser) -> None:
    from pytest_nnviz.cli.review import FAIL_ON

    parser.description = (
        "What changed in every committed snapshot since HEAD went apart from BASE. The work tree is read where HEAD "
        "is left out, and never touched. BASE...HEAD and BASE..HEAD mean what they mean to git diff."
    )
    parser.add_argument("base", metavar="BASE", help="a revision, such as main or origin/main")
    parser.add_argument("head", metavar="HEAD", nargs="?", help="a revision (default: the work tree)")
    parser.add_argument("--direct", action="store_true", help="compare with BASE itself, not with the merge base")
    parser.add_argument(
        "--fail-on",
        action="append",
        default=[],
        metavar="KIND",
        help=f"exit with 1 where there is any of: {', '.join(FAIL_ON)}; several by commas or by giving it again",
    )
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="write a page of all that changed, with pictures, to this folder"
    )
    _output(parser)
    parser.set_defaults(run=commands.review)


def _checkpoint(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Whether a safetensors file loads strictly into the model of a snapshot, by its header alone. Exit code 0: it "
        "does; 1: it does not; 2: an error."
    )
    parser.add_argument("file", metavar="FILE", help="model.safetensors, or model.safetensors.index.json of shards")
    parser.add_argument("snapshot", metavar="SNAPSHOT", help=_SOURCE)
    parser.add_argument("--json", action="store_true", help="the verdict as JSON")
    parser.set_defaults(run=commands.checkpoint)


def _output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--json", action="store_true", help="all changes as JSON")
    group.add_argument("--markdown", action="store_true", help="tables for a pull request or $GITHUB_STEP_SUMMARY")


def _depth(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0")
    return int(text)
