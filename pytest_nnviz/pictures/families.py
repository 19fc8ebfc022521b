"""Which family of layers a call belongs to, by the name of its class or function."""

from __future__ import annotations

import re

__all__ = ["family_of"]

_NAMES = {
    "attention": r"[Aa]ttention|[Aa]ttn",
    "recurrent": r"RNN|LSTM|GRU|^(rnn|lstm|gru)(_|$)",
    "embedding": r"[Ee]mbedding",
    "pooling": r"Pool|_pool|Upsampl|^interpolate$|[Pp]ixel_?(un|Un)?[Ss]huffle",
    "normalization": r"Norm|_norm|^normalize$",
    "convolution": r"Conv(Transpose)?\dd|^conv(_transpose)?\dd$|Conv(olution)?$",
    "linear": r"Linear|^linear$|^Conv1D$|^(matmul|mm|bmm|addmm|baddbmm|einsum|grouped_mm)$",
    "activation": r"(?i:(^|[^a-z]|leaky|quick|new)(p?re|ge|si|se|ce|g|e)lu6?(activation)?_?$|sigmoid|tanh_?$"
    r"|soft(max|min|plus)|swish|mish$|activation$|shrink$)",
}
_PATTERNS = {family: re.compile(pattern) for family, pattern in _NAMES.items()}


def family_of(name: str) -> str:
    """The family of a class or function of this name; empty for what is in none.

    >>> [family_of(name) for name in ("Conv2d", "LayerNorm", "scaled_dot_product_attention", "view")]
    ['convolution', 'normalization', 'attention', '']
    """
    return next((family for family, pattern in _PATTERNS.items() if pattern.search(name)), "")
