"""What a picture shows: an Architecture or a Drift as a drawing of nodes, boxes and edges that fits a screen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_nnviz.architecture import Architecture, Argument, Ref, TensorSpec, Tree, Value, walk_modules
from pytest_nnviz.asked import Asked
from pytest_nnviz.drift.alike import together
from pytest_nnviz.drift.data import CONSEQUENCES
from pytest_nnviz.drift.grouping import followers, group
from pytest_nnviz.pictures import labels
from pytest_nnviz.pictures.drawing import Box, Drawing, Edge, Item, Node, Stack, walk_nodes
from pytest_nnviz.pictures.families import family_of
from pytest_nnviz.pictures.flow import Sight, Stream, follow
from pytest_nnviz.pictures.parameters import with_parameters
from pytest_nnviz.pictures.plan import Opened, Plan, Rest, left_out, plan_drift, plan_whole, sights
from pytest_nnviz.pictures.ports import branch_inside
from pytest_nnviz.pictures.sites import Run, Weave, unique_id, walk_runs, weave
from pytest_nnviz.pictures.stacks import stack_chains
from pytest_nnviz.pictures.text import Text, joined, part
from pytest_nnviz.pictures.tree import draw_tree

if TYPE_CHECKING:
    from pytest_nnviz.drift import Change, Drift

__all__ = ["BUDGET", "DRIFT_BUDGET", "Scene", "start_budget", "view"]

BUDGET = 70
"""Nodes of a picture of a whole model."""

DRIFT_BUDGET = 60
"""Nodes of a picture of a drift."""

_NOTHING_ASKED = Asked()
_MOST_OUTPUTS = 6
_DENSE = 30
_MOST_HOMELESS = 8
_LEAST_ROOM = 8


def start_budget(thing: Architecture | Drift) -> int:
    """How many nodes a picture has at most that nobody measured yet."""
    return BUDGET if isinstance(thing, Architecture) else DRIFT_BUDGET


def view(thing: Architecture | Drift, asked: Asked = _NOTHING_ASKED, *, budget: int | None = None) -> Drawing:
    """The drawing of an Architecture (all of it, with modules closed as needed) or of a Drift (what changed in it).

    ``budget`` is how many nodes it has at most where nothing else is asked for.
    """
    return Scene.of(thing, asked).view(start_budget(thing) if budget is None else budget)


@dataclass(frozen=True, slots=True)
class Scene:
    """What is drawn: one model (after), or two and the drift between them; for views with more and with fewer nodes."""

    models: tuple[Architecture | None, Architecture]
    drift: Drift | None
    weave: Weave
    asked: Asked

    @classmethod
    def of(cls, thing: Architecture | Drift, asked: Asked) -> Scene:
        """The scene of an Architecture or of a Drift."""
        if isinstance(thing, Architecture):
            return cls((None, thing), None, weave(None, thing, None, asked), asked)
        return cls((thing.old, thing.new), thing, weave(thing.old, thing.new, thing, asked), asked)

    @property
    def model(self) -> Architecture:
        """The model, of two the one after."""
        return self.models[1]

    @property
    def levels(self) -> int:
        """How many levels of modules there are to open."""
        return _levels(self.weave.runs) or max(path.count(".") + 2 for path, _ in walk_modules(self.model.root))

    def view(self, budget: int) -> Drawing:
        """The drawing; ``budget`` is how many nodes it has at most where nothing else is asked for."""
        if not self.weave.runs:
            thing = self.model if self.drift is None else self.drift
            return draw_tree(thing, budget, self.asked.depth, _title(self), _subtitle(self))
        plan = _plan(self, budget)
        return _assemble(self, plan, tuple(_edges(self, plan)), show_parameters=self.asked.show_parameters)


def _levels(runs: tuple[Run, ...]) -> int:
    return max((1 + _levels(run.first.inside) for run in runs), default=0)


def _plan(scene: Scene, budget: int) -> Plan:
    runs, asked = scene.weave.runs, scene.asked
    if scene.drift is None or asked.depth is not None:
        return plan_whole(runs, budget, asked)
    ports = sum(1 for _ in (*_inputs(scene), *_homeless(scene), *_outputs(scene)))
    room = max(_LEAST_ROOM, budget - ports)
    return plan_drift(runs, room, asked, lambda bare, steps: _beside_changes(scene, bare, steps))


def _beside_changes(scene: Scene, plan: Plan, steps: int) -> set[str]:
    """The nodes so many steps from a changed one, or from where an edge ends that came or went."""
    found: set[str] = set()
    edges = tuple(_edges(scene, plan)) if steps else ()
    touched = {run.first.id for run in walk_runs(scene.weave.runs) if run.first.touched}
    for edge in edges:
        if edge.change in ("added", "removed") or edge.tail in touched or edge.head in touched:
            found |= {edge.tail, edge.head}
    for _ in range(steps - 1):
        found |= {end for e in edges if e.tail in found or e.head in found for end in (e.tail, e.head)}
    return found


def _edges(scene: Scene, plan: Plan) -> Iterator[Edge]:
    """The edges of both sides as one set: an edge that is there on one side only was added or removed."""
    before, after = _side_edges(scene, plan, 0), _side_edges(scene, plan, 1)
    if scene.drift is None:
        yield from (Edge(tail, head, texts) for (tail, head), texts in after.items())
        return
    for ends in dict.fromkeys([*before, *after]):
        old, new = before.get(ends), after.get(ends)
        tail, head = ends
        if old is None or new is None:
            yield Edge(tail, head, new or old or (), "removed" if new is None else "added")
        elif old != new:
            yield Edge(tail, head, _both_shapes(old, new), "changed")
        else:
            yield Edge(tail, head, new, dim=True)


def _both_shapes(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    before = [part(line, "expected") for line in old]
    return (*before, *(joined([Text.between("" if at else "→ "), part(line, "actual")]) for at, line in enumerate(new)))


def _side_edges(scene: Scene, plan: Plan, side: int) -> dict[tuple[str, str], tuple[str, ...]]:
    model = scene.models[side]
    if model is None or model.forward is None:
        return {}
    seen, inputs, outputs = sights(plan, side), _input_ids(scene), _output_ids(scene)
    own = _output_names(model.forward.returns)
    streams = follow(
        model.forward,
        model.inputs,
        lambda at: seen.get(at) or Sight("unseen"),
        inputs.__getitem__,
        lambda keys: outputs[keys[0] if keys and keys[0] in own else own[0]],
    )
    return _joined(streams)


def _joined(streams: Iterable[Stream]) -> dict[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], dict[str, None]] = {}
    for stream in streams:
        texts = found.setdefault((stream.tail, stream.head), {})
        texts[labels.shape_text(stream.spec)] = None
    return {ends: _few(tuple(filter(None, texts))) for ends, texts in found.items()}


def _few(texts: tuple[str, ...]) -> tuple[str, ...]:
    return texts if len(texts) <= 3 else (*texts[:2], f"… {len(texts) - 2} more")


def _assemble(scene: Scene, plan: Plan, edges: tuple[Edge, ...], *, show_parameters: bool) -> Drawing:
    inside = _items(scene, plan)
    if show_parameters:
        inside, edges = with_parameters(inside, edges, plan, scene.model)
    ports: list[Item] = [*_inputs(scene), *_listed(tuple(_homeless(scene))), *inside, *_outputs(scene)]
    known = {node.id for node in walk_nodes(tuple(ports))}
    drawn = tuple(edge for edge in edges if edge.tail in known and edge.head in known)
    items, drawn = stack_chains(*branch_inside(tuple(ports), drawn), dense=len(known) > _DENSE)
    legend = ("added", "removed", "changed") if scene.drift is not None else ()
    return Drawing(_title(scene), (*_subtitle(scene), *_more(scene, plan)), items, drawn, legend)


def _title(scene: Scene) -> str:
    old, new = scene.models
    if old is None:
        return new.root.class_name
    return joined([Text.pair(old.root.class_name, new.root.class_name), Text.pair(*scene.asked.called)], ": ")


def _subtitle(scene: Scene) -> tuple[str, ...]:
    totals = [model.totals for model in scene.models if model is not None]
    facts = joined([Text.pair(f"{totals[0].parameters:,}", f"{totals[-1].parameters:,}"), " parameters"])
    if scene.drift is None:
        frozen = totals[-1].parameters - totals[-1].trainable
        return (", ".join([scene.model.mode, facts, *([f"{frozen:,} of them frozen"] if frozen else [])]),)
    about = [labels.change_text(change) for change in scene.weave.homeless if _is_about_model(scene, change)]
    count = _count(scene.drift)
    return (joined([count, facts], ", "), *filter(None, about[:4]))


def _count(drift: Drift) -> str:
    """How many edits there are, and of what only follows; both as the words count them."""
    causes = group(together(drift, drift.changes))
    ripples = followers(drift, causes)
    said = labels.count_text(len(causes), "change")
    places = sum(len(cause.changes) for cause in causes)
    if len(causes) < places:
        said += f" in {places:,} places"
    return said + (f" and {len(ripples):,} that follow{'s' if len(ripples) == 1 else ''}" if ripples else "")


def _more(scene: Scene, plan: Plan) -> Iterator[str]:
    """What changed and stands nowhere."""
    homeless = len(_homeless_places(scene)[_MOST_HOMELESS:])
    left = homeless + (left_out(scene.weave.runs, plan) if scene.drift is not None else 0)
    if left:
        yield f"and {labels.count_text(left, 'more place')}, see the words"


def _is_about_model(scene: Scene, change: Change) -> bool:
    """Is it a fact about the model that no node shows?"""
    if change.what.startswith("return "):
        return False
    drawn = {"return", *(f"input {node.title}" for node in _inputs(scene))}
    return not change.place and change.what not in drawn


def _items(scene: Scene, plan: Plan) -> tuple[Item, ...]:
    return tuple(_item(scene, item) for item in plan)


def _item(scene: Scene, item: Run | Opened | Rest) -> Item:
    match item:
        case Opened(run, items):
            return _box(scene, run, _items(scene, items))
        case Rest(runs) if runs == scene.weave.runs and scene.drift is None:
            return _whole(scene, item)
        case Rest(runs):
            return _rest(scene, item, runs)
    return _node(scene, item)


def _whole(scene: Scene, rest: Rest) -> Node:
    """The model as one node."""
    root = scene.model.root
    count = labels.count_text(sum(run.size for run in rest.runs), "call")
    return Node(rest.id, "module", root.class_name, "", (count,), labels.parameters_text((None, root)), weighty=True)


def _rest(scene: Scene, rest: Rest, runs: tuple[Run, ...]) -> Node:
    unchanged = scene.drift is not None and not any(run.first.touched for run in runs)
    hidden = sum(bool(run.first.change) for run in walk_runs(runs))
    return Node(
        rest.id,
        "rest",
        labels.rest_text(runs, unchanged=unchanged),
        notes=(labels.count_text(hidden, "change"),) if hidden else (),
        details=(labels.names_text(runs), *(("shapes follow",) if any(run.first.reshaped for run in runs) else ())),
        change="changed" if not unchanged and scene.drift is not None else "",
        dim=unchanged,
    )


def _notes(run: Run) -> tuple[str, ...]:
    ends = run.sites[-1].notable if len(run.sites) > 1 else ()
    changes = [_through(change, ends) for change in run.first.notable if not _is_of_class(change)]
    said = {"", str(labels.run_name(run)), str(labels.class_text(run.first))}
    texts = [text for text in dict.fromkeys(map(_note, changes)) if text not in said]
    return tuple(texts[:4] + ([f"… {len(texts) - 4} more"] if len(texts) > 4 else []))


def _is_of_class(change: Change) -> bool:
    """Is it another class? The label has both then."""
    return (change.gate, change.kind, change.what) == ("structure", "changed", "")


def _note(change: Change) -> Text:
    """What changed; of another name that, as the title has both."""
    text = labels.change_text(change)
    return Text.between("renamed") if change.kind == "renamed" and not change.what else text


def _through(change: Change, ends: Iterable[Change]) -> Change:
    """The change at the first of a run; where that is another name, up to the same at its last."""
    if change.kind not in ("renamed", "moved") or change.what:
        return change
    last = next((c for c in ends if (c.kind, c.what) == (change.kind, "")), change)
    paths = ((str(change.old), str(last.old)), (str(change.new), str(last.new)))
    if any(first.count(".") != end.count(".") for first, end in paths):
        return change
    old, new = (labels.range_name(*pair) for pair in paths)
    return replace(change, old=old, new=new)


def _label(run: Run) -> Text:
    """What stands behind the name: the class of a module, and how often it comes."""
    of_class = labels.class_text(run.first)
    times = f"{labels.TIMES}{len(run.sites)}" if len(run.sites) > 1 else ""
    return joined(["" if of_class == labels.run_name(run) else of_class, times], " ")


def _box(scene: Scene, run: Run, items: tuple[Item, ...]) -> Box:
    site = run.first
    dim = scene.drift is not None and not site.change
    only = (
        "expected" if site.calls[1] is None else "actual" if scene.drift is not None and site.calls[0] is None else ""
    )
    name, tips = labels.run_name(run), labels.tips_of(run)
    return Box(f"box/{site.id}", name, _label(run), items, _notes(run), site.change, dim, tips, only)


def _node(scene: Scene, run: Run) -> Node:
    site = run.first
    kind = "function" if site.call.kind == "function" else "module"
    hidden = sum(len(inner.sites) for inner in walk_runs(site.inside) if inner.first.change)
    notes = _notes(run)
    if hidden and site.change in ("", "changed"):
        notes = (*notes, f"{labels.count_text(hidden, 'change')} inside")
    change = site.change or ("changed" if hidden else "")
    return Node(
        site.id,
        kind,
        labels.run_name(run),
        _label(run),
        tuple(filter(None, [_detail(run, kind)])),
        labels.parameters_text(site.modules, len({s.place for s in run.sites})),
        notes,
        change,
        dim=scene.drift is not None and not change,
        weighty=labels.module_size(site.module) > 0,
        family=family_of(labels.class_text(site) if kind == "module" else site.call.target.rpartition(".")[2]),
        tips=labels.tips_of(run),
    )


def _detail(run: Run, kind: str) -> str:
    site = run.first
    calls = [call for call in site.calls if call is not None]
    if kind == "function":
        return labels.arguments_text(*calls)
    if site.inside:
        return joined([labels.calls_text((Run((site,)),)), "each" if len(run.sites) > 1 else ""], " ")
    modules = [module for module in site.modules if module is not None]
    return labels.config_text(*(found.config for found in modules or calls))


def _input_ids(scene: Scene) -> dict[str, str]:
    """The identifier of each argument of forward."""
    return _ids("input", (str(a.name) for model in scene.models if model is not None for a in model.inputs))


def _output_ids(scene: Scene) -> dict[str, str]:
    """The identifier of each output that has a node of its own, by its key."""
    forwards = [model.forward for model in scene.models if model is not None]
    keys = [_output_names(forward.returns) for forward in forwards if forward is not None]
    return _ids("output", (key for own in keys for key in own))


def _ids(kind: str, names: Iterable[str]) -> dict[str, str]:
    taken: dict[str, int] = {}
    return {name: f"{kind}/{unique_id(name, taken)}" for name in dict.fromkeys(names)}


def _inputs(scene: Scene) -> Iterator[Node]:
    sides = [{str(a.name): a for a in model.inputs} if model is not None else {} for model in scene.models]
    for name, identity in _input_ids(scene).items():
        values = [side.get(name) for side in sides]
        if not any(value is not None and _specs(value.value) for value in values):
            continue
        texts = [
            ", ".join(map(labels.shape_text, _specs(value.value))) if value is not None else "" for value in values
        ]
        yield _port("input", identity, name, texts, scene)


def _port(kind: str, identity: str, name: str, texts: list[str], scene: Scene) -> Node:
    """An input or output, with what it was and what it is."""
    old, new = texts
    if scene.drift is None or old == new:
        return Node(identity, kind, name, details=(new,), dim=scene.drift is not None)
    change = "added" if not old else "removed" if not new else "changed"
    return Node(identity, kind, name, notes=(Text.pair(old, new) if old and new else old or new,), change=change)


def _specs(value: Value | Argument) -> list[TensorSpec]:
    match value:
        case TensorSpec():
            return [value]
        case Tree(_, items):
            return [spec for item in items for spec in _specs(item)]
    return []


def _outputs(scene: Scene) -> Iterator[Node]:
    sides = [
        _output_names(model.forward.returns) if model is not None and model.forward is not None else None
        for model in scene.models
    ]
    for name, identity in _output_ids(scene).items():
        texts = ["" if side is None or name not in side else name for side in sides]
        node = _port("output", identity, "output", texts, scene)
        yield Node(identity, "output", name or "output", change=node.change, dim=node.dim)


def _output_names(returns: Value) -> list[str]:
    """The keys of what forward returns that get nodes of their own; just ``""`` where one node is enough."""
    if isinstance(returns, Tree):
        keys = returns.keys or tuple(str(index) for index in range(len(returns.items)))
        names = [key for key, item in zip(keys, returns.items, strict=True) if _has_ref(item)]
        if 0 < len(names) <= _MOST_OUTPUTS:
            return names
    return [""]


def _has_ref(value: Value) -> bool:
    return isinstance(value, Ref) or (isinstance(value, Tree) and any(map(_has_ref, value.items)))


def _homeless(scene: Scene) -> Iterator[Node]:
    """Changed modules that no call belongs to, each as a node without edges."""
    changes = [c for c in scene.weave.homeless if c.place]
    for place, identity in _ids("lone", _homeless_places(scene)[:_MOST_HOMELESS]).items():
        own = [change for change in changes if change.place == place]
        kinds = {change.kind for change in own if not change.what}
        change = next(iter(kinds)) if kinds in ({"added"}, {"removed"}) else "changed"
        notes = tuple(filter(None, map(labels.change_text, own[:4])))
        label = "not called" if _never_called(scene, place) else ""
        name = Text.pair(_origin(scene, place), place) if change == "changed" else place
        yield Node(identity, "module", name, label, notes=notes, change=change)


def _listed(nodes: tuple[Node, ...]) -> tuple[Item, ...]:
    """Nodes without edges one below the other, as side by side they would be wider than all else."""
    return (Stack("lone", nodes, ("",) * len(nodes)),) if len(nodes) > 1 else nodes


def _homeless_places(scene: Scene) -> list[str]:
    """Their paths, what matters most first."""
    changes = [change for change in scene.weave.homeless if change.place]
    return list(dict.fromkeys(c.place for c in sorted(changes, key=lambda c: CONSEQUENCES.index(c.consequence))))


def _origin(scene: Scene, place: str) -> str:
    return place if scene.drift is None else scene.drift.old_path(place)


def _never_called(scene: Scene, place: str) -> bool:
    """Is the module at a path, or one around it, marked so? A container is not, if what it holds is called."""
    known = [dict(walk_modules(model.root)) for model in scene.models if model is not None]
    while place:
        if any(place in modules and "never called" in modules[place].marks for modules in known):
            return True
        place = place.rpartition(".")[0]
    return False
