"""Tracing: the only part that imports torch; one forward pass of a model becomes an Architecture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pytest_nnviz.errors import MissingTorch
from pytest_nnviz.options import Options

if TYPE_CHECKING:
    from pytest_nnviz.architecture import Architecture
    from pytest_nnviz.tracing.session import Session

__all__ = ["open_session", "trace", "trace_with"]


def trace(model: Any, *args: Any, **kwargs: Any) -> Architecture:
    """Trace ``model(*args, **kwargs)`` and return its Architecture; the model comes back as it was.

    For other options: ``Options(mode="train").trace(model, ...)``.

    Args:
        model: a ``torch.nn.Module``.
        *args: what you would call the model with, tensors of any shape.
        **kwargs: likewise.

    Raises:
        MissingTorch: torch is not installed.
        TraceError: ``model`` is no module, or the arguments do not fit its forward.
        UnstableArchitecture: the graph changes from one forward pass to the next.
        Exception: whatever the model's forward raises, with a note that says where.
    """
    return trace_with(Options(), model, args, kwargs)


def trace_with(options: Options, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Architecture:
    """As `trace`, with options."""
    with open_session(options, model, args, kwargs) as session:
        return session.settle(session.run())


@contextmanager
def open_session(
    options: Options, model: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
) -> Iterator[Session]:
    """Keep the state of a model, hand out a session to trace it in, restore the state.

    Raises:
        MissingTorch: torch is not installed.
        TraceError: ``model`` is no module, or the arguments do not fit its forward.
    """
    try:
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingTorch(
            "pytest-nnviz traces with torch, which is not installed: pip install 'pytest-nnviz[torch]', or install "
            "the build of torch that fits your machine"
        ) from None
    from pytest_nnviz.tracing.session import open_session as opened

    with opened(options, model, args, kwargs) as session:
        yield session
