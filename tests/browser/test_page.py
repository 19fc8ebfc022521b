"""What a person does with the page of a run: looks, searches, goes from change to change, compares, copies, prints."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from browser.conftest import HOSTILE

Visit = Callable[..., Page]
PHONE = {"width": 380, "height": 800}
CUT = "all => all.filter(each => each.scrollWidth > each.clientWidth).map(each => each.textContent)"
TARGETS = "button, .tabs label, summary, nav.list a, input:not([type=radio])"
TOPS = "all => all.map(each => Math.round(each.getBoundingClientRect().top))"
SMALLEST = 200  # pixels that a picture of a network has at least


def article(page: Page, words: str) -> Locator:
    return page.locator("article", has=page.locator("h2", has_text=words)).first


def go(page: Page, words: str) -> Locator:
    """The failure of these words, after its entry in the list was clicked."""
    page.locator("nav.list a", has_text=words).click()
    return article(page, words)


def place(page: Page, selector: str) -> list[str]:
    """How the pictures lie in their frames."""
    script = "all => all.filter(each => each.offsetParent).map(each => getComputedStyle(each).transform)"
    found: list[str] = page.locator(selector).evaluate_all(script)
    return found


def sideways(page: Page) -> int:
    """Pixels by which the page is wider than its window."""
    found: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return found


def test_it_opens_with_everything_in_sight(few: Path, visit: Visit) -> None:
    page = visit(few)
    expect(page).to_have_title("8 snapshots drifted")
    expect(page.locator("h1")).to_have_text("8 snapshots drifted")
    expect(page.locator("nav.list li")).to_have_count(7)  # two have one cause
    grave = page.locator("main h2").first
    expect(grave).to_contain_text("breaks checkpoints")
    page.evaluate("drawOn(list.shown)")  # what it does a second later
    expect(page.locator("article:visible .stage:not(.still) .both img")).to_have_count(5)  # of architectures
    broken = "all => all.filter(each => each.complete && !each.naturalWidth).length"
    assert page.locator("img").evaluate_all(broken) == 0
    picture = article(page, "kernel_size").locator(".both img").bounding_box()
    assert picture is not None
    assert min(picture["width"], picture["height"]) > SMALLEST


@pytest.mark.parametrize("which", ["gallery", "reviewed"])
def test_each_picture_is_seen(which: str, visit: Visit, request: pytest.FixtureRequest) -> None:
    """Of what stays, comes and goes too, which has one alone."""
    page = visit(request.getfixturevalue(which))
    page.evaluate("drawOn(list.articles)")
    kinds = {"gallery": ["passed"], "reviewed": ["added", "removed"]}[which]
    for kind in kinds:
        ones = page.locator(f"article[data-kind={kind}]")
        expect(ones.locator("img")).to_have_count({"passed": 5}.get(kind, 2))
        expect(ones.locator("noscript")).to_have_count(0)
        for image in ones.locator("img").all():
            box = image.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) > 100
    said = {"added": {"after", "conv1.0: after"}, "removed": {"before", "conv1.0: before"}}
    passed = {"the model", "conv1.0", "conv2.0", "the table"}
    for kind in kinds:
        found = page.locator(f"article[data-kind={kind}] figcaption, article[data-kind={kind}] .edits")
        assert set(found.all_inner_texts()) == said.get(kind, passed - {"the table"})
    expect(page.get_by_text("the two texts")).to_have_count(0)
    one = page.locator(f"article[data-kind={kinds[0]}]", has=page.locator(".live")).first
    one.get_by_text("text", exact=True).click()
    expect(one.locator(".texts pre")).to_be_visible()


def test_words_filter(few: Path, visit: Visit) -> None:
    page = visit(few)
    page.keyboard.press("/")
    page.keyboard.type("GATED add(")
    expect(page.locator("#found")).to_have_text("1 of 8")
    expect(page.locator("article:visible")).to_have_count(1)
    expect(page.locator("nav.list li:visible")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#search")).not_to_be_focused()
    expect(page.locator("#search")).to_have_value("GATED add(")
    page.locator("#search").fill("no model has this")
    expect(page.locator("#found")).to_have_text("none of 8")
    expect(page.locator("article:visible, nav.list li:visible")).to_have_count(0)
    page.locator("#search").fill("")
    expect(page.locator("nav.list li:visible")).to_have_count(7)


def test_the_list_names_what_is_shown_and_leads_there(few: Path, visit: Visit) -> None:
    page = visit(few)
    folded = page.locator("details.alike article")
    name = re.search(r"test_resnet\[\d+\]", folded.locator(".meta").text_content() or "")
    assert name is not None
    page.locator("#search").fill(name[0])
    entry = page.locator("nav.list a:visible")
    expect(entry).to_have_text(folded.locator("h2").text_content() or "")
    page.keyboard.press("Escape")
    page.keyboard.press("n")  # before any was marked
    expect(folded.locator(".where")).to_have_text("1 of 2")
    entry.click()
    expect(page.locator("article.here:visible")).to_have_count(1)
    expect(folded.locator("h2")).to_be_in_viewport()
    expect(entry).to_have_attribute("aria-current", "true")
    page.locator("#search").fill("")
    expect(folded).not_to_be_visible()
    expect(page.locator("nav.list a", has_text="kernel_size").first).to_contain_text("and in 1 more")


def test_what_leads_nowhere_and_what_finds_nothing_is_said(few: Path, visit: Visit) -> None:
    page = visit(few, "#f000000")
    expect(page.locator(".note")).to_contain_text("There is no f000000 on this page")
    page.locator("#search").fill("no model <b>")
    expect(page.locator(".note")).to_have_text("Nothing here has “no model <b>”.show all")
    page.get_by_role("button", name="show all").click()
    expect(page.locator(".note")).not_to_be_visible()
    expect(page.locator("#found")).to_have_text("8 of 8")
    page.locator("#search").fill("gated")
    hidden = page.locator("article:not(.alike article)", has=page.locator("h2", has_text="kernel_size"))
    page.evaluate("id => (location.hash = id)", hidden.first.get_attribute("id"))
    expect(page.locator("article.here h2")).to_be_in_viewport()
    expect(page.locator("#found")).to_have_text("8 of 8")


def test_what_is_folded_with_its_cause_is_found(few: Path, visit: Visit) -> None:
    page = visit(few)
    alike = page.locator("details.alike article")
    expect(alike).to_have_count(1)
    expect(alike).not_to_be_visible()
    name = re.search(r"test_resnet\[\d+\]", alike.locator(".meta").text_content() or "")
    assert name is not None
    page.locator("#search").fill(name[0])
    expect(page.locator("article:visible")).to_have_count(1)
    expect(alike).to_be_visible()


def test_consequences_filter(few: Path, visit: Visit) -> None:
    page = visit(few)
    chip = page.get_by_role("button", name="changes the function")
    count = int(chip.locator("b").inner_text())
    assert 0 < count < 8
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "true")
    expect(page.locator("article:visible")).to_have_count(count)
    expect(page.locator("#found")).to_have_text(f"{count} of 8")
    chip.click()
    expect(page.locator("#found")).to_have_text("8 of 8")


def test_keys_speak_of_what_was_just_chosen(few: Path, visit: Visit) -> None:
    page = visit(few)
    page.locator("nav.list a", has_text="kernel_size").evaluate(
        "link => { link.click(); dispatchEvent(new KeyboardEvent('keydown', { key: 'n' })); }"
    )  # before the browser tells that the address has changed
    expect(article(page, "kernel_size").locator(".where")).to_have_text("1 of 2")


def test_the_next_change_is_marked_told_and_linked(few: Path, visit: Visit) -> None:
    page = visit(few)
    one = go(page, "kernel_size")
    page.keyboard.press("n")
    expect(one.locator(".where")).to_have_text("1 of 2")
    expect(one.locator(".told")).to_contain_text("kernel_size 3 → 5")
    box, frame = one.locator(".both .spot").bounding_box(), one.locator(".both .canvas").bounding_box()
    assert box is not None
    assert frame is not None
    assert abs(box["x"] + box["width"] / 2 - frame["x"] - frame["width"] / 2) < 2
    assert abs(box["y"] + box["height"] / 2 - frame["y"] - frame["height"] / 2) < 2
    page.keyboard.press("n")
    expect(one.locator(".where")).to_have_text("2 of 2")
    again = visit(few, page.evaluate("location.hash"))
    expect(article(again, "kernel_size").locator(".where")).to_have_text("2 of 2")
    expect(article(again, "kernel_size").locator(".both .spot")).to_be_in_viewport()
    page.keyboard.press("n")
    expect(one.locator(".where")).to_have_text("1 of 2")
    page.keyboard.press("Shift+N")
    expect(one.locator(".where")).to_have_text("2 of 2")


def test_a_row_of_the_table_leads_to_the_picture(few: Path, visit: Visit) -> None:
    one = go(visit(few), "kernel_size")
    one.get_by_role("button", name="{layer1,layer3}.0.conv2").click()
    expect(one.locator(".told")).to_contain_text("layer1.0.conv2")
    expect(one.locator(".both .spot")).to_be_in_viewport()


def test_a_link_leads_to_a_failure(few: Path, visit: Visit) -> None:
    page = visit(few)
    link = page.locator("nav.list a", has_text="gate")
    page = visit(few, link.get_attribute("href") or "")
    expect(article(page, "gate").locator("h2")).to_be_in_viewport()
    expect(page.locator("article.here h2")).to_contain_text("gate")
    expect(page.locator("nav.list a[aria-current]")).to_have_text(link.inner_text())
    for unknown in ("#nothing", "#%E0%A4%A", "#f/9"):
        expect(visit(few, unknown).locator("article.here")).to_have_count(0)


def test_both_sides_move_together(few: Path, visit: Visit) -> None:
    page = visit(few)
    one = go(page, "kernel_size")
    sides = "article.here .side img"
    page.keyboard.press("2")
    expect(one.locator(".side .canvas")).to_have_count(2)
    start = place(page, sides)
    assert len(start) == 2
    one.get_by_role("button", name="Zoom in").click()
    zoomed = place(page, sides)
    assert zoomed[0] == zoomed[1] != start[0]
    frame = one.locator(".expected .canvas")
    frame.hover()
    page.mouse.down()
    page.mouse.move(300, 500, steps=3)
    page.mouse.up()
    dragged = place(page, sides)
    assert dragged[0] == dragged[1] != zoomed[0]
    frame.hover()
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    expect(frame.locator("img")).not_to_have_css("transform", dragged[0])
    turned = place(page, sides)
    assert turned[0] == turned[1] != dragged[0]
    frame.focus()
    page.keyboard.press("ArrowDown")
    assert place(page, sides)[1] != turned[1]
    one.get_by_role("button", name="fit").click()
    assert place(page, sides) == start
    page.keyboard.press("+")
    assert place(page, sides)[0] == place(page, sides)[1] != start[0]
    page.keyboard.press("0")
    assert place(page, sides) == start


def test_one_side_is_swiped_over_the_other(few: Path, visit: Visit) -> None:
    page = visit(few)
    one = go(page, "kernel_size")
    page.keyboard.press("3")
    boxes = [one.locator(f".{side} .canvas").bounding_box() for side in ("expected", "actual")]
    assert boxes[0] == boxes[1] is not None
    clip = "each => getComputedStyle(each).clipPath"
    assert one.locator(".expected").evaluate(clip) == "inset(0px 50% 0px 0px)"
    one.get_by_role("slider").press("Home")
    assert one.locator(".expected").evaluate(clip) == "inset(0px 100% 0px 0px)"


def test_sheets_of_filters_are_swiped(few: Path, visit: Visit) -> None:
    page = visit(few)
    one = article(page, "filter 2 of 16")
    expect(one.locator("figure:visible")).to_have_count(6)
    layer = one.locator(".views").first
    layer.get_by_text("swipe").click()
    expect(layer.locator("figure:visible")).to_have_count(3)
    below, above = (layer.locator(each).bounding_box() for each in (".both", ".actual"))
    assert below is not None
    assert above is not None
    assert below["y"] >= above["y"] + above["height"], "the difference stays in sight"
    line = "each => parseFloat(getComputedStyle(each, '::after').height)"
    assert layer.locator(".stage").evaluate(line) <= above["height"] + 1
    boxes = [layer.locator(f".{side} img").bounding_box() for side in ("expected", "actual")]
    assert boxes[0] == boxes[1] is not None
    layer.get_by_role("slider").press("End")
    assert layer.locator(".expected").evaluate("each => getComputedStyle(each).clipPath") == "inset(0px 0% 0px 0px)"


def test_the_texts_unfold(few: Path, visit: Visit) -> None:
    page = visit(few)
    one = go(page, "kernel_size")
    page.keyboard.press("4")
    expect(one.locator(".texts del").filter(has_text="kernel_size=3")).to_have_count(2)
    equal = one.locator(".texts details").first
    low = equal.evaluate("each => each.offsetHeight")
    equal.locator("summary").click()
    assert equal.evaluate("each => each.offsetHeight") > 5 * low
    expect(article(page, "table").locator(".pair pre")).to_have_count(2)


def test_keys_go_through_the_failures(few: Path, visit: Visit) -> None:
    page = visit(few)
    names = page.locator("main > article h2, main > section > article h2").all_inner_texts()
    seen = []
    for _ in range(9):
        page.keyboard.press("j")
        seen.append(page.locator("article.here h2").inner_text())
    assert seen == [*names, names[-1], names[-1]]
    page.keyboard.press("k")
    expect(page.locator("article.here h2")).to_have_text(names[-2])
    expect(page.locator("article.here h2")).to_be_in_viewport()
    expect(page.locator("article.here")).to_be_focused()
    page.keyboard.press("Control+j")  # the browser's own
    expect(page.locator("article.here h2")).to_have_text(names[-2])


def test_the_command_is_copied(few: Path, visit: Visit) -> None:
    page = visit(few)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    one = article(page, "gate")
    button = one.locator("[data-copy]")
    button.click()
    expect(button).to_have_text("copied")
    assert page.evaluate("navigator.clipboard.readText()") == "pytest --snapshot-update test_few.py::test_gated"
    expect(button).to_have_text("copy")


def test_a_rename_map_is_copied(few: Path, visit: Visit) -> None:
    page = visit(few)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    one = article(page, "renamed")
    one.get_by_text("keys of old checkpoints to rename").click()
    one.get_by_role("button", name="copy").last.click()
    assert "'W0.weight': 'encoder.weight'" in page.evaluate("navigator.clipboard.readText()")


def test_where_nothing_may_be_copied_it_is_selected(few: Path, visit: Visit) -> None:
    page = visit(few)
    page.evaluate("navigator.clipboard.writeText = () => Promise.reject(); document.execCommand = () => false")
    one = article(page, "gate")
    one.get_by_role("button", name="copy").click()
    expect(one.get_by_role("button", name="selected")).to_be_visible()
    assert page.evaluate("getSelection().toString()") == "pytest --snapshot-update test_few.py::test_gated"


def test_what_tries_to_be_markup_is_text(few: Path, visit: Visit) -> None:
    page = visit(few)
    expect(article(page, "<script>").locator(".meta")).to_contain_text(f"test_few.py::test_hostile[{HOSTILE}]")
    expect(page.locator("script")).to_have_count(1)
    page.locator("#search").fill("<script>alert(1)")
    expect(page.locator("article:visible")).to_have_count(1)
    page.keyboard.press("n")


def readable(page: Page) -> None:
    """Nothing that keeps anybody from reading what is in sight."""
    found = Axe().run(page, options={"resultTypes": ["violations"], "iframes": False})
    grave = [each for each in found.response["violations"] if each["impact"] in ("serious", "critical")]
    assert grave == [], found.generate_report()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [{}, PHONE], ids=["desk", "phone"])
def test_everybody_can_read_it(few: Path, visit: Visit, scheme: str, size: dict[str, int]) -> None:
    page = visit(few, color_scheme=scheme, **size)
    page.keyboard.press("j")
    page.keyboard.press("n")
    for key in "1234":
        page.keyboard.press(key)
        readable(page)


@pytest.mark.parametrize(("scheme", "size"), [("dark", PHONE), ("light", {})], ids=["phone", "desk"])
def test_everybody_can_read_a_review(reviewed: Path, visit: Visit, scheme: str, size: dict[str, int]) -> None:
    page = visit(reviewed, color_scheme=scheme, **size)
    page.evaluate("drawOn(list.shown)")
    assert sideways(page) == 0
    assert page.locator(".scroll:visible, .edits td:visible").evaluate_all(CUT) == []
    readable(page)
    page.locator("#search").fill("nothing has this")
    readable(page)


def test_it_is_dark_where_the_reader_is(few: Path, visit: Visit) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    assert visit(few, color_scheme="dark").evaluate(colour) == "rgb(13, 17, 23)"
    assert visit(few, color_scheme="light").evaluate(colour) == "rgb(255, 255, 255)"


KERNEL = ["kernel_size", "3", "5", "structure"]


def test_the_changes_are_a_table(few: Path, visit: Visit) -> None:
    page = visit(few)
    one = go(page, "kernel_size")
    heads = ["kind", "place", "what", "old", "new", "gate", "effect", "means"]
    expect(one.locator(".edits th")).to_have_text(heads)
    rows = one.locator(".edits tbody tr")
    expect(rows.nth(0).locator(".what, .old, .new, .gate")).to_have_text(KERNEL)
    expect(rows.nth(1).locator("td")).to_have_text(["padding", "1", "2", "structure"])
    expect(article(page, "text_encoder").locator(".source").last).to_contain_text("test_few.py:")
    for width in (760, 1000, 1180, 1400):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.locator(".scroll").evaluate_all(CUT) == []


def test_it_fits_a_phone(few: Path, visit: Visit) -> None:
    page = visit(few, has_touch=True, is_mobile=True, **PHONE)
    assert sideways(page) == 0
    for key in "1234":
        page.keyboard.press("j")
        page.keyboard.press(key)
        assert sideways(page) == 0
    assert page.locator(".scroll:visible, .edits td:visible").evaluate_all(CUT) == []
    low = "all => all.filter(each => each.getBoundingClientRect().height < 24).map(each => each.outerHTML)"
    assert page.locator(TARGETS).locator("visible=true").evaluate_all(low) == []
    one = article(page, "text_encoder")
    expect(one.locator(".edits .place").first).to_be_visible()
    assert len(set(one.locator(".edits tr:first-child :is(.what, .new)").evaluate_all(TOPS))) == 1, "kernel_size 3 -> 5"
    assert page.locator(".live .canvas").first.evaluate("each => getComputedStyle(each).touchAction") == "pan-y"


def test_it_prints_words_and_pictures(few: Path, visit: Visit, tmp_path: Path) -> None:
    page = visit(few, color_scheme="dark")
    page.keyboard.press("j")
    page.keyboard.press("3")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    one = article(page, "kernel_size")
    expect(one.locator(".both img")).to_be_visible()
    expect(one.locator(".edits")).to_be_visible()
    expect(one.locator("code").last).to_be_visible()
    expect(page.locator(".bar:visible, .tabs:visible, .stage:not(.still) .side:visible")).to_have_count(0)
    wide = "all => all.filter(each => each.getBoundingClientRect().right > innerWidth + 1).length"
    assert page.locator("img:visible").evaluate_all(wide) == 0
    assert len(page.pdf(path=tmp_path / "page.pdf")) > 50_000


def test_without_a_script_words_and_pictures_are_there(few: Path, visit: Visit) -> None:
    page = visit(few, java_script_enabled=False)
    one = article(page, "kernel_size")
    expect(one.locator(".both img")).to_be_visible()
    expect(one.locator(".edits tr").nth(1).locator(".what, .old, .new, .gate")).to_have_text(KERNEL)
    expect(page.locator(".bar, .tools, [data-copy], .tab-3, .spot").locator("visible=true")).to_have_count(0)
    one.get_by_text("side by side").click()
    expect(one.locator(".side img:visible")).to_have_count(2)
    one.locator("label", has_text="text").click()
    expect(one.locator(".texts del").first).to_be_visible()


SECONDS, BYTES = 2.0, 10_000_000


def test_thirty_models_open_at_once(thirty: Path, visit: Visit, record_property) -> None:
    page = visit(thirty)
    page.locator("#search").fill("resnet")  # it answers
    took = page.evaluate("performance.now()") / 1000
    loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") / 1000
    size = thirty.stat().st_size
    record_property("opened", f"{size / 1e6:.1f} MB, loaded in {loaded:.2f} s, answered at {took:.2f} s")
    expect(page.locator("h1")).to_have_text("30 snapshots drifted")
    expect(page.locator("article:visible").first).to_be_visible()
    assert took < SECONDS
    assert size < BYTES
    page.locator("#search").fill("")
    page.keyboard.press("Escape")
    for _ in range(10):
        page.keyboard.press("j")
    page.keyboard.press("n")
    expect(page.locator("article.here .where")).to_contain_text("1 of")
