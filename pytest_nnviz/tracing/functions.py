"""Canonical names and arguments of torch functions: the same call written another way is the same record."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pytest_nnviz.architecture import Literal, Tree, Value
from pytest_nnviz.tracing.values import DtypeText, plain_value

__all__ = ["PROPERTIES", "QUERIES", "READS", "Signature", "canonical_name", "signature_of", "spell"]

# Positional operands stand before "/", what is shown by name stands behind it; "*name" takes sizes or dims written
# out or as one sequence. A default that is not given and one that is given are the same record.
_TABLE = """
add(input, other, /, alpha=1)
sub(input, other, /, alpha=1)
mul(input, other, /)
div(input, other, /, rounding_mode=None)
floor_divide(input, other, /)
remainder(input, other, /)
fmod(input, other, /)
pow(input, exponent, /)
matmul(input, other, /)
mm(input, mat2, /)
bmm(input, mat2, /)
mv(input, vec, /)
dot(input, other, /)
outer(input, vec2, /)
addmm(input, mat1, mat2, /, beta=1, alpha=1)
baddbmm(input, batch1, batch2, /, beta=1, alpha=1)
addcmul(input, tensor1, tensor2, /, value=1)
addcdiv(input, tensor1, tensor2, /, value=1)
lerp(input, end, weight, /)
maximum(input, other, /)
minimum(input, other, /)
eq(input, other, /)
ne(input, other, /)
lt(input, other, /)
le(input, other, /)
gt(input, other, /)
ge(input, other, /)
bitwise_and(input, other, /)
bitwise_or(input, other, /)
bitwise_xor(input, other, /)
bitwise_not(input, /)
bitwise_left_shift(input, other, /)
bitwise_right_shift(input, other, /)
logical_and(input, other, /)
logical_or(input, other, /)
logical_not(input, /)
neg(input, /)
abs(input, /)
exp(input, /)
log(input, /)
sqrt(input, /)
rsqrt(input, /)
sin(input, /)
cos(input, /)
tan(input, /)
tanh(input, /)
sigmoid(input, /)
erf(input, /)
floor(input, /)
ceil(input, /)
trunc(input, /)
round(input, /, decimals=0)
sign(input, /)
square(input, /)
reciprocal(input, /)
relu(input, /, inplace=False)
relu6(input, /, inplace=False)
elu(input, /, alpha=1.0, inplace=False)
selu(input, /, inplace=False)
celu(input, /, alpha=1.0, inplace=False)
leaky_relu(input, /, negative_slope=0.01, inplace=False)
silu(input, /, inplace=False)
mish(input, /, inplace=False)
gelu(input, /, approximate="none")
glu(input, /, dim=-1)
hardtanh(input, /, min_val=-1.0, max_val=1.0, inplace=False)
hardswish(input, /, inplace=False)
hardsigmoid(input, /, inplace=False)
softplus(input, /, beta=1, threshold=20)
logsigmoid(input, /)
clamp(input, /, min=None, max=None)
clamp_min(input, min, /)
clamp_max(input, max, /)
softmax(input, /, dim=None, dtype=None)
log_softmax(input, /, dim=None, dtype=None)
dropout(input, /, p=0.5, training=True, inplace=False)
sum(input, /, dim=None, keepdim=False, dtype=None)
mean(input, /, dim=None, keepdim=False, dtype=None)
prod(input, /, dim=None, keepdim=False, dtype=None)
amax(input, /, dim=(), keepdim=False)
amin(input, /, dim=(), keepdim=False)
max(input, /, dim=None, keepdim=False)
min(input, /, dim=None, keepdim=False)
argmax(input, /, dim=None, keepdim=False)
argmin(input, /, dim=None, keepdim=False)
any(input, /, dim=None, keepdim=False)
all(input, /, dim=None, keepdim=False)
var(input, /, dim=None, unbiased=True, keepdim=False, correction=None)
std(input, /, dim=None, unbiased=True, keepdim=False, correction=None)
norm(input, /, p="fro", dim=None, keepdim=False, dtype=None)
logsumexp(input, /, dim, keepdim=False)
cumsum(input, /, dim, dtype=None)
cumprod(input, /, dim, dtype=None)
sort(input, /, dim=-1, descending=False, stable=False)
argsort(input, /, dim=-1, descending=False, stable=False)
topk(input, /, k, dim=-1, largest=True, sorted=True)
cat(tensors, /, dim=0)
stack(tensors, /, dim=0)
split(input, split_size, /, dim=0)
chunk(input, chunks, /, dim=0)
unbind(input, /, dim=0)
squeeze(input, /, dim=None)
unsqueeze(input, /, dim)
flatten(input, /, start_dim=0, end_dim=-1)
unflatten(input, /, dim, sizes)
transpose(input, dim0, dim1, /)
movedim(input, /, source, destination)
t(input, /)
view(input, /, *shape)
reshape(input, /, *shape)
permute(input, /, *dims)
expand(input, /, *sizes)
repeat(input, /, *sizes)
tile(input, /, *dims)
flip(input, /, *dims)
roll(input, /, shifts, dims=())
expand_as(input, other, /)
view_as(input, other, /)
type_as(input, other, /)
contiguous(input, /)
clone(input, /)
detach(input, /)
gather(input, /, dim, index, sparse_grad=False)
scatter(input, /, dim, index, src, reduce=None)
scatter_add(input, /, dim, index, src)
index_select(input, /, dim, index)
index_add(input, /, dim, index, source, alpha=1)
index_copy(input, /, dim, index, source)
masked_fill(input, mask, value, /)
masked_select(input, mask, /)
where(condition, input, other, /)
tril(input, /, diagonal=0)
triu(input, /, diagonal=0)
narrow(input, /, dim, start, length)
select(input, /, dim, index)
repeat_interleave(input, repeats, /, dim=None, output_size=None)
getitem(input, index, /)
setitem(input, index, value, /)
copy(input, src, /)
fill(input, value, /)
linear(input, weight, bias=None, /)
bilinear(input1, input2, weight, bias=None, /)
conv1d(input, weight, bias=None, /, stride=1, padding=0, dilation=1, groups=1)
conv2d(input, weight, bias=None, /, stride=1, padding=0, dilation=1, groups=1)
conv3d(input, weight, bias=None, /, stride=1, padding=0, dilation=1, groups=1)
conv_transpose1d(input, weight, bias=None, /, stride=1, padding=0, output_padding=0, groups=1, dilation=1)
conv_transpose2d(input, weight, bias=None, /, stride=1, padding=0, output_padding=0, groups=1, dilation=1)
conv_transpose3d(input, weight, bias=None, /, stride=1, padding=0, output_padding=0, groups=1, dilation=1)
avg_pool1d(input, /, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True)
avg_pool2d(input, /, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None)
avg_pool3d(input, /, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None)
max_pool1d(input, /, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False)
max_pool2d(input, /, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False)
max_pool3d(input, /, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False)
adaptive_avg_pool1d(input, /, output_size)
adaptive_avg_pool2d(input, /, output_size)
adaptive_max_pool1d(input, /, output_size, return_indices=False)
adaptive_max_pool2d(input, /, output_size, return_indices=False)
pad(input, /, pad, mode="constant", value=None)
embedding(input, weight, /, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False)
one_hot(input, /, num_classes=-1)
layer_norm(input, /, normalized_shape, weight=None, bias=None, eps=1e-05)
rms_norm(input, /, normalized_shape, weight=None, eps=None)
scaled_dot_product_attention(query, key, value, /, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False)
pixel_shuffle(input, /, upscale_factor)
pixel_unshuffle(input, /, downscale_factor)
to(input, other=None, /, dtype=None, copy=False)
arange(start, end, step, /, dtype=None)
linspace(start, end, steps, /, dtype=None)
full(size, fill_value, /, dtype=None)
zeros(*size, dtype=None)
ones(*size, dtype=None)
empty(*size, dtype=None)
rand(*size, dtype=None)
randn(*size, dtype=None)
zeros_like(input, /, dtype=None)
ones_like(input, /, dtype=None)
full_like(input, fill_value, /, dtype=None)
empty_like(input, /, dtype=None)
rand_like(input, /, dtype=None)
randn_like(input, /, dtype=None)
bernoulli(input, /, p=None)
multinomial(input, /, num_samples, replacement=False)
"""

_ALIASES = {
    "iadd": "add_",
    "isub": "sub_",
    "imul": "mul_",
    "itruediv": "div_",
    "idiv": "div_",
    "ifloordiv": "floor_divide_",
    "ipow": "pow_",
    "imod": "remainder_",
    "iand": "bitwise_and_",
    "ior": "bitwise_or_",
    "ixor": "bitwise_xor_",
    "ilshift": "bitwise_left_shift_",
    "irshift": "bitwise_right_shift_",
    "radd": "add",
    "rsub": "sub",
    "rmul": "mul",
    "truediv": "div",
    "rtruediv": "div",
    "rdiv": "div",
    "floordiv": "floor_divide",
    "rfloordiv": "floor_divide",
    "rpow": "pow",
    "mod": "remainder",
    "rmod": "remainder",
    "rmatmul": "matmul",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "ror": "bitwise_or",
    "xor": "bitwise_xor",
    "rxor": "bitwise_xor",
    "lshift": "bitwise_left_shift",
    "rlshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift",
    "rrshift": "bitwise_right_shift",
    "invert": "bitwise_not",
    "pos": "positive",
    "multiply": "mul",
    "divide": "div",
    "true_divide": "div",
    "subtract": "sub",
    "negative": "neg",
    "absolute": "abs",
    "concat": "cat",
    "concatenate": "cat",
    "swapaxes": "transpose",
    "swapdims": "transpose",
    "moveaxis": "movedim",
    "clip": "clamp",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "not_equal": "ne",
    "fix": "trunc",
    "ger": "outer",
    "arccos": "acos",
    "arcsin": "asin",
    "arctan": "atan",
    "arctan2": "atan2",
    "arccosh": "acosh",
    "arcsinh": "asinh",
    "arctanh": "atanh",
    "row_stack": "vstack",
    "special_expit": "sigmoid",
    "special_softmax": "softmax",
    "special_log_softmax": "log_softmax",
    "special_logsumexp": "logsumexp",
    "special_erf": "erf",
    "special_round": "round",
    "split_with_sizes": "split",
    "unsafe_chunk": "chunk",
    "unsafe_split": "split",
    "linalg_matmul": "matmul",
    "msort": "sort",
    "max_pool1d_with_indices": "max_pool1d",
    "max_pool2d_with_indices": "max_pool2d",
    "max_pool3d_with_indices": "max_pool3d",
    "adaptive_max_pool1d_with_indices": "adaptive_max_pool1d",
    "adaptive_max_pool2d_with_indices": "adaptive_max_pool2d",
    "adaptive_max_pool3d_with_indices": "adaptive_max_pool3d",
    "fractional_max_pool2d_with_indices": "fractional_max_pool2d",
    "fractional_max_pool3d_with_indices": "fractional_max_pool3d",
}

# Reflected operators: the operands are written the other way round.
_REFLECTED = frozenset(
    f"__r{name}__" for name in "add sub mul truediv div floordiv pow mod matmul and or xor lshift rshift".split()
) | {"rsub"}

_REFLECTED_NAMES = frozenset(
    [
        "add",
        "sub",
        "mul",
        "div",
        "floor_divide",
        "pow",
        "remainder",
        "matmul",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
    ]
    + ["bitwise_left_shift", "bitwise_right_shift"]
)

# Methods that say a dtype by their name.
_CASTS = {
    "float": "torch.float32",
    "double": "torch.float64",
    "half": "torch.float16",
    "bfloat16": "torch.bfloat16",
    "int": "torch.int32",
    "long": "torch.int64",
    "short": "torch.int16",
    "char": "torch.int8",
    "byte": "torch.uint8",
    "bool": "torch.bool",
    "cfloat": "torch.complex64",
    "cdouble": "torch.complex128",
}

# Where values of tensors reach Python, or decide shapes.
READS = frozenset(
    "item bool int float complex index tolist numpy array nonzero argwhere unique unique_consecutive unique_dim "
    "masked_select equal allclose is_nonzero contains bincount".split()
)

# Ask for facts that are no tensors and are written down elsewhere: no calls.
QUERIES = frozenset(
    "size dim ndimension numel nelement stride storage_offset element_size is_contiguous is_floating_point is_complex "
    "is_tensor is_signed is_conj is_neg is_inference is_pinned is_shared is_same_size is_set_to data_ptr get_device "
    "storage untyped_storage has_names len repr str format hash dir reduce_ex sizeof dlpack_device "
    "requires_grad_ retain_grad register_hook register_post_accumulate_grad_hook backward zero_grad "
    "result_type promote_types can_cast broadcast_shapes is_storage sym_size numel_ typename "
    "are_deterministic_algorithms_enabled is_grad_enabled".split()
)

# Properties that hand out tensors; all others are queries.
PROPERTIES = frozenset("T mT H mH real imag data grad".split())

_DROPPED = frozenset({"device", "non_blocking", "pin_memory", "memory_format", "layout", "requires_grad", "generator"})
_KEYWORDS = {
    "axis": "dim",
    "axes": "dim",
    "keepdims": "keepdim",
    "self": "input",
    "x": "input",
    "tensor": "input",
    "split_size_or_sections": "split_size",
    "split_sizes": "split_size",
    "tensor2": "other",
}


@dataclass(frozen=True, slots=True)
class Signature:
    """Parameters by name with their defaults (None without one); the first ``operands`` are shown without names."""

    names: tuple[str, ...]
    defaults: tuple[Value | None, ...]
    operands: int
    spread: int | None = None

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[str, Any]] | None:
        """Pairs of name and value in the order of the signature, or None where the arguments do not fit."""
        if self.spread is not None and len(args) > self.spread:
            rest = args[self.spread :]
            single = len(rest) == 1 and isinstance(rest[0], list | tuple)
            args = (*args[: self.spread], tuple(rest[0] if single else rest))
        if len(args) > len(self.names):
            return None
        found = dict(zip(self.names, args, strict=False))
        for key, value in kwargs.items():
            name = key if key in self.names else _KEYWORDS.get(key, key)
            if name in self.names:
                if name in found:
                    return None
                found[name] = value
            elif key not in _DROPPED and key != "out" and not key.startswith("_"):
                return None
        pairs = [(name, found[name]) for name in self.names if name in found]
        if "out" in kwargs and kwargs["out"] is not None:
            pairs.append(("out", kwargs["out"]))
        return pairs

    def default(self, name: str) -> Value | None:
        """The default of a parameter, None where there is none."""
        return self.defaults[self.names.index(name)] if name in self.names else None

    def spreads(self, name: str) -> bool:
        """Whether the parameter takes sizes or dims written out."""
        return self.spread is not None and self.names[self.spread] == name

    def is_operand(self, name: str) -> bool:
        """Whether the parameter is shown without its name."""
        return name in self.names[: self.operands]


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
    return [*parts, text[start:].strip()]


def _parse(parameters: str) -> Signature:
    names: list[str] = []
    defaults: list[Value | None] = []
    operands, spread = 0, None
    for part in _split(parameters):
        if part == "/":
            operands = len(names)
            continue
        name, separator, default = part.partition("=")
        if name.startswith("*"):
            spread = len(names)
            name = name[1:]
        names.append(name)
        defaults.append((Tree("tuple", ()) if default == "()" else Literal(default)) if separator else None)
    if spread is not None:
        operands = max(operands, spread + 1)
    return Signature(tuple(names), tuple(defaults), operands, spread)


@functools.cache
def _table() -> dict[str, Signature]:
    table = {}
    for line in _TABLE.strip().splitlines():
        name, _, parameters = line.partition("(")
        table[name] = _parse(parameters.rstrip()[:-1])
    return table


def canonical_name(func: Callable[..., Any]) -> tuple[str, bool]:
    """The name of a function, and whether it is an attribute that is read.

    Operators, methods, functions and ``torch.ops`` of one operation share one name.
    """
    if getattr(func, "__name__", "") in ("__get__", "__set__", "__delete__"):
        owner = getattr(func, "__self__", None)
        getter = getattr(owner, "fget", None)
        name = getattr(owner, "__name__", None) or getattr(getter, "__name__", "attribute")
        return (name if func.__name__ == "__get__" else f"set_{name}"), True
    schema = getattr(func, "_schema", None) or getattr(func, "_qualified_op_name", None)
    if schema is not None:
        return _operator_name(str(getattr(schema, "name", schema))), False
    raw = getattr(func, "__name__", type(func).__name__)
    name = raw
    if raw in _CASTS:
        return f"cast_{raw}", False
    if raw.startswith("__") and raw.endswith("__"):
        name = "bitwise_and" if raw == "__rand__" else raw[2:-2]
    elif raw.startswith("_") and not raw.startswith("__"):
        name = raw.lstrip("_")
    return _ALIASES.get(name, name), False


def _operator_name(qualified: str) -> str:
    namespace, _, name = qualified.partition("::")
    return name if namespace == "aten" else f"ops.{namespace}.{name}"


@functools.lru_cache(maxsize=4096)
def _python_signature(func: Callable[..., Any]) -> Signature | None:
    if not inspect.isfunction(func):
        return None
    names: list[str] = []
    defaults: list[Value | None] = []
    operands = 0
    for parameter in inspect.signature(func).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            return None
        if parameter.default is parameter.empty:
            operands += operands == len(names)
            defaults.append(None)
        else:
            defaults.append(plain_value(parameter.default))
        names.append(parameter.name)
    return Signature(tuple(names), tuple(defaults), operands)


def signature_of(name: str, func: Callable[..., Any]) -> Signature | None:
    """How to read the arguments of a function: our table, else its Python signature, else None (as spelled)."""
    if name == "embedding" and not inspect.isfunction(func):
        return None  # torch.embedding takes the weight first
    table = _table()
    found = table.get(name) or (table.get(name[:-1]) if name.endswith("_") else None)
    return found or _python_signature(func)


Spelled = tuple[str, tuple[Any, ...], dict[str, Any]]


def spell(name: str, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    """Bring special spellings of common operations to the one that is recorded."""
    if kwargs and not _DROPPED.isdisjoint(kwargs):
        kwargs = {key: value for key, value in kwargs.items() if key not in _DROPPED}
    if name in _REFLECTED_NAMES and getattr(func, "__name__", "") in _REFLECTED and len(args) == 2:
        return name, (args[1], args[0]), kwargs
    special = _SPECIAL.get(name)
    if special is not None:
        return special(func, args, kwargs)
    return name, args, kwargs


def _spell_cast(dtype: str) -> Callable[..., Spelled]:
    def spelled(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
        return "to", args[:1], {"dtype": DtypeText(dtype)}

    return spelled


def _spell_to(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    import torch

    dtypes = [arg for arg in args[1:] if isinstance(arg, torch.dtype)]
    tensors = [arg for arg in args[1:] if isinstance(arg, torch.Tensor)]
    flags = [arg for arg in args[1:] if isinstance(arg, bool)]
    keywords = {key: value for key, value in kwargs.items() if key in ("dtype", "copy")}
    tensors += [kwargs["other"]] if "other" in kwargs else []
    if dtypes:
        keywords["dtype"] = dtypes[0]
    if len(flags) > 1:  # (non_blocking, copy)
        keywords["copy"] = flags[1]
    return "to", (args[0], *tensors), keywords


def _spell_type(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    import torch

    if len(args) == 2 and isinstance(args[1], torch.dtype):
        return "to", args[:1], {"dtype": args[1]}
    return "type", args, kwargs


def _spell_arange(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    given = dict(zip(("start", "end", "step") if len(args) > 1 else ("end",), args, strict=False))
    given |= {key: kwargs[key] for key in ("start", "end", "step") if key in kwargs}
    rest = {key: value for key, value in kwargs.items() if key not in given}
    return "arange", (given.get("start", 0), given.get("end"), given.get("step", 1)), rest


def _spell_extremum(name: str) -> Callable[..., Spelled]:
    def spelled(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
        import torch

        other = kwargs.get("other", args[1] if len(args) > 1 else None)
        if isinstance(other, torch.Tensor):
            return f"{name}imum", (args[0], other), {}
        return name, args, kwargs

    return spelled


def _spell_dims(name: str) -> Callable[..., Spelled]:
    """``sum(0, 1)`` written for ``sum((0, 1))``; ``std(False)`` for ``std(unbiased=False)``."""

    def spelled(_: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
        if len(args) == 2 and isinstance(args[1], bool):
            return name, args[:1], {**kwargs, "unbiased": args[1]}
        if len(args) > 2 and all(type(arg) is int for arg in args[1:]):
            return name, (args[0], tuple(args[1:])), kwargs
        return name, args, kwargs

    return spelled


def _spell_where(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Spelled:
    import torch

    if len(args) == 1 and not kwargs:
        return "nonzero", args, {"as_tuple": True}
    if func is torch.Tensor.where:
        return "where", (*args[1:2], args[0], *args[2:]), kwargs
    return "where", args, kwargs


_SPECIAL: dict[str, Callable[..., Spelled]] = {
    "to": _spell_to,
    "type": _spell_type,
    "arange": _spell_arange,
    "max": _spell_extremum("max"),
    "min": _spell_extremum("min"),
    "sum": _spell_dims("sum"),
    "mean": _spell_dims("mean"),
    "std": _spell_dims("std"),
    "var": _spell_dims("var"),
    "where": _spell_where,
    **{f"cast_{name}": _spell_cast(dtype) for name, dtype in _CASTS.items()},
}
