"""The options of nnviz_summary, and its verdicts."""

from __future__ import annotations

import re

import models
import pytest
import torch
from torch import nn

from pytest_nnviz.errors import OptionError, TraceError
from pytest_nnviz.options import SummaryOptions
from pytest_nnviz.summaries import drawing
from pytest_nnviz.summaries.checking import SummaryVerdict, check
from pytest_nnviz.summaries.reading import loads
from pytest_nnviz.verdict import Room, Status, Where, message

X = torch.ones(1, 3, 8, 8)


def checked(model=None, *args, stored=None, updates="nothing", kwargs=None, **options) -> SummaryVerdict:
    model = model or models.ResNet()
    return check(SummaryOptions(**options), model, args, kwargs or {}, stored=stored, updates=updates)


TEXT = checked(None, X).text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"depth": -1}, "depth=-1: give a number from 0"),
        ({"depth": True}, "depth=True: give a number"),
        ({"col_names": ("output_shape",)}, "'output_size', 'num_params'"),
        ({"col_names": ("num_params", "num_params")}, "each once"),
        ({"col_names": "num_params"}, r"as col_names=\('trainable',\)"),
        ({"row_settings": [["var_names"]]}, "choose some of 'ascii_only', 'depth'"),
        ({"mode": "training"}, "choose one of 'eval', 'train', 'as-is'"),
        ({"verbose": 2}, "unknown option 'verbose'.*options: name, depth, col_names"),
    ],
)
def test_a_bad_option_is_refused_with_the_choices(options: dict, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        SummaryOptions().using(**options)


def test_options_of_a_project_are_texts() -> None:
    found = SummaryOptions.parse_ini({"depth": "2", "col_names": "num_params, trainable", "row_settings": ["depth"]})
    options = SummaryOptions(**found)
    assert (options.depth, options.col_names, options.row_settings) == (2, ("num_params", "trainable"), ("depth",))


@pytest.mark.parametrize(
    ("stored", "updates", "status"),
    [
        (None, "nothing", Status.MISSING),
        (None, "new", Status.RECORDED),
        (None, "all", Status.RECORDED),
        (TEXT, "nothing", Status.PASSED),
        (TEXT, "all", Status.PASSED),
        (TEXT.replace("Linear (head)", "Linear (tail)"), "nothing", Status.DRIFTED),
        (TEXT.replace("Linear (head)", "Linear (tail)"), "new", Status.DRIFTED),
        (TEXT.replace("Linear (head)", "Linear (tail)"), "all", Status.ACCEPTED),
        (TEXT[:200], "nothing", Status.DAMAGED),
        (TEXT[:200], "all", Status.ACCEPTED),
    ],
)
def test_what_becomes_of_a_call(stored: str | None, updates: str, status: Status) -> None:
    verdict = checked(None, X, stored=stored, updates=updates)
    assert verdict.status is status
    assert verdict.kept == TEXT
    assert verdict.failed == (status in (Status.MISSING, Status.DRIFTED, Status.DAMAGED))


def test_a_table_that_is_wider_than_it_has_to_be_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As another version of torchinfo, or of this package, may draw it."""
    monkeypatch.setattr(drawing, "widths_of", lambda rows: (52, 31))
    stored = drawing.draw(loads(TEXT))
    assert stored != TEXT
    assert loads(stored) == loads(TEXT)
    monkeypatch.undo()
    verdict = checked(None, X, stored=stored)
    assert (verdict.status, verdict.kept) == (Status.PASSED, stored)
    accepted = checked(None, X, stored=stored, updates="all")
    assert accepted.words("test_arch", Room()) == ["the text is written in another way in test_arch, and says the same"]


def test_words_of_a_drift() -> None:
    model = models.ResNet()
    model.blocks[1].conv1 = nn.Conv2d(8, 8, 5, padding=2)
    verdict = checked(model, X, stored=TEXT)
    where = Where("test_arch", "a.nnsummary", "pytest --snapshot-update a.py::test_arch", "artifacts/a")
    assert message(verdict, where, Room(100)).split("\n") == [
        "summary drifted: blocks.1.conv1 Param # 576 -> 1,608 in test_arch",
        "  ~ blocks.1.conv1  Param # 576 -> 1,608",
        "  Total params 3,816 -> 4,848",
        "  Total mult-adds 235,652 -> 301,700",
        "  expected  a.nnsummary",
        "  artifacts artifacts/a",
        "  if intended: pytest --snapshot-update a.py::test_arch",
    ]
    assert verdict.causes == ["Conv2d Param # 576 -> 1,608"]


def test_no_inputs_no_shapes() -> None:
    verdict = checked()
    assert verdict.summary.col_names == ("num_params",)
    assert "Mult-Adds" not in verdict.text
    assert verdict.advice == ["called without inputs: parameters alone, no shapes"]
    assert checked(forward=False).text == verdict.text
    assert checked(forward=False).advice == []


def test_a_forward_that_takes_nothing_runs() -> None:
    class Generator(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(2, 3)

        def forward(self):
            return self.fc(torch.ones(1, 2))

    assert checked(Generator()).summary.rows[0].cells == ("[1, 3]", "--")


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(TraceError, match=r"got a str, not a torch.nn.Module"):
        checked("resnet", X)


def test_an_option_among_the_inputs_is_told_from_them() -> None:
    with pytest.raises(TraceError, match=r"takes no 'depth': if the option is meant, nnviz_summary.using\(depth=2\)"):
        checked(None, X, kwargs={"depth": 2})


def test_inputs_without_a_forward_are_refused() -> None:
    with pytest.raises(TraceError, match="leave the inputs out"):
        checked(None, X, forward=False)


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (TEXT.replace("nnviz-summary 1", "nnviz-summary 2"), "newer pytest-nnviz"),
        (TEXT.replace("nnviz-summary 1", "nnviz 1"), "line 1: not a summary"),
        (TEXT.replace("mode: eval", "<<<<<<< HEAD\nmode: eval"), "line 4: holds a conflict marker"),
        (TEXT[: TEXT.index("Total params")], "cut off"),
        (
            TEXT.replace("Total params: 3,816", "Total params: 3816"),
            "expected 'Total params: ' and a number like 1,024",
        ),
        (TEXT.replace("Trainable params: 3,816", "Trainable params: 3,817"), "cannot be trainable"),
        (TEXT.replace("[1, 8, 8, 8]", "[1, 8, 8; 8]", 1), "line 13: .* stands in the column 'Output Shape'"),
        (TEXT.replace("│    └─Block", "│    │    │    └─Block", 1), "line 15: a row at depth"),
        (TEXT.replace("├─Conv2d (stem)", "├─Conv2d  stem ", 1), "line 13: expected 'Class"),
        (TEXT.replace("row_settings: var_names", "row_settings: names"), "row_settings are some of"),
        (TEXT.replace("\n", "\r\n"), "not a summary|expected"),
    ],
)
def test_a_damaged_text_is_said_to_be(stored: str, said: str) -> None:
    verdict = checked(None, X, stored=stored)
    assert verdict.status is Status.DAMAGED
    assert re.search(said, str(verdict.damage)), verdict.damage


def test_drawing_what_was_read_gives_the_text() -> None:
    assert drawing.draw(loads(TEXT)) == TEXT


def test_a_headline_has_what_the_layer_itself_decides_first() -> None:
    shown = {"col_names": ("input_size", "output_size", "num_params", "mult_adds")}
    stored = checked(None, X, **shown).text
    verdict = checked(models.ResNet(16), X, stored=stored, **shown)
    assert verdict.words("test_arch", Room())[0] == (
        "summary drifted: stem Param # 224 -> 448, Output Shape [1, 8, 8, 8] -> [1, 16, 8, 8], "
        "Mult-Adds 14,336 -> 28,672 (+3 more) in test_arch"
    )


def test_equal_edits_are_one_line_with_their_places() -> None:
    verdict = checked(models.ResNet(16), X, stored=TEXT)
    assert "~ blocks.{0..2}.{conv1,conv2}  Output Shape [1, 8, 8, 8] -> [1, 16, 8, 8], Param # 576 -> 2,304  x6" in (
        verdict.words("test_arch", Room())
    )


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (lambda m: m.blocks.append(models.Block(8)), "+ blocks.3  Block with 4 rows in it"),
        (lambda m: m.blocks.insert(1, nn.ReLU()), "+ blocks.1  ReLU"),
        (lambda m: setattr(m, "drop", nn.Identity()), "~ drop  Dropout -> Identity"),
        (
            lambda m: setattr(m.blocks[0], "bn1", nn.Identity()),
            "~ blocks.0.bn1  BatchNorm2d -> Identity, Param # 16 -> --",
        ),
        (lambda m: m.head.requires_grad_(False), "~ head  Param # 36 -> (36)"),
    ],
)
def test_each_edit_in_words(edit, line: str) -> None:
    model = models.ResNet()
    edit(model)
    assert checked(model, X, stored=TEXT).words("test_arch", Room())[1] == line


def test_another_input_is_one_change_of_the_model() -> None:
    shown = {"col_names": ("input_size", "output_size")}
    verdict = checked(None, torch.ones(1, 3, 16, 16), stored=checked(None, X, **shown).text, **shown)
    told = verdict.words("test_arch", Room())
    assert told[1:3] == [
        "~ (model)  Input Shape [1, 3, 8, 8] -> [1, 3, 16, 16]",
        "and 17 rows downstream (Input Shape, Output Shape)",
    ]
    assert len(verdict.words("test_arch", Room(lines=None, ripples=True))) > len(told)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"depth": 1}, "recorded with depth=3, now depth=1: rows are not compared"),
        ({"mode": "train"}, "recorded with mode=eval, now mode=train"),
        ({"row_settings": ("depth",)}, "recorded with row_settings=var_names, now row_settings=depth"),
        ({"col_names": ("num_params",)}, "recorded with col_names=output_size, num_params, now col_names=num_params"),
    ],
)
def test_options_that_changed_are_said_as_such(options: dict, line: str) -> None:
    assert checked(None, X, stored=TEXT, **options).words("test_arch", Room())[1:] == [line]


@pytest.mark.parametrize(
    "copied", [{"input_size": (1, 4)}, {"input_data": X}, {"input_data": X, "dtypes": [torch.float]}]
)
def test_a_call_that_was_copied_from_torchinfo_is_told_to_pass_tensors(copied: dict) -> None:
    with pytest.raises(
        TraceError, match=r"takes no '(dtypes|input_\w+)', which is torchinfo's: pass the tensors themselves, \(model, "
    ):
        checked(None, kwargs=copied)
