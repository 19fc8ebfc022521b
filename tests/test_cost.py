"""FLOPs of the forward pass: what is counted, that nothing else changes, and how a drift of them reads."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import Project
from made_up import linear, model
from torch import nn

from pytest_nnviz import Options, diff, dumps, loads
from pytest_nnviz.errors import TextError, TraceError, UntrackedTensorWarning
from pytest_nnviz.gates import GATES, Gates
from pytest_nnviz.wording import headline, words

COUNTED = Options(flops=True)
X = torch.zeros(1, 4, 8)
IMAGE = torch.zeros(1, 3, 8, 8)


class Calls(nn.Module):
    """A module of one function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args):
        return self.function(*args)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x)


def attend(**options):
    return Calls(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, **options))


Q = torch.zeros(1, 4, 16, 8)
LINEAR = 2 * 4 * 8 * 16  # rows, in, out; two for a multiply-accumulate
ENCODER = 2 * 4 * 8 * (24 + 8 + 16 + 16) + 2 * 2 * (2 * 4 * 4 * 4)  # projections and feed-forward, then two products
CASES = {
    "linear": (nn.Linear(8, 16), (X,), LINEAR),
    "no bias": (nn.Linear(8, 16, bias=False), (X,), LINEAR),
    "convolution": (nn.Conv2d(3, 5, 3, padding=1), (IMAGE,), 2 * 64 * 5 * 27),
    "groups": (nn.Conv1d(4, 8, 3, groups=2), (X,), 2 * 6 * 8 * 2 * 3),
    "transposed": (nn.ConvTranspose2d(3, 5, 2, stride=2), (IMAGE,), 2 * 64 * 3 * 5 * 4),
    "attention": (attend(), (Q, Q, Q), 2 * 2 * 4 * 16 * 16 * 8),
    "causal": (attend(is_causal=True), (Q, Q, Q), 2 * 2 * 4 * 16 * 16 * 8),
    "grouped": (attend(enable_gqa=True), (Q, Q[:, :2], Q[:, :2]), 2 * 2 * 4 * 16 * 16 * 8),
    "multihead": (Attention(), (X,), 2 * 4 * 8 * 32 + 2 * 2 * (2 * 4 * 4 * 4)),
    "encoder": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (X,), ENCODER),
    "lstm": (nn.LSTM(8, 4, batch_first=True), (X,), 2 * 4 * 16 * (8 + 4)),
    "gru": (nn.GRU(8, 4, batch_first=True), (X,), 2 * 4 * 12 * (8 + 4)),
    "einsum": (Calls(lambda a: torch.einsum("bij,bkj->bik", a, a)), (X,), 2 * 4 * 4 * 8),
    "not counted": (nn.Sequential(nn.LayerNorm(8), nn.GELU(), nn.Softmax(-1)), (X,), 0),
}


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("name", list(CASES))
def test_as_many_on_every_device(name: str, mode: str) -> None:
    net, args, flops = CASES[name]
    for device in ("as-is", "meta"):
        assert COUNTED.using(device=device, mode=mode).trace(net, *args).flops == flops, device


@pytest.mark.parametrize("name", list(CASES))
def test_counting_changes_nothing_else(name: str) -> None:
    net, args, _ = CASES[name]
    counted, plain = COUNTED.trace(net, *args), Options().trace(net, *args)
    assert plain.flops is None
    assert replace(counted, flops=None) == plain
    assert dumps(plain) == dumps(counted).replace(f"flops: {counted.flops:,}\n", "")


def test_the_switches_of_fused_kernels_are_put_back() -> None:
    def switches():
        cuda = torch.backends.cuda
        fused = (cuda.flash_sdp_enabled(), cuda.mem_efficient_sdp_enabled(), cuda.math_sdp_enabled())
        return (*fused, torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled)

    before = switches()
    COUNTED.trace(nn.Linear(8, 16), X)
    assert switches() == before
    with pytest.raises(ZeroDivisionError):
        COUNTED.trace(Calls(lambda x: 1 / 0), X)
    assert switches() == before


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
@pytest.mark.parametrize("layout", [torch.strided, torch.jagged])
def test_nested_tensors_are_refused_by_name(layout: torch.layout) -> None:
    nested = torch.nested.nested_tensor([torch.ones(2, 8), torch.ones(3, 8)], layout=layout)
    module = nn.ModuleDict({"fc": nn.Linear(8, 8)})
    module.forward = lambda x: module["fc"](x)
    for traced, call in ((Calls(lambda x: F.linear(x, torch.ones(8, 8))), "linear(...) in"), (module, "pass of fc at")):
        with pytest.raises(TraceError) as raised:
            COUNTED.trace(traced, nested)
        said = str(raised.value)
        assert said.startswith("FLOPs of nested tensors cannot be counted, as torch's own counter does not run on them")
        assert call in said
        assert f"{__file__}:" in said
        assert "Ways out: flops=False" in said


def test_other_errors_are_passed_on_while_counting() -> None:
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        COUNTED.trace(nn.Linear(9, 3), X)


def test_a_model_without_forward_has_none() -> None:
    assert COUNTED.using(forward=False).trace(nn.Linear(8, 16)).flops is None


def of(flops: int | None, size: int = 8):
    return replace(model([("a", linear(8, size))]), flops=flops)


@pytest.mark.parametrize("flops", [None, 0, 12, 1_234_567_890])
def test_the_text_has_them_where_they_were_counted(flops: int | None) -> None:
    text = dumps(of(flops))
    assert ("\nflops: " in text) is (flops is not None)
    assert loads(text) == of(flops)
    assert (loads(text) == of(7)) is False


@pytest.mark.parametrize("broken", ["12,34", "1 234", "-1", "many", "1e9", ""])
def test_a_damaged_number_is_named(broken: str) -> None:
    with pytest.raises(TextError, match="line 10"):
        loads(dumps(of(1234)).replace("flops: 1,234", f"flops: {broken}"))


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (None, 1234, "+ (model)  flops 1,234, not counted before  changes the cost"),
        (1234, None, "- (model)  flops 1,234, not counted now  changes the cost"),
        (1234, 2468, "~ (model)  flops 1,234 -> 2,468  changes the cost"),
    ],
)
def test_how_they_read_alone(old: int | None, new: int | None, line: str) -> None:
    drift = diff(of(old), of(new))
    assert words(drift)[0] == line
    assert (
        headline(drift, "t") == f"changes the cost: {line.partition('  ')[2].removesuffix('  changes the cost')} in t"
    )
    assert words(drift, gate=frozenset(GATES) - {"cost"})[0] == "not gated:"


def test_they_follow_from_any_other_change() -> None:
    drift = diff(of(128), of(256, size=16))
    assert [line for line in words(drift) if "flops" in line] == ["flops 128 -> 256 (+100.0 %)"]
    assert words(drift, gate=Gates.of("cost"))[0] == "~ (model)  flops 128 -> 256  changes the cost"
    counted = diff(of(None), of(256, size=16))
    assert any("not counted before" in line for line in words(counted))


def test_options(project: Project) -> None:
    project.write("pytest.ini", "[pytest]\nnnviz_flops = yes\n")
    project.write("test_m.py", "def test(nnviz_snapshot): assert nnviz_snapshot._options.flops is True")
    assert project.pytest().ret == 0


def test_how_tensors_are_made_does_not_show_where_flops_are_counted() -> None:
    net = Calls(lambda x: x + torch.tensor([1.0] * 8) + torch.FloatTensor([2.0] * 8) + torch.from_numpy(np.ones(8)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UntrackedTensorWarning)
        assert replace(COUNTED.trace(net, X), flops=None) == Options().trace(net, X)
