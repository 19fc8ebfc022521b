"""What the options of all fixtures share."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

from pytest_nnviz.errors import OptionError, suggest

__all__ = ["OptionsBase", "as_bool", "as_float", "as_int", "as_words", "one_of", "refuse_unknown"]


@dataclass(frozen=True, slots=True)
class OptionsBase:
    """The options of a fixture; a subclass has them as its fields, each with a default.

    Attributes:
        name: name of the snapshot within its test; None numbers the calls.

    Raises:
        OptionError: a value that the option does not take; the message lists the choices.
    """

    _choices: ClassVar[Mapping[str, tuple[object, ...]]] = {}  # of options that take one of a few values
    _parsers: ClassVar[Mapping[str, Callable[[object], Any]]] = {}  # of ini keys whose values are texts of others

    name: str | None = None

    def __post_init__(self) -> None:
        for key, choices in self._choices.items():
            one_of(key, getattr(self, key), choices)
        if self.name is not None and (not isinstance(self.name, str) or not self.name.strip()):
            raise OptionError(f"name={self.name!r}: give a string that is not empty, or None")

    def using(self, **changes: Any) -> Self:
        """The same options with some changed.

        Raises:
            OptionError: an unknown option, or a value that it does not take.
        """
        refuse_unknown(changes, self.names())
        return replace(self, **changes)

    @classmethod
    def names(cls) -> list[str]:
        """All options."""
        return [each.name for each in fields(cls)]

    @classmethod
    def ini_keys(cls) -> list[str]:
        """The options that a project can set: all but the name, which is of one call."""
        return [name for name in cls.names() if name != "name"]

    @classmethod
    def parse_ini(cls, values: Mapping[str, object]) -> dict[str, Any]:
        """Values of ini keys (without ``nnviz_``), texts or what TOML makes of them, as values of options.

        Raises:
            OptionError: an unknown key, or a value that does not read as what the option takes.
        """
        refuse_unknown(values, cls.ini_keys())
        return {key: cls._parsers.get(key, _as_it_is)(value) for key, value in values.items()}


def refuse_unknown(keys: Iterable[str], known: list[str]) -> None:
    """Hold names of options against those that there are.

    Raises:
        OptionError: one is unknown; the message lists all.
    """
    for key in keys:
        if key not in known:
            raise OptionError(f"unknown option {key!r}{suggest(key, known)}; options: {', '.join(known)}")


def one_of(key: str, value: object, choices: Iterable[object]) -> None:
    """Hold a value against its choices, ``True`` told from ``1``.

    Raises:
        OptionError: it is none of them.
    """
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        raise OptionError(f"{key}={value!r}: choose one of {', '.join(map(repr, choices))}")


def _as_it_is(value: object) -> object:
    return value


def as_bool(value: object) -> bool:
    """Whether a text says yes or no.

    Raises:
        OptionError: it says neither.
    """
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    found = words.get(str(value).strip().lower())
    if found is None:
        raise OptionError(f"{value!r} is neither true nor false")
    return found


def as_int(value: object) -> object:
    """The number that a text is; what is no text stays.

    Raises:
        OptionError: it is none.
    """
    if not isinstance(value, str):
        return value
    try:
        return int(value.replace(",", ""))
    except ValueError:
        raise OptionError(f"{value!r} is not a number; give one from 0") from None


def as_float(value: object) -> object:
    """The number that a text is; what is no text stays.

    Raises:
        OptionError: it is none.
    """
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        raise OptionError(f"{value!r} is not a number; give one from 0 to 1") from None


def as_words(value: object) -> object:
    """The words of a text, as a shell would part them; what is no text stays."""
    return shlex.split(value) if isinstance(value, str) else value
