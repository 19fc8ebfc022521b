"""Recurrent layers, attention and torch's own transformers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from breadth.build import Calls, rows


def recurrent():
    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        out, (hidden, cell) = self.lstm(packed)
        out, lengths = nn.utils.rnn.pad_packed_sequence(out, batch_first=True, padding_value=-1.0)
        gru, state = self.gru(out)
        rnn, _ = self.rnn(gru.transpose(0, 1))
        step = self.rnn_cell(rnn[-1])
        step = self.gru_cell(step, step)
        return self.lstm_cell(step, (step, step)), hidden, cell, state, lengths

    model = Calls(
        forward,
        lstm=nn.LSTM(4, 6, 2, batch_first=True, bidirectional=True, proj_size=3, dropout=0.1),
        gru=nn.GRU(6, 5, bias=False, batch_first=True),
        rnn=nn.RNN(5, 4, nonlinearity="relu"),
        rnn_cell=nn.RNNCell(4, 4, nonlinearity="relu"),
        gru_cell=nn.GRUCell(4, 4, bias=False),
        lstm_cell=nn.LSTMCell(4, 4),
    )
    return model, (rows(2, 3, 4), torch.tensor([2, 3]))


def attention():
    def forward(self, x, mask):
        causal = nn.Transformer.generate_square_subsequent_mask(5)
        out, weights = self.own(x, x, x, key_padding_mask=mask, average_attn_weights=False)
        out, _ = self.other(out, x[..., :4], x[..., :3], need_weights=False)
        out, _ = self.own(out, out, out, attn_mask=causal, is_causal=True, need_weights=False)
        heads = out.unflatten(-1, (2, -1)).transpose(1, 2)
        return (
            weights,
            F.scaled_dot_product_attention(heads, heads, heads),
            F.scaled_dot_product_attention(heads, heads, heads, attn_mask=causal, dropout_p=0.1, scale=0.3),
            F.scaled_dot_product_attention(heads, heads[:, :1], heads[:, :1], is_causal=True, enable_gqa=True),
        )

    model = Calls(
        forward,
        own=nn.MultiheadAttention(8, 2, dropout=0.1, batch_first=True),
        other=nn.MultiheadAttention(8, 4, bias=False, add_bias_kv=True, kdim=4, vdim=3, batch_first=True),
    )
    return model, (rows(2, 5, 8), torch.tensor([[False] * 5, [False] * 4 + [True]]))


def encoder():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return nn.TransformerEncoder(layer, 2), (rows(2, 5, 8),)


def encoder_with_mask():
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.2, F.gelu, norm_first=True, bias=False, layer_norm_eps=1e-6)
    model = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(8), enable_nested_tensor=False)
    return model, (rows(5, 2, 8), nn.Transformer.generate_square_subsequent_mask(5))


def decoder():
    layer = nn.TransformerDecoderLayer(8, 2, 16, activation="gelu", batch_first=True)
    return nn.TransformerDecoder(layer, 2, norm=nn.LayerNorm(8)), (rows(2, 3, 8), rows(2, 5, 8))


def transformer():
    def forward(self, source, target):
        mask = self.inner.generate_square_subsequent_mask(target.size(1))
        return self.inner(source, target, tgt_mask=mask, tgt_is_causal=True)

    return Calls(forward, inner=nn.Transformer(8, 2, 1, 1, 16, activation="gelu", batch_first=True)), (
        rows(2, 5, 8),
        rows(2, 3, 8),
    )


MODELS = (recurrent, attention, encoder, encoder_with_mask, decoder, transformer)
