"""What may stand in the place of a snapshot or beside it; names; file systems; neighbours."""

from __future__ import annotations

import io
import itertools
import os
import shutil
import socket
import sys
import unicodedata
from collections.abc import Callable, Iterator
from functools import partial, wraps
from pathlib import Path
from textwrap import dedent
from typing import Any

from faults import Faults
from forked import Ended, begin_pytest, end_of, run_pytest
from recording import NEW, OLD, Shelf, files_of, write
from scenarios import UPDATE, Scenario

__all__ = ["beside_each_other", "case_folded", "named", "of_workers", "planted", "removed"]

_FOLDER = "tests/__nnviz__/test_a"
_TEXTS = [f"{_FOLDER}/test_{stem}" for stem in ("first.nnviz", "kinds.nnsummary", "kinds.nnfilters")]
_PLACES = [*_TEXTS, f"{_FOLDER}/test_first.svg", f"{_FOLDER}/test_kinds.filters/conv.png", _FOLDER, "tests/__nnviz__"]
_FOLDERS = (_FOLDER, "tests/__nnviz__")


def _with_folder(path: Path) -> None:
    path.mkdir()
    (path / "mine.txt").write_text("mine")


def _socket(path: Path) -> None:
    os.chdir(path.parent)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    os.chdir("/")


def _unreadable(path: Path) -> None:
    path.mkdir(mode=0o000) if path.suffix == "" else path.write_bytes(b"")
    path.chmod(0)


THINGS: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a folder with files": _with_folder,
    "a pipe": os.mkfifo,
    "a socket": _socket,
    "a link to nothing": lambda path: path.symlink_to(path.parent / "nothing"),
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to a file outside": lambda path: path.symlink_to(_outside(path)),
    "a link to a device without end": lambda path: path.symlink_to("/dev/zero"),
    "a link to a pipe": lambda path: path.symlink_to(_pipe(path)),
    "an empty file": lambda path: path.write_bytes(b""),
    "a file of another program": lambda path: path.write_bytes(b"\x7fELF" + bytes(200)),
    "a file that may not be read": _unreadable,
}


def _outside(path: Path) -> Path:
    outside = path.anchor / _project_of(path).with_name("outside.txt")
    outside.write_text("not of this project")
    return outside


def _pipe(path: Path) -> Path:
    pipe = _project_of(path).with_name("a pipe outside")
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    return pipe


def _project_of(path: Path) -> Path:
    return next(above for above in path.parents if above.name.startswith("project-"))


def planted() -> Iterator[Scenario]:
    """Things in each place, met by a check and by an update."""
    for place, (thing, plant), update in itertools.product(_PLACES, THINGS.items(), (False, True)):
        name = f"{thing} in the place of {place}, {'an update' if update else 'a check'}"
        yield Scenario(name, partial(_plant, place, thing, plant, update))


def _plant(place: str, thing: str, plant: Callable[[Path], object], update: bool, shelf: Shelf) -> list[str]:
    where = shelf.project("planted")
    path = where / place
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = files_of(where)
    plant(path)
    ended = run_pytest(where, [UPDATE] if update else [], NEW if update else OLD, limit=20)
    found = shelf.complaints(before, _regular(files_of_regular(where), before, place))
    found += ["hangs"] if ended.hung else []
    found += [f"an internal error: {ended.out[-2000:]}"] if "INTERNALERROR" in ended.out else []
    found += _judged(place, ended, update)
    outside = where.with_name("outside.txt")
    if "outside" in thing and outside.read_text() != "not of this project":
        found.append("wrote through a link")
    if "folder with files" in thing and not (path / "mine.txt").exists():
        found.append("removed a file of the user's")
    if place in _FOLDERS and "link" not in thing:
        return found
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    return found + (shelf.heals(where) if update else [])


def _judged(place: str, ended: Ended, update: bool) -> list[str]:
    """A check of what cannot be read is no pass, and says so; pictures decide nothing."""
    picture = place.endswith((".svg", ".png"))
    if picture:
        return [f"a picture decides: {ended.out[-2000:]}"] if ended.status else []
    if ended.status == 0 and not update:
        return [f"passes: {ended.out[-2000:]}"]
    return _tracebacks(ended)


def _tracebacks(ended: Ended) -> list[str]:
    ours = [line for line in ended.out.splitlines() if line.startswith(("pytest_nnviz/", "../")) and ".py:" in line]
    return [f"a traceback of ours: {ended.out[-3000:]}"] if any("pytest_nnviz" in line for line in ours) else []


def files_of_regular(where: Path) -> dict[str, bytes]:
    """As `files_of`, of what can be read without waiting for ever."""
    found = [path for path in where.rglob("*") if "__nnviz__" in path.parts and not path.is_symlink()]
    return {str(path.relative_to(where)): path.read_bytes() for path in found if path.is_file()}


def _regular(after: dict[str, bytes], before: dict[str, bytes], place: str) -> dict[str, bytes]:
    """Without what was planted, and what stands below it."""
    return {name: data for name, data in after.items() if name != place and not name.startswith(f"{place}/")}


_ALL = (
    *("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe"),
    *("Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn"),
)


def _characters() -> dict[str, list[str]]:
    """Some of each category of Unicode."""
    found: dict[str, list[str]] = {category: [] for category in _ALL}
    for code in range(sys.maxunicode + 1):
        found[unicodedata.category(chr(code))].append(chr(code))
    return {category: characters[:400:37] + characters[-1:] for category, characters in found.items()}


_UNESCAPED = "disable_test_id_escaping_and_forfeit_all_rights_to_community_support = true"
_NAMED = """
    import pytest
    from stand_ins import net

    IDS = {ids}

    @pytest.mark.parametrize("p", range(len(IDS)), ids=IDS)
    def test_id(p, nnviz_snapshot):
        nnviz_snapshot(net(str(p)))

    @pytest.mark.parametrize("p", range(len(IDS)))
    def test_name(p, nnviz_snapshot, nnviz_summary):
        nnviz_snapshot.using(name="n" + IDS[p])(net(str(p)))
        nnviz_summary.using(name="n" + IDS[p])(net(str(p)), 1)
"""


def named() -> Iterator[Scenario]:
    """Tests and calls with names of each category of Unicode, and of every length up to 300."""
    sets = {f"category {name}": [f"a{c}b" for c in chars] + chars[:1] for name, chars in _characters().items()}
    for length in (59, 60, 61, 139, 140, 141, 254, 255, 256, 300):
        sets[f"{length} characters"] = [character * length for character in ("a", "\u00e4", "\u4e00", "\U0001f600")]
    sets["paths"] = ["../../up", "/etc/passwd", "C:\\x", "c:x", "a/../b", "\\\\host\\share", "~", "..", ".", "a/b\\c"]
    sets["devices"] = ["CON", "nul", "COM1", "aux.txt", "LPT9", "PRN.", "a.", "a "]
    for name, ids in sets.items():
        # Of surrogates pytest itself makes no id; it escapes them.
        yield Scenario(f"names: {name}", partial(_name, ids, "" if name.endswith("Cs") else _UNESCAPED))


def _name(ids: list[str], ini: str, shelf: Shelf) -> list[str]:
    where = shelf.project("named", "")
    shutil.rmtree(where)
    write(where, {"pytest.ini": f"[pytest]\n{ini}\n", "tests/test_n.py": dedent(_NAMED).format(ids=ascii(ids))})
    first = run_pytest(where, [UPDATE])
    stored = files_of(where)
    texts = [name for name in stored if name.endswith((".nnviz", ".nnsummary"))]
    found = [f"{first.status}: {first.out[-2000:]}"] if first.status else []
    found += [f"{len(texts)} texts of {3 * len(ids)} calls"] if len(texts) != 3 * len(ids) else []
    found += [f"{name} is too long, or leads out" for name in stored if not _is_sound(name)]
    found += ["names differ by case alone"] if len({name.casefold() for name in stored}) != len(stored) else []
    for args in ([], [UPDATE]):
        again = run_pytest(where, args)
        found += [] if again.status == 0 and "unused" not in again.out else [again.out[-2000:]]
        found += [] if files_of(where) == stored else ["files changed"]
    return found


def _is_sound(name: str) -> bool:
    path = Path(name)
    return path.parts[:3] == ("tests", "__nnviz__", "test_n") and len(path.name.encode()) <= 255


class CaseFolded:
    """A file system that keeps upper and lower case and does not tell them apart, below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.lists = os.listdir

    def install(self) -> None:
        """Let this process see files so from now on."""
        for name in ("stat", "lstat", "open", "unlink", "remove", "mkdir", "rmdir", "replace", "rename", "scandir"):
            setattr(os, name, self._folded(getattr(os, name), 2 if name in ("replace", "rename") else 1))
        io.open = self._folded(io.open, 1)  # type: ignore[assignment]

    def _folded(self, does: Callable[..., Any], paths: int) -> Callable[..., Any]:
        @wraps(does)
        def folded(*args: Any, **kwargs: Any) -> Any:
            return does(*map(self._there, args[:paths]), *args[paths:], **kwargs)

        return folded

    def _there(self, path: Any) -> Any:
        if not isinstance(path, str | os.PathLike):
            return path
        if not os.path.abspath(path).startswith(self.root + os.sep):  # noqa: PTH100 (links are not followed)
            return path
        found = self.root
        for part in Path(os.path.relpath(path, self.root)).parts:
            try:
                same = [name for name in self.lists(found) if name.casefold() == part.casefold()]
            except OSError:
                same = []
            found = f"{found}/{(same or [part])[0]}"
        return found


_CASES = """
    import os
    import pytest
    from stand_ins import net

    @pytest.mark.parametrize("p", [{one!r}, {other!r}])
    def test_id(p, nnviz_snapshot):
        nnviz_snapshot(net(p))

    def test_Name(nnviz_snapshot):
        nnviz_snapshot.using(name={one!r})(net(os.environ.get("MARK", "1")))
        nnviz_snapshot.using(name={other!r})(net("2"))

    def test_alone(nnviz_snapshot):
        nnviz_snapshot(net("3"))
"""


def case_folded() -> Iterator[Scenario]:
    """Names that such a file system takes for one: never are they kept in one file, or lost to each other."""
    for one, other in (("relu", "ReLU"), ("a", "A"), ("stra\u00dfe", "STRASSE"), ("\u00e4", "\u00c4"), ("x/Y", "X/y")):
        yield Scenario(f"a file system without case: {one} and {other}", partial(_fold, one, other))
    yield Scenario("a file system without case: the whole project", _fold_all)


def _fold(one: str, other: str, shelf: Shelf) -> list[str]:
    where = shelf.project("folded", "")
    shutil.rmtree(where)
    write(where, {"pytest.ini": f"[pytest]\n{_UNESCAPED}\n"})
    write(where, {"tests/test_c.py": dedent(_CASES).format(one=one, other=other)})
    ended = run_pytest(where, [UPDATE], before=CaseFolded(where).install)
    stored = files_of(where)
    texts = [name for name in stored if name.endswith(".nnviz")]
    apart = "/" in one  # those are told apart by a hash
    found = [] if len({name.casefold() for name in texts}) == len(texts) else ["two texts under one name"]
    found += [] if apart or ended.status else ["shared a file"]
    found += [] if ended.status == 0 or not apart else [ended.out[-2000:]]
    again = run_pytest(where, [UPDATE], before=CaseFolded(where).install)
    found += [] if files_of(where) == stored and "unused" not in again.out else ["a second update changed files"]
    return found + ([] if any("test_alone" in name for name in texts) else ["test_alone is not there"])


def _fold_all(shelf: Shelf) -> list[str]:
    where = shelf.project("folded")
    ended = run_pytest(where, [UPDATE], NEW, before=CaseFolded(where).install)
    return ([] if files_of(where) == shelf.new else ["not all is new"]) + ([ended.out] if ended.status else [])


def removed() -> Iterator[Scenario]:
    """Tests that were removed while a run is disturbed: what is deleted is theirs alone."""
    for phase, args in itertools.product(
        ("", "-x", "--co"), ((), ("tests/test_a.py",), ("-k", "first"), ("-m", "slow"))
    ):
        yield Scenario(f"tests removed, {phase} {' '.join(args)}", partial(_remove, [*filter(None, [phase]), *args]))


def _remove(args: list[str], shelf: Shelf) -> list[str]:
    where = shelf.project("removed")
    gone = [name for name in shelf.old if "test_some" in name]
    run_pytest(where, [UPDATE, *args], {**NEW, "REMOVED": "1"})
    return shelf.complaints(shelf.old, files_of(where), gone=gone)


def beside_each_other(times: int = 8) -> Iterator[Scenario]:
    """Two processes that record at once, one of them killed now and then."""
    for number in range(times):
        for fault in ("", "kill"):
            yield Scenario(f"two at once, {number} {fault}", partial(_twice, number, fault), faults=bool(fault))


def _twice(number: int, fault: str, shelf: Shelf) -> list[str]:
    where = shelf.project("twice")
    dies = Faults(where, fault, 11 * number + 5).install if fault else None
    children = [begin_pytest(where, [UPDATE], OLD), begin_pytest(where, [UPDATE], NEW, before=dies)]
    ended = [end_of(*child) for child in children]
    found = shelf.complaints(shelf.old, files_of(where))
    found += [] if fault or [each.status for each in ended] == [0, 0] else [each.out for each in ended]
    return found + shelf.heals(where)


def of_workers() -> Iterator[Scenario]:
    """Runs of several workers, one of which is killed at a step, ends in a test, or goes on."""
    for workers, (fault, at) in itertools.product(
        ("2", "4"), (("", -1), ("kill", 0), ("kill", 8), ("kill", 17), ("full", 9), ("interrupt", 10))
    ):
        name = f"-n {workers}, {f'{fault} at step {at} of the first' if fault else 'undisturbed'}"
        yield Scenario(name, partial(_work, workers, fault, at), faults=bool(fault))


def _work(workers: str, fault: str, at: int, shelf: Shelf) -> list[str]:
    where = shelf.project("worked")
    env = {**NEW, "FAULT": fault, "FAULT_AT": str(at)}
    ended = run_pytest(where, [UPDATE, "-p", "xdist", "-n", workers, "--max-worker-restart", "4"], env)
    found = shelf.complaints(shelf.old, files_of(where))
    found += [] if fault or ended.status == 0 else [ended.out]
    return found + (["hangs"] if ended.hung else []) + shelf.heals(where)
