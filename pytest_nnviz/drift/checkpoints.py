"""Whether a checkpoint loads into a model, which keys are in the way, and which were only renamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pytest_nnviz.architecture import Module, TensorSpec, join
from pytest_nnviz.drift.data import Drift
from pytest_nnviz.drift.nesting import nested_keys
from pytest_nnviz.drift.statedict import Entry, registered, tensors_saved
from pytest_nnviz.drift.tensors import fits

__all__ = ["Loading", "Respec", "State", "apply_renames", "checkpoint", "load"]

_COUNT = "num_batches_tracked"
_COUNTED = {"running_mean", "running_var", _COUNT}
_DECIDING = ("load hook", "save hook")

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
        renames: old key -> new key of what was renamed or moved, unless that leaves more keys in the way than before;
            see `apply_renames`.
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

    @property
    def in_the_way(self) -> int:
        """How many keys keep it from loading strictly."""
        return len(self.missing) + len(self.unexpected) + len(self.reshaped)


@dataclass(frozen=True, slots=True)
class State:
    """The state dict of a model or of a file, and what decides about loading it.

    Attributes:
        entries: its keys.
        counted: paths of the norms that count batches, whose version torch pickles with a state dict; those of a file
            are not known.
        counts: keys of these counts. Where they are missing, and the version with them, torch fills them in.
        hooks: (path, mark) of the modules with hooks that decide about keys.
    """

    entries: Mapping[str, Entry]
    counted: frozenset[str] = frozenset()
    counts: frozenset[str] = frozenset()
    hooks: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, root: Module) -> State:
        """The state dict of a model."""
        modules = list(registered(root))
        norms = [module for module in modules if _counts(module.module)]
        counts = (join(module.path, _COUNT) for module in norms)
        entries = {
            join(module.path, name): entry for module in modules for name, entry in tensors_saved(module).items()
        }
        hooks = ((module.path, mark) for module in modules for mark in module.module.marks if mark in _DECIDING)
        paths = frozenset(module.path for module in norms)
        return cls(entries, paths, frozenset(key for key in counts if key in entries), frozenset(hooks))


def checkpoint(drift: Drift) -> Loading:
    """Whether ``old.state_dict()`` loads into the new model, and the map of what was only renamed.

    The map is ready for loading code: ``{renames.get(key, key): value for key, value in state.items()}``, or
    `apply_renames` where keys were removed too.
    """
    old, new = State.of(drift.old.root), State.of(drift.new.root)
    found = load(old, new)
    renames = _renames(drift, old, new)
    if not renames:
        return found
    hooks = frozenset((drift.new_path(path), mark) for path, mark in old.hooks)
    moved = State(apply_renames(old.entries, renames), hooks=hooks)
    renamed = load(moved, new)
    worse = renamed.in_the_way > found.in_the_way or (found.strict == "yes" and renamed.strict != "yes")
    return found if worse else replace(found, renames=renames, renamed=renamed)


def _renames(drift: Drift, old: State, new: State) -> dict[str, str]:
    """Old key -> new key of what went with its module, and then of what is one level deeper or higher."""
    names = {
        (change.place, str(change.old)): str(change.new)
        for change in drift.changes
        if (change.gate, change.kind, change.ripple) == ("parameters", "renamed", False)
    }
    went = {
        join(module.path, name): join(module.goes, names.get((module.goes, name), name))
        for module in registered(drift.old.root, drift.new_path)
        for name in tensors_saved(module)
    }
    went = {key: place for key, place in went.items() if place in new.entries}
    taken = set(went.values())
    left = {key: entry for key, entry in old.entries.items() if key not in went}
    free = {key: entry for key, entry in new.entries.items() if key not in taken}
    return {key: place for key, place in (went | nested_keys(left, free)).items() if key != place}


def apply_renames(state: Mapping[str, T], renames: Mapping[str, str]) -> dict[str, T]:
    """A state dict under its new keys; what was renamed to a key goes before what is there still under it.

    >>> apply_renames({"a.weight": 1, "b.weight": 2}, {"b.weight": "a.weight"})
    {'a.weight': 2}
    """
    kept = {key: value for key, value in state.items() if key not in renames}
    return kept | {renames[key]: value for key, value in state.items() if key in renames}


def load(saved: State, model: State) -> Loading:
    """Whether a checkpoint loads into a model."""
    filled = {key for key in model.counts if key.rpartition(".")[0] not in saved.counted}
    missing = tuple(key for key in model.entries if key not in saved.entries and key not in filled)
    unexpected = tuple(key for key in saved.entries if key not in model.entries)
    pairs = list(_respecs(saved.entries, model.entries))
    reshaped = tuple(pair for pair in pairs if not fits(pair.saved, pair.expected))
    retyped = tuple(p for p in pairs if fits(p.saved, p.expected) and p.saved.dtype != p.expected.dtype)
    hooks = _Hooks(saved.hooks, model.hooks)
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
    told = any(argument.name == "track_running_stats" for argument in module.config)  # of a norm of any name
    return norm or told or {buffer.name for buffer in module.buffers} >= _COUNTED


class _Hooks:
    """The hooks that decide about keys: those that load into the new model, those that saved from the old one."""

    def __init__(self, old: frozenset[tuple[str, str]], new: frozenset[tuple[str, str]]) -> None:
        self._old = old
        self._new = new
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
        return [_named(*hook) for hook in sorted({*gone, *(self._new - self._old)})]


def _named(path: str, mark: str) -> str:
    return f"{mark} of {path or 'the model'}"
