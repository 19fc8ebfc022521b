"""Modules that were put as they are into others, or taken out of them: one edit, and its rename map is right."""

from __future__ import annotations

import pytest
import torch
from applying import apply
from mirrored import is_mirrored
from said import edits, said
from torch import nn

from pytest_nnviz import Options, diff, trace
from pytest_nnviz.drift import checkpoint

X = torch.zeros(2, 8)


class Wrap(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)


class Anything(Wrap):
    """Hands on whatever it is given."""

    def forward(self, *args, **kwargs):
        return self.inner(*args, **kwargs)


class Doubled(Wrap):
    """Does more than to hand on."""

    def forward(self, x):
        return self.inner(x) * 2


class Block(nn.Module):
    """Takes two tensors, gives two."""

    def __init__(self, width):
        super().__init__()
        self.up, self.down = nn.Linear(8, width), nn.Linear(width, 8)

    def forward(self, x, skip=None):
        x = self.down(torch.relu(self.up(x)))
        return x if skip is None else (x, x + skip)


class Net(nn.Module):
    """Blocks, a layer and a parameter of its own."""

    def __init__(self, width=17):
        super().__init__()
        self.first, self.lin = Block(16), nn.Linear(8, 8)
        self.blocks = nn.ModuleList(Block(width) for _ in range(4))
        self.scale = nn.Parameter(torch.ones(8))

    def forward(self, x):
        x = self.lin(self.first(x))
        for block in self.blocks:
            x = block(x) + self.lin(x)
        return x * self.scale


def traced(model):
    return trace(model.eval(), X)


def wrapped(places, wrap, model=None):
    model = model or Net()
    for place in places:
        parent, _, name = place.rpartition(".")
        setattr(model.get_submodule(parent), name, wrap(model.get_submodule(place)))
    return model


def told(old, new):
    """The edits in both directions, of drifts of which the laws hold; the rename map loads the old state dict."""
    a, b = traced(old), traced(new)
    there, back = diff(a, b), diff(b, a)
    assert apply(there) == b
    assert apply(back) == a
    assert is_mirrored(there, back)
    renames = checkpoint(there).renames
    new.load_state_dict({renames.get(key, key): value for key, value in old.state_dict().items()}, strict=True)
    return edits(said(a, b)), edits(said(b, a))


TWICE = pytest.param(lambda inner: Wrap(Wrap(inner)), "Wrap, Wrap", "inner.inner", id="twice")
WRAPS = [(Wrap, "Wrap", "inner"), (nn.Sequential, "Sequential", "0"), (Anything, "Anything", "inner"), TWICE]


@pytest.mark.parametrize(("wrap", "around", "name"), WRAPS)
@pytest.mark.parametrize("place", ["first", "lin", "blocks.3", "blocks.3.up"])
def test_a_part(place, wrap, around, name):
    there, back = told(Net(), wrapped([place], wrap))
    assert there == [f"> {place} wrapped in {around}, now {place}.{name} breaks checkpoints"]
    assert back == [f"> {place}.{name} taken out of {around}, now {place} breaks checkpoints"]


@pytest.mark.parametrize("inside", ["", ".up"])
@pytest.mark.parametrize(("wrap", "around", "name"), WRAPS)
def test_the_same_part_of_siblings(inside, wrap, around, name):
    there, back = told(Net(), wrapped([f"blocks.{at}{inside}" for at in range(4)], wrap))
    place = "blocks.{0..3}" + inside
    assert there == [f"> {place} wrapped in {around}, now {place}.{name} x4 breaks checkpoints"]
    assert back == [f"> {place}.{name} taken out of {around}, now {place} x4 breaks checkpoints"]


@pytest.mark.parametrize(("wrap", "around", "name"), WRAPS)
def test_the_whole_model(wrap, around, name):
    there, back = told(Net(), wrap(Net()))
    assert there == [f"> (model) wrapped in {around}, now {name} breaks checkpoints"]
    assert back == [f"> {name} taken out of {around}, now (model) breaks checkpoints"]


def test_the_whole_model_and_parts():
    places = ["first", *(f"blocks.{at}.up" for at in range(4))]
    there, back = told(Net(), Wrap(wrapped(places, nn.Sequential)))
    assert there == [
        "> (model) wrapped in Wrap, now inner breaks checkpoints",
        "> first, blocks.{0..3}.up wrapped in Sequential, now inner.first.0, inner.blocks.{0..3}.up.0 x5 "
        "breaks checkpoints",
    ]
    assert len(back) == 2


def test_the_whole_model_with_an_input_more():
    class Skipping(Net):
        def forward(self, x, skip=None):
            return super().forward(x) + skip

    class Around(Wrap):
        def forward(self, x, skip):
            return self.inner(x, skip)

    lines = edits(said(traced(Net()), trace(Around(Skipping()).eval(), X, X)))
    assert "+ (model) input skip f32[2, 8] new changes the function" in lines


def test_edits_inside_are_told_for_themselves():
    old, new = traced(Net()), traced(Wrap(wrapped(["lin"], Wrap, Net(19))))
    assert [line.split(" parameters")[0] for line in edits(said(old, new))] == [
        "> (model) wrapped in Wrap, now inner breaks checkpoints",
        "> lin wrapped in Wrap, now inner.lin.inner breaks checkpoints",
        "~ inner.blocks.{0..3}.up out_features 17 -> 19 x4,",
        "~ inner.blocks.{0..3}.down in_features 17 -> 19 x4,",
    ]


class Named(nn.Module):
    """Blocks under a name that may be another."""

    def __init__(self, name, wrap):
        super().__init__()
        blocks = [Block(17) for _ in range(4)]
        for block in blocks:
            block.up = wrap(block.up)
        self.add_module(name, nn.ModuleList(blocks))

    def forward(self, x):
        (blocks,) = self.children()
        for block in blocks:
            x = block(x)
        return x


def test_parts_of_what_was_renamed():
    there, back = told(Named("blocks", lambda part: part), Named("layers", Wrap))
    assert there == [
        "> blocks renamed to layers breaks checkpoints",
        "> blocks.{0..3}.up wrapped in Wrap, now layers.{0..3}.up.inner x4 breaks checkpoints",
    ]
    assert back == [
        "> layers renamed to blocks breaks checkpoints",
        "> layers.{0..3}.up.inner taken out of Wrap, now blocks.{0..3}.up x4 breaks checkpoints",
    ]


class Times(nn.Module):
    """Calls a part so many times."""

    def __init__(self, times, wrap):
        super().__init__()
        self.part = wrap(nn.Linear(8, 8))
        self._times = [0] * times

    def forward(self, x):
        for _ in self._times:
            x = self.part(x).relu()
        return x


def test_a_call_of_a_wrapped_part_that_went_is_told_for_itself():
    there, back = told(Times(2, lambda part: part), Times(1, Wrap))
    assert there == [
        "> part wrapped in Wrap, now part.inner breaks checkpoints",
        "- (model) self.part(%relu) gone changes the function",
        "- (model) relu(%part) gone changes the function",
    ]
    assert [line[0] for line in back] == [">", "+", "+"]


class Shifting(nn.Module):
    """Adds a tensor that is no buffer."""

    def __init__(self):
        super().__init__()
        self.shift = torch.ones(8)

    def forward(self, x):
        return x + self.shift


def test_a_tensor_that_a_wrapped_part_holds_is_that_of_the_part():
    there, back = told(Times(2, lambda part: Shifting()), Times(2, lambda part: Wrap(Shifting())))
    assert there == ["> part wrapped in Wrap, now part.inner cosmetic"]
    assert back == ["> part.inner taken out of Wrap, now part cosmetic"]


class Several(nn.Module):
    """Calls a part with two tensors, by position and by name, and takes both that it gives."""

    def __init__(self, part):
        super().__init__()
        self.part = part

    def forward(self, x):
        y, z = self.part(x, skip=x)
        y, z = self.part(y, z)
        return y * z


class Both(Wrap):
    def forward(self, x, skip):
        return self.inner(x, skip)


@pytest.mark.parametrize("wrap", [Both, Anything])
def test_several_arguments_results_and_calls(wrap):
    there, _ = told(Several(Block(16)), Several(wrap(Block(16))))
    assert there == [f"> part wrapped in {wrap.__name__}, now part.inner breaks checkpoints"]


class Scaled(nn.Linear):
    def forward(self, x, scale, bias=None):
        return super().forward(x) * scale


class Doubling(Wrap):
    """Hands on what it is given with a value that its callers gave before."""

    def forward(self, x):
        return self.inner(x, 2)


class Calls(nn.Module):
    def __init__(self, part, *values):
        super().__init__()
        self.part, self.values = part, [values]

    def forward(self, x):
        return self.part(x, *self.values[0])


def test_a_value_that_the_module_around_knows_is_handed_on():
    there, back = told(Calls(Scaled(8, 8), 2), Calls(Doubling(Scaled(8, 8))))
    assert there == ["> part wrapped in Doubling, now part.inner breaks checkpoints"]
    assert len(back) == 1


class Listed(nn.Module):
    def __init__(self, part):
        super().__init__()
        self.part = part

    def forward(self, x):
        return (self.part[0] if isinstance(self.part, nn.ModuleList) else self.part)(x)


def test_a_list_around_a_part_is_not_called():
    there, back = told(Listed(Block(16)), Listed(nn.ModuleList([Block(16)])))
    assert there == ["> part wrapped in ModuleList, now part.0 breaks checkpoints"]
    assert back == ["> part.0 taken out of ModuleList, now part breaks checkpoints"]


def test_a_module_that_does_more_than_to_hand_on_changes_the_function():
    old, new = traced(Net()), traced(wrapped(["first"], Doubled))
    assert any("changes the function" in line for line in edits(said(old, new)))
    assert apply(diff(old, new)) == new


class First(Wrap):
    """Gives a part of what it is handed."""

    def forward(self, *args):
        return self.inner(*args)[0]


def test_one_that_gives_a_part_of_a_result_changes_the_function():
    class Net(nn.Module):
        def __init__(self, part):
            super().__init__()
            self.part = part

        def forward(self, x):
            return self.part(x, x)

    old, new = (trace(Net(part).eval(), X) for part in (Block(16), First(Block(16))))
    assert any("changes the function" in line for line in edits(said(old, new)))
    assert apply(diff(old, new)) == new


class Exchanged(Wrap):
    def forward(self, x, skip):
        return self.inner(skip, x)


def test_one_that_exchanges_what_it_is_given_changes_the_function():
    def of(part):
        model = Several(part)
        return trace(model.eval(), X)

    old, new = of(Block(16)), of(Exchanged(Block(16)))
    assert any("changes the function" in line for line in edits(said(old, new)))
    assert apply(diff(old, new)) == new


def test_tied_and_shared_parts_keep_their_ties():
    def of(wrap):
        model = Net()
        model.blocks[2].up.weight = model.blocks[1].up.weight
        model.blocks[3] = model.blocks[0]
        model.blocks[1] = wrap(model.blocks[1])
        return model

    there, _ = told(of(lambda part: part), of(Wrap))
    assert there == ["> blocks.1 wrapped in Wrap, now blocks.1.inner breaks checkpoints"]


def test_without_a_forward_pass():
    old, new = (Options(forward=False).trace(model) for model in (Net(), wrapped(["first"], Wrap)))
    assert edits(said(old, new)) == ["> first wrapped in Wrap, now first.inner breaks checkpoints"]
    assert apply(diff(old, new)) == new
