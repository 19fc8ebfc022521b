"""Awkward programs: what replaces its own state, writes where nobody looks, hides tensors in objects, or observes."""

from __future__ import annotations

import collections
import functools
import random
from dataclasses import dataclass

import models
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_tracing import Forward, X, calls, graph
from torch import nn
from torch.overrides import TorchFunctionMode

from pytest_nnviz import Options, dumps, loads, trace
from pytest_nnviz.tracing import open_session


def text(model, *args, options=None, **kwargs):
    found = dumps((options or Options()).trace(model, *args, **kwargs))
    assert dumps(loads(found)) == found
    return found


class Recurrent(nn.Module):
    """Replaces its own buffer, whose memory and identity then serve for something else."""

    def __init__(self):
        super().__init__()
        self.register_buffer("h", torch.zeros(2, 4))
        self.linear = nn.Linear(8, 4)

    def forward(self, x):
        self.h = torch.tanh(self.linear(torch.cat([x, self.h], 1)))
        a, b, c, d, e = x + 1, x * 2, x - 3, torch.sin(x), torch.cos(x)
        return (a * b - c) / (d + e) + self.h


def test_a_replaced_buffer_lends_its_identity_to_nobody():
    texts = set()
    for _ in range(40):
        with open_session(Options(), Recurrent(), (X,), {}) as session:
            settled = session.settle(session.run())
            session.check_values(settled)
            texts.add(dumps(settled))
    assert len(texts) == 1
    assert "mul(%add, %mul) ->" in texts.pop()


@torch.library.custom_op("nnviz_test::bump", mutates_args={"x"})
def bump(x: torch.Tensor) -> None:
    x.add_(1)


WRITES = {
    "embedding with max_norm": (
        lambda m, x: m.e(torch.tensor([1, 2])),
        {"e": lambda: nn.Embedding(10, 3, max_norm=0.5)},
    ),
    "bag with max_norm": (
        lambda m, x: m.e(torch.tensor([[1, 2]])),
        {"e": lambda: nn.EmbeddingBag(10, 3, max_norm=0.5)},
    ),
    "functional embedding": (
        lambda m, x: F.embedding(torch.tensor([1, 2]), m.w, max_norm=0.1),
        {"w": lambda: nn.Parameter(torch.ones(10, 3))},
    ),
    "functional batch norm": (
        lambda m, x: F.batch_norm(x, m.w[0], m.w[1], training=True),
        {"w": lambda: nn.Parameter(torch.ones(2, 4))},
    ),
    "by keyword": (lambda m, x: torch.clamp_(input=m.w, min=2.0), {"w": lambda: nn.Parameter(torch.ones(3))}),
    "custom operator": (lambda m, x: bump(m.w) or x, {"w": lambda: torch.ones(3)}),
    "new data": (lambda m, x: setattr(m.w, "data", torch.zeros(5)) or x, {"w": lambda: nn.Parameter(torch.ones(3))}),
    "attribute": (lambda m, x: m.w.add_(1), {"w": lambda: torch.ones(3)}),
    "in a list": (lambda m, x: m.w[0].add_(1), {"w": lambda: [torch.ones(3)]}),
    "requires_grad": (
        lambda m, x: setattr(m.w, "requires_grad", False) or x,
        {"w": lambda: nn.Parameter(torch.ones(3))},
    ),
    "inside an opaque module": (
        lambda m, x: m.inner(x),
        {"inner": lambda: Forward(lambda m, x: m.w.data.add_(1) + x.mul_(2)[0, 0], w=nn.Parameter(torch.ones(3)))},
    ),
}


def _everything(model):
    found = [*model.parameters(), *model.buffers()]
    for value in vars(model).values():
        found += [t for t in (value if isinstance(value, list) else [value]) if isinstance(t, torch.Tensor)]
    return [(tensor, tensor.data_ptr(), tensor.detach().clone(), tensor.requires_grad) for tensor in found]


@pytest.mark.parametrize("kind", WRITES)
def test_whatever_forward_writes_to_comes_back(kind):
    function, members = WRITES[kind]
    model = Forward(function, **{name: make() for name, make in members.items()})
    x = torch.ones(2, 4)
    before = _everything(model)
    Options(opaque=("inner",) if "inner" in members else ()).trace(model, x)
    assert len(before) == len(_everything(model))
    for tensor, pointer, values, requires_grad in before:
        assert tensor.data_ptr() == pointer
        assert torch.equal(tensor, values)
        assert tensor.requires_grad is requires_grad
    assert torch.equal(x, torch.ones(2, 4))


BUFFERS = {
    "coo": lambda: torch.eye(2).to_sparse(),
    "csr": lambda: torch.eye(2).to_sparse_csr(),
    "complex32": lambda: torch.zeros(2, dtype=torch.complex32),
}


@pytest.mark.filterwarnings("ignore:Sparse CSR", "ignore:ComplexHalf")
@pytest.mark.parametrize("kind", BUFFERS)
def test_state_of_any_kind_comes_back_with_all_the_rest(kind):
    buffer = BUFFERS[kind]()

    class Graph(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.BatchNorm1d(4)
            self.register_buffer("adjacency", buffer)
            self.last = nn.BatchNorm1d(4)

        def forward(self, x):
            return self.last(self.first(x) + torch.rand(4))

    model, x = Graph(), torch.rand(3, 4)
    state = torch.get_rng_state()
    Options(mode="train").trace(model, x)
    assert model.first.num_batches_tracked.item() == model.last.num_batches_tracked.item() == 0
    assert torch.equal(torch.get_rng_state(), state)
    text(model, options=Options(forward=False))


def test_a_call_of_its_own_belongs_to_the_graph():
    class Around(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def __call__(self, x):
            return super().__call__(x * 2) + 3

        def forward(self, x):
            return self.linear(x)

    class Past(Around):
        def __call__(self, x):
            return self.forward(x) * 5

    assert graph(Around(), X) == [
        "mul(x, 2) -> f32[2, 4]",
        "self.linear(%mul) -> f32[2, 4]",
        "add(%linear, 3) -> f32[2, 4]",
        "return %add",
    ]
    assert graph(Past(), X) == ["self.linear(x) -> f32[2, 4]", "mul(%linear, 5) -> f32[2, 4]", "return %mul"]


@dataclass(slots=True)
class Pair:
    a: torch.Tensor
    b: torch.Tensor


def test_tensors_in_slots_and_deques_have_their_names():
    pair = Pair(torch.ones(4), torch.ones(4))
    assert calls(lambda m, pair: pair.a - pair.b, pair)[0] == "sub(x[a], x[b]) -> f32[4]"
    queue = collections.deque([torch.ones(4), torch.ones(4)])
    assert calls(lambda m, queue: queue.popleft() - queue.pop(), queue)[0] == "sub(x[0], x[1]) -> f32[4]"
    assert len(queue) == 2
    assert dumps(Options(device="meta").trace(Forward(lambda m, pair: pair.a - pair.b), pair))


def test_a_module_in_an_object_stays_that_module():
    class Context:
        pass

    context = Context()
    model = Forward(lambda m, x, context: context.layer(x), layer=nn.Linear(4, 4))
    context.layer = model.layer
    assert graph(model, X, context)[0] == "self.layer(x) -> f32[2, 4]"


class Holder:
    def __init__(self):
        self.table = None


def test_objects_that_hold_state_come_back():
    def forward(m, x):
        if m.holder.table is None:
            m.holder.table = torch.arange(4.0)
        m.queue.append(1)
        m.generator.random()
        return x + m.holder.table + torch.rand(4, generator=m.torch_generator)

    model = Forward(forward, holder=Holder(), queue=collections.deque([1, 2], maxlen=2), generator=random.Random(1))
    model.torch_generator = torch.Generator().manual_seed(3)
    states = model.generator.getstate(), model.torch_generator.get_state()
    Options(device="meta").trace(Forward(lambda m, x: forward_meta(m, x), holder=Holder()), X)
    trace(model, X)
    assert model.holder.table is None
    assert list(model.queue) == [1, 2]
    assert model.generator.getstate() == states[0]
    assert torch.equal(model.torch_generator.get_state(), states[1])


def forward_meta(m, x):
    if m.holder.table is None:
        m.holder.table = torch.arange(4.0)
    return x + m.holder.table


def test_a_cache_outside_of_the_model_does_not_keep_meta_tensors():
    @functools.lru_cache
    def table(n):
        return torch.arange(float(n))

    model = Forward(lambda m, x: x + table(4))
    Options(device="meta").trace(model, X)
    assert model(X).device.type == "cpu"


def test_a_tensor_that_is_set_to_another_comes_from_that():
    def forward(m, x):
        y = x.clone()
        y.set_(x * 2)
        m.mean.set_(m.var)
        return y + m.mean

    model = Forward(forward)
    model.register_buffer("mean", torch.zeros(4))
    model.register_buffer("var", torch.ones(4))
    memory = model.mean.data_ptr()
    assert graph(model, X)[2:] == [
        "set_(%clone, %mul) -> f32[2, 4]",
        "set_(self.mean, self.var) -> f32[4]",
        "add(%set_~1, %set_) -> f32[2, 4]",
        "return %add",
    ]
    assert (model.mean.data_ptr(), model.mean.tolist()) == (memory, [0.0] * 4)
    assert "set_" not in vars(torch.Tensor)


@pytest.mark.parametrize(
    ("layer", "name", "value"),
    [
        (nn.UpsamplingBilinear2d(scale_factor=2), "align_corners", False),
        (nn.UpsamplingNearest2d(scale_factor=2), "mode", "bicubic"),
        (nn.ReLU6(), "max_val", 3.0),
        (nn.ZeroPad2d(1), "value", 1.0),
    ],
)
def test_what_a_layer_fixes_for_its_base_shows_where_it_is_edited(layer, name, value):
    image = torch.ones(1, 1, 4, 4)
    assert f"{name}=" not in dumps(trace(layer, image))
    setattr(layer, name, value)
    assert f"{name}=" in dumps(trace(layer, image))


class Asking:
    """A key of a cache which, asked what it is called, asks the same cache: as the numbers of a compiler do."""

    def __init__(self, number):
        self.number = number

    def __hash__(self):
        return hash(self.number)

    def __eq__(self, other):
        return self.number == other.number

    def __repr__(self):
        return str(asked(Asking(self.number + 1))) if self.number < 3 else "last"


@functools.cache
def asked(key):
    return torch.zeros(3)


def test_keys_of_a_cache_are_not_asked_what_they_are_called():
    asked(Asking(0))
    try:
        trace(nn.Linear(4, 4), X)
        assert asked.cache_info().currsize == 1
    finally:
        asked.cache_clear()


@pytest.mark.parametrize("key", [lambda x: str(x.device), lambda x: x.device, lambda x: x.device.type])
def test_a_table_for_each_device_is_the_same_on_each(key):
    def forward(m, x):
        if key(x) not in m.tables:
            m.tables[key(x)] = torch.arange(4.0)
        return x + m.tables[key(x)]

    model = Forward(forward, tables={})
    fresh = dumps(trace(model, X))
    assert "const self.tables.device f32[4]" in fresh
    model(X)
    assert dumps(Options(device="meta").trace(model, X)) == fresh
    assert dumps(Options(device="meta").trace(Forward(forward, tables={}), X)) == fresh


def test_one_tensor_given_twice_is_two_inputs():
    model = Forward(lambda m, x, y: x - y)
    assert graph(model, X, X)[0] == "sub(x, args[0]) -> f32[2, 4]"
    assert graph(Forward(lambda m, x, y: y - x), X, X)[0] == "sub(args[0], x) -> f32[2, 4]"


A, B = torch.ones(4), torch.ones(4)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda m, x: torch.rsub(x, other=1), lambda m, x: x - 1),
        (lambda m, x: x[:, np.array([0, 1])], lambda m, x: x[:, np.array([1, 0])]),
        (lambda m, x: x * A + A, lambda m, x: x * A + B),
        (lambda m, x: nn.PairwiseDistance(p=1)(x, x), lambda m, x: nn.PairwiseDistance(p=2)(x, x)),
        (lambda m, x: x.sin() * 2, lambda m, x: quietly(x) * 2),
        (lambda m, x: m.inner(x, "a" * 2000 + "b"), lambda m, x: m.inner(x, "a" * 2000 + "c")),
    ],
)
def test_more_programs_that_differ(one, other):
    inner = Forward(lambda m, x, note: x)
    assert calls(one, inner=inner) != calls(other, inner=inner)


def quietly(x):
    with torch.no_grad():
        return x.sin()


@pytest.mark.parametrize(
    "spellings",
    [
        [lambda m, x: torch.cat([x, x]), lambda m, x: torch.cat((x, x))],
        [lambda m, x: x.mean(dim=[0, 1]), lambda m, x: x.mean((0, 1)), lambda m, x: x.mean(dim=(0, 1))],
        [lambda m, x: x.reshape(4, 2), lambda m, x: x.reshape(shape=[4, 2]), lambda m, x: torch.reshape(x, (4, 2))],
        [lambda m, x: x.new_zeros(2, 3), lambda m, x: x.new_zeros((2, 3))],
        [lambda m, x: x[0:1], lambda m, x: x[:1]],
        [lambda m, x: torch.einsum("ij,ij->i", x, x), lambda m, x: torch.einsum("ij,ij->i", [x, x])],
        [lambda m, x: F.relu(x * 1, inplace=True), lambda m, x: F.relu_(x * 1), lambda m, x: (x * 1).relu_()],
        [lambda m, x: x.var(1, unbiased=False), lambda m, x: x.var(1, correction=0), lambda m, x: x.var(1, False)],
        [lambda m, x: x.split([1, 1]), lambda m, x: torch.split(x, (1, 1), dim=0)],
    ],
)
def test_more_ways_to_write_one_call(spellings):
    first, *others = [calls(spelling) for spelling in spellings]
    assert all(other == first for other in others)


def test_keywords_come_in_any_order():
    model = Forward(lambda m, x, **kwargs: m.inner(x, **kwargs), inner=Forward(lambda m, x, a, b: x + a - b))
    assert graph(model, X, a=A, b=B) == graph(model, X, b=B, a=A)


def test_inference_mode_changes_no_edge():
    def forward(m, x):
        b, c = torch.empty(2, 4), torch.empty(2, 4)
        torch.add(x, 1, out=b)
        torch.mul(x, 2, out=c)
        return b - c

    plain = calls(forward)
    assert plain[-2] == "sub(%add, %mul) -> f32[2, 4]"
    with torch.inference_mode():
        assert calls(forward) == plain


def test_hooks_that_observe_are_left_out():
    plain = text(models.ResNet(), torch.ones(1, 3, 8, 8))
    model, seen = models.ResNet(), []
    for module in model.modules():
        module.register_forward_hook(lambda module, args, out: seen.append(out.detach().abs().mean().item()))
        module.register_forward_hook(lambda module, args, out: seen.append(out.cpu().clone()))
    assert text(model, torch.ones(1, 3, 8, 8)) == plain
    assert seen


def test_hooks_that_hand_something_on_are_recorded():
    model = Forward(lambda m, x: m.linear(x), linear=nn.Linear(4, 4))
    model.linear.register_forward_hook(lambda module, args, out: out * 2)
    assert graph(model, X) == ["self.linear(x) -> f32[2, 4]", "mul(%linear, 2) -> f32[2, 4]", "return %mul"]
    inner = Forward(lambda m, x: x + 1)
    inner.register_forward_hook(lambda module, args, out: out * 2)
    assert graph(Forward(lambda m, x: m.inner(x), inner=inner), X) == [
        "self.inner(x=x) -> f32[2, 4]",
        "  add(x, 1) -> f32[2, 4]",
        "  mul(%add, 2) -> f32[2, 4]",
        "  return %mul",
        "return %inner",
    ]


def test_a_hook_that_observes_what_another_handed_on_is_left_out():
    def built(*hooks):
        model = Forward(
            lambda m, x: m.inner(x) + m.linear(x), inner=Forward(lambda m, x: x + 1), linear=nn.Linear(4, 4)
        )
        for hook in hooks:
            model.inner.register_forward_hook(hook)
            model.linear.register_forward_hook(hook)
        return graph(model, X)

    seen = []
    plain = built(lambda module, args, out: out * 2)
    assert built(lambda module, args, out: out * 2, lambda module, args, out: seen.append(out.abs().mean())) == plain
    assert len(seen) >= 2


def test_what_a_hook_computed_and_forward_uses_later_is_recorded():
    inner, seen = Forward(lambda m, x: x + 1), []
    inner.register_forward_hook(lambda module, args, out: seen.append(out.exp()))
    lines = graph(Forward(lambda m, x: m.inner(x) + seen[-1], inner=inner), X)
    assert "  exp(%add) -> f32[2, 4]" in lines
    assert lines[-2] == "add(%inner, %inner%exp) -> f32[2, 4]"


def test_a_layer_with_a_forward_of_its_own_is_no_leaf():
    model = Forward(lambda m, x: m.linear(x), linear=nn.Linear(4, 4))
    old = model.linear.forward
    model.linear.forward = lambda x: old(x) * 3
    assert "  mul(%linear, 3) -> f32[2, 4]" in graph(model, X)


@pytest.mark.parametrize(
    "function",
    [
        lambda m, x: F.binary_cross_entropy(x.clamp(0, 1), torch.ones(2, 4)),
        lambda m, x: torch.bernoulli(m.p),
        lambda m, x: torch.linalg.cholesky(m.c),
        lambda m, x: m.e(m.step.long()),
    ],
)
def test_values_that_a_model_does_not_take_decide_nothing(function):
    model = Forward(
        function,
        p=nn.Parameter(torch.rand(4)),
        c=nn.Parameter(torch.eye(3) + 0.1),
        e=nn.Embedding(1000, 2),
        step=nn.Parameter(torch.tensor([998.0, 999.0])),
    )
    with open_session(Options(), model, (torch.rand(2, 4),), {}) as session:
        session.check_values(session.settle(session.run()))


def test_names_that_could_be_mistaken_read_back():
    class list(nn.Module):  # noqa: A001
        def forward(self, x):
            return x

    text(Forward(lambda m, x: {-1: m.inner({-1: x, True: x})[-1]}, inner=Forward(lambda m, x: {-1: x[-1]})), X)
    text(Forward(lambda m, x: list()(x)), X)
    model = nn.Sequential(nn.Linear(4, 4))
    model.register_buffer("w", model[0].weight)
    text(model, X)


def _decorated(function):
    @functools.wraps(function)
    def wrapper(self, x):
        return function(self, x, 2)

    return wrapper


def test_forwards_of_every_signature():
    class Injected(nn.Module):
        @_decorated
        def forward(self, x, scale):
            return x * scale

    class Static(nn.Module):
        @staticmethod
        def forward(x, y):
            return x - y

    class Stars(nn.Module):
        def forward(*args):
            return args[1] * 2

    assert graph(Injected(), X)[0] == "mul(x, 2) -> f32[2, 4]"
    assert graph(Static(), X, X * 2)[0] == "sub(x, y) -> f32[2, 4]"
    assert graph(Stars(), X)[0] == "mul(args[0], 2) -> f32[2, 4]"


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors", "ignore::pytest_nnviz.errors.NNVizWarning")
def test_nested_tensors_of_both_layouts():
    for layout in (torch.strided, torch.jagged):
        rows = [torch.ones(2, 4), torch.ones(3, 4)]
        lines = calls(lambda m, x, rows=rows, layout=layout: torch.nested.as_nested_tensor(rows, layout=layout) * 2)
        assert any(":nested" in line for line in lines)


def test_a_lazy_model_on_meta_says_what_to_do():
    with pytest.raises(Exception, match="call the model once first"):
        Options(device="meta").trace(nn.Sequential(nn.LazyLinear(3)), X)


def test_a_mode_inside_of_forward_sees_the_calls_of_forward_alone():
    seen = []

    class Seeing(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            seen.append(getattr(func, "__self__", func).__name__)
            return func(*args, **(kwargs or {}))

    def forward(m, x):
        with Seeing():
            return m.drop(m.linear(x)) + m.inner(x)

    model = Forward(
        forward, linear=nn.Linear(4, 4), drop=nn.Dropout(inplace=True), inner=Forward(lambda m, x: x.contiguous())
    )
    with torch.no_grad():
        model.eval()(X)
    plain, seen[:] = list(seen), []
    text(model, X)
    assert seen == plain * 2


def test_a_write_that_is_not_counted_is_one():
    def forward(m, x):
        x = x.clone()
        x[:, 1:3] *= 2.0
        return x - F.dropout(x, training=False, inplace=True)

    plain = graph(Forward(forward), X)
    assert plain[-3:] == [
        "dropout_(%setitem, training=False) -> f32[2, 4]",
        "sub(%dropout_, %dropout_) -> f32[2, 4]",
        "return %sub",
    ]
    with torch.inference_mode():
        assert graph(Forward(forward), X) == plain


def test_a_forward_without_gradients_says_so():
    class Frozen(nn.Module):
        @torch.no_grad()
        def forward(self, x):
            return x * 2

    assert graph(Forward(lambda m, x: m.inner(x), inner=Frozen()), X)[1] == "  set_grad_enabled(False)"
