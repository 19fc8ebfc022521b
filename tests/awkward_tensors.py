"""Kinds of tensors: complex, sparse, nested, quantised, of small and large dtypes, of classes of their own."""

from __future__ import annotations

import warnings

import torch
from catalogue import Entry, Forward, given
from torch import nn
from torch.utils import _pytree

__all__ = ["SECTIONS", "X", "calls", "quietly"]

X = torch.linspace(-1, 1, 8).reshape(2, 4)
SQUARE = torch.eye(4)


def calls(function, *args, **members):
    """A builder of a model whose forward is ``function(self, *args)``; ``members`` are made anew each time."""
    return lambda: given(Forward(function, **{name: make() for name, make in members.items()}), *(args or (X,)))


def linear():
    return nn.Linear(4, 3)


def quietly(build):
    """A builder that says nothing about prototypes and deprecations."""

    def built():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return build()

    return built


# complex numbers


def _half_set(times):
    def forward(m, x):
        z = torch.complex(x, x)
        z.real = x * times
        return z

    return calls(forward)


def _written_half(m, x):
    z = torch.complex(x, x)
    z.imag[0] = 1
    return z


def _written_conjugate(m, x):
    z = torch.complex(x, -x)
    z.conj().add_(1)
    return z


COMPLEX = (
    Entry(
        "FFT there and back",
        "calls; complex dtypes in the specs",
        calls(lambda m, x: torch.fft.irfft(torch.fft.rfft(x, dim=1), n=4)),
        ("fft_rfft(x, dim=1) -> c64[2, 3]", "fft_irfft(%fft_rfft, n=4) -> f32[2, 4]"),
        edited=(calls(lambda m, x: torch.fft.irfft(torch.fft.rfft(x, dim=0), n=4)),),
    ),
    Entry(
        "short-time Fourier transform",
        "calls",
        calls(
            lambda m, x: torch.stft(x.reshape(-1).repeat(4), 4, return_complex=True, window=m.w), w=lambda: X[0].abs()
        ),
        ("stft(%repeat, n_fft=4, window=const self.w f32[4], return_complex=True) -> c64[3, 33]",),
    ),
    Entry(
        "view as complex and back",
        "calls",
        calls(lambda m, x: torch.view_as_real(torch.view_as_complex(x.reshape(4, 2)) * torch.polar(x[0], x[1]))),
        ("view_as_complex(%reshape) -> c64[4]", "polar(%getitem~1, %getitem) -> c64[4]"),
    ),
    Entry(
        "conjugate views",
        "a call, whether it copies or not",
        calls(lambda m, x: x.conj() * x.mH.mT, X + 1j),
        ("mul(%conj, %transpose) -> c64[2, 4]",),
        edited=(calls(lambda m, x: x * x.mH.mT, X + 1j),),
    ),
    Entry(
        "conjugate of real numbers",
        "a call, though it hands back its input",
        calls(lambda m, x: x.conj().resolve_conj() + x),
        ("add(%resolve_conj, x) -> f32[2, 4]",),
    ),
    Entry(
        "z.real = x",
        "a write through a view",
        _half_set(2),
        ("return %complex after %copy_", "copy_(%real, %mul) -> f32[2, 4]"),
        edited=(_half_set(3),),
    ),
    Entry(
        "a part of a complex tensor that is written to",
        "a write through a view",
        calls(_written_half),
        ("imag(%complex) -> f32[2, 4]", "return %complex after %setitem"),
    ),
    Entry(
        "a write through a conjugate",
        "a write through a view",
        calls(_written_conjugate),
        ("return %complex after %add_",),
    ),
    Entry(
        "complex numbers as literals",
        "as they are",
        calls(lambda m, x: x * (1 + 2j)),
        ("mul(x, complex(1.0, 2.0)) -> c64[2, 4]",),
        edited=(calls(lambda m, x: x * (1 + 3j)),),
    ),
    Entry(
        "complex parameters",
        "dtype in the spec",
        calls(
            lambda m, x: x.to(torch.complex64) @ m.w, w=lambda: nn.Parameter(torch.ones(4, 3, dtype=torch.complex64))
        ),
        ("w c64[4, 3]", "matmul(%to, self.w) -> c64[2, 3]"),
    ),
)

# layouts


def _with_buffer(function, buffer):
    def built():
        model = Forward(function)
        model.register_buffer("adjacency", buffer())
        return given(model, SQUARE)

    return quietly(built)


def _nested(layout):
    return torch.nested.nested_tensor([torch.ones(2, 4), torch.ones(3, 4)], layout=layout)


def _on_nested(function, layout, **members):
    return quietly(lambda: calls(function, _nested(layout), **members)())


SPARSE = (
    Entry(
        "sparse COO buffer",
        "kind behind the spec",
        _with_buffer(lambda m, x: torch.sparse.mm(m.adjacency, x), lambda: SQUARE.to_sparse()),
        ("buffer adjacency f32[4, 4]:sparse_coo", "sparse_mm(self.adjacency, x) -> f32[4, 4]"),
        edited=(_with_buffer(lambda m, x: torch.sparse.mm(m.adjacency, x), lambda: SQUARE.to_sparse_csr()),),
        meta=False,
    ),
    Entry(
        "sparse CSR buffer",
        "kind behind the spec",
        _with_buffer(lambda m, x: m.adjacency @ x, lambda: SQUARE.to_sparse_csr()),
        ("buffer adjacency f32[4, 4]:sparse_csr", "matmul(self.adjacency, x) -> f32[4, 4]"),
        meta=False,
    ),
    Entry(
        "sparse input, made dense",
        "calls",
        quietly(lambda: calls(lambda m, x: m.layer(x.to_dense()), X.to_sparse(), layer=linear)()),
        ("input x: f32[2, 4]:sparse_coo", "to_dense(x) -> f32[2, 4]"),
        meta=False,
    ),
    Entry(
        "sparse tensor that is coalesced already",
        "a call, though it hands back its input",
        quietly(lambda: calls(lambda m, x: x.coalesce().values() * 2, X.to_sparse().coalesce())()),
        ("coalesce(x) -> f32[2, 4]:sparse_coo", "values(%coalesce) -> f32[8]"),
        meta=False,
    ),
    Entry(
        "sparse tensor from indices",
        "a call",
        calls(
            lambda m, x: torch.sparse_coo_tensor(m.at, x[0], (4, 4)).to_dense(),
            at=lambda: torch.arange(8).reshape(2, 4) % 4,
        ),
        ("sparse_coo_tensor(const self.at i64[2, 4], %getitem, (4, 4)) -> f32[4, 4]:sparse_coo",),
        meta=False,
    ),
    Entry(
        "nested tensor, strided layout",
        "unknown sizes as ?",
        _on_nested(lambda m, x: m.layer(x).relu(), torch.strided, layer=linear),
        ("input x: f32[?, ?, ?]:nested", "self.layer(x) -> f32[?, ?, ?]:nested"),
        meta=False,
    ),
    Entry(
        "nested tensor, jagged layout",
        "the size that varies as ?",
        _on_nested(lambda m, x: m.layer(x).relu(), torch.jagged, layer=linear),
        ("input x: f32[2, ?, 4]:nested", "self.layer(x) -> f32[2, ?, 3]:nested"),
    ),
    Entry(
        "nested tensor, taken apart",
        "parts of one result",
        _on_nested(lambda m, x: [part * 2 for part in x.unbind()], torch.strided),
        ("unbind(x) -> (f32[2, 4], f32[3, 4])", "mul(%unbind[1], 2) -> f32[3, 4]"),
        meta=False,
    ),
)

# dtypes


def _to(*dtypes):
    return calls(lambda m, x: [x.to(dtype) for dtype in dtypes])


def _autocast(**options):
    def forward(m, x):
        with torch.autocast("cpu", **options):
            y = m.layer(x)
        return y.float() + m.layer(x)

    return calls(forward, layer=linear)


def _plainly(m, x):
    y = m.layer(x)
    return y.float() + m.layer(x)


@torch.autocast("cpu", dtype=torch.bfloat16)
def _decorated(m, x):
    return m.layer(x)


DTYPES = (
    Entry(
        "autocast region",
        "where it begins and ends; dtypes in the specs",
        _autocast(dtype=torch.bfloat16),
        ("enter_autocast(dtype=torch.bfloat16)", "self.layer(x) -> bf16[2, 3]", "exit_autocast()"),
        edited=(_autocast(dtype=torch.float16), calls(_plainly, layer=linear)),
        meta=False,
    ),
    Entry(
        "autocast region that is off",
        "nothing, where all is off",
        _autocast(enabled=False),
        ("to(%layer, dtype=torch.float32) -> f32[2, 3]",),
        equal=(calls(_plainly, layer=linear),),
    ),
    Entry(
        "autocast as a decorator",
        "as a region",
        calls(_decorated, layer=linear),
        ("enter_autocast(dtype=torch.bfloat16)",),
        meta=False,
    ),
    Entry(
        "integers of every width",
        "calls",
        _to(torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64),
        ("to(x, dtype=torch.uint16) -> u16[2, 4]", "to(x, dtype=torch.int8) -> i8[2, 4]"),
        edited=(_to(torch.int8),),
    ),
    Entry("booleans", "calls", calls(lambda m, x: (x > 0).bool()), ("to(%gt, dtype=torch.bool) -> bool[2, 4]",)),
    Entry(
        "half and bfloat",
        "calls",
        _to(torch.float16, torch.bfloat16),
        ("to(x, dtype=torch.bfloat16) -> bf16[2, 4]",),
        edited=(_to(torch.bfloat16, torch.float16),),
    ),
    Entry(
        "float8, as a parameter and on the way",
        "dtype in the spec",
        calls(
            lambda m, x: x.to(torch.float8_e5m2).float() + m.w.float(),
            w=lambda: nn.Parameter(torch.ones(4).to(torch.float8_e4m3fn), requires_grad=False),
        ),
        ("w f8_e4m3fn[4], frozen", "to(x, dtype=torch.float8_e5m2) -> f8_e5m2[2, 4]"),
    ),
    Entry(
        "bits taken for another dtype",
        "a call",
        calls(lambda m, x: x.view(torch.int32).bitwise_and(0x7FFFFFFF).view(torch.float32)),
        ("view(x, torch.int32) -> i32[2, 4]",),
    ),
    Entry(
        "a model in bfloat16",
        "dtypes in the specs",
        lambda: given(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)).bfloat16(), X.bfloat16()),
        ("weight bf16[4, 4]", "self.1(%0) -> bf16[2, 4]"),
        edited=(lambda: given(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)), X),),
    ),
    Entry(
        "parts on the meta device that are never called",
        "counted like others; the rest runs where it lives",
        calls(lambda m, x: m.layer(x), spare=lambda: nn.Linear(4, 4, device="meta"), layer=linear),
        ("spare: Linear(in_features=4, out_features=4), never called", "parameters: 35"),
        equal=(calls(lambda m, x: m.layer(x), spare=lambda: nn.Linear(4, 4), layer=linear),),
    ),
)

# quantised


def _quantised_layer(**options):
    import torch.ao.nn.quantized as quantised

    def built():
        layer = quantised.Linear(4, 3, **options)
        return given(Forward(lambda m, x: m.layer(torch.quantize_per_tensor(x, 0.1, 3, torch.quint8)), layer=layer), X)

    return quietly(built)


def _fake_quantised(high):
    import torch.ao.quantization as quantisation

    make = quantisation.FakeQuantize.with_args(
        observer=quantisation.MovingAveragePerChannelMinMaxObserver, quant_min=0, quant_max=high, ch_axis=0
    )
    return quietly(lambda: given(Forward(lambda m, x: m.fake(x), fake=make()), X))


def _dynamic(dtype):
    import torch.ao.quantization as quantisation

    return quietly(lambda: given(quantisation.quantize_dynamic(nn.Sequential(nn.Linear(4, 3)), {nn.Linear}, dtype), X))


QUANTISED = (
    Entry(
        "quantised per tensor",
        "calls",
        calls(lambda m, x: torch.quantize_per_tensor(x, 0.1, 3, torch.quint8).dequantize()),
        (
            "quantize_per_tensor(x, 0.1, 3, torch.quint8) -> quint8[2, 4]",
            "dequantize(%quantize_per_tensor) -> f32[2, 4]",
        ),
        edited=(calls(lambda m, x: torch.quantize_per_tensor(x, 0.2, 3, torch.quint8).dequantize()),),
        meta=False,
    ),
    Entry(
        "quantised layer",
        "what its checkpoint holds besides parameters shows as buffers",
        _quantised_layer(),
        ("buffer `_packed_params.0` qint8[3, 4]", "self.layer(x=%quantize_per_tensor) -> quint8[2, 3]"),
        edited=(_quantised_layer(bias_=False),),
        meta=False,
    ),
    Entry(
        "dynamically quantised layer",
        "what its checkpoint holds besides parameters shows as buffers",
        _dynamic(torch.qint8),
        ("0: Linear(in_features=4, out_features=3)",),
        edited=(_dynamic(torch.float16), lambda: given(nn.Sequential(nn.Linear(4, 3)), X)),
        meta=False,
    ),
    Entry(
        "fake quantisation that observes",
        "its calls, with the flags that it reads",
        _fake_quantised(255),
        ("fake_quantize_per_channel_affine(X, %copy_~1, %copy_, 0, 0, 255) -> f32[2, 4]",),
        edited=(_fake_quantised(127),),
        meta=False,
    ),
)

# subclasses


class Wrapped(torch.Tensor):
    """A tensor around another, as libraries write quantised weights."""

    @staticmethod
    def __new__(cls, inner, scale=1.0):
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=torch.float32, device=inner.device)

    def __init__(self, inner, scale=1.0):
        self.inner, self.scale = inner, scale

    def __repr__(self):
        return f"Wrapped({self.inner}, {self.scale})"

    def __tensor_flatten__(self):
        return ["inner"], {"scale": self.scale}

    @classmethod
    def __tensor_unflatten__(cls, tensors, context, size, stride):
        return cls(tensors["inner"], **context)

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        if func in (torch.ops.aten.detach.default, torch.ops.aten._to_copy.default, torch.ops.aten.alias.default):
            return cls(func(args[0].inner, **{k: v for k, v in (kwargs or {}).items() if k != "dtype"}), args[0].scale)

        def plain(thing):
            return thing.inner.float() * thing.scale if isinstance(thing, cls) else thing

        return func(*_pytree.tree_map(plain, args), **_pytree.tree_map(plain, kwargs or {}))


class Tagged(torch.Tensor):
    """A tensor that hands its class on to what is made of it."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return super().__torch_function__(func, types, args, kwargs or {})


def _weight(make):
    def built():
        layer = nn.Linear(4, 3)
        layer.weight = nn.Parameter(make(), requires_grad=False)
        return given(Forward(lambda m, x: m.layer(x), layer=layer), X)

    return built


SUBCLASSES = (
    Entry(
        "quantised weight, a tensor around others",
        "its class, what it is made of, and its settings",
        _weight(lambda: Wrapped(torch.ones(3, 4, dtype=torch.int8), 0.5)),
        ("weight f32[3, 4]:`Wrapped(inner=i8[3, 4], scale=0.5)`, frozen", "self.layer(x) -> f32[2, 3]"),
        edited=(
            _weight(lambda: torch.ones(3, 4)),
            _weight(lambda: Wrapped(torch.ones(3, 4, dtype=torch.uint8), 0.5)),
            _weight(lambda: Wrapped(torch.ones(3, 4, dtype=torch.int8), 0.25)),
        ),
    ),
    Entry(
        "taken for another class",
        "a call",
        calls(lambda m, x: m.layer(x.as_subclass(Tagged)).as_subclass(torch.Tensor) * 2, layer=linear),
        ("as_subclass(x, <Tagged>) -> f32[2, 4]:Tagged", "mul(%as_subclass, 2) -> f32[2, 3]"),
    ),
    Entry(
        "class that hands itself on",
        "its name behind the spec",
        calls(lambda m, x: m.layer(x).relu(), X.as_subclass(Tagged), layer=linear),
        ("input x: f32[2, 4]:Tagged", "relu(%layer) -> f32[2, 3]:Tagged"),
        edited=(calls(lambda m, x: m.layer(x).relu(), layer=linear),),
    ),
)

SECTIONS: dict[str, tuple[Entry, ...]] = {
    "Complex numbers": COMPLEX,
    "Sparse and nested tensors": SPARSE,
    "Dtypes and devices": DTYPES,
    "Quantised models": QUANTISED,
    "Tensor subclasses": SUBCLASSES,
}
