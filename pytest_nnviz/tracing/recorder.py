"""Record one forward pass: every call that the author wrote, with its arguments, results and the module it is in."""

from __future__ import annotations

import fnmatch
import functools
import inspect
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from pytest_nnviz.architecture import Argument, Body, Call, Literal, Ref, Step, Value
from pytest_nnviz.errors import TraceError
from pytest_nnviz.textformat.write import format_call, format_spec
from pytest_nnviz.tracing.begun import Begun
from pytest_nnviz.tracing.calls.arguments import as_spelled, as_value, written_down
from pytest_nnviz.tracing.calls.binding import bind, leading_names, takes_operand
from pytest_nnviz.tracing.calls.forms import Form, Forms
from pytest_nnviz.tracing.calls.functions import Facts, facts_of
from pytest_nnviz.tracing.calls.operations import ARRAYS, EFFECTS, PROPERTIES, QUERIES, READS, SIZED_BY_VALUES
from pytest_nnviz.tracing.calls.spelling import spell
from pytest_nnviz.tracing.describing.modules import class_name, configuration
from pytest_nnviz.tracing.describing.places import Places, unwrap
from pytest_nnviz.tracing.describing.values import (
    NONE,
    ORDINARY,
    USUAL,
    is_array,
    leaves,
    named,
    object_spec,
    spec_of,
    tensors_among,
    tensors_in,
    to_value,
    written_out,
)
from pytest_nnviz.tracing.frames import CALLED_BY_TORCH, author_line, is_machinery, is_torchs_own, source_line
from pytest_nnviz.tracing.interception.control import CONTROL, controlled
from pytest_nnviz.tracing.interception.foreign import Foreign
from pytest_nnviz.tracing.interception.hooks import first_forward_hook, has_forward_hooks, has_pre_hooks, last_pre_hook
from pytest_nnviz.tracing.interception.patches import intercepted
from pytest_nnviz.tracing.keeping.caching import once_a_trace
from pytest_nnviz.tracing.keeping.keeper import Keeper
from pytest_nnviz.tracing.keeping.leftovers import Leftovers
from pytest_nnviz.tracing.observing import Observer
from pytest_nnviz.tracing.provenance.births import Births
from pytest_nnviz.tracing.provenance.handover import Handover, may_write, says_it_writes, targets_of, unwrapped
from pytest_nnviz.tracing.provenance.origins import Origins, Scope

__all__ = ["Failure", "Recorder", "matches"]

_AS_IT_IS = nullcontext()
_OTHERWISE = QUERIES | CALLED_BY_TORCH | CONTROL.keys() | {"iter"}  # not recorded as they are, or not always


@dataclass(frozen=True, slots=True)
class Failure:
    """Where a forward pass raised: the module, the last calls recorded in it or before it if it is a layer.

    ``function`` is the one that was running, ``handed`` what a layer was called with.
    """

    error: BaseException
    module: str
    calls: tuple[str, ...]
    function: str | None
    handed: str = ""


class Recorder(TorchFunctionMode):
    """A mode that records. Use `forward` once; then read ``inputs``, ``body``, ``used`` and ``reads``.

    Args:
        model: the model, not wrapped.
        opaque: patterns of class paths or module paths that are recorded as one call.
        keeper: keeps what is about to be written to.
        hooks: record the calls of forward hooks that hand nothing on. They observe, and are left out; where it turns
            out that something of theirs is used later (``lost``), the pass has to be recorded again with them.
        leftovers: is told of what the pass made; None where that may stay.
        sources: note the line of the author's code that makes each call.
        observer: is handed each call of a module to make, recorded or not.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        opaque: tuple[str, ...],
        keeper: Keeper,
        *,
        hooks: bool = False,
        leftovers: Leftovers | None = None,
        sources: bool = False,
        observer: Observer | None = None,
    ) -> None:
        super().__init__()
        self.sources = sources
        self.observer = observer
        self.model = model
        self.opaque = opaque
        self.keeper = keeper
        self.keep_hooks = hooks
        self.leftovers = leftovers
        self.places = Places.of(model)
        self.births = Births()
        self.forms = Forms()
        self.origins = Origins(self.places, self.births, self._warn_stranger)
        self.scope: Scope | None = None
        self.muted: _Muted | None = None
        self.thread = threading.get_ident()
        self.inputs: tuple[Argument, ...] = ()
        self.body: Body | None = None
        self.used: set[int] = set()
        self.reads: list[str] = []
        self.arrays_read = False
        self.current: str | None = None
        self.untracked: list[tuple[str, str, int]] = []
        self.failure: Failure | None = None
        self.foreign = Foreign(self)
        self.elsewhere: str | None = None
        self.matched: set[str] = set()
        self._entered = False
        self._busy = False  # a recorded function runs: what it calls is its own

    # the forward pass

    def forward(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Call the model and record what it does.

        Raises:
            TraceError: another thread called the model meanwhile.
            Exception: whatever the model's forward raises.
        """
        original = torch.nn.Module.__call__
        try:
            torch.nn.Module.__call__ = self._patched(original)  # type: ignore[method-assign]
            scope = self._open(args, kwargs)
            buffers = dict(self.model._buffers)
            with self.births:
                result = self._noting_failure(self._call, args, kwargs)
            self._refuse_threads()
            self._without_observers(scope, result)
            self._note_assigned(self.model, buffers, scope)
            self.body = Body(tuple(scope.calls), written_out(result, self._tensor))
        finally:
            torch.nn.Module.__call__ = original  # type: ignore[method-assign]
            if self.leftovers is not None:
                self.leftovers.watch(self.births.made())
            self.origins.let_go()

    def let_go(self) -> None:
        """Hold nothing that holds this: what was recorded goes with the last who has it, and waits for no collector."""
        del self.foreign, self.origins, self.failure

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with intercepted(self.foreign), self:
            return self.model(*args, **kwargs)

    def _open(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Scope:
        """The scope of the whole forward pass, with the inputs under their names."""
        pairs = bind(self.model, args, kwargs, call=True)
        self.scope = scope = Scope("", owner=self.model)
        self.used.add(id(self.model))
        self.inputs = tuple(Argument(key, to_value(thing, spec_of, object_spec)) for key, thing in pairs)
        self._name_inputs(pairs, scope)
        return scope

    def _patched(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(module: torch.nn.Module, *args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != self.thread:
                self._note_thread(module)
                return original(module, *args, **kwargs)
            inner = unwrap(module)
            if inner is not module:
                return inner(*args, **kwargs)
            if not self.is_recording():
                return self._observed(module, lambda args, kwargs: original(module, *args, **kwargs))(args, kwargs)
            run = self._observed(module, lambda args, kwargs: self._run(original, module, args, kwargs))
            if module is self.model and not self._entered:
                self._entered = True
                if not _is_leaf(module) and not self._is_opaque(module, ""):
                    return run(args, kwargs)
            return self._module(module, run, args, kwargs)

        return call

    def _observed(self, module: torch.nn.Module, run: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        observer = self.observer
        # No partial and no instance is called: Python 3.12 bounds how deep C may call Python.
        return run if observer is None else lambda args, kwargs: observer.watch(module, run, args, kwargs)

    def is_recording(self) -> bool:
        """Whether what is called now belongs to the record."""
        here = self.muted is None and not self._busy and self.scope is not None and not self.births.collecting
        return here and threading.get_ident() == self.thread

    def _run(self, original: Callable[..., Any], module: torch.nn.Module, args: Any, kwargs: Any) -> Any:
        """Call a module, told where its forward ends and its hooks begin if it has any."""
        with first_forward_hook(self._forward_is_over) if has_forward_hooks(module) else _AS_IT_IS:
            if getattr(module, "_compiled_call_impl", None) is not None:
                return module._call_impl(*args, **kwargs)  # type: ignore[no-untyped-call]
            return original(module, *args, **kwargs)

    def _note_thread(self, module: torch.nn.Module) -> None:
        """Note a call by another thread of a part of the model, unless it belongs to an opaque one that runs."""
        path = self.places.modules.get(id(module))
        running = self.places.modules.get(id(self.muted.module)) if self.muted is not None else None
        inside = path is not None and running is not None and f"{path}.".startswith(f"{running}.")
        if path is not None and not inside and torch._C._current_graph_task_id() == -1:  # backward has its own threads
            self.elsewhere = path or type(module).__name__

    def _refuse_threads(self) -> None:
        if self.elsewhere is not None:
            raise TraceError(
                f"{self.elsewhere} was called by another thread during the trace, which follows one thread: if forward "
                "starts threads, make the part that does opaque, opaque=(...); else trace a model of its own"
            )

    def _forward_is_over(self, module: torch.nn.Module, args: Any, output: Any) -> Any:
        """Called before the module's own forward hooks; hands on the result under the name that they will see."""
        if threading.get_ident() != self.thread:
            return None
        muted = self.muted
        if muted is not None and muted.module is module:
            self.muted = None
            output = muted.record(output)
            self.open_scope().mark(output)
            return output
        if muted is None and self.scope is not None and self.scope.owner is module:
            self.scope.mark(output)
        return None

    def _without_observers(self, scope: Scope, result: Any) -> None:
        """Leave out what hooks recorded, if they handed nothing on and wrote to nothing."""
        mark = scope.take_mark()
        if mark is None or self.keep_hooks:
            return
        start = mark[0] if mark[1] is result else max(mark[0], self.origins.made_by(result, scope))
        if not any(says_it_writes(call.target) for call in scope.calls[start:]):
            self.origins.forget(scope, scope.drop(start))

    def _note_assigned(self, module: torch.nn.Module, before: dict[str, torch.Tensor | None], scope: Scope) -> None:
        """Write down which buffers of a module are other tensors now: a state that it hands to its next call."""
        if scope.module is None or not module._buffers:
            return
        for name, tensor in module._buffers.items():
            if tensor is not None and tensor is not before.get(name) and self.origins.knows(tensor):
                operands = (Ref("attribute", (Step(name),)), self._tensor(tensor))
                arguments = tuple(Argument(None, operand) for operand in operands)
                scope.add(Call("function", "setattr", arguments, spec_of(tensor)))

    def call_count(self) -> int:
        """How many calls there are by now, those of modules with what is inside of them; any thread may ask."""
        count, scope = 0, self.scope
        while scope is not None:
            count += _counted(scope.calls)
            scope = scope.parent
        return count

    def used_modules(self) -> set[int]:
        """Ids of the modules that were called or whose tensors were read."""
        owners = {path.rpartition(".")[0] for path in self.origins.used}
        return self.used | {module_id for module_id, path in self.places.modules.items() if path in owners}

    # functions

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Called by torch for every function of its Python API."""
        kwargs = kwargs or {}
        if not self.is_recording():
            return self._unrecorded(func, args, kwargs)
        facts = facts_of(func)
        if facts.is_attribute or facts.name in _OTHERWISE:
            otherwise = self._otherwise(facts, func, args, kwargs, sys._getframe(1))
            if otherwise is not None:
                return otherwise()
        found = None if self.arrays_read else self.forms.of(facts, func, args, kwargs)
        if found is not None:
            form, tensors = found
            if form.is_plain:
                return self._plain_function(form, tensors, func, args, kwargs)
            return self.function(form.name, form.filled(tensors, self._tensor), func, args, kwargs)
        name, spelled_args, spelled_kwargs = spell(facts, func, args, kwargs)
        argument = functools.partial(self._argument, name)
        arguments = written_down(name, func, spelled_args, spelled_kwargs, argument)
        return self.function(name, arguments, func, args, kwargs)

    def _plain_function(
        self, form: Form, tensors: list[torch.Tensor], func: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        """Run and write down one call that says of nothing that it is written to, and reads no values."""
        arguments = form.filled(tensors, self._tensor)
        handed = Handover(tensors)
        result = self.undisturbed(form.name, func, *args, **kwargs)
        written = handed.written()
        if written or type(result) in ORDINARY or tensors_in(result):
            call = Begun("function", form.name, arguments, source=self.source() if self.sources else None)
            return self._record(call, self.open_scope(), result, handed, written)
        return result

    def _otherwise(
        self, facts: Facts, func: Any, args: Any, kwargs: Any, caller: FrameType
    ) -> Callable[[], Any] | None:
        """How to run what is no call of the program, or is another one; None for a call to record."""
        control = controlled(self.foreign, func, args, kwargs)
        if control is not None:
            return control
        name = facts.name
        if name == "iter":
            return lambda: iter(self.__torch_function__(torch.Tensor.unbind, (), args, kwargs))
        if name == "set_requires_grad":
            return lambda: self._set_requires_grad(args)
        asks = name in QUERIES and not (name == "requires_grad_" and self._switches_gradients(*args, **kwargs))
        if asks or (facts.is_attribute and name not in PROPERTIES) or is_torchs_own(name, caller):
            return functools.partial(func, *args, **kwargs)
        return None

    def _set_requires_grad(self, args: Any) -> None:
        self.__torch_function__(torch.Tensor.requires_grad_, (), args)

    def _switches_gradients(self, tensor: torch.Tensor, requires_grad: bool = True) -> bool:
        """Whether a tensor that this pass made begins to ask for gradients, or ends to."""
        return self.origins.was_made(tensor) and tensor.requires_grad is not requires_grad

    def _unrecorded(self, func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """A call that is no part of the record; what it writes to inside an opaque module comes back all the same."""
        if self.muted is not None and threading.get_ident() == self.thread:
            self.keeper.before_call(facts_of(func).name, func, args, kwargs)
        return func(*args, **kwargs)

    def function(
        self,
        name: str,
        arguments: tuple[Argument, ...],
        func: Callable[..., Any],
        args: Any,
        kwargs: Any,
        *,
        uncounted: bool = False,
    ) -> Any:
        """Run one call and write it down, with what it wrote to; ``uncounted`` if torch does not count its writes."""
        scope = self.open_scope()
        targets = targets_of(name, args, kwargs)
        handed = Handover(tensors_among((*args, *kwargs.values())))
        if name == "set_data":
            self.keeper.before_set_data(args[0])
        else:
            aims = handed.tensors if may_write(name, func, args, kwargs) else targets
            if aims:
                self._save(aims)
        result = self.undisturbed(name, func, *args, **kwargs)
        call = Begun("function", name, arguments, source=self.source() if self.sources else None)
        written = targets if uncounted or name == "set_data" else handed.written(targets)
        self.arrays_read = self.arrays_read or name in ARRAYS
        if name in READS or (name in SIZED_BY_VALUES and _decides_sizes(name, args, kwargs)):
            self.reads.append("{} at {}:{}".format(name, *source_line()))
        if written or type(result) in ORDINARY or tensors_in(result):
            return self._record(call, scope, result, handed, written)
        if name in READS or name in EFFECTS:
            scope.add(call.over(NONE))
        return result

    def undisturbed(self, name: str, run: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Run one call; nothing inside of it is recorded."""
        self.current, self._busy = name, True
        try:
            result = run(*args, **kwargs)
        finally:
            self._busy = False
        self.current = None
        return result

    def as_spelled(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Argument, ...]:
        """Arguments of a call whose signature is not known."""
        return as_spelled(args, kwargs, functools.partial(self._argument, name))

    def _argument(self, name: str, thing: Any) -> Value:
        """An argument of a function; what a numpy array holds is a literal, unless it may have come from tensors."""
        if self.arrays_read and is_array(thing):
            spec = f"ndarray {thing.dtype}[{', '.join(map(str, thing.shape))}]"
            self._warn_untracked(spec)
            return named(f"untracked {spec}")
        return as_value(name, thing, self._tensor, self._thing)

    # modules

    def _module(self, module: torch.nn.Module, run: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        scope = self.open_scope()
        self.used.add(id(module))
        path = self.places.modules.get(id(module))
        leaf = _is_leaf(module)
        if leaf or self._is_opaque(module, path):
            return self._opaque_module(module, path, scope, run, args, kwargs, leaf=leaf)
        with torch._C.DisableTorchFunction():
            pairs = bind(module, args, kwargs)
            arguments = self._module_arguments(module, pairs, leaf=False, closed=False)
            call = self._module_call(module, path, scope, arguments)
            handed = Handover(tensors_among((*args, *kwargs.values())))
            self.scope = inner = Scope(path, scope, call.name, scope.counts.get(call.name, 0) + 1, module)
            self._name_inputs(pairs, inner)
            buffers = dict(module._buffers)
        try:
            result = self._noting_failure(run, args, kwargs)
            with torch._C.DisableTorchFunction():
                self._without_observers(inner, result)
                self._note_assigned(module, buffers, inner)
                call.body = Body(tuple(inner.calls), self._value(result))
        finally:
            self.scope = scope
        return self._record(call, scope, result, handed, [], inner=inner)

    def _opaque_module(
        self,
        module: torch.nn.Module,
        path: str | None,
        scope: Scope,
        run: Callable[..., Any],
        args: Any,
        kwargs: Any,
        *,
        leaf: bool,
    ) -> Any:
        def begin(_: torch.nn.Module, args: Any, kwargs: Any) -> None:
            self.muted = self._opened(module, path, scope, args, kwargs, leaf=leaf)

        if not leaf:
            self.used.update(id(inner) for inner in module.modules())
        hooked = has_pre_hooks(module)
        if not hooked:
            begin(module, args, kwargs)
        try:
            with last_pre_hook(module, begin) if hooked else self._mute(module, leaf=leaf):
                result = self._noting_failure(run, args, kwargs, layer=module)
            if self.muted is not None:
                return self.muted.record(result)
            self._without_observers(scope, result)
            return result
        finally:
            self.muted = None

    def _mute(self, module: torch.nn.Module, *, leaf: bool) -> AbstractContextManager[object]:
        """Torch hands nothing to this mode inside of one of its own layers that writes to nothing but its results."""
        muted = self.muted
        alone = leaf and torch._C._len_torch_function_stack() == 1 and not has_forward_hooks(module)
        quiet = alone and muted is not None and _only_computes(module) and ORDINARY.issuperset(map(type, muted.tensors))
        return torch._C.DisableTorchFunction() if quiet else _AS_IT_IS

    def _opened(
        self, module: torch.nn.Module, path: str | None, scope: Scope, args: Any, kwargs: Any, *, leaf: bool
    ) -> _Muted:
        """What is known of an opaque call once its arguments are: after the hooks that come before it."""
        with torch._C.DisableTorchFunction():
            if leaf and not kwargs and [*map(type, args)] == [torch.Tensor] and takes_operand(type(module)):
                arguments: tuple[Argument, ...] = (Argument(None, self._tensor(args[0])),)
            else:
                arguments = self._module_arguments(module, bind(module, args, kwargs), leaf=leaf, closed=True)
            call = self._module_call(module, path, scope, (*arguments, *self._replaced(module, leaf=leaf)))
            handed = Handover(tensors_among((*args, *kwargs.values())))
            if isinstance(module, torch.jit.ScriptModule):
                self._save([*handed.tensors, *module.parameters()])
            elif getattr(module, "inplace", False):
                self._save(handed.tensors)
        return _Muted(module, handed.tensors, functools.partial(self._record_opaque, call, scope, handed))

    def _replaced(self, module: torch.nn.Module, *, leaf: bool) -> Iterator[Argument]:
        """Operands in the place of what a module registers: weights from elsewhere, by ``functional_call`` or hooks."""
        if isinstance(module, torch.jit.ScriptModule):
            return
        for prefix, inner in [("", module)] if leaf else module.named_modules():
            for name, tensor in self.places.replaced(inner):
                if self.origins.knows(tensor):
                    yield Argument(f"{prefix}.{name}" if prefix else name, self._value(tensor))

    def _record_opaque(self, call: Begun, scope: Scope, handed: Handover, result: Any) -> Any:
        return self._record(call, scope, result, handed, handed.written())

    def _module_call(
        self, module: torch.nn.Module, path: str | None, scope: Scope, arguments: tuple[Argument, ...]
    ) -> Begun:
        if path is None:
            self._save(list(module.buffers()))  # not among those of the model, which are kept from the beginning
            number = self.origins.number(module)
            which = (Argument(None, Literal(f"<#{number}>")),) if number > 1 else ()
            config = (*which, *configuration(module))
            return Begun("created", class_name(module), arguments, config=config, source=self.source())
        up, target = self.origins.locate(scope, path)
        return Begun("module", target, arguments, up=up, source=self.source())

    def source(self) -> str | None:
        """The line of the author's code that calls, where it was asked for."""
        line = author_line() if self.sources else None
        return None if line is None else "{}:{}".format(*line)

    def _module_arguments(
        self, module: torch.nn.Module, pairs: list[tuple[str, Any]], *, leaf: bool, closed: bool
    ) -> tuple[Argument, ...]:
        """By name, as names hold inside; a torch.nn layer shows what it is handed without names.

        What is handed to a module without an inside is written out: nothing else says what becomes of it.
        """
        arguments: list[Argument] = []
        order = leading_names(module) if leaf else []
        for index, (key, thing) in enumerate(pairs):
            positional = leaf and order[index : index + 1] == [key] and len(arguments) == index
            value = written_out(thing, self._tensor) if closed else self._value(thing)
            arguments.append(Argument(None if positional else key, value))
        return tuple(arguments)

    def _is_opaque(self, module: torch.nn.Module, path: str | None) -> bool:
        if isinstance(module, torch.jit.ScriptModule):
            return True
        if not self.opaque:
            return False
        found = matches(self.opaque, module, path)
        self.matched.update(found)
        return bool(found)

    def _name_inputs(self, pairs: list[tuple[str, Any]], scope: Scope) -> None:
        """Inside an object that a call does not write out, tensors keep the names that they have outside."""
        for key, thing in pairs:
            for path, leaf in leaves(thing, hidden=scope.parent is None):
                if not self.origins.has_name(leaf, scope):
                    self.origins.name(leaf, scope, key, 0, path, fresh=False)

    # results

    def _record(
        self,
        call: Begun,
        scope: Scope,
        result: Any,
        handed: Handover,
        written: list[torch.Tensor],
        inner: Scope | None = None,
    ) -> Any:
        """Write a call down, name its results, and hand the result on."""
        fresh, name = inner is None, call.name
        with torch._C.DisableTorchFunction():
            if type(result) in ORDINARY and not written and not handed.holds(result):
                nth = scope.add(call.over(spec_of(result)))
                if self._is_new(result, scope, handed, written):
                    self.origins.name(result, scope, name, nth, (), fresh=fresh)
                return result
            result = handed.with_identities(result, written)
            shown = written[0] if len(written) == 1 and not tensors_in(result) else result
            spec = spec_of(shown) if type(shown) in ORDINARY else to_value(shown, spec_of, object_spec)
            nth = scope.add(call.over(spec))
            for tensor in written:
                self.origins.wrote(tensor, scope, name, nth)
            for path, leaf in leaves(shown, hidden=fresh):
                if isinstance(leaf, torch.Tensor) and self._is_new(leaf, scope, handed, written):
                    self.origins.name(leaf, scope, name, nth, path, fresh=fresh)
            return result

    def _is_new(self, leaf: torch.Tensor, scope: Scope, handed: Handover, written: list[torch.Tensor]) -> bool:
        """Whether a result needs a name: what was there before and was not written to keeps the one it has."""
        if written and any(leaf is tensor for tensor in written):
            return True
        if handed.holds(leaf) or id(leaf) in self.places.tensors:
            return False
        return not self.origins.has_name(leaf, scope)

    def _save(self, targets: list[torch.Tensor]) -> None:
        """Keep what a call may write to and no call of this pass made."""
        with torch._C.DisableTorchFunction():
            for tensor in map(unwrapped, targets):
                self.keeper.before_write(tensor, was_there=not self.origins.was_made(tensor))

    def _value(self, thing: Any) -> Value:
        return to_value(thing, self._tensor, self._thing)

    def _thing(self, thing: Any) -> Value:
        return self.origins.thing(thing, self.open_scope())

    def _tensor(self, tensor: torch.Tensor) -> Value:
        return self.origins.tensor(tensor, self.open_scope())

    def open_scope(self) -> Scope:
        """The scope of the innermost module that runs."""
        assert self.scope is not None
        return self.scope

    # failures and warnings

    def _noting_failure(
        self, run: Callable[[Any, Any], Any], args: Any, kwargs: Any, layer: torch.nn.Module | None = None
    ) -> Any:
        """Run a module, and remember where an exception comes from."""
        try:
            return run(args, kwargs)
        except BaseException as error:
            if self.failure is None or self.failure.error is not error:
                self.failure = self._failure(error, layer, (args, kwargs))
            raise

    def _failure(self, error: BaseException, layer: torch.nn.Module | None, handed: Any) -> Failure:
        """The innermost module, or the layer with what it was handed, and the last calls before."""
        scope = self.open_scope()
        calls = tuple(map(format_call, scope.calls[-3:]))
        if layer is None:
            return Failure(error, scope.module or "", calls, self.current)
        name = self.places.modules.get(id(layer)) or class_name(layer)
        specs = ", ".join(format_spec(spec_of(tensor)) for tensor in tensors_in(handed))
        return Failure(error, name, calls, self.current, specs)

    def _warn_stranger(self, tensor: torch.Tensor) -> None:
        self._warn_untracked(f"tensor {format_spec(spec_of(tensor))}")

    def _warn_untracked(self, what: str) -> None:
        where = self.open_scope().module or type(self.model).__name__
        self.untracked.append(
            (
                f"a {what} used in {where} was made by no recorded call "
                "(a numpy round trip, a foreign kernel, another thread): its edge is cut",
                *source_line(),
            )
        )


@dataclass(frozen=True, slots=True)
class _Muted:
    """The opaque module that runs, and how its call is recorded once its forward is over."""

    module: torch.nn.Module
    tensors: list[torch.Tensor]  # that it was handed
    record: Callable[[Any], Any]


def _counted(calls: Sequence[Call]) -> int:
    # By index: an iterator is an object that the collector counts, and a collection in another thread than that of the
    # forward pass may take young tensors out of sight.
    count = index = 0
    while index < len(calls):
        body = calls[index].body
        count += 1 if body is None else 1 + _counted(body.calls)
        index += 1
    return count


def matches(patterns: Iterable[str], module: torch.nn.Module, path: str | None) -> list[str]:
    """The patterns that name a module by its class path or its place in the model."""
    cls = type(module)
    names = [f"{cls.__module__}.{cls.__qualname__}", *([path] if path else [])]
    return [pattern for pattern in patterns if any(fnmatch.fnmatchcase(name, pattern) for name in names)]


def _is_leaf(module: torch.nn.Module) -> bool:
    """A torch.nn layer whose forward is torch's own, in all that it calls of the layer."""
    if not type(module).__module__.startswith("torch.") or module._modules:
        return False
    steps = _steps_of_torch(type(module))
    return steps is not None and steps.isdisjoint(vars(module))


def _only_computes(module: torch.nn.Module) -> bool:
    """Whether a layer of torch writes to nothing that it holds, and holds no tensors that do more than compute."""
    if not type(module).__module__.startswith("torch.nn.modules.") or getattr(module, "max_norm", None) is not None:
        return False
    if module.training and module._buffers:
        return False
    return USUAL.issuperset(map(type, (*module._parameters.values(), *module._buffers.values())))


@once_a_trace
def _steps_of_torch(cls: type[torch.nn.Module]) -> frozenset[str] | None:
    """The methods that forward is made of; None where somebody has put another in the place of one of torch's."""
    found = {"forward"}
    waiting = ["forward"]
    while waiting:
        code = getattr(_method(cls, waiting.pop()), "__code__", None)
        if code is None or not is_machinery(code.co_filename):
            return None
        steps = {name for name in code.co_names if _is_method(cls, name)} - found
        found |= steps
        waiting.extend(steps)
    return frozenset(found)


def _is_method(cls: type, name: str) -> bool:
    """Whether a layer has a method of its own by a name; those of all modules share names with those of tensors."""
    method = _method(cls, name)
    return inspect.isroutine(method) and method is not _method(torch.nn.Module, name)


def _method(cls: type, name: str) -> Any:
    """What a class has by a name, as it is written there: a descriptor may refuse to be read from the class."""
    found = next((base.__dict__[name] for base in cls.__mro__ if name in base.__dict__), None)
    return getattr(found, "__func__", found)


def _decides_sizes(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a boolean mask, or a tensor of repeats, decides the shape of the result."""
    if name == "repeat_interleave":
        return isinstance(kwargs.get("repeats", args[-1] if args else None), torch.Tensor)
    if name != "getitem" or len(args) != 2:
        return False
    index = args[1] if isinstance(args[1], tuple) else (args[1],)
    return any(isinstance(item, torch.Tensor) and item.dtype in (torch.bool, torch.uint8) for item in index)
