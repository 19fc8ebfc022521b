"""Facts about torch's own functions: names, arguments, which of them ask and which read values."""

from __future__ import annotations

__all__ = [
    "ALIASES",
    "CASTS",
    "DROPPED",
    "EFFECTS",
    "KEYWORDS",
    "PROPERTIES",
    "QUERIES",
    "READS",
    "REFLECTED",
    "SIGNATURES",
    "SWITCHES",
]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Positional operands stand before "/", what is shown by name stands behind it; "*name" takes sizes or dims written
# out or as one sequence. A default that is not given and one that is given are the same record.
SIGNATURES = """
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
var(input, /, dim=None, keepdim=False, correction=1)
std(input, /, dim=None, keepdim=False, correction=1)
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
new_zeros(input, /, *size, dtype=None)
new_ones(input, /, *size, dtype=None)
new_empty(input, /, *size, dtype=None)
new_full(input, /, size, fill_value, dtype=None)
einsum(equation, /, *operands)
zeros_like(input, /, dtype=None)
ones_like(input, /, dtype=None)
full_like(input, fill_value, /, dtype=None)
empty_like(input, /, dtype=None)
rand_like(input, /, dtype=None)
randn_like(input, /, dtype=None)
bernoulli(input, /, p=None)
multinomial(input, /, num_samples, replacement=False)
"""

# Other names of one operation, operators without their underscores.
ALIASES = {
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
REFLECTED = _words(
    """
__radd__ __rsub__ __rmul__ __rtruediv__ __rdiv__ __rfloordiv__ __rpow__ __rmod__ __rmatmul__ __rand__ __ror__ __rxor__
__rlshift__ __rrshift__ rsub
"""
)

# Methods that say a dtype by their name.
CASTS = {
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
READS = _words(
    """
item bool int float complex index tolist numpy array nonzero argwhere unique unique_consecutive unique_dim
masked_select equal allclose is_nonzero contains bincount
"""
)

# Ask for facts that are no tensors and are written down elsewhere: no calls.
QUERIES = _words(
    """
size dim ndimension numel nelement stride storage_offset element_size is_contiguous is_floating_point is_complex
is_tensor is_signed is_conj is_neg is_inference is_pinned is_shared is_same_size is_set_to data_ptr get_device
storage untyped_storage has_names len repr str format hash dir reduce_ex sizeof dlpack_device requires_grad_
retain_grad register_hook register_post_accumulate_grad_hook backward zero_grad result_type promote_types can_cast
broadcast_shapes is_storage sym_size numel_ typename are_deterministic_algorithms_enabled is_grad_enabled
"""
)

# Properties that hand out tensors or write to them; all others are queries.
PROPERTIES = _words("T mT H mH real imag data grad set_data")

# Decide what later calls do; those that torch's own code throws around what it calls are not the author's.
SWITCHES = _words("set_grad_enabled")
EFFECTS = SWITCHES | {"backward"}

# Arguments that say where and how, not what.
DROPPED = _words("device non_blocking pin_memory memory_format layout requires_grad generator")

# Other names of one argument.
KEYWORDS = {
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
