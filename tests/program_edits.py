"""Edits of programs: one statement changed, or every call written another way."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from program_calls import KINDS
from programs import Apply, Program, Result, Run, Use


def respelled(program: Program, choice: int) -> Program:
    """The same program with every call written another way."""
    other = copy.deepcopy(program)
    for code in other.state.codes.values():
        code.statements[:] = [
            replace(s, spelling=(s.spelling + choice) % len(KINDS[s.kind].spellings)) if isinstance(s, Apply) else s
            for s in code.statements
        ]
    return other


@st.composite
def edits(draw, program: Program) -> Program:
    """A copy of a program with one statement changed, dropped or inserted."""
    place = draw(st.sampled_from(program.places()))
    name, at = place
    statement = program.state.codes[name].statements[at]
    before = [Result(s.result) for s in program.state.codes[name].statements[:at]]
    before += [Result(number) for number in program.state.codes[name].inputs.values()]
    return program.edited(place, *draw(st.sampled_from(list(_edits(statement, before, 10_000)))))


def _edits(statement: Any, before: list[Any], fresh: int):
    result = statement.result
    for inserted in ("neg", "detach", "clone", "zero_", "double"):
        yield replace(statement, result=fresh), Apply(inserted, (Result(fresh),), (), 0, result)
    operands = statement.operands if isinstance(statement, Apply) else statement.args
    if operands:
        yield (Use(operands[0], result),)
    for other in before[-4:]:
        for at in range(len(operands)):
            yield (_with_operands(statement, (*operands[:at], other, *operands[at + 1 :])),)
    if len(operands) > 1:
        yield (_with_operands(statement, operands[::-1]),)
    if isinstance(statement, Apply):
        for literals in KINDS[statement.kind].literals:
            yield (replace(statement, literals=tuple(literals.items())),)
    elif isinstance(statement, Run):
        for name, value in (("gain", 4.0), ("gain", 0.125), ("y", before[-1])):
            kwargs = dict(statement.kwargs) | {name: value}
            yield (replace(statement, kwargs=tuple(kwargs.items())),)


def _with_operands(statement: Any, operands: tuple[Any, ...]) -> Any:
    return replace(statement, **{"operands" if isinstance(statement, Apply) else "args": operands})
