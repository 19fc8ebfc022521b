"""The verdict on checkpoints, held against torch itself: what a strict ``load_state_dict`` says of edited models."""

import copy
import re
from random import Random

import architectures
import edited_models
import edits_of_modules
import pytest
import torch
from hypothesis import given
from made_up import ARCHITECTURES, config, linear, model, norm, spec
from safetensors.torch import load_file, save_file, save_model
from torch import nn

from pytest_nnviz import Options, diff
from pytest_nnviz.architecture import Buffer, Module, Parameter
from pytest_nnviz.cli.weights import hold
from pytest_nnviz.drift import apply_renames, checkpoint
from pytest_nnviz.drift.consequence import BREAKS, FUNCTION
from pytest_nnviz.drift.segments import respelled_keys
from pytest_nnviz.drift.statedict import Entry, state_dict
from pytest_nnviz.wording import headline
from pytest_nnviz.wording.checkpoints import checkpoint_lines

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

# Layers used twice, tied embeddings, batch norms, parametrizations, load hooks, two towers.
MODELS = ("albert", "gpt2", "resnet", "wav2vec2", "mamba", "clip")
OWN = ("looping", "encoder", "residual")


def build(name):
    return (edited_models if name in edited_models.AWKWARD else architectures).build(name)[0]


def traced(module):
    return Options(forward=False).trace(module)


def told(module, state):
    """(missing, unexpected, reshaped) keys as torch's error names them; all empty where the state dict loads."""
    try:
        copy.deepcopy(module).load_state_dict(state, strict=True)
    except RuntimeError as error:
        text = str(error)
        lists = [re.search(rf"{kind} key\(s\) in state_dict: (.*)\. ", text) for kind in ("Missing", "Unexpected")]
        named = [set(re.findall(r'"([^"]+)"', found[1])) if found else set() for found in lists]
        return (*named, set(re.findall(r"size mismatch for (\S+):", text)))
    return set(), set(), set()


def foreseen(loading):
    return set(loading.missing), set(loading.unexpected), {respec.key for respec in loading.reshaped}


@pytest.mark.parametrize("name", [*architectures.TRANSFORMERS, *architectures.PLAIN, *edited_models.AWKWARD])
def test_the_keys_are_those_of_torch_in_its_order(name):
    module = build(name)
    found = state_dict(traced(module).root)
    state = module.state_dict()
    assert list(found) == list(state)
    shapes = {key: value.shape for key, value in state.items() if isinstance(value, torch.Tensor)}
    assert {key: tuple(entry.spec.shape) for key, entry in found.items() if entry.spec} == shapes


def test_modules_shared_inside_of_shared_ones_have_keys_too():
    module, block, part = nn.Module(), nn.Module(), nn.Linear(3, 3)
    module.part, module.block = part, block
    block.inner = nn.Sequential(part, nn.Sequential(part))
    module.again = nn.ModuleList([block])
    module.tied = nn.Linear(3, 3)
    module.tied.weight = part.weight
    found = state_dict(traced(module).root)
    assert list(found) == list(module.state_dict())
    assert {entry.first for key, entry in found.items() if key.endswith("weight")} == {"part.weight"}


@pytest.mark.parametrize("seed", range(40))
def test_the_keys_of_modules_that_are_shared_at_random_are_those_of_torch(seed):
    random = Random(seed)
    pool = [nn.Linear(2, 2) for _ in range(3)]
    for _ in range(6):
        module = nn.Module()
        for name in random.sample("abcd", random.randint(1, 3)):
            module.add_module(name, random.choice(pool))
        pool.append(module)
    assert list(state_dict(traced(pool[-1]).root)) == list(pool[-1].state_dict())


def test_the_walk_through_a_module_that_holds_itself_comes_to_an_end():
    module, block = nn.Module(), nn.Module()
    module.block, block.part = block, nn.Linear(2, 2)
    block.part.outer, module.again = block, block
    with pytest.raises(RecursionError):
        module.state_dict()
    keys = [f"{name}.part.{each}" for name in ("block", "again") for each in ("weight", "bias")]
    found = Options(forward=False, mode="as-is").trace(module)
    assert list(state_dict(found.root)) == keys


@pytest.mark.parametrize("name", [*MODELS, *OWN])
def test_what_is_said_of_edited_models_is_what_torch_says(name):
    module = build(name)
    old = traced(module)
    edits = {}
    for edit in edits_of_modules.edits_of(module, lambda: None):
        edits.setdefault(edit.kind, []).append(edit)
    wrong = []
    for edit in (found[len(found) // 2] for found in edits.values()):
        edited = edit.made(module)
        drift = diff(old, traced(edited))
        loading = checkpoint(drift)
        truth = told(edited, module.state_dict())
        if foreseen(loading) != truth:
            wrong.append((edit.kind, edit.place, foreseen(loading), truth))
        elif (loading.strict == "yes") != (not any(truth)) and not loading.hooks:
            wrong.append((edit.kind, edit.place, loading.strict))
        elif loading.strict == "no" and all(c.consequence != BREAKS for c in drift.changes):
            wrong.append((edit.kind, edit.place, "no change breaks checkpoints"))
        elif loading.strict == "yes" and any(c.consequence == BREAKS for c in drift.changes):
            wrong.append((edit.kind, edit.place, "a change breaks checkpoints"))
    assert not wrong, "\n".join(map(str, wrong))
    assert len(edits) > 10


@pytest.mark.parametrize("name", [*MODELS, *OWN])
def test_the_map_of_a_renamed_module_makes_the_old_state_dict_load(name):
    module = build(name)
    old = traced(module)
    edits = [edit for edit in edits_of_modules.edits_of(module, lambda: None) if edit.kind == "rename"]
    for edit in edits[:: max(1, len(edits) // 3)]:
        edited = edit.made(module)
        loading = checkpoint(diff(old, traced(edited)))
        renamed = apply_renames(module.state_dict(), loading.renames)
        plain = {loading.renames.get(key, key): value for key, value in module.state_dict().items()}
        assert told(edited, renamed) == told(edited, plain) == (set(), set(), set()), edit
        assert loading.renamed is None or foreseen(loading.renamed) == (set(), set(), set()), edit
        assert (loading.renamed is None) == (loading.strict == "yes"), edit
    assert edits


@pytest.mark.parametrize("name", [*MODELS, "t5"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_what_is_said_of_a_file_is_what_torch_says(name, prefix, tmp_path):
    """Of files as `safetensors` writes them: without the second names of tied tensors, without versions."""
    module = build(name)
    path = tmp_path / "model.safetensors"
    save_model(module, str(path))
    tensors = {prefix + key: value for key, value in load_file(path).items() if not key.endswith("num_batches_tracked")}
    save_file(tensors, path)
    held = hold(path, traced(module))
    assert foreseen(held.loading) == told(module, tensors)
    assert (held.prefix, set(held.ties) == set(held.loading.missing)) == (f"-{prefix}" if prefix else "", not prefix)


def entries(**sizes):
    return {key.replace("_", "."): Entry(spec(size), key) for key, size in sizes.items()}


def test_names_of_a_file_that_are_others_in_the_model():
    """Found one after the other; a key that has come to its place stays there, whatever is found later."""
    old = entries(a_attn_q=1, out_attn_q=2, a_attn_out_w=3)
    new = entries(a_self_q=1, out_self_q=2, a_self_proj_w=3)
    assert respelled_keys(old, new) == dict(zip(old, new, strict=True))


def test_no_name_stands_for_one_under_which_a_tensor_is_another():
    assert respelled_keys(entries(attn_q=1, attn_k=2), entries(self_q=1, self_k=3)) == {}


def test_a_name_that_stands_for_another_in_one_place_alone():
    assert respelled_keys(entries(a_a=1), entries(d_a=1)) == {}


def said(old, new):
    return checkpoint_lines(checkpoint(diff(old, new)))


def blocks(*sizes, name="layers"):
    children = tuple(
        (str(index), Module("Block", children=(("fc", linear(8, size)),))) for index, size in enumerate(sizes)
    )
    return model([(name, Module("ModuleList", children=children))])


def test_nothing_is_said_where_they_load():
    assert said(blocks(8), blocks(8)) == []
    assert said(model([("a", norm(eps=1e-5))]), model([("a", norm(eps=1e-3))])) == []


def test_a_renamed_module_in_words():
    assert said(blocks(8, 9), blocks(8, 9, name="blocks")) == [
        "old checkpoints do not load strictly: 4 keys missing, 4 unexpected",
        "rename map: layers -> blocks (4 keys), then they load strictly",
    ]


def test_a_block_put_between_others_in_words():
    sizes = list(range(8, 20))
    assert said(blocks(*sizes), blocks(*sizes[:3], 99, *sizes[3:])) == [
        "old checkpoints do not load strictly: 2 keys missing, 18 reshaped",
        "rename map: layers.{3..11} -> layers.{4..12} (18 keys), leaves 2 keys missing",
    ]


def test_a_rename_beside_a_wider_layer():
    old = model([("a", linear(8)), ("head", linear(8, 4))])
    new = model([("b", linear(8)), ("head", linear(8, 5))])
    assert said(old, new)[1] == "rename map: a -> b (2 keys), leaves 2 keys reshaped"
    assert checkpoint(diff(old, new)).renames == {"a.weight": "b.weight", "a.bias": "b.bias"}


def test_a_renamed_parameter():
    old = model(parameters=(Parameter("gamma", spec(3)),))
    new = model(parameters=(Parameter("weight", spec(3)),))
    assert checkpoint(diff(old, new)).renames == {"gamma": "weight"}


def test_renames_go_through_shared_modules():
    """The second name of a block keeps its keys in step with the first."""
    inner = ("fc", linear(8)), ("bn", norm())
    old = model([("a", Module("Block", children=inner)), ("b", Module("", shared="a"))])
    new = model([("a", Module("Block", children=(("proj", inner[0][1]), inner[1]))), ("b", Module("", shared="a"))])
    loading = checkpoint(diff(old, new))
    assert loading.renames["b.fc.weight"] == "b.proj.weight"
    assert loading.renamed is not None
    assert loading.renamed.strict == "yes"


class Adapted(nn.Module):
    """A layer with a low-rank one beside it."""

    def __init__(self, layer):
        super().__init__()
        self.base_layer = layer
        self.down = nn.Linear(8, 2, bias=False)
        self.up = nn.Linear(2, 8, bias=False)


class Attention(nn.Module):
    def __init__(self, wrap=lambda layer: layer):
        super().__init__()
        self.heads = nn.ModuleList(wrap(nn.Linear(8, 8)) for _ in range(3))
        self.temperature = nn.Parameter(torch.ones(1))


@pytest.mark.parametrize("pair", [(Attention(), Attention(Adapted)), (Attention(Adapted), Attention())])
def test_layers_that_went_into_adapters_keep_their_weights(pair):
    loading = checkpoint(diff(*map(traced, pair)))
    assert len(loading.renames) == 6
    assert {*loading.renames, *loading.renames.values()} >= {"heads.0.weight", "heads.0.base_layer.weight"}
    assert loading.renamed is not None
    assert foreseen(loading.renamed) == told(pair[1], apply_renames(pair[0].state_dict(), loading.renames))


def test_a_model_put_into_another_takes_its_own_parameters_along():
    wrapped = nn.Module()
    wrapped.model = Attention()
    loading = checkpoint(diff(traced(Attention()), traced(wrapped)))
    assert loading.renames["temperature"] == "model.temperature"
    assert told(wrapped, apply_renames(Attention().state_dict(), loading.renames)) == (set(), set(), set())


@pytest.mark.parametrize("turned", [1, -1])
def test_what_is_inside_of_a_layer_never_takes_the_place_of_its_own(turned):
    bare, full = nn.Sequential(nn.Linear(4, 4)), nn.Sequential(nn.Linear(4, 4))
    full[0].add_module("inner", nn.Linear(4, 4))
    loading = checkpoint(diff(*map(traced, (bare, full)[::turned])))
    assert loading.in_the_way == 2
    assert loading.renames == {}


def test_which_of_two_it_became_is_not_guessed():
    old, new = nn.ModuleDict({"p": nn.Linear(4, 4)}), nn.ModuleDict({"p": nn.Sequential(*[nn.Linear(4, 4)] * 0)})
    new["p"].a, new["p"].b = nn.Linear(4, 4), nn.Linear(4, 4)
    assert checkpoint(diff(traced(old), traced(new))).renames == {}


def test_a_swap_is_two_renames():
    old, new = blocks(8, 9), blocks(9, 8)
    loading = checkpoint(diff(old, new))
    assert loading.renames["layers.0.fc.weight"] == "layers.1.fc.weight"
    assert loading.renames["layers.1.fc.weight"] == "layers.0.fc.weight"
    assert loading.renamed is not None
    assert loading.renamed.strict == "yes"


def block(size=8):
    return Module("Block", children=(("fc", linear(size)),))


def shared(*, by, head=8):
    """Three blocks, of which one is the first under a second name."""
    names = {"a": block(), "b": block(), "c": block(), by: Module("", shared="a")}
    return model([*names.items(), ("head", linear(8, head))])


def test_no_map_is_offered_that_breaks_what_loads():
    """The second name went from one place to another, and every key is where it was."""
    drift = diff(shared(by="b"), shared(by="c"))
    assert (checkpoint(drift).strict, checkpoint(drift).renames) == ("yes", {})
    assert {change.consequence for change in drift.changes} == {FUNCTION}
    assert headline(drift, "t").startswith("changes the function: ")
    wider = diff(shared(by="b"), shared(by="c", head=9))
    assert checkpoint(wider).renames == {}
    assert len(checkpoint(wider).reshaped) == 2


def test_layers_that_traded_names_load_into_each_other():
    old, new = (model([(name, linear(8)), ("act", norm()), (other, linear(8))]) for name, other in ("ab", "ba"))
    drift = diff(old, new)
    assert checkpoint(drift).strict == "yes"
    assert all(change.consequence != BREAKS for change in drift.changes)


def pooled(*kernels, head=9):
    """Blocks that differ by what no key holds."""
    children = [(str(at), Module("Block", config(k=k), children=(("fc", linear(8)),))) for at, k in enumerate(kernels)]
    return model([("layers", Module("ModuleList", children=tuple(children))), ("head", linear(8, head))])


@pytest.mark.parametrize("moved", [(shared(by="b"), shared(by="c", head=9)), (pooled(3, 5, head=4), pooled(5, 3))])
def test_what_trades_places_breaks_no_more_beside_an_edit_that_does(moved):
    drift = diff(*moved)
    assert {change.place for change in drift.changes if change.consequence == BREAKS} == {"head"}
    assert headline(drift, "t").startswith("breaks checkpoints: head out_features ")


@pytest.mark.parametrize("head", [9, 4])
def test_what_traded_places_has_a_map_though_it_lets_no_more_keys_load(head):
    """Each key is there and fits, and would hold the weights of the other block."""
    loading = checkpoint(diff(pooled(3, 5, head=head), pooled(5, 3)))
    names = [f"layers.{at}.fc.{name}" for at in (0, 1) for name in ("weight", "bias")]
    assert loading.renames == dict(zip(names, names[2:] + names[:2], strict=True))
    assert loading.in_the_way == loading.renamed.in_the_way == (head != 9) * 2


def hooked(*marks, size=8):
    return model([("b", Module("Block", children=(("a", linear(size)),), marks=marks))])


@pytest.mark.parametrize(
    ("old", "new", "strict"),
    [
        (hooked("load hook"), hooked("load hook"), "yes"),
        (hooked("load hook"), hooked("load hook", size=9), "not verified"),
        (hooked(), hooked("load hook"), "not verified"),
        (hooked("load hook"), hooked(), "yes"),
        (hooked("load hook", size=9), hooked(), "no"),
        (hooked("save hook"), hooked("save hook"), "yes"),
        (hooked("save hook"), hooked(), "not verified"),
        (hooked("save hook", size=9), hooked("save hook"), "not verified"),
        (hooked("extra state"), hooked(), "no"),
        (hooked(), hooked("extra state"), "no"),
    ],
)
def test_hooks_decide_what_cannot_be_known(old, new, strict):
    assert checkpoint(diff(old, new)).strict == strict


def test_hooks_are_named():
    assert said(hooked("load hook"), hooked("load hook", size=9)) == [
        "old checkpoints, not verified (load hook of b): 1 key reshaped"
    ]


@pytest.mark.parametrize(
    ("marks", "size", "rest"),
    [
        (([], ["load hook"]), 8, "not verified (load hook of b)"),
        ((["load hook"], ["load hook"]), 9, "leaves 1 key reshaped, not verified (load hook of b)"),
        ((["load hook"], ["load hook"]), 8, "then they load strictly"),
    ],
)
def test_what_a_map_leaves_to_a_hook_is_not_promised(marks, size, rest):
    sides = [hooked(*marks[side], size=(8, size)[side]).root.children for side in (0, 1)]
    old, new = model([*sides[0], ("c", linear())]), model([*sides[1], ("d", linear())])
    assert said(old, new)[1] == f"rename map: c -> d (2 keys), {rest}"


class Translated(nn.Linear):
    def load_state_dict(self, state_dict, strict=True, assign=False):
        return super().load_state_dict(state_dict, strict=False, assign=assign)


def behind(layer):
    layer.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    return layer


def before(layer):
    layer.register_load_state_dict_pre_hook(lambda *rest: None)
    return layer


def instead(layer):
    layer._load_from_state_dict = lambda *rest: None
    return layer


@pytest.mark.parametrize("made", [lambda layer: Translated(layer.in_features, 8), behind, before, instead])
def test_what_loads_in_its_own_way_is_not_verified(made):
    old, new = made(nn.Linear(4, 8)), made(nn.Linear(5, 8))
    loading = checkpoint(diff(traced(old), traced(new)))
    assert (loading.strict, loading.hooks) == ("not verified", ("load hook of the model",))


def test_only_the_model_itself_is_asked_to_load():
    """Torch does not call the ``load_state_dict`` of what is inside."""
    old, new = nn.Sequential(Translated(4, 8)), nn.Sequential(Translated(5, 8))
    assert checkpoint(diff(traced(old), traced(new))).strict == "no"


def test_a_load_hook_that_goes_breaks_nothing_that_loads():
    drift = diff(hooked("load hook"), hooked())
    assert (checkpoint(drift).strict, said(hooked("load hook"), hooked())) == ("yes", [])
    assert headline(drift, "t") == "changes the function: b load hook gone in t"


class Optional(nn.Module):
    def __init__(self, head):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.head = head


@pytest.mark.parametrize("turned", [1, -1])
def test_a_child_that_is_none_is_a_module_that_is_gone(turned):
    drift = diff(*[traced(Optional(head)) for head in (nn.Linear(4, 4), None)][::turned])
    loading = checkpoint(drift)
    assert [*loading.missing, *loading.unexpected] == ["head.weight", "head.bias"]
    assert [(c.kind, c.place) for c in drift.changes if not c.ripple] == [(("added", "removed")[turned > 0], "head")]


def test_a_key_outside_of_what_a_hook_sees_is_certain():
    old, new = hooked("load hook"), hooked("load hook")
    assert checkpoint(diff(old, model([*new.root.children, ("z", linear())]))).strict == "no"


def buffered(**options):
    return model(buffers=(Buffer("m", spec(3, **options.pop("spec", {})), **options),))


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        (buffered(), buffered(persistent=False), (set(), {"m"}, set())),
        (buffered(persistent=False), buffered(), ({"m"}, set(), set())),
        (buffered(), buffered(spec={"dtype": "f16"}), (set(), set(), set())),
    ],
)
def test_buffers_that_are_not_saved_are_no_keys(old, new, keys):
    assert foreseen(checkpoint(diff(old, new))) == keys


def test_another_dtype_loads_and_is_noted():
    loading = checkpoint(diff(buffered(), buffered(spec={"dtype": "f16"})))
    assert loading.strict == "yes"
    assert [(r.key, r.saved.dtype, r.expected.dtype) for r in loading.retyped] == [("m", "f32", "f16")]


@pytest.mark.parametrize("shapes", [((1,), ()), ((), (1,)), ((1, 1), ()), ((2,), (2, 1))])
def test_which_shapes_load_is_as_torch_has_it(shapes):
    modules = [nn.Module() for _ in shapes]
    for module, shape in zip(modules, shapes, strict=True):
        module.register_buffer("b", torch.zeros(shape))
    drift = diff(*map(traced, modules))
    assert foreseen(checkpoint(drift)) == told(modules[1], modules[0].state_dict())
    assert (checkpoint(drift).strict == "no") == any(change.consequence == BREAKS for change in drift.changes)


class Normed(nn.BatchNorm1d):
    """A norm of another name."""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (nn.Identity(), nn.BatchNorm1d(3)),
        (nn.Identity(), Normed(3)),
        (Normed(3, track_running_stats=False), Normed(3)),
        (nn.LayerNorm(3), nn.BatchNorm1d(3)),
        (nn.BatchNorm1d(3, track_running_stats=False), nn.BatchNorm1d(3)),
        (nn.BatchNorm1d(3), nn.BatchNorm1d(3, track_running_stats=False)),
        (nn.InstanceNorm1d(3), nn.InstanceNorm1d(3, track_running_stats=True)),
        (nn.BatchNorm1d(3), nn.InstanceNorm1d(3, track_running_stats=True, affine=True)),
    ],
)
def test_batch_counts_that_torch_fills_in_are_not_missing(old, new):
    modules = [nn.ModuleDict({"n": module}) for module in (old, new)]
    loading = checkpoint(diff(*map(traced, modules)))
    assert foreseen(loading) == told(modules[1], modules[0].state_dict())


@given(ARCHITECTURES, ARCHITECTURES)
def test_what_one_way_misses_the_other_way_does_not_expect(a, b):
    there, back = checkpoint(diff(a, b)), checkpoint(diff(b, a))
    assert set(there.missing) == set(back.unexpected)
    assert checkpoint(diff(a, a)).strict == "yes"
    if there.strict == "yes":
        assert all(c.consequence != BREAKS for c in diff(a, b).changes)
    assert there.renamed is None or there.renamed.in_the_way <= there.in_the_way
    assert there.renamed is None or there.strict != "yes" or there.renamed.strict == "yes"
    assert set(there.renames) <= set(state_dict(a.root))
    assert set(there.renames.values()) <= set(state_dict(b.root))
    assert len(set(there.renames.values())) == len(there.renames)
