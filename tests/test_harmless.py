"""A trace harms nothing: whatever forward does, and wherever it ends, all is as it was before."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
import threading
import weakref
from contextlib import nullcontext, suppress

import models
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from test_tracing import Forward, X, calls, graph
from torch import nn
from torch._subclasses import FakeTensorMode

from pytest_nnviz import Options, dumps, trace
from pytest_nnviz.errors import TraceError
from pytest_nnviz.tracing.session import open_session


def _bits(tensor):
    """What a tensor is, down to its bytes."""
    plain = not tensor.is_meta and tensor.layout is torch.strided
    held = bytes(tensor.untyped_storage()) if plain else repr(tensor)
    return type(tensor), tensor.dtype, tuple(tensor.shape), tensor.requires_grad, held


def _attributes(module):
    return {
        key: list(value.items()) if isinstance(value, dict) else value
        for key, value in vars(module).items()
        if not isinstance(value, torch.Tensor)
    }


def state(model, *inputs):
    """Everything that a trace may not change; equal if and only if it is the same."""
    tensors = [*model.parameters(), *model.buffers(), *(x for x in inputs if isinstance(x, torch.Tensor))]
    tensors += [t for m in model.modules() for t in vars(m).values() if isinstance(t, torch.Tensor)]
    return (
        [(name, id(module), module.training) for name, module in model.named_modules()],
        [(name, id(tensor)) for name, tensor in [*model.named_parameters(), *model.named_buffers()]],
        [_bits(tensor) for tensor in tensors],
        [None if t.grad is None else (id(t.grad), _bits(t.grad)) for t in tensors if t.is_leaf],
        [(dict(vars(t)), list(t._backward_hooks or ())) for t in tensors],
        [
            {key: list(map(id, dict(table).values())) for key, table in vars(module).items() if key.endswith("_hooks")}
            for module in model.modules()
        ],
        [{key: id(value) for key, value in vars(module).items()} for module in model.modules()],
        surroundings(),
    )


def surroundings():
    """The state of the process."""
    backends = torch.backends
    return (
        bytes(torch.get_rng_state()),
        random.getstate(),
        repr(np.random.get_state()),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        [(torch.is_autocast_enabled(d), torch.get_autocast_dtype(d)) for d in ("cpu", "cuda")],
        torch.is_autocast_cache_enabled(),
        torch.get_deterministic_debug_mode(),
        torch.utils.deterministic.fill_uninitialized_memory,
        torch.get_num_threads(),
        torch.get_float32_matmul_precision(),
        torch.is_anomaly_enabled(),
        torch.is_warn_always_enabled(),
        (backends.cudnn.benchmark, backends.cudnn.deterministic, backends.cudnn.allow_tf32, backends.cudnn.enabled),
        (backends.cuda.matmul.allow_tf32, backends.mkldnn.enabled, backends.mha.get_fastpath_enabled()),
        (backends.cuda.flash_sdp_enabled(), backends.cuda.math_sdp_enabled(), backends.quantized.engine),
        torch.overrides._get_current_function_mode_stack(),
        (nn.Module.__call__, nn.Parameter.__new__, torch.compile, torch.autograd.backward, torch.utils.swap_tensors),
        vars(torch.autograd.function._SingleLevelFunction).get("apply"),
        [
            dict(table)
            for name, table in vars(nn.modules.module).items()
            if name.startswith("_global_") and isinstance(table, dict)
        ],
        (sys.getrecursionlimit(), gc.isenabled(), gc.get_threshold(), list(gc.callbacks)),
    )


def unharmed(model, *inputs, options=None, error=None):
    """Trace, and see that nothing changed; the architecture, if forward did not raise."""
    before = state(model, *inputs)
    try:
        if error is None:
            return (options or Options()).trace(model, *inputs)
        with pytest.raises(error):
            (options or Options()).trace(model, *inputs)
    finally:
        now = state(model, *inputs)
        for one, other in zip(now, before, strict=True):
            assert one == other


CHANGES = {
    "default dtype": lambda: torch.set_default_dtype(torch.float64),
    "default device": lambda: torch.set_default_device("meta"),
    "grad mode": lambda: torch.set_grad_enabled(True),
    "autocast": lambda: torch.set_autocast_enabled("cpu", True),
    "autocast dtype": lambda: torch.set_autocast_dtype("cpu", torch.float16),
    "autocast cache": lambda: torch.set_autocast_cache_enabled(False),
    "deterministic": lambda: torch.use_deterministic_algorithms(True, warn_only=True),
    "filled memory": lambda: setattr(torch.utils.deterministic, "fill_uninitialized_memory", False),
    "threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "precision": lambda: torch.set_float32_matmul_precision("high"),
    "anomalies": lambda: torch.set_anomaly_enabled(True),
    "warnings": lambda: torch.set_warn_always(True),
    "cudnn": lambda: setattr(torch.backends.cudnn, "benchmark", True),
    "tf32": lambda: setattr(torch.backends.cuda.matmul, "allow_tf32", True),
    "mkldnn": lambda: torch.backends.mkldnn.set_flags(False),
    "attention": lambda: torch.backends.cuda.enable_flash_sdp(False),
    "fast path": lambda: torch.backends.mha.set_fastpath_enabled(False),
    "recursion": lambda: sys.setrecursionlimit(5000),
    "collector": gc.disable,
    "thresholds": lambda: gc.set_threshold(1, 2, 3),
    "torch's random numbers": lambda: torch.manual_seed(5),
    "random numbers": lambda: random.seed(5),
    "numpy's random numbers": lambda: np.random.seed(5),
    "global hooks": lambda: nn.modules.module.register_module_forward_pre_hook(lambda module, args: None),
}


@pytest.mark.filterwarnings("ignore:Please use the new API settings")
@pytest.mark.parametrize("error", [None, ValueError("mine"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("change", CHANGES)
def test_the_process_is_as_it_was(change, error):
    def forward(m, x):
        x = x + 1
        CHANGES[change]()
        if error is not None:
            raise error
        return x

    unharmed(Forward(forward), X, error=error and type(error))


def _strange(kind):
    with torch.inference_mode() if kind == "inference" else torch.no_grad():
        return {
            "nan": lambda: torch.tensor([float("nan"), 1.0, 2.0]),
            "float8": lambda: torch.ones(3).to(torch.float8_e4m3fn),
            "complex32": lambda: torch.ones(3, dtype=torch.complex32),
            "quantised": lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
            "per channel": lambda: torch.quantize_per_channel(
                torch.ones(3, 2), torch.ones(3), torch.zeros(3), 0, torch.qint8
            ),
            "coo": lambda: torch.eye(3).to_sparse(),
            "csr": lambda: torch.eye(3).to_sparse_csr(),
            "expanded": lambda: torch.ones(1).expand(3),
            "part": lambda: torch.arange(100.0)[5:8],
            "empty": lambda: torch.empty(0),
            "uint16": lambda: torch.ones(3, dtype=torch.uint16),
            "inference": lambda: torch.ones(3),
        }[kind]()


STRANGE = "nan float8 complex32 quantised;per channel;coo csr expanded part empty uint16 inference"
STRANGE = [kind for part in STRANGE.split(";") for kind in ([part] if part == "per channel" else part.split())]


@pytest.mark.filterwarnings("ignore:Sparse CSR", "ignore:ComplexHalf", "ignore:.*[Qq]uantiz", "ignore:.*torchao")
@pytest.mark.parametrize("kind", STRANGE)
def test_buffers_of_every_kind(kind):
    model = Forward(lambda m, x: m.norm(x))
    model.norm = nn.BatchNorm1d(4)
    model.register_buffer("strange", _strange(kind))
    model.register_buffer("running", torch.full((4,), float("nan")))
    unharmed(model, torch.rand(3, 4), options=Options(mode="train"))


WRITES = {
    "bytes": lambda t: t.untyped_storage().fill_(7),
    "zeros": lambda t: t.zero_(),
    "data": lambda t: t.data.zero_(),
    "another data": lambda t: setattr(t, "data", torch.zeros(7)),
    "shape": lambda t: t.unsqueeze_(0) if t.dim() == 1 else t,
    "size": lambda t: t.resize_(10),
    "memory": lambda t: t.set_(torch.zeros(5)),
    "attribute": lambda t: setattr(t, "note", 1),
}


class Counting(nn.Module):
    """Writes to its class, takes another one, and gives that a new attribute."""

    passes = 0

    def forward(self, x):
        type(self).passes += 1
        type(self).seen = x.shape
        self.__class__ = Other
        return x


class Other(Counting):
    pass


@pytest.mark.parametrize("fails", [False, True])
def test_classes_are_as_they_were(fails):
    model = nn.Sequential(Counting(), nn.Linear(2, 3 if not fails else 2), nn.Linear(3, 3))
    with pytest.raises(RuntimeError) if fails else nullcontext():
        trace(model, torch.ones(1, 2))
    assert (type(model[0]), Counting.passes, hasattr(Counting, "seen")) == (Counting, 0, False)


ARRAYS = {
    "numpy": lambda tensor: tensor.detach().numpy(),
    "asarray": lambda tensor: np.asarray(tensor.detach()),
    "a part": lambda tensor: tensor.detach()[1:].numpy(),
}


@pytest.mark.parametrize("opaque", [False, True])
@pytest.mark.parametrize("array", ARRAYS)
def test_writes_through_arrays(array, opaque):
    def forward(m, x):
        for tensor in (m.weight, m.buffer, x):
            ARRAYS[array](tensor)[:] = 7
        return x + m.weight

    inner = Forward(forward, weight=nn.Parameter(torch.rand(3)))
    inner.register_buffer("buffer", torch.rand(3))
    model = Forward(lambda m, x: m.inner(x), inner=inner)
    unharmed(model, torch.rand(3), options=Options(opaque=("inner",) if opaque else ()))


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng, np.random.PCG64, np.random.MT19937])
def test_generators_of_numpy_that_a_model_holds(make):
    model = Forward(lambda m, x: x if drawn(m.numbers) is None else x + 1)
    model.numbers = make(0)
    trace(model, X)
    assert drawn(model.numbers) == drawn(make(0))


def drawn(numbers):
    return numbers.random_raw() if hasattr(numbers, "random_raw") else numbers.normal()


@pytest.mark.parametrize("opaque", [False, True])
@pytest.mark.parametrize("kind", ["parameter", "nan", "inference", "input"])
@pytest.mark.parametrize("write", [write for write in WRITES if write != "bytes"])
def test_writes_of_every_kind(write, kind, opaque):
    x = torch.rand(3)
    inner = Forward(lambda m, x: WRITES[write](m.t if kind != "input" else x) is None)
    if kind == "parameter" and write in ("zeros", "size"):
        return  # torch itself refuses
    if kind == "parameter":
        inner.t = nn.Parameter(torch.rand(3))
    elif kind != "input":
        inner.register_buffer("t", _strange(kind))

    def forward(m, x):
        with torch.inference_mode() if kind == "inference" else torch.no_grad():
            m.inner(x)
        return x

    model = Forward(forward, inner=inner)
    unharmed(model, x, options=Options(opaque=("inner",) if opaque else ()))


DTYPES = (
    "bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 float64 float8_e5m2 complex32 "
    "complex64 complex128"
)
UNCOUNTED = {
    "a sign": lambda memory: memory.__setitem__(memory.nbytes() - 1, 128),  # makes 0.0 of a floating class -0.0
    "a bit": lambda memory: memory.__setitem__(0, 1),
    "nothing left": lambda memory: memory.resize_(0),
    "more": lambda memory: memory.resize_(100),
}


@pytest.mark.filterwarnings("ignore:ComplexHalf")
@pytest.mark.parametrize("write", UNCOUNTED)
@pytest.mark.parametrize("shape", [(), (2, 3)])
@pytest.mark.parametrize("dtype", DTYPES.split())
def test_writes_that_are_not_counted(dtype, shape, write):
    def forward(m, x):
        UNCOUNTED[write](m.t.untyped_storage())
        return x

    model = Forward(forward)
    model.register_buffer("t", torch.zeros(shape, dtype=getattr(torch, dtype)))
    unharmed(model, X)


def test_gradients_hooks_and_notes_on_parameters():
    def forward(m, x):
        m.a.weight.grad.zero_()
        m.a.weight.note = "used"
        m.b.weight.grad = torch.ones_like(m.b.weight)
        m.b.weight.register_hook(lambda grad: grad)
        m.a.bias.register_hook(lambda grad: grad)
        return m.b(m.a(x))

    model = Forward(forward, a=nn.Linear(4, 4), b=nn.Linear(4, 4))
    model.a(X).sum().backward()
    model.a.bias.register_hook(lambda grad: grad * 2)
    for grad in (False, True):
        unharmed(model, X, options=Options(grad=grad))


def test_gradients_of_a_forward_that_differentiates():
    def forward(m, x):
        m.a(x).sum().backward()
        return x

    model = Forward(forward, a=nn.Linear(4, 4))
    model.a(X).sum().backward()
    x = X.clone().requires_grad_()
    x.sum().backward()
    unharmed(model, x, options=Options(grad=True))


class Restless(nn.Module):
    """Swaps, adds and deletes what it is made of."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.register_buffer("steps", torch.zeros(3))
        self.scale = nn.Parameter(torch.ones(4))
        self.drop = nn.Dropout(0.5)
        self.spare = nn.Linear(4, 4)
        self.other = nn.Parameter(torch.zeros(4))

    def forward(self, x):
        x = self.a(x) * self.scale + self.b(x)
        self.a, self.b = self.b, self.a
        self.c = self.spare
        x = self.c(x)
        if "steps" in self._buffers:
            del self.steps
            del self.scale
            self.register_parameter("scale", self.other)
        self.register_buffer("more", x)
        self.register_forward_hook(lambda module, args, output: None)
        self.drop.train()
        self.a.weight.requires_grad_(False)
        return x


@pytest.mark.parametrize("device", ["as-is", "meta"])
def test_a_forward_that_swaps_adds_and_deletes(device):
    torch.manual_seed(0)
    unharmed(Restless(), X, options=Options(device=device))


def test_parameters_made_in_inference_mode():
    with torch.inference_mode():
        model = models.ResNet()
        unharmed(model, torch.ones(1, 3, 8, 8))
    unharmed(model, torch.ones(1, 3, 8, 8))


def test_hooks_that_are_registered_twice_stay_and_change_nothing():
    model, seen = models.ResNet(), []

    def hook(module, args, output):
        seen.append(output.shape)

    plain = dumps(trace(models.ResNet(), torch.ones(1, 3, 8, 8)))
    for module in model.modules():
        module.register_forward_hook(hook)
        module.register_forward_hook(hook)
    assert dumps(unharmed(model, torch.ones(1, 3, 8, 8))) == plain
    assert seen


# interrupted anywhere


# What puts back, and what the collector calls: it swallows what is raised there.
_PUT_BACK = ("put_back", "_put_back", "_put_forwards_back", "open_session", "_alone")
_LEFT_ALONE = ("__init__.py", "surroundings.py", "keeping.py", "births.py")


class _Stop:
    """Raises at the k-th line that runs in the tracer or in a model."""

    def __init__(self, at, error):
        self.left, self.error = at, error
        self.fired = False

    def __call__(self, frame, event, argument):
        name = frame.f_code.co_filename
        ours = "/tracing/" in name and not name.endswith(_LEFT_ALONE)
        watched = (ours and "contextlib" not in name) or name in (__file__, models.__file__)
        return self._line if watched and frame.f_code.co_name not in _PUT_BACK else None

    def _line(self, frame, event, argument):
        if event == "line" and not self.fired:
            self.left -= 1
            if self.left <= 0:
                self.fired = True
                raise self.error
        return self._line


def _interrupted(at, error, model, *inputs, options):
    stop = _Stop(at, error)
    before = state(model, *inputs)
    old = sys.gettrace()
    sys.settrace(stop)
    try:
        with suppress(type(error), TraceError):
            options.trace(model, *inputs)
    finally:
        sys.settrace(old)
    now = state(model, *inputs)
    for one, other in zip(now, before, strict=True):
        assert one == other
    return stop.fired


INTERRUPTED = {
    "resnet": lambda: (models.ResNet(), torch.rand(1, 3, 8, 8)),
    "restless": lambda: (Restless(), torch.rand(2, 4)),
    "caching": lambda: (models.Caching(), torch.rand(2, 4)),
}


# Always the same ones: a few lines in a hundred thousand cannot be guarded, where a `with` begins or ends.
@settings(max_examples=40, derandomize=True)
@given(
    st.sampled_from(sorted(INTERRUPTED)),
    st.integers(0, 12_000),
    st.sampled_from([KeyboardInterrupt(), ValueError(), SystemExit()]),
    st.sampled_from(["as-is", "meta"]),
    st.sampled_from(["eval", "train"]),
)
def test_an_interrupt_at_any_line_of_the_tracer_or_the_model_harms_nothing(name, at, error, device, mode):
    model, x = INTERRUPTED[name]()
    _interrupted(at, type(error)(), model, x, options=Options(device=device, mode=mode))
    assert trace(nn.Linear(4, 4), X) == trace(nn.Linear(4, 4), X)


# threads


def test_a_mode_that_makes_fake_tensors_is_refused_for_a_model_that_has_values():
    model, x = nn.Linear(2, 2), torch.ones(1, 2)
    values = model.weight.tolist()
    with FakeTensorMode(allow_non_fake_inputs=True), pytest.raises(TraceError, match="a FakeTensorMode is active"):
        trace(model, x)
    assert (model.weight.tolist(), x.tolist()) == (values, [[1.0, 1.0]])
    with FakeTensorMode():
        fake = dumps(trace(nn.Linear(2, 2), torch.ones(1, 2)))
    assert fake == dumps(trace(model, x))


def test_two_threads_cannot_trace_at_once():
    entered, go_on, found = threading.Event(), threading.Event(), []

    def forward(m, x):
        entered.set()
        assert go_on.wait(60)
        return x + 1

    thread = threading.Thread(target=lambda: found.append(graph(Forward(forward), X)))
    thread.start()
    assert entered.wait(60)
    with pytest.raises(TraceError, match="another trace is running in this process"):
        trace(nn.Linear(4, 4), X)
    go_on.set()
    thread.join()
    assert found == [["add(x, 1) -> f32[2, 4]", "return %add"]]


def _in_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def test_models_of_other_threads_run_undisturbed_and_unseen():
    class Wrapped(nn.DataParallel):
        def forward(self, *args):
            return super().forward(*args) + 100

    Wrapped.__name__, Wrapped.__module__ = "DataParallel", "torch.nn.parallel"
    other, wrapped = models.ResNet(), Wrapped(nn.Linear(4, 4))
    image = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        expected, expected_wrapped = other.eval()(image), wrapped(X)
    found = []

    def forward(m, x):
        x = x + 1
        found.append(_in_thread(lambda: (other(image), wrapped(X), torch.is_grad_enabled(), torch.ones(1).device)))
        return x * 2

    assert calls(forward) == ["add(x, 1) -> f32[2, 4]", "mul(%add, 2) -> f32[2, 4]", "return %mul"]
    Options(device="meta").trace(Forward(forward), X)
    for output, output_wrapped, grad, device in found:
        assert torch.equal(output, expected)
        assert torch.equal(output_wrapped, expected_wrapped)
        assert grad
        assert device.type == "cpu"


def test_a_model_that_another_thread_calls_meanwhile_is_refused():
    model = Forward(lambda m, x: _in_thread(lambda: m.part(x)) + 1, part=nn.Sequential(nn.Linear(4, 4)))
    with pytest.raises(TraceError, match=r"part\.0 was called by another thread during the trace"):
        trace(model, X)
    whole = nn.Sequential(model)
    assert graph(whole, X, options=Options(opaque=("0",)))[0] == "self.0(x=input) -> f32[2, 4]"


# nothing stays


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("options", [Options(), Options(device="meta"), Options(mode="train"), Options(opaque=("0",))])
def test_nothing_of_the_model_stays_alive(options, fails):
    seen, held = [], torch.ones(4)
    box = [held]

    class Local(nn.Module):
        """A class that only this model has, with a tensor in its closure."""

        def __init__(self, scale=held):
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x, table=held):
            y = self.linear(x) + box[0].to(x.device)
            seen.append(weakref.ref(y))
            return undefined if fails else y  # noqa: F821

    model, x = nn.Sequential(Local()), torch.rand(2, 4)
    refs = [weakref.ref(thing) for thing in (model, model[0], model[0].linear.weight, x, Local)]
    with suppress(NameError, TraceError):
        options.trace(model, x)
        assert not fails
    box.clear()
    del model, x, Local
    refs.append(weakref.ref(held))
    del held
    gc.collect()
    assert not [alive for ref in [*refs, *seen] if (alive := ref()) is not None]


def test_what_finalizers_do_while_the_collector_runs_is_not_recorded():
    class Finalized:
        def __init__(self):
            self.me = self

        def __del__(self):
            torch.ones(1).exp()

    def forward(m, x):
        for _ in range(3):
            Finalized()
            gc.collect()
            x = x + 1
        return x

    assert calls(forward) == [
        "add(x, 1) -> f32[2, 4]",
        "add(%add, 1) -> f32[2, 4]",
        "add(%add, 1) -> f32[2, 4]",
        "return %add",
    ]


def test_a_tensor_out_of_nowhere_is_known_though_the_collector_ran():
    def forward(m, x):
        y = torch.from_numpy(x.numpy() + 1)
        gc.collect()
        return y * F.relu(m.held)

    model = Forward(forward)
    model.held = torch.ones(4)
    with pytest.warns(UserWarning, match="made by no recorded call"):
        assert "mul(untracked f32[2, 4], %relu) -> f32[2, 4]" in graph(model, X)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 2


def _on_a_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


@pytest.mark.parametrize("run", [_on_a_thread, lambda function: function()], ids=["another thread", "this thread"])
def test_an_autograd_function_whose_application_is_interrupted_stays_what_it_is(run):
    own = vars(Doubled)["forward"]

    def forward(_, x):
        run(Doubled._backward_cls)  # the first half of what apply does
        return Doubled.apply(Doubled.apply(x))

    assert sum(line.startswith("Doubled.apply(") for line in calls(forward)) == 2
    assert vars(Doubled)["forward"] is own
    assert torch.equal(Doubled.apply(X), X * 2)


def test_an_autograd_function_that_waits_is_free_for_another_thread():
    own, given = vars(Doubled)["forward"], []

    def forward(_, x):
        Doubled._backward_cls()
        _on_a_thread(lambda: given.append(Doubled.apply(X)))
        return Doubled.apply(x)

    assert sum(line.startswith("Doubled.apply(") for line in calls(forward)) == 1
    assert all(torch.equal(y, X * 2) for y in given)
    assert given
    assert vars(Doubled)["forward"] is own


ENDLESS = """
import sys, torch
from pytest_nnviz import trace

class Endless(torch.nn.Module):
    def forward(self, x):
        return self(x + 1)

sys.setrecursionlimit(int(sys.argv[1]))
try:
    trace(Endless(), torch.ones(2))
except RecursionError:
    assert sys.getrecursionlimit() == int(sys.argv[1])
    print("told")
"""


@pytest.mark.parametrize("limit", ["1000", "10000"])
def test_a_forward_that_calls_itself_for_ever_is_an_error(limit):
    done = subprocess.run([sys.executable, "-c", ENDLESS, limit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "told\n"), done.stderr[-500:]


class Slotted:
    __slots__ = ("table",)

    def __init__(self):
        self.table = {}


class Called:
    def __init__(self):
        self.table = {}

    def __call__(self):
        return self.table


@pytest.mark.parametrize("device", ["as-is", "meta"])
@pytest.mark.parametrize(
    ("holder", "table_of"),
    [
        (lambda: ({},), lambda holder: holder[0]),
        (Slotted, lambda holder: holder.table),
        (Called, lambda holder: holder()),
    ],
    ids=["tuple", "slots", "callable"],
)
def test_tables_in_whatever_a_model_holds_are_as_they_were(holder, table_of, device):
    def forward(model, x):
        return x + table_of(model.holder).setdefault(4, torch.arange(4.0))

    model = Forward(forward, holder=holder())
    Options(device=device).trace(model, X)
    assert table_of(model.holder) == {}
    assert torch.equal(model(X), X + torch.arange(4.0))


def test_a_slot_and_an_array_are_as_they_were():
    def forward(model, x):
        model.slotted.table = x
        model.count += 1
        return x * 2

    model = Forward(forward, slotted=Slotted(), count=np.zeros(1))
    trace(model, X)
    assert model.slotted.table == {}
    assert model.count == 0


class Queue(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("queue", torch.randn(4, 8))
        self.register_buffer("place", torch.zeros(1, dtype=torch.long))

    def forward(self, x):
        out = x @ self.queue.clone()
        at = int(self.place)
        self.queue[:, at : at + 2] = x.T
        self.place[0] = (at + 2) % 8
        return out


def test_every_pass_starts_from_the_buffers_as_they_were():
    with open_session(Options(), Queue(), (X,)) as session:
        first = session.run()
        settled = session.settle(first)
        session.check_values(settled)
        assert settled == first


def test_an_iterator_as_an_input_is_refused():
    model = Forward(lambda model, tensors: sum(tensors))
    for inputs in ((x for x in [X]), iter([X]), zip([X], [X], strict=True)):
        with pytest.raises(TraceError, match=r"uses up.* pass a list"):
            trace(model, inputs)
