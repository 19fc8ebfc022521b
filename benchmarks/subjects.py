"""The models that are measured: plain torch and configurations of transformers, small, deep and large; random weights.

The configurations are those that the libraries make without arguments, as published models of their kind have them,
unless they would not fit a test machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["CHOSEN_LATER", "LARGE", "SUBJECTS", "Chain", "Subject"]


@dataclass(frozen=True, slots=True)
class Subject:
    """A model with what it is called with."""

    model: nn.Module
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)


class Chain(nn.Module):
    """So many calls, two in five of them of layers."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(8, 8), nn.ReLU()) for _ in range(calls // 5))

    def forward(self, x: Tensor) -> Tensor:
        """A residual around each pair of layers."""
        for layer in self.layers:
            x = torch.tanh(layer(x)) + x
        return x


class LeNet(nn.Module):
    """The network of the tutorial."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(256, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Images of 28 x 28 to ten scores."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(torch.flatten(x, 1)))
        return self.fc3(F.relu(self.fc2(x)))


class Tagger(nn.Module):
    """An embedding, a bidirectional LSTM, scores."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(1_000, 64)
        self.lstm = nn.LSTM(64, 128, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(256, 12)

    def forward(self, tokens: Tensor) -> Tensor:
        """Scores of each token."""
        return self.head(self.lstm(self.embed(tokens))[0])


class Down(nn.Module):
    """Two convolutions of a U-Net."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after)
        self.conv2, self.bn2 = nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        """The same size, other channels."""
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class UNet(nn.Module):
    """Three levels, joined by concatenation."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.down1, self.down2, self.down3 = Down(3, width), Down(width, 2 * width), Down(2 * width, 4 * width)
        self.up2, self.up1 = Down(6 * width, 2 * width), Down(3 * width, width)
        self.head = nn.Conv2d(width, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """A mask of the size of the image."""
        first = self.down1(x)
        second = self.down2(F.max_pool2d(first, 2))
        third = self.down3(F.max_pool2d(second, 2))
        second = self.up2(torch.cat([F.interpolate(third, scale_factor=2.0), second], 1))
        return self.head(self.up1(torch.cat([F.interpolate(second, scale_factor=2.0), first], 1)))


def mlp() -> Subject:
    """Five layers in a row."""
    layers = [layer for _ in range(5) for layer in (nn.Linear(32, 32), nn.ReLU())]
    return Subject(nn.Sequential(*layers), (torch.randn(2, 32),))


def encoder(layers: int = 6, width: int = 256) -> Subject:
    """The encoder of torch itself."""
    layer = nn.TransformerEncoderLayer(width, 8, 4 * width, batch_first=True)
    return Subject(nn.TransformerEncoder(layer, layers, enable_nested_tensor=False), (torch.randn(2, 64, width),))


def pretrained(kind: str, config: dict[str, Any] | None = None, **inputs: Any) -> Callable[[], Subject]:
    """A model of transformers by the name of its class; a list of sizes is an image, a number as many tokens."""

    def make() -> Subject:
        import transformers

        model = getattr(transformers, kind)
        settings = model.config_class(**(config or {}))
        given = {name: _input(settings, value) for name, value in inputs.items()}
        return Subject(model(settings), kwargs=given)

    return make


def _input(config: Any, value: Any) -> Tensor:
    if isinstance(value, list):
        return torch.randn(*value)
    return torch.randint(2, 100, (1, value))


def gpt(kind: str, config: dict[str, Any], tokens: int = 16) -> Callable[[], Subject]:
    """A language model that is built on the meta device, in the dtype that such models are published in."""

    def make() -> Subject:
        import transformers

        model = getattr(transformers, kind)
        with torch.device("meta"):
            built = model(model.config_class(**config)).bfloat16()
            return Subject(built, kwargs={"input_ids": torch.ones(1, tokens).long()})

    return make


LLAMA_8B = {
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
}
_SMALL_LLAMA = {
    "hidden_size": 512,
    "intermediate_size": 1408,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "vocab_size": 32000,
}

SUBJECTS: dict[str, Callable[[], Subject]] = {
    "MLP": mlp,
    "LeNet": lambda: Subject(LeNet(), (torch.randn(4, 1, 28, 28),)),
    "LSTM tagger": lambda: Subject(Tagger(), (torch.randint(1_000, (2, 24)),)),
    "TransformerEncoder": encoder,
    "U-Net": lambda: Subject(UNet(), (torch.randn(1, 3, 128, 128),)),
    "ResNet-50": pretrained("ResNetForImageClassification", pixel_values=[1, 3, 224, 224]),
    "ViT-B": pretrained("ViTForImageClassification", pixel_values=[1, 3, 224, 224]),
    "BERT-base": pretrained("BertModel", input_ids=128),
    "GPT-2": pretrained("GPT2LMHeadModel", input_ids=64),
    "T5-small": pretrained("T5ForConditionalGeneration", input_ids=64, decoder_input_ids=64),
    "Llama, 12 layers": pretrained("LlamaForCausalLM", _SMALL_LLAMA, input_ids=128),
    "1,000 calls": lambda: Subject(Chain(1_000), (torch.randn(2, 8),)),
    "10,000 calls": lambda: Subject(Chain(10_000), (torch.randn(2, 8),)),
    "Llama-3-8B, meta": gpt("LlamaForCausalLM", LLAMA_8B),
}

CHOSEN_LATER: dict[str, Callable[[], Subject]] = {
    "ConvNeXt-T": pretrained("ConvNextForImageClassification", pixel_values=[1, 3, 224, 224]),
    "Swin-T": pretrained("SwinModel", pixel_values=[1, 3, 224, 224]),
    "RoBERTa-base": pretrained("RobertaModel", input_ids=64),
    "Whisper": pretrained("WhisperModel", input_features=[1, 80, 3000], decoder_input_ids=16),
    "Qwen2, 8 layers": pretrained("Qwen2ForCausalLM", _SMALL_LLAMA | {"num_hidden_layers": 8}, input_ids=128),
}

LARGE: dict[str, Callable[[], Subject]] = {
    "Llama-3 8B": gpt("LlamaForCausalLM", LLAMA_8B),
    "Llama-3 70B": gpt(
        "LlamaForCausalLM",
        LLAMA_8B
        | {"hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 80, "num_attention_heads": 64},
    ),
    "Llama-3 405B": gpt(
        "LlamaForCausalLM",
        LLAMA_8B
        | {"hidden_size": 16384, "intermediate_size": 53248, "num_hidden_layers": 126, "num_attention_heads": 128},
    ),
    "DeepSeek-V3, mixture of experts": gpt("DeepseekV3ForCausalLM", {}),
    "encoder of 1,000 layers": lambda: encoder_on_meta(1_000),
}


def encoder_on_meta(layers: int) -> Subject:
    """The encoder of torch, of so many layers, without memory."""
    with torch.device("meta"):
        return encoder(layers)
