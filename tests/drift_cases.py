"""Ten edits that people make to models, and what is said of each; the page that shows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import transformers as T
from torch import nn

from pytest_nnviz import diff, dumps, loads, trace
from pytest_nnviz.architecture import Architecture
from pytest_nnviz.wording import headline, words

__all__ = ["CASES", "PAGE", "TEXTS", "Case", "page"]

TEXTS = Path(__file__).parent / "drift_cases"
PAGE = Path(__file__).parent.parent / "docs" / "drift.md"
_IDS = torch.zeros(1, 6, dtype=torch.long)
_IMAGE = torch.zeros(1, 3, 32, 32)
_SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "vocab_size": 99,
    "max_position_embeddings": 32,
}

Pair = Callable[[], tuple[Architecture, Architecture]]


@dataclass(frozen=True)
class Case:
    """One edit: its name, what was done and why, and the architectures before and after."""

    name: str
    story: str
    pair: Pair

    @property
    def golden(self) -> Path:
        return TEXTS / f"{self.name.replace(' ', '_')}.txt"

    def told(self) -> str:
        """What a failing test says, as `pytest-nnviz diff` prints it; without versions where they are the same."""
        old, new = (loads(dumps(architecture)) for architecture in self.pair())
        if old.versions == new.versions:
            old, new = replace(old, versions=()), replace(new, versions=())
        drift = diff(old, new)
        return "\n".join([headline(drift, "test_arch"), *(f"  {line}" for line in words(drift))]) + "\n"


def _bert(**changes: object) -> T.BertForSequenceClassification:
    return T.BertForSequenceClassification(T.BertConfig(**{**_SMALL, **changes}))


def _llama(**changes: object) -> T.LlamaForCausalLM:
    return T.LlamaForCausalLM(T.LlamaConfig(num_key_value_heads=2, **{**_SMALL, **changes}))


def torch_upgrade() -> tuple[Architecture, Architecture]:
    return tuple(loads((TEXTS / f"torch_{release}.nnviz").read_text(encoding="utf-8")) for release in ("2.6", "2.13"))


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)

    def forward(self, x):
        attended = nn.functional.scaled_dot_product_attention(self.query(x), self.key(x), self.value(x))
        return self.out(attended)


class FusedAttention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        query, key, value = self.qkv(x).chunk(3, dim=-1)
        return self.out(nn.functional.scaled_dot_product_attention(query, key, value))


class Block(nn.Module):
    def __init__(self, width: int, attention: type[nn.Module]) -> None:
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width), attention(width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    def __init__(self, attention: type[nn.Module], depth: int = 12, width: int = 48) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, width, 8, 8)
        self.blocks = nn.Sequential(*(Block(width, attention) for _ in range(depth)))
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        return self.head(self.blocks(self.patch_embed(x).flatten(2).transpose(1, 2)).mean(1))


def refactor() -> tuple[Architecture, Architecture]:
    return trace(VisionTransformer(Attention), _IMAGE), trace(VisionTransformer(FusedAttention), _IMAGE)


class Classifier(nn.Module):
    """Classes over a body that goes by the name that it is given."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.add_module(name, T.BertModel(T.BertConfig(**_SMALL), add_pooling_layer=False))
        self.classifier = nn.Linear(32, 2)

    def forward(self, input_ids):
        body = next(self.children())
        return self.classifier(body(input_ids).last_hidden_state[:, 0])


def rename() -> tuple[Architecture, Architecture]:
    return trace(Classifier("bert"), _IDS), trace(Classifier("backbone"), _IDS)


def widened() -> tuple[Architecture, Architecture]:
    return trace(_llama(), _IDS), trace(_llama(intermediate_size=96), _IDS)


class Residual(nn.Module):
    def __init__(self, channels: int, *, adds: bool = True) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        self._adds = [adds]

    def forward(self, x):
        out = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(out + x if self._adds[0] else out)


class ResNet(nn.Module):
    def __init__(self, *, without: int | None = None) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.layer1, self.layer2 = (
            nn.Sequential(*(Residual(16, adds=(stage, index) != (2, without)) for index in range(3)))
            for stage in (1, 2)
        )
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        return self.fc(self.layer2(self.layer1(self.stem(x))).mean((2, 3)))


def removed_residual() -> tuple[Architecture, Architecture]:
    return trace(ResNet(), _IMAGE), trace(ResNet(without=1), _IMAGE)


def frozen_backbone() -> tuple[Architecture, Architecture]:
    frozen = _bert()
    frozen.bert.requires_grad_(False)
    return trace(_bert(), _IDS), trace(frozen, _IDS)


def tied_embeddings() -> tuple[Architecture, Architecture]:
    return trace(_llama(), _IDS), trace(_llama(tie_word_embeddings=True), _IDS)


def activation() -> tuple[Architecture, Architecture]:
    deep = {"num_hidden_layers": 24}
    return trace(_bert(**deep), _IDS), trace(_bert(**deep, hidden_act="relu"), _IDS)


def dtype() -> tuple[Architecture, Architecture]:
    return trace(_llama(), _IDS), trace(_llama().to(torch.bfloat16), _IDS)


class UNet(nn.Module):
    def __init__(self, *, skip_first: bool = False) -> None:
        super().__init__()
        self.down, self.middle = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.up = nn.Conv2d(16, 4, 3, padding=1)
        self._skip_first = [skip_first]

    def forward(self, x):
        skip = torch.relu(self.down(x))
        deep = torch.relu(self.middle(nn.functional.max_pool2d(skip, 2)))
        deep = nn.functional.interpolate(deep, scale_factor=2)
        return self.up(torch.cat([skip, deep] if self._skip_first[0] else [deep, skip], dim=1))


def reordered_concat() -> tuple[Architecture, Architecture]:
    return trace(UNet(), _IMAGE), trace(UNet(skip_first=True), _IMAGE)


CASES = (
    Case(
        "torch upgrade",
        "Nobody touched the model. CI got a newer torch, with which `transformers` takes another path through the "
        "experts of a Qwen3-MoE. The last line says what differs from the recording.",
        torch_upgrade,
    ),
    Case(
        "refactor",
        "The query, key and value projections of a vision transformer became one, as `timm` has them. The outputs may "
        "be the same, the checkpoints are not.",
        refactor,
    ),
    Case(
        "rename",
        "An attribute got a better name. Nothing else has changed, and the rename map is all that an old checkpoint "
        "needs.",
        rename,
    ),
    Case("widened layer", "`intermediate_size` of a Llama went from 64 to 96.", widened),
    Case("removed residual", "One of six residual blocks no longer adds its input.", removed_residual),
    Case("frozen backbone", "`model.bert.requires_grad_(False)`: fine-tuning trains the head alone.", frozen_backbone),
    Case("tied embeddings", "`tie_word_embeddings=True`: the output layer now uses the embedding.", tied_embeddings),
    Case("activation in 24 layers", '`hidden_act="relu"` instead of `"gelu"` in a BERT of 24 layers.', activation),
    Case("dtype", "A Llama is built in bfloat16.", dtype),
    Case(
        "reordered concat",
        "The two operands of a skip connection changed places: every shape and every parameter is what it was, and a "
        "trained model computes nonsense.",
        reordered_concat,
    ),
)

_HEAD = """\
# Ten drifts

What a failing test says of ten edits that people make. A test holds this page against the models of
`tests/drift_cases.py`; `python tests/drift_cases.py` writes it anew. Left out are the lines that every message ends
with (the files, the command that accepts) and the versions where nothing differs.

Markers: `~` changed, `+` new, `-` gone, `>` renamed or moved. A place with braces stands for several, `x12` says how
many. What only follows from the edits is counted (`downstream`); `pytest -vv` tells it, or
`verbosity_assertions = 2` in pytest's ini.
"""


def page() -> str:
    """The page, from the goldens."""
    parts = [
        f"## {case.name.capitalize()}\n\n{case.story}\n\n```\n{case.golden.read_text(encoding='utf-8')}```\n"
        for case in CASES
    ]
    return "\n".join([_HEAD, *parts])


if __name__ == "__main__":
    for each in CASES:
        each.golden.write_text(each.told(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
