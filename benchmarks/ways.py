"""What is done to a model: the plain forward pass, the floor, this package, and its peers at their cheapest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from subjects import Subject
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["CHECK", "FLOOR", "PLAIN", "TRACE", "WAYS", "Way"]

Way = Callable[[Subject], Callable[[], object]]
PLAIN, FLOOR, TRACE, CHECK = "forward", "empty mode", "trace", "check"


class Through(TorchFunctionMode):
    """Calls what it is handed, and nothing else: what any trace in Python costs at least."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Called by torch for every function."""
        return func(*args, **(kwargs or {}))


def forward(subject: Subject) -> Callable[[], object]:
    """The plain forward pass."""

    def run() -> object:
        with torch.no_grad():
            return subject.model(*subject.args, **subject.kwargs)

    return run


def floor(subject: Subject) -> Callable[[], object]:
    """The forward pass under a mode that does nothing."""

    def run() -> object:
        with torch.no_grad(), Through():
            return subject.model(*subject.args, **subject.kwargs)

    return run


def trace(subject: Subject) -> Callable[[], object]:
    """One trace of this package: the model kept, recorded, handed back as it was."""
    from pytest_nnviz import Options
    from pytest_nnviz.tracing import open_session

    def run() -> object:
        with open_session(Options(), subject.model, subject.args, subject.kwargs) as session:
            return session.run()

    return run


def check(subject: Subject) -> Callable[[], object]:
    """What a passing test does: trace, text, comparison with the stored text."""
    from pytest_nnviz import Options, dumps
    from pytest_nnviz.checker import check

    options, given = Options(), (subject.model, subject.args, subject.kwargs)
    stored = dumps(options.trace(subject.model, *subject.args, **subject.kwargs))
    return lambda: check(options, *given, stored=stored, updates="nothing")


def torchinfo(subject: Subject) -> Callable[[], object]:
    """A table of layers, as text."""
    import torchinfo

    given = subject.kwargs or list(subject.args)
    return lambda: str(
        torchinfo.summary(subject.model, input_data=given, device=_device(subject), mode="eval", verbose=0)
    )


def torchview(subject: Subject) -> Callable[[], object]:
    """A graph of modules, as DOT; not drawn."""
    import torchview

    given = subject.kwargs or list(subject.args)
    return lambda: torchview.draw_graph(subject.model, input_data=given, device=_device(subject), mode="eval")


def torchlens(subject: Subject) -> Callable[[], object]:
    """A log of operations, no values saved."""
    import torchlens
    from torchlens.options import CaptureOptions

    options = CaptureOptions(structure_only=True)

    def run() -> object:
        with torch.no_grad():
            return torchlens.trace(subject.model, subject.args, subject.kwargs, capture=options)

    return run


def symbolic(subject: Subject) -> Callable[[], object]:
    """A graph without a forward pass and without shapes."""
    from torch import fx

    return lambda: fx.symbolic_trace(subject.model)


def export(subject: Subject) -> Callable[[], object]:
    """A graph of ATen operations."""
    from torch.export import export

    return lambda: export(subject.model, subject.args, subject.kwargs, strict=False)


def torchviz(subject: Subject) -> Callable[[], object]:
    """The graph of the backward pass as DOT, after a forward pass that records it; not drawn."""
    from torchviz import make_dot

    parameters = dict(subject.model.named_parameters())

    def run() -> object:
        result = subject.model(*subject.args, **subject.kwargs)
        return make_dot(tuple(tensor for tensor in _tensors(result) if tensor.requires_grad), params=parameters)

    return run


def _tensors(result: Any) -> Iterator[Tensor]:
    if isinstance(result, Tensor):
        yield result
    elif isinstance(result, dict):
        yield from _tensors(list(result.values()))
    elif isinstance(result, list | tuple):
        for item in result:
            yield from _tensors(item)


def _device(subject: Subject) -> torch.device:
    return next(subject.model.parameters()).device


WAYS: dict[str, Way] = {
    PLAIN: forward,
    FLOOR: floor,
    TRACE: trace,
    CHECK: check,
    "torchinfo": torchinfo,
    "torchview": torchview,
    "torchlens": torchlens,
    "fx": symbolic,
    "export": export,
    "torchviz": torchviz,
}
