"""What changed in the parameters and buffers of one module."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pytest_nnviz.architecture import Buffer, Parameter, TensorSpec, join
from pytest_nnviz.drift.consequence import BREAKS, FUNCTION, TRAINING
from pytest_nnviz.drift.data import Change
from pytest_nnviz.drift.pairs import BY_STRUCTURE, Match, Pair
from pytest_nnviz.drift.statedict import resolve
from pytest_nnviz.drift.ties import Tensor, Ties, tensors_of
from pytest_nnviz.textformat.write import format_spec

__all__ = ["compare_tensors", "fits", "out_of_place", "reordered", "sides", "went_to"]


def sides(text: str, side: int) -> tuple[str | None, str | None]:
    """A text as the old (side 0) or the new one."""
    return (None, text) if side else (text, None)


def reordered(
    gate: str, place: str, what: str, old: Sequence[str], new: Sequence[str], consequence: str
) -> Iterator[Change]:
    """At most one change, with the names that stand in the place of others."""
    if old != new:
        yield Change(gate, "reordered", place, what, *out_of_place(old, new), consequence)


def out_of_place(old: Sequence[str], new: Sequence[str]) -> tuple[str, str]:
    """The same names in two orders, without those that stand where they stood."""
    pairs = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
    return ", ".join(a for a, _ in pairs), ", ".join(b for _, b in pairs)


def compare_tensors(pair: Pair, match: Match, ties: Ties, *, ripple: bool) -> Iterator[Change]:
    """The changes of a pair's own parameters and buffers; ``ripple`` if its configuration explains other shapes."""
    old, new = tensors_of(pair.old), tensors_of(pair.new)
    renamed = _renamed(old, new)
    kept = {name: renamed.get(name, name) for name in old if renamed.get(name, name) in new}
    for name, tensor in old.items():
        if name not in kept:
            yield _lone("removed", pair.old_path, tensor, 0, ripple=ripple)
        else:
            yield from _compare(pair, match, ties, tensor, new[kept[name]], ripple=ripple)
    for name, tensor in new.items():
        if name not in kept.values():
            yield _lone("added", pair.new_path, tensor, 1, ripple=ripple)
    by_old = [kept[name] for name in kept if type(old[name]) is type(new[kept[name]])]
    by_new = [name for name in new if name in set(by_old)]
    # State of optimizers goes by the order of parameters.
    yield from reordered("parameters", pair.new_path, "parameters", by_old, by_new, TRAINING)


def _renamed(old: Mapping[str, Tensor], new: Mapping[str, Tensor]) -> dict[str, str]:
    """Tensors that lost their name, if exactly one that came is alike."""
    left = [tensor for name, tensor in old.items() if name not in new]
    right = [tensor for name, tensor in new.items() if name not in old]
    found: dict[str, str] = {}
    for tensor in left:
        came = [other for other in right if _like(other) == _like(tensor)]
        went = [other for other in left if _like(other) == _like(tensor)]
        if len(came) == len(went) == 1:
            found[tensor.name] = came[0].name
    return found


def _like(tensor: Tensor) -> tuple[object, ...]:
    return (type(tensor), tensor.spec, tensor.tied is None)


def _lone(kind: str, path: str, tensor: Tensor, side: int, *, ripple: bool) -> Change:
    texts = sides(_describe(tensor), side)
    return Change("parameters", kind, path, tensor.name, *texts, _breaks(tensor), ripple=ripple)


def _describe(tensor: Tensor) -> str:
    kind = "parameter" if isinstance(tensor, Parameter) else "buffer"
    return f"{kind} {format_spec(tensor.spec)}" if tensor.tied is None else f"{kind} = {tensor.tied}"


def went_to(text: str, path: str, match: Match) -> str:
    """A text that names what was at a path, which another thing has now, with where that went."""
    home = match.home(path)
    return f"{text} (gone)" if home is None else f"{text} (now {home})"


def _bound(tensor: Tensor, path: str) -> str:
    return format_spec(tensor.spec) if tensor.tied is None else f"tied to {resolve(path, tensor.tied)}"


def _saved(tensor: Tensor) -> bool:
    return tensor.persistent if isinstance(tensor, Buffer) else True


def _breaks(*tensors: Tensor) -> str:
    return BREAKS if any(map(_saved, tensors)) else FUNCTION


def fits(old: TensorSpec, new: TensorSpec) -> bool:
    """Whether a saved tensor loads in place of another: of the same shape, or one number as a scalar; loading casts
    the dtype.
    """
    return old.kind == new.kind and (old.shape == new.shape or (old.shape, new.shape) == ((1,), ()))


def _of_spec(old: Tensor, new: Tensor) -> str:
    return FUNCTION if fits(old.spec, new.spec) else _breaks(old, new)


def _compare(pair: Pair, match: Match, ties: Ties, old: Tensor, new: Tensor, *, ripple: bool) -> Iterator[Change]:
    place, name = pair.new_path, new.name
    if old.name != new.name:
        renamed = ("parameters", "renamed", place, name, old.name, new.name)
        yield Change(*renamed, _breaks(old, new), matched=BY_STRUCTURE)
    if type(old) is not type(new):
        kept = FUNCTION if old.spec != new.spec else TRAINING
        consequence = kept if _saved(old) and _saved(new) and fits(old.spec, new.spec) else BREAKS
        yield Change("parameters", "changed", place, name, _describe(old), _describe(new), consequence)
        return
    if not _same_tie(pair, match, old, new):
        texts = (_bound(old, pair.old_path), _bound(new, pair.new_path))
        if texts[0] == texts[1] and old.tied is not None:
            texts = (went_to(texts[0], resolve(pair.old_path, old.tied), match), texts[1])
        places = (join(pair.old_path, old.name), join(place, name))
        follows = ties.same(*places) or ties.loosened(*places)
        yield Change("parameters", "changed", place, name, *texts, _of_spec(old, new), ripple=follows)
    elif old.spec != new.spec:
        texts = (format_spec(old.spec), format_spec(new.spec))
        follows = ripple or old.tied is not None
        yield Change("parameters", "changed", place, name, *texts, _of_spec(old, new), ripple=follows)
    yield from _flags(place, old, new)


def _same_tie(pair: Pair, match: Match, old: Tensor, new: Tensor) -> bool:
    if old.tied is None or new.tied is None:
        return old.tied == new.tied
    return match.home(resolve(pair.old_path, old.tied)) == resolve(pair.new_path, new.tied)


def _flags(place: str, old: Tensor, new: Tensor) -> Iterator[Change]:
    """What else is said about a tensor: trainable, saved in the state dict."""
    if isinstance(old, Parameter) and isinstance(new, Parameter):
        if old.trainable != new.trainable:
            texts = ("trainable", "frozen") if old.trainable else ("frozen", "trainable")
            tied = old.tied is not None and new.tied is not None
            yield Change("parameters", "changed", place, new.name, *texts, TRAINING, ripple=tied)
    elif _saved(old) != _saved(new):
        texts = ("saved", "not saved") if _saved(old) else ("not saved", "saved")
        yield Change("parameters", "changed", place, new.name, *texts, BREAKS)
