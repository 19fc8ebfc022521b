"""Parameters as nodes of their own, as the graph of autograd has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pytest_nnviz.architecture import Architecture, Parameter, Ref, Tree, Value, join, resolve_shared, walk_modules
from pytest_nnviz.asked import SIDES
from pytest_nnviz.pictures import labels
from pytest_nnviz.pictures.drawing import Box, Edge, Item, Node
from pytest_nnviz.pictures.plan import Opened, Plan, Rest
from pytest_nnviz.pictures.sites import Run, Site, unique_id
from pytest_nnviz.pictures.text import Text, joined

__all__ = ["with_parameters"]

_Found = tuple[str, Parameter]


def with_parameters(
    items: tuple[Item, ...], edges: tuple[Edge, ...], plan: Plan, model: Architecture
) -> tuple[tuple[Item, ...], tuple[Edge, ...]]:
    """The same drawing with a node for each parameter that an open call uses, and an edge from it to the call."""
    known = {
        join(path, parameter.name): parameter
        for path, module in walk_modules(model.root)
        for parameter in module.parameters
    }
    adding = _Adding(known)
    return adding.inside(items, plan), (*edges, *adding.edges)


class _Adding:
    def __init__(self, known: dict[str, Parameter]) -> None:
        self.known = known
        self.edges: list[Edge] = []
        self.ids: dict[str, str] = {}
        self.taken: dict[str, int] = {}

    def inside(self, items: tuple[Item, ...], plan: Plan) -> tuple[Item, ...]:
        """The items of a box, each behind the parameters that it uses first."""
        found: list[Item] = []
        for item, planned in zip(items, plan, strict=True):
            if isinstance(planned, Opened) and isinstance(item, Box):
                item = replace(item, items=self.inside(item.items, planned.items))
            elif not isinstance(planned, (Opened, Rest)):
                found += self.used_by(planned)
            found.append(item)
        return tuple(found)

    def used_by(self, run: Run) -> Iterator[Node]:
        for name, parameter in self.of_site(run.first):
            path = _resolved(name, parameter)
            change, before = _before(run.first, parameter)
            new = path not in self.ids
            if new:
                self.ids[path] = f"parameter/{unique_id(path, self.taken)}"
            self.edges.append(Edge(self.ids[path], run.first.id, change=change))
            if new:
                times = f" {labels.TIMES}{len(run.sites)}" if len(run.sites) > 1 else ""
                shape = Text.pair(labels.shape_text(before.spec), labels.shape_text(parameter.spec))
                frozen = () if parameter.trainable else ("frozen",)
                facts = (joined([shape, times]), *frozen)
                name, tips = path.rpartition(".")[2], (path,) * len(SIDES)
                yield Node(self.ids[path], "parameter", name, details=facts, change=change, tips=tips)

    def of_site(self, site: Site) -> Iterator[_Found]:
        """The parameters of the module that is called, or those that a function is given."""
        if site.module is not None:
            if not site.inside:
                yield from ((join(site.place, p.name), p) for p in site.module.parameters)
            return
        for argument in site.call.args:
            for name in _attributes(argument.value):
                path = join(site.place, name)
                if path in self.known:
                    yield path, self.known[path]


def _before(site: Site, parameter: Parameter) -> tuple[str, Parameter]:
    """Whether a parameter came or went with its call or in its module, and what it was before."""
    old, new = site.modules
    if site.change in ("added", "removed") or old is None or new is None:
        return site.change if site.change != "changed" else "", parameter
    before = next((other for other in old.parameters if other.name == parameter.name), None)
    return ("added", parameter) if before is None else ("", before)


def _attributes(value: Value) -> Iterator[str]:
    """The parameters, by their names below the module that calls, in an argument."""
    match value:
        case Ref(kind="attribute", up=0):
            yield ".".join(step.name for step in value.steps)
        case Tree(_, items):
            for item in items:
                yield from _attributes(item)


def _resolved(path: str, parameter: Parameter) -> str:
    """Where a parameter is registered first."""
    return path if parameter.tied is None else resolve_shared(path.rpartition(".")[0], parameter.tied)
