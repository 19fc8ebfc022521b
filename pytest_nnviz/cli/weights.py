"""A safetensors file held against a snapshot: does it load strictly, and if not, which keys are in the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_nnviz.architecture import Architecture, TensorSpec
from pytest_nnviz.drift import Loading, Respec, State, load
from pytest_nnviz.drift.statedict import Entry
from pytest_nnviz.report import loading_data
from pytest_nnviz.safetensors import read_safetensors
from pytest_nnviz.textformat.write import format_spec
from pytest_nnviz.wording.checkpoints import counts, dtypes

__all__ = ["Held", "hold"]

_LISTED = 20


@dataclass(frozen=True, slots=True)
class Held:
    """The verdict on a file.

    Attributes:
        loading: what a strict ``load_state_dict`` says.
        ties: missing key -> the key of the file that holds the same tensor. Savers leave out all names but one of a
            tensor; ``from_pretrained`` and ``safetensors.torch.load_model`` give it the others again.
        prefix: what all keys of the file have too much (``-model.``) or too little (``+model.``) in front, if without
            that more would fit; empty otherwise.
        without_prefix: the verdict once that is mended; None where there is no such prefix.
        saved: what the file holds.
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
        if self.ties and not self._lacking and not loading.unexpected and not loading.reshaped:
            yield "only tied names are missing, which from_pretrained and safetensors.torch.load_model fill in"
        if self.without_prefix is not None:
            yield self._hint(self.without_prefix)
            if not counts(self.without_prefix):
                return
        yield from _listed("- missing", (f"{key} {self._expected(key)}" for key in self._lacking))
        yield from _listed("- missing", (f"{key}, tied to {other}, which is there" for key, other in self.ties.items()))
        yield from _listed("+ unexpected", (f"{key} {format_spec(self.saved[key])}" for key in loading.unexpected))
        yield from _listed("~ reshaped", map(_respec, loading.reshaped))
        if loading.retyped:
            yield f"of another dtype, which loading casts: {', '.join(dtypes(loading.retyped))}"

    @property
    def _lacking(self) -> list[str]:
        return [key for key in self.loading.missing if key not in self.ties]

    def _expected(self, key: str) -> str:
        spec = self.expected[key].spec
        return "extra state" if spec is None else format_spec(spec)

    def _hint(self, mended: Loading) -> str:
        act = "taken from" if self.prefix.startswith("-") else "put before"
        rest = counts(mended)
        return f"with {self.prefix[1:]!r} {act} every key {'it loads strictly' if not rest else f'only {rest}'}"


def hold(file: Path, architecture: Architecture) -> Held:
    """Hold a safetensors file, or the index of several, against the model of a snapshot.

    Raises:
        SourceError: the file cannot be read, or is none.
    """
    saved, model = read_safetensors(file), State.of(architecture.root)
    loading, expected = _load(saved, model), model.entries
    there = {entry.first: key for key, entry in expected.items() if key in saved}
    ties = {key: there[expected[key].first] for key in loading.missing if expected[key].first in there}
    prefix, mended = _mended(saved, model, loading)
    return Held(loading, ties, prefix, mended, saved, expected)


def _load(saved: Mapping[str, TensorSpec], model: State) -> Loading:
    return load(State({key: Entry(spec, key) for key, spec in saved.items()}, hooks=model.hooks), model)


def _mended(saved: Mapping[str, TensorSpec], model: State, loading: Loading) -> tuple[str, Loading | None]:
    """The prefix without which less than half as many keys are in the way, and what is then."""
    tries: list[tuple[str, dict[str, TensorSpec]]] = []
    for prefix in _prefixes(saved):
        tries.append((f"-{prefix}", {key.removeprefix(prefix): spec for key, spec in saved.items()}))
    for prefix in _prefixes(model.entries):
        tries.append((f"+{prefix}", {prefix + key: spec for key, spec in saved.items()}))
    found = [(prefix, _load(renamed, model)) for prefix, renamed in tries]
    best = min(found, key=lambda each: each[1].in_the_way, default=None)
    if best is None or 2 * best[1].in_the_way >= loading.in_the_way:
        return "", None
    return best


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
