"""Whether an edit was noticed: by the text, by the drift, and by its words."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from pytest_nnviz import Architecture, diff, dumps, words
from pytest_nnviz.textformat import without_comments

__all__ = ["complaints", "text_of"]


def text_of(architecture: Architecture) -> str:
    return without_comments(dumps(architecture))


def complaints(old: Architecture, new: Architecture, model: nn.Module, place: str, says: Iterable[str]) -> str:
    """What is missing about an edit at ``place``, empty if it was noticed as it should be."""
    if text_of(old) == text_of(new):
        return "not noticed"
    drift = diff(old, new)
    if not drift:
        return "no drift"
    told = "\n".join(words(drift))
    missing = [text for text in says if text not in told]
    if not any(_named(name, told) for name in _places(model, place)):
        missing.append(place or "(model)")
    return f"{', '.join(missing)} not said in:\n{told}" if missing else ""


def _named(place: str, told: str) -> bool:
    """Words cut the middle out of long places."""
    return all(end in told for end in ((place[:20], place[-20:]) if len(place) > 60 else (place,)))


def _places(model: nn.Module, place: str) -> list[str]:
    """What names a place: its path; for the model itself any of its children; for a layer where it is called."""
    if not place:
        return ["(model)", *(name for name, _ in model.named_children())]
    layer = not any(True for _ in model.get_submodule(place).children())
    return [place, *([place.rpartition(".")[0] or "(model)"] if layer else [])]
