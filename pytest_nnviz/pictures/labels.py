"""The words of a picture: names, shapes, arguments and changes, short enough to stand in a node."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import dropwhile
from typing import TYPE_CHECKING

from pytest_nnviz.architecture import (
    Argument,
    Call,
    Const,
    Literal,
    Module,
    Ref,
    TensorSpec,
    Tree,
    Value,
    walk_modules,
)
from pytest_nnviz.pictures.sites import Run, Site
from pytest_nnviz.pictures.text import Text, joined, part
from pytest_nnviz.textformat.write import format_call, format_config, format_ref, format_value

if TYPE_CHECKING:
    from pytest_nnviz.drift import Change

__all__ = [
    "TIMES",
    "arguments_text",
    "calls_text",
    "change_text",
    "class_text",
    "config_text",
    "count_text",
    "module_size",
    "names_text",
    "parameters_text",
    "range_name",
    "rest_text",
    "run_name",
    "shape_text",
    "tips_of",
]

TIMES = "\N{MULTIPLICATION SIGN}"
_TENSOR = "·"


def shape_text(spec: TensorSpec | None) -> str:
    """The sizes of a tensor; the dtype stands before it unless it is f32, ``scalar`` for no dimensions."""
    if spec is None:
        return ""
    sizes = TIMES.join("?" if size is None else str(size) for size in spec.shape) or "scalar"
    return " ".join(filter(None, ("" if spec.dtype == "f32" else spec.dtype, sizes, spec.kind)))


def run_name(run: Run) -> Text:
    """The name of a call, or both where another is called; for a run see `range_name`."""
    names = [
        range_name(first.target, last.target) or "self"
        for first, last in zip(run.first.calls, run.sites[-1].calls, strict=True)
        if first is not None and last is not None
    ]
    return Text.pair(names[0], names[-1])


def range_name(first: str, last: str) -> str:
    """``layers.{0..31}`` from the names of the first and the last."""
    pairs = zip(first.split("."), last.split("."), strict=True)
    return ".".join(one if one == other else f"{{{one}..{other}}}" for one, other in pairs)


def class_text(site: Site) -> Text:
    """The class of the module that is called; both where it is of another."""
    found = [_class_of(call, module) for call, module in zip(site.calls, site.modules, strict=True) if call is not None]
    return Text.pair(found[0], found[-1])


def _class_of(call: Call, module: Module | None) -> str:
    if call.kind == "created":
        return call.target
    return module.class_name if module is not None else ""


def config_text(*configs: Iterable[Argument]) -> str:
    """Constructor arguments: ``3 → 64, kernel_size=7``; the sizes going in and out stand first, without names.

    Of several only those that are the same in all: what differs is told as a change.
    """
    first, *others = ({str(a.name): format_value(a.value) for a in config} for config in configs)
    texts = {name: text for name, text in first.items() if all(other.get(name) == text for other in others)}
    sizes: list[str] = []
    for kind in ("channels", "features"):
        if f"in_{kind}" in texts and f"out_{kind}" in texts:
            sizes.append(f"{texts.pop(f'in_{kind}')} → {texts.pop(f'out_{kind}')}")
    return ", ".join(sizes + [f"{name}={_short(text)}" for name, text in texts.items()])


def _short(text: str) -> str:
    return re.sub(r"^\((\d+), \1\)$", r"\1", text)


def arguments_text(*calls: Call) -> str:
    """What a function gets besides tensors: ``dim=1``; a tensor between such arguments is a ``·``.

    Of several calls only what is the same in all: what differs is told as a change.
    """
    first, *others = ([_argument(a) for a in call.args] for call in calls)
    parts = [text for text in first if all(text in other for other in others)]
    return ", ".join(dropwhile(lambda part: part == _TENSOR, _strip_end(parts)))


def _strip_end(parts: list[str]) -> list[str]:
    named = [part for part in parts if part.endswith(f"={_TENSOR}")]
    return [part for part in parts if part not in named]


def _argument(argument: Argument) -> str:
    text = _value(argument.value)
    return text if argument.name is None else f"{argument.name}={text}"


def _value(value: Value) -> str:
    match value:
        case Literal(text):
            return text
        case Ref(kind="attribute"):
            return format_ref(value)
        case Const(spec, name, tracked):
            return name or ("const " if tracked else "untracked ") + shape_text(spec)
        case Tree(kind, items) if items:
            parts = [_value(item) for item in items]
            if all(part == _TENSOR for part in parts):
                return _TENSOR
            opening, closing = ("[", "]") if kind == "list" else ("(", ")")
            return opening + ", ".join(parts) + closing
        case Tree():
            return format_value(value)
    return _TENSOR


def tips_of(run: Run) -> tuple[str, ...]:
    """What stands in no node: the whole path, all arguments and the result of a call, and all that changed.

    For both sides (what is there now), before and after.
    """
    first, last = run.first, run.sites[-1]
    texts = list(dict.fromkeys(filter(None, map(change_text, first.changes))))
    sides = (_tip(first, last, 0), _tip(first, last, 1))
    ends = [[text.on(side).shown.strip() for text in texts] for side in ("expected", "actual")]
    both = "\n".join(filter(None, [sides[1] or sides[0], *texts]))
    return (both, *("\n".join(filter(None, [side, *end])) for side, end in zip(sides, ends, strict=True)))


def _tip(first: Site, last: Site, side: int) -> str:
    call, module = first.calls[side], first.modules[side]
    if call is None:
        return ""
    place = first.places[side]
    end = f" … {last.places[side]}" if last is not first else ""
    lines = [f"{place}{end}"] if call.kind == "module" else [f"in {place or 'the model'}"]
    if module is not None:
        lines.append(format_config(module.class_name, module.config))
    return "\n".join([*lines, f"{format_call(call)} -> {format_value(call.result)}"])


def module_size(module: Module | None) -> int:
    """Number of elements of the parameters of a module and those below it, tied ones not counted again."""
    if module is None:
        return 0
    return sum(p.spec.numel for _, m in walk_modules(module) for p in m.parameters if p.tied is None)


def parameters_text(modules: tuple[Module | None, Module | None], count: int = 1) -> Text:
    """``9,408 parameters``; both numbers where they differ, the sum for a run of ``count``."""
    sizes = [count * module_size(module) for module in modules if module is not None]
    if not any(sizes):
        return Text()
    return joined([Text.pair(f"{sizes[0]:,}", f"{sizes[-1]:,}"), " parameters"])


def count_text(number: int, thing: str) -> str:
    """``1 call``, ``12 calls``."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def names_text(runs: Iterable[Run]) -> str:
    """The names of calls, each once."""
    return ", ".join(dict.fromkeys(map(run_name, runs)))


def rest_text(runs: tuple[Run, ...], *, unchanged: bool) -> Text:
    """What stands in a node for many calls."""
    size = sum(run.size for run in runs)
    return Text.of(f"{size:,} unchanged") if unchanged else calls_text(runs)


def calls_text(runs: tuple[Run, ...]) -> Text:
    """How many opaque calls there are, on both sides where they differ."""
    both = [run.sizes for run in runs]
    sizes = [sum(pair[side] for pair in both) for side in (0, 1)]
    old, new = (str(count_text(size, "call")) if size else "" for size in sizes)
    return Text.pair(old or new, new or old)


def change_text(change: Change) -> Text:
    """``kernel_size 3 → 5``, ``+ bias f32[64]``; empty for what the node's look already says."""
    what = change.what
    if change.kind == "changed" or (change.old is not None and change.new is not None):
        both = Text.pair(change.old or "default", change.new or "default")
        if change.kind in ("renamed", "moved", "reordered"):
            return joined([Text.between(change.kind), what, both], " ")
        return joined([what, both], " ") if what and change.old_call is None and change.new_call is None else both
    if not what or change.old_call is not None or change.new_call is not None:
        return Text() if change.kind in ("added", "removed") else Text.of(change.kind)
    sign, value, side = ("+", change.new, "actual") if change.old is None else ("-", change.old, "expected")
    fact = " ".join(filter(None, (what, value if value != what else "")))
    return joined([Text.between(sign), part(fact, side)], " ")
