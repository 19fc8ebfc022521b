"""Programs made of what torch hands to no mode: transforms, scripts, autograd functions, operators, checkpoints."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from catalogue import Entry, Forward, given
from torch import nn
from torch.func import functional_call, functionalize, grad, jacrev, jvp, stack_module_state, vjp, vmap
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from pytest_nnviz import Options

__all__ = ["SECTIONS"]

X = torch.linspace(-1, 1, 8).reshape(2, 4)
GRAD = Options(grad=True)


def calls(function, *args, **members):
    """A builder of a model whose forward is ``function(self, *args)``; members are made anew for each."""
    return lambda: given(Forward(function, **{name: make() for name, make in members.items()}), *(args or (X,)))


def linear(width=4):
    return lambda: nn.Linear(4, width)


def weight(*shape):
    return lambda: nn.Parameter(torch.linspace(-1, 1, int(np.prod(shape))).reshape(shape))


def ensemble(m, x, randomness="error"):
    stacked = stack_module_state(list(m.models))
    return vmap(lambda state, x: functional_call(m.models[0], state, (x,)), in_dims=(0, None), randomness=randomness)(
        stacked, x
    )


def per_sample(m, x):
    loss = lambda weight, row: (row @ weight).pow(2).sum()  # noqa: E731
    return vmap(grad(loss), in_dims=(None, 0))(m.w, x)


def added_in_vmap(m, x):
    y = x * 1
    vmap(lambda row: row.add_(1))(y)
    return y


TRANSFORMS = (
    Entry(
        "vmap",
        "the function once, with the shapes that it sees; `vmap_in` and `vmap_out` lead in and out",
        calls(lambda m, x: vmap(lambda row: row.sin() * 2)(x)),
        ("vmap_in(x, in_dim=0) -> f32[4]", "sin(%vmap_in) -> f32[4]", "vmap_out(%mul, out_dim=0) -> f32[2, 4]"),
        edited=(
            calls(lambda m, x: vmap(lambda row: row.sin() * 3)(x)),
            calls(lambda m, x: vmap(lambda row: row.sin() * 2, in_dims=1, out_dims=1)(x)),
            calls(lambda m, x: vmap(vmap(lambda row: row.sin() * 2))(x)),
        ),
        equal=(calls(lambda m, x: vmap(lambda row: torch.sin(row).mul(2), in_dims=0)(x)),),
    ),
    Entry(
        "vmap over a layer, nested",
        "the layer with the shape that it sees",
        calls(lambda m, x: vmap(vmap(m.layer))(x), torch.ones(3, 2, 4), layer=linear()),
        ("self.layer(%vmap_in) -> f32[4]",),
        edited=(calls(lambda m, x: vmap(m.layer)(x), torch.ones(3, 2, 4), layer=linear()),),
    ),
    Entry(
        "vmap with randomness",
        "a word on the way in",
        calls(lambda m, x: vmap(lambda row: row + torch.rand(4), randomness="different")(x)),
        ('vmap_in(x, in_dim=0, randomness="different") -> f32[4]',),
        edited=(calls(lambda m, x: vmap(lambda row: row + torch.rand(4), randomness="same")(x)),),
    ),
    Entry(
        "vmap that writes to its input",
        "seen by who reads the whole",
        calls(added_in_vmap),
        ("return %mul after %add_",),
        edited=(calls(lambda m, x: x * 1),),
    ),
    Entry(
        "vmap that writes to the model",
        "put back afterwards",
        calls(lambda m, x: (vmap(lambda row: row.add_(1))(m.table), x + m.table)[1], table=lambda: torch.ones(4)),
        ("vmap_in(const self.table f32[4], in_dim=0) -> f32[]",),
    ),
    Entry(
        "ensemble (stack_module_state, vmap, functional_call)",
        "the stacked weights are operands of the layer",
        calls(ensemble, models=lambda: nn.ModuleList([nn.Linear(4, 3), nn.Linear(4, 3)])),
        ("self.models.0(x, weight=%vmap_in~1, bias=%vmap_in) -> f32[2, 3]",),
        edited=(calls(ensemble, models=lambda: nn.ModuleList([nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(4, 3)])),),
    ),
    Entry(
        "func.grad",
        "the function once, then `grad`, with the ways in and out",
        calls(lambda m, x: grad(lambda y: (y.sin() * m.w).sum())(x), w=weight(4)),
        ("grad_in(x) -> f32[2, 4]", "mul(%sin, self.w) -> f32[2, 4]"),
        edited=(
            calls(lambda m, x: grad(lambda y: (y.cos() * m.w).sum())(x), w=weight(4)),
            calls(lambda m, x: (x.sin() * m.w).sum() + x, w=weight(4)),
        ),
    ),
    Entry(
        "per-sample gradients (vmap of grad)",
        "as its parts",
        calls(per_sample, w=weight(4, 2)),
        ("vmap_in(x, in_dim=0) -> f32[4]", "grad_in(self.w) -> f32[4, 2]"),
    ),
    Entry(
        "func.jacrev",
        "as its parts",
        calls(lambda m, x: jacrev(lambda y: y.sin().sum(0))(x)),
        ("sin(%grad_in) -> f32[2, 4]",),
        edited=(calls(lambda m, x: jacrev(lambda y: y.sin().sum(1))(x)),),
    ),
    Entry(
        "func.jvp",
        "as dual numbers",
        calls(lambda m, x: jvp(lambda y: y.sin(), (x,), (x * 2,))[1]),
        ("make_dual(x, %mul, level=0) -> f32[2, 4]",),
        edited=(calls(lambda m, x: jvp(lambda y: y.sin(), (x * 2,), (x,))[1]),),
    ),
    Entry(
        "func.vjp and functionalize",
        "as their parts",
        calls(lambda m, x: functionalize(lambda y: y.clone().add_(1))(vjp(torch.sin, x)[1](x)[0])),
        ("add_(%clone, 1) -> f32[2, 4]",),
        edited=(calls(lambda m, x: functionalize(lambda y: y.clone().add_(2))(vjp(torch.sin, x)[1](x)[0])),),
    ),
    Entry(
        "hypernetwork (functional_call with weights made in forward)",
        "the weights are operands of the layer",
        calls(
            lambda m, x: functional_call(m.layer, {"weight": m.hyper(x).T @ x}, (x,)), layer=linear(), hyper=linear()
        ),
        ("self.layer(x, weight=%matmul) -> f32[2, 4]",),
        edited=(
            calls(lambda m, x: (m.hyper(x).T @ x, m.layer(x))[1], layer=linear(), hyper=linear()),
            calls(
                lambda m, x: functional_call(m.layer, {"weight": m.hyper(x).T @ x * 2}, (x,)),
                layer=linear(),
                hyper=linear(),
            ),
        ),
    ),
    Entry(
        "functional_call with the weights swapped",
        "each layer shows whose weight it uses",
        calls(
            lambda m, x: functional_call(m.seq, {"0.weight": m.seq[1].weight, "1.weight": m.seq[0].weight}, (x,)),
            seq=lambda: nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)),
        ),
        ("self.0(input, weight=self.1.weight) -> f32[2, 4]", "self.1(%0, weight=self.0.weight) -> f32[2, 4]"),
        edited=(calls(lambda m, x: m.seq(x), seq=lambda: nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))),),
    ),
    Entry(
        "functional_call with a layer's own weights",
        "as a plain call",
        calls(lambda m, x: functional_call(m.layer, dict(m.layer.named_parameters()), (x,)), layer=linear()),
        ("self.layer(x) -> f32[2, 4]",),
        equal=(calls(lambda m, x: m.layer(x), layer=linear()),),
    ),
)


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, k):
        ctx.save_for_backward(x)
        return x * x * k

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient * ctx.saved_tensors[0], None


class Reverse(torch.autograd.Function):
    """A gradient reversal: its forward does nothing."""

    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return -gradient


class Increment(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        x.add_(1)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Foreign(torch.autograd.Function):
    """A kernel that torch does not know."""

    @staticmethod
    def forward(ctx, x):
        return torch.from_numpy(np.sin(x.detach().numpy()))

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Transformable(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x * x

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, gradient):
        return gradient


square = Square.apply  # held under a name of its own, as authors do

FUNCTIONS = (
    Entry(
        "autograd.Function",
        "the calls of its forward, then the function by name: it gives them a backward (which is not recorded)",
        calls(lambda m, x: square(x, 3) + 1),
        ("Square.apply(x, 3, forward=%mul) -> f32[2, 4]", "add(%Square.apply, 1) -> f32[2, 4]"),
        edited=(calls(lambda m, x: x * x * 3 + 1), calls(lambda m, x: square(x, 4) + 1)),
        equal=(calls(lambda m, x: Square.apply(x, 3) + 1),),
    ),
    Entry(
        "autograd.Function, with gradients",
        "as without",
        calls(lambda m, x: square(x * m.w, 3) + 1, w=weight(4)),
        ("Square.apply(%mul~2, 3, forward=%mul) -> f32[2, 4]",),
        edited=(calls(lambda m, x: (x * m.w) * (x * m.w) * 3 + 1, w=weight(4)),),
        options=GRAD,
    ),
    Entry(
        "gradient reversal",
        "by its name, though its forward does nothing",
        calls(lambda m, x: m.layer(Reverse.apply(x)), layer=linear()),
        ("Reverse.apply(x, forward=%view_as) -> f32[2, 4]",),
        edited=(
            calls(lambda m, x: m.layer(x), layer=linear()),
            calls(lambda m, x: m.layer(x.detach()), layer=linear()),
        ),
    ),
    Entry(
        "autograd.Function in place",
        "as the write, then the function",
        calls(lambda m, x: Increment.apply(x * 2) + x),
        ("add_(%mul, 1) -> f32[2, 4]", "add(%Increment.apply, x) -> f32[2, 4]"),
        edited=(calls(lambda m, x: x * 2 + x),),
    ),
    Entry(
        "autograd.Function around a foreign kernel",
        "one call with its edges",
        calls(lambda m, x: Foreign.apply(x * 2) + x),
        ("Foreign.apply(%mul) -> f32[2, 4]", "add(%Foreign.apply, x) -> f32[2, 4]"),
        edited=(calls(lambda m, x: Foreign.apply(x) + x),),
        meta=False,
    ),
    Entry(
        "autograd.Function inside of vmap",
        "one call by its name",
        calls(lambda m, x: vmap(Transformable.apply)(x)),
        ("Transformable.apply(%vmap_in) -> f32[4]",),
        edited=(calls(lambda m, x: vmap(lambda row: row * row)(x)),),
    ),
)


def blocks():
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))


def forces(m, x, wrap=lambda block, x: block(x)):
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        energy = wrap(m.block, x).sin().sum()
        return energy, -torch.autograd.grad(energy, x, create_graph=True)[0]


def cosines(block, x):
    return block(x).cos()


def remembered(block, x):
    return checkpoint(cosines, block, x, use_reentrant=False)


def backwards(m, x, twice=False):
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        one, other = m.block(x).sum(), m.block(x).sum()
        (other if twice else one).backward()
    return x.grad


def hooked(m, x):
    y = x * m.w
    y.register_hook(lambda gradient: gradient * 0.1)
    return y + 1


def checkpointed(m, x, **how):
    return checkpoint(m.block, x, **how) + 1


PLAIN = calls(lambda m, x: m.block(x) + 1, block=blocks)
TRAIN = Options(mode="train", grad=True)

GRADIENTS = (
    Entry(
        "checkpoint, not reentrant",
        "not at all: what it computes is the same",
        calls(lambda m, x: checkpointed(m, x, use_reentrant=False), block=blocks),
        ("self.block(input=x) -> f32[2, 4]",),
        edited=(calls(lambda m, x: m.block(x) + 2, block=blocks),),
        equal=(PLAIN,),
        options=TRAIN,
    ),
    Entry(
        "checkpoint, reentrant",
        "not at all",
        calls(lambda m, x: checkpointed(m, x * m.w, use_reentrant=True), block=blocks, w=weight(4)),
        ("self.block(input=%mul) -> f32[2, 4]",),
        equal=(calls(lambda m, x: m.block(x * m.w) + 1, block=blocks, w=weight(4)),),
        options=TRAIN,
    ),
    Entry(
        "checkpoint_sequential",
        "its layers, without the Sequential around",
        calls(lambda m, x: checkpoint_sequential(m.block, 2, x, use_reentrant=False) + 1, block=blocks),
        ("self.block.0(x) -> f32[2, 4]",),
        equal=(calls(lambda m, x: m.block[2](m.block[1](m.block[0](x))) + 1, block=blocks),),
    ),
    Entry(
        "energy and forces (autograd.grad in forward)",
        "a call, with what is differentiated by what",
        calls(forces, block=blocks),
        ("grad([%sum], [%requires_grad_], create_graph=True, allow_unused=False) -> (f32[2, 4],)",),
        edited=(calls(lambda m, x: (m.block(x).sin().sum(), x * -1), block=blocks),),
        options=GRAD,
    ),
    Entry(
        "forces through a checkpoint",
        "what is computed again for the gradient is not recorded again",
        calls(
            lambda m, x: forces(m, x, lambda f, x: checkpoint(lambda y: f(y).cos(), x, use_reentrant=False)),
            block=blocks,
        ),
        ("cos(%block) -> f32[2, 4]",),
        equal=(calls(lambda m, x: forces(m, x, cosines), block=blocks),),
        options=GRAD,
    ),
    Entry(
        "backward() in forward",
        "a call, with what is differentiated",
        calls(backwards, block=blocks),
        ("backward(%sum~1)", "grad(%requires_grad_) -> f32[2, 4]"),
        edited=(calls(lambda m, x: backwards(m, x, twice=True), block=blocks),),
        options=GRAD,
    ),
    Entry(
        "hook on the gradient of a tensor",
        "a call",
        calls(hooked, w=weight(4)),
        ("register_hook(%mul, <lambda>)",),
        edited=(calls(lambda m, x: x * m.w + 1, w=weight(4)),),
        options=GRAD,
    ),
)


def quietly(make, *args):
    """Torch warns that TorchScript is old; models have it all the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(*args)


def sines(x, k: int):
    return x.sin() * k


scripted = quietly(torch.jit.script, sines)


class Scripted(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4, eps=0.5)

    def forward(self, x):
        return self.norm(self.layer(x)).relu()

    @torch.jit.export
    def other(self, x):
        return self.layer(x) * 2


class OtherEps(Scripted):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(4, eps=0.25)


def script():
    return quietly(torch.jit.script, Scripted())


SCRIPTS = (
    Entry(
        "ScriptFunction",
        "one call by its name; what it does inside is not seen",
        calls(lambda m, x: scripted(x, 2) + 1),
        ("sines(x, 2) -> f32[2, 4]", "add(%sines, 1) -> f32[2, 4]"),
        edited=(calls(lambda m, x: scripted(x, 3) + 1), calls(lambda m, x: scripted(x + 1, 2))),
    ),
    Entry(
        "ScriptModule",
        "one call; its modules, parameters and the constants that the script keeps",
        calls(lambda m, x: m.script(x) + 1, script=script),
        ("self.script(x=x) -> f32[2, 4]", "script: Scripted()", "norm: LayerNorm(normalized_shape=(4,), eps=0.5)"),
        edited=(calls(lambda m, x: m.script(x) + 1, script=lambda: quietly(torch.jit.script, OtherEps())),),
    ),
    Entry(
        "method of a ScriptModule",
        "one call by its name",
        calls(lambda m, x: m.script.other(x) - m.script.forward(x), script=script),
        ("script.other(x) -> f32[2, 4]", "sub(%script.other, %script.forward) -> f32[2, 4]"),
        edited=(calls(lambda m, x: m.script.forward(x) - m.script.other(x), script=script),),
    ),
    Entry(
        "a model that is a ScriptModule",
        "one call of itself",
        lambda: given(script(), X),
        ("self(x=x) -> f32[2, 4]", "return %self"),
    ),
    Entry(
        "traced module (torch.jit.trace)",
        "one call",
        calls(lambda m, x: m.traced(x) + 1, traced=lambda: quietly(torch.jit.trace, Scripted(), X)),
        ("self.traced(x=x) -> f32[2, 4]",),
    ),
)

COMPILED = (
    Entry(
        "torch.compile of a part",
        "as written",
        calls(lambda m, x: m.block(x) + 1, block=lambda: torch.compile(blocks(), backend="eager")),
        ("self.block(input=x) -> f32[2, 4]",),
        equal=(PLAIN, calls(lambda m, x: torch.compile(m.block, backend="eager")(x) + 1, block=blocks)),
    ),
    Entry(
        "torch.compile of a function, of forward",
        "as written",
        calls(torch.compile(lambda m, x: m.block(x) + 1, backend="eager"), block=blocks),
        ("self.block(input=x) -> f32[2, 4]",),
        equal=(PLAIN,),
    ),
    Entry(
        "torch.fx.GraphModule",
        "as the calls of its graph",
        calls(lambda m, x: m.block(x) + 1, block=lambda: torch.fx.symbolic_trace(blocks())),
        ("self.block(input=x) -> f32[2, 4]",),
        edited=(calls(lambda m, x: m.block(x) + 1, block=lambda: torch.fx.symbolic_trace(blocks()[:2])),),
    ),
    Entry(
        "exported program",
        "as the ATen calls of its graph",
        calls(lambda m, x: m.block(x) + 1, block=lambda: torch.export.export(blocks(), (X,)).module()),
        ("relu(%linear) -> f32[2, 4]",),
    ),
)


@torch.library.custom_op("nnviz_forms::triple", mutates_args=())
def triple(x: torch.Tensor, k: float) -> torch.Tensor:
    return x * x * x * k


triple.register_fake(lambda x, k: torch.empty_like(x))


@torch.library.custom_op("nnviz_forms::bump", mutates_args={"x"})
def bump(x: torch.Tensor, k: float) -> None:
    x.add_(k)


bump.register_fake(lambda x, k: None)


def bumped(m, x, k=2.0):
    y, z = x * 1, x * 2
    bump(y[0], k)
    return y + z


def looped(m, x, factor=2):
    return while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * factor), (torch.tensor(0), x))[1]


def while_loop(*args):
    from torch._higher_order_ops.while_loop import while_loop as operator

    return operator(*args)


def chosen(m, x, other=torch.cos):
    return torch.cond(x.sum() > 0, lambda x: m.layer(x), lambda x: other(x), (x,))


OPERATORS = (
    Entry(
        "torch.library custom operator",
        "one call by its qualified name",
        calls(lambda m, x: triple(x, 2.0) + 1),
        ("ops.nnviz_forms.triple(x, 2.0) -> f32[2, 4]",),
        edited=(calls(lambda m, x: triple(x, 3.0) + 1),),
        equal=(
            calls(lambda m, x: torch.ops.nnviz_forms.triple(x, 2.0) + 1),
            calls(lambda m, x: torch.ops.nnviz_forms.triple.default(x, 2.0) + 1),
        ),
    ),
    Entry(
        "custom operator that writes, through a view",
        "a write, seen by who reads the whole",
        calls(bumped),
        ("ops.nnviz_forms.bump(%getitem, 2.0) -> f32[4]", "add(%mul~1 after %ops.nnviz_forms.bump, %mul) -> f32[2, 4]"),
        edited=(calls(lambda m, x: bumped(m, x, 3.0)), calls(lambda m, x: x * 1 + x * 2)),
    ),
    Entry(
        "torch.ops.aten",
        "as the function of that name",
        calls(lambda m, x: torch.ops.aten.add.Tensor(x, x, alpha=2)),
        ("add(x, x, alpha=2) -> f32[2, 4]",),
        equal=(calls(lambda m, x: torch.add(x, x, alpha=2)),),
    ),
    Entry(
        "torch.cond",
        "both branches, then the choice: values do not decide the graph",
        calls(chosen, layer=linear()),
        ("cond(%gt, %layer, %cos) -> f32[2, 4]",),
        edited=(
            calls(lambda m, x: chosen(m, x, torch.sin), layer=linear()),
            calls(lambda m, x: (x.sum() > 0, x.cos(), m.layer(x))[2], layer=linear()),
        ),
    ),
    Entry(
        "while_loop",
        "the condition and the body of one round, then the loop",
        calls(looped),
        ("while_loop([%tensor, x], body=[%add, %mul], cond=%lt) -> (i64[], f32[2, 4])",),
        edited=(calls(lambda m, x: looped(m, x, 3)),),
    ),
)

SECTIONS = {
    "Transforms of torch.func": TRANSFORMS,
    "Autograd functions": FUNCTIONS,
    "Checkpoints and gradients in forward": GRADIENTS,
    "Scripts": SCRIPTS,
    "Compiled, captured and exported": COMPILED,
    "Operators": OPERATORS,
}
