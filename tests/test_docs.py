"""The documentation is true: links lead somewhere, options and messages are those of the sources, commands run.

Held elsewhere: the tutorial (test_tutorial.py), ten drifts (drift_cases.py), what is traced how (test_catalogue.py),
the gallery (test_gallery.py). What its Python says is run by test_docs_snippets.py.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import documents
import pytest
import yaml
from conftest import Project
from documents import PAGES, ROOT, Fence, anchors, commands, fences, links, rows, section, spans

from pytest_nnviz import dumps, errors, gates
from pytest_nnviz import trace as trace_model
from pytest_nnviz.cli import main
from pytest_nnviz.cli.review import FAIL_ON
from pytest_nnviz.kinds import KINDS
from pytest_nnviz.options import OPTIONS, FilterOptions
from pytest_nnviz.options.summary import COL_NAMES, ROW_SETTINGS

OPTION_PAGE, TROUBLES = PAGES["docs/options.md"], PAGES["docs/troubleshooting.md"]
WORKFLOWS = sorted([*ROOT.glob("docs/examples/*.yml"), *ROOT.glob(".github/workflows/*.yml")])
CHOICES = {"gate": gates.GATES, "col_names": COL_NAMES, "row_settings": ROW_SETTINGS}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in links(PAGES[page]):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), link


def test_every_page_is_in_the_navigation() -> None:
    site = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), yaml.BaseLoader)
    listed = set(re.findall(r"[\w-]+\.md", str(site["nav"])))
    assert listed == {Path(page).name for page in PAGES if page.startswith("docs/")}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.fixture)
def test_options_stand_with_their_defaults_and_choices(kind: Any) -> None:
    default = OPTIONS[kind]()
    told = {ast.literal_eval(f'"{name[1:-1]}"'): cells for name, *cells in rows(section(OPTION_PAGE, kind.fixture))}
    assert list(told) == default.names()
    for name, (value, choices, _) in told.items():
        if name != "gate":
            found = ast.literal_eval(value.strip("`"))
            assert (found, type(found)) == (getattr(default, name), type(getattr(default, name))), name
        known = CHOICES.get(name, default._choices.get(name))
        if known is not None:
            assert tuple(map(ast.literal_eval, spans(choices))) == tuple(known), name


def helped(*command: str) -> set[str]:
    """The options that a command says it has."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit):
        main([*command, "--help"])
    return set(re.findall(r"--[a-z][a-z-]*", out.getvalue())) - {"--help"}


def test_options_of_the_command_line_stand_there() -> None:
    part = section(OPTION_PAGE, "pytest-nnviz")
    told = {command.split()[0].strip("`"): set(re.findall(r"--[a-z][a-z-]*", text)) for command, text in rows(part)}
    told["diff"] |= {"--image", "--expand", "--no-fold", "--parameters"} & told["show"]
    assert told == {command: helped(command) for command in ("show", "diff", "review", "checkpoint")}
    kinds = " ".join(row[0] for row in rows(section(PAGES["docs/cli.md"], "review")) if len(row) == 2)
    assert set(spans(kinds)) == set(FAIL_ON)


@pytest.fixture(scope="module")
def pytest_options(tmp_path_factory: pytest.TempPathFactory) -> str:
    project = Project(tmp_path_factory.mktemp("help") / "project")
    project.root.mkdir()
    return project.pytest("--help", COLUMNS="200").out


def test_options_of_pytest_stand_there_and_those_that_pages_name_exist(pytest_options: str) -> None:
    own = section(OPTION_PAGE, "On the command line of pytest")
    told = {option.strip("`"): spans(cells[-2] if len(cells) > 1 else "") for option, *cells in rows(own)}
    ours = dict(re.findall(r"^ +(--nnviz-[a-z]+)(?:=\{(.*?)\})?", pytest_options, re.MULTILINE))
    assert {key for key in told if key.startswith("--nnviz")} == set(ours)
    assert told["--nnviz-report"] == ours["--nnviz-report"].split(",")
    known = set(re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", pytest_options)) | {"--junitxml", "-qq", "-vv"}
    assert set(told) <= known
    for page, text in PAGES.items():
        blocks = [*fences(text), Fence("", "\n".join(spans(text)))]
        named = [word for block in blocks for words in commands(block, "pytest") for word in words]
        options = {word.partition("=")[0] for word in named if word.startswith("-")}
        assert options <= known, (page, options - known)


# Messages. Those that are put together have no text of their own: what stands in the sources of them.
COMPOSED = {
    **{f"{words}: ...": words for words in ("breaks checkpoints", "changes the function", "training only")},
    "recorded with ...; now ...": "recorded with ",
    "@pytest.mark.nnviz of ...: ... has no name; write name=value": "@pytest.mark.nnviz of ...: ...",
}


def texts_of_the_sources() -> Iterator[str]:
    """All texts in the package, with a NUL for each value that is put into one."""
    for path in (ROOT / "pytest_nnviz").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def begins(message: str) -> re.Pattern[str]:
    """What a text of the sources looks like that begins as a page says, ``...`` for a value or for any words."""
    return re.compile(".*?".join(map(re.escape, message.split("..."))), re.DOTALL)


def quoted_messages() -> list[str]:
    cells = [row[0] for row in rows(TROUBLES)]
    running = [span for span in spans(TROUBLES) if "..." in span and " " in span]
    return sorted({*running, *(span for cell in cells for span in spans(cell))})


def test_messages_that_the_page_quotes_are_those_of_the_sources() -> None:
    sources, messages = list(texts_of_the_sources()), quoted_messages()
    assert len(messages) > 60
    for message in messages:
        pattern = begins(COMPOSED.get(message, message))
        assert any(pattern.match(text) for text in sources), message


def test_every_error_has_a_place_and_says_so() -> None:
    known = [name for name in errors.__all__ if inspect.isclass(getattr(errors, name))]
    headings = re.findall(r"^### (\w+)$", TROUBLES, re.MULTILINE)
    assert sorted(headings) == sorted(known)


# Commands and files.


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_examples_of_ci_are_yaml_that_pins_what_it_runs(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert isinstance(yaml.safe_load(text), dict)
    check_actions(text)
    check_commands(Fence("yaml", text))


@pytest.mark.parametrize("page", PAGES)
def test_blocks_of_yaml_and_commands_of_pages(page: str) -> None:
    for block in fences(PAGES[page]):
        if block.language == "yaml":
            assert yaml.safe_load(block.text)
            check_actions(block.text)
        check_commands(block)
    for span in spans(PAGES[page]):
        for command in commands(Fence("", span), "pytest-nnviz"):
            if command and not command[0].startswith("-") and "..." not in span:
                assert {word for word in command if word.startswith("--")} <= helped(command[0]), span


def check_actions(text: str) -> None:
    for action in re.findall(r"uses: *(\S+)", text):
        if action.startswith("$/"):  # of this repository, at the commit that runs
            assert (ROOT / action.removeprefix("$/")) in WORKFLOWS, action
            continue
        assert re.fullmatch(r"[\w/.-]+@[0-9a-f]{40}", action), f"{action}: pin it by its digest"


def check_commands(block: Fence) -> None:
    """That the command line takes these arguments; they are run below."""
    from pytest_nnviz.cli.main import _parser

    for command in commands(block, "pytest-nnviz"):
        _parser().parse_args(command)


def git(where: Path, *command: str) -> None:
    identity = (
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "-c",
        "init.defaultBranch=main",
        "-c",
        "commit.gpgsign=false",
    )
    subprocess.run(["git", *identity, *command], cwd=where, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the pages speak of: snapshots in two versions, a checkpoint, a base to review from."""
    import documented_models
    from safetensors.torch import save_file

    from pytest_nnviz.filterbanks import dumps as dump_filters
    from pytest_nnviz.filterbanks.measuring import find

    stored = tmp_path / "tests/__nnviz__"
    models, filters = stored / "test_models/test_arch.nnviz", stored / "test_m/net.nnfilters"
    for folder in (models.parent, filters.parent):
        folder.mkdir(parents=True)
    git(tmp_path, "init")
    for name, model in documented_models.versions():
        text = dumps(trace_model(model, documented_models.X))
        (tmp_path / f"{name}.nnviz").write_text(text)
        (stored / "test_models/changing.nnviz").write_text(text)
        models.write_text(dumps(trace_model(documented_models.Arch(), documented_models.X8)))
        filters.write_text(dump_filters(find(documented_models.convolution(name)).measure(FilterOptions())))
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-m", name)
        if name == "old":
            git(tmp_path, "update-ref", "refs/remotes/origin/main", "HEAD")
            git(tmp_path, "checkout", "-b", "feature")
    save_file(documented_models.checkpoint(), tmp_path / "model.safetensors")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.setenv("COLUMNS", "110")
    return tmp_path


REPLACED = {
    "PATH": "tests/__nnviz__/test_models/changing.nnviz",
    "main:PATH": "origin/main:tests/__nnviz__/test_models/changing.nnviz",
    "origin/$GITHUB_BASE_REF": "origin/main",
    "origin/$BASE": "origin/main",
    "$CI_MERGE_REQUEST_DIFF_BASE_SHA": "origin/main",
}
PRINTED = ("show old.nnviz", "diff old.nnviz new.nnviz", "checkpoint model.safetensors")  # with the output of the page


def test_commands_of_pages_run_and_print_what_the_pages_say(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = [block for text in PAGES.values() for block in fences(text)]
    blocks += [Fence("yaml", path.read_text(encoding="utf-8")) for path in WORKFLOWS]
    ran = 0
    for block in blocks:
        for command in commands(block, "pytest-nnviz"):
            code = main([REPLACED.get(word, word) for word in command])
            done = capsys.readouterr()
            assert code in (0, 1), (command, done.err)
            if " ".join(command).startswith(PRINTED):
                said = block.text.partition("\n")[2]
                assert as_told(said).fullmatch(done.out.rstrip("\n")), f"{command} prints\n{done.out}"
            ran += 1
    assert ran >= 15


def as_told(said: str) -> re.Pattern[str]:
    """A page's output: a line of dots stands for any lines."""
    told = said.rstrip("\n").split("\n")
    lines = [r"(?:.*(?:\n|$))*?" if line.strip() == "..." else re.escape(line) + r"(?:\n|$)" for line in told]
    return re.compile("".join(lines))


def test_the_parts_of_a_page_are_found() -> None:
    """The reader of pages would notice what these tests look for."""
    page = "# A b\n\n[x](y.md#z) `pytest -x`\n\n```sh\n$ pytest-nnviz show 'a b' > out\n```\n\n| h |\n|---|\n| `c` |\n"
    assert anchors(page) == {"a-b"}
    assert links(page) == ["y.md#z"]
    assert spans(page) == ["pytest -x", "c"]
    assert list(commands(documents.fences(page)[0], "pytest-nnviz")) == [["show", "a b"]]
    assert list(rows(page)) == [["`c`"]]
    with pytest.raises(AssertionError):
        check_actions("- uses: actions/checkout@v4")
