"""Paths of modules written short: ``layers.{0..31}.mlp.act``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["short_places"]

_Tree = dict[str, "_Tree"]
_MODEL = "(model)"


def short_places(paths: Iterable[str], width: int | None = None) -> str:
    """The paths in one text, each once, with braces where they differ; ``""`` for the model alone, which is ``(model)``
    beside others.

    Beyond ``width`` characters the ends of the paths become ``*``; what is still too long is left out, save the first:
    ``...`` stands for it.

    >>> short_places(["layers.0.act", "layers.1.act", "layers.2.act", "head"])
    'layers.{0..2}.act, head'
    >>> short_places(["layers.0.norm", "layers.0.mlp.fc1", "layers.1.norm", "layers.1.mlp.fc1"], 15)
    'layers.{0,1}.*'
    >>> short_places(["", "layers.0.fc", "layers.1.fc"])
    '(model), layers.{0,1}.fc'
    """
    known = [path.split(".") for path in dict.fromkeys(paths)]
    depth = max(map(len, known), default=0)
    forms = _forms_of(known)
    while width is not None and depth > 1 and len(forms) > 1 and len(", ".join(forms)) > width:
        depth -= 1
        forms = _forms_of([parts if len(parts) <= depth else [*parts[:depth], "*"] for parts in known])
    kept = len(forms)
    least = 2 if forms[:1] == [_MODEL] else 1
    while width is not None and kept > least and len(_listed(forms, kept)) > width:
        kept -= 1
    return _listed(forms, kept)


def _forms_of(known: Sequence[list[str]]) -> list[str]:
    own = [_MODEL] if len(known) > 1 and [""] in known else []
    return own + _forms(_tree(known))


def _tree(paths: Iterable[list[str]]) -> _Tree:
    tree: _Tree = {}
    for parts in paths:
        branch = tree
        for name in [*parts, ""] if parts != [""] else []:
            branch = branch.setdefault(name, {})
    return tree


def _listed(forms: Sequence[str], kept: int) -> str:
    return ", ".join([*forms[:kept], *(["..."] if kept < len(forms) else [])])


def _forms(tree: _Tree) -> list[str]:
    """What stands below a branch, an empty form for the place itself; names with the same below them are joined."""
    heads: dict[str, list[str]] = {}
    for name, branch in tree.items():
        for tail in _forms(branch) if name else ():
            heads.setdefault(tail, []).append(name)
    tails: dict[tuple[str, ...], list[str]] = {}
    for tail, names in heads.items():
        tails.setdefault(tuple(names), []).append(tail)
    here = [""] if "" in tree else []
    return here + [form for names, found in tails.items() for form in _joined(_braced(names), found)]


def _joined(head: str, tails: Sequence[str]) -> list[str]:
    plain = [tail for tail in tails if tail and tail.isidentifier()] or [tail for tail in tails if tail.isdecimal()]
    forms = [head] if "" in tails else []
    if plain:
        forms.append(f"{head}.{_braced(plain)}")
    return forms + [f"{head}.{tail}" for tail in tails if tail and tail not in plain]


def _braced(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    numbers = sorted(int(name) for name in names if name.isdecimal())
    others = [name for name in names if not name.isdecimal()]
    return f"{{{','.join([*_ranges(numbers), *others])}}}"


def _ranges(numbers: Sequence[int]) -> list[str]:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [text for run in runs for text in ([f"{run[0]}..{run[-1]}"] if len(run) > 2 else map(str, run))]
