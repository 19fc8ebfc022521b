"""Whether a checkpoint loads into a model, which keys are in the way, and which were only renamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pytest_nnviz.architecture import Module, TensorSpec
from pytest_nnviz.drift.data import Drift
from pytest_nnviz.drift.nesting import nested_keys
from pytest_nnviz.drift.pairs import join
from pytest_nnviz.drift.statedict import Entry, registered, state_dict, tensors_saved
from pytest_nnviz.drift.tensors import fits

__all__ = ["Loading", "Respec", "Saved", "apply_renames", "checkpoint", "load"]

_COUNTED = {"running_mean", "running_var", "num_batches_tracked"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Respec:
    """A key whose tensor is another in the checkpoint than in the model."""

    key: str
    saved: TensorSpec
    expected: TensorSpec


@dataclass(frozen=True, slots=True)
class Loading:
    """What a strict ``load_state_dict`` says about a checkpoint, and what would help.

    Attributes:
        missing: keys that the model expects and the checkpoint lacks.
        unexpected: keys that the checkpoint holds and the model does not expect.
        reshaped: keys of another shape, or of another kind of tensor.
        retyped: keys of another dtype alone; loading casts them.
        hooks: what of the author's own decides about keys, and is not known: ``load hook of encoder``.
        certain: whether keys differ that no hook decides about.
        renames: old key -> new key of what was renamed or moved; see `apply_renames`.
        renamed: what is said once the renames are applied; None where there are none.
    """

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    reshaped: tuple[Respec, ...] = ()
    retyped: tuple[Respec, ...] = ()
    hooks: tuple[str, ...] = ()
    certain: bool = False
    renames: Mapping[str, str] = field(default_factory=dict)
    renamed: Loading | None = None

    @property
    def strict(self) -> str:
        """Whether it loads strictly: ``yes``, ``no``, or ``not verified`` where a hook decides."""
        if self.certain:
            return "no"
        return "not verified" if self.hooks else "yes"


@dataclass(frozen=True, slots=True)
class Saved:
    """What a checkpoint holds.

    Attributes:
        entries: its keys.
        counted: paths of the batch norms that it holds the version of, as torch's own pickled state dicts do; for
            others a missing count of batches is filled in by torch.
        hooks: (path, mark) of the modules that it was saved from whose hooks decide about their keys.
    """

    entries: Mapping[str, Entry]
    counted: frozenset[str] = frozenset()
    hooks: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, root: Module) -> Saved:
        """The state dict of a model."""
        counted = (module.path for module in registered(root) if _counts(module.module))
        return cls(state_dict(root), frozenset(counted), frozenset(_hooks(root)))


def checkpoint(drift: Drift) -> Loading:
    """Whether ``old.state_dict()`` loads into the new model, and the map of what was only renamed.

    The map is ready for loading code: ``{renames.get(key, key): value for key, value in state.items()}``, or
    `apply_renames` where keys were removed too.
    """
    saved = Saved.of(drift.old.root)
    found = load(saved, drift.new.root)
    homes = _Homes(drift)
    renames = {
        join(module.path, name): join(module.goes, homes.tensor(module.goes, name))
        for module in registered(drift.old.root, homes.module)
        for name in tensors_saved(module)
    }
    new = state_dict(drift.new.root)
    renames = {key: place for key, place in renames.items() if place in new}
    taken = set(renames.values())
    left = {key: entry for key, entry in saved.entries.items() if key not in renames}
    renames |= nested_keys(left, {key: entry for key, entry in new.items() if key not in taken})
    renames = {key: place for key, place in renames.items() if key != place}
    if not renames:
        return found
    hooks = frozenset((homes.module(path), mark) for path, mark in saved.hooks)
    moved = Saved(apply_renames(saved.entries, renames), hooks=hooks)
    return replace(found, renames=renames, renamed=load(moved, drift.new.root))


def apply_renames(state: Mapping[str, T], renames: Mapping[str, str]) -> dict[str, T]:
    """A state dict under its new keys; what was renamed to a key goes before what is there still under it.

    >>> apply_renames({"a.weight": 1, "b.weight": 2}, {"b.weight": "a.weight"})
    {'a.weight': 2}
    """
    kept = {key: value for key, value in state.items() if key not in renames}
    return kept | {renames[key]: value for key, value in state.items() if key in renames}


def load(saved: Saved, root: Module) -> Loading:
    """Whether a checkpoint loads into a model."""
    expected = state_dict(root)
    filled = set(_filled(root, saved.counted))
    missing = tuple(key for key in expected if key not in saved.entries and key not in filled)
    unexpected = tuple(key for key in saved.entries if key not in expected)
    pairs = list(_respecs(saved.entries, expected))
    reshaped = tuple(pair for pair in pairs if not fits(pair.saved, pair.expected))
    retyped = tuple(p for p in pairs if fits(p.saved, p.expected) and p.saved.dtype != p.expected.dtype)
    hooks = _Hooks(saved, root)
    deciders = [hooks.over(key) for key in (*missing, *unexpected, *(pair.key for pair in reshaped))]
    named = dict.fromkeys([*filter(None, deciders), *hooks.changed()])
    return Loading(missing, unexpected, reshaped, retyped, tuple(named), None in deciders)


def _respecs(saved: Mapping[str, Entry], expected: Mapping[str, Entry]) -> Iterator[Respec]:
    for key, entry in expected.items():
        other = saved.get(key, entry)
        if entry.spec != other.spec and entry.spec is not None and other.spec is not None:
            yield Respec(key, other.spec, entry.spec)


def _counts(module: Module) -> bool:
    """Whether a module is a norm of torch's that counts batches, as its state dict has done since its version 2."""
    norm = module.class_name.startswith(("BatchNorm", "InstanceNorm", "SyncBatchNorm"))
    return norm or {buffer.name for buffer in module.buffers} >= _COUNTED


def _filled(root: Module, counted: frozenset[str]) -> Iterator[str]:
    """Keys that torch itself fills in where they are missing."""
    for module in registered(root):
        names = {buffer.name for buffer in module.module.buffers}
        if names >= _COUNTED and module.path not in counted:
            yield join(module.path, "num_batches_tracked")


def _hooks(root: Module) -> Iterator[tuple[str, str]]:
    for module in registered(root):
        yield from ((module.path, mark) for mark in module.module.marks if mark in ("load hook", "save hook"))


class _Hooks:
    """The hooks that decide about keys: those that load into the new model, those that saved from the old one."""

    def __init__(self, saved: Saved, root: Module) -> None:
        self._old = saved.hooks
        self._new = frozenset(_hooks(root))
        loads = {path: mark for path, mark in self._new if mark == "load hook"}
        self._deciding = {path: mark for path, mark in self._old if mark == "save hook"} | loads

    def over(self, key: str) -> str | None:
        """The nearest hook that may add, drop or translate a key."""
        while key:
            key = key.rpartition(".")[0]
            if key in self._deciding:
                return _named(key, self._deciding[key])
        return None

    def changed(self) -> Iterable[str]:
        """Those that are on one side alone; but without a load hook keys are taken as they are."""
        gone = {hook for hook in self._old - self._new if hook[1] == "save hook"}
        came = self._new - self._old if self._old or self._new else ()
        return [_named(*hook) for hook in sorted({*gone, *came})]


def _named(path: str, mark: str) -> str:
    return f"{mark} of {path or 'the model'}"


class _Homes:
    """Where modules and tensors went, by the renames of a drift."""

    def __init__(self, drift: Drift) -> None:
        self._modules = dict(drift.renames)
        self._tensors = {
            (change.place, str(change.old)): str(change.new)
            for change in drift.changes
            if (change.gate, change.kind, change.ripple) == ("parameters", "renamed", False)
        }

    def module(self, path: str) -> str:
        """The new path of what was at a path."""
        head, tail = path, ""
        while head not in self._modules and head:
            head, _, name = head.rpartition(".")
            tail = join(name, tail)
        return join(self._modules.get(head, head), tail)

    def tensor(self, path: str, name: str) -> str:
        """The new name of a tensor of the module that is at ``path`` now."""
        return self._tensors.get((path, name), name)
