"""Summary tables of real models: as torchinfo has them, exact where it is not, and where it gives up."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

import architectures
import models
import pytest
import torch
import torchinfo
import transformers as T
from torch import nn
from torch.nn.utils import prune

from pytest_nnviz.errors import TraceError
from pytest_nnviz.options.summary import COL_NAMES, SummaryOptions
from pytest_nnviz.summaries import Summary, loads, summarize

X = torch.ones(1, 3, 8, 8)
SHORT = ("output_size", "num_params")


def table(model: nn.Module, *args: Any, kwargs: dict[str, Any] | None = None, **options: Any) -> Summary:
    return summarize(SummaryOptions(**{"col_names": COL_NAMES, **options}), model, args, kwargs)


def cells(summary: Summary, col_name: str) -> dict[str, str]:
    at = summary.col_names.index(col_name)
    return {row.path: row.cells[at] for row in summary.rows}


# torchinfo's own print

UNTIED = [
    *(
        "bert",
        "roberta",
        "electra",
        "distilbert",
        "deberta",
        "llama",
        "qwen2",
        "phi",
        "gpt_neox",
        "mixtral",
        "wav2vec2",
    ),
    *("vit", "swin", "convnext", "resnet", "segformer", "clip", "xlnet", "longformer", "rwkv", "mamba2"),
    *architectures.PLAIN,
]


def drawn_rows(text: str) -> list[tuple[int, list[str]]]:
    """How far each row of a table is indented, and its cells."""
    lines = re.split(r"^=+$", text, flags=re.MULTILINE)[2].strip("\n").split("\n")
    bare = [line.lstrip("│├└─ ") for line in lines]
    return [(len(line) - len(rest), re.split(r" {2,}", rest)) for line, rest in zip(lines, bare, strict=True)]


@pytest.mark.filterwarnings("ignore")  # torchinfo's own
@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize("name", UNTIED)
def test_rows_and_totals_are_those_of_torchinfo(name: str, depth: int) -> None:
    """In all columns; where torchinfo finds no shape in what a module was handed or returned, there may be one."""
    model, inputs = architectures.build(name)
    settings = {"depth": depth, "col_names": COL_NAMES, "row_settings": ("var_names", "depth")}
    ours = table(model, kwargs=inputs, **settings)
    theirs = torchinfo.summary(model, input_data=inputs, verbose=0, col_width=60, **settings)
    rows, expected = drawn_rows(ours.text), drawn_rows(str(theirs))
    assert len(rows) == len(expected)
    for (indent, found), (same_indent, known) in zip(rows, expected, strict=True):
        assert (indent, found[0]) == (same_indent, known[0])
        assert [a for a, b in zip(found, known, strict=True) if b != "--"] == [b for b in known if b != "--"]
    totals = (ours.total_params, ours.trainable_params, ours.total_mult_adds)
    assert totals == (theirs.total_params, theirs.trainable_params, theirs.total_mult_adds)
    assert ours.remark == ""


@pytest.mark.parametrize("name", ["bert", "gpt2", "resnet"])
def test_without_a_forward_pass_the_tree_is_as_in_torchinfo(name: str) -> None:
    model, _ = architectures.build(name)
    settings = {"depth": 3, "col_names": ("num_params", "kernel_size", "trainable"), "row_settings": ("depth",)}
    ours = table(model, forward=False, **settings)
    theirs = torchinfo.summary(model, verbose=0, col_width=60, **settings)
    assert drawn_rows(ours.text) == drawn_rows(str(theirs))
    assert ours.total_mult_adds is None


# Totals of tied models

TIED = {
    "BERT for MLM": lambda: (T.BertForMaskedLM(T.BertConfig(**architectures.SMALL)), {"input_ids": architectures.IDS}),
    **{name: lambda name=name: architectures.build(name) for name in ("gpt2", "t5", "whisper", "bart", "gemma")},
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", list(TIED))
def test_tied_weights_are_counted_once_and_the_foot_says_so(name: str) -> None:
    model, inputs = TIED[name]()
    ours = table(model, kwargs=inputs)
    assert ours.total_params == sum(p.numel() for p in model.parameters())
    assert ours.trainable_params == sum(p.numel() for p in model.parameters() if p.requires_grad)
    theirs = torchinfo.summary(model, input_data=inputs, verbose=0)
    assert theirs.total_params > ours.total_params
    assert ours.remark.startswith(f"torchinfo says {theirs.total_params:,}: ")
    assert ours.remark.endswith(", counted once here")
    assert f"Total params: {ours.total_params:,}  ({ours.remark})\n" in ours.text


def test_the_foot_names_what_is_tied() -> None:
    model, inputs = architectures.build("gpt2")
    assert "lm_head.weight is transformer.wte.weight, counted" in table(model, kwargs=inputs).remark


def test_many_ties_are_counted() -> None:
    layers = [nn.Linear(2, 2) for _ in range(6)]
    for layer in layers:
        layer.weight = layers[0].weight
    remark = table(nn.Sequential(*layers), torch.ones(1, 2)).remark
    assert (
        remark == "torchinfo says 36: 1.weight is 0.weight, 2.weight is 0.weight, 3.weight is 0.weight, and 2 more, "
        "counted once here"
    )


@pytest.mark.filterwarnings("ignore")
def test_a_layer_that_is_called_again_is_counted_once_by_torchinfo_too() -> None:
    """Whichever of the tied layers is the one that is called again, in a container that is called again or not."""
    tied = [nn.Linear(4, 4, bias=False) for _ in range(3)]
    tied[2].weight = tied[1].weight = tied[0].weight
    block = nn.Sequential(tied[1], nn.Linear(4, 4))
    model = nn.Sequential(tied[0], block, tied[0], block, tied[2])
    theirs = torchinfo.summary(model, input_data=H, verbose=0)
    assert table(model, H).remark.startswith(f"torchinfo says {theirs.total_params:,}: ")


def test_a_parameter_that_a_row_below_has_too_is_no_parameter_of_its_own() -> None:
    """In BERT the head holds the bias of its decoder, which torchinfo leaves out of the head's row too."""
    model, inputs = TIED["BERT for MLM"]()
    assert cells(table(model, kwargs=inputs, depth=4), "num_params")["cls.predictions"] == "--"


def test_own_parameters_stay_beside_tied_ones() -> None:
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(7))
            self.a, self.b = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.b(self.a(x)) * self.scale.sum()

    assert cells(table(Tied(), torch.ones(1, 2)), "num_params")[""] == "7"


def test_pruned_weights_count_as_they_are_stored() -> None:
    model = nn.Sequential(prune.random_unstructured(nn.Linear(4, 4), "weight", 0.5))
    summary = table(model, torch.ones(1, 4))
    assert summary.total_params == 20
    assert summary.total_mult_adds == 20


# What torchinfo refuses


@dataclass
class Output:
    logits: torch.Tensor
    extra: object = None


class Form(nn.Module):
    """A forward of any form around one layer."""

    def __init__(self, forward):
        super().__init__()
        self.fc = nn.Linear(4, 2)
        self._forward = forward

    def forward(self, *args, **kwargs):
        return self._forward(self.fc, *args, **kwargs)


H = torch.ones(3, 4)
FORMS = {
    "a dict as one argument": (lambda fc, batch: fc(batch["x"]), ({"x": H},), {}, "[3, 4]", "[3, 2]"),
    "keyword-only": (lambda fc, *, x: fc(x), (), {"x": H}, "[3, 4]", "[3, 2]"),
    "dataclass output": (lambda fc, x: Output(fc(x)), (H,), {}, "[3, 4]", "[3, 2]"),
    "nested": (lambda fc, x: {"a": [({"b": fc(x["y"][0])},)]}, ({"y": [H]},), {}, "[3, 4]", "[3, 2]"),
    "None first": (lambda fc, _, x: (None, fc(x)), (None, H), {}, "[3, 4]", "[3, 2]"),
    "nothing returned": (lambda fc, x: print(end=str(fc(x))[:0]), (H,), {}, "[3, 4]", "--"),
    "a scalar": (lambda fc, x: fc(x).sum(), (H,), {}, "[3, 4]", "[]"),
    "a number": (lambda fc, x, k: (k, fc(x)), (H, 2), {}, "[3, 4]", "[3, 2]"),
}


@pytest.mark.parametrize("name", list(FORMS))
def test_inputs_and_outputs_of_any_form(name: str) -> None:
    forward, args, kwargs, handed, returned = FORMS[name]
    summary = table(Form(forward), *args, kwargs=kwargs)
    assert (cells(summary, "input_size")[""], cells(summary, "output_size")[""]) == (handed, returned)
    assert cells(summary, "output_size")["fc"] == "[3, 2]"
    assert loads(summary.text) == summary


def test_a_module_that_returns_nothing_may_have_weights() -> None:
    class Silent(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3))

        def forward(self, x):
            return None

    summary = table(Silent(), H)
    assert summary.rows[0].cells[COL_NAMES.index("output_size")] == "--"
    assert (summary.total_params, summary.total_mult_adds) == (3, 0)


# The model stays as it was


class Busy(nn.Module):
    """Writes to everything that it has."""

    def __init__(self, *, fails: bool = False):
        super().__init__()
        self.norm, self.drop, self.fails = nn.BatchNorm1d(4), nn.Dropout(), fails
        self.register_buffer("steps", torch.zeros(1))
        self.log: list[int] = []

    def forward(self, x):
        self.steps += 1
        self.log.append(1)
        self.cache = x
        self.norm.weight.data.mul_(2)
        if self.fails:
            raise RuntimeError("no more")
        return self.drop(self.norm(x)).add_(torch.rand(1))


def state(model: Busy) -> tuple[object, ...]:
    bytes_of = {name: tensor.numpy().tobytes() for name, tensor in model.state_dict().items()}
    hooks = [(len(m._forward_hooks), len(m._forward_pre_hooks), m.training) for m in model.modules()]
    return bytes_of, hooks, list(model.log), sorted(vars(model)), torch.get_rng_state().numpy().tobytes()


@pytest.mark.parametrize("mode", ["eval", "train", "as-is"])
def test_a_model_is_handed_back_as_it_was(mode: str) -> None:
    model = Busy()
    model.drop.eval()
    before, call = state(model), nn.Module.__call__
    assert table(model, torch.ones(3, 4), mode=mode).mode == ("eval" if mode == "eval" else "train")
    assert state(model) == before
    assert nn.Module.__call__ is call


def test_also_one_whose_forward_raises() -> None:
    model = Busy(fails=True)
    before = state(model)
    with pytest.raises(RuntimeError, match="no more"):
        table(model, torch.ones(3, 4))
    assert state(model) == before


def test_forward_runs_once() -> None:
    calls = []
    model = Form(lambda fc, x: calls.append(1) or fc(x))
    table(model, H)
    assert calls == [1]


# Rows


def test_meta_devices_make_the_same_table() -> None:
    model = models.ResNet()
    on_meta = table(model, X, device="meta")
    assert on_meta.text == table(model, X).text
    with torch.device("meta"):
        assert table(models.ResNet(), torch.empty(1, 3, 8, 8)).text == on_meta.text


def test_frozen_parameters_show() -> None:
    model = models.ResNet()
    model.stem.requires_grad_(False)
    model.blocks[0].bn1.weight.requires_grad_(False)
    summary = table(model, X)
    assert cells(summary, "num_params")["stem"] == "(224)"
    assert {path: cells(summary, "trainable")[path] for path in ("", "stem", "blocks.0.bn1", "drop")} == {
        "": "Partial",
        "stem": "False",
        "blocks.0.bn1": "Partial",
        "drop": "--",
    }
    assert summary.total_params - summary.trainable_params == 232


class Sharing(nn.Module):
    """One block at two places, and a layer that is called twice."""

    def __init__(self):
        super().__init__()
        block = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.first, self.second = nn.ModuleDict({"block": block}), nn.ModuleDict({"block": block})
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(self.second["block"](self.act(self.first["block"](x))))


def test_a_module_at_several_places_has_a_row_at_each_call() -> None:
    rows = [(row.path, row.cells[0]) for row in table(Sharing(), H, col_names=("num_params",)).rows]
    assert rows == [
        ("", "--"),
        ("first", "--"),
        ("first.block", "--"),
        ("first.block.0", "20"),
        ("first.block.1", "--"),
        ("act", "--"),
        ("second", "--"),
        ("second.block", "(recursive)"),
        ("second.block.0", "(recursive)"),
        ("second.block.1", "--"),
        ("act", "--"),
    ]


def test_rows_that_were_shown_can_be_hidden_but_not_above_others() -> None:
    class Again(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts, self.mid = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)]), nn.Linear(4, 4)

        def forward(self, x):
            return self.parts[1](self.mid(self.parts[0](self.parts[0](x))))

    settings = {"row_settings": ("var_names", "hide_recursive_layers"), "col_names": ("num_params",)}
    rows = [(row.path, row.cells[0]) for row in table(Again(), H, **settings).rows]
    assert rows == [
        ("", "--"),
        ("parts", "--"),
        ("parts.0", "20"),
        ("mid", "20"),
        ("parts", "(recursive)"),
        ("parts.1", "20"),
    ]


def test_a_model_that_calls_itself() -> None:
    class Recursive(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x, again=True):
            return self.fc(self(x, again=False) if again else x)

    summary = table(Recursive(), H)
    assert [row.path for row in summary.rows] == ["", "", "fc", "fc"]
    assert summary.total_mult_adds == 120
    assert loads(summary.text) == summary


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # torch's own, of scripting
def test_scripted_modules_have_a_row() -> None:
    model = nn.Sequential(torch.jit.script(nn.Sequential(nn.Linear(4, 4))), nn.ReLU())
    summary = table(model, H, col_names=SHORT)
    assert [(row.class_name, row.cells) for row in summary.rows][1] == ("Sequential", ("[3, 4]", "20"))


def test_lazy_modules_are_counted_once_they_have_run() -> None:
    model = nn.Sequential(nn.LazyLinear(2))
    with pytest.raises(TraceError, match=r"0.weight is lazy"):
        table(model, forward=False)
    assert table(model, H).total_params == 10


@pytest.mark.parametrize("name", ["a b", "x (y): 1-1", "├─", "\n", "`", "ü", "=" * 50, "[end]"])
def test_hostile_names_read_back(name: str) -> None:
    model = nn.Sequential()
    model.add_module(name, type(name.replace(" ", "") or "x", (nn.Linear,), {})(4, 4))
    summary = table(model, H)
    assert loads(summary.text) == summary
    assert len(summary.text.split("\n")) == len(table(nn.Sequential(nn.Linear(4, 4)), H).text.split("\n"))


def test_nothing_sticks_out_of_its_column() -> None:
    class Wide(nn.Module):
        def forward(self, x):
            return x.reshape([1] * 20 + [12])

    summary = table(nn.Sequential(Wide()), H)
    assert loads(summary.text) == summary
    line = next(line for line in summary.text.split("\n") if "Wide" in line)
    assert line.index("[1, 1") == summary.text.split("\n")[9].index("Output Shape")


def test_the_first_line_and_the_last() -> None:
    lines = table(models.ResNet(), X).text.split("\n")
    assert lines[0] == "nnviz-summary 1"
    assert lines[-2:] == ["[end]", ""]


# Size


def seconds(count: int) -> float:
    model = nn.Sequential(*(nn.Sequential(nn.Linear(2, 2), nn.ReLU()) for _ in range(count // 3)))
    table(model, forward=False)
    took = []
    for _ in range(3):  # the collector looks through all that is there when it likes
        start = time.process_time()
        loads(table(model, forward=False).text)
        took.append(time.process_time() - start)
    return min(took)


def test_the_work_grows_with_the_size() -> None:
    assert seconds(4_000) < 8 * seconds(1_000)
