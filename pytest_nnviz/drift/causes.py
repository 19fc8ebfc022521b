"""What explains another result: operands of another shape or dtype, inputs and tensors that changed."""

from __future__ import annotations

from pytest_nnviz.architecture import Value
from pytest_nnviz.drift.consequence import FUNCTION, worst
from pytest_nnviz.drift.data import Way
from pytest_nnviz.drift.effects import ModuleEffects
from pytest_nnviz.drift.modules import label_arguments
from pytest_nnviz.drift.references import Graph, Source, refs

__all__ = ["Causes"]


class Causes:
    """The results and inputs of the new graph that are others than before, with the consequence of that."""

    def __init__(self, graph: Graph, modules: ModuleEffects) -> None:
        self._graph = graph
        self._modules = modules
        self._results: dict[Way, str] = {}
        self._inputs: dict[Way, dict[str, str]] = {}

    def add_result(self, way: Way, consequence: str) -> None:
        """The call at a way has another result."""
        self._results[way] = consequence

    def add_input(self, scope: Way, name: str, consequence: str) -> None:
        """The call at ``scope`` (the model for the empty way) is given something else as ``name``."""
        self._inputs.setdefault(scope, {})[name] = consequence

    def enter(self, way: Way) -> None:
        """What the call at a way is given is what its inside takes."""
        if not way or self._graph.call(way).body is None:
            return
        for label, argument in label_arguments(self._graph.call(way).args).items():
            found = self.of(argument.value, way)
            if found:
                self.add_input(way, label, worst(found))

    def of(self, value: Value, way: Way) -> list[str]:
        """The consequences of what changed in a value that the call at a way takes."""
        sources = [self._graph.source(ref, way) for ref in refs(value)]
        return [cause for source in sources if (cause := self._of(source)) is not None]

    def _of(self, source: Source) -> str | None:
        if source.kind == "result":
            return self._results.get(source.way)
        if source.kind == "input":
            return self._inputs.get(source.way, {}).get(str(source.name))
        return FUNCTION if source.name in self._modules.tensors else None
