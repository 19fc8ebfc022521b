"""Record what torch hands to no mode: the listener of the calls that `interception` wraps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import torch

from pytest_nnviz.architecture import Argument, Call
from pytest_nnviz.tracing.describing.values import object_spec, spec_of, tensors_among, tensors_in, to_value, walk
from pytest_nnviz.tracing.provenance.handover import Handover, says_it_writes

if TYPE_CHECKING:
    from pytest_nnviz.tracing.recorder import Recorder

__all__ = ["Foreign"]

_Run = Callable[[], Any]


class Foreign:
    """Runs each call, records it if a recording is on, and hands its result on."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.waiting: dict[type, Any] = {}  # autograd functions whose forward is wrapped, and what stands in the class

    def is_followed(self) -> bool:
        """Whether this is the thread that the trace follows: what others do meanwhile is left alone."""
        return threading.get_ident() == self.recorder.thread

    def call(self, name: str, run: _Run, operands: tuple[Any, ...], **shown: Any) -> Any:
        """One call; nothing inside of it is recorded."""
        if not self.recorder.is_recording():
            return run()
        arguments = self.recorder.as_spelled(name, operands, shown)
        writes = says_it_writes(name)
        return self.recorder.function(name, arguments, lambda *_, **__: run(), operands, shown, uncounted=writes)

    def around(self, name: str, run: _Run, operands: tuple[Any, ...]) -> Any:
        """A call around others that are recorded before it; what they gave is shown as ``forward=``."""
        if not self.recorder.is_recording():
            return run()
        handed = Handover(tensors_among(operands))
        result = run()
        with torch._C.DisableTorchFunction():
            known = all(self.recorder.origins.knows(tensor) for tensor in tensors_in(result))
            inside = {"forward": result} if known and result is not None else {}
            arguments = self.recorder.as_spelled(name, operands, inside)
            result = handed.with_identities(result, handed.written())
            self._write_down(name, arguments, result)
        return result

    def unseen(self, run: _Run, operands: Iterable[Any]) -> Any:
        """No call of the program: the tensors that it hands on are those that it was handed."""
        if not self.recorder.is_recording():
            return run()
        result = self.recorder.undisturbed("", run)
        for new, old in zip(tensors_in(result), tensors_in(operands), strict=False):
            self.recorder.origins.alias(new, old)
        return result

    def method(self, owner: Any, name: str, run: _Run, operands: tuple[Any, ...], **shown: Any) -> Any:
        """A method of a ScriptModule, under the name of the module."""
        if not self.recorder.is_recording():
            return run()
        scripted = (m for m in self.recorder.model.modules() if isinstance(m, torch.jit.ScriptModule))
        module = next((m for m in scripted if m._c == owner), None)
        if module is not None and (path := self.recorder.places.modules.get(id(module))) is not None:
            self.recorder.used.update(id(inner) for inner in module.modules())
            _, place = self.recorder.origins.locate(self.recorder.open_scope(), path)
            name = f"{place}.{name}" if place else name
        return self.call(name, run, operands, **shown)

    def swap(self, run: _Run, one: torch.Tensor, other: torch.Tensor) -> None:
        """Two tensors trade places; they trade back when the model is handed back."""
        self.recorder.origins.pin(one)
        self.recorder.origins.pin(other)
        recording = self.recorder.is_recording()
        arguments = self.recorder.as_spelled("swap_tensors", (one, other), {}) if recording else ()
        self.recorder.undisturbed("swap_tensors", run) if recording else run()
        self.recorder.keeper.after_swap(run)
        if recording:
            self._write_down("swap_tensors", arguments, (one, other))

    def _write_down(self, name: str, arguments: tuple[Argument, ...], result: Any) -> None:
        """Record a call that is over; its results go by its name from now on."""
        scope = self.recorder.open_scope()
        shown = to_value(result, spec_of, object_spec)
        nth = scope.add(Call("function", name, arguments, shown, source=self.recorder.source()))
        for path, leaf in walk(result):
            self.recorder.origins.name(leaf, scope, name, nth, path, fresh=True)
