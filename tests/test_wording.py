"""How a drift reads: the lines of the message, their order, their length."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from made_up import ARCHITECTURES, call, config, linear, model, norm, result, run, spec, x

from pytest_nnviz.architecture import Argument, Body, Literal, Module, Parameter, Tree
from pytest_nnviz.drift import diff
from pytest_nnviz.gates import GATES, Gates
from pytest_nnviz.wording import headline, words

ALL = frozenset(GATES)


def say(old, new, gate=ALL, **options):
    return words(diff(old, new), gate=Gates.of(gate), **options)


def conv(kernel, padding):
    weight = Parameter("weight", spec(64, 64, kernel, kernel))
    return Module("Conv2d", config(kernel_size=kernel, padding=padding), (weight,))


def resnet(kernel=3, padding=1, eps=1e-5, *, residual=True):
    """Three blocks: an edit of each sort at the places of the README."""
    inside = [run("conv", x()), run("bn", result("conv")), *([call("add", result("bn"), x())] if residual else [])]
    plain = (run("conv", x()), run("bn", result("conv")), call("add", result("bn"), x()))
    first = Module("Block", children=(("conv", conv(kernel, padding)), ("bn", norm(eps=1e-5))))
    second = Module("Block", children=(("conv", conv(3, 1)), ("bn", norm(eps=eps))))
    children = (("0", first), ("1", second), ("2", second))
    bodies = [Body(plain, result("add")), Body(tuple(inside), result(inside[-1].name)), Body(plain, result("add"))]
    calls = [
        run(f"layers.{index}", x=x() if not index else result(f"layers.{index - 1}"), body=body)
        for index, body in enumerate(bodies)
    ]
    architecture = model([("layers", Module("ModuleList", children=children))], calls)
    return replace(architecture, versions=(("torch", "2.13.0"), ("timm", "1.0.31")))


def test_message_as_a_whole():
    drift = diff(resnet(), resnet(5, 2, 1e-3, residual=False))
    assert headline(drift, "test_arch") == (
        "breaks checkpoints: layers.0.conv kernel_size 3 -> 5, padding 1 -> 2 (+2 more) in test_arch"
    )
    assert words(drift, gate=ALL) == [
        "~ layers.0.conv    kernel_size 3 -> 5, padding 1 -> 2  parameters +65,536  breaks checkpoints",
        "~ layers.{1,2}.bn  eps 1e-05 -> 0.001                  x2                  changes the function",
        "- layers.1         add(%bn, x) gone                                        changes the function",
        "and 1 call downstream",
        "old checkpoints do not load strictly: 1 key reshaped",
        "parameters 110,640 -> 176,176 (+59.2 %)",
        "torch 2.13.0, timm 1.0.31: unchanged since this was recorded",
    ]


def test_nothing_is_said_about_nothing():
    drift = diff(resnet(), resnet())
    assert words(drift, gate=ALL) == []
    assert headline(drift, "test_arch") == "no change in test_arch"


def test_the_most_important_comes_first():
    old = model([("a", norm()), ("d", Module("Dropout", config(p=0.1))), ("r", Module("ReLU"))])
    new = model(
        [
            ("a", norm(eps=1.0)),
            ("d", Module("Dropout", config(p=0.2))),
            ("r", Module("ReLU", config(inplace=True))),
            ("z", linear()),
        ]
    )
    endings = ["breaks checkpoints", "changes the function", "training only", "cosmetic"]
    assert all(line.endswith(end) for line, end in zip(say(old, new), endings, strict=False))


def test_the_headline_tells_the_call_by_which_an_argument_shows():
    old, new = (
        model(calls=[call(name, x()), call("mul", result(name), 2)], config=config(act=f'"{name}"'))
        for name in ("relu", "tanh")
    )
    assert headline(diff(old, new), "t") == "changes the function: relu(x) -> tanh(x) (+1 more) in t"
    assert say(old, new)[0].startswith("~ (model)  act ")


def test_what_is_not_gated_follows_as_notes():
    lines = say(resnet(), resnet(5, 2, residual=False), gate={"topology"})
    assert lines[0].startswith("- layers.1")
    assert lines[1] == "not gated:"
    assert lines[2].startswith("~ layers.0.conv")


def test_headline_passes_over_what_is_not_gated():
    drift = diff(resnet(), resnet(5, 2, residual=False))
    assert headline(drift, "t", gate=frozenset({"topology"})).startswith("changes the function: layers.1 add(%bn, x)")


def test_parameters_that_follow_from_what_is_not_gated_are_told():
    old, new = model([("a", linear(8, 8))]), model([("a", linear(8, 16))])
    first = say(old, new, gate={"parameters"})[0]
    assert first.startswith("~ a  weight f32[8, 8] -> f32[16, 8], bias f32[8] -> f32[16]")
    assert first.endswith("breaks checkpoints")


def test_shapes_alone_are_told_by_the_first():
    def of(size):
        gives = spec(1, size)
        return model(
            [("a", Module("Pool", config(size=size)))],
            [run("a", x(), gives=gives), call("relu", result("a"), gives=gives)],
        )

    lines = say(of(4), of(2), gate={"shapes"})
    assert lines[0].startswith("~ (model)  self.a result f32[1, 4] -> f32[1, 2]")
    assert "and 1 shape downstream" in lines


def test_ripples_are_folded():
    def of(size):
        gives = spec(size, 8)
        names = ["relu", "gelu", "silu"]
        calls = [call(n, x() if not i else result(names[i - 1]), gives=gives) for i, n in enumerate(names)]
        return model((), calls, inputs=(("x", gives),))

    assert say(of(1), of(2)) == [
        "~ (model)  input x f32[1, 8] -> f32[2, 8]  cosmetic",
        "and 3 shapes downstream",
    ]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ([("n", norm())], [("n", norm(eps=1.0))], "~ n  eps 1e-05 -> 1.0  changes the function"),
        (
            [("b", Module("Block"))],
            [("b", Module("Block", config(eps=1.0)))],
            "~ b  eps (default) -> 1.0  changes the function",
        ),
        ([("a", linear())], [("b", linear())], "> a  renamed to b  breaks checkpoints"),
        ([], [("r", Module("ReLU"))], "+ r  ReLU() new  changes the function"),
        ([("r", Module("ReLU"))], [("r", Module("GELU"))], "~ r  ReLU -> GELU"),
        (
            [("a", linear())],
            [("a", linear(marks=("never called",)))],
            "~ a  now never called  training only",
        ),
        (
            [("a", Module("M", (), (Parameter("w", spec(2)), Parameter("v", spec(2)))))],
            [("a", Module("M", (), (Parameter("w", spec(2), False), Parameter("v", spec(2), False))))],
            "~ a  parameters trainable -> frozen  training only",
        ),
        (
            [("a", Module("M", (), (Parameter("w", spec(2)),)))],
            [("a", Module("M"))],
            "- a  parameter w f32[2] gone  parameters -2  breaks checkpoints",
        ),
    ],
)
def test_line_about_a_module(old, new, line):
    assert say(model(old), model(new))[0].startswith(line)


@pytest.mark.parametrize(
    ("old", "new", "fact"),
    [
        ([call("softmax", x(), dim=1)], [call("softmax", x(), dim=2)], "softmax dim=1 -> 2"),
        ([call("mul", x(), 2)], [call("mul", x(), 3)], "mul(x, 2 -> 3)"),
        ([call("sum", x(), dim=1)], [call("sum", x())], "sum dim=1 -> (default)"),
        ([call("relu", x())], [call("gelu", x())], "relu(x) -> gelu(x)"),
        (
            [call("softmax", x(), dim=1), call("softmax", result("softmax"), dim=1)],
            [call("softmax", x(), dim=1), call("softmax", result("softmax"), dim=0)],
            "softmax (2 of 2) dim=1 -> 0",
        ),
        (
            [call("relu", x()), call("gelu", x()), call("cat", result("relu"), result("gelu"))],
            [call("gelu", x()), call("relu", x()), call("cat", result("relu"), result("gelu"))],
            "runs ",
        ),
    ],
)
def test_line_about_a_call(old, new, fact):
    assert fact in say(model((), old), model((), new))[0]


def test_order_of_modules_is_one_line():
    def of(*order):
        layers = Module("ModuleList", children=tuple((str(i), norm(eps=i + 1.0)) for i in range(4)))
        calls = [run(f"l.{n}", result(f"l.{order[i - 1]}") if i else x()) for i, n in enumerate(order)]
        return model([("l", layers)], calls)

    assert say(of(0, 1, 2, 3), of(3, 2, 1, 0))[0] == (
        "~ (model)  self.l.{0..3} run in the order 3, 2, 1, 0, was 0, 1, 2, 3  changes the function"
    )


def test_what_a_moved_call_takes_stands_before_its_place():
    def of(*names):
        return model((), [run(name, result(names[i - 1]) if i else x()) for i, name in enumerate(names)])

    assert say(of("emb", "a", "b", "norm", "head"), of("emb", "norm", "a", "b", "head"))[:2] == [
        "~ (model)  self.norm(%b -> %emb), runs after self.emb, was after self.b  changes the function",
        "and 2 calls downstream",
    ]


def test_field_that_is_no_longer_returned():
    def of(*keys):
        return model((), [call("relu", x())], Tree("Output", (result("relu"),) * len(keys), keys))

    assert say(of("hidden", "pooled"), of("hidden"))[0] == "- (model)  return pooled %relu gone  changes the function"


def test_edit_of_a_tied_model_breaks_both_keys():
    def of(size):
        own = Parameter("weight", spec(4, size))
        tied = replace(own, tied="^a.weight")
        children = [("a", Module("Embedding", config(dim=size), (own,)))]
        return model([*children, ("b", Module("Linear", config(in_features=size), (tied,)))])

    assert [line.endswith("breaks checkpoints") for line in say(of(8), of(9))[:2]] == [True, True]


def test_keys_that_a_load_hook_may_translate():
    old = model([("b", Module("Block", marks=("load hook",), children=(("a", linear(8)),)))])
    new = model([("b", Module("Block", marks=("load hook",), children=(("a", linear(9)),)))])
    assert say(old, new)[0].endswith("keys changed, load hook present, not verified")


def test_equal_edits_share_a_line():
    def of(eps):
        return model([("l", Module("L", children=tuple((str(i), norm(eps=eps)) for i in range(32))))])

    assert say(of(1e-5), of(1e-3))[0] == "~ l.{0..31}  eps 1e-05 -> 0.001  x32  changes the function"


def test_limit():
    def of(size):
        return model([(f"m{i}", linear(i + 1, size + i)) for i in range(9)])

    lines = say(of(1), of(20), limit=3)
    assert len([line for line in lines if line.startswith("~")]) == 3
    assert "... and 6 more" in lines


def test_totals():
    old, new = model([("a", linear(8, 8))]), model([("a", linear(8, 9))])
    assert "parameters 72 -> 81 (+12.5 %)" in say(old, new)
    frozen = Module("Linear", (), (Parameter("weight", spec(8, 8), trainable=False), Parameter("bias", spec(8))))
    thawed = Module("Linear", (), (Parameter("weight", spec(8, 8)), Parameter("bias", spec(8))))
    assert "trainable 8 -> 72 (+800.0 %)" in say(model([("a", frozen)]), model([("a", thawed)]))


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ({"torch": "2.13.0"}, {"torch": "2.13.0"}, "torch 2.13.0: unchanged since this was recorded"),
        (
            {"torch": "2.13.0", "timm": "1.0"},
            {"torch": "2.15.0", "timm": "1.0"},
            "recorded with torch 2.13.0; now torch 2.15.0",
        ),
        ({"torch": "2.13.0"}, {"torch": "2.13.0", "timm": "1.0"}, "recorded with no timm; now timm 1.0"),
        ({}, {"torch": "2.13.0"}, "not known what this was recorded with; now torch 2.13.0"),
    ],
)
def test_versions(old, new, line):
    before = replace(model([("a", norm())]), versions=tuple(old.items()))
    after = replace(model([("a", norm(eps=1.0))]), versions=tuple(new.items()))
    assert say(before, after)[-1] == line


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ({"torch": "2.13.0"}, {"torch": "2.13.0"}, "both recorded with torch 2.13.0"),
        ({"torch": "2.13.0"}, {"torch": "2.15.0"}, "recorded with torch 2.13.0, then with torch 2.15.0"),
        ({}, {"torch": "2.13.0"}, "not known what the old one was recorded with; the new one with torch 2.13.0"),
    ],
)
def test_versions_of_two_stored_texts(old, new, line):
    sides = (replace(resnet(eps=eps), versions=tuple(v.items())) for eps, v in ((1e-5, old), (1e-3, new)))
    assert words(diff(*sides), stored=True)[-1] == line


def test_long_values_are_cut_to_where_they_differ():
    def of(word):
        pattern = Literal(f'"{"same " * 30}{word}{" also same" * 30}"')
        return model([("a", Module("M", (Argument("pattern", pattern),)))])

    line = say(of("one"), of("two"))[0]
    assert "one" in line
    assert "two" in line
    assert len(line) <= 110


@settings(max_examples=100)
@given(ARCHITECTURES, ARCHITECTURES)
def test_there_are_words_for_every_drift(old, new):
    drift = diff(old, new)
    for gate in (ALL, frozenset({"parameters"}), frozenset({"shapes"}), frozenset()):
        lines = words(drift, gate=gate)
        assert bool(lines) == bool(drift)
        assert all("\n" not in line and line == line.rstrip() for line in lines)
        if any(change.gate in gate for change in drift.changes):
            assert lines[0] != "not gated:"
    assert headline(drift, "name").endswith(" in name")


def test_where_totals_moved():
    def of(**sizes):
        return model([(name, linear(size, 10) if size else norm()) for name, size in sizes.items()])

    def totals(old, new):
        lines = say(old, new)
        return lines[next(i for i, line in enumerate(lines) if line.startswith("parameters")) :]

    assert totals(of(a=10, b=10), of(a=20, b=10)) == ["parameters 220 -> 320 (+45.5 %), in a"]
    assert totals(of(a=10), of(a=20)) == ["parameters 110 -> 210 (+90.9 %)"]
    assert totals(of(a=10, b=10, c=5), of(a=20, b=15, d=0))[:5] == [
        "parameters 280 -> 386 (+37.9 %)",
        "  a  110 -> 210",
        "  c  60 -> 0",
        "  b  110 -> 160",
        "  d  0 -> 16",
    ]
    many = {f"m{i}": 10 + i for i in range(9)}
    more = {f"m{i}": 20 + 2 * i for i in range(9)}
    assert totals(of(**many), of(**more))[-2:] == [
        "  m4  150 -> 290",
        "  and 4 more",
    ]
    layers = {str(i): 10 for i in range(12)}
    wider = dict.fromkeys(layers, 20)
    assert totals(of(**layers, head=3), of(**wider, head=3))[1] == "  {0..11}  110 -> 210 each"


def test_totals_follow_what_was_renamed():
    def of(name, size):
        block = Module("Block", children=(("fc", linear(10, 10)), ("out", linear(10, 7))))
        return model([(name, block), ("head", linear(size, 10))])

    assert say(of("encoder", 10), of("trunk", 20))[-1] == "parameters 297 -> 397 (+33.7 %), in head"


def test_tied_parameters_are_a_total():
    def of(*, tied):
        weight = Parameter("weight", spec(8, 8), tied="^a.weight" if tied else None)
        return model(
            [("a", Module("Embedding", (), (Parameter("weight", spec(8, 8)),))), ("b", Module("L", (), (weight,)))]
        )

    assert say(of(tied=False), of(tied=True))[-2:] == ["parameters 128 -> 64 (-50.0 %), in b", "tied 0 -> 64, in b"]


def many_edits(count, *, inside="fc"):
    """Edits that no group takes together, in places with long names, each with a shape downstream."""

    def of(step):
        children = [(f"a_module_with_a_long_name_{i}", linear(8, 10 + i * (1 + step) + step)) for i in range(count)]
        calls = [run(name, x(), gives=spec(1, module.parameters[1].spec.shape[0])) for name, module in children]
        return model(children, calls)

    return diff(of(0), of(1))


@pytest.mark.parametrize("width", [70, 80, 110, 200])
def test_no_line_is_longer_than_the_terminal(width):
    drift = many_edits(30)
    drift = replace(drift, new=replace(drift.new, versions=tuple((f"distribution-{i}", "1.2.3") for i in range(20))))
    lines = words(drift, width=width, ripples=True)
    assert max(map(len, lines)) <= width
    assert "distribution-19" in " ".join(lines)
    assert sum(line.startswith("~ a_module") for line in lines) == 60


@pytest.mark.parametrize("width", [70, 80, 110])
def test_a_long_rename_map_goes_on_below(width):
    old, new = (
        model([(f"the_{which}_long_name_of_a_module_{end}", linear(8 + i)) for i, end in enumerate("pqrst")])
        for which in ("first", "second")
    )
    lines = words(diff(old, new), width=width)
    assert max(map(len, lines)) <= width
    start = next(index for index, line in enumerate(lines) if line.startswith("rename map: "))
    assert lines[start + 1].startswith("    ")
    assert "2 more (10 keys), then they load strictly" in " ".join(line.strip() for line in lines[start:])


@pytest.mark.parametrize("room", [10, 20, 40, 60])
@pytest.mark.parametrize("gate", [ALL, {"parameters"}, {"shapes"}])
@pytest.mark.parametrize("ripples", [True, False])
def test_no_more_lines_than_there_is_room_for(room, gate, ripples):
    drift = many_edits(100)
    whole = words(drift, gate=Gates.of(gate), limit=10**6, ripples=ripples)
    lines = words(drift, gate=Gates.of(gate), lines=room, ripples=ripples)
    assert len(whole) > 100
    assert len(lines) <= max(room, 15)
    assert any(line.startswith("... and ") for line in lines)
    assert words(drift, gate=Gates.of(gate), limit=10**6, lines=len(whole) + 1, ripples=ripples) == whole


def test_what_follows_is_told_on_request():
    lines = words(many_edits(2), ripples=True)
    assert "and 2 shapes downstream" not in lines
    assert "and 2 shapes downstream" in words(many_edits(2))
    start = lines.index("downstream:")
    assert any("result f32[1, 10] -> f32[1, 11]" in line for line in lines[start:])


def test_the_same_number_in_several_calls_of_a_module_is_one_line():
    def of(heads):
        calls = [call("view", x(), 1, heads), call("view", x(), 2, heads), call("reshape", x(), 3, heads)]
        return model((), calls)

    assert say(of(16), of(8))[0] == "~ (model)  view x2, reshape 16 -> 8  changes the function"


@pytest.mark.parametrize("lost", [{"parameters": linear().parameters[:1]}, {"marks": ()}])
def test_what_a_renamed_module_lost_is_told_with_the_size_of_that_alone(lost):
    layer = replace(linear(), marks=("load hook",))
    lines = words(diff(model([("a", layer)]), model([("b", replace(layer, **lost))])))
    sizes = [word for line in lines for word in re.findall(r"parameters ([+-]\S+)", line)]
    assert set(sizes) == ({"-8"} if "parameters" in lost else set()), lines
