"""Names of snapshot files: no two calls share one, every file system takes them, and they are found again."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import Project

from pytest_nnviz.naming import call_suffix, clean, owning_names, stem_of_test

WORKERS = {"serial": (), "xdist": ("-n", "2")}

ODD = r"""
    import pytest
    from stub_tracer import Net

    IDS = ["a/b", "a\\b", "ab", "..", "../../up", "a::b", "a:b", "a?b*c|d", '"<>', "a\nb", "", " ", "a b", "x.y", ".",
           "%41", "~", "a~b", "\u20ac", "CON", "a" * 90, "a" * 300, "\u4e00" * 90, "\u4e00" * 91, "p", "p][x", "[", "]"]

    @pytest.mark.parametrize("p", range(len(IDS)), ids=IDS)
    def test_odd(p, nnviz_snapshot):
        nnviz_snapshot(Net(p + 1))

    @pytest.mark.parametrize("p", ["p", "q"], ids=["p", "p][x"])
    def test_named(p, nnviz_snapshot):
        nnviz_snapshot(Net(1 if p == "p" else 2))
        for number, name in enumerate(["x", "x/y", "xy", "1", "a" * 200, "\u4e00" * 100]):
            nnviz_snapshot.using(name=name)(Net(3 + number))

    def test_UMLAUT(nnviz_snapshot):
        nnviz_snapshot(Net(20))

    def test_LONG(nnviz_snapshot):
        nnviz_snapshot(Net(21))

    class TestOuter:
        class TestInner:
            def test_it(self, nnviz_snapshot):
                nnviz_snapshot(Net(22))

    class TestHeir(TestOuter.TestInner):
        pass
""".replace("LONG", "long" * 50).replace("UMLAUT", "\u00e4")
COUNT = 28 + 2 * 7 + 2 + 2


@pytest.mark.parametrize("workers", list(WORKERS))
def test_odd_ids_are_stored_apart_and_found_again(workers: str, project: Project) -> None:
    unescaped = "disable_test_id_escaping_and_forfeit_all_rights_to_community_support = true"
    project.write("pytest.ini", f"[pytest]\n{unescaped}\nfilterwarnings = error\n")
    project.write("test_m.py", ODD)
    run = project.pytest("--snapshot-update", *WORKERS[workers])
    assert run.ret == 0, run.out
    assert f"{COUNT} snapshots generated." in run.out
    written = project.files()
    texts = [name for name in written if name.endswith(".nnviz")]
    assert len({name.casefold() for name in texts}) == COUNT
    assert all(Path(name).parent.as_posix() == "__nnviz__/test_m" for name in written)
    assert all(len(Path(name).name.encode()) <= 220 for name in written)
    for args in ((), ("--snapshot-update",))[: 2 - len(WORKERS[workers]) // 2]:
        run = project.pytest(*args, *WORKERS[workers])
        assert run.ret == 0, run.out
        assert f"{COUNT} snapshots passed." in run.out
    project.write("test_m.py", ODD.replace('"a/b", "a\\\\b", ', '"a/c", "a\\\\c", '))
    run = project.pytest("--snapshot-update", *WORKERS[workers])
    assert "2 snapshots generated. 2 unused snapshots deleted." in run.out.replace(
        f"{COUNT - 2} snapshots passed. ", ""
    )
    assert len(project.files()) == len(written)


@pytest.mark.parametrize("workers", list(WORKERS))
def test_calls_that_share_a_file_are_refused(workers: str, project: Project) -> None:
    project.write(
        "test_m.py",
        """
        import pytest
        from stub_tracer import Net

        def test_same_name(nnviz_snapshot):
            for width in (1, 2):
                nnviz_snapshot.using(name="x")(Net(width))

        def test_names_by_case(nnviz_snapshot):
            nnviz_snapshot.using(name="x")(Net(1))
            nnviz_snapshot.using(name="X")(Net(2))

        @pytest.mark.parametrize("p", ["relu", "ReLU"])
        def test_ids_by_case(p, nnviz_snapshot):
            nnviz_snapshot(Net(len(p)))

        @pytest.mark.parametrize("p", ["b", "B"])
        def test_without_snapshots(p):
            pass

        def test_as_many_as_it_likes(nnviz_snapshot):
            with pytest.raises(RuntimeError):
                nnviz_snapshot(Net(forward=raises))
            assert nnviz_snapshot(Net(3)) == nnviz_snapshot.using(mode="train")(Net(3))

        def raises():
            raise RuntimeError
        """,
    )
    run = project.pytest("--snapshot-update", *WORKERS[workers])
    assert "4 failed, 3 passed" in run.out, run.out
    assert "call 2 of test_m.py::test_same_name and call 1 of test_m.py::test_same_name share the snapshot" in run.out
    assert (
        "test_m.py::test_ids_by_case[relu] and test_m.py::test_ids_by_case[ReLU] differ in upper and lower" in run.out
    )
    assert {Path(name).stem for name in project.files()} == {
        "test_same_name[x]",
        "test_names_by_case[x]",
        "test_as_many_as_it_likes.1",
        "test_as_many_as_it_likes.2",
    }
    assert b"width=1" in project.files()["__nnviz__/test_m/test_same_name[x].nnviz"]


def test_modules_of_the_same_name_in_two_folders(project: Project) -> None:
    for folder in ("one", "two"):
        project.write(f"{folder}/__init__.py", "")
        source = f"import stub_tracer\n\ndef test(nnviz_snapshot): nnviz_snapshot(stub_tracer.Net(mark=\"'{folder}'\"))"
        project.write(f"{folder}/test_m.py", source)
    run = project.pytest("--snapshot-update")
    assert run.ret == 0, run.out
    assert {name for name in project.files() if name.endswith("z")} == {
        "one/__nnviz__/test_m/test.nnviz",
        "two/__nnviz__/test_m/test.nnviz",
    }


def test_cleaning_is_injective_and_keeps_what_is_legal() -> None:
    raw = [
        "a/b",
        "a\\b",
        "a_b",
        "ab",
        "a~b",
        "A",
        "a" * 200,
        "a" * 201,
        "e\u0301",
        "\u00e9",
        "\ud800",
        "\ud801",
        "",
        "a\0",
    ]
    cleaned = [clean(name, 100) for name in raw]
    assert len(set(cleaned)) == len(raw)
    assert all(len(name.encode()) <= 100 for name in cleaned)
    assert clean("TestA.test_b[x-1,y=2]", 100) == "TestA.test_b[x-1,y=2]"


def test_a_stem_names_every_test_that_may_own_it() -> None:
    item = SimpleNamespace(name="test_p[a.b]", parent=SimpleNamespace(obj=int, name="TestC", parent=None))
    stem = stem_of_test(item)
    assert stem == "TestC.test_p[a.b]"
    for index in (0, 1, 12, "name", "odd/name", "][", "." * 100):
        assert stem in owning_names(stem + call_suffix(index))
    assert "test_q" not in owning_names(stem)


def test_a_stem_holds_no_end_of_a_call() -> None:
    """So that a file of two pairs of brackets is that of a call with a name."""
    stems = {stem_of_test(SimpleNamespace(name=name, parent=None)) for name in ("test[a][b]", "test[a]", "test[a][x]")}
    assert len(stems) == 3
    assert not [stem for stem in stems if "][" in stem]


def test_a_test_without_the_fixture_is_no_rival(project: Project) -> None:
    source = "from stub_tracer import Net\ndef test_a({}): pass\ndef test_A(nnviz_snapshot): nnviz_snapshot(Net())"
    project.write("test_m.py", source.format(""))
    assert project.pytest("--snapshot-update").ret == 0
    project.write("test_m.py", source.format("nnviz_snapshot"))
    assert "differ in upper and lower case alone" in project.pytest().out


@pytest.mark.parametrize("workers", list(WORKERS))
def test_a_call_that_raises_keeps_its_number(workers: str, project: Project) -> None:
    """So that those after it are compared with their own snapshots, and an update overwrites no other's."""
    project.write(
        "test_m.py",
        """
        import os
        from stub_tracer import Net

        def raises():
            raise RuntimeError

        def test(nnviz_snapshot):
            for width in (4, 5, 6):
                try:
                    nnviz_snapshot(Net(width, forward=raises if str(width) in os.environ.get("BROKEN", "") else None))
                except RuntimeError:
                    pass
        """,
    )
    assert project.pytest("--snapshot-update").ret == 0
    stored = project.files()
    assert len(stored) == 6
    for broken in ("4", "5", "4 5"):
        for args in ((), ("--snapshot-update",)):
            run = project.pytest(*args, *WORKERS[workers], BROKEN=broken)
            assert run.ret == 0, run.out
            assert "unused" not in run.out
            assert project.files() == stored
