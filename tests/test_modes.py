"""Options of a trace: modes, devices and opaque parts."""

from __future__ import annotations

import warnings

import architectures
import models
import pytest
import torch
from test_tracing import Forward, X
from torch import nn

from pytest_nnviz import Options, diff, dumps, loads, trace
from pytest_nnviz.errors import TraceError, UnmatchedPatternWarning

IMAGE = torch.ones(1, 3, 8, 8)


def test_modes_set_and_give_back_what_each_module_had():
    model = models.ResNet().train()
    model.blocks[1].eval()
    had = [module.training for module in model.modules()]
    texts = {mode: dumps(Options(mode=mode).trace(model, IMAGE)) for mode in ("eval", "train", "as-is")}
    assert [module.training for module in model.modules()] == had
    assert "mode: eval\n" in texts["eval"]
    assert ", eval" not in texts["eval"]
    assert ", eval" not in texts["train"]
    assert "mode: train\n" in texts["as-is"]
    assert ", eval" in texts["as-is"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    "name", ["bert", "llama", "t5", "vit", "whisper", "nn.Transformer", "nn.LSTM", "dict in, dict out"]
)
def test_meta_gives_the_text_of_the_real_trace_and_leaves_the_tensors(name):
    model, inputs = architectures.build(name)
    before = [(id(tensor), tensor.device, tensor._version) for tensor in [*model.parameters(), *model.buffers()]]
    given = {key: value.clone() for key, value in inputs.items() if isinstance(value, torch.Tensor)}
    assert dumps(Options(device="meta").trace(model, **inputs)) == dumps(trace(model, **inputs))
    assert [(id(t), t.device, t._version) for t in [*model.parameters(), *model.buffers()]] == before
    assert all(torch.equal(inputs[key], value) for key, value in given.items())


OPAQUE = {
    "a path": ("blocks.1",),
    "paths": ("blocks.*",),
    "a class": ("models.Block",),
    "classes of a module": ("models.B*",),
    "any class of that name": ("*.Block",),
}


@pytest.mark.parametrize("kind", OPAQUE)
def test_an_opaque_part_is_one_call_with_its_shapes_and_parameters(kind):
    options = Options(opaque=OPAQUE[kind])
    traced = options.trace(models.ResNet(), IMAGE)
    text = dumps(traced)
    assert loads(text) == traced
    assert "  self.1(x=%0) -> f32[1, 8, 8, 8]\n" in text
    assert "conv1: Conv2d(in_channels=8" in text
    assert ("self.conv1(x)" in text) is (kind == "a path")
    assert traced.total_parameters == trace(models.ResNet(), IMAGE).total_parameters


def test_edits_inside_an_opaque_part_show_in_its_modules_alone():
    options = Options(opaque=("blocks.*",))
    plain = options.trace(models.ResNet(), IMAGE)

    class Block(models.Block):
        def forward(self, x):
            return super().forward(x) * 2

    Block.__qualname__ = "Block"
    other = models.ResNet()
    other.blocks = nn.Sequential(*(Block(8) for _ in range(3)))
    assert options.trace(other, IMAGE) == plain
    assert trace(other, IMAGE) != trace(models.ResNet(), IMAGE)
    frozen = models.ResNet()
    frozen.blocks[0].conv1.weight.requires_grad_(False)
    assert diff(plain, options.trace(frozen, IMAGE))


def test_a_pattern_that_matches_nothing_is_a_typo():
    with pytest.warns(
        UnmatchedPatternWarning, match=r"opaque='block\.\*' matches nothing in ResNet: give the path"
    ) as found:
        Options(opaque=("block.*", "blocks.*")).trace(models.ResNet(), IMAGE)
    assert [each.filename for each in found] == [__file__]  # points to the line that traces


def test_patterns_that_match_what_is_not_called_or_is_made_in_forward_are_none():
    model = Forward(lambda m, x: models.Caching()(x), spare=nn.Linear(2, 2))
    for pattern in ("spare", "*.Linear", "models.Caching"):
        Options(opaque=(pattern,)).trace(model, X)


def test_patterns_of_the_whole_project_need_not_match():
    options = Options(**Options.parse_ini({"opaque": "timm.layers.* blocks.*"}))
    assert options.opaque == ("timm.layers.*", "blocks.*")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        options.trace(models.ResNet(), IMAGE)


def test_an_opaque_part_may_read_values_that_meta_has_not_only_with_real_tensors():
    with pytest.raises(TraceError, match='device="as-is"'):
        Options(device="meta", opaque=("0",)).trace(nn.Sequential(models.Branching()), X)
    assert Options(opaque=("0",)).trace(nn.Sequential(models.Branching()), X)


class Merging(nn.Module):
    """Adds a low-rank product to its weight where it does not train, as adapters do, and never trains its norm."""

    def __init__(self):
        super().__init__()
        self.linear, self.norm = nn.Linear(4, 4), nn.BatchNorm1d(4)
        self.rank, self.merged = nn.Parameter(torch.ones(4, 4)), False

    def train(self, mode=True):
        super().train(mode)
        self.norm.eval()
        if self.merged is mode:
            self.linear.weight.data += -self.rank.data if mode else self.rank.data
            self.merged = not mode
        return self

    def forward(self, x):
        x = self.norm(self.linear(x))
        return x if self.merged else x + x @ self.rank


class Raising(Merging):
    def train(self, mode=True):
        super().train(mode)
        raise ValueError("no such mode")


@pytest.mark.parametrize("had", [True, False])
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_the_author_says_what_a_mode_is_and_all_comes_back(mode, had):
    model = Merging().train(had)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    text = dumps(Options(mode=mode).trace(model, X))
    assert (model.training, model.norm.training, model.merged) == (had, False, not had)
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert ("matmul" in text, "eval" in text.partition("[graph]")[0].partition("mode:")[2][7:]) == (
        mode == "train",
    ) * 2


def test_a_mode_that_cannot_be_set_changes_nothing():
    model = Raising()
    weight = model.linear.weight.clone()
    with pytest.raises(ValueError, match="no such mode"):
        Options().trace(model, X)
    assert (model.training, model.norm.training, model.merged) == (True, True, False)
    assert torch.equal(model.linear.weight, weight)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("had", [True, False])
def test_scripted_parts_are_in_the_mode_of_the_trace(had):
    def forward(m, x):
        seen.append(bool((m.dropout(torch.ones(99)) == 0).any()))
        return m.dropout(x)

    seen, model = [], Forward(forward, dropout=torch.jit.script(nn.Dropout(0.5)))
    model.train(had)
    for mode, drops in (("eval", False), ("train", True), ("as-is", had)):
        seen.clear()
        Options(mode=mode, values="fixed").trace(model, X)
        assert set(seen) == {drops}
        assert model.dropout.training is had
