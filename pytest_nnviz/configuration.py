"""Where the options of a call come from: what the project sets, then the markers of the test."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_nnviz.accepting import Accepting, ids_of
from pytest_nnviz.errors import OptionError
from pytest_nnviz.kinds import Kind
from pytest_nnviz.options import OPTIONS, OptionsBase
from pytest_nnviz.options.base import refuse_unknown
from pytest_nnviz.shell import typed

__all__ = ["PREFIX", "accepting", "fixtures_with", "ini_keys", "marked", "project_options"]

PREFIX = "nnviz_"


def ini_keys() -> list[str]:
    """The options that a project can set, without their prefix."""
    return list(dict.fromkeys(key for options in OPTIONS.values() for key in options.ini_keys()))


def fixtures_with(key: str) -> str:
    """The fixtures that have an option."""
    return ", ".join(kind.fixture for kind, options in OPTIONS.items() if key in options.ini_keys())


def project_options(config: Any) -> dict[Kind, OptionsBase]:
    """What the project sets, as the options of each fixture.

    Raises:
        OptionError: an unknown key, or a value that its option does not take; the message names key and file.
    """
    values: dict[Kind, dict[str, Any]] = {kind: {} for kind in OPTIONS}
    for key, found in _configured(config).items():
        try:
            refuse_unknown([key], ini_keys())
            for kind, options in OPTIONS.items():
                if key in options.ini_keys():
                    values[kind] |= options.parse_ini({key: found})
                    options(**{key: values[kind][key]})
        except ValueError as error:
            raise OptionError(f"{PREFIX}{key} in {_source(config, key)}: {error}") from error
    return {kind: options(**values[kind]) for kind, options in OPTIONS.items()}


def accepting(config: Any) -> Accepting:
    """What the command line accepts by cause. Such a run updates nothing else, syrupy's other snapshots included.

    Raises:
        OptionError: what is given is no id, or the run is not to update.
    """
    given = config.getoption("nnviz_accept") or ()
    try:
        found = Accepting(ids_of(given))
    except ValueError as error:
        raise OptionError(f"--nnviz-accept: {error}") from None
    if found:
        if not config.getoption("update_snapshots", False) and not hasattr(config, "workerinput"):
            command = typed(["pytest", "--snapshot-update", *config.invocation_params.args])
            raise OptionError(
                f"--nnviz-accept says what an update may accept, so it needs --snapshot-update: {command}"
            )
        config.option.update_snapshots = config.option.update_new_snapshots_only = False
    return found


def marked(options: OptionsBase, kind: Kind, item: Any) -> OptionsBase:
    """The options of a fixture with what the markers of a test change; what they set for its other fixtures stays out.

    Raises:
        OptionError: an argument without a name, an option that no fixture of the test has, or a value that it does not
            take.
    """
    __tracebackhide__ = True
    own = OPTIONS[kind].names()
    known = list(dict.fromkeys([*own, *_options_of(item)]))
    for marker in reversed(list(item.iter_markers("nnviz"))):
        try:
            if marker.args:
                raise OptionError(f"{marker.args[0]!r} has no name; write name=value")
            refuse_unknown(marker.kwargs, known)
            options = options.using(**{key: value for key, value in marker.kwargs.items() if key in own})
        except OptionError as error:
            raise OptionError(f"@pytest.mark.nnviz of {item.nodeid}: {error}") from None
    return options


def _options_of(item: Any) -> Iterator[str]:
    """The options of all fixtures that a test uses."""
    for kind, options in OPTIONS.items():
        if kind.fixture in item.fixturenames:
            yield from options.names()


def _configured(config: Any) -> dict[str, object]:
    """What the project sets, by option: as it stands there, unknown keys too, as long as pytest shows that."""
    raw = _as_it_stands(config)
    if raw is not None:
        values = {**raw, **_overridden(config)}
        return {key.removeprefix(PREFIX): values[key] for key in values if key.startswith(PREFIX)}
    found = {key: config.getini(f"{PREFIX}{key}") for key in ini_keys()}
    return {key: value for key, value in found.items() if value is not None}


def _as_it_stands(config: Any) -> Mapping[str, object] | None:
    """The project's configuration without the types of pytest, which differ between its two forms of TOML."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated, with nothing in its place
        return getattr(config, "inicfg", None)


def _overridden(config: Any) -> dict[str, str]:
    """What ``-o`` sets, which the configuration of the project has too from pytest 9 on."""
    pairs = (text.partition("=") for text in config.getoption("override_ini", None) or ())
    return {key: value for key, _, value in pairs}


def _source(config: Any, key: str) -> str:
    given = f"{PREFIX}{key}" in _overridden(config)
    return "-o" if given or config.inipath is None else str(config.inipath)
