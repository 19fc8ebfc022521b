"""Architectures without a model: builders for tests of data alone, and strategies for random ones."""

from hypothesis import strategies as st

from pytest_nnviz.architecture import (
    Architecture,
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
)


def spec(*shape, dtype="f32"):
    return TensorSpec(dtype, shape)


WIDE = spec(1, 8)


def x(name="x", up=0):
    return Ref("input", (Step(name),), up=up)


def result(*names, back=0, up=0):
    return Ref("result", (*(Step(name) for name in names[:-1]), Step(names[-1], back)), up=up)


def attribute(name):
    return Ref("attribute", (Step(name),))


def literal(value):
    return value if not isinstance(value, (int, float, str)) else Literal(repr(value))


def call(target, *args, kind="function", gives=WIDE, body=None, up=0, **named):
    arguments = [Argument(None, literal(a)) for a in args]
    arguments += [Argument(name, literal(value)) for name, value in named.items()]
    return Call(kind, target, tuple(arguments), gives, body, up)


def run(path, *args, **named):
    return call(path, *args, kind="module", **named)


def config(**arguments):
    return tuple(Argument(name, literal(value)) for name, value in arguments.items())


def linear(size_in=8, size_out=8, **extra):
    parameters = (Parameter("weight", spec(size_out, size_in)), Parameter("bias", spec(size_out)))
    return Module("Linear", config(in_features=size_in, out_features=size_out), parameters, **extra)


def norm(**arguments):
    parameters = (Parameter("weight", spec(8)), Parameter("bias", spec(8)))
    return Module("BatchNorm1d", config(**arguments), parameters, (Buffer("running_mean", spec(8)),))


def model(children=(), calls=None, returns=None, inputs=(("x", WIDE),), **root):
    forward = None
    if calls is not None:
        forward = Body(tuple(calls), returns or result(calls[-1].name))
    arguments = tuple(Argument(name, value) for name, value in inputs) if forward else ()
    return Architecture("eval", Module("Net", children=tuple(children), **root), arguments, forward)


# Random architectures: small alphabets, so that names and contents meet often.

NAMES = st.sampled_from(["a", "b", "0", "1", "2"])
SPECS = st.sampled_from([spec(2), spec(3), spec(2, dtype="f16"), spec(2, 1)])
CONFIGS = st.sampled_from([(), config(p=0.1), config(p=0.2), config(eps=1, p=0.1), config(p=0.1, eps=1)])
PARAMETERS = st.lists(
    st.builds(Parameter, st.sampled_from(["w", "v"]), SPECS, st.booleans(), st.sampled_from([None, None, "^a.w"])),
    max_size=2,
    unique_by=lambda p: p.name,
).map(tuple)
BUFFERS = st.lists(st.builds(Buffer, st.just("m"), SPECS, st.booleans()), max_size=1).map(tuple)
MARKS = st.sampled_from(
    [(), (), ("never called",), ("load hook", "extra state"), ("train",), ("save hook", "gradient hook")]
)
CLASSES = st.sampled_from(["Block", "Linear", "Dropout", "Sequential"])


def modules(children):
    named = st.lists(st.tuples(NAMES, children), max_size=4, unique_by=lambda child: child[0]).map(tuple)
    own = st.builds(Module, CLASSES, CONFIGS, PARAMETERS, BUFFERS, named, MARKS)
    return own | st.sampled_from(["a", "0"]).map(lambda place: Module("", shared=place))


MODULES = st.recursive(st.builds(Module, CLASSES, CONFIGS, PARAMETERS, BUFFERS), modules, max_leaves=6)
REFS = st.builds(
    Ref,
    st.sampled_from(["result", "result", "input", "attribute"]),
    st.lists(st.builds(Step, st.sampled_from(["add", "x", "a", "0"]), st.integers(0, 2)), min_size=1, max_size=2).map(
        tuple
    ),
    up=st.integers(0, 1),
)
VALUES = REFS | st.sampled_from(
    [Literal("1"), Literal("2"), Const(spec(2)), Const(spec(2), "self.t"), Tree("list", (x(), x()))]
)
ARGUMENTS = st.lists(
    st.builds(Argument, st.sampled_from([None, None, "x", "dim"]), VALUES),
    max_size=2,
    unique_by=lambda a: a.name or id(a),
).map(tuple)


def bodies(bodies):
    kinds = st.sampled_from(["function", "module"])
    inside = st.builds(
        Call, kinds, st.sampled_from(["add", "relu", "a", "0", "0.1"]), ARGUMENTS, SPECS, st.none() | bodies
    )
    return st.builds(Body, st.lists(inside, max_size=5).map(tuple), VALUES)


BODIES = st.recursive(st.builds(Body, st.just(()), VALUES), bodies, max_leaves=6)
ARCHITECTURES = st.builds(
    Architecture,
    st.sampled_from(["eval", "train"]),
    MODULES.filter(lambda module: module.shared is None),
    st.lists(st.builds(Argument, st.sampled_from(["x", "y"]), SPECS), max_size=2, unique_by=lambda a: a.name).map(
        tuple
    ),
    st.none() | BODIES,
    flops=st.none() | st.sampled_from([0, 12, 1_234_567]),
)
