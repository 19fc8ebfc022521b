"""Control flow as an operator, ``torch.cond`` and ``while_loop``: what they are handed is recorded once, all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch._ops import HigherOrderOperator

from pytest_nnviz.tracing.interception.foreign import Foreign

__all__ = ["CONTROL", "controlled"]


def controlled(foreign: Foreign, func: Any, args: Any, kwargs: Any) -> Callable[[], Any] | None:
    """How to run an operator of control flow with its functions recorded; None for every other function."""
    control = CONTROL.get(func.__name__) if isinstance(func, HigherOrderOperator) else None
    return None if control is None else lambda: control(foreign, *args, **kwargs)


def _cond(foreign: Foreign, pred: Any, true_fn: Any, false_fn: Any, operands: Any = ()) -> Any:
    """Both branches, then the choice: values decide which result is handed on, not which calls are recorded."""
    with foreign.recorder:
        yes, no = true_fn(*operands), false_fn(*operands)
        return foreign.call("cond", lambda: yes if _holds(pred) else no, (pred, yes, no))


def _while_loop(foreign: Foreign, cond_fn: Any, body_fn: Any, carried: Any, additional: Any = ()) -> Any:
    """The condition and the body of the first round, then the loop."""
    with foreign.recorder:
        goes_on, first = cond_fn(*carried, *additional), body_fn(*carried, *additional)

        def loop() -> Any:
            state, again = (first, True) if _holds(goes_on) else (carried, False)
            while again and not _is_meta(goes_on) and _holds(cond_fn(*state, *additional)):
                state = body_fn(*state, *additional)
            return state

        return foreign.call("while_loop", loop, (carried,), cond=goes_on, body=first)


def _is_meta(pred: Any) -> bool:
    return isinstance(pred, torch.Tensor) and pred.is_meta


def _holds(pred: Any) -> bool:
    return _is_meta(pred) or bool(pred)


CONTROL: dict[str, Callable[..., Any]] = {"cond": _cond, "while_loop": _while_loop}
