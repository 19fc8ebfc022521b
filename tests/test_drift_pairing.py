"""Modules that were renamed, moved, swapped, inserted or removed: the words say just that."""

from __future__ import annotations

import copy

import architectures
import pytest
import torch
from applying import apply
from mirrored import is_mirrored
from said import edits, said
from torch import nn

from pytest_nnviz import diff, trace

X = torch.zeros(2, 8)


class Stack(nn.Module):
    """Layers in a list, one after the other, with a residual in each."""

    def __init__(self, layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        for layer in self.layers:
            x = x + layer(x)
        return self.head(x)


def block(width):
    return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 8))


def stack(widths):
    return trace(Stack([block(width) for width in widths]).eval(), X)


EQUAL, UNEQUAL = [16] * 32, list(range(16, 48))


def without(widths, *places):
    return [width for at, width in enumerate(widths) if at not in places]


def inserted(widths, place, *new):
    return [*widths[:place], *new, *widths[place:]]


@pytest.mark.parametrize("place", [0, 16, 32])
def test_inserted_among_unequal_ones(place):
    lines = said(stack(UNEQUAL), stack(inserted(UNEQUAL, place, 99)))
    assert lines[0] == f"+ layers.{place} Sequential() new parameters +1,691 breaks checkpoints"
    assert all(line.startswith(("and ", "parameters ")) for line in lines[1:])
    assert ("renamed modules" in lines[1]) == (place < 32)


@pytest.mark.parametrize("place", [0, 16, 32])
def test_inserted_among_equal_ones_is_one_more_at_the_end(place):
    lines = said(stack(EQUAL), stack(inserted(EQUAL, place, 16)))
    assert lines[0] == "+ layers.32 Sequential() new parameters +280 breaks checkpoints"


@pytest.mark.parametrize("widths", [EQUAL, UNEQUAL])
def test_another_one_among_them(widths):
    lines = said(stack(widths), stack(inserted(widths, 16, 99)))
    assert lines[0] == "+ layers.16 Sequential() new parameters +1,691 breaks checkpoints"


def test_inserted_before_one_that_was_edited():
    def layers(*first):
        model = nn.Sequential(*first, nn.LayerNorm(16), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 4))
        return trace(model.eval(), X)

    before, after = layers(nn.Linear(8, 16)), layers(nn.BatchNorm1d(8), nn.Linear(8, 16, bias=False))
    assert edits(said(before, after)) == [
        "+ 0 BatchNorm1d(num_features=8) new parameters +16 breaks checkpoints",
        "~ 1 bias True -> False parameters -16 changes the function",
    ]
    assert edits(said(after, before)) == [
        "- 0 BatchNorm1d(num_features=8) gone parameters -16 breaks checkpoints",
        "~ 0 bias False -> True parameters +16 breaks checkpoints",
    ]


def test_two_inserted_in_different_places():
    lines = said(stack(UNEQUAL), stack(inserted(inserted(UNEQUAL, 24, 99), 8, 98)))
    assert lines[0] == "+ layers.{8,25} Sequential() new x2, parameters +3,365 breaks checkpoints"


@pytest.mark.parametrize("place", [0, 16, 31])
def test_removed(place):
    lines = said(stack(UNEQUAL), stack(without(UNEQUAL, place)))
    assert lines[0].startswith(f"- layers.{place} Sequential() gone parameters -")


def test_swapped():
    widths = [*UNEQUAL]
    widths[3], widths[7] = widths[7], widths[3]
    assert said(stack(UNEQUAL), stack(widths))[0] == "~ layers children 3 and 7 swapped breaks checkpoints"


KINDS = {
    "a": nn.Linear(8, 8),
    "b": nn.LayerNorm(8),
    "c": nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8)),
    "d": nn.Sequential(nn.Identity(), nn.Sequential(nn.Linear(8, 4), nn.Tanh()), nn.Linear(4, 8)),
}


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ("cbad", "0 and 2 swapped"),
        ("dbca", "0 and 3 swapped"),
        ("acbd", "1 and 2 swapped"),
        ("badc", "reordered: 0, 1, 2, 3 -> 1, 0, 3, 2"),
    ],
)
def test_blocks_of_other_classes_and_lengths_swapped(order, told):
    old, new = (trace(Stack([KINDS[kind] for kind in kinds]).eval(), X) for kinds in ("abcd", order))
    there, back = same_edit(old, new)
    assert there == [f"~ layers children {told} breaks checkpoints"]
    assert len(back) == 1


@pytest.mark.parametrize("between", [torch.relu, lambda x: x, lambda x: x + torch.sigmoid(x)])
def test_calls_of_two_blocks_of_other_classes_swapped(between):
    class Blocks(InOrder):
        def __init__(self, order):
            super().__init__("a b c norm", between)
            self.b, self.c = KINDS["c"], KINDS["d"]
            self.run = [getattr(self, name) for name in order.split()]

    there, _ = same_edit(*(trace(Blocks(order).eval(), X) for order in ("b a norm c", "c a norm b")))
    assert there == ["~ (model) self.{b,c} run each in the other's place changes the function"]


def sequential(order):
    layers = [nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8, bias=False), nn.LayerNorm(8)]
    return trace(nn.Sequential(*[layers[at] for at in order]).eval(), X)


@pytest.mark.parametrize(("one", "other"), [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])
def test_two_layers_swapped_name_no_bystander(one, other):
    order = [0, 1, 2, 3]
    order[one], order[other] = other, one
    swapped = [f"~ (model) children {one} and {other} swapped breaks checkpoints"]
    assert same_edit(sequential(range(4)), sequential(order)) == (swapped, swapped)


class InOrder(nn.Module):
    """Equal layers that run in the order of their names in ``order``, with something in between."""

    def __init__(self, order, between):
        super().__init__()
        self.a, self.b, self.c, self.norm = *(nn.Linear(8, 8) for _ in range(3)), nn.LayerNorm(8)
        self.run = [getattr(self, name) for name in order.split()]
        self.between = between

    def forward(self, x):
        for layer in self.run:
            x = self.between(layer(x))
        return x


@pytest.mark.parametrize("between", [torch.relu, lambda x: x, lambda x: x + torch.sigmoid(x)])
@pytest.mark.parametrize("order", ["b a c norm", "c b a norm", "norm b c a"])
def test_calls_of_two_layers_swapped(order, between):
    names = ["a", "b", "c", "norm"]
    one, other = (a for a, b in zip(names, order.split(), strict=True) if a != b)
    old, new = (trace(InOrder(text, between).eval(), X) for text in (" ".join(names), order))
    swapped = "run each in the other's place changes the function"
    assert edits(said(old, new)) == [f"~ (model) self.{{{one},{other}}} {swapped}"]
    assert edits(said(new, old)) == [f"~ (model) self.{{{other},{one}}} {swapped}"]


class Named(nn.Module):
    """Layers one after the other, by name."""

    def __init__(self, **layers):
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x):
        for layer in self.children():
            x = layer(x)
        return x


def named(**layers):
    return trace(Named(**layers).eval(), X)


@pytest.mark.parametrize("between", [{}, {"act": nn.ReLU()}])
def test_siblings_renamed_and_edited(between):
    def of(names, **config):
        first, *rest = (nn.Linear(8, 8, **config) for _ in names)
        return named(**{names[0]: first}, **between, **dict(zip(names[1:], rest, strict=True)))

    old, new = of("abc"), of("pqr", bias=False)
    drift = diff(old, new)
    assert drift.renames == (("a", "p"), ("b", "q"), ("c", "r"))
    assert {(c.kind, c.what) for c in drift.changes if c.gate == "structure"} == {("renamed", ""), ("changed", "bias")}


@pytest.mark.parametrize("order", ["bac", "cba", "bca"])
def test_names_traded_by_layers_of_other_shapes(order):
    layers = [nn.Linear(8, 16), nn.Linear(16, 24), nn.Linear(24, 4)]
    drift = diff(named(**dict(zip("abc", layers, strict=True))), named(**dict(zip(order, layers, strict=True))))
    traded = {(a, b) for a, b in zip("abc", order, strict=True) if a != b}
    assert {(c.kind, c.old, c.new) for c in drift.changes if not c.ripple} == {("renamed", *pair) for pair in traded}
    assert set(drift.renames) == traded


def test_layers_that_became_as_wide_as_the_next_keep_their_names():
    def of(a, b, c):
        return named(a=nn.Linear(8, a), down=nn.Linear(a, 8), b=nn.Linear(8, b), up=nn.Linear(b, 8), c=nn.Linear(8, c))

    assert not diff(of(8, 16, 24), of(16, 24, 32)).renames


def test_moved_among_its_siblings():
    lines = said(stack(UNEQUAL), stack(inserted(without(UNEQUAL, 3), 20, UNEQUAL[3])))
    assert lines[0] == "> layers.3 moved to layers.20 breaks checkpoints"
    assert len(edits(lines)) == 1


class Bent(Stack):
    """With an activation before one of the layers."""

    def __init__(self, layers, place):
        super().__init__(layers)
        self.bent = [place]

    def forward(self, x):
        for at, layer in enumerate(self.layers):
            x = torch.sigmoid(x) if at in self.bent else x
            x = x + layer(x)
        return self.head(x)


@pytest.mark.parametrize("place", [0, 2, 4, 5])
def test_moved_among_its_siblings_beside_a_call_that_came(place):
    """What takes the result of the layer that moved, or of what went with it, does not follow from that."""
    widths = [[16, 17, 18, 19, 20, 21], [16, 18, 19, 20, 17, 21]]
    made = zip(widths, (None, place), strict=True)
    old, new = (trace(Bent([block(width) for width in sizes], at).eval(), X) for sizes, at in made)
    told = [(change.kind, change.place, change.what) for change in diff(old, new).changes if not change.ripple]
    assert told == [("moved", "layers.4", ""), ("added", "", f"sigmoid({'%add' if place else 'x'})")]
    same_edit(old, new)


class Two(nn.Module):
    """Parts that are in the one or in the other of two modules."""

    def __init__(self, moved, **parts):
        super().__init__()
        self.one, self.other = nn.Module(), nn.Module()
        self.head = nn.Linear(8, 2)
        for name, part in (parts or {"block": block(16)}).items():
            (self.other if moved else self.one).add_module(name, part)

    def forward(self, x):
        for part in [*self.one.children(), *self.other.children()]:
            x = part(x)
        return self.head(x)


def test_moved_to_another_parent():
    lines = said(trace(Two(moved=False).eval(), X), trace(Two(moved=True).eval(), X))
    assert [line for line in lines if "never called" not in line] == [
        "> one.block moved to other.block breaks checkpoints"
    ]


@pytest.mark.parametrize(
    ("before", "after", "beside"),
    [(block(16), block(17), {}), (nn.Linear(8, 8), nn.Linear(8, 8, bias=False), {"beside": nn.Linear(8, 8)})],
)
def test_moved_to_another_parent_and_edited(before, after, beside):
    """By the names of what is in it, or by the one beside it that went to the same parent."""
    old, new = trace(Two(moved=False, part=before, **beside), X), trace(Two(moved=True, part=after, **beside), X)
    assert {*diff(old, new).renames} == {(f"one.{name}", f"other.{name}") for name in ("part", *beside)}
    same_edit(old, new)


def test_a_layer_moved_to_another_parent_and_frozen():
    layer = nn.Linear(8, 8)
    old, new = trace(Two(moved=False, part=layer), X), trace(Two(moved=True, part=layer.requires_grad_(False)), X)
    assert [line for line in edits(said(old, new)) if "never called" not in line] == [
        "> one.part moved to other.part breaks checkpoints",
        "~ other.part parameters trainable -> frozen training only",
    ]
    assert is_mirrored(diff(old, new), diff(new, old))


class Borrowing(nn.Module):
    """Calls a layer of the module around it."""

    def __init__(self, layer):
        super().__init__()
        self.own = nn.Linear(8, 8)
        self.borrowed = [layer]

    def forward(self, x):
        return self.borrowed[0](self.own(x))


class Lending(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.add_module(name, nn.Linear(8, 8))
        self.user = Borrowing(getattr(self, name))

    def forward(self, x):
        return self.user(x)


def test_a_renamed_layer_that_is_called_from_a_module_beside_it():
    assert edits(said(*(trace(Lending(name).eval(), X) for name in ("lent", "given")))) == [
        "> lent renamed to given breaks checkpoints"
    ]


class Headed(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.backbone = body
        self.classifier = nn.Linear(2, 3)

    def forward(self, x):
        return self.classifier(self.backbone(x))


def test_a_model_with_a_head_on_it():
    body = Stack([block(16)]).eval()
    lines = said(trace(body, X), trace(Headed(body).eval(), X))
    assert "> {head,layers} moved to backbone.{head,layers} x2 breaks checkpoints" in [
        line.replace("{layers,head}", "{head,layers}") for line in lines
    ]
    assert "+ classifier Linear(in_features=2, out_features=3) new parameters +9 breaks checkpoints" in lines


def renamed(model, place, name):
    """A copy in which a module goes by another name and is still to be had by the old one."""
    model = copy.deepcopy(model)
    parent, _, old = place.rpartition(".")
    owner = model.get_submodule(parent)
    child = owner._modules[old]
    entries = [(name if key == old else key, value) for key, value in owner._modules.items()]
    owner._modules.clear()
    owner._modules.update(entries)
    if not isinstance(owner, nn.ModuleList):
        owner.__dict__[old] = child
    return model


@pytest.mark.parametrize(
    ("name", "place"),
    [("bert", "bert.encoder"), ("llama", "model.layers.0.self_attn"), ("vit", "vit.embeddings"), ("t5", "shared")],
)
def test_a_module_of_a_real_model_renamed(name, place):
    model, inputs = architectures.build(name)
    new = renamed(model, place, "another")
    drift = diff(trace(model, **inputs), trace(new, **inputs))
    goes = ".".join([*place.split(".")[:-1], "another"])
    told = [change for change in drift.changes if not change.ripple]
    assert [(c.kind, c.old, c.new, c.matched) for c in told] == [("renamed", place, goes, "by structure")]
    assert drift.renames == ((place, goes),)
    state = {
        key.replace(place + ".", goes + ".", 1) if key.startswith(place + ".") else key: value
        for key, value in model.state_dict().items()
    }
    new.load_state_dict(state, strict=True)


def test_a_layer_of_a_real_model_swapped_and_inserted():
    model, inputs = architectures.build("bert")
    layers = model.bert.encoder.layer
    layers[0].attention.self.dropout.p = 0.3  # told apart by this
    old = trace(model, **inputs)
    extra, swapped = copy.deepcopy(model), copy.deepcopy(model)
    third = copy.deepcopy(layers[1])
    third.output.dropout.p = 0.4
    extra.bert.encoder.layer.insert(1, third)
    _number(extra.bert.encoder.layer)
    assert said(old, trace(extra, **inputs))[0].startswith("+ bert.encoder.layer.1 BertLayer")
    two = swapped.bert.encoder.layer
    two[0], two[1] = two[1], two[0]
    _number(two)
    assert said(old, trace(swapped, **inputs))[0].startswith("~ bert.encoder.layer children 0 and 1 swapped")


def _number(layers):
    """Layers know their position, by which they find their part of a cache."""
    for at, layer in enumerate(layers):
        for module in layer.modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = at


def same_edit(old, new):
    """The edits in both directions, of drifts of which the laws hold."""
    there, back = diff(old, new), diff(new, old)
    assert apply(there) == new
    assert apply(back) == old
    assert is_mirrored(there, back)
    return edits(said(old, new)), edits(said(new, old))


@pytest.mark.parametrize("name", ["llama", "bert"])
def test_a_layer_of_a_real_model_that_is_another_one_now(name):
    model, inputs = architectures.build(name)
    path = {"llama": "model.layers", "bert": "bert.encoder.layer"}[name]
    shared = copy.deepcopy(model)
    layers = shared.get_submodule(path)
    layers[1] = layers[0]
    there, back = same_edit(trace(model, **inputs), trace(shared, **inputs))
    assert [line.partition(" parameters")[0] for line in there] == [f"~ {path}.1 is now {path}.0 changes the function"]
    assert [line.partition(", now")[0] for line in back] == [f"~ {path}.1 is no longer {path}.0"]


def test_an_edit_of_what_is_called_twice_is_told_beside_it():
    blocks = [block(16), block(17), block(18)]
    other = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
    old, new = trace(Stack(blocks).eval(), X), trace(Stack([other, other, blocks[2]]).eval(), X)
    there, back = same_edit(old, new)
    assert {tuple(line.split()[1:4]) for line in there} == {("layers.0.1", "ReLU", "->"), ("layers.1", "is", "now")}
    assert len(back) == 2


class Halved(nn.Module):
    """Converts a tensor once or, for the second use, once more."""

    def __init__(self, *dtypes):
        super().__init__()
        self._dtypes = dtypes

    def forward(self, x):
        versions = [x.to(dtype) for dtype in self._dtypes]
        return versions[0] * 2, versions[-1] + 1


def test_another_version_of_a_tensor_explains_what_takes_it():
    once, twice = (trace(Halved(*dtypes), X) for dtypes in [[torch.float16], [torch.float16, torch.float64]])
    for old, new, sign in [(once, twice, "+"), (twice, once, "-")]:
        (edit,) = edits(said(old, new))
        assert edit.startswith(f"{sign} (model) to(x, dtype=torch.float64) ")
