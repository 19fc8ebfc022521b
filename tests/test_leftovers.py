"""Tables that forward keeps outside of the model hold no meta tensor and no perturbed value after a trace."""

from __future__ import annotations

import contextlib
import functools
import gc
import weakref
from collections import deque
from unittest import mock

import pytest
import torch
from catalogue import Forward
from torch import nn

from pytest_nnviz import Options
from pytest_nnviz.tracing import open_session
from pytest_nnviz.tracing.keeping import tables
from pytest_nnviz.tracing.provenance.births import Births

X = torch.randn(2, 4)
CACHE: dict = {}
NESTED: dict = {"tables": {}}
LAST = None
SEEN: list = []


class Making(dict):
    """A table that makes what it is asked for, as some libraries have."""

    def __getitem__(self, key):
        raise AssertionError("nobody asked")


LAZY = Making(a=1)


class Holder:
    table = None


HOLDER = Holder()


def memoized(function):
    kept = {}

    @functools.wraps(function)
    def inner(n):
        if n not in kept:
            kept[n] = function(n)
        return kept[n]

    return inner


@memoized
def closed_over(n):
    return torch.arange(float(n))


def in_default(n, kept={}):  # noqa: B006
    return kept.setdefault(n, torch.arange(float(n)))


class Keeps(nn.Module):
    """Adds a table of its size, which ``kind`` says how to keep."""

    table = None

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.weight = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return x + getattr(self, self.kind)(x.shape[-1]) * self.weight

    def in_dictionary(self, n):
        if n not in CACHE:
            CACHE[n] = torch.arange(float(n))
        return CACHE[n]

    def in_tuple(self, n):
        if n not in CACHE:
            CACHE[n] = (torch.arange(float(n)), n)
        return CACHE[n][0]

    def nested(self, n):
        tables = NESTED["tables"].setdefault("f32", {})
        return tables.setdefault(n, torch.arange(float(n)))

    def in_list(self, n):
        if not SEEN:
            SEEN.append(torch.arange(float(n)))
        return SEEN[0]

    def in_global(self, n):
        global LAST
        if LAST is None:
            LAST = torch.arange(float(n))
        return LAST

    def in_class(self, n):
        if Keeps.table is None:
            Keeps.table = torch.arange(float(n))
        return self.table

    def in_object(self, n):
        if HOLDER.table is None:
            HOLDER.table = torch.arange(float(n))
        return HOLDER.table

    def in_closure(self, n):
        return closed_over(n)

    def in_default(self, n):
        return in_default(n)

    def the_weight_itself(self, n):
        return CACHE.setdefault("weight", self.weight)

    def made_of_the_weight(self, n):
        return CACHE.setdefault("double", self.weight * 2)

    def the_last(self, n):
        CACHE["last"] = self.weight * 2
        return CACHE["last"]


KINDS = sorted(name for name in vars(Keeps) if name not in vars(nn.Module) and callable(getattr(Keeps, name)))


@pytest.fixture(autouse=True)
def empty():
    global LAST
    yield
    CACHE.clear()
    NESTED["tables"].clear()
    SEEN.clear()
    LOG.clear()
    LOG.append("before")
    LAST = Keeps.table = HOLDER.table = None
    closed_over.__closure__[1].cell_contents.clear()
    in_default.__defaults__[0].clear()


@pytest.mark.parametrize("kind", KINDS)
def test_no_meta_tensor_stays(kind):
    model = Keeps(kind)
    Options(device="meta").trace(model, X)
    Options(device="meta").trace(model, X)
    table = model.weight if "weight" in kind or kind == "the_last" else torch.arange(4.0)
    assert torch.equal(model(X), X + table * (2 if kind in ("made_of_the_weight", "the_last") else 1) * model.weight)


def test_nothing_of_perturbed_weights_stays():
    model = Keeps("the_last")
    with open_session(Options(), model, (X,)) as session:
        settled = session.settle(session.run())
        session.check_values(settled)
    assert torch.equal(CACHE["last"], model.weight * 2)


def test_what_was_there_is_there_again():
    filled = Keeps("in_dictionary")
    expected = filled(X)
    before = CACHE[4]
    Options(device="meta").trace(filled, X)
    assert CACHE[4] is before
    assert torch.equal(filled(X), expected)


def test_nothing_of_a_pass_that_fails_stays():
    class Fails(Keeps):
        def forward(self, x):
            return super().forward(x).item()

    with pytest.raises(Exception, match="meta"):
        Options(device="meta").trace(Fails("in_dictionary"), X)
    assert not CACHE


ACTS = {"calls": 0, "out": None, "kept": {"holder": None}}
LOG = deque(["before"])


class Slotted:
    __slots__ = ("last",)


class Proxy:
    """Stands for what it does not yet hold, as lazy objects of libraries do."""

    @property
    def __class__(self):
        raise RuntimeError("not loaded")


PROXY = Proxy()


def _observe(module, args, output):
    global LAST
    LAST = ACTS["out"] = PROBE.last = output
    ACTS["calls"] += 1
    SEEN[:] = [output, 1]
    LOG.append(output)
    LOG.append("after")


PROBE = Slotted()


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_what_hooks_keep_elsewhere_has_its_old_place_and_nothing_else_goes(device):
    before = torch.zeros(1)
    ACTS.update(out=before, calls=0, kept={"holder": PROBE})
    SEEN.append("first")
    PROBE.last = None
    model = nn.Sequential(nn.Linear(4, 4))
    model.register_forward_hook(_observe)
    with open_session(Options(device="meta" if device == "meta" else "as-is"), model, (X,)) as session:
        session.check_values(session.settle(session.run()))
    held = [LAST, ACTS["out"], PROBE.last, *SEEN, *LOG]
    tensors = [thing for thing in held if isinstance(thing, torch.Tensor)]
    assert not any(tensor.is_meta for tensor in tensors)
    assert all(torch.equal(tensor, model(X)) for tensor in tensors if tensor is not before)
    assert ACTS["calls"] > 0
    assert ACTS["kept"] == {"holder": PROBE}
    assert "before" in LOG
    assert "after" in LOG
    if device == "meta":
        assert (LAST, PROBE.last, SEEN[0]) == (None, None, "first")
        assert ACTS["out"] is before


def test_a_variable_that_answers_with_an_error_is_let_be():
    def forward(model, x):
        return x + (0 if type(PROXY) is Proxy else 1)

    Options(device="meta").trace(Forward(forward), X)


def test_caches_that_come_and_go_between_traces_are_known() -> None:
    """All objects are looked at only where the number of references to their class has changed, or one is gone."""
    first = functools.lru_cache(lambda: 1)
    assert any(cache is first for cache in tables._caches())
    second = functools.lru_cache(lambda: 2)
    assert any(cache is second for cache in tables._caches())
    del first
    third = functools.lru_cache(lambda: 3)
    assert any(cache is third for cache in tables._caches())
    with mock.patch.object(tables.gc, "get_referrers") as looked:
        assert any(cache is third for cache in tables._caches())
    looked.assert_not_called()


class Evaluates:
    @functools.lru_cache  # noqa: B019 - as torch's ShapeEnv has it
    def evaluated(self) -> torch.Tensor:
        return torch.zeros(3)


@functools.lru_cache
def evaluated() -> torch.Tensor:
    return torch.zeros(3)


def test_where_caches_stand_is_looked_up_once() -> None:
    """All objects are looked at only where a cache may stand elsewhere than under its name."""
    homes = {(Evaluates, "evaluated"), (id(globals()), "evaluated")}
    assert known() == homes
    with mock.patch.object(tables.gc, "get_referrers") as looked:
        assert known() == homes
    looked.assert_not_called()
    another = {"evaluated": evaluated}
    assert known() == homes | {(id(another), "evaluated")}
    del another
    assert known() == homes


def known() -> set[tuple[object, str]]:
    found = tables._places_of([Evaluates.evaluated, evaluated])
    return {(holder if isinstance(holder, type) else id(holder), key) for holder, key, _ in found}


class Fails(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        return self.layer(x).view(7, 7)


class Branches(nn.Module):
    """A layer, functions, a sequence of tensors and an object of the author's."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.1), nn.LSTM(4, 4))
        self.register_buffer("shift", torch.zeros(4))

    def forward(self, x):
        y, _ = self.inner(torch.cat([x, x * 2]) + self.shift)
        return {"y": y, "parts": y.split(1)}


@pytest.mark.parametrize("make", [Fails, Branches])
def test_what_a_trace_made_waits_for_no_collector(make):
    """Else it keeps memory of the model, and each trace makes the next collection longer."""
    model = make()

    def traced():
        with contextlib.suppress(RuntimeError):
            Options().trace(model, X)

    traced()
    gc.collect()
    gc.disable()
    try:
        traced()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = [thing for thing in gc.garbage if type(thing).__module__.startswith("pytest_nnviz")]
        tensors = [thing for thing in gc.garbage if type(thing) is torch.Tensor]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert left == tensors == []


@pytest.mark.parametrize("collected", [0, 1, 2])
def test_a_tensor_that_is_pinned_is_held_weakly_by_nobody_whenever_the_collector_comes(collected):
    before = torch.ones(2)
    with Births() as births:
        since = torch.ones(2)
        for _ in range(collected):
            gc.collect(0)
        for tensor in (before, since):
            births.pin(tensor)
        gc.collect(0)
        assert (before in births, since in births) == (False, True)
        assert [tensor is since for tensor in births.made() if tensor.shape == (2,)] == [True]
        assert not weakref.getweakrefs(before)
        assert not weakref.getweakrefs(since)
        births.let_go()
