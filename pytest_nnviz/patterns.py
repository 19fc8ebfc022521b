"""Patterns of module paths and class paths: where they come from decides what it means that they name nothing."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_nnviz.errors import OptionError

__all__ = ["ProjectPattern", "patterns"]


class ProjectPattern(str):
    """A pattern that a project sets for all of its models: it need not match something in each of them."""

    __slots__ = ()


def patterns(option: str, given: object, example: str) -> tuple[str, ...]:
    """The patterns of an option, one or several; ``example`` shows in errors how to write them.

    Raises:
        OptionError: no patterns.
    """
    if isinstance(given, str):
        given = (given,)
    if not isinstance(given, Iterable):
        raise OptionError(f"{option}={given!r}: give patterns such as {example}")
    found = tuple(given)
    for pattern in found:
        if not isinstance(pattern, str) or not pattern:
            raise OptionError(f"{option}: {pattern!r} is no pattern; give strings such as {example}")
    return found
