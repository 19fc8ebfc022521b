"""Python objects of a forward pass -> values of the record."""

from __future__ import annotations

import enum
import hashlib
import inspect
import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from pytest_nnviz.architecture import Literal, TensorSpec, Tree, Value
from pytest_nnviz.tracing.keeping.caching import once_a_trace

__all__ = [
    "NONE",
    "NUMBERS",
    "ORDINARY",
    "SHARED",
    "USUAL",
    "DtypeText",
    "attributes_of",
    "is_array",
    "is_uninitialized",
    "leaves",
    "named",
    "number",
    "object_spec",
    "qualified_name",
    "spec_of",
    "tensors_among",
    "tensors_in",
    "to_value",
    "walk",
    "written_out",
]

NONE = Literal("None")
ORDINARY = frozenset({torch.Tensor, torch.nn.Parameter})  # classes of tensors that are told by dtype and shape alone
USUAL = ORDINARY | {type(None)}  # what a module registers
NUMBERS = frozenset({bool, int, float})
_DTYPES = {
    "float32": "f32",
    "float64": "f64",
    "float16": "f16",
    "bfloat16": "bf16",
    "int64": "i64",
    "int32": "i32",
    "int16": "i16",
    "int8": "i8",
    "uint64": "u64",
    "uint32": "u32",
    "uint16": "u16",
    "uint8": "u8",
    "complex64": "c64",
    "complex128": "c128",
    "complex32": "c32",
}
_PLAIN_CLASSES = {"Tensor", "Parameter", "Buffer", "FakeTensor", "UninitializedParameter", "UninitializedBuffer"}
_CONTAINERS = {"list", "tuple", "dict", "slice", "set", "range", "complex", "deque"}
_MAX_DEPTH = 32
_MAX_STRING = 1_000
_MAX_BITS = 4_096
_MAX_ITEMS = 64


class DtypeText(str):
    """The text of a dtype that a method says by its name; shown without quotes."""

    __slots__ = ()


_UNINITIALIZED = (torch.nn.UninitializedParameter, torch.nn.UninitializedBuffer)

TensorLeaf = Callable[[torch.Tensor], Value]
ObjectLeaf = Callable[[Any], Value]


def spec_of(tensor: torch.Tensor) -> TensorSpec:
    """Dtype and shape, and what kind of tensor it is where it is not a plain one."""
    if type(tensor) in ORDINARY and tensor.layout is torch.strided and not tensor.is_nested:
        return _ordinary_spec(tensor.dtype, tensor.shape)
    try:
        shape = tuple(_size(size) for size in tensor.shape)
    except RuntimeError:  # nested tensors of the strided layout have no shape
        shape = (None,) * tensor.dim()
    return TensorSpec(_dtype(tensor.dtype), shape, _kind(tensor))


@once_a_trace
def _ordinary_spec(dtype: torch.dtype, shape: torch.Size) -> TensorSpec:
    return TensorSpec(_dtype(dtype), tuple(map(int, shape)))


def _dtype(dtype: torch.dtype) -> str:
    name = str(dtype).removeprefix("torch.")
    return _DTYPES.get(name) or name.replace("float8", "f8").lower()


def _size(size: Any) -> int | None:
    if type(size) is int:
        return size
    try:
        return int(size)
    except (RuntimeError, TypeError, ValueError, AttributeError):  # sizes that vary inside of a nested tensor
        return None


def _kind(tensor: torch.Tensor) -> str:
    if tensor.is_nested:
        return "nested"
    if tensor.layout is not torch.strided:
        return str(tensor.layout).removeprefix("torch.")
    name = type(tensor).__name__
    return "" if name in _PLAIN_CLASSES else name


def is_uninitialized(tensor: Any) -> bool:
    """Whether a parameter or buffer of a lazy module has no shape yet."""
    return type(tensor) not in ORDINARY and isinstance(tensor, _UNINITIALIZED)


def qualified_name(thing: Any) -> str:
    """Qualified name without module path, and without the function that a local class was made in."""
    name = str(getattr(thing, "__qualname__", None) or getattr(thing, "__name__", type(thing).__qualname__))
    name = name.rpartition("<locals>.")[2].replace("<lambda>", "lambda")
    return f"{name}_" if name in _CONTAINERS and isinstance(thing, type) and thing.__module__ != "builtins" else name


def named(text: str) -> Literal:
    """A thing that is shown by a name between angle brackets."""
    return Literal("<" + "".join(c if c.isascii() and (c.isalnum() or c in "_.[], ") else "_" for c in text) + ">")


def to_value(thing: Any, tensor: TensorLeaf, other: ObjectLeaf, depth: int = 0) -> Value:
    """A value with its tensors and foreign objects as the two callables give them."""
    if isinstance(thing, torch.Tensor):
        return tensor(thing)
    literal = _literal(thing)
    if literal is not None:
        return literal
    if depth > _MAX_DEPTH:
        return named("...")

    def inner(item: Any) -> Value:
        return to_value(item, tensor, other, depth + 1)

    if isinstance(thing, slice):
        return _slice(thing, inner)
    if isinstance(thing, complex):
        return Tree("complex", (inner(thing.real), inner(thing.imag)))
    return _container(thing, inner) or other(thing)


def _literal(thing: Any) -> Literal | None:
    """Texts of plain values; the order matters, as bool is an int and enums may be either."""
    text = _TEXTS.get(type(thing))
    if text is not None:
        return Literal(text(thing))
    if thing is Ellipsis:
        return Literal("...")
    if isinstance(thing, enum.Enum):
        return named(f"{qualified_name(type(thing))}.{thing.name}")
    if isinstance(thing, DtypeText):
        return Literal(str(thing))
    if isinstance(thing, int):
        return Literal(_integer(thing))
    if isinstance(thing, float):
        return Literal(_float(thing))
    if isinstance(thing, str):
        return Literal(_string(thing))
    if isinstance(thing, bytes | bytearray):
        return named(f"{len(thing)} bytes, digest {_digest(thing)}")
    return _torch_literal(thing)


def _torch_literal(thing: Any) -> Literal | None:
    if isinstance(thing, torch.dtype | torch.layout | torch.memory_format):
        return Literal(str(thing))
    if isinstance(thing, torch.SymInt | torch.SymFloat | torch.SymBool):
        return Literal(str(int(thing)))
    if isinstance(thing, torch.device):
        return named("device")
    if isinstance(thing, type) or inspect.isroutine(thing):
        return named(qualified_name(thing))
    if is_array(thing):
        return _literal(thing.item()) if not thing.shape else _array(thing)
    return None


def is_array(thing: Any) -> bool:
    """Whether something is a numpy array or scalar."""
    return type(thing).__module__ == "numpy" and hasattr(thing, "tobytes")


def _array(array: Any) -> Literal:
    """Values of a numpy array are literals of the program: kept by a digest."""
    return named(f"ndarray {array.dtype}[{', '.join(map(str, array.shape))}], digest {_digest(array.tobytes())}")


def _digest(data: bytes | bytearray) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def _integer(number: int) -> str:
    return str(int(number)) if number.bit_length() <= _MAX_BITS else "<int>"


def _float(number: float) -> str:
    if math.isnan(number):
        return "+nan"
    if math.isinf(number):
        return "+inf" if number > 0 else "-inf"
    text = f"{number:.6g}"
    return text if "." in text or "e" in text else f"{text}.0"


def _string(text: str) -> str:
    if len(text) > _MAX_STRING:
        digest = _digest(text.encode("utf-8", "surrogatepass"))
        text = f"{text[:100]}... ({len(text)} characters, digest {digest})"
    return json.dumps(text)


_TEXTS: dict[type, Callable[[Any], str]] = {
    type(None): str,
    bool: str,
    int: _integer,
    float: _float,
    str: _string,
}


def number(thing: bool | int | float) -> Literal:
    """The text of a number of one of the classes in ``NUMBERS``."""
    return Literal(_TEXTS[type(thing)](thing))


def _slice(thing: slice, inner: Callable[[Any], Value]) -> Value:
    parts = (thing.start, thing.stop, thing.step)
    if all(part is None or type(part) is int for part in parts):
        forwards = thing.step is None or thing.step > 0
        start, stop, step = ("" if part is None else str(part) for part in parts)
        start = "" if forwards and start == "0" else start
        return Literal(f"{start}:{stop}" + (f":{step}" if step else ""))
    return Tree("slice", tuple(inner(part) for part in parts))


def _container(thing: Any, inner: Callable[[Any], Value]) -> Tree | None:
    """Containers whose structure is shown, or None."""
    if isinstance(thing, list):
        return Tree("list", _shortened(tuple(map(inner, thing))))
    if isinstance(thing, tuple):
        names = tuple(getattr(thing, "_fields", ()))
        items = tuple(map(inner, thing))
        return Tree(qualified_name(type(thing)), items, names) if names else Tree("tuple", _shortened(items))
    if isinstance(thing, Mapping):
        return _mapping(thing, inner)
    if is_dataclass(thing) and not isinstance(thing, type):
        names = tuple(field.name for field in fields(thing) if hasattr(thing, field.name))
        return Tree(qualified_name(type(thing)), tuple(inner(getattr(thing, name)) for name in names), names)
    if isinstance(thing, deque):
        return Tree("deque", tuple(map(inner, thing)))
    if isinstance(thing, set | frozenset):
        return Tree("set", tuple(sorted(map(inner, thing), key=repr)))
    if isinstance(thing, range):
        return Tree("range", tuple(map(inner, (thing.start, thing.stop, thing.step))))
    return None


def _shortened(items: tuple[Value, ...]) -> tuple[Value, ...]:
    """Long tables of plain numbers by their beginning and a digest."""
    if len(items) <= _MAX_ITEMS or not all(isinstance(item, Literal) for item in items):
        return items
    return (*items[:8], named(f"{len(items) - 8} more, digest {_digest(repr(items).encode())}"))


def _mapping(thing: Mapping[Any, Any], inner: Callable[[Any], Value]) -> Tree:
    items = tuple(map(inner, thing.values()))
    own_class = is_dataclass(thing) or type(thing).__module__.partition(".")[0] not in ("builtins", "collections")
    if own_class and all(isinstance(key, str) for key in thing):
        return Tree(qualified_name(type(thing)), items, tuple(thing))
    return Tree("dict", items, tuple(map(_key, thing)))


def _key(key: Any) -> str:
    if isinstance(key, str):
        word = key.isascii() and key.isidentifier() and key not in ("None", "True", "False", "torch")
        return key if word else json.dumps(key)
    literal = _literal(key)
    return literal.text if literal is not None else named(qualified_name(type(key))).text


def written_out(thing: Any, tensor: TensorLeaf) -> Value:
    """A value with foreign objects written out, each once, as far as they hold tensors."""
    return _WrittenOut(tensor).value(thing)


class _WrittenOut:
    """No closure that calls itself: that is a circle, which keeps what was traced until the collector comes."""

    def __init__(self, tensor: TensorLeaf) -> None:
        self._tensor = tensor
        self._seen: set[int] = set()

    def value(self, thing: Any) -> Value:
        return to_value(thing, self._tensor, self._object)

    def _object(self, thing: Any) -> Value:
        name = qualified_name(type(thing))
        entries = [] if id(thing) in self._seen or isinstance(thing, SHARED) else _entries(thing)
        self._seen.add(id(thing))
        held = [(str(key), item) for key, item in entries if id(item) not in self._seen and _holds_tensors(item)]
        items = tuple(self.value(item) for _, item in held)
        return Tree(name, items, tuple(key for key, _ in held)) if held else named(name)


def _holds_tensors(thing: Any) -> bool:
    return any(isinstance(leaf, torch.Tensor) for _, leaf in walk(thing))


# Things that are handed on as they are: they are not data of a call.
SHARED = (torch.nn.Module, torch.Generator, torch.optim.Optimizer, torch.cuda.Stream)

_Path = tuple[int | str, ...]
_PLAIN_TYPES = (bool, int, float, complex, str, bytes, type, torch.dtype, torch.device, enum.Enum)


def walk(thing: Any, *, shared: bool = False, hidden: bool = True) -> Iterator[tuple[_Path, Any]]:
    """Yield ``(path, leaf)`` for the tensors and foreign objects in containers, and the tensors in such objects.

    ``shared`` yields modules and their like too; they are never entered. ``hidden=False`` enters no object whose inside
    the record does not write out.
    """
    seen: set[int] = set()
    stack: list[tuple[_Path, Any]] = [((), thing)]
    while stack:
        path, top = stack.pop()
        if isinstance(top, torch.Tensor):
            yield path, top
            continue
        if top is None or isinstance(top, _PLAIN_TYPES) or id(top) in seen or len(path) > _MAX_DEPTH:
            continue
        seen.add(id(top))
        if isinstance(top, SHARED):
            if shared:
                yield path, top
            continue
        if not isinstance(top, Mapping | list | tuple | deque):
            if not _has_attributes(top):
                continue
            yield path, top
            if not hidden and not is_dataclass(top):
                continue
        stack.extend(((*path, key), item) for key, item in reversed(_entries(top)))


def leaves(thing: Any, *, hidden: bool) -> Iterable[tuple[_Path, Any]]:
    """As `walk`, with the tensors that a tensor is made of if it is a wrapper subclass."""
    return (((), thing),) if type(thing) in ORDINARY else _leaves(thing, hidden=hidden)


def _leaves(thing: Any, *, hidden: bool) -> Iterator[tuple[_Path, Any]]:
    for path, leaf in walk(thing, hidden=hidden):
        yield path, leaf
        if isinstance(leaf, torch.Tensor) and type(leaf) is not torch.Tensor and is_traceable_wrapper_subclass(leaf):
            yield from (((*path, name), getattr(leaf, name)) for name in leaf.__tensor_flatten__()[0])


def _has_attributes(thing: Any) -> bool:
    return (hasattr(thing, "__dict__") or hasattr(thing, "__slots__")) and not (
        inspect.isroutine(thing) or inspect.ismodule(thing)
    )


def _entries(thing: Any) -> Sequence[tuple[int | str, Any]]:
    if isinstance(thing, Mapping):
        return [(key if type(key) in (int, str) else str(key), item) for key, item in list(thing.items())]
    if isinstance(thing, list | tuple | deque):
        names = getattr(thing, "_fields", None) or range(len(thing))
        return list(zip(names, thing, strict=True))
    return attributes_of(thing)


def attributes_of(thing: Any) -> list[tuple[str, Any]]:
    """What an object holds, in ``__dict__`` and in slots."""
    return [*getattr(thing, "__dict__", {}).items(), *_slots(thing)]


def _slots(thing: Any) -> Iterator[tuple[str, Any]]:
    for cls in type(thing).__mro__:
        names = cls.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if name not in ("__dict__", "__weakref__") and hasattr(thing, name):
                yield name, getattr(thing, name)


def object_spec(thing: Any) -> Value:
    """A foreign object among inputs or results: its class, and the tensors that it holds."""
    runs: list[tuple[str, int]] = []
    for _, leaf in walk(thing):
        if isinstance(leaf, torch.Tensor):
            spec = spec_of(leaf)
            text = f"{spec.dtype}[{', '.join('?' if size is None else str(size) for size in spec.shape)}]"
            runs.append((text, 1 + (runs.pop()[1] if runs and runs[-1][0] == text else 0)))
    shown = [text if count == 1 else f"{text} x{count}" for text, count in runs]
    return named(" ".join([qualified_name(type(thing)), ", ".join(shown)]).strip())


def tensors_in(thing: Any) -> list[torch.Tensor]:
    """The tensors that a call is handed directly: in lists, tuples and dicts, not in foreign objects."""
    return [thing] if type(thing) in ORDINARY else tensors_among((thing,))


def tensors_among(things: Iterable[Any]) -> list[torch.Tensor]:
    """As `tensors_in`, of several things."""
    found: list[torch.Tensor] = []
    _gather(things, found)
    return found


def _gather(things: Iterable[Any], found: list[torch.Tensor]) -> None:
    for thing in things:
        if isinstance(thing, torch.Tensor):
            found.append(thing)
        elif type(thing) in _TEXTS:
            continue
        elif isinstance(thing, (list, tuple)):
            _gather(thing, found)
        elif isinstance(thing, dict):
            _gather(thing.values(), found)
        elif isinstance(thing, slice):
            _gather((thing.start, thing.stop, thing.step), found)
