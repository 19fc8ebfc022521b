"""What a change means for those who use the model: rules by the names of torch."""

from __future__ import annotations

import re

from pytest_nnviz.architecture import Call, Literal, Module

__all__ = [
    "BREAKS",
    "COSMETIC",
    "COST",
    "FUNCTION",
    "TRAINING",
    "of_argument",
    "of_call",
    "of_config",
    "of_mark",
    "of_module",
    "worst",
]

BREAKS = "breaks checkpoints"
FUNCTION = "changes the function"
TRAINING = "training only"
COST = "changes the cost"
COSMETIC = "cosmetic"

_ORDER = (BREAKS, FUNCTION, TRAINING, COST, COSMETIC)

_DROPOUT = re.compile(r"(^|_)drop($|_|out|path|rate|prob)|dropout|drop_?path", re.IGNORECASE)
_TRAINING_ARGUMENTS = frozenset({"training", "momentum", "label_smoothing", "initializer_range", "init_std"})
_COSMETIC_ARGUMENTS = frozenset({"inplace", "device", "non_blocking", "memory_format"})
_TRAINING_CALLS = frozenset(
    {"detach", "detach_", "requires_grad_", "checkpoint", "enter_inference_mode", "exit_inference_mode"}
)
_COSMETIC_CALLS = frozenset({"clone", "contiguous", "alias"})
_COSMETIC_MODULES = frozenset({"Identity"})


def worst(consequences: list[str]) -> str:
    """The one that matters most; ``cosmetic`` for none."""
    return min(consequences, key=_ORDER.index, default=COSMETIC)


def of_config(class_name: str, argument: str) -> str:
    """Of another value of a constructor argument."""
    if argument == "p" and "drop" in class_name.lower():
        return TRAINING
    return of_argument(argument)


def of_argument(name: str) -> str:
    """Of another value of an argument, by its name; a name that says nothing may decide the function."""
    if name in _TRAINING_ARGUMENTS or _DROPOUT.search(name) or name.startswith("init_"):
        return TRAINING
    return COSMETIC if name in _COSMETIC_ARGUMENTS else FUNCTION


def of_module(module: Module) -> str:
    """Of a module without parameters that appears, goes, or becomes another."""
    if module.class_name in _COSMETIC_MODULES or "never called" in module.marks:
        return COSMETIC
    return TRAINING if _DROPOUT.search(module.class_name) and not module.children else FUNCTION


def of_call(call: Call, module: Module | None) -> str:
    """Of a call that appears or goes; ``module`` is the one called, if that is known."""
    if module is not None:
        return of_module(module)
    name = call.target.rpartition(".")[2]
    if name in _TRAINING_CALLS or _DROPOUT.search(name) or _switches_gradients_off(call):
        return TRAINING
    return COSMETIC if name in _COSMETIC_CALLS else FUNCTION


def _switches_gradients_off(call: Call) -> bool:
    """As at both ends of ``torch.no_grad()``; to switch them on is for what takes gradients in forward."""
    return call.target == "set_grad_enabled" and [argument.value for argument in call.args] == [Literal("False")]


def of_mark(mark: str, mode: str) -> str:
    """Of a remark that a module has gained or lost in a model that was traced in ``mode``."""
    if mark in ("eval", "train"):
        return TRAINING if mode == "train" else FUNCTION
    if mark in ("never called", "gradient hook"):  # its parameters get no gradient, or another
        return TRAINING
    if mark in ("extra state", "save hook"):  # a key that a strict load misses, or does not expect
        return BREAKS
    return FUNCTION  # a load hook: what a checkpoint becomes
