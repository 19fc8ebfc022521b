"""A safetensors file held against a snapshot: does it load strictly, and if not, which keys are in the way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_nnviz.architecture import Architecture, TensorSpec
from pytest_nnviz.drift import Loading, Respec, State, apply_renames, load
from pytest_nnviz.drift.nesting import nested_keys
from pytest_nnviz.drift.segments import respelled_keys
from pytest_nnviz.drift.statedict import Entry
from pytest_nnviz.report import loading_data
from pytest_nnviz.safetensors import read_safetensors
from pytest_nnviz.textformat.write import format_spec
from pytest_nnviz.wording.checkpoints import counts, dtypes, rename_map

__all__ = ["Held", "hold"]

_LISTED = 20


@dataclass(frozen=True, slots=True)
class Held:
    """The verdict on a file.

    Attributes:
        loading: what a strict ``load_state_dict`` says, with a map of what was only renamed, unless a prefix is in the
            way of that.
        ties: missing key -> the key of the file, as it is named in the end, that holds the same tensor. Savers leave
            out all names but one of a tensor; ``from_pretrained`` and ``safetensors.torch.load_model`` give it the
            others again.
        prefix: what all keys of the file have too much (``-model.``) or too little (``+model.``) in front, if without
            that more would fit; empty otherwise.
        without_prefix: the verdict once that is mended, with a map of what was only renamed; None where there is no
            such prefix.
        saved: what the file holds, by the names that its keys have in the end.
        expected: what the model expects.
    """

    loading: Loading
    ties: Mapping[str, str]
    prefix: str
    without_prefix: Loading | None
    saved: Mapping[str, TensorSpec]
    expected: Mapping[str, Entry]

    def data(self, file: str, snapshot: str) -> dict[str, Any]:
        """As plain values for JSON."""
        mended = None if self.without_prefix is None else loading_data(self.without_prefix)
        return {
            "schema": "nnviz-checkpoint 1",
            "file": file,
            "snapshot": snapshot,
            **loading_data(self.loading),
            "tied": dict(self.ties),
            "prefix": self.prefix,
            "without_prefix": mended,
        }

    def lines(self, file: str, model: str) -> Iterator[str]:
        """The verdict in words, then the keys."""
        loading = self.loading
        if loading.strict == "yes":
            yield f"{file} loads strictly into {model}: {len(self.expected):,} keys"
        else:
            sure = loading.strict == "no"
            verdict = "does not load strictly into" if sure else f"not verified ({', '.join(loading.hooks)}) for"
            yield f"{file} {verdict} {model}: {counts(loading)}"
        if self.without_prefix is not None:
            yield self._hint(self.without_prefix)
        yield from self._map(self.without_prefix or loading)
        left = self._left
        if self.ties and not self._lacking and not left.unexpected and not left.reshaped:
            yield "only tied names are missing, which from_pretrained and safetensors.torch.load_model fill in"
        yield from _listed("- missing", (f"{key} {self._expected(key)}" for key in self._lacking))
        yield from _listed("- missing", (f"{key}, tied to {other}, which is there" for key, other in self.ties.items()))
        yield from _listed("+ unexpected", (f"{key} {format_spec(self.saved[key])}" for key in left.unexpected))
        yield from _listed("~ reshaped", map(_respec, left.reshaped))
        if left.retyped:
            yield f"of another dtype, which loading casts: {', '.join(dtypes(left.retyped))}"

    @property
    def _left(self) -> Loading:
        """What is said in the end, with prefix and names mended."""
        loading = self.without_prefix or self.loading
        return loading.renamed or loading

    @property
    def _lacking(self) -> list[str]:
        return [key for key in self._left.missing if key not in self.ties]

    def _expected(self, key: str) -> str:
        spec = self.expected[key].spec
        return "extra state" if spec is None else format_spec(spec)

    def _map(self, loading: Loading) -> Iterator[str]:
        if loading.renamed is not None:
            rest = counts(loading.renamed)
            yield f"rename map: {rename_map(loading.renames)}, {f'leaves {rest}' if rest else 'then it loads strictly'}"

    def _hint(self, mended: Loading) -> str:
        act = "taken from" if self.prefix.startswith("-") else "put before"
        rest = counts(mended)
        return f"with {self.prefix[1:]!r} {act} every key {'it loads strictly' if not rest else f'only {rest}'}"


def hold(file: Path, architecture: Architecture) -> Held:
    """Hold a safetensors file, or the index of several, against the model of a snapshot.

    Raises:
        SourceError: the file cannot be read, or is none.
    """
    found, model = read_safetensors(file), State.of(architecture.root)
    saved = {key: found[key] for key in sorted(found, key=_naturally)}
    loading, expected = _load(saved, model), model.entries
    prefix, named, mended = _mended(saved, model, loading)
    named = apply_renames(named, mended.renames)
    there = {entry.first: key for key, entry in expected.items() if key in named}
    missing = (mended.renamed or mended).missing
    ties = {key: there[expected[key].first] for key in missing if expected[key].first in there}
    return Held(loading if prefix else mended, ties, prefix, mended if prefix else None, named, expected)


def _naturally(key: str) -> list[tuple[int, str]]:
    """Numbers by their value: ``layer.2`` before ``layer.10``."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", key)]


def _load(saved: Mapping[str, TensorSpec], model: State) -> Loading:
    return load(State(_entries(saved), hooks=model.hooks), model)


def _entries(saved: Mapping[str, TensorSpec]) -> dict[str, Entry]:
    return {key: Entry(spec, key) for key, spec in saved.items()}


def _mapped(saved: Mapping[str, TensorSpec], model: State) -> Loading:
    """The verdict with a map of what was only renamed, and what is said once that is applied."""
    loading = _load(saved, model)
    left = _entries({key: saved[key] for key in loading.unexpected})
    there = {entry.first for key, entry in model.entries.items() if key in saved}
    free = {key: entry for key, entry in model.entries.items() if key == entry.first and key not in there}
    renames = respelled_keys(left, free)
    taken = set(renames.values())
    rest = {key: entry for key, entry in left.items() if key not in renames}
    renames |= nested_keys(rest, {key: entry for key, entry in free.items() if key not in taken})
    return (
        replace(loading, renames=renames, renamed=_load(apply_renames(saved, renames), model)) if renames else loading
    )


_Named = tuple[str, Mapping[str, TensorSpec], Loading]


def _mended(saved: Mapping[str, TensorSpec], model: State, loading: Loading) -> _Named:
    """The prefix without which less than half as many keys are in the way, the file without it, and the verdict then;
    one that only a map shows to be right is sought where there is no map with it.
    """
    tries: list[tuple[str, dict[str, TensorSpec]]] = []
    for prefix in _prefixes(saved):
        tries.append((f"-{prefix}", {key.removeprefix(prefix): spec for key, spec in saved.items()}))
    for prefix in _prefixes(model.entries):
        tries.append((f"+{prefix}", {prefix + key: spec for key, spec in saved.items()}))
    best = min(tries, key=lambda each: _load(each[1], model).in_the_way, default=None)
    if best is not None and 2 * _load(best[1], model).in_the_way < loading.in_the_way:
        return (*best, _mapped(best[1], model))
    found = [(*named, _mapped(named[1], model)) for named in (("", saved), *tries)]
    if found[0][2].renamed is not None:
        return found[0]
    return min(found, key=lambda each: (each[2].renamed or each[2]).in_the_way)


def _prefixes(keys: Iterable[str]) -> Iterator[str]:
    """The modules, outermost first, that all keys lie in."""
    common: list[str] | None = None
    for key in keys:
        parts = key.split(".")[:-1]
        common = parts if common is None else [a for a, b in zip(common, parts, strict=False) if a == b]
    for count in range(1, len(common or []) + 1):
        yield ".".join((common or [])[:count]) + "."


def _respec(respec: Respec) -> str:
    return f"{respec.key} {format_spec(respec.saved)}, expected {format_spec(respec.expected)}"


def _listed(what: str, texts: Iterable[str]) -> Iterator[str]:
    lines = [f"{what} {text}" for text in texts]
    yield from lines[:_LISTED]
    if len(lines) > _LISTED:
        yield f"{what} ... and {len(lines) - _LISTED:,} more"
