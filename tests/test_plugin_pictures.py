"""Pictures beside the texts and files of failures: written, told stale, healed, cleared, and never a verdict."""

from __future__ import annotations

import hashlib
import json
import os
from decimal import Decimal
from io import BytesIO
from math import ceil
from pathlib import Path, PurePosixPath

import pytest
from conftest import Project
from PIL import Image

from pytest_nnviz.artifacts import Artifacts
from pytest_nnviz.errors import ArtifactsError
from pytest_nnviz.pictures.digest import embed_in_png, embed_in_svg, read_digest
from pytest_nnviz.recap import Note, Recap
from pytest_nnviz.textformat import without_comments

WORKERS = {"serial": (), "xdist": ("-n", "2")}

TESTS = """
    import os

    import pytest
    from stub_tracer import Net

    @pytest.mark.parametrize("p", [1, 2])
    def test(p, nnviz_snapshot):
        nnviz_snapshot.using(
            images=os.environ.get("IMAGES", "svg"),
            images_check=os.environ.get("CHECK", "warn"),
            gate=set() if "NO_GATE" in os.environ else {"structure", "shapes", "parameters", "topology", "cost"},
        )(Net(int(os.environ.get("WIDTH", 4))))
"""
ROOT = "__nnviz__/test_m"
SVG = f"{ROOT}/test[1].svg"
PICTURES = {f"{which}.{suffix}" for which in ("expected", "actual", "diff") for suffix in ("svg", "png")}
LEFT = {"expected.nnviz", "actual.nnviz", "words.txt", "drift.json", "diff.mermaid", *PICTURES}


@pytest.fixture
def recorded(project: Project) -> Project:
    project.write("test_m.py", TESTS)
    assert project.pytest("--snapshot-update").ret == 0
    return project


def test_a_picture_carries_the_digest_of_its_text(recorded: Project) -> None:
    text = (recorded.root / ROOT / "test[1].nnviz").read_text()
    assert text.rstrip().splitlines()[-1].startswith("#")
    assert read_digest(recorded.root / SVG) == hashlib.sha256(without_comments(text).encode()).hexdigest()


@pytest.mark.parametrize("workers", list(WORKERS))
def test_stale_and_missing_pictures_are_one_warning_and_an_update_heals_them(workers: str, recorded: Project) -> None:
    fresh = recorded.files()
    (recorded.root / SVG).write_text(embed_in_svg("<svg>\n</svg>\n", "another"))
    (recorded.root / ROOT / "test[2].svg").unlink()
    run = recorded.pytest(*WORKERS[workers])
    assert run.ret == 0
    assert "2 passed, 1 warning" in run.out
    warned = " ".join(run.out.split())
    assert f"NNVizWarning: pictures that are missing or older than their text: {ROOT}/test[1].svg" in warned
    assert "redraw: pytest --snapshot-update 'test_m.py::test[1]' 'test_m.py::test[2]'" in warned
    run = recorded.pytest(*WORKERS[workers], "--snapshot-update")
    assert "2 snapshots passed." in run.out
    assert "warning" not in run.out
    assert recorded.files() == fresh


def test_another_depth_makes_another_picture(recorded: Project) -> None:
    old = read_digest(recorded.root / SVG)
    depth = ("-o", "nnviz_picture_depth=1")
    assert "NNVizWarning: pictures that are missing or older" in recorded.pytest(*depth).out
    assert "2 snapshots passed." in recorded.pytest(*depth, "--snapshot-update").out
    assert read_digest(recorded.root / SVG) != old
    assert "warning" not in recorded.pytest(*depth).out


def test_who_wants_stale_pictures_to_fail_can_have_it(recorded: Project) -> None:
    (recorded.root / SVG).unlink()
    run = recorded.pytest("-W", "error")
    assert run.ret == 1
    assert "2 passed" in run.out
    assert run.line("error: pictures that are missing or older")
    for quiet in ((), ("-n", "2")):
        run = recorded.pytest("-q", "-W", "error", "--no-summary", *quiet)
        assert run.ret == 1
        assert run.out.count("error: pictures that are missing or older") == 1
    run = recorded.pytest("-W", "error", "-W", "ignore::pytest_nnviz.errors.NNVizWarning")
    assert run.ret == 0, run.out
    run = recorded.pytest(CHECK="digest")
    assert "1 failed, 1 passed" in run.out
    assert f"SnapshotError: picture missing or older than its text: {SVG}" in run.out


def test_formats_come_and_go(recorded: Project) -> None:
    def suffixes() -> list[str]:
        return sorted(Path(name).suffix for name in recorded.files() if "[1]" in name)

    foreign = recorded.write(f"{ROOT}/test[2].png", "mine")
    for images, expected in (
        ("svg png", [".nnviz", ".png", ".svg"]),
        ("png", [".nnviz", ".png"]),
        ("off", [".nnviz"]),
        ("svg", [".nnviz", ".svg"]),
    ):
        if images != "svg png":
            foreign.write_text("mine")
        assert recorded.pytest("--snapshot-update", IMAGES=images, WIDTH=str(len(images))).ret == 0
        assert suffixes() == expected
    assert recorded.pytest(CHECK="digest", WIDTH="3").ret == 0
    assert foreign.read_text() == "mine"


@pytest.mark.parametrize("workers", list(WORKERS))
def test_without_an_engine_texts_decide_and_one_warning_says_so(workers: str, project: Project) -> None:
    project.write("test_m.py", TESTS)
    run = project.pytest("--snapshot-update", *WORKERS[workers], NNVIZ_STUB_NO_ENGINE="1")
    assert run.ret == 0
    assert "2 passed, 1 warning" in run.out
    warned = " ".join(run.out.split())
    assert "NNVizWarning: pictures could not be drawn for __nnviz__/test_m/test[1].nnviz, " in warned
    assert "DrawingError: no engine: nothing is installed that draws" in warned
    assert {Path(name).suffix for name in project.files()} == {".nnviz"}
    run = project.pytest(*WORKERS[workers], NNVIZ_STUB_NO_ENGINE="1", WIDTH="5")
    assert "2 failed, 1 warning" in run.out
    assert sorted(Path(name).name for name in project.files("nnviz-artifacts")) == sorted(
        [
            *2 * [".nnviz-files", "expected.nnviz", "actual.nnviz", "words.txt", "drift.json"],
            ".nnviz-files",
            "drift.json",
            "index.html",
            "summary.md",
        ]
    )


@pytest.mark.parametrize("workers", list(WORKERS))
def test_a_failure_leaves_its_files_and_a_pass_clears_them(workers: str, recorded: Project) -> None:
    stored = recorded.files()
    folder = recorded.root / "nnviz-artifacts/test_m/test[1]"
    run = recorded.pytest(*WORKERS[workers], WIDTH="5")
    assert run.line("artifacts nnviz-artifacts/test_m/test[1]")
    assert {path.name for path in folder.iterdir()} == {*LEFT, ".nnviz-files"}
    assert (folder / "expected.nnviz").read_bytes() == stored[f"{ROOT}/test[1].nnviz"]
    assert "width=5" in (folder / "actual.nnviz").read_text()
    assert (folder / "words.txt").read_text().startswith("breaks checkpoints: head weight")
    for name, side in (("diff", "both"), ("expected", "expected"), ("actual", "actual")):
        assert f"Drift, depth None, {side}" in (folder / f"{name}.svg").read_text()
    (folder / "notes.txt").write_text("mine")
    run = recorded.pytest(*WORKERS[workers])
    assert run.ret == 0
    assert list(recorded.files("nnviz-artifacts")) == ["nnviz-artifacts/test_m/test[1]/notes.txt"]
    assert not folder.with_name("test[2]").exists()


def test_the_drift_is_told_where_artifacts_cannot_be_written(recorded: Project) -> None:
    recorded.write("taken", "mine")
    (recorded.root / "link").symlink_to(recorded.root / "__nnviz__")
    for root, words in (
        ("taken", "not written: {root}/taken is a file; give --nnviz-artifacts a folder"),
        ("taken/below", "not written: {root}/taken/below/test_m/test[1] cannot be written: Not a directory"),
        ("__nnviz__/out", "not written: {root}/__nnviz__/out lies among the snapshots"),
        ("link/out", "not written: {root}/link/out lies among the snapshots"),
        ("/proc/nowhere", "not written: /proc/nowhere/test_m/test[1] cannot be written"),
    ):
        stored = recorded.files()
        run = recorded.pytest("--nnviz-artifacts", root, WIDTH="5")
        assert "2 failed" in run.out
        assert run.line("pytest_nnviz.errors.ArchitectureDrift: breaks checkpoints: head weight")
        assert words.format(root=recorded.root) in run.out, run.out
        assert "if intended: pytest --snapshot-update 'test_m.py::test[1]'" in run.out
        assert recorded.files() == stored
    assert recorded.pytest("--nnviz-artifacts", "taken/below").ret == 0
    assert (recorded.root / "taken").read_text() == "mine"


def test_real_pictures(project: Project) -> None:
    """With the drawing that is installed; the tracer alone is a stand-in."""
    project.write("test_m.py", TESTS)
    run = project.pytest("--snapshot-update", NNVIZ_REAL_DRAWING="1", IMAGES="svg png")
    assert run.ret == 0, run.out
    if "could not be drawn" in run.out:
        pytest.skip("no engine draws here")
    assert "<svg" in (project.root / SVG).read_text()
    run = project.pytest(NNVIZ_REAL_DRAWING="1", IMAGES="svg png", CHECK="digest")
    assert run.ret == 0, run.out
    project.pytest(NNVIZ_REAL_DRAWING="1", WIDTH="5")
    folder = project.root / "nnviz-artifacts/test_m/test[1]"
    assert {path.name for path in folder.iterdir()} == {*LEFT, ".nnviz-files"}
    assert all(
        (folder / f"{which}.png").read_bytes().startswith(b"\x89PNG") for which in ("expected", "actual", "diff")
    )


def repainted(path: Path) -> None:
    """Let the first row of a picture be another; its digest stays."""
    digest = read_digest(path)
    with Image.open(path) as image:
        painted = image.convert("RGB")
    painted.paste((1, 2, 3), (0, 0, painted.width, 1))
    file = BytesIO()
    painted.save(file, "PNG")
    path.write_bytes(embed_in_png(file.getvalue(), digest))


def test_pixels_that_differ_fail_where_that_is_asked_for_and_an_update_heals_them(project: Project) -> None:
    project.write("test_m.py", TESTS)
    real = {"NNVIZ_REAL_DRAWING": "1", "IMAGES": "svg png"}
    pixels = {**real, "CHECK": "pixels"}
    assert project.pytest("--snapshot-update", **real).ret == 0
    fresh = project.files()
    run = project.pytest(**pixels)
    assert run.ret == 0, run.out
    run = project.pytest(**pixels, NO_GATE="1", WIDTH="5")  # the pictures are those of the text that is kept
    assert run.ret == 0, run.out
    png, svg = project.root / f"{ROOT}/test[1].png", project.root / SVG
    repainted(png)
    with Image.open(png) as image:
        share, needed = 1 / image.height, images_tolerance(image.height)
    assert project.pytest(**real, CHECK="digest").ret == 0
    run = project.pytest(**pixels)
    assert "1 failed, 1 passed" in run.out
    assert f"test[1].png differs in {share:.4%} of its pixels; images_tolerance={needed} would have passed" in run.out
    folder = project.root / "nnviz-artifacts/test_m/test[1]"
    texts = {"expected.nnviz", "actual.nnviz", "words.txt", "drift.json"}
    pictures = {"expected.png", "actual.png", "diff.png"}
    assert {path.name for path in folder.iterdir()} == {".nnviz-files", *texts, *pictures}
    with Image.open(folder / "diff.png") as shown:
        assert shown.getpixel((5, 0)) == (214, 39, 40)
        assert shown.getpixel((5, 1)) == (255, 255, 255)
    assert project.pytest("-o", f"nnviz_images_tolerance={needed}", **pixels).ret == 0
    assert not folder.exists()
    svg.write_text(svg.read_text().replace("</svg>", " </svg>"))
    run = project.pytest("-o", "nnviz_images_tolerance=1", **pixels)
    assert (
        "SnapshotError: picture differs from how it is drawn now: test[1].svg is not the SVG that is drawn" in run.out
    )
    run = project.pytest("--snapshot-update", **pixels)
    assert run.ret == 0, run.out
    assert project.files() == fresh


def images_tolerance(height: int) -> str:
    """The next number of two digits above one row of a picture."""
    return f"{ceil(Decimal(1) / height * 10 ** (digits := 1 - (Decimal(1) / height).adjusted())) / 10**digits:g}"


def test_pixels_cannot_be_compared_without_an_engine(project: Project) -> None:
    project.write("test_m.py", TESTS)
    assert project.pytest("--snapshot-update").ret == 0
    run = project.pytest(CHECK="pixels", NNVIZ_STUB_NO_ENGINE="1")
    assert "2 failed" in run.out
    assert "SnapshotError: images_check='pixels' cannot draw to compare: no engine" in run.out


def test_pictures_are_drawn_only_where_pixels_are_compared(recorded: Project, tmp_path: Path) -> None:
    log = tmp_path / "drawn"
    for check in ("warn", "digest", "pixels"):
        assert not log.exists()
        assert recorded.pytest(CHECK=check, NNVIZ_STUB_DRAWN=str(log)).ret == 0
    assert log.read_text() == "svg\nsvg\n"


def test_folders_are_injective_and_stay_inside(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path / "out")
    modules = [
        "test_a.py",
        "a/test_a.py",
        "a.b/test_a.py",
        "../test_a.py",
        "../../test_a.py",
        "~up/test_a.py",
        "a b/t.py",
    ]
    folders = [artifacts.folder(PurePosixPath(module), "test").path for module in modules]
    assert len(set(folders)) == len(modules)
    assert all(folder.resolve().is_relative_to(tmp_path / "out") for folder in folders)
    assert folders[1] == tmp_path / "out/a/test_a/test"


def test_links_do_not_lead_out(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "expected.nnviz").write_text("mine")
    (outside / ".nnviz-files").write_text('["expected.nnviz"]')
    root = tmp_path / "out"
    (root / "test_m").mkdir(parents=True)
    (root / "test_m/test").symlink_to(outside)
    folder = Artifacts(root).folder(PurePosixPath("test_m.py"), "test")
    with pytest.raises(ArtifactsError, match="leads out of"):
        folder.open()
    folder.clear()
    assert (outside / "expected.nnviz").read_text() == "mine"
    (root / "test_m/test").unlink()
    folder.open()
    (folder.path / "expected.nnviz").symlink_to(outside / "expected.nnviz")
    folder.write("expected.nnviz", b"ours")
    assert (outside / "expected.nnviz").read_text() == "mine"
    assert (folder.path / "expected.nnviz").read_bytes() == b"ours"


def test_a_manifest_cannot_name_what_is_not_ours(tmp_path: Path) -> None:
    folder = Artifacts(tmp_path / "out").folder(PurePosixPath("test_m.py"), "test")
    folder.open()
    kept = [tmp_path / "out/victim", folder.path / "mine.txt"]
    for path in kept:
        path.write_text("mine")
    for manifest in ('["../../victim", "mine.txt"]', '{"a": 1}', "not json", "\0"):
        (folder.path / ".nnviz-files").write_text(manifest)
        folder.clear()
        folder.open()
    assert [path.read_text() for path in kept] == ["mine", "mine"]


def test_the_users_folder_stays_and_ours_go(tmp_path: Path) -> None:
    root = tmp_path / "out"
    root.mkdir()
    folder = Artifacts(root).folder(PurePosixPath("a/test_m.py"), "test")
    folder.clear()
    folder.open()
    folder.write("words.txt", b"words")
    assert json.loads((folder.path / ".nnviz-files").read_text()) == ["words.txt"]
    folder.open()
    assert os.listdir(folder.path) == [".nnviz-files"]  # noqa: PTH208 - names are what is compared
    folder.clear()
    assert list(tmp_path.iterdir()) == [root]
    assert list(root.iterdir()) == []


def test_files_of_the_user_under_our_names_stay(tmp_path: Path) -> None:
    folder = Artifacts(tmp_path / "out").folder(PurePosixPath("test_m.py"), "test")
    folder.path.mkdir(parents=True)
    (folder.path / "words.txt").write_text("mine")
    with pytest.raises(ArtifactsError, match=r"words\.txt is not ours; give --nnviz-artifacts another folder"):
        folder.open()
    folder.clear()
    assert [path.read_text() for path in folder.path.iterdir()] == ["mine"]


def test_a_run_leaves_files_of_the_user_under_its_names(recorded: Project) -> None:
    mine = recorded.write("art/test_m/test[1]/expected.svg", "mine")
    run = recorded.pytest("--nnviz-artifacts", "art", WIDTH="5")
    assert f"artifacts not written: {mine} is not ours; give --nnviz-artifacts another folder" in run.out
    assert recorded.pytest("--nnviz-artifacts", "art").ret == 0
    assert recorded.files("art") == {"art/test_m/test[1]/expected.svg": b"mine"}
    run = recorded.pytest("--nnviz-artifacts", "")
    assert run.ret == 4
    assert run.line("ERROR: --nnviz-artifacts: '' is no folder")


def test_an_empty_picture_is_drawn_anew(project: Project) -> None:
    """As a copy leaves it that was cut off: there is nothing in it to lose."""
    project.write("test_m.py", TESTS)
    empty = project.write(SVG, "")
    run = project.pytest("--snapshot-update")
    assert run.ret == 0
    assert "is not ours" not in run.out
    assert empty.read_text().startswith("<")


def test_a_picture_of_the_user_is_not_drawn_over(project: Project) -> None:
    project.write("test_m.py", TESTS)
    mine = project.write(SVG, "<svg>mine</svg>")
    run = project.pytest("--snapshot-update", IMAGES="svg png")
    assert run.ret == 0
    assert "test[1].svg is not ours" in run.out
    assert mine.read_text() == "<svg>mine</svg>"
    assert {Path(name).name for name in project.files()} == {
        f"test[{p}].{suffix}" for p in (1, 2) for suffix in ("nnviz", "svg", "png")
    }


@pytest.mark.parametrize(
    ("files", "tests", "selected"),
    [(1, 2, "'t_0.py::test[0]' 't_0.py::test[1]'"), (1, 12, "t_0.py"), (3, 4, "t_0.py t_1.py t_2.py"), (9, 1, "")],
)
def test_many_stale_pictures_are_redrawn_by_a_short_command(files: int, tests: int, selected: str) -> None:
    recap = Recap()
    for file in range(files):
        for test in range(tests):
            recap.add(Note("picture", f"{file}-{test:02}.svg", f"t_{file}.py::test[{test}]"))
    (warning,) = recap.warnings()
    shown, _, command = warning.partition("; redraw: ")
    assert command == f"pytest --snapshot-update {selected}".rstrip()
    assert shown.endswith(", ...") == (files * tests > 8)
