"""Facts about torch's own functions: names, which of them ask and which read values."""

from __future__ import annotations

__all__ = [
    "ALIASES",
    "ARRAYS",
    "CASTS",
    "DROPPED",
    "EFFECTS",
    "KEYWORDS",
    "PROPERTIES",
    "QUERIES",
    "READS",
    "REFLECTED",
    "SIZED_BY_VALUES",
    "SWITCHES",
]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


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
    "special_gammainc": "igamma",
    "special_gammaincc": "igammac",
    "special_gammaln": "lgamma",
    "special_multigammaln": "mvlgamma",
    "special_psi": "digamma",
    "det": "linalg_det",
    "inverse": "linalg_inv",
    "matrix_power": "linalg_matrix_power",
    "orgqr": "linalg_householder_product",
    "linalg_matrix_exp": "matrix_exp",
    "unsafe_split_with_sizes": "split",
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

# Functions that torch has twice, in torch and in torch.special.
ALIASES |= {
    f"special_{name}": name
    for name in _words(
        """
digamma erf erfc erfinv exp2 expm1 i0 log1p log_softmax logit logsumexp polygamma round sinc softmax xlogy
"""
    )
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

# Of these, those that hand out numpy arrays.
ARRAYS = _words("numpy array")

# Where the values of a mask, or of a tensor of repeats, decide the shape of the result; others of them do not.
SIZED_BY_VALUES = frozenset({"repeat_interleave", "getitem"})

# Ask for facts that are no tensors and are written down elsewhere: no calls.
QUERIES = _words(
    """
size dim ndimension numel nelement stride storage_offset element_size is_contiguous is_floating_point is_complex
is_tensor is_signed is_conj is_neg is_inference is_pinned is_shared is_same_size is_set_to data_ptr get_device
storage untyped_storage has_names len repr str format hash dir reduce_ex sizeof dlpack_device requires_grad_
retain_grad register_post_accumulate_grad_hook backward zero_grad result_type promote_types can_cast
broadcast_shapes is_storage sym_size numel_ typename are_deterministic_algorithms_enabled is_grad_enabled
"""
)

# Properties that hand out tensors or write to them; all others are queries.
PROPERTIES = _words("T mT H mH real imag data grad set_data")

# Decide what later calls do; those that torch's own code throws around what it calls are not the author's.
SWITCHES = _words("set_grad_enabled")
EFFECTS = SWITCHES | _words(
    "backward register_hook enter_autocast exit_autocast enter_inference_mode exit_inference_mode"
)

# Arguments that say where and how, not what.
DROPPED = _words("device non_blocking pin_memory memory_format layout requires_grad generator")

# Other names of one argument.
KEYWORDS = {
    "A": "input",
    "B": "other",
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
