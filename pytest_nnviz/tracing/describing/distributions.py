"""Which versions of which distributions a model was traced with."""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from pytest_nnviz import __version__
from pytest_nnviz.tracing.describing.places import modules_of

__all__ = ["versions_of"]


def versions_of(model: torch.nn.Module) -> tuple[tuple[str, str], ...]:
    """torch, this plugin, and the distributions that the classes of the model's modules come from.

    Where one of these is installed, the first call reads the metadata of all that is, which takes tenths of a second.
    """
    packages = {type(module).__module__.partition(".")[0] for module in modules_of(model)} - {"torch", "__main__"}
    found = {name: version for package in packages for name, version in _distributions(package)}
    torch_version = torch.__version__.partition("+")[0]
    return (("torch", torch_version), ("pytest-nnviz", __version__), *sorted(found.items()))


@functools.cache
def _distributions(package: str) -> tuple[tuple[str, str], ...]:
    """Name and version of what installed a package; nothing for modules of the user's under the same name."""
    homes = [home for home in _homes(package) if any(map(_keeps_metadata, home.parents))]
    installed = map(importlib.metadata.distribution, _packages().get(package, []) if homes else [])
    return tuple((each.metadata["Name"], each.version) for each in installed if _is_at(each, homes))


def _homes(package: str) -> Iterator[Path]:
    """Where a package was imported from; a namespace comes from several folders."""
    module = sys.modules.get(package)
    file = getattr(module, "__file__", None)
    yield from map(Path, [file] if file else getattr(module, "__path__", ()))


@functools.cache
def _keeps_metadata(folder: Path) -> bool:
    """Whether distributions are installed in a folder: not in one of the user's."""
    try:
        return any(entry.suffix in (".dist-info", ".egg-info") for entry in folder.iterdir())
    except OSError:
        return False


def _is_at(distribution: importlib.metadata.Distribution, homes: list[Path]) -> bool:
    root = Path(str(distribution.locate_file(""))).resolve()
    return any(home.resolve().is_relative_to(root) for home in homes)


@functools.cache
def _packages() -> dict[str, list[str]]:
    return {package: sorted(set(names)) for package, names in importlib.metadata.packages_distributions().items()}
