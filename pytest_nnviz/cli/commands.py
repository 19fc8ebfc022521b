"""The commands: read what is asked for, say what is to be said, return the exit code."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pytest_nnviz.architecture import walk_modules
from pytest_nnviz.checker import ArchitectureVerdict
from pytest_nnviz.cli.images import wants_image, write_image
from pytest_nnviz.cli.sources import Source, read_source
from pytest_nnviz.cli.telling import tabled, words_of
from pytest_nnviz.cli.terminal import Terminal
from pytest_nnviz.errors import SourceError
from pytest_nnviz.gates import GATES, Gates
from pytest_nnviz.kinds import KINDS

if TYPE_CHECKING:
    from pytest_nnviz.drift import Drift

__all__ = ["checkpoint", "diff", "review", "show"]


def show(options: Namespace, out: Terminal) -> int:
    """Print a snapshot to read."""
    from pytest_nnviz.cli.outline import readable

    try:
        source = read_source(options.file)
    except SourceError as error:
        if not options.textconv or not os.path.isfile(options.file):  # noqa: PTH113 (Path raises where a name is too long)
            raise
        out.text(f"{error}\n\n{Path(options.file).read_bytes().decode('utf-8', 'replace')}")
        return 0
    if options.depth is not None:
        source.architecture("--depth")
    if wants_image(options):
        write_image(source.architecture("--image"), options)
    elif source.stored is not None:  # a textconv is never asked for what is not there, but may be
        out.text("\n".join(readable(source.stored, options.depth)) + "\n")
    return 0


def diff(options: Namespace, out: Terminal) -> int:
    """Print what changed; 1 if any of it is gated."""
    if options.old == options.new == "-":
        raise SourceError("OLD and NEW cannot both be read from standard input")
    gates = _gates(options.gate)
    old, new = read_source(options.old), read_source(options.new)
    _check_kinds(old, new, options)
    name = options.name or _called(old if new.stored is None or options.new == "-" else new)
    if old.stored is None or new.stored is None:
        return _one_sided(old, new, name, options, out)
    verdict = new.stored.since(old.stored, gates)
    if isinstance(verdict, ArchitectureVerdict) and verdict.drift is not None:
        _warn_unmatched(gates, verdict.drift)
        if wants_image(options):
            write_image(verdict.drift, options)
    if options.json:
        _print_json(verdict.plain(name), out)
    elif options.markdown:
        out.text(tabled(verdict, name))
    else:
        title, *lines = words_of(verdict, name, out.width)
        out.title(title)
        out.lines(lines, "  ")
    return int(verdict.decides)


def review(options: Namespace, out: Terminal) -> int:
    """Print what changed in all snapshots between two revisions."""
    from pytest_nnviz.cli.review import run_review

    return run_review(options, out)


def checkpoint(options: Namespace, out: Terminal) -> int:
    """Say whether a safetensors file loads; 1 if it does not, or if a hook decides."""
    from pytest_nnviz.cli.weights import hold

    source = read_source(options.snapshot)
    found = hold(Path(options.file), source.architecture("checkpoint"))
    if options.json:
        _print_json(found.data(options.file, source.name), out)
    else:
        title, *lines = found.lines(options.file, _called(source))
        out.title(title)
        out.lines(lines, "  ")
    return int(found.loading.strict != "yes")


def _check_kinds(old: Source, new: Source, options: Namespace) -> None:
    """That both are of one kind, and that what is asked for is there for that."""
    kinds = [source.stored.kind for source in (old, new) if source.stored is not None]
    if len(set(kinds)) > 1:
        what = " and ".join(f"{source.name} is a text of {source.there.kind.fixture}" for source in (old, new))
        raise SourceError(f"{what}: give two of one kind")
    asked = [("--gate", bool(options.gate)), ("--image", wants_image(options))]
    for source in (old, new):
        for what, given in asked if source.stored is not None else ():
            if given:
                source.architecture(what)


def _gates(given: Iterable[str]) -> Gates:
    """Gates as they are given: ``shapes,parameters`` for the model, ``encoder=shapes`` for a part of it."""
    everywhere: list[str] = []
    places: dict[str, list[str]] = {}
    for text in given:
        pattern, equals, names = text.rpartition("=")
        (places.setdefault(pattern.strip(), []) if equals else everywhere).extend(names.replace(",", " ").split())
    return Gates.of({**places, "*": everywhere or GATES} if places else everywhere or GATES)


def _warn_unmatched(gates: Gates, drift: Drift) -> None:
    paths = {path for side in (drift.old, drift.new) for path, _ in walk_modules(side.root)}
    for pattern in gates.unmatched(paths):
        said = f"names no module of {drift.new.root.class_name}, so it holds nothing"
        print(f"pytest-nnviz: --gate {pattern}=...: {said}", file=sys.stderr)


def _called(source: Source) -> str:
    """What a snapshot is called: by its file, without folders and suffix."""
    is_file = os.path.exists(source.name)  # noqa: PTH110 (as above)
    name = source.name if is_file else source.name.rpartition(":")[2]
    path = PurePosixPath(name.replace("\\", "/"))
    suffixes = (f".{kind.suffix}" for kind in KINDS)
    return next((path.stem for suffix in suffixes if path.name.endswith(suffix)), path.name) or source.name


def _one_sided(old: Source, new: Source, name: str, options: Namespace, out: Terminal) -> int:
    """Of a snapshot that came or went, as git shows one: the other side is the null device."""
    came = old.stored is None
    there = new.stored if came else old.stored
    if there is None:
        raise SourceError("neither OLD nor NEW holds a snapshot")
    what = f"{'new' if came else 'removed'}: {name}, {there.gist}"
    if options.json:
        _print_json(there.lone(name, came=came), out)
    else:
        out.text(f"**{what}**\n") if options.markdown else out.title(what)
    if wants_image(options):
        print(f"pytest-nnviz: {options.image} is not drawn: one side alone has no drift", file=sys.stderr)
    return 1


def _print_json(data: Any, out: Terminal) -> None:
    out.text(json.dumps(data, indent=2) + "\n")
