"""Architectures of transformers, built small from their configurations: models that nobody here wrote."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import models
import torch
import transformers as T
from torch import nn

IDS = torch.arange(8).reshape(1, 8)
SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "vocab_size": 99,
}
VISION = {key: value for key, value in SMALL.items() if key != "vocab_size"}
SEQ2SEQ = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "vocab_size": 99,
}
SPEECH = {
    **SMALL,
    "conv_dim": (16, 16),
    "conv_kernel": (10, 3),
    "conv_stride": (5, 2),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}


def _image(size=32):
    return torch.ones(1, 3, size, size)


TRANSFORMERS = {
    "bert": lambda: (T.BertForSequenceClassification(T.BertConfig(**SMALL)), {"input_ids": IDS}),
    "roberta": lambda: (T.RobertaModel(T.RobertaConfig(**SMALL)), {"input_ids": IDS}),
    "electra": lambda: (T.ElectraModel(T.ElectraConfig(embedding_size=32, **SMALL)), {"input_ids": IDS}),
    "distilbert": lambda: (
        T.DistilBertModel(T.DistilBertConfig(dim=32, n_layers=2, n_heads=2, hidden_dim=64, vocab_size=99)),
        {"input_ids": IDS},
    ),
    "albert": lambda: (T.AlbertModel(T.AlbertConfig(embedding_size=16, **SMALL)), {"input_ids": IDS}),
    "deberta": lambda: (
        T.DebertaV2Model(T.DebertaV2Config(relative_attention=True, pos_att_type=["p2c", "c2p"], **SMALL)),
        {"input_ids": IDS},
    ),
    "gpt2": lambda: (
        T.GPT2LMHeadModel(T.GPT2Config(n_embd=32, n_layer=2, n_head=2, vocab_size=99)),
        {"input_ids": IDS},
    ),
    "llama": lambda: (T.LlamaForCausalLM(T.LlamaConfig(num_key_value_heads=2, **SMALL)), {"input_ids": IDS}),
    "mistral": lambda: (T.MistralForCausalLM(T.MistralConfig(num_key_value_heads=2, **SMALL)), {"input_ids": IDS}),
    "qwen2": lambda: (T.Qwen2ForCausalLM(T.Qwen2Config(num_key_value_heads=2, **SMALL)), {"input_ids": IDS}),
    "gemma": lambda: (
        T.GemmaForCausalLM(T.GemmaConfig(num_key_value_heads=2, head_dim=16, **SMALL)),
        {"input_ids": IDS},
    ),
    "phi": lambda: (T.PhiForCausalLM(T.PhiConfig(**SMALL)), {"input_ids": IDS}),
    "gpt_neox": lambda: (T.GPTNeoXForCausalLM(T.GPTNeoXConfig(**SMALL)), {"input_ids": IDS}),
    "opt": lambda: (
        T.OPTForCausalLM(
            T.OPTConfig(
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                ffn_dim=64,
                vocab_size=99,
                word_embed_proj_dim=32,
            )
        ),
        {"input_ids": IDS},
    ),
    "bloom": lambda: (
        T.BloomForCausalLM(T.BloomConfig(hidden_size=32, n_layer=2, n_head=2, vocab_size=99)),
        {"input_ids": IDS},
    ),
    "mixtral": lambda: (
        T.MixtralForCausalLM(T.MixtralConfig(num_key_value_heads=2, num_local_experts=4, **SMALL)),
        {"input_ids": IDS},
    ),
    "mamba": lambda: (
        T.MambaForCausalLM(T.MambaConfig(hidden_size=32, num_hidden_layers=2, vocab_size=99, state_size=4)),
        {"input_ids": IDS},
    ),
    "t5": lambda: (
        T.T5ForConditionalGeneration(
            T.T5Config(d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2, vocab_size=99)
        ),
        {"input_ids": IDS, "decoder_input_ids": IDS[:, :4]},
    ),
    "bart": lambda: (
        T.BartForConditionalGeneration(T.BartConfig(**SEQ2SEQ)),
        {"input_ids": IDS, "decoder_input_ids": IDS[:, :4]},
    ),
    "marian": lambda: (
        T.MarianMTModel(T.MarianConfig(pad_token_id=1, **SEQ2SEQ)),
        {"input_ids": IDS, "decoder_input_ids": IDS[:, :4]},
    ),
    "whisper": lambda: (
        T.WhisperForConditionalGeneration(
            T.WhisperConfig(
                num_mel_bins=8,
                max_source_positions=20,
                pad_token_id=1,
                bos_token_id=1,
                eos_token_id=2,
                decoder_start_token_id=1,
                **SEQ2SEQ,
            )
        ),
        {"input_features": torch.ones(1, 8, 40), "decoder_input_ids": IDS[:, :4]},
    ),
    "wav2vec2": lambda: (T.Wav2Vec2Model(T.Wav2Vec2Config(**SPEECH)), {"input_values": torch.ones(1, 800)}),
    "hubert": lambda: (T.HubertModel(T.HubertConfig(**SPEECH)), {"input_values": torch.ones(1, 800)}),
    "vit": lambda: (
        T.ViTForImageClassification(T.ViTConfig(image_size=32, patch_size=8, **VISION)),
        {"pixel_values": _image()},
    ),
    "swin": lambda: (
        T.SwinForImageClassification(
            T.SwinConfig(image_size=32, patch_size=4, embed_dim=16, depths=[1, 2], num_heads=[2, 2], window_size=2)
        ),
        {"pixel_values": _image()},
    ),
    "convnext": lambda: (
        T.ConvNextForImageClassification(T.ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2)),
        {"pixel_values": _image()},
    ),
    "resnet": lambda: (
        T.ResNetForImageClassification(T.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 2])),
        {"pixel_values": _image()},
    ),
    "segformer": lambda: (
        T.SegformerForSemanticSegmentation(
            T.SegformerConfig(
                hidden_sizes=[8, 16, 16, 16],
                depths=[1, 1, 1, 1],
                decoder_hidden_size=16,
                num_attention_heads=[1, 1, 2, 2],
            )
        ),
        {"pixel_values": _image(64)},
    ),
    "clip": lambda: (
        T.CLIPModel(
            T.CLIPConfig(
                text_config=dict(projection_dim=16, **SMALL),
                vision_config=dict(image_size=32, patch_size=8, projection_dim=16, **VISION),
                projection_dim=16,
            )
        ),
        {"input_ids": IDS, "pixel_values": _image()},
    ),
    "xlnet": lambda: (
        T.XLNetModel(T.XLNetConfig(d_model=32, n_layer=2, n_head=2, d_inner=64, vocab_size=99)),
        {"input_ids": IDS},
    ),
    "longformer": lambda: (T.LongformerModel(T.LongformerConfig(attention_window=4, **SMALL)), {"input_ids": IDS}),
    "rwkv": lambda: (
        T.RwkvModel(T.RwkvConfig(hidden_size=32, num_hidden_layers=2, vocab_size=99, attention_hidden_size=32)),
        {"input_ids": IDS},
    ),
    "qwen3moe": lambda: (
        T.Qwen3MoeForCausalLM(
            T.Qwen3MoeConfig(
                num_key_value_heads=2,
                num_experts=4,
                num_experts_per_tok=2,
                moe_intermediate_size=32,
                head_dim=16,
                **SMALL,
            )
        ),
        {"input_ids": IDS},
    ),
    "mamba2": lambda: (
        T.Mamba2ForCausalLM(
            T.Mamba2Config(
                hidden_size=32,
                num_hidden_layers=2,
                vocab_size=99,
                state_size=8,
                num_heads=4,
                head_dim=16,
                n_groups=1,
                chunk_size=4,
            )
        ),
        {"input_ids": IDS},
    ),
}


def _dict_net():
    return models.DictNet(), {"batch": {"ids": torch.zeros(2, 3, dtype=torch.long)}}


PLAIN = {
    "nn.Transformer": lambda: (
        nn.Transformer(16, 2, 2, 2, 32, batch_first=True),
        {"src": torch.ones(2, 5, 16), "tgt": torch.ones(2, 3, 16)},
    ),
    "nn.LSTM": lambda: (nn.LSTM(4, 6, 2, bidirectional=True), {"input": torch.ones(3, 2, 4)}),
    "packed GRU": lambda: (models.Packed(), {"x": torch.ones(2, 3, 4), "lengths": torch.tensor([3, 2])}),
    "dict in, dict out": _dict_net,
}


def build(name):
    """A model in eval mode and its inputs, the same at every call."""
    torch.manual_seed(0)
    model, inputs = (TRANSFORMERS | PLAIN)[name]()
    return model.eval(), inputs
