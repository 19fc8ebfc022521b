"""Layers that are more than one call: recurrent ones, bags of embeddings, attention with its fused path."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from awkward_tensors import calls, quietly
from catalogue import Entry, Forward, given
from torch import nn
from torch.nn.utils import rnn

from pytest_nnviz import Options

__all__ = ["SECTIONS"]

STEPS = torch.linspace(-1, 1, 24).reshape(3, 2, 4)
HEADS = torch.linspace(-1, 1, 48).reshape(1, 4, 3, 4)
IDS = torch.arange(4)


def layer(make, *args, **kwargs):
    """A builder of a model that hands its inputs to one layer."""
    return lambda: given(Forward(lambda m, *xs, **named: m.layer(*xs, **named), layer=make()), *args, **kwargs)


def _packed(cls, enforce_sorted=True):
    def forward(m, x, lengths):
        packed = rnn.pack_padded_sequence(x, lengths, enforce_sorted=enforce_sorted)
        return rnn.pad_packed_sequence(m.layer(packed)[0])[0]

    lengths = torch.tensor([3, 2] if enforce_sorted else [2, 3])
    return calls(forward, STEPS, lengths, layer=lambda: cls(4, 6))


RECURRENT = (
    Entry(
        "LSTM, bidirectional, projected",
        "one call; weights by their shapes",
        quietly(layer(lambda: nn.LSTM(4, 6, bidirectional=True, proj_size=2), STEPS)),
        (
            "self.layer(x) -> (f32[3, 2, 4], (f32[2, 2, 2], f32[2, 2, 6]))",
            'layer: LSTM(mode="LSTM", input_size=4, hidden_size=6, bidirectional=True, proj_size=2)',
        ),
        edited=(layer(lambda: nn.LSTM(4, 6, bidirectional=True), STEPS),),
    ),
    Entry(
        "GRU with an initial state",
        "one call",
        layer(lambda: nn.GRU(4, 6), STEPS, torch.zeros(1, 2, 6)),
        ("self.layer(x, args[0]) -> (f32[3, 2, 6], f32[1, 2, 6])",),
        edited=(layer(lambda: nn.GRU(4, 6), STEPS), layer(lambda: nn.GRU(4, 6, dropout=0.0, bias=False), STEPS)),
    ),
    Entry(
        "LSTM as the whole model",
        "one call",
        lambda: given(nn.LSTM(4, 6), STEPS),
        ("self(input) -> (f32[3, 2, 6], (f32[1, 2, 6], f32[1, 2, 6]))",),
    ),
    Entry(
        "packed sequence made in forward",
        "calls; a PackedSequence is shown as one",
        _packed(nn.GRU),
        ("pack_padded_sequence(x, %to, False) -> (f32[5, 4], i64[3])",),
        edited=(_packed(nn.LSTM), _packed(nn.GRU, enforce_sorted=False)),
        meta=False,
    ),
    Entry(
        "packed sequence as an input",
        "its parts by name",
        layer(lambda: nn.RNN(4, 6), rnn.pack_sequence([STEPS[:, 0], STEPS[:2, 1]])),
        ("input x: PackedSequence(data=f32[5, 4], batch_sizes=i64[3], sorted_indices=None, unsorted_indices=None)",),
        meta=False,
    ),
    Entry(
        "recurrent cells",
        "one call each",
        calls(
            lambda m, x: (m.lstm(x), m.gru(x, m.rnn(x))),
            STEPS[0],
            lstm=lambda: nn.LSTMCell(4, 3),
            gru=lambda: nn.GRUCell(4, 3),
            rnn=lambda: nn.RNNCell(4, 3, nonlinearity="relu"),
        ),
        ("self.gru(x, %rnn) -> f32[2, 3]", "self.lstm(x) -> (f32[2, 3], f32[2, 3])"),
    ),
)


def _bag(**options):
    return lambda: nn.EmbeddingBag(5, 3, mode="sum", **options)


BAGS = (
    Entry(
        "embedding bag with offsets and weights",
        "one call",
        layer(_bag(), IDS, torch.tensor([0, 2]), per_sample_weights=torch.ones(4)),
        ("self.layer(x, args[0], per_sample_weights) -> f32[2, 3]",),
        edited=(layer(_bag(), IDS, torch.tensor([0, 2])), layer(_bag(padding_idx=0), IDS, torch.tensor([0, 2]))),
    ),
    Entry(
        "embedding bag as a function",
        "a call with its options",
        calls(
            lambda m, x: F.embedding_bag(x, m.w, m.at, mode="max", padding_idx=1),
            IDS,
            w=lambda: nn.Parameter(torch.ones(5, 3)),
            at=lambda: torch.tensor([0, 2]),
        ),
        ('embedding_bag(x, self.w, offsets=const self.at i64[2], mode="max", padding_idx=1) -> f32[2, 3]',),
    ),
    Entry(
        "embedding with a largest norm",
        "one call, which writes to its weight; put back",
        layer(lambda: nn.Embedding(5, 3, max_norm=0.1), IDS),
        ("layer: Embedding(num_embeddings=5, embedding_dim=3, max_norm=0.1)", "self.layer(x) -> f32[4, 3]"),
        edited=(layer(lambda: nn.Embedding(5, 3), IDS),),
    ),
)


def attend(**options):
    return calls(lambda m, q: F.scaled_dot_product_attention(q, q, q, **options), HEADS)


def _masked(**options):
    mask = torch.ones(3, 3, dtype=torch.bool)
    return attend(attn_mask=mask, **options)


def _heads(**options):
    """Attention over itself."""
    return calls(
        lambda m, x: m.attend(x, x, x, **options), STEPS, attend=lambda: nn.MultiheadAttention(4, 2, dropout=0.1)
    )


def _encoder(*, layers=1, mask=None, **options):
    make = lambda: nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, **options)  # noqa: E731
    build = make if layers == 1 else lambda: nn.TransformerEncoder(make(), layers)
    named = {} if mask is None else {"src_key_padding_mask": mask}
    return quietly(layer(build, STEPS, **named))


SDPA = "scaled_dot_product_attention(x, x, x"
PADDING = torch.tensor([[False, True]] * 3)

ATTENTION = (
    Entry(
        "attention, every flag",
        "a call with those that are no defaults",
        _masked(scale=0.3, enable_gqa=True),
        (f"{SDPA}, attn_mask=const bool[3, 3], scale=0.3, enable_gqa=True) -> f32[1, 4, 3, 4]",),
        edited=(
            _masked(scale=0.3),
            _masked(enable_gqa=True),
            attend(scale=0.3, enable_gqa=True),
            attend(is_causal=True),
        ),
        equal=(_masked(scale=0.3, enable_gqa=True, dropout_p=0.0, is_causal=False),),
    ),
    Entry(
        "attention dropout",
        "its probability",
        attend(dropout_p=0.1),
        (f"{SDPA}, dropout_p=0.1) -> f32[1, 4, 3, 4]",),
        edited=(attend(),),
    ),
    Entry(
        "MultiheadAttention",
        "the calls that it makes when nothing is fused, whether or not gradients are on",
        _heads(need_weights=False),
        ("self.attend(query=x, key=x, value=x, need_weights=False) -> (f32[3, 2, 4], None)",),
        edited=(_heads(), _heads(average_attn_weights=False)),
    ),
    Entry(
        "MultiheadAttention with gradients",
        "as without",
        _heads(),
        ("self.attend(query=x, key=x, value=x) -> (f32[3, 2, 4], f32[2, 3, 3])",),
        options=Options(grad=True),
    ),
    Entry(
        "TransformerEncoderLayer",
        "as if nothing were fused",
        _encoder(),
        ("self.self_attn(query=src, key=src, value=src, need_weights=False) -> (f32[3, 2, 4], None)",),
        edited=(_encoder(norm_first=True), _encoder(activation="gelu"), _encoder(layer_norm_eps=1e-3)),
    ),
    Entry(
        "TransformerEncoder with padding",
        "as if nothing were nested",
        _encoder(layers=2, mask=PADDING),
        ("self.layers.1(src=%layers.0, src_key_padding_mask=%masked_fill_) same as %layers.0",),
        edited=(_encoder(layers=2),),
        meta=False,
    ),
    Entry(
        "TransformerDecoder",
        "calls of its layers",
        layer(
            lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 8), 2), STEPS, STEPS[:2], tgt_is_causal=False
        ),
        ("self.layers.1(tgt=%layers.0, memory=memory) same as %layers.0",),
    ),
)

SECTIONS: dict[str, tuple[Entry, ...]] = {
    "Recurrent layers": RECURRENT,
    "Embedding bags": BAGS,
    "Attention": ATTENTION,
}
