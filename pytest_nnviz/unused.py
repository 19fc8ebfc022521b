"""Which stored snapshots a run may call unused: those whose tests it collected, ran and saw pass."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_nnviz.kinds import Kind, kind_of
from pytest_nnviz.naming import owning_names, stem_of_test

__all__ = ["RunRecord"]


class RunRecord:
    """What this process collected and ran.

    syrupy deletes what a run did not use. A run uses nothing of a test that was deselected, skipped, not reached,
    broken at import or that crashed, so that each of these would cost its baseline.

    Attributes:
        finishing: True once the tests are over; before, nothing can be judged.
        partial: True when pytest hides tests from collection (``--lf``), so that nothing can be judged at all.
    """

    def __init__(self, *, partial: bool) -> None:
        self.finishing = False
        self.partial = partial
        self._ran: set[tuple[Path, str]] = set()
        self._ended: set[tuple[Path, str]] = set()
        self._called: set[tuple[Kind, tuple[Path, str]]] = set()
        self._reached: set[str] = set()
        self._not_passed: set[str] = set()
        self._modules: set[str] = set()
        self._broken: set[str] = set()
        self._unopened: defaultdict[str, set[str]] = defaultdict(set)
        self._items: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        self._stems: dict[str, dict[str, list[Any]]] = {}
        self._claims: dict[str, str] = {}
        self._opened: set[str] = set()

    def collected(self, module: Path, nodeid: str, items: list[Any], classes: list[str]) -> None:
        """Note that ``nodeid`` (a module, or a class in it) was opened and holds these items and these classes."""
        key = _key(module)
        if "::" not in nodeid:
            self._modules.add(key)
        self._unopened[key].discard(nodeid)
        self._unopened[key].update(classes)
        self._items[key].update((item.nodeid, item) for item in items)
        self._stems.pop(key, None)

    def broken(self, module: Path) -> None:
        """Note that a module, or a class in it, could not be collected or was skipped as a whole."""
        self._broken.add(_key(module))

    def opens(self, module: str) -> bool:
        """Whether this is the first time that this module's snapshots are asked for."""
        first = module not in self._opened
        self._opened.add(module)
        return first

    def ran(self, item: Any) -> None:
        """Note that the body of a test ran; with ``--setup-only`` that of none does."""
        self._ran.add(_identity(item))

    def ended(self, item: Any) -> None:
        """Note that a test came to the end of its teardown."""
        self._ended.add(_identity(item))

    def reported(self, nodeid: str, outcome: str) -> None:
        """Note the outcome of a phase of whichever tests have this node id; one that is not a pass stays."""
        if outcome != "passed":
            self._not_passed.add(nodeid)

    def called(self, item: Any, place: Path) -> None:
        """Note that a test came to a call of its fixture, with this file, whether or not that call came to an end."""
        self._called.add((kind_of(place.suffix), _identity(item)))
        self._reached.add(str(place))

    def may_judge(self, location: Path) -> bool:
        """Whether a snapshot that nothing used may be called unused."""
        module = self._module_of(location.parent)
        if not self.finishing or self.partial or str(location) in self._reached:
            return False
        if module.exists() and not self._complete(_key(module)):
            return False
        stems = self._stems_of(_key(module))
        names = [name.casefold() for name in owning_names(location.stem)]
        owners = [item for name in names for item in (*stems.get(name, ()), *stems.get(f"{name}[", ()))]
        return all(self._tells(item, kind_of(location.suffix)) for item in owners)

    def rivals(self, item: Any, kind: Kind) -> list[str]:
        """Other tests with this kind's fixture whose files differ from this one's in upper and lower case alone."""
        stem = stem_of_test(item)
        same = self._stems_of(_key(item.path)).get(stem.casefold(), [])
        others = [other for other in same if other.nodeid != item.nodeid and _has_fixture(other, kind)]
        return [other.nodeid for other in others if not _is_same_by_a_link(other, item, stem)]

    def claim(self, path: Path, owner: str) -> str | None:
        """Reserve a file for a call; the other call that has it already, or None."""
        holder = self._claims.setdefault(str(path).casefold(), owner)
        return None if holder == owner else holder

    def _tells(self, item: Any, kind: Kind) -> bool:
        """Whether this run of a test shows which snapshots of a kind it uses: it passed, and called the fixture if it
        has it.
        """
        identity = _identity(item)
        if item.nodeid in self._not_passed or identity not in self._ended or identity not in self._ran:
            return False
        return (kind, identity) in self._called or not _has_fixture(item, kind)

    def _module_of(self, folder: Path) -> Path:
        """The file whose tests have their snapshots in a folder: a module, or what another plugin collects."""
        module = folder.parent.parent / f"{folder.name}.py"
        if module.exists() or not module.parent.is_dir():
            return module
        others = sorted(path for path in module.parent.iterdir() if path.stem == folder.name and path.is_file())
        return next((path for path in others if _key(path) in self._modules), (others or [module])[0])

    def _complete(self, key: str) -> bool:
        return key in self._modules and key not in self._broken and not self._unopened[key]

    def _stems_of(self, key: str) -> dict[str, list[Any]]:
        if key not in self._stems:
            stems: dict[str, list[Any]] = {}
            for item in self._items[key].values():
                stem = stem_of_test(item).casefold()
                stems.setdefault(stem, []).append(item)
                if _has_no_values(item):  # it stands for all that there are with values
                    stems.setdefault(f"{stem.partition('[')[0]}[", []).append(item)
            self._stems[key] = stems
        return self._stems[key]


def _has_fixture(item: Any, kind: Kind) -> bool:
    """Whether a test has a fixture, or may ask for it while it runs."""
    names = getattr(item, "fixturenames", ())
    return kind.fixture in names or ("request" in names and any(map(_asks, _functions_of(item))))


def _has_no_values(item: Any) -> bool:
    """Whether it is what pytest skips in the place of a test whose set of parameters is empty."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    return any(type(value).__name__ == "NotSetType" for value in params.values())


def _is_same_by_a_link(one: Any, other: Any, stem: str) -> bool:
    """Whether two items are one test, which a link leads to once more."""
    return one.path != other.path and stem_of_test(one) == stem


def _functions_of(item: Any) -> Iterator[Any]:
    """The function of a test and those of its fixtures."""
    yield getattr(item, "function", None)
    known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
    yield from (definition.func for definitions in known.values() for definition in definitions)


def _asks(function: Any) -> bool:
    """Whether a function says ``getfixturevalue`` itself."""
    codes = [getattr(inspect.unwrap(function), "__code__", None)] if function is not None else []
    for code in codes:
        if code is not None and "getfixturevalue" in code.co_names:
            return True
        codes += [inner for inner in getattr(code, "co_consts", ()) if inspect.iscode(inner)]
    return False


def _identity(item: Any) -> tuple[Path, str]:
    """Tells tests apart that have one node id, as those of two folders outside of the rootdir may."""
    return item.path, item.nodeid


def _key(module: Path) -> str:
    """The same module by whichever link it was reached."""
    return str(module.parent.resolve() / module.name)
