"""Architecture -> text: pure functions from data to lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable

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
    TensorSpec,
    Tree,
    Value,
)
from pytest_nnviz.textformat.names import input_name, key_name, path_name, plain_name

__all__ = [
    "FORMAT_VERSION",
    "NOTICE",
    "dumps",
    "format_call",
    "format_callee",
    "format_config",
    "format_ref",
    "format_spec",
    "format_value",
]

FORMAT_VERSION = 1
NOTICE = "This file pins the architecture of a model. Made by pytest --snapshot-update; review it like code."
_INDENT = "  "


def dumps(architecture: Architecture) -> str:
    """The canonical text of an architecture: LF endings, no trailing space, one final newline."""
    writer = _Writer()
    modules = writer.module(architecture.root)
    sections = [[f"nnviz {FORMAT_VERSION}", NOTICE], _summary(architecture), ["[modules]", *modules]]
    if architecture.forward is not None:
        inputs = [f"input {input_name(str(a.name))}: {format_value(a.value)}" for a in architecture.inputs]
        sections.append(["[graph]", *inputs, *writer.body(architecture.forward)])
    sections.append(["[end]"])
    if architecture.versions:
        versions = ", ".join(f"{name} {version}" for name, version in architecture.versions)
        sections.append([f"# recorded with {versions}"])
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _summary(architecture: Architecture) -> list[str]:
    totals = architecture.totals
    return [
        "[summary]",
        f"model: {path_name(architecture.root.class_name)}",
        f"mode: {architecture.mode}",
        f"parameters: {totals.parameters:,}",
        f"trainable: {totals.trainable:,}",
        f"buffers: {totals.buffers:,}",
        *([] if architecture.flops is None else [f"flops: {architecture.flops:,}"]),
    ]


class _Writer:
    """Writes what is nested. What is the same object more than once, as in what was read, is written once."""

    def __init__(self) -> None:
        self._insides: dict[int, tuple[str, ...]] = {}  # by identity: what is written is alive until all is
        self._calls: dict[int, str] = {}
        self._values: dict[int, str] = {}
        self._heads: dict[tuple[str, int], str] = {}

    def module(self, module: Module) -> tuple[str, ...]:
        """The lines of a module, its header first; children are indented, equal siblings written once."""
        lines = [", ".join([self._head(module), *module.marks])]
        lines += [_INDENT + self._parameter(parameter) for parameter in module.parameters]
        lines += [_INDENT + self._buffer(buffer) for buffer in module.buffers]
        written: dict[tuple[str, ...], str] = {}
        for name, child in module.children:
            label = plain_name(name)
            if child.shared is not None:
                lines.append(f"{_INDENT}{label}: = {_place(child.shared)}")
                continue
            inside = self._insides.get(id(child)) or self.module(child)
            if child.children and inside in written:
                lines.append(f"{_INDENT}{label}: same as {written[inside]}")
            else:
                lines.append(f"{_INDENT}{label}: {inside[0]}")
                lines += [_INDENT + line for line in inside[1:]]
            if child.children:
                written[inside] = label
        self._insides[id(module)] = found = tuple(lines)
        return found

    def body(self, body: Body) -> tuple[str, ...]:
        """The lines of the calls of a scope and its return; equal siblings are written once."""
        lines: list[str] = []
        count: dict[str, int] = {}
        written: dict[tuple[str, ...], tuple[str, int]] = {}
        for call in body.calls:
            name = call.name
            if call.body is None:
                lines.append(self._calls.get(id(call)) or self._opaque(call))
            else:
                inside = (self._arrow(call.result), *(self._insides.get(id(call.body)) or self.body(call.body)))
                if inside in written:
                    twin, nth = written[inside]
                    back = count[twin] - nth
                    lines.append(f"{self._call(call)} same as %{path_name(twin)}" + (f"~{back}" if back else ""))
                else:
                    lines.append(self._call(call) + inside[0])
                    lines += [_INDENT + line for line in inside[1:]]
                written[inside] = name, count.get(name, 0) + 1
            count[name] = count.get(name, 0) + 1
        lines.append(f"return {format_value(body.returns)}")
        self._insides[id(body)] = found = tuple(lines)
        return found

    def _head(self, module: Module) -> str:
        key = module.class_name, id(module.config)
        head = self._heads.get(key)
        if head is None:
            head = self._heads[key] = format_config(module.class_name, module.config)
        return head

    def _opaque(self, call: Call) -> str:
        self._calls[id(call)] = line = self._call(call) + self._arrow(call.result)
        return line

    def _call(self, call: Call) -> str:
        return format_call(call, self.value)

    def _arrow(self, result: Value) -> str:
        return "" if isinstance(result, Literal) and result.text == "None" else f" -> {self.value(result)}"

    def _parameter(self, parameter: Parameter) -> str:
        name = plain_name(parameter.name)
        if parameter.tied is not None:
            return f"{name} = {_place(parameter.tied)}"
        return f"{name} {self.value(parameter.spec)}" + ("" if parameter.trainable else ", frozen")

    def _buffer(self, buffer: Buffer) -> str:
        name = f"buffer {plain_name(buffer.name)}"
        head = f"{name} = {_place(buffer.tied)}" if buffer.tied is not None else f"{name} {self.value(buffer.spec)}"
        return head + ("" if buffer.persistent else ", not saved")

    def value(self, value: Value) -> str:
        """As `format_value`; specs and references are few objects, used many times."""
        if type(value) is Literal:
            return value.text
        text = self._values.get(id(value))
        if text is None:
            text = self._values[id(value)] = format_value(value)
        return text


def _place(place: str) -> str:
    bare = place.lstrip("^")
    return "^" * (len(place) - len(bare)) + (path_name(bare) if bare else "self")


def format_value(value: Value) -> str:
    """Any value of the text."""
    match value:
        case Literal(text):
            return text
        case TensorSpec():
            return format_spec(value)
        case Ref():
            return format_ref(value)
        case Const(spec, name, tracked):
            return " ".join(filter(None, ["const" if tracked else "untracked", _const_name(name), format_spec(spec)]))
        case Tree():
            return _tree(value)


def format_call(call: Call, text_of: Callable[[Value], str] = format_value) -> str:
    """A call as the program would write it, without its result."""
    return f"{format_callee(call)}({format_arguments(call.args, text_of)})"


def format_callee(call: Call) -> str:
    """A call without its arguments: ``softmax``, ``self.conv``, ``new Softmax(dim=1)``."""
    if call.kind == "module":
        return "^" * call.up + "self" + (f".{path_name(call.target)}" if call.target else "")
    if call.kind == "created":
        return "new " + format_config(call.target, call.config)
    return path_name(call.target)


def format_config(class_name: str, config: Iterable[Argument]) -> str:
    """A class with its constructor arguments: ``Conv2d(in_channels=3, kernel_size=3)``."""
    return f"{path_name(class_name)}({format_arguments(config)})"


def format_arguments(arguments: Iterable[Argument], text_of: Callable[[Value], str] = format_value) -> str:
    """Arguments between the parentheses of a call."""
    return ", ".join(
        [text_of(a.value) if a.name is None else f"{input_name(a.name)}={text_of(a.value)}" for a in arguments]
    )


def _const_name(name: str | None) -> str | None:
    if name is None or name.startswith("#"):
        return name
    bare = name.lstrip("^")
    return "^" * (len(name) - len(bare)) + "self." + path_name(bare.removeprefix("self."))


def _tree(tree: Tree) -> str:
    items = [format_value(item) for item in tree.items]
    match tree.kind:
        case "list":
            return f"[{', '.join(items)}]"
        case "tuple":
            return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
        case "dict":
            return "{" + ", ".join(f"{key}: {item}" for key, item in zip(tree.keys, items, strict=True)) + "}"
    if tree.keys:
        items = [f"{input_name(key)}={item}" for key, item in zip(tree.keys, items, strict=True)]
    return f"{path_name(tree.kind)}({', '.join(items)})"


def format_spec(spec: TensorSpec) -> str:
    """``f32[1, 3, 8, 8]``, with ``:kind`` behind it for what is not a plain tensor."""
    sizes = ", ".join("?" if size is None else str(size) for size in spec.shape)
    return f"{spec.dtype}[{sizes}]" + (f":{plain_name(spec.kind)}" if spec.kind else "")


def format_ref(ref: Ref) -> str:
    """Where a value comes from: ``x``, ``self.weight``, ``%add~1[0]``, ``^%embed``, ``x after %add_``."""
    text = "^" * ref.up + _source(ref)
    if ref.path:
        text += "".join(f"[{key_name(key)}]" for key in ref.path)
    return text if ref.after is None else f"{text} after {format_ref(ref.after)}"


def _source(ref: Ref) -> str:
    first = ref.steps[0].name
    if ref.kind == "input":
        return input_name(first)
    if ref.kind == "attribute":
        return f"self.{path_name(first)}" if first else "self"
    return "".join([f"%{path_name(step.name)}" + (f"~{step.back}" if step.back else "") for step in ref.steps])
