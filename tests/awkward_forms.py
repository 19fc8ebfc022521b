"""Forms of programs: how modules are held, called, wrapped and hooked, and how forward flows."""

from __future__ import annotations

import contextlib
import functools
import types
import warnings

import torch
import torch.distributed as dist
import torch.nn.functional as F
from catalogue import Entry, Forward, given
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from pytest_nnviz import Options

__all__ = ["SECTIONS"]

X = torch.linspace(-1, 1, 8).reshape(2, 4)
FIXED = Options(values="fixed")
TRAIN = Options(mode="train")


def calls(function, *args, **members):
    """A builder of a model whose forward is ``function(self, *args)``; members are made anew for each."""
    return lambda: given(Forward(function, **{name: make() for name, make in members.items()}), *(args or (X,)))


def linear(width=4):
    return lambda: nn.Linear(4, width)


def two():
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU())


def once(m, x):
    return m.layer(x)


def made(change, *, of=lambda: nn.Linear(4, 4), call=once, x=X):
    """A builder of a model with one layer that ``change`` has been at; it may hand back another layer."""

    def build():
        torch.manual_seed(0)
        layer = of()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return given(Forward(call, layer=change(layer) or layer), x)

    return build


# data decides


def halving():
    layer = nn.Linear(4, 4)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(4))
        layer.bias.zero_()
    return layer


def caught(m, x):
    try:
        return m.layer(m.layer(x)[:, :3])
    except RuntimeError:
        return x.sin()


def generated(m, x):
    def layers():
        yield from m.layers

    with torch.no_grad():
        for layer in layers():
            x = layer(x)
    return x


def threaded(m, x):
    import threading

    results = []
    thread = threading.Thread(target=lambda: results.append(m.layer(x)))
    thread.start()
    thread.join()
    return results[0]


class Recursive(nn.Module):
    def __init__(self, depth=2):
        super().__init__()
        self.depth = [depth]
        self.layer = nn.Linear(4, 4)

    def forward(self, x, n=None):
        n = self.depth[0] if n is None else n
        return self(self.layer(x), n - 1) if n else x


def branches(m, x):
    return m.yes(x) if x[0, 0] > 0 else m.no(x)


def rounds(m, x):
    while x.norm() > 1:
        x = m.layer(x) * 0.5
    return x


def steps(m, x, n):
    for _ in range(int(n)):
        x = m.layer(x)
    return x


FLOW = (
    Entry(
        "branch on a value",
        'the branch that was taken, and what was read; refused at recording without `values="fixed"`',
        calls(branches, yes=linear(), no=two),
        ("bool(%gt)", "self.no(input=x) -> f32[2, 4]"),
        edited=(calls(lambda m, x: m.no(x), yes=linear(), no=two),),
        options=FIXED,
        meta=False,
    ),
    Entry(
        "loop until a value",
        "the rounds that were gone",
        lambda: given(Forward(rounds, layer=halving()), X * 4),
        ("gt(%norm, 1) -> bool[]",),
        options=FIXED,
        meta=False,
    ),
    Entry(
        "loop as often as an input says",
        "the rounds that were gone; the input by its dtype and shape",
        lambda: given(Forward(steps, layer=nn.Linear(4, 4)), X, torch.tensor(3)),
        ("int(args[0])", "self.layer(%layer) -> f32[2, 4]"),
        edited=(lambda: given(Forward(steps, layer=nn.Linear(4, 4)), X, torch.tensor(2)),),
        meta=False,
    ),
    Entry(
        "exceptions caught inside forward",
        "what was computed; a call that raised is none",
        calls(lambda m, x: caught(m, x), layer=linear()),
        ("sin(x) -> f32[2, 4]",),
        edited=(calls(lambda m, x: m.layer(x), layer=linear()),),
    ),
    Entry(
        "generators and context managers",
        "as what runs inside; switches of gradients are calls",
        calls(lambda m, x: generated(m, x), layers=two),
        ("set_grad_enabled(False)", "self.layers.0(x) -> f32[2, 4]"),
        edited=(calls(lambda m, x: m.layers[1](m.layers[0](x)), layers=two),),
    ),
    Entry(
        "recursion",
        "the model calls itself",
        lambda: given(Recursive(), X),
        ("self(x=%layer, n=1) -> f32[2, 4]",),
        edited=(lambda: given(Recursive(3), X),),
    ),
    Entry(
        "a thread in forward",
        "refused, unless the part that starts it is opaque: then one call",
        calls(lambda m, x: m.part(x) + 1, part=lambda: Forward(threaded, layer=nn.Linear(4, 4))),
        ("self.part(x=x) -> f32[2, 4]",),
        options=Options(opaque=("part",)),
        meta=False,
    ),
)


# how modules are held and called


def shared_block():
    block = two()
    return nn.ModuleList([block, block])


def apart():
    return nn.ModuleList([two(), two()])


def in_turn(m, x):
    for block in m.blocks:
        x = block(x)
    return x


def held_outside(*, same):
    one, other = nn.Linear(4, 4), nn.Linear(4, 4)
    return calls(lambda m, x: (one if same else other)(one(x)))


def held_in_list(*, same):
    def build():
        layers = [nn.Linear(4, 4), nn.Linear(4, 4)]
        return given(Forward(lambda m, x: m.layers[0 if same else 1](m.layers[0](x)), layers=layers), X)

    return build


class Captured(nn.Module):
    """Holds calls of its own layer that were made before anybody looked."""

    def __init__(self, times=1):
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.held = [functools.partial(self.layer), self.layer.__call__][:times]

    def forward(self, x):
        for call in self.held:
            x = call(x)
        return x


class OwnCall(nn.Module):
    def __init__(self, factor=2):
        super().__init__()
        self.factor = [factor]
        self.layer = nn.Linear(4, 4)

    def __call__(self, x):
        return super().__call__(x) * self.factor[0]

    def forward(self, x):
        return self.layer(x)


class OwnAttributes(nn.Module):
    """Finds a layer under another name, and counts what is set."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def __getattr__(self, name):
        return super().__getattr__("layer" if name == "alias" else name)

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        self.__dict__.setdefault("written", []).append(name)

    def forward(self, x):
        self.state = 1
        return self.alias(x)


def swapping(m, x):
    m.one, m.other = m.other, m.one
    return m.one(x)


def replacing(m, x):
    y = m.layer(x)
    m.layer = nn.Sequential(nn.ReLU())
    return m.layer(y)


def nested(depth, width=4):
    def build():
        model = nn.Linear(4, width)
        for _ in range(depth):
            model = nn.Sequential(model)
        return given(model, X)

    return build


class Chain(nn.Sequential):
    pass


def tripled(layer, x):
    return F.linear(x, layer.weight) * 3


def doubling(function):
    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        return function(*args, **kwargs) * 2

    return wrapped


class Decorated(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    @doubling
    def forward(self, x):
        return self.layer(x)


def square():
    return nn.Parameter(torch.ones(4, 4))


def odd():
    return nn.ModuleDict({"\u00e9 b": nn.Linear(4, 4), "self": nn.ReLU(), "1x": nn.Tanh(), "weight =": nn.Linear(4, 4)})


def lazy():
    return given(nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d()), X)


def called_lazy():
    made = lazy()
    made.model(X)
    return made


MODULES = (
    Entry(
        "module called several times",
        "a call each; its parameters once",
        calls(lambda m, x: m.layer(m.layer(x)), layer=linear()),
        ("self.layer(%layer) -> f32[2, 4]",),
        edited=(calls(once, layer=linear()), calls(lambda m, x: m.other(m.layer(x)), layer=linear(), other=linear())),
    ),
    Entry(
        "module registered under two names",
        "written out at the first, a reference at the second",
        calls(in_turn, blocks=shared_block),
        ("1: = 0", "self.blocks.0(input=%blocks.0) same as %blocks.0"),
        edited=(calls(in_turn, blocks=apart),),
    ),
    Entry(
        "modules held in a plain list",
        "by class and configuration; the second with weights of its own has a number",
        held_in_list(same=False),
        ("new Linear(<#2>, in_features=4, out_features=4)(%Linear) -> f32[2, 4]",),
        edited=(held_in_list(same=True),),
        meta=False,
    ),
    Entry(
        "modules held in a closure",
        "as in a plain list",
        held_outside(same=True),
        ("new Linear(in_features=4, out_features=4)(%Linear) -> f32[2, 4]",),
        edited=(held_outside(same=False),),
        meta=False,
    ),
    Entry(
        "module made in forward",
        "with its configuration; weights made in forward are operands",
        calls(lambda m, x: nn.Softmax(dim=-1)(nn.Linear(4, 4)(x))),
        (
            "new Softmax(dim=-1)(%Linear) -> f32[2, 4]",
            "new Linear(in_features=4, out_features=4)(x, weight=%kaiming_uniform_, bias=%uniform_) -> f32[2, 4]",
        ),
        edited=(calls(lambda m, x: nn.Softmax(dim=0)(nn.Linear(4, 4)(x))),),
    ),
    Entry(
        "module.forward(...)",
        "as what it does inside",
        calls(lambda m, x: m.layer.forward(x), layer=linear()),
        ("linear(x, self.layer.weight, self.layer.bias) -> f32[2, 4]",),
        edited=(calls(lambda m, x: m.layer.forward(x) * 2, layer=linear()),),
    ),
    Entry(
        "calls captured before (functools.partial, bound __call__)",
        "a partial as a call of the module, a bound `__call__` as what it does inside",
        lambda: given(Captured(2), X),
        ("self.layer(x) -> f32[2, 4]", "linear(%layer, self.layer.weight, self.layer.bias) -> f32[2, 4]"),
        edited=(lambda: given(Captured(1), X),),
    ),
    Entry(
        "__call__ of its own",
        "what it does around forward belongs to the caller",
        calls(lambda m, x: m.inner(x), inner=OwnCall),
        ("self.inner(x=x) -> f32[2, 4]", "mul(%inner, 2) -> f32[2, 4]"),
        edited=(calls(lambda m, x: m.inner(x), inner=lambda: OwnCall(3)),),
    ),
    Entry(
        "__getattr__ and __setattr__ of its own",
        "under the name that is registered",
        lambda: given(OwnAttributes(), X),
        ("self.layer(x) -> f32[2, 4]",),
    ),
    Entry(
        "forward set on the instance",
        "as what it does",
        made(lambda layer: setattr(layer, "forward", lambda x: F.linear(x, layer.weight) * 3)),
        ("linear(x, self.weight) -> f32[2, 4]", "mul(%linear, 3) -> f32[2, 4]"),
        edited=(
            made(lambda layer: setattr(layer, "forward", lambda x: F.linear(x, layer.weight) * 2)),
            made(lambda layer: None),
        ),
        equal=(made(lambda layer: setattr(layer, "forward", types.MethodType(tripled, layer))),),
    ),
    Entry(
        "decorated forward",
        "as what it does",
        lambda: given(Decorated(), X),
        ("self.layer(args[0]) -> f32[2, 4]", "mul(%layer, 2) -> f32[2, 4]"),
        edited=(made(lambda layer: None),),
    ),
    Entry(
        "modules swapped in forward",
        "the one that is called, by its place before the pass",
        calls(swapping, one=linear(), other=two),
        ("self.other(input=x) -> f32[2, 4]",),
        edited=(calls(lambda m, x: m.one(x), one=linear(), other=two),),
    ),
    Entry(
        "module replaced in forward",
        "the new one as one that no module registers",
        calls(replacing, layer=linear()),
        ("new Sequential()(input=%layer) -> f32[2, 4]",),
        edited=(calls(lambda m, x: m.layer(m.layer(x)), layer=linear()),),
    ),
    Entry(
        "swap_tensors in forward",
        "a call; both tensors go by it from then on",
        calls(lambda m, x: (torch.utils.swap_tensors(m.a, m.b), x @ m.a)[1], a=square, b=square),
        ("swap_tensors(self.a, self.b) -> (f32[4, 4], f32[4, 4])", "matmul(x, %swap_tensors[0]) -> f32[2, 4]"),
        edited=(calls(lambda m, x: x @ m.a, a=square, b=square),),
        meta=False,
    ),
    Entry(
        "slices of a Sequential, of a subclass",
        "a Sequential that no module registers, around layers that one does",
        calls(lambda m, x: m.chain[1:](m.chain[:1](x)), chain=lambda: Chain(nn.Linear(4, 4), nn.ReLU())),
        ("new Chain()(input=x) -> f32[2, 4]", "^self.chain.0(input) -> f32[2, 4]"),
        edited=(calls(lambda m, x: m.chain[:1](m.chain[1:](x)), chain=lambda: Chain(nn.Linear(4, 4), nn.ReLU())),),
    ),
    Entry(
        "200 modules inside each other",
        "200 levels",
        nested(200),
        ("self.0(input) -> f32[2, 4]",),
        edited=(nested(199), nested(200, 3)),
    ),
    Entry(
        "names with spaces, signs and letters of every alphabet",
        "between backticks",
        calls(lambda m, x: m.d["weight ="](m.d["\u00e9 b"](m.d["self"](m.d["1x"](x)))), d=odd),
        ("self.d.`weight =`(%d.`\\u00e9 b`) -> f32[2, 4]",),
        edited=(calls(lambda m, x: m.d["\u00e9 b"](m.d["weight ="](m.d["self"](m.d["1x"](x)))), d=odd),),
    ),
    Entry(
        "lazy modules",
        "as what they become: initialised by the trace or before it",
        called_lazy,
        ("0: Linear(in_features=4, out_features=3)", "weight f32[3, 4]"),
        equal=(lazy, lambda: given(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)), X)),
        meta=False,
    ),
)


# hooks

seen = []


def void(_):
    """Registering hands out a handle, which is no layer."""


def doubled(module, args):
    return (args[0] * 2,)


def observe(module, args, out):
    seen.append(out.detach().mean())


@contextlib.contextmanager
def everywhere(register, hook):
    handle = register(hook)
    try:
        yield
    finally:
        handle.remove()


class Everywhere(nn.Module):
    """A model under a hook of all modules, which it registers itself."""

    def __init__(self, register, hook):
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.held = [register, hook]

    def forward(self, x):
        register, hook = self.held
        with everywhere(register, lambda module, *rest: hook(*rest) if module is self.layer else None):
            return self.layer(x)


def global_pre(factor):
    register = nn.modules.module.register_module_forward_pre_hook
    return lambda: given(Everywhere(register, lambda args: (args[0] * factor,)), X)


def global_post(factor):
    register = nn.modules.module.register_module_forward_hook
    return lambda: given(Everywhere(register, lambda args, out: out * factor), X)


HOOKS = (
    Entry(
        "forward pre-hook of a layer that changes its input",
        "before the call",
        made(lambda layer: void(layer.register_forward_pre_hook(doubled))),
        ("mul(x, 2) -> f32[2, 4]", "self.layer(%mul) -> f32[2, 4]"),
        edited=(
            made(lambda layer: None),
            made(lambda layer: void(layer.register_forward_pre_hook(lambda module, args: (args[0] * 3,)))),
        ),
        equal=(calls(lambda m, x: m.layer(x * 2), layer=linear()),),
    ),
    Entry(
        "forward pre-hook with keywords",
        "before the call",
        made(
            lambda layer: void(
                layer.register_forward_pre_hook(lambda module, a, kw: ((kw["input"] * 2,), {}), with_kwargs=True)
            ),
            call=lambda m, x: m.layer(input=x),
        ),
        ("mul(x, 2) -> f32[2, 4]", "self.layer(%mul) -> f32[2, 4]"),
        edited=(made(lambda layer: None, call=lambda m, x: m.layer(input=x)),),
    ),
    Entry(
        "forward hook that changes the output, always_call",
        "after the call",
        made(lambda layer: void(layer.register_forward_hook(lambda module, args, out: out * 2, always_call=True))),
        ("mul(%layer, 2) -> f32[2, 4]",),
        edited=(made(lambda layer: None),),
    ),
    Entry(
        "hooks of all modules",
        "as those of the module",
        global_pre(2),
        ("mul(x, 2) -> f32[2, 4]", "self.layer(%mul) -> f32[2, 4]"),
        edited=(global_pre(3), made(lambda layer: None)),
    ),
    Entry(
        "hooks of all modules, behind forward",
        "as those of the module",
        global_post(2),
        ("mul(%layer, 2) -> f32[2, 4]",),
        edited=(global_post(3),),
    ),
    Entry(
        "hooks that observe",
        "not at all",
        made(
            lambda layer: void(layer.register_forward_hook(lambda module, args, out: seen.append(out.detach().mean())))
        ),
        ("self.layer(x) -> f32[2, 4]",),
        equal=(
            made(lambda layer: None),
            made(lambda layer: void(layer.register_forward_pre_hook(lambda module, args: None))),
        ),
    ),
    Entry(
        "backward hooks",
        "not at all: they are no part of the forward pass",
        made(
            lambda layer: void(layer.register_full_backward_hook(lambda module, into, out: None)),
            of=two,
            x=torch.ones(2, 4, requires_grad=True),
        ),
        ("self.layer(input=x) -> f32[2, 4]",),
        equal=(made(lambda layer: None, of=two, x=torch.ones(2, 4, requires_grad=True)),),
        options=Options(grad=True),
    ),
)


# layers whose weights are computed


class Symmetric(nn.Module):
    def forward(self, weight):
        return weight.triu() + weight.triu(1).transpose(0, 1)


def cached(m, x):
    with parametrize.cached():
        return m.layer(x) + m.layer(x)


class Lora(nn.Module):
    def __init__(self, base, rank, scale=0.5):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Linear(4, rank, bias=False)
        self.up = nn.Linear(rank, 4, bias=False)
        self.scale = scale

    def forward(self, x):
        return self.base(x) + self.up(self.down(x)) * self.scale


WEIGHTS = (
    Entry(
        "weight norm (parametrization)",
        "its parts, and what they compute",
        made(parametrizations.weight_norm),
        (
            "self.0(self.original0, self.original1) -> f32[4, 4]",
            "linear(input, %parametrizations.weight, self.bias) -> f32[2, 4]",
        ),
        edited=(made(lambda layer: None), made(lambda layer: parametrizations.weight_norm(layer, dim=1))),
    ),
    Entry(
        "weight norm (hook)",
        "the weight that the hook computes is an operand",
        made(nn.utils.weight_norm),
        ("self.layer(x, weight=%weight_norm) -> f32[2, 4]", "weight_g f32[4, 1]"),
        edited=(made(lambda layer: None), made(lambda layer: nn.utils.weight_norm(layer, dim=1))),
    ),
    Entry(
        "spectral norm (parametrization), training",
        "its parts",
        made(parametrizations.spectral_norm),
        ("self.0(self.original) -> f32[4, 4]",),
        edited=(made(lambda layer: parametrizations.spectral_norm(layer, n_power_iterations=3)),),
        options=TRAIN,
    ),
    Entry(
        "spectral norm (hook), training",
        "what the hook computes; its buffers come back",
        made(nn.utils.spectral_norm),
        ("self.layer(x, weight=%div) -> f32[2, 4]",),
        edited=(made(lambda layer: nn.utils.spectral_norm(layer, n_power_iterations=3)),),
        options=TRAIN,
    ),
    Entry(
        "orthogonal",
        "its parts",
        made(parametrizations.orthogonal),
        ("self.0(self.original) -> f32[4, 4]",),
        edited=(made(lambda layer: parametrizations.orthogonal(layer, orthogonal_map="cayley")),),
    ),
    Entry(
        "parametrization of one's own, cached",
        "computed once within `parametrize.cached()`",
        made(lambda layer: parametrize.register_parametrization(layer, "weight", Symmetric()), call=cached),
        ("add(%triu~1, %transpose) -> f32[4, 4]",),
        edited=(made(lambda layer: None, call=lambda m, x: m.layer(x) + m.layer(x)),),
    ),
    Entry(
        "pruned layer",
        "mask and weight, and the operand that they make",
        made(lambda layer: prune.l1_unstructured(layer, "weight", amount=2)),
        ("buffer weight_mask f32[4, 4]", "self.layer(x, weight=%mul) -> f32[2, 4]"),
        edited=(made(lambda layer: None),),
        equal=(made(lambda layer: prune.random_unstructured(layer, "weight", amount=3)),),
    ),
    Entry(
        "injected adapter (LoRA)",
        "as the modules that it is",
        made(lambda layer: Lora(layer, 2)),
        ("base: Linear(in_features=4, out_features=4)", "weight f32[4, 4], frozen", "mul(%up, 0.5) -> f32[2, 4]"),
        edited=(
            made(lambda layer: Lora(layer, 3)),
            made(lambda layer: Lora(layer, 2, scale=0.25)),
            made(lambda layer: None),
        ),
    ),
)


# wrappers


@contextlib.contextmanager
def one_process():
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        yield
    finally:
        dist.destroy_process_group()


def distributed():
    """A wrapped model outlives its process group: it is looked through."""
    with one_process():
        return given(nn.parallel.DistributedDataParallel(two()), X)


def reduced(m, x, op=dist.ReduceOp.SUM):
    y = m.layer(x)
    if not dist.is_initialized():
        with one_process():
            dist.all_reduce(y, op=op)
    return y


WRAPPERS = (
    Entry(
        "DataParallel",
        "looked through",
        lambda: given(nn.DataParallel(two()), X),
        ("self.0(input) -> f32[2, 4]",),
        edited=(lambda: given(nn.DataParallel(two()[:1]), X),),
        equal=(lambda: given(two(), X), distributed, lambda: given(torch.compile(two(), backend="eager"), X)),
    ),
    Entry(
        "DistributedDataParallel inside",
        "looked through",
        calls(lambda m, x: m.part(x), part=lambda: distributed().model),
        ("self.part(input=x) -> f32[2, 4]",),
        equal=(calls(lambda m, x: m.part(x), part=two),),
    ),
    Entry(
        "exchange between processes",
        "a call that writes",
        calls(reduced, layer=linear()),
        ('all_reduce_(%layer, op="RedOpType.SUM") -> f32[2, 4]', "return %all_reduce_"),
        edited=(calls(once, layer=linear()), calls(lambda m, x: reduced(m, x, dist.ReduceOp.MAX), layer=linear())),
        meta=False,
    ),
)

SECTIONS = {
    "Control flow": FLOW,
    "Modules": MODULES,
    "Hooks": HOOKS,
    "Computed weights": WEIGHTS,
    "Wrappers": WRAPPERS,
}
