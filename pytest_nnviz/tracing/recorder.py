"""Record one forward pass: every call that the author wrote, with its arguments, results and the module it is in."""

from __future__ import annotations

import fnmatch
import functools
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from pytest_nnviz.architecture import Argument, Body, Call, Value
from pytest_nnviz.errors import TraceError
from pytest_nnviz.textformat.write import format_call, format_spec
from pytest_nnviz.tracing.binding import bind, leading_names
from pytest_nnviz.tracing.functions import canonical_name, signature_of, spell
from pytest_nnviz.tracing.handover import Handover, may_write
from pytest_nnviz.tracing.modules import Places, configuration, unwrap
from pytest_nnviz.tracing.operations import PROPERTIES, QUERIES, READS
from pytest_nnviz.tracing.origins import Origins, Scope
from pytest_nnviz.tracing.values import NONE, named, qualified_name, spec_of, tensors_in, to_value, walk

__all__ = ["Failure", "Recorder", "is_machinery"]

_ACTIVE = threading.Lock()


@dataclass(frozen=True, slots=True)
class Failure:
    """Where a forward pass raised: the module, the last calls recorded in it, the function that was running."""

    error: BaseException
    module: str
    calls: tuple[str, ...]
    function: str | None


class Recorder(TorchFunctionMode):
    """A mode that records. Use `forward` once; then read ``inputs``, ``body``, ``used`` and ``reads``.

    Args:
        model: the model, not wrapped.
        opaque: patterns of class paths or module paths that are recorded as one call.
        before_write: called with a tensor that existed before the forward pass and is about to be written to.
    """

    def __init__(
        self, model: torch.nn.Module, opaque: tuple[str, ...], before_write: Callable[[torch.Tensor], None]
    ) -> None:
        super().__init__()
        self.model = model
        self.opaque = opaque
        self.before_write = before_write
        self.places = Places.of(model)
        self.origins = Origins(self.places, self._warn_untracked)
        self.scope: Scope | None = None
        self.muted = False
        self.thread = threading.get_ident()
        self.inputs: tuple[Argument, ...] = ()
        self.body: Body | None = None
        self.used: set[int] = set()
        self.reads: list[str] = []
        self.current: str | None = None
        self.untracked: list[tuple[str, str, int]] = []
        self.failure: Failure | None = None

    # the forward pass

    def forward(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Call the model and record what it does.

        Raises:
            TraceError: another trace is running in this process.
            Exception: whatever the model's forward raises.
        """
        if not _ACTIVE.acquire(blocking=False):
            raise TraceError("another trace is running in this process: trace one model at a time")
        original = torch.nn.Module.__call__
        try:
            torch.nn.Module.__call__ = self._patched(original)  # type: ignore[method-assign]
            with self:
                self.model(*args, **kwargs)
        finally:
            torch.nn.Module.__call__ = original  # type: ignore[method-assign]
            _ACTIVE.release()

    def _patched(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(module: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
            inner = unwrap(module)
            if inner is not module:
                return inner(*args, **kwargs)
            if self.muted or threading.get_ident() != self.thread:
                return original(module, *args, **kwargs)
            run = functools.partial(_run, original, module)
            if self.scope is None:
                return self._root(module, run, args, kwargs)
            return self._module(module, run, args, kwargs)

        return call

    def used_modules(self) -> set[int]:
        """Ids of the modules that were called or whose tensors were read."""
        owners = {path.rpartition(".")[0] for path in self.origins.used}
        return self.used | {module_id for module_id, path in self.places.modules.items() if path in owners}

    # functions

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Called by torch for every function of its Python API."""
        kwargs = kwargs or {}
        scope = self.scope
        if self.muted or scope is None or threading.get_ident() != self.thread:
            return func(*args, **kwargs)
        raw, is_attribute = _canonical(func)
        if raw == "iter":
            return iter(self.__torch_function__(torch.Tensor.unbind, types, args, kwargs))
        if raw in QUERIES or (is_attribute and raw not in PROPERTIES and raw != "set_data"):
            return func(*args, **kwargs)
        name, spelled_args, spelled_kwargs = spell(raw, func, args, kwargs)
        arguments = self._arguments(name, func, spelled_args, spelled_kwargs)
        return self._function(name, arguments, func, args, kwargs)

    def _function(
        self, name: str, arguments: tuple[Argument, ...], func: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        scope = self._scope()
        if may_write(name) or "out" in kwargs or kwargs.get("inplace"):
            self._save(kwargs["out"] if "out" in kwargs else args[:1])
        handed = Handover((args, kwargs))
        self.current = name
        result = func(*args, **kwargs)
        self.current = None
        call = Call("function", name, arguments, NONE)
        written = handed.written(name)
        if name in READS or _reads_mask(name, args):
            self.reads.append(name)
        if written or next(tensors_in(result), None) is not None:
            return self._record(call, scope, result, handed, written)
        if name in READS:
            scope.add(call)
        return result

    def _arguments(self, name: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Argument, ...]:
        signature = signature_of(name, func)
        pairs = signature.bind(args, kwargs) if signature is not None else None
        if signature is None or pairs is None:
            return self._as_spelled(args, kwargs)
        arguments: list[Argument] = []
        positional = True
        for key, thing in pairs:
            value = self._value(thing)
            if value == signature.default(key):
                positional = False
                continue
            positional = positional and signature.is_operand(key)
            arguments.extend(
                self._spread(thing, value) if signature.spreads(key) else [Argument(None if positional else key, value)]
            )
        return tuple(arguments)

    def _spread(self, thing: Any, value: Value) -> list[Argument]:
        return (
            [Argument(None, self._value(item)) for item in thing] if type(thing) is tuple else [Argument(None, value)]
        )

    def _as_spelled(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Argument, ...]:
        positional = [Argument(None, self._value(thing)) for thing in args if not isinstance(thing, torch.device)]
        named_ones = [Argument(key, self._value(thing)) for key, thing in sorted(kwargs.items()) if key[0] != "_"]
        return (*positional, *named_ones)

    # modules

    def _root(self, module: torch.nn.Module, run: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        pairs = bind(module, args, kwargs)
        self.scope = scope = Scope("")
        self.used.add(id(module))
        self.inputs = tuple(Argument(key, to_value(thing, spec_of, _object_spec)) for key, thing in pairs)
        self._name_inputs(pairs, scope)
        with self._noting_failure():
            result = run(args, kwargs)
        self.body = Body(tuple(scope.calls), self._value(result))
        return result

    def _module(self, module: torch.nn.Module, run: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        scope = self._scope()
        pairs = bind(module, args, kwargs)
        self.used.add(id(module))
        path = self.places.modules.get(id(module))
        leaf = _is_leaf(module)
        call = self._module_call(module, path, scope, self._module_arguments(module, pairs, leaf=leaf))
        if leaf or self._is_opaque(module, path):
            return self._opaque_module(call, module, scope, run, args, kwargs)
        self.scope = inner = Scope(path, scope, call.name, scope.counts.get(call.name, 0) + 1)
        self._name_inputs(pairs, inner)
        handed = Handover((args, kwargs))
        try:
            with self._noting_failure():
                result = run(args, kwargs)
            body = Body(tuple(inner.calls), self._value(result))
        finally:
            self.scope = scope
        return self._record(replace(call, body=body), scope, result, handed, [], inner=inner)

    def _opaque_module(
        self, call: Call, module: torch.nn.Module, scope: Scope, run: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        if getattr(module, "inplace", False):
            self._save(args)
        self.used.update(id(inner) for inner in module.modules())
        handed = Handover((args, kwargs))
        self.muted = True
        try:
            with self._noting_failure():
                result = run(args, kwargs)
        finally:
            self.muted = False
        return self._record(call, scope, result, handed, handed.written(""))

    def _module_call(
        self, module: torch.nn.Module, path: str | None, scope: Scope, arguments: tuple[Argument, ...]
    ) -> Call:
        if path is None:
            return Call("created", qualified_name(type(module)), arguments, NONE, config=configuration(module))
        up, target = self.origins.locate(scope, path)
        return Call("module", target, arguments, NONE, up=up)

    def _module_arguments(
        self, module: torch.nn.Module, pairs: list[tuple[str, Any]], *, leaf: bool
    ) -> tuple[Argument, ...]:
        """By name, as names hold inside; a torch.nn layer shows what it is handed without names."""
        arguments: list[Argument] = []
        order = leading_names(module)
        for index, (key, thing) in enumerate(pairs):
            positional = leaf and order[index : index + 1] == [key] and len(arguments) == index
            arguments.append(Argument(None if positional else key, self._value(thing)))
        return tuple(arguments)

    def _is_opaque(self, module: torch.nn.Module, path: str | None) -> bool:
        if isinstance(module, torch.jit.ScriptModule):
            return True
        if not self.opaque:
            return False
        cls = type(module)
        names = [f"{cls.__module__}.{cls.__qualname__}", *([path] if path else [])]
        return any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in self.opaque)

    def _name_inputs(self, pairs: list[tuple[str, Any]], scope: Scope) -> None:
        for key, thing in pairs:
            for path, leaf in walk(thing):
                if not self.origins.has_name(leaf, scope):
                    self.origins.name(leaf, scope, key, 0, path, fresh=False)

    # results

    def _record(
        self,
        call: Call,
        scope: Scope,
        result: Any,
        handed: Handover,
        written: list[torch.Tensor],
        inner: Scope | None = None,
    ) -> Any:
        """Write a call down, name its results, and hand the result on."""
        result = handed.with_identities(result, written)
        shown = written[0] if len(written) == 1 and next(tensors_in(result), None) is None else result
        nth = scope.add(replace(call, result=to_value(shown, spec_of, _object_spec)))
        for tensor in written:
            self.origins.wrote(tensor, scope, call.name, nth)
        for path, leaf in walk(shown):
            if isinstance(leaf, torch.Tensor) and self._is_new(leaf, scope, handed, written):
                self.origins.name(leaf, scope, call.name, nth, path, fresh=inner is None)
        return result

    def _is_new(self, leaf: torch.Tensor, scope: Scope, handed: Handover, written: list[torch.Tensor]) -> bool:
        """Whether a result needs a name: what was there before and was not written to keeps the one it has."""
        if any(leaf is tensor for tensor in written):
            return True
        if handed.holds(leaf) or id(leaf) in self.places.tensors:
            return False
        return not self.origins.has_name(leaf, scope)

    def _save(self, targets: Any) -> None:
        for tensor in tensors_in(targets):
            self.before_write(tensor)

    def _value(self, thing: Any) -> Value:
        scope = self._scope()
        return to_value(
            thing, lambda tensor: self.origins.tensor(tensor, scope), lambda other: self.origins.thing(other, scope)
        )

    def _scope(self) -> Scope:
        assert self.scope is not None
        return self.scope

    # failures and warnings

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        """Remember where an exception comes from: the innermost module and the last calls before."""
        try:
            yield
        except BaseException as error:
            if self.failure is None or self.failure.error is not error:
                scope = self._scope()
                self.failure = Failure(
                    error, scope.module or "", tuple(map(format_call, scope.calls[-3:])), self.current
                )
            raise

    def _warn_untracked(self, tensor: torch.Tensor) -> None:
        where = self._scope().module or type(self.model).__name__
        self.untracked.append(
            (
                f"a tensor {format_spec(spec_of(tensor))} used in {where} was made by no recorded call "
                "(a numpy round trip, a foreign kernel): its edge is cut",
                *_source_line(),
            )
        )


def _run(original: Callable[..., Any], module: torch.nn.Module, args: Any, kwargs: Any) -> Any:
    if getattr(module, "_compiled_call_impl", None) is not None:
        return module._call_impl(*args, **kwargs)  # type: ignore[no-untyped-call]
    return original(module, *args, **kwargs)


@functools.lru_cache(maxsize=8192)
def _cached_name(func: Any) -> tuple[str, bool]:
    return canonical_name(func)


def _canonical(func: Any) -> tuple[str, bool]:
    try:
        return _cached_name(func)
    except TypeError:  # not hashable
        return canonical_name(func)


def _is_leaf(module: torch.nn.Module) -> bool:
    return type(module).__module__.startswith("torch.") and not module._modules


def _reads_mask(name: str, args: tuple[Any, ...]) -> bool:
    """Whether a boolean mask decides the shape of what is picked."""
    if name != "getitem" or len(args) != 2:
        return False
    index = args[1] if isinstance(args[1], tuple) else (args[1],)
    return any(isinstance(item, torch.Tensor) and item.dtype in (torch.bool, torch.uint8) for item in index)


def _object_spec(thing: Any) -> Value:
    """A foreign object among inputs or results: its class, and the tensors that it holds."""
    runs: list[tuple[str, int]] = []
    for _, leaf in walk(thing):
        if isinstance(leaf, torch.Tensor):
            spec = spec_of(leaf)
            text = f"{spec.dtype}[{', '.join('?' if size is None else str(size) for size in spec.shape)}]"
            runs.append((text, 1 + (runs.pop()[1] if runs and runs[-1][0] == text else 0)))
    shown = [text if count == 1 else f"{text} x{count}" for text, count in runs]
    return named(" ".join([qualified_name(type(thing)), ", ".join(shown)]).strip())


def _source_line() -> tuple[str, int]:
    """File and line of the innermost frame that is neither torch's nor ours."""
    frame = sys._getframe(1)
    while frame.f_back is not None and is_machinery(frame.f_code.co_filename):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def is_machinery(filename: str) -> bool:
    """Whether a file belongs to torch or to the tracer."""
    return filename.startswith((_TORCH, _OURS, "<"))


_TORCH = torch.__file__.removesuffix("__init__.py")
_OURS = __file__.removesuffix("recorder.py")
