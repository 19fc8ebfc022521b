"""What a process holds besides the model: random generators, defaults, flags of torch; kept, and put back."""

from __future__ import annotations

import gc
import random
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

__all__ = [
    "Restore",
    "all_of",
    "keep_generator",
    "keep_surroundings",
    "put_back",
    "quiet",
    "reseed",
    "same_randomness",
    "unvalidated",
    "watch_draws",
]

Restore = Callable[[], None]
_Setting = tuple[Callable[[], Any], Callable[[Any], Any]]

_DEVICES = ("cpu", "cuda", "mps", "xpu")
_BACKENDS = {
    "": ("fp32_precision",),
    "cuda.matmul": (
        "allow_tf32",
        "allow_fp16_accumulation",
        "allow_fp16_reduced_precision_reduction",
        "allow_bf16_reduced_precision_reduction",
        "fp32_precision",
    ),
    "cudnn": ("enabled", "benchmark", "benchmark_limit", "deterministic", "allow_tf32", "fp32_precision"),
    "cudnn.conv": ("fp32_precision",),
    "cudnn.rnn": ("fp32_precision",),
    "mkldnn": ("enabled", "deterministic", "allow_tf32", "fp32_precision"),
    "mkldnn.matmul": ("fp32_precision",),
    "mkldnn.conv": ("fp32_precision",),
    "mkldnn.rnn": ("fp32_precision",),
    "miopen": ("immediate",),
    "opt_einsum": ("enabled", "strategy"),
    "quantized": ("engine",),
}


def put_back(restores: Iterable[Restore]) -> list[str]:
    """Run every one of them, whether or not others fail; what went wrong.

    An interrupt is raised once all have run, the interrupted one again: they can be run twice.
    """
    failures: list[str] = []
    interrupt: BaseException | None = None
    for restore in restores:
        try:
            try:
                restore()
            except KeyboardInterrupt as error:
                interrupt = error
                restore()
        except Exception as error:
            failures.append(f"{type(error).__name__}: {error}")
    if interrupt is not None:
        raise interrupt
    return failures


def all_of(put: Callable[..., object], kept: list[tuple[Any, ...]]) -> list[Restore]:
    """Many things of one kind as one, of which each is put back whether or not others fail; none where there are none.

    A closure for each would be ten objects that the collector looks through.
    """

    def restore() -> None:
        errors: list[Exception] = []
        for each in kept:
            try:
                put(*each)
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    return [restore] if kept else []


def keep_surroundings() -> list[Restore]:
    """How to put the state of the process back, what matters to everybody first."""
    with quiet():
        return [_randomness(), *(restore for setting in _settings() for restore in _keep_setting(*setting))]


def _keep_setting(read: Callable[[], Any], write: Callable[[Any], Any]) -> Iterator[Restore]:
    value = _read(read)
    if value is not _UNKNOWN:
        yield lambda: None if _read(read) == value else write(value)


@contextmanager
def quiet() -> Iterator[None]:
    """Settings that are read or set say which of them are deprecated: nothing that the user could mend here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


_UNKNOWN = object()


def _read(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (AttributeError, RuntimeError):  # not in this build or release of torch, or spelled in its other way
        return _UNKNOWN


def _settings() -> Iterator[_Setting]:
    backends: Any = torch.backends
    yield torch.get_default_dtype, torch.set_default_dtype
    yield _default_device, _set_default_device
    yield torch.get_num_threads, torch.set_num_threads
    yield torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode
    yield torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
    yield torch.is_warn_always_enabled, torch.set_warn_always
    yield _anomalies, lambda modes: torch.set_anomaly_enabled(*modes)
    yield torch.backends.mha.get_fastpath_enabled, torch.backends.mha.set_fastpath_enabled
    yield torch.sparse.check_sparse_tensor_invariants.is_enabled, _check_sparse
    yield from _autocast()
    yield from _attention_kernels()
    for path, names in _BACKENDS.items():
        owner = backends
        for part in filter(None, path.split(".")):
            owner = getattr(owner, part, None)
        yield from (_attribute(owner, name) for name in names)
    yield _attribute(torch.utils.deterministic, "fill_uninitialized_memory")
    yield sys.getrecursionlimit, sys.setrecursionlimit
    yield gc.isenabled, lambda enabled: gc.enable() if enabled else gc.disable()
    yield gc.get_threshold, lambda threshold: gc.set_threshold(*threshold)


def _default_device() -> torch.device:
    try:
        return torch.get_default_device()
    except AttributeError:  # torch before 2.7, once it was set to None
        return torch.device("cpu")


def _set_default_device(device: torch.device) -> None:
    torch.set_default_device(None)
    held = getattr(torch, "_GLOBAL_DEVICE_CONTEXT", None)
    if getattr(held, "device_context", held) is None and held is not None:
        del held.device_context  # as it was before anybody set one: where it is None, torch before 2.7 cannot read it
    if _default_device() != device:
        torch.set_default_device(device)


def _anomalies() -> tuple[bool, bool]:
    return torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()


def _check_sparse(enabled: bool) -> None:
    check: Any = torch.sparse.check_sparse_tensor_invariants
    check.enable() if enabled else check.disable()


def _autocast() -> Iterator[_Setting]:
    yield torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled
    for device in _DEVICES:
        yield (
            lambda device=device: torch.is_autocast_enabled(device),  # type: ignore[misc]
            lambda enabled, device=device: torch.set_autocast_enabled(device, enabled),  # type: ignore[misc]
        )
        yield (
            lambda device=device: torch.get_autocast_dtype(device),  # type: ignore[misc]
            lambda dtype, device=device: torch.set_autocast_dtype(device, dtype),  # type: ignore[misc]
        )


def _attention_kernels() -> Iterator[_Setting]:
    cuda = torch.backends.cuda
    yield cuda.flash_sdp_enabled, cuda.enable_flash_sdp
    yield cuda.mem_efficient_sdp_enabled, cuda.enable_mem_efficient_sdp
    yield cuda.math_sdp_enabled, cuda.enable_math_sdp
    yield cuda.cudnn_sdp_enabled, cuda.enable_cudnn_sdp


def _attribute(owner: Any, name: str) -> _Setting:
    return lambda: getattr(owner, name), lambda value: setattr(owner, name, value)


def keep_generator(thing: Any) -> Iterator[Restore]:
    """Random generators that a model or its inputs hold."""
    if isinstance(thing, torch.Generator):
        state = thing.get_state()
        yield lambda: _discard(thing.set_state(state))
    elif isinstance(thing, random.Random):
        numbers = thing.getstate()
        yield lambda: thing.setstate(numbers)
    elif type(thing).__module__.startswith("numpy.random"):
        if hasattr(thing, "set_state"):
            words = thing.get_state()
            yield lambda: thing.set_state(words)
        bits = getattr(thing, "bit_generator", thing)
        if hasattr(bits, "state"):
            inner = bits.state
            yield lambda: setattr(bits, "state", inner)


def _discard(_: object) -> None:
    """For calls whose result does not matter."""


def _randomness() -> Restore:
    """Put every global random generator back."""
    cpu = torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None  # type: ignore[no-untyped-call]
    mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None
    python = random.getstate()
    numpy = sys.modules.get("numpy")
    numbers = numpy.random.get_state() if numpy is not None else None

    def restore() -> None:
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
        if mps is not None:
            torch.mps.set_rng_state(mps)
        random.setstate(python)
        if numpy is not None:
            numpy.random.set_state(numbers)

    return restore


@contextmanager
def same_randomness() -> Iterator[None]:
    """Start from the same random state each time."""
    restore = _randomness()
    try:
        yield
    finally:
        put_back([restore])


def reseed(seed: int) -> None:
    """Other random numbers from Python and numpy, if it is loaded."""
    random.seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed)


def watch_draws() -> Callable[[], list[str]]:
    """Who, asked later, has handed out random numbers since: Python, numpy."""
    before = _generators()
    return lambda: [name for name, state in _generators().items() if before.get(name, state) != state]


def _generators() -> dict[str, Any]:
    states: dict[str, Any] = {"Python": random.getstate()}
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        kind, key, *rest = numpy.random.get_state()
        states["numpy"] = (kind, key.tobytes(), *rest)
    return states


@contextmanager
def unvalidated() -> Iterator[None]:
    """Distributions check their arguments by calls of torch, but not under ``python -O``: they do not here."""
    restores = list(_keep_setting(*_attribute(torch.distributions.Distribution, "_validate_args")))
    try:
        torch.distributions.Distribution._validate_args = False
        yield
    finally:
        put_back(restores)
