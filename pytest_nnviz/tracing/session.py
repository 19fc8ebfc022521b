"""Trace a model as often as it takes, and hand it back as it was."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

from pytest_nnviz.architecture import Architecture, is_within, join
from pytest_nnviz.errors import TraceError, UnmatchedPatternWarning, UnstableArchitecture, UntrackedTensorWarning, warn
from pytest_nnviz.options import OPTIONS, Options
from pytest_nnviz.patterns import ProjectPattern
from pytest_nnviz.progress import doing
from pytest_nnviz.textformat import dumps, say_the_same, without_comments
from pytest_nnviz.tracing.calls.binding import entry_point
from pytest_nnviz.tracing.cost import counting, refused_by_counter
from pytest_nnviz.tracing.describing.distributions import versions_of
from pytest_nnviz.tracing.describing.modules import Held, describe, held_by
from pytest_nnviz.tracing.describing.places import Places, modules_of, unwrap
from pytest_nnviz.tracing.describing.values import is_uninitialized, walk
from pytest_nnviz.tracing.frames import is_machinery
from pytest_nnviz.tracing.keeping.caching import clear_caches, once_a_trace
from pytest_nnviz.tracing.keeping.holdings import children_in_place
from pytest_nnviz.tracing.keeping.keeper import Keeper, Watch
from pytest_nnviz.tracing.keeping.leftovers import Leftovers
from pytest_nnviz.tracing.keeping.surroundings import reseed, same_randomness, unvalidated, watch_draws
from pytest_nnviz.tracing.keeping.tables import Tables
from pytest_nnviz.tracing.layers import Layers, layers_of
from pytest_nnviz.tracing.observing import Observer
from pytest_nnviz.tracing.recorder import Recorder, matches
from pytest_nnviz.tracing.substitution import OnMeta, Replace, copy_inputs, perturbed, substituted, to_meta

__all__ = ["Session", "open_session"]

Begin = Callable[[], None]

_ACTIVE = threading.Lock()
_MAX_RUNS = 5
_MAX_FRAMES = 9000
_SEEDS = (1, 2, 3, 4, 5, 6, 7, 8)
_RARE = (1751, 1470)  # first draws of Python and numpy near one end or the other: what happens one time in ten does
_WAYS_OUT = (
    'pin them and say values="fixed" (a seed, a checkpoint, fixed inputs), make the part that decides opaque, '
    "or pin modules and parameters alone with forward=False"
)
_HOLDS_ITSELF = (
    "{} is {}, which holds it: {}() of torch never comes to an end. Set the modes of its modules and pass "
    'mode="as-is", or hold the outer module where it is not registered (in a list, by a weakref)'
)


@contextmanager
def open_session(
    options: Options, model: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
) -> Iterator[Session]:
    """Keep the state of a model, hand out a `Session` to trace it, restore the state.

    Raises:
        TraceError: ``model`` is no module, the arguments do not fit its forward, or another trace is running.
    """
    module = _checked(options, model, args, kwargs or {})
    with _alone():
        session = Session(options, module, args, kwargs or {})
        try:
            session.prepare()
            yield session
        finally:
            session.restore()
            clear_caches()
    for pattern in session.unmatched():
        warn(
            f"opaque={pattern!r} matches nothing in {type(module).__name__}: give the path of a module in the model "
            "('layers.*.attn') or of its class ('timm.layers.*'), or leave it out",
            UnmatchedPatternWarning,
        )
    for message, filename, line in sorted(session.untracked):
        warnings.warn_explicit(message, UntrackedTensorWarning, filename, line)


@contextmanager
def _alone() -> Iterator[None]:
    """One trace at a time: it changes what all threads share, the model above all."""
    if not _ACTIVE.acquire(blocking=False):
        raise TraceError("another trace is running in this process: trace one model at a time")
    try:
        yield
    finally:
        _ACTIVE.release()


class Session:
    """A model with its inputs, ready to be traced; made by `open_session`."""

    def __init__(self, options: Options, model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.options = options
        self.model = model
        self.args = args
        self.kwargs = kwargs
        inputs = [leaf for _, leaf in walk((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        self.inputs = inputs
        self.keeper = Keeper(model, (args, kwargs), gradients=options.grad)
        self.on_meta = options.device == "meta" or _lives_on_meta(model)
        self.meta = to_meta() if self.on_meta else None
        self.reads: list[str] = []
        self.draws: list[str] = []
        self.matched: set[str] = set()
        self.keep_hooks = False
        self.sources = False
        self.observes = False
        self.observer: Observer | None = None
        self.tables: Tables | None = None
        self.leftovers: Leftovers | None = None
        self.untracked: set[tuple[str, str, int]] = set()

    def prepare(self) -> None:
        """Put the model into the mode of the trace, as its author has it done: some freeze or merge parts.

        Raises:
            TraceError: a lazy model on the meta device has no shapes yet; a module that holds itself has no end for
                ``train`` and ``eval``.
            Exception: what the model's ``train`` or ``eval`` raises.
        """
        if self.on_meta and any(is_uninitialized(parameter) for parameter in self.model.parameters()):
            raise TraceError("a lazy model has no shapes to trace on the meta device: call the model once first")
        if self.options.mode != "as-is":
            with Watch(self.keeper):
                try:
                    _put(self.model, training=self.options.mode == "train")
                except RecursionError:
                    if (circle := _circle(self.model)) is not None:
                        raise TraceError(_HOLDS_ITSELF.format(*circle, self.options.mode)) from None
                    raise

    def restore(self) -> None:
        """Hand the model back as it was; of tensors that stood for its own, none is left anywhere."""
        try:
            self.keeper.restore()
        finally:
            if self.meta is not None:
                self.meta.let_go()
            if self.leftovers is not None:
                self.leftovers.clear()

    def _watch_leftovers(self, replace: Replace) -> None:
        if self.leftovers is not None:
            self.leftovers.watch(replace.made())

    def unmatched(self) -> list[str]:
        """The patterns of ``opaque`` that name no module; those of the whole project may."""
        asked = set(self.options.opaque) - self.matched if self.options.forward else set()
        if not asked:
            return []
        found = {p for path, module in self.model.named_modules() for p in matches(asked, module, path)}
        return sorted(pattern for pattern in asked - found if not isinstance(pattern, ProjectPattern))

    def run(self) -> Architecture:
        """Trace once: one forward pass (none with ``forward=False``), with what earlier passes left in caches.

        Raises:
            TraceError: the forward pass cannot run on meta tensors, or inputs and model are on different devices.
            Exception: what the model's forward raises, with a note that says where.
        """
        if not self.options.forward:
            return self._architecture(None, {})
        return self._watched(self.meta) if self.on_meta else self._record(None)

    def layers(self) -> Layers:
        """The rows of a table of layers: one forward pass, none with ``forward=False``.

        Raises:
            As `run`.
        """
        self.observes = True
        return self._observed(self.run())

    def other_layers(self) -> Iterator[Layers]:
        """The rows of passes with other values in floating weights and inputs, and with other random numbers.

        As many as `check_values` makes; those that raise, as the model does not take the values, are left out.
        """
        if not self.options.forward or self.options.values == "fixed":
            return
        reads = bool(self.reads)
        ways = [(self.meta, functools.partial(reseed, seed)) for seed in (*_RARE, *_SEEDS) if self.draws]
        if not self.on_meta:
            seeds = _SEEDS if reads else _SEEDS[:1]
            ways += [(perturbed(seed), functools.partial(_reseed_all, seed)) for seed in seeds]
        for replace, begin in ways:
            try:
                layers = self._observed(self._watched(replace, begin))
            except Exception:  # values that the model does not take, such as no probabilities: they say nothing
                continue
            yield layers

    def _observed(self, architecture: Architecture) -> Layers:
        self.untracked.clear()  # edges are no part of a table
        return layers_of(self.model, architecture.mode, None if self.observer is None else self.observer.calls())

    def settle(self, first: Architecture, stored: str | None = None) -> Architecture:
        """Trace again until two traces in a row agree: cached tables computed anew, what modules hold filled.

        Args:
            first: the trace before.
            stored: a text of a trace that was settled: one that says the same is as well.

        Returns:
            The last trace, with the lines of its calls and the versions of what it was made with.

        Raises:
            UnstableArchitecture: they never do.
        """
        return self.versioned(self._settled(first, stored) if self.options.forward else first)

    def versioned(self, architecture: Architecture) -> Architecture:
        """A trace with the versions of what it was made with."""
        return dataclasses.replace(architecture, versions=versions_of(self.model))

    def _settled(self, first: Architecture, stored: str | None) -> Architecture:
        self.sources = True  # these passes are worded or written: they may say where each call stands
        before = dumps(first)
        for _ in range(_MAX_RUNS):
            architecture = self._watched(self.meta)
            text = dumps(architecture)
            if text == before or say_the_same(text, stored):
                return architecture
            before, last = text, before
        raise UnstableArchitecture(
            f"the graph changes from one forward pass to the next; {_first_difference(last, before)}. "
            "A snapshot of it would be a coincidence: make the part that changes opaque, or pin modules and "
            "parameters alone with forward=False"
        )

    def check_values(self, settled: Architecture) -> None:
        """Trace with other values in the floating weights and inputs.

        Raises:
            UnstableArchitecture: the graph differs; with the first line that does and the calls that read values.
        """
        if not self.options.forward or self.options.values == "fixed":
            return
        expected = dumps(dataclasses.replace(settled, versions=()))
        if self.draws:
            self._check_draws(expected)
        if self.on_meta:
            return
        reads = sorted(set(self.reads))
        for seed in _SEEDS if reads else _SEEDS[:1]:
            try:
                text = dumps(self._watched(perturbed(seed), functools.partial(_reseed_all, seed)))
            except Exception:  # values that the model does not take, such as no probabilities: they say nothing
                continue
            if text != expected:
                raise UnstableArchitecture(self._values_decide(_first_difference(expected, text), reads))

    def _check_draws(self, expected: str) -> None:
        """Trace with other random numbers of Python and numpy: no call of torch says that they are read."""
        drawn = " and ".join(self.draws)
        for seed in (*_RARE, *_SEEDS):
            text = dumps(self._watched(self.meta, functools.partial(reseed, seed)))
            if text != expected:
                raise UnstableArchitecture(
                    f"random numbers of {drawn} decide the graph of {type(self.model).__name__}: with another seed, "
                    f"{_first_difference(expected, text)}. A snapshot would change with the seed: {_WAYS_OUT}"
                )

    def _values_decide(self, difference: str, reads: list[str]) -> str:
        by = f" (values are read by {'; '.join(reads)})" if reads else ""
        return (
            f"values of weights or inputs decide the graph of {type(self.model).__name__}{by}: with other values, "
            f"{difference}. A snapshot would change with the seed: {_WAYS_OUT}"
        )

    def _watched(self, replace: Replace | None, begin: Begin | None = None) -> Architecture:
        """One recorded forward pass that computes the tables that functions cache, and leaves none."""
        self.tables = self.tables or Tables()
        with self.tables:
            return self._record(replace, begin)

    def _record(self, replace: Replace | None, begin: Begin | None = None) -> Architecture:
        """One recorded forward pass, with replacements for the model's tensors if there are any."""
        with ExitStack() as stack:
            stack.enter_context(same_randomness())
            stack.enter_context(unvalidated())
            if begin is not None:
                begin()
            if replace is not None:
                self.leftovers = self.leftovers or Leftovers(self.model)
                stack.callback(self._watch_leftovers, replace)
                stack.enter_context(substituted(self.model, replace, buffers=self.on_meta))
            if self.meta is not None:
                stack.enter_context(torch.device("meta"))
                stack.enter_context(OnMeta(self.meta))
            stack.callback(self.keeper.restore_inputs)
            args, kwargs = copy_inputs((self.args, self.kwargs), replace or (lambda tensor: tensor), self.model)
            stack.enter_context(_deep_recursion())
            if "torch._dynamo" in sys.modules:  # functions that the author compiled run as they are written
                stack.enter_context(torch.compiler.set_stance("force_eager"))
            stack.enter_context(torch.enable_grad() if self.options.grad else torch.no_grad())
            modules = modules_of(self.model)
            before = held_by(modules)
            self.observer = Observer(self.model) if self.observes else None
            recorder = Recorder(
                self.model,
                self.options.opaque,
                self.keeper,
                hooks=self.keep_hooks,
                sources=self.sources,
                leftovers=None if replace is None else self.leftovers,
                observer=self.observer,
            )
            stack.callback(recorder.let_go)
            put_back = children_in_place(modules)
            drawn = watch_draws()
            flops = stack.enter_context(counting()) if self.options.flops else None
            with doing(f"tracing {type(self.model).__name__}", recorder.call_count):
                self._forward(recorder, args, kwargs)
            cost = None if flops is None else flops()
            self.draws = drawn()
            put_back()
            if not recorder.origins.lost:
                self.reads = recorder.reads
                self.matched |= recorder.matched
                self.untracked.update(recorder.untracked)
                return dataclasses.replace(self._architecture(recorder, before), flops=cost)
        self.keep_hooks = True  # what a hook computed is used later: it does more than observe
        return self._record(replace, begin)

    def _forward(self, recorder: Recorder, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            recorder.forward(args, kwargs)
        except TraceError:
            raise
        except Exception as error:
            explained = self._explain(error, recorder)
            if explained is not None:
                raise explained from error
            error.add_note(_note(recorder))
            raise

    def _explain(self, error: Exception, recorder: Recorder) -> TraceError | None:
        """Errors that the way of tracing caused, in words of our own."""
        if self.options.flops and refused_by_counter(error):
            return TraceError(_not_counted(error, recorder))
        if self.on_meta:
            return TraceError(_stopped_on_meta(error, recorder))
        devices = {str(parameter.device) for parameter in self.model.parameters()}
        others = {str(tensor.device) for tensor in self.inputs} - devices
        if others and len(devices) == 1:
            return TraceError(
                f"inputs are on {', '.join(sorted(others))}, the model on {devices.pop()}: move one of them, "
                f'or trace with device="meta" ({type(error).__name__}: {error})'
            )
        return None

    def _architecture(self, recorder: Recorder | None, before: Held) -> Architecture:
        places = Places.registered(self.model)  # anew: forward may have swapped modules
        training = {"eval": False, "train": True}.get(self.options.mode, self.model.training)
        used = None if recorder is None else recorder.used_modules()
        return Architecture(
            mode="train" if training else "eval",
            root=describe(self.model, places, used, training, before),
            inputs=() if recorder is None else recorder.inputs,
            forward=None if recorder is None else recorder.body,
        )


def _reseed_all(seed: int) -> None:
    torch.manual_seed(seed)
    reseed(seed)


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """Room for our frames between those of nested modules: what runs untraced runs traced.

    Never more than the stack of a thread holds: a forward that calls itself for ever has to end in an error.
    """
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, min(3 * limit, _MAX_FRAMES)))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def _checked(options: Options, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.nn.Module:
    if isinstance(model, type):
        raise TraceError(f"got the class {model.__name__}, not a model: make an instance, {model.__name__}(...)")
    if not isinstance(model, torch.nn.Module):
        raise TraceError(
            f"got a {type(model).__name__}, not a torch.nn.Module: pass the model first; a function goes into a module"
        )
    if not hasattr(model, "_modules"):
        raise TraceError(f"{type(model).__name__} is no module yet: its __init__ has to call super().__init__() first")
    module = unwrap(model)
    _refuse_fake_mode(module, args, kwargs)
    if options.forward:
        _check_arguments(module, args, kwargs)
    elif args or kwargs:
        raise TraceError("forward=False pins modules and parameters alone: leave the inputs out")
    return module


def _refuse_fake_mode(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse a mode that makes fake tensors of all that torch is handed: what is put back would have no values."""
    if all(type(mode).__name__ != "FakeTensorMode" for mode in _get_current_dispatch_mode_stack()):
        return
    given = (leaf for _, leaf in walk((args, kwargs)) if isinstance(leaf, torch.Tensor))
    if any(type(tensor).__name__ != "FakeTensor" for tensor in (*module.parameters(), *module.buffers(), *given)):
        raise TraceError(
            f"a FakeTensorMode is active, and {type(module).__name__} or its inputs have values that would be lost in "
            'it: trace outside of it, with device="meta" for shapes alone'
        )


def _check_arguments(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    for thing in (*args, *kwargs.values()):
        if isinstance(thing, Iterator):
            raise TraceError(
                f"an input is a {type(thing).__name__}, which one forward pass uses up, and a trace takes several: "
                "pass a list, list(...)"
            )
    try:
        signature = inspect.signature(entry_point(module), follow_wrapped=False)
    except (TypeError, ValueError):  # forward of a ScriptModule, or written in C
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        name = type(module).__name__
        meant = [f"{key}={value!r}" for key, value in kwargs.items() if _is_option(key)]
        if meant and (key := meant[0].partition("=")[0]) not in signature.parameters:
            fixture = next(kind.fixture for kind, options in OPTIONS.items() if key in options.names())
            scripts = f", in scripts Options({meant[0]}).trace(model, ...)" if key in Options.names() else ""
            raise TraceError(
                f"{name}.forward{signature} takes no {key!r}: if the option is meant, "
                f"{fixture}.using({meant[0]})(model, ...){scripts}"
            ) from None
        if copied := _TORCHINFO.intersection(kwargs):
            raise TraceError(
                f"{name}.forward{signature} takes no {min(copied)!r}, which is torchinfo's: pass the tensors "
                "themselves, (model, torch.zeros(1, 4))"
            ) from None
        raise TraceError(
            f"{name}.forward{signature} does not take {_counted(args, kwargs)} ({error}): pass what you would call the "
            "model with, (model, ...), or leave the inputs out with .using(forward=False)(model)"
        ) from None


_TORCHINFO = frozenset({"input_size", "input_data", "batch_dim", "dtypes"})


def _counted(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """How many arguments there are, and the names of those that have one."""
    named = f" ({', '.join(kwargs)})" if kwargs else ""
    return f"{len(args)} positional and {len(kwargs)} keyword arguments{named}"


def _is_option(key: str) -> bool:
    return any(key in options.names() for options in OPTIONS.values())


def _put(module: torch.nn.Module, *, training: bool) -> None:
    """Call ``train`` or ``eval`` of a model; the exported programs in it keep the mode in which they were exported."""
    if all(inner.training is training and _only_sets_mode(inner) for inner in modules_of(module)):
        return
    try:
        module.train() if training else module.eval()
    except NotImplementedError:
        for child in module.children():
            _put(child, training=training)


def _circle(model: torch.nn.Module) -> tuple[str, str] | None:
    """A place within a module that holds that module again, and which one; None where there is none."""
    places = {id(module): path for path, module in model.named_modules()}
    for path, module in model.named_modules():
        for name, child in module.named_children():
            outer = places[id(child)]
            if is_within(path, outer):
                return join(path, name), f"the module {outer}" if outer else "the model itself"
    return None


def _only_sets_mode(module: torch.nn.Module) -> bool:
    """Whether ``train`` and ``eval`` of a module are torch's: they change nothing where the mode is set."""
    return _class_only_sets_mode(type(module)) and module.__dict__.keys().isdisjoint(("train", "eval"))


@once_a_trace
def _class_only_sets_mode(cls: type[torch.nn.Module]) -> bool:
    plain = torch.nn.Module
    return cls.train is plain.train and cls.eval is plain.eval and cls.__setattr__ is plain.__setattr__


def _lives_on_meta(model: torch.nn.Module) -> bool:
    """Whether all parameters are on the meta device; one that is not makes it a model that runs on real tensors."""
    parameters = torch.nn.Module.parameters(model)
    first = next(parameters, None)
    return first is not None and first.is_meta and all(parameter.is_meta for parameter in parameters)


def _first_difference(old: str, new: str) -> str:
    """The first line of the graph that differs; one of the modules only if none does, as it says less."""
    before, after = without_comments(old).split("\n"), without_comments(new).split("\n")
    graph, other = (lines.index("[graph]") if "[graph]" in lines else 0 for lines in (before, after))
    for skip, skipped in ((graph, other), (0, 0)):
        for number, (a, b) in enumerate(zip(before[skip:], after[skipped:], strict=False), 1 + skipped):
            if a != b:
                return f"line {number} of the text is {b.strip()!r} instead of {a.strip()!r}{_within(after, number)}"
    return f"it has {len(after)} lines instead of {len(before)}"


def _within(lines: list[str], number: int) -> str:
    """In which module call a line of the graph stands: the calls that it is indented below."""
    depth, calls = _depth(lines[number - 1]), list[str]()
    for line in reversed(lines[: number - 1]):
        if line and _depth(line) < depth:
            depth = _depth(line)
            calls.append(line.strip().partition("(")[0])
    return f" (in {' > '.join(reversed(calls))})" if calls else ""


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _note(recorder: Recorder) -> str:
    failure = recorder.failure
    if failure is None:
        return "pytest-nnviz: raised by the forward pass before any module was called"
    calls = "".join(f"\n  after {call}" for call in failure.calls)
    handed = f", which was handed {failure.handed}" if failure.handed else ""
    return f"pytest-nnviz: raised in {failure.module or 'the model itself'}{handed}{calls}"


def _stopped_on_meta(error: Exception, recorder: Recorder) -> str:
    return (
        f"cannot go on without values on the meta device: {_stopped_at(error, recorder)}. Ways out: "
        'device="as-is" with real weights, an input that avoids it, opaque=(...) around it, or forward=False'
    )


def _not_counted(error: Exception, recorder: Recorder) -> str:
    return (
        f"FLOPs of nested tensors cannot be counted, as torch's own counter does not run on them: "
        f"{_stopped_at(error, recorder)}. Ways out: flops=False, or an input that is padded instead of nested"
    )


def _stopped_at(error: Exception, recorder: Recorder) -> str:
    """Which call, in which module, on which line of the user, with the beginning of what was raised."""
    failure = recorder.failure
    call = f"{failure.function}(...) in" if failure and failure.function else "the forward pass of"
    module = (failure.module if failure else "") or "the model itself"
    said = str(error).splitlines()[0] if str(error) else "no message"
    return f"{call} {module} at {_user_line(error)} ({type(error).__name__}: {said})"


def _user_line(error: Exception) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not is_machinery(frame.filename)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown line"
