"""Every operation that torch has: it is traced, one call in all its spellings is one record, no argument is lost."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch_operations as corpus
from torch_operations import Way

from pytest_nnviz.architecture import Literal, Tree, Value
from pytest_nnviz.textformat.write import format_call
from pytest_nnviz.tracing.calls.functions import canonical_name, signature_of

pytestmark = pytest.mark.filterwarnings("ignore")
PARTS = 6
# What is uninitialised, or decomposes in one of several ways, is not the same twice.
ANY_RESULT = {
    "empty",
    "empty_like",
    "empty_strided",
    "empty_permuted",
    "new_empty",
    "new_empty_strided",
    "linalg.lstsq",
}


def _found(way: Way, names: tuple[str, ...]) -> dict[str, Any] | None:
    """The arguments of a call by name, None where they are not those of the table."""
    found = dict(zip(names, way.args, strict=False)) | way.kwargs
    return found if len(way.args) <= len(names) and set(found) <= set(names) else None


def _python(value: Value) -> Any:
    if isinstance(value, Tree):
        return tuple(map(_python, value.items))
    assert isinstance(value, Literal)
    return eval(value.text, {"torch": torch})


def _respelled(operation: Any, way: Way) -> list[Way]:
    """A call with each number of positional arguments, the defaults left out, in part or all written out."""
    name = canonical_name(operation.op)[0]
    signature = signature_of(name, operation.op)
    if signature is None or signature.spread is not None:
        return []
    found = _found(way, signature.names)
    if found is None:
        return []
    defaults = zip(signature.names, signature.defaults, strict=True)
    everything = {key: _python(default) for key, default in defaults if default is not None} | found
    ways = []
    for given in (found, everything):
        for count in range(len(signature.names) + 1):
            leading = signature.names[:count]
            if set(leading) <= set(everything):
                args = tuple(everything[key] for key in leading)
                rest = {key: value for key, value in given.items() if key not in leading}
                ways.append(replace(way, args=args, kwargs=rest, note=f"{way.note} with {count} positional"))
    expected = way.result()
    return [other for other in ways if other.agrees(expected)]


def _shown(body):
    return "; ".join(map(format_call, body.calls))


def _distinct(groups: list[list[Way]]) -> list[str]:
    """Where ways that are one call are two records."""
    records = iter(corpus.bodies([way for group in groups for way in group]))
    wrong = []
    for group in groups:
        first, *others = [(way, next(records)) for way in group]
        wrong += [f"{way.note}: {_shown(body)} not {_shown(first[1])}" for way, body in others if body != first[1]]
    return wrong


@pytest.mark.parametrize("part", range(PARTS))
def test_one_call_in_all_its_spellings_is_one_record(part):
    groups = [
        [*corpus.variants(operation, way), *_respelled(operation, way)]
        for operation in corpus.operations(part, PARTS)
        for way in corpus.samples(operation, 2)
    ]
    assert sum(map(len, groups)) > 300
    assert _distinct([group for group in groups if group]) == []


@pytest.mark.parametrize("part", range(PARTS))
def test_calls_that_compute_different_things_are_different_records(part):
    """Among the samples of an operation: one record, then the same result from the same tensors."""
    ways = [
        way
        for operation in corpus.operations(part, PARTS)
        if operation.name not in ANY_RESULT
        for way in corpus.samples(operation, 10)
    ]
    alike = defaultdict(list)
    for way, body in zip(ways, corpus.bodies(ways), strict=True):
        alike[way.note, body].append(way)
    pairs = [(first, other) for first, *others in alike.values() for other in others]
    assert len(pairs) > 50
    assert [_told(first, other) for first, other in pairs if not _agree(first, other)] == []


def _agree(one: Way, other: Way) -> bool:
    if len(one.tensors) != len(other.tensors):
        return False
    with_same_tensors = corpus.with_tensors(other, one.tensors)
    return not with_same_tensors.works() or with_same_tensors.agrees(one.result())


def _told(one: Way, other: Way) -> str:
    return f"{one.note}: {one.args[1:]} {one.kwargs} and {other.args[1:]} {other.kwargs}"[:500]
