"""The text reads back exactly, keeps edits small, and says what is wrong with what is no snapshot."""

from __future__ import annotations

import dataclasses
import re

import models
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pytest_nnviz import Architecture, Options, dumps, loads, trace
from pytest_nnviz.architecture import (
    Argument,
    Body,
    Buffer,
    Call,
    Const,
    Literal,
    Module,
    Parameter,
    Ref,
    Step,
    TensorSpec,
    Tree,
    walk_calls,
    walk_modules,
)
from pytest_nnviz.errors import TextError
from pytest_nnviz.textformat import without_comments
from pytest_nnviz.textformat.read import _Reader

SPEC = TensorSpec("f32", (1, 2))
INPUT = Ref("input", (Step("x"),))


X = Argument("x", SPEC)


def architecture(*calls, returns=INPUT, root=None, inputs=(X,)):
    return Architecture("eval", root or Module("Net"), inputs, Body(calls, returns))


def call(target, *values, result=SPEC, **fields):
    arguments = tuple(Argument(None, value) for value in values)
    return Call(fields.pop("kind", "function"), target, arguments, result, **fields)


def result(name, **fields):
    return Ref("result", (Step(name),), **fields)


VALUES = [
    Literal("-1"),
    Literal("1e-05"),
    Literal("0.5"),
    Literal("+inf"),
    Literal("-nan"),
    Literal('"say \\"hi\\", then \\u00e9 # [x]"'),
    Literal("None"),
    Literal("..."),
    Literal(":"),
    Literal("1:-2:3"),
    Literal("torch.float8_e4m3fn"),
    Literal("<Color.RED>"),
    Literal("<DynamicCache f32[1, 2] x4, i64[]>"),
    Tree("list", ()),
    Tree("tuple", ()),
    Tree("tuple", (Literal("1"),)),
    Tree("tuple", (Literal("1"), Tree("list", (INPUT,)))),
    Tree("dict", (INPUT, Literal("2"), Literal(":5")), ("a", '"b c"', "0")),
    Tree("slice", (INPUT, Literal("None"), Literal("None"))),
    Tree("complex", (Literal("1.0"), Literal("-2.0"))),
    Tree("ModelOutput", (INPUT, Literal("None")), ("logits", "odd key")),
    Const(SPEC),
    Const(SPEC, "self.table"),
    Const(SPEC, "#2"),
    Const(SPEC, "^^self.tables.0"),
    Const(TensorSpec("i64", (), "sparse_coo"), None, tracked=False),
    Ref("input", (Step("x"),), (0, "key", "odd key", 3)),
    Ref("result", (Step("a"),), ("hidden",), 0, Ref("result", (Step("a"),))),
]


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_every_value_reads_back(value):
    original = architecture(call("a", INPUT), call("b", value))
    assert loads(dumps(original)) == original


@pytest.mark.parametrize(
    "name",
    [
        "self",
        "const",
        "untracked",
        "torch",
        "None",
        "True",
        "False",
        "0",
        "with space",
        "dash-ed",
        "back`tick",
        "ünïcode",
        "new\nline",
        '"',
        "",
        "buffer",
        "x=1",
    ],
)
def test_every_name_reads_back(name):
    root = Module(
        "Net",
        parameters=(Parameter(name, SPEC),),
        buffers=(Buffer(name + "b", TensorSpec("bool", (None, 3), "Sub Class")),),
        children=((name + "c", Module("Child")),),
    )
    inputs = (Argument(name, SPEC),)
    source = Ref("input", (Step(name),))
    original = architecture(
        call("f", source, Ref("attribute", (Step(name),))),
        call(name + "c", source, kind="module"),
        call("ops.my.op", Ref("result", (Step(name + "c"),))),
        returns=source,
        root=root,
        inputs=inputs,
    )
    text = dumps(original)
    assert loads(text) == original
    assert text.isascii()


@pytest.mark.parametrize(("name", "written"), [("_x1", "_x1"), ("1x", "`1x`"), ("self", "`self`"), ("x.y", "`x.y`")])
def test_names_of_inputs_are_bare_where_they_can_be(name, written):
    text = dumps(architecture(returns=Ref("input", (Step(name),)), inputs=(Argument(name, SPEC),)))
    assert text.split("\n")[14:16] == [f"input {written}: f32[1, 2]", f"return {written}"]


def test_ties_of_every_kind_read_back():
    own = Module("Layer", parameters=(Parameter("w", SPEC),), buffers=(Buffer("b", SPEC), Buffer("c", SPEC, False)))
    ties = (Buffer("b", SPEC, tied="^own.b"), Buffer("c", SPEC, False, tied="^own.c"))
    tied = Module("Layer", parameters=(Parameter("w", SPEC, tied="^own.w"),), buffers=ties)
    for twin in ("own", ""):
        children = (("own", own), ("tied", tied), ("twin", Module("", shared=twin)))
        original = architecture(root=Module("Net", children=children))
        assert loads(dumps(original)) == original


def test_a_call_is_folded_into_one_that_is_not_the_latest_of_its_name():
    def made(target):
        return call("A", INPUT, kind="created", body=Body((call(target, Literal("1")),), result(target)))

    original = architecture(*map(made, ("f", "g", "f", "f", "g")))
    text = dumps(original)
    assert [line.partition(" same as ")[2] for line in text.split("\n") if " same as " in line] == [
        "%A~1",
        "%A",
        "%A~2",
    ]
    assert loads(text) == original


def test_the_texts_of_real_models_read_back():
    for model, args in [
        (models.ResNet(), (torch.ones(1, 3, 8, 8),)),
        (models.Attention(), (torch.ones(1, 3, 8),)),
        (models.DictNet(), ({"ids": torch.zeros(1, 2, dtype=torch.long)},)),
        (nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 3), (torch.ones(1, 3, 8),)),
    ]:
        traced = trace(model, *args)
        text = dumps(traced)
        assert loads(text) == traced
        assert dumps(loads(text)) == text
        assert not any(line.endswith(" ") for line in text.split("\n"))


def _lines(model):
    return dumps(trace(model, torch.ones(1, 3, 8, 8))).split("\n")


def _changed(old, new):
    return len(set(old) ^ set(new))


def test_an_edit_in_one_place_touches_few_lines():
    old = _lines(models.ResNet())
    model = models.ResNet()
    model.drop.p = 0.2
    assert _changed(old, _lines(model)) == 2
    model = models.ResNet()
    for block in model.blocks:
        block.bn1.eps = 0.5
    assert _changed(old, _lines(model)) == 2


def test_one_more_equal_layer_is_a_line_where_it_is_and_a_line_where_it_is_called():
    old = _lines(models.ResNet())
    model = models.ResNet()
    model.blocks.append(models.Block(8))
    new = _lines(model)
    assert len(new) == len(old) + 2


def test_a_text_that_unfolds_without_end_is_refused():
    """A few lines that say ``same as`` of each other could stand for more than any memory."""

    def nested(depth):
        lines = [f"{'  ' * level}a: A()" for level in range(1, depth)]
        return [*lines, *(f"{'  ' * level}b: same as a" for level in reversed(range(1, depth - 1)))]

    text = dumps(Architecture("eval", Module("Net"))).replace("Net()\n", "Net()\n{}\n")
    assert sum(1 for _ in walk_modules(loads(text.format("\n".join(nested(12)))).root)) > 2**10
    with pytest.raises(TextError, match="line 89: the text stands for more than 500,000 modules and calls"):
        loads(text.format("\n".join(nested(60))))
    calls = ["f(1)"]
    for _ in range(40):
        calls = ["new A()() -> f32[1]", *(f"  {line}" for line in calls), "  return None", "new A()() same as %A"]
    graph = "\n".join(["", "[graph]", *calls, "return None", "", "[end]"])
    graph = text.replace("{}\n", "").replace("\n[end]", graph)
    with pytest.raises(TextError, match="the text stands for more than 500,000"):
        loads(graph)


def test_comments_take_no_part():
    traced = trace(models.ResNet(), torch.ones(1, 3, 8, 8))
    other = dataclasses.replace(traced, versions=(("torch", "9.9"),))
    assert other == traced
    assert dumps(other) != dumps(traced)
    assert without_comments(dumps(other)) == without_comments(dumps(traced))
    assert loads(dumps(other)).versions == (("torch", "9.9"),)
    assert without_comments(f"{dumps(other)}behind\n") == f"{dumps(other)}behind\n"


TEXT = dumps(
    architecture(
        call("stem", INPUT, kind="module"),
        call("relu", result("stem")),
        returns=result("relu"),
        root=Module(
            "Net",
            children=(
                ("stem", Module("Linear", parameters=(Parameter("weight", SPEC),))),
                ("head", Module("Linear", parameters=(Parameter("weight", SPEC, tied="^stem.weight"),))),
            ),
        ),
    )
)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("nnviz 1", "nnviz 2", r"line 1: written in format 2 by a newer pytest-nnviz; .* upgrade pytest-nnviz"),
        ("nnviz 1", "nnviz 0", r"line 1: format 0 does not exist"),
        ("nnviz 1", "digraph {", r"line 1: not a snapshot of pytest-nnviz: it starts with 'digraph"),
        ("nnviz 1", "", r"line 1: not a snapshot"),
        ("nnviz 1", "\ufeffnnviz 1", r"line 1: not a snapshot"),
        (
            "parameters: 2",
            "parameters: 3",
            r"line 7: the summary says 3 parameters, the modules add up to 2; probably two",
        ),
        ("mode: eval\n", "", r"line 6: expected 'mode: ...', found 'parameters: 2'"),
        ("buffers: 0\n", "buffers: 0\nflops: \u0661\n", r"line 10: the FLOPs are a number, not '\u0661'"),
        ("buffers: 0\n", "buffers: 0\nflops: -1\n", r"line 10: the FLOPs are a number, not '-1'"),
        ("buffers: 0\n", f"buffers: 0\nflops: {'1' * 31}\n", r"line 10: the FLOPs are a number, not '1"),
        ("[modules]", "[module]", r"line 11: expected '\[modules\]'"),
        (
            "relu(%stem)",
            "relu(%stm)",
            r"line 21: %stm is used 1 calls back, there are 0 before it; probably two updates",
        ),
        ("relu(%stem)", "relu(y)", r"line 21: 'y' is no argument here \(arguments: x\)"),
        ("relu(%stem)", "relu(self.bias)", r"line 21: bias is no parameter or buffer"),
        ("relu(%stem)", "relu(^x)", r"line 21: a name leaves 1 scopes"),
        ("relu(%stem)", "relu(%stem", r"line 21: expected"),
        ("relu(%stem) -> f32[1, 2]", "relu(%stem) same as %stem~1", r"line 21: same as %stem, but no such call"),
        (
            "relu(%stem) -> f32[1, 2]",
            "relu(%stem) same as x",
            r"line 21: same as %x, but no such call stands before it",
        ),
        (
            "relu(%stem) -> f32[1, 2]",
            "stem(x) same as stem",
            r"line 21: same as %stem, but no such call stands before it",
        ),
        ("self.stem(x)", "self.stm(x)", r"line 20: the graph calls stm, which is no module"),
        ("^stem.weight", "^stm.weight", r"head\.weight is tied to \^stm\.weight, which is no parameter"),
        ("f32[1, 2]", "f32[1,2]", r"line 14: expected ', ', found ',2\]'"),
        ("weight f32", "weight  f32", r"line 14: expected a dtype"),
        ("\n[end]\n", "\nsin(x)\n\n[end]\n", r"expected"),
        ("[end]", "", r"line 22: the text ends early, without '\[end\]': it was cut off; restore the file from"),
        (
            "[graph]",
            "<<<<<<< HEAD\n[graph]",
            r"line 18: holds a conflict marker \('<<<<<<< HEAD'\): merge the code, then run",
        ),
        ("[graph]", "||||||| base\n[graph]", r"line 18: holds a conflict marker \('\|\|\|\|\|\|\| base'\)"),
        ("[graph]", ">>>>>>> branch\n[graph]", r"line 18: holds a conflict marker \('>>>>>>> branch'\)"),
        ("self.stem(x) ->", "self.stem(x)  ->", r"line 20: expected"),
    ],
)
def test_what_is_wrong_with_a_text_is_said_with_its_line(old, new, message):
    assert old in TEXT
    with pytest.raises(TextError, match=message):
        loads(TEXT.replace(old, new, 1))


@pytest.mark.parametrize("home", ["again", "other"])
def test_a_buffer_is_tied_to_one_of_its_own(home):
    buffers = (Buffer("mask", SPEC), Buffer("again", SPEC, tied="mask"), Buffer("third", SPEC, tied="mask"))
    text = dumps(architecture(root=Module("Net", buffers=buffers)))
    assert [buffer.tied for buffer in loads(text).root.buffers] == [None, "mask", "mask"]
    with pytest.raises(TextError, match=f"third is tied to {home}, which is no buffer of its own"):
        loads(text.replace("buffer third = mask", f"buffer third = {home}"))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Tree("tuple", ()), "()"),
        (Tree("tuple", (Literal("1"),)), "(1,)"),
        (Tree("tuple", (Literal("1"), INPUT)), "(1, x)"),
        (Tree("list", (Literal("1"), INPUT)), "[1, x]"),
        (Tree("dict", (INPUT, Literal("2")), ("a", "0")), "{a: x, 0: 2}"),
        (Tree("Pair", (INPUT, Literal("2"))), "Pair(x, 2)"),
        (Tree("Pair", (INPUT, Literal("2")), ("a", "b c")), "Pair(a=x, `b c`=2)"),
    ],
)
def test_how_values_are_written(value, written):
    assert f"\nf({written}) -> " in dumps(architecture(call("f", value)))


def test_a_call_that_gives_nothing_has_no_arrow():
    assert "\nf(x)\n" in dumps(architecture(call("f", INPUT, result=Literal("None"))))


@pytest.mark.parametrize("home", ["again", "other"])
def test_a_module_is_the_same_as_one_of_its_own(home):
    children = (("a", Module("Linear")), ("again", Module("", shared="a")), ("third", Module("", shared="a")))
    text = dumps(architecture(root=Module("Net", children=children)))
    assert [child.shared for _, child in loads(text).root.children] == [None, "a", "a"]
    with pytest.raises(TextError, match=f"third is the same as {home}, which is no module of its own"):
        loads(text.replace("third: = a", f"third: = {home}"))


@pytest.mark.parametrize("flops", [0, 1_234_567, 10**30 - 1])
def test_flops_read_back(flops):
    counted = dataclasses.replace(loads(TEXT), flops=flops)
    assert f"\nflops: {flops:,}\n" in dumps(counted)
    assert loads(dumps(counted)) == counted


def test_a_text_cut_off_anywhere_is_refused():
    end = TEXT.index("[end]") + len("[end]")
    for at in range(end):
        with pytest.raises(TextError) as raised:
            loads(TEXT[:at])
        lines = TEXT[:at].rstrip("\n").count("\n") + 1
        early = f"line {lines}: the text ends early, without '[end]'"
        assert str(raised.value).startswith(early if at > len("nnviz") + 1 else "line 1: not a snapshot")
    assert loads(TEXT[:end]) == loads(TEXT)


def test_a_text_without_a_line_is_refused_or_another_architecture():
    lines, original = TEXT.split("\n"), loads(TEXT)
    refused = 0
    for index in range(lines.index("[end]") + 1):
        try:
            assert loads("\n".join(lines[:index] + lines[index + 1 :])) != original
        except TextError:
            refused += 1
    assert refused >= lines.index("[end]")


def test_two_updates_merged_into_one_text_are_refused():
    one, other = models.ResNet(), models.ResNet()
    one.extra = nn.Linear(2, 3)
    other.more = nn.Linear(4, 5)
    with_one, with_other = _lines(one), _lines(other)
    merged = list(with_one)
    at = merged.index("[graph]") - 1
    merged[at:at] = [line for line in with_other if "more" in line] + ["    weight f32[5, 4]", "    bias f32[5]"]
    with pytest.raises(TextError, match="two updates were merged"):
        loads("\n".join(merged))


def test_two_hundred_levels_of_modules():
    model = nn.Linear(2, 2)
    for _ in range(200):
        model = nn.Sequential(model)
    traced = trace(model, torch.ones(1, 2))
    text = dumps(traced)
    assert dumps(loads(text)) == text


def test_folded_calls_are_read_as_written_out():
    class Tower(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(models.Block(4) for _ in range(4))

        def forward(self, x):
            for layer in (*self.layers, self.layers[0]):
                x = layer(x)
            return x

    model = Tower()
    model.layers[2].bn1.eps = 0.5
    traced = Options().trace(model, torch.ones(1, 4, 4, 4))
    text = dumps(traced)
    assert text.count(" same as ") == 4 + 2
    assert loads(text) == traced
    assert _counted_as_folded(text) == _not_written_out(traced, text)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.once = nn.Linear(8, 8)
        self.again = self.once

    def forward(self, x):
        return self.again(self.once(x))


def test_what_a_text_stands_for_is_counted_as_it_is_nested():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    pairs = [nn.TransformerEncoder(layer, 2, enable_nested_tensor=False) for _ in range(3)]
    traced = trace(nn.Sequential(*pairs, Tied(), Tied()), torch.ones(1, 3, 8))
    text = dumps(traced)
    assert text.count("same as") > 5
    assert _counted_as_folded(text) == _not_written_out(traced, text)


def _counted_as_folded(text):
    reader = _Reader(text.split("\n"))
    reader.read()
    return reader.folded._count


def _not_written_out(architecture, text):
    """Modules, parameters, buffers and calls beyond those that have a line; a line ``same as`` of a module is none."""
    tree, graph = text.partition("[modules]\n")[2].partition("\n\n[end]")[0].split("\n\n[graph]\n")
    known = [module for _, module in walk_modules(architecture.root)]
    things = sum(1 + len(module.parameters) + len(module.buffers) for module in known)
    lines = [line for line in graph.split("\n") if not line.lstrip().startswith(("input ", "return "))]
    calls = sum(1 for _ in walk_calls(architecture.forward))
    return things - len(tree.split("\n")) + tree.count(": same as ") + calls - len(lines)


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6).filter(lambda name: "." not in name)
specs = st.builds(
    TensorSpec,
    st.sampled_from(["f32", "bf16", "bool", "f8_e4m3fn"]),
    st.lists(st.none() | st.integers(0, 10**4), max_size=4).map(tuple),
    st.sampled_from(["", "nested", "My Tensor"]),
)
literals = st.sampled_from([value for value in VALUES if isinstance(value, Literal)])
configs = st.lists(st.builds(Argument, names, literals), max_size=3, unique_by=lambda a: a.name).map(tuple)
leaves = st.builds(
    Module,
    names,
    configs,
    st.lists(st.builds(Parameter, names, specs, st.booleans()), max_size=2, unique_by=lambda p: p.name).map(tuple),
    st.lists(st.builds(Buffer, names, specs, st.booleans()), max_size=2, unique_by=lambda b: b.name).map(tuple),
    marks=st.sampled_from([(), ("never called",), ("eval", "load hook")]),
)
trees = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda leaf, children: dataclasses.replace(leaf, children=tuple(children)),
        leaves,
        st.lists(st.tuples(st.sampled_from("abc0"), inner), max_size=3, unique_by=lambda child: child[0]),
    ),
    max_leaves=8,
)


@st.composite
def scopes(draw, around=(), depth=0):
    """A body whose references are to what is there: inputs, earlier calls, and those of the scopes around."""
    seen: list[str] = []
    calls = []

    def reference():
        choices = [Ref("input", (Step("x"),))]
        choices += [Ref("result", (Step(name, draw(st.integers(0, seen.count(name) - 1))),)) for name in seen]
        for up, outer in enumerate(reversed(around), 1):
            choices += [Ref("result", (Step(name),), draw(st.sampled_from([(), (0,), ("k k",)])), up) for name in outer]
        return draw(st.sampled_from(choices))

    for _ in range(draw(st.integers(0, 4))):
        values = [*draw(st.lists(literals, max_size=2)), reference()]
        inner = draw(scopes((*around, tuple(seen)), depth + 1)) if depth < 2 and draw(st.booleans()) else None
        name = draw(st.sampled_from(["add", "mul", "conv.0"]))
        arguments = tuple(Argument(None, value) for value in values)
        if inner is not None:
            arguments = (Argument("x", Tree("list", tuple(values))),)
        calls.append(Call("created" if inner else "function", name, arguments, draw(specs), inner))
        seen.append(name)
    return Body(tuple(calls), reference())


@given(trees, st.none() | scopes())
def test_random_architectures_read_back(root, forward):
    inputs = (Argument("x", SPEC),) if forward is not None else ()
    original = Architecture("train", root, inputs, forward)
    text = dumps(original)
    assert loads(text) == original
    assert text.isascii()


@given(st.text() | st.sampled_from(TEXT.split("\n")).map(lambda line: TEXT.replace(line, line[::-1])), st.data())
def test_whatever_is_read_only_our_own_error_is_raised(text, data):
    lines = TEXT.split("\n")
    at = data.draw(st.integers(0, len(lines) - 1))
    for damaged in (text, TEXT.replace(lines[at], text), f"{TEXT[:at]}{text}{TEXT[at:]}"):
        try:
            loads(damaged)
        except TextError:
            continue


@pytest.mark.parametrize("sizes", [["9" * 18] * 240, ["2", "9" * 4_200], ["2"] * 63, ["?", str(2**40), str(2**23)]])
def test_a_tensor_of_more_elements_than_torch_counts_is_refused(sizes):
    lines = dumps(trace(models.Attention(), torch.ones(1, 3, 8))).split("\n")
    at = next(number for number, line in enumerate(lines) if "weight f32[" in line)
    lines[at] = re.sub(r"\[.*\]", f"[{', '.join(sizes)}]", lines[at])
    with pytest.raises(TextError, match=rf"line {at + 1}: expected sizes of fewer than 2\*\*63 elements"):
        loads("\n".join(lines))


@pytest.mark.parametrize("inserted", ["9" * 5_000, "NaN" * 2_000, ", " * 2_000, "(" * 2_000])
def test_an_error_quotes_no_more_than_can_be_read(inserted):
    lines = dumps(trace(models.Attention(), torch.ones(1, 3, 8))).split("\n")
    said = []
    for number in range(1, lines.index("[end]")):
        for at in (len(lines[number]) // 2, len(lines[number])):
            damaged = lines[number][:at] + inserted + lines[number][at:]
            try:
                loads("\n".join([*lines[:number], damaged, *lines[number + 1 :]]))  # a name or a number may be long
            except TextError as error:
                said.append(str(error))
    assert len(said) > 20
    assert max(map(len, said)) < 1_100
