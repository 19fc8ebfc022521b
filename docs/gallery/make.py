"""Draw the gallery: every picture of ``docs/gallery.md``, and the page itself.

``python docs/gallery/make.py [NAME ...]`` needs torch and transformers; nothing is downloaded.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import filters
import networks
import torch
import transformers as T
from torch import nn

from pytest_nnviz import Options, diff, loads, render
from pytest_nnviz.architecture import Architecture
from pytest_nnviz.drift import Drift

HERE = Path(__file__).parent
PAGE = HERE.with_suffix(".md")
ROOT = HERE.parent.parent
_TOKENS = torch.zeros(1, 32, dtype=torch.long)
_IMAGE = torch.zeros(1, 3, 224, 224)
_META = Options(device="meta")


@dataclass(frozen=True)
class Model:
    """A model of the gallery and what it is called with."""

    name: str
    build: Callable[[], nn.Module]
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    options: Options = _META
    view: dict[str, Any] = field(default_factory=dict)

    def trace(self) -> Architecture:
        with torch.device("meta" if self.options is _META else "cpu"):
            model = self.build()
        return self.options.trace(model, *self.args, **self.kwargs)


def _mixtral() -> nn.Module:
    """Small: which expert computes what is decided by values, which the meta device has not."""
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2}
    return T.MixtralForCausalLM(T.MixtralConfig(num_hidden_layers=4, vocab_size=1000, **sizes))


MODELS = (
    Model("MLP", networks.MultiLayerPerceptron, (torch.zeros(1, 8),)),
    Model(
        "MLP with parameters",
        networks.MultiLayerPerceptron,
        (torch.zeros(1, 8),),
        view={"show_parameters": True},
    ),
    Model("Tutorial CNN", networks.TutorialNet, (torch.zeros(1, 1, 28, 28),)),
    Model("LSTM", networks.RecurrentClassifier, (_TOKENS,)),
    Model("ResNet-50", networks.ResNet, (_IMAGE,)),
    Model("DenseNet-121", networks.DenseNet, (_IMAGE,)),
    Model("U-Net", networks.UNet, (torch.zeros(1, 3, 256, 256),)),
    Model("Swin-T", networks.SwinTransformer, (_IMAGE,)),
    Model("BERT", lambda: T.BertForSequenceClassification(T.BertConfig()), (_TOKENS,)),
    Model("GPT-2", lambda: T.GPT2LMHeadModel(T.GPT2Config()), (_TOKENS,)),
    Model("Llama", lambda: T.LlamaForCausalLM(T.LlamaConfig()), (_TOKENS,)),
    Model(
        "T5",
        lambda: T.T5ForConditionalGeneration(T.T5Config()),
        kwargs={"input_ids": _TOKENS, "decoder_input_ids": _TOKENS},
    ),
    Model(
        "Whisper",
        lambda: T.WhisperForConditionalGeneration(T.WhisperConfig()),
        kwargs={"input_features": torch.zeros(1, 80, 3000), "decoder_input_ids": _TOKENS},
    ),
    Model("Mixtral", _mixtral, (_TOKENS,), options=Options(values="fixed")),
    Model("Mamba", lambda: T.MambaForCausalLM(T.MambaConfig()), (_TOKENS,)),
    Model("ViT", lambda: T.ViTForImageClassification(T.ViTConfig()), (_IMAGE,)),
    Model("CLIP", lambda: T.CLIPModel(T.CLIPConfig()), (_TOKENS, _IMAGE)),
)

_PAGE = """# Gallery

Every picture of models and drifts is what `pytest_nnviz.render` draws of a model, or of an edit of one, when nothing
else is asked for; the second alone is `render(trace(model, x), show_parameters=True)`, the graph that
`torchviz.make_dot` is known for.
`python docs/gallery/make.py` makes them all (with torch and transformers; nothing is downloaded).

"""

_DRIFTS = """What changed, in words: [ten drifts](drift.md).
"""


_FILTERS = """What `nnviz_filters` stores of a layer, a sheet and a text (here its beginning), and what it says and
draws when the layer was edited. Random weights aside, the filters are waves, so that there is something to see.

"""


def drifts() -> dict[str, Callable[[], Drift]]:
    """The edits of `docs/drift.md`."""
    sys.path.insert(0, str(ROOT / "tests"))
    from drift_cases import CASES

    from pytest_nnviz import dumps

    def drift(pair: Callable[[], tuple[Architecture, Architecture]]) -> Drift:
        old, new = pair()
        return diff(loads(dumps(old)), loads(dumps(new)))

    return {case.name: lambda case=case: drift(case.pair) for case in CASES}


def stories() -> dict[str, str]:
    """What was edited, by the name of the edit."""
    from drift_cases import CASES

    return {case.name: case.story for case in CASES}


def stem(name: str) -> str:
    """What the file of a picture is called."""
    return name.lower().replace(" ", "_")


def page(models: list[str], edits: dict[str, str]) -> str:
    """The page with a picture for each model, and for each edit, whose story comes first."""
    pictures = {name: f"![{name}](gallery/{stem(name)}.svg)" for name in (*models, *edits)}
    drawn = "\n".join(f"### {name}\n\n{pictures[name]}\n" for name in models)
    edited = "\n".join(f"### {name}\n\n{story}\n\n{pictures[name]}\n" for name, story in edits.items())
    filters_ = f"## Filters\n\n{_FILTERS}{filters.part()}"
    return f"{_PAGE}## Models\n\n{drawn}\n## Drifts\n\n{_DRIFTS}\n{edited}\n{filters_}"


def main(names: list[str]) -> None:
    """Draw what is named, else all."""
    warnings.simplefilter("ignore")
    models = {model.name: model.trace for model in MODELS}
    edits = drifts()
    things: dict[str, Callable[[], Architecture | Drift]] = {**models, **edits}
    views = {model.name: model.view for model in MODELS}
    for name in [name for name in names if name != "filters"] if names else things:
        picture = render(things[name](), **views.get(name, {}))
        (HERE / f"{stem(name)}.svg").write_text(str(picture), encoding="utf-8", newline="\n")
    if not names or "filters" in names:
        filters.main()
    PAGE.write_text(page(list(models), stories()), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
