"""What a model is: modules, parameters and the calls of its forward pass, as frozen data without torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from math import prod

__all__ = [
    "Architecture",
    "Argument",
    "Body",
    "Buffer",
    "Call",
    "Const",
    "Literal",
    "Module",
    "Parameter",
    "Ref",
    "Step",
    "TensorSpec",
    "Totals",
    "Tree",
    "Value",
    "is_within",
    "join",
    "resolve_shared",
    "upwards",
    "walk_calls",
    "walk_modules",
]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Dtype and shape of a tensor.

    ``dtype`` is the short name (``f32``, ``bf16``, ``i64``, ``bool``), ``shape`` the size of each dimension (None where
    it is not one number, as in nested tensors), ``kind`` what else the tensor is (``sparse_coo``, ``nested``, the class
    of a subclass), empty for a plain strided tensor.
    """

    dtype: str
    shape: tuple[int | None, ...]
    kind: str = ""

    @property
    def numel(self) -> int:
        """Number of elements (unknown dimensions count as one)."""
        return prod(1 if size is None else size for size in self.shape)


@dataclass(frozen=True, slots=True)
class Literal:
    """A plain value by its canonical text: ``1``, ``1.0``, ``"same"``, ``None``, ``torch.float32``, ``<gelu>``.

    The text decides equality, so ``1``, ``1.0`` and ``True`` are three values.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One call on the way to a result: its name, and how many calls of that name to count back from the latest."""

    name: str
    back: int = 0


@dataclass(frozen=True, slots=True)
class Ref:
    """Where a tensor or an object comes from, seen from the scope (the module call) that uses it.

    ``kind`` is ``input`` (an argument of the scope's forward), ``attribute`` (a parameter or buffer by its path below
    the scope's module, ``self.weight``) or ``result`` (of a call; more than one step leads into finished calls).
    ``path`` goes into nested inputs and outputs. ``up`` is the number of scopes to leave first (``^`` in the text).
    ``after`` is the call that has since written to the same memory through another tensor.
    """

    kind: str
    steps: tuple[Step, ...]
    path: tuple[int | str, ...] = ()
    up: int = 0
    after: Ref | None = None


@dataclass(frozen=True, slots=True)
class Const:
    """A tensor that no call made and no module registers.

    ``name`` is the attribute that holds it (relative like a reference: ``self.table``, ``^self.table``), ``#2`` for the
    second one of its kind that nothing holds, or None.
    ``tracked`` is False for a tensor that appeared during the forward pass out of nowhere (a numpy round trip).
    """

    spec: TensorSpec
    name: str | None = None
    tracked: bool = True


@dataclass(frozen=True, slots=True)
class Tree:
    """A container: ``kind`` is ``list``, ``tuple``, ``dict``, ``slice`` or the qualified name of a class.

    ``keys`` are the canonical texts of a dict's keys or the names of a class's fields, empty for sequences.
    """

    kind: str
    items: tuple[Value, ...]
    keys: tuple[str, ...] = ()


Value = Literal | Ref | Const | TensorSpec | Tree


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument: positional when ``name`` is None."""

    name: str | None
    value: Value


@dataclass(frozen=True, slots=True)
class Body:
    """What happens inside a module call (or the whole forward pass): calls in order, and what is returned."""

    calls: tuple[Call, ...]
    returns: Value

    def __eq__(self, other: object) -> bool:
        return _equal_rows(_body_rows(self), _body_rows(other)) if isinstance(other, Body) else NotImplemented


@dataclass(frozen=True, slots=True)
class Call:
    """One recorded call.

    ``target`` is the canonical name of a function (``softmax``); for ``kind == "module"`` the module's path below the
    scope's module (``layers.0``), with ``up`` scopes to leave first; for ``kind == "created"`` the class of a module
    that was made inside forward, with its ``config``. ``result`` has TensorSpecs for leaves. ``body`` is None for
    opaque calls (functions, torch.nn modules without children, what the user named opaque). ``source`` is the file and
    line of the author's code that made the call, where a trace asked for it; it informs, and takes no part in
    comparisons or in the text.
    """

    kind: str
    target: str
    args: tuple[Argument, ...]
    result: Value
    body: Body | None = None
    up: int = 0
    config: tuple[Argument, ...] = ()
    source: str | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The name that the result goes by."""
        return self.target or "self"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter.

    ``tied`` is the place of its first registration (relative, see `resolve_shared`) if this is a later one.
    """

    name: str
    spec: TensorSpec
    trainable: bool = True
    tied: str | None = None


@dataclass(frozen=True, slots=True)
class Buffer:
    """A buffer. ``persistent`` buffers are in the state dict. ``tied`` as for parameters."""

    name: str
    spec: TensorSpec
    persistent: bool = True
    tied: str | None = None


@dataclass(frozen=True, slots=True)
class Module:
    """A module: class, constructor arguments, parameters, buffers and children in registration order.

    ``marks`` are remarks in a fixed order, out of ``never called``, ``eval`` / ``train`` (where it differs from the
    model's mode), ``load hook`` (its state-dict keys may be translated on loading), ``extra state`` (its state dict
    holds what ``get_extra_state`` returns), ``save hook`` (a method or hook of the author's decides what its state dict
    holds) and ``gradient hook`` (a hook on a parameter of its own may change what that learns). ``shared`` is set
    instead of all the rest for a module that is registered a second time: the place of the first, relative to the
    parent (see `resolve_shared`).
    """

    class_name: str
    config: tuple[Argument, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    buffers: tuple[Buffer, ...] = ()
    children: tuple[tuple[str, Module], ...] = ()
    marks: tuple[str, ...] = ()
    shared: str | None = None

    def __eq__(self, other: object) -> bool:
        return _equal_rows(_module_rows(self), _module_rows(other)) if isinstance(other, Module) else NotImplemented


@dataclass(frozen=True, slots=True)
class Totals:
    """Numbers of elements: ``parameters`` and ``trainable`` count tied parameters once, as ``buffers`` does buffers.

    ``tied`` is how many elements of parameters are registered once more under another name.
    """

    parameters: int = 0
    trainable: int = 0
    buffers: int = 0
    tied: int = 0

    @classmethod
    def of(cls, *modules: Module) -> Totals:
        """Of the modules' own parameters and buffers, without their children."""
        parameters = trainable = buffers = tied = 0
        for module in modules:
            for parameter in module.parameters:
                size = parameter.spec.numel
                if parameter.tied is not None:
                    tied += size
                    continue
                parameters += size
                trainable += size if parameter.trainable else 0
            for buffer in module.buffers:
                buffers += buffer.spec.numel if buffer.tied is None else 0
        return cls(parameters, trainable, buffers, tied)

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.parameters + other.parameters,
            self.trainable + other.trainable,
            self.buffers + other.buffers,
            self.tied + other.tied,
        )


@dataclass(frozen=True, slots=True, repr=False)
class Architecture:
    """A model and, unless it was traced with ``forward=False``, its forward pass.

    ``inputs`` are the arguments of forward with TensorSpecs for leaves. ``versions`` (name, version) say what it was
    traced with; they take no part in comparisons, and a check that passes does not ask for them. ``flops`` is how many
    floating-point operations the forward pass takes, two for a multiply-accumulate, None where they were not counted.
    """

    mode: str
    root: Module
    inputs: tuple[Argument, ...] = ()
    forward: Body | None = None
    versions: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    flops: int | None = None

    def __repr__(self) -> str:
        return f"<Architecture of {self.root.class_name}, {self.mode}, {self.totals.parameters:,} parameters>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """The picture, for notebooks; the words where no engine can draw."""
        from pytest_nnviz.pictures import mime_bundle

        return mime_bundle(self)

    @property
    def totals(self) -> Totals:
        """Totals over all modules, each piece of memory once."""
        return Totals.of(*(module for _, module in walk_modules(self.root)))

    @property
    def total_parameters(self) -> int:
        """Number of parameters, tied ones counted once: ``sum(p.numel() for p in model.parameters())``."""
        return self.totals.parameters


# Trees are compared row by row, not by descending: models may be nested deeper than Python recurses.


def _equal_rows(one: Iterator[object], other: Iterator[object]) -> bool:
    return all(a == b for a, b in zip_longest(one, other))


def _module_rows(root: Module) -> Iterator[object]:
    for path, m in walk_modules(root):
        yield path, m.class_name, m.config, m.parameters, m.buffers, len(m.children), m.marks, m.shared


def _body_rows(body: Body) -> Iterator[object]:
    yield body.returns
    for scopes, c in walk_calls(body):
        inside = None if c.body is None else (len(c.body.calls), c.body.returns)
        yield len(scopes), c.kind, c.target, c.args, c.result, inside, c.up, c.config


def join(path: str, name: str) -> str:
    """Path of what is called ``name`` in the module at ``path``."""
    return f"{path}.{name}" if path and name else path or name


def upwards(path: str) -> Iterator[str]:
    """Yield a path and those of the modules around it, up to ``""``, the model itself.

    >>> list(upwards("layers.0"))
    ['layers.0', 'layers', '']
    """
    while path:
        yield path
        path = path.rpartition(".")[0]
    yield ""


def is_within(path: str, outer: str) -> bool:
    """Whether a path is ``outer`` or lies below it; each does below ``""``.

    >>> is_within("layers.0", "layers"), is_within("layers2", "layers")
    (True, False)
    """
    return not outer or f"{path}.".startswith(f"{outer}.")


def walk_modules(root: Module) -> Iterator[tuple[str, Module]]:
    """Yield ``(path, module)`` from the root (path ``""``) in registration order."""
    stack = [("", root)]
    while stack:
        path, module = stack.pop()
        yield path, module
        for name, child in reversed(module.children):
            stack.append((join(path, name), child))


def walk_calls(body: Body) -> Iterator[tuple[tuple[Call, ...], Call]]:
    """Yield ``(enclosing calls from the outermost, call)`` in the order of execution, a call before its inside."""
    stack: list[tuple[tuple[Call, ...], Call]] = [((), call) for call in reversed(body.calls)]
    while stack:
        scopes, call = stack.pop()
        yield scopes, call
        if call.body is not None:
            inside = (*scopes, call)
            stack.extend((inside, inner) for inner in reversed(call.body.calls))


def resolve_shared(owner: str, place: str) -> str:
    """Absolute path of ``place`` as written in the module at path ``owner``; each leading ``^`` leaves one module.

    Raises:
        ValueError: there are more of them than modules to leave.

    >>> resolve_shared("lm_head", "^model.embed.weight")
    'model.embed.weight'
    """
    parts = owner.split(".") if owner else []
    while place.startswith("^"):
        if not parts:
            raise ValueError(f"{place!r} leaves the model")
        parts.pop()
        place = place[1:]
    return ".".join([*parts, place]) if place else ".".join(parts)
