"""Random edits of random architectures: of modules, of their order and names, of calls."""

from dataclasses import replace

from hypothesis import strategies as st
from made_up import ARGUMENTS, CONFIGS, NAMES, PARAMETERS, SPECS

from pytest_nnviz.architecture import Argument, Body, Call, Module, Ref, Step

__all__ = ["chains", "edited", "rewired"]


@st.composite
def edited(draw, architecture):
    """The architecture with one to three edits."""
    for _ in range(draw(st.integers(1, 3))):
        edit = draw(st.sampled_from([_module, _module, _call, _call, _mode, _handed_on]))
        architecture = edit(draw, architecture)
    return architecture


def _mode(draw, architecture):
    return replace(architecture, mode=draw(st.sampled_from(["eval", "train"])))


def _module(draw, architecture):
    return replace(architecture, root=_somewhere(draw, architecture.root))


def _somewhere(draw, module):
    """The module with an edit of itself, or of a child, or of one of its children."""
    inside = [at for at, (_, child) in enumerate(module.children) if child.shared is None]
    if inside and draw(st.booleans()):
        at = draw(st.sampled_from(inside))
        name, child = module.children[at]
        return _with(module, at, [(name, _somewhere(draw, child))])
    return draw(st.sampled_from([_configured, _tensors, _renamed, _removed, _inserted, _swapped, _wrapped]))(
        draw, module
    )


def _with(module, at, children):
    names = [name for name, _ in (*module.children[:at], *children, *module.children[at + 1 :])]
    if len(set(names)) < len(names):
        return module
    return replace(module, children=(*module.children[:at], *children, *module.children[at + 1 :]))


def _configured(draw, module):
    return replace(module, config=draw(CONFIGS))


def _tensors(draw, module):
    return replace(module, parameters=draw(PARAMETERS))


def _child(draw, module):
    return draw(st.integers(0, len(module.children) - 1)) if module.children else None


def _renamed(draw, module):
    at = _child(draw, module)
    return module if at is None else _with(module, at, [(draw(NAMES), module.children[at][1])])


def _removed(draw, module):
    at = _child(draw, module)
    return module if at is None else _with(module, at, [])


def _inserted(draw, module):
    at = _child(draw, module)
    new = (draw(NAMES), Module("New", draw(CONFIGS)))
    return replace(module, children=(new,)) if at is None else _with(module, at, [new, module.children[at]])


def _swapped(draw, module):
    if len(module.children) < 2:
        return module
    children = list(module.children)
    if draw(st.booleans()):
        children[0], children[-1] = children[-1], children[0]
    else:
        (one, first), (other, last) = children[0], children[-1]
        children[0], children[-1] = (one, last), (other, first)
    return replace(module, children=tuple(children))


def _wrapped(draw, module):
    return Module("Wrap", children=((draw(NAMES), module),))


def _handed_on(draw, architecture):
    """A child of the model, and each of its calls, is put as it is into a module that only hands on to it."""
    at = _child(draw, architecture.root)
    if at is None or architecture.forward is None or architecture.root.children[at][1].shared is not None:
        return architecture
    name, child = architecture.root.children[at]
    inner = draw(NAMES)
    calls = [
        _through(call, inner) if (call.kind, call.target, call.up) == ("module", name, 0) else call
        for call in architecture.forward.calls
    ]
    root = _with(architecture.root, at, [(name, Module("Wrap", children=((inner, child),)))])
    return replace(architecture, root=root, forward=Body(tuple(calls), architecture.forward.returns))


def _through(call, inner):
    names = [argument.name or f"#{at}" for at, argument in enumerate(call.args)]
    handed = [replace(a, value=Ref("input", (Step(name),))) for a, name in zip(call.args, names, strict=True)]
    body = Body((replace(call, target=inner, args=tuple(handed)),), Ref("result", (Step(inner),)))
    given = [replace(argument, name=name) for argument, name in zip(call.args, names, strict=True)]
    return replace(call, args=tuple(given), body=body)


def _call(draw, architecture):
    if architecture.forward is None:
        return architecture
    return replace(architecture, forward=_in_body(draw, architecture.forward))


def _in_body(draw, body):
    if not body.calls:
        return Body((Call("function", "relu", draw(ARGUMENTS), draw(SPECS)),), body.returns)
    at = draw(st.integers(0, len(body.calls) - 1))
    call = body.calls[at]
    new = Call("function", draw(st.sampled_from(["add", "relu", "new"])), draw(ARGUMENTS), draw(SPECS))
    if draw(st.integers(0, 3)) == 0:
        return rewired(body, draw(st.permutations(range(len(body.calls)))))
    swapped = [body.calls[at + 1], call] if at + 1 < len(body.calls) else [call]
    choices = [
        [replace(call, args=draw(ARGUMENTS))],
        [replace(call, result=draw(SPECS))],
        [new, call],
        [],
        [*swapped],
    ]
    if call.body is not None:
        choices.append([replace(call, body=_in_body(draw, call.body))])
    chosen = draw(st.sampled_from(choices))
    rest = body.calls[at + max(1, len(chosen) if chosen == swapped else 1) :]
    return Body((*body.calls[:at], *chosen, *rest), body.returns)


def rewired(body, order):
    """The calls in another order, each on what the one that stood in its place took."""
    calls = [body.calls[at] for at in order]
    names = {was.name: now.name for was, now in zip(body.calls, calls, strict=True)}
    taken = [_taking(call.args, names) for call in body.calls]
    returns = _taking([Argument(None, body.returns)], names)[0].value
    return Body(tuple(replace(call, args=args) for call, args in zip(calls, taken, strict=True)), returns)


def _taking(arguments, names):
    return tuple(replace(a, value=_respelled(a.value, names)) for a in arguments)


def _respelled(value, names):
    if not isinstance(value, Ref) or value.kind != "result" or value.up or value.steps[0].name not in names:
        return value
    return replace(value, steps=(replace(value.steps[0], name=names[value.steps[0].name]), *value.steps[1:]))


@st.composite
def chains(draw, targets):
    """A body of calls of which each takes the result of the one before, and the same in another order."""
    made = [
        Call(draw(st.sampled_from(["function", "module"])), target, (), draw(SPECS))
        for target in draw(st.lists(targets, min_size=2, max_size=5, unique=True))
    ]
    taken = [Ref("input", (Step("x"),)), *(Ref("result", (Step(call.name),)) for call in made)]
    calls = [replace(call, args=(Argument(None, value),)) for call, value in zip(made, taken, strict=False)]
    body = Body(tuple(calls), taken[-1])
    return body, rewired(body, draw(st.permutations(range(len(calls)))))
