"""The page in a real Chromium: drop a picture, draw a part, see the reasons, save a report."""

import base64
import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import quick_service, running

from marklens.api.keys import add_key
from marklens.cli.main import run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Any, index: Path) -> Iterator[Any]:
    """The page of a service without keys; anything the browser complains of fails the test."""
    said: list[str] = []
    with running(quick_service(index)) as client:
        opened = browser.new_page(base_url=str(client.base_url), accept_downloads=True)
        opened.set_default_timeout(20_000)
        opened.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.goto("/")
        opened.wait_for_selector("#weight-global")
        yield opened
        opened.close()
    assert said == []


def drop(page: Any, picture: Path) -> None:
    """As a person drops a file from the desktop."""
    data = base64.b64encode(picture.read_bytes()).decode()
    page.evaluate(
        """([data, name]) => {
            const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
            const held = new DataTransfer();
            held.items.add(new File([bytes], name, { type: "image/png" }));
            document.getElementById("drop").dispatchEvent(
                new DragEvent("drop", { dataTransfer: held, bubbles: true, cancelable: true }));
        }""",
        [data, picture.name],
    )
    page.wait_for_selector("#hits .card")


def test_a_dropped_picture_is_searched_for(page: Any, marks: Path) -> None:
    drop(page, marks / "mark0003.png")
    assert page.locator("#hits .card").count() == 24
    assert "mark0003" in page.locator("#hits .card .origin").first.inner_text()
    page.locator("#hits .card img").first.wait_for()
    page.get_by_role("button", name="Show more").click()
    page.wait_for_function("() => document.querySelectorAll('#hits .card').length === 30")
    assert "not legal advice" in page.locator("footer").inner_text()


def test_a_part_is_drawn_and_searched_for(page: Any, marks: Path) -> None:
    drop(page, marks / "mark0003.png")
    with page.expect_request(lambda request: request.url.endswith("/search")) as asked:
        box = page.locator("#preview").bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.1)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.7, steps=4)
        page.mouse.up()
    assert asked.value.method == "POST"
    assert float(page.locator("#crop-w").input_value()) == pytest.approx(80, abs=2)
    assert float(page.locator("#crop-h").input_value()) == pytest.approx(60, abs=2)


def test_weights_rank_anew(page: Any, marks: Path) -> None:
    drop(page, marks / "mark0002.png")
    before = page.locator("#hits .origin").all_inner_texts()
    for name in ("global", "spatial", "text"):
        page.locator(f"#weight-{name}").fill("0")
    with page.expect_response(lambda answer: answer.url.endswith("/search")):
        page.locator("#weight-color").fill("1")
    page.wait_for_function(
        "before => [...document.querySelectorAll('#hits .origin')]"
        ".some((each, at) => each.innerText !== before[at])",
        arg=before,
    )


def test_reasons_lie_side_by_side(page: Any, marks: Path) -> None:
    drop(page, marks / "mark0003.png")
    page.locator("button.why").nth(1).click()
    page.locator("#reasons svg.overlay").nth(1).wait_for()
    assert page.locator("#reasons svg.overlay rect").count() >= 2
    page.keyboard.press("Escape")
    assert not page.locator("#reasons").is_visible()


def test_reasons_without_a_picture_still_tell_the_scores(page: Any, marks: Path) -> None:
    drop(page, marks / "mark0003.png")
    page.evaluate("() => { picture = async () => { throw new Error('the picture is gone'); }; }")
    page.locator("button.why").nth(1).click()
    page.locator("#reasons .channels").wait_for()
    assert "the picture is gone" in page.locator("#reasons").inner_text()


def test_more_hits_of_a_changed_index_are_asked_for_anew(page: Any, marks: Path) -> None:
    drop(page, marks / "mark0003.png")
    page.locator("#more").wait_for()
    page.evaluate("state.record = { ...state.record, index: 'another' }")
    page.locator("#more").click()
    page.wait_for_function("() => state.record.index !== 'another'")
    ids = page.evaluate("state.hits.map((hit) => hit.id)")
    assert len(ids) == len({*ids}) == 24


def test_the_same_file_can_be_chosen_twice(page: Any, marks: Path) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    for count in (1, 2):
        page.locator("#file").set_input_files(marks / "mark0003.png")
        page.wait_for_function("() => document.getElementById('status').textContent.endsWith('ms')")
        assert len(asked) == count
        page.evaluate("document.getElementById('status').textContent = ''")


def test_a_field_that_is_out_of_sight_tells_what_is_wrong(page: Any, marks: Path) -> None:
    drop(page, marks / "mark0003.png")
    page.evaluate(
        "document.getElementById('crop-w').value = '0.5'; document.getElementById('crop').open = false"
    )
    page.get_by_role("button", name="Search", exact=True).click()
    page.wait_for_function("() => document.getElementById('crop').open")


def test_controls_are_called_as_they_are_labelled(page: Any, marks: Path) -> None:
    drop(page, marks / "mark0003.png")
    for button in page.locator(".acts button").all():
        assert button.inner_text() in button.get_attribute("aria-label")
    boxes = page.locator(".acts label").all_inner_texts()
    assert len(boxes) == len({*boxes})


def test_a_name_is_searched_for_by_keyboard(page: Any) -> None:
    page.get_by_label("Name on the mark").fill("Nordlicht")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('status').textContent.endsWith('ms')")
    assert page.locator("#error").is_hidden()


def test_reports_hold_what_was_selected(page: Any, marks: Path) -> None:
    drop(page, marks / "mark0003.png")
    for place in (0, 2):
        page.locator("#hits input[type=checkbox]").nth(place).check()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Report (CSV)").click()
    table = Path(saved.value.path()).read_text(encoding="utf-8")
    assert table[0] == "\ufeff", "else Excel takes it for something else"
    rows = list(csv.DictReader(io.StringIO(table[1:])))
    assert [row["rank"] for row in rows] == ["1", "3"]
    with page.expect_download() as saved:
        page.get_by_role("button", name="Report (HTML)").click()
    report = Path(saved.value.path()).read_text()
    assert report.count("data:image/webp") == 3 and "not legal advice" in report  # the query's too


def test_a_saved_report_can_be_repeated(
    page: Any, marks: Path, index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(page, marks / "mark0003.png")
    page.locator("#hits input[type=checkbox]").nth(1).check()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Report (HTML)").click()
    saved.value.save_as(tmp_path / "report.html")
    again = [
        "repeat",
        tmp_path / "report.html",
        "--index",
        index,
        "--image",
        marks / "mark0003.png",
        "--json",
    ]
    assert run([str(word) for word in again]) == 0
    changes = json.loads(capsys.readouterr().out)["changes"]
    assert changes["same_pictures"] and changes["same_settings"] and changes["same_hits"], changes


def test_filters_hold_and_are_taken_back(page: Any, marks: Path) -> None:
    drop(page, marks / "mark0003.png")
    with page.expect_request("**/search") as asked:
        page.get_by_label("from year").fill("1990")
        page.get_by_label("to year").fill("1990")
        page.keyboard.press("Tab")
    assert asked.value.method == "POST"
    page.wait_for_function("() => told(state.asked).includes('years 1990-1990')")
    page.get_by_label("from year").fill("")
    page.get_by_label("to year").fill("")
    page.locator("#vienna").fill("26.04")
    page.keyboard.press("Tab")
    page.wait_for_function("() => told(state.asked) === 'vienna 26.04'")
    page.get_by_role("button", name="Remove 26.04").click()
    page.wait_for_function("() => told(state.asked) === 'no filter' && state.hits.length === 24")
    assert page.evaluate("() => document.activeElement.id") == "vienna"


def test_a_pasted_picture_is_searched_by_one_aspect(page: Any, marks: Path) -> None:
    data = base64.b64encode((marks / "mark0005.png").read_bytes()).decode()
    page.evaluate(
        """(data) => {
            const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
            const held = new DataTransfer();
            held.items.add(new File([bytes], "pasted.png", { type: "image/png" }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: held, bubbles: true }));
        }""",
        data,
    )
    page.wait_for_function("() => state.hits[0]?.id === 'mark0005'")
    page.locator("#aspect").select_option("shape")
    page.wait_for_function("() => state.asked.entries.some((each) => each.join('=') === 'aspect=shape')")
    assert page.locator("#weight-global").is_disabled()


def test_a_service_with_keys_asks_for_one(browser: Any, index: Path, tmp_path: Path) -> None:
    key = add_key(tmp_path / "keys.json", "desk", ["read"])
    with running(quick_service(index, tmp_path / "keys.json")) as client:
        opened = browser.new_page(base_url=str(client.base_url))
        opened.goto("/")
        opened.locator("#key").fill(key)
        opened.get_by_role("button", name="Go on").click()
        opened.wait_for_selector("#weight-global")
        opened.close()


def test_a_picture_without_a_size_is_shown(page: Any, tmp_path: Path) -> None:
    drawn = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><path d='M1 1h7L4 8z'/></svg>"
    (tmp_path / "mark.svg").write_text(drawn)
    page.locator("#file").set_input_files(tmp_path / "mark.svg")
    page.wait_for_selector("#hits .card")
    box = page.locator("#preview").bounding_box()
    assert box["width"] >= 100 and box["width"] == pytest.approx(box["height"], abs=2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page: Any, marks: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    page.emulate_media(color_scheme=scheme)
    drop(page, marks / "mark0003.png")
    found = axe.run(page)
    assert found.violations_count == 0, found.generate_report()
    page.locator("button.why").nth(1).click()
    page.locator("#reasons svg.overlay").nth(1).wait_for()
    found = axe.run(page)
    assert found.violations_count == 0, found.generate_report()


def test_it_fits_a_phone(page: Any, marks: Path) -> None:
    page.set_viewport_size({"width": 375, "height": 740})
    drop(page, marks / "mark0001.png")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_reasons_and_reports_are_of_the_search_that_found_the_hits(page: Any, marks: Path) -> None:
    drop(page, marks / "mark0003.png")
    page.get_by_role("button", name="Remove").click()
    page.evaluate("() => { $('text').value = 'Nordlicht'; }")  # typed, but not yet searched for
    page.locator("button.why").nth(1).click()
    page.locator("#reasons svg.overlay").nth(1).wait_for()
    page.keyboard.press("Escape")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Report (HTML)").click()
    report = Path(saved.value.path()).read_text()
    assert "Marks like mark0003.png" in report and "Nordlicht" not in report
    page.get_by_role("button", name="Show more").click()
    page.wait_for_function("() => document.querySelectorAll('#hits .card').length === 30")
    assert page.locator("#hits .rank").all_inner_texts() == [str(rank) for rank in range(1, 31)]


def test_only_sliders_that_were_moved_are_sent(page: Any, marks: Path) -> None:
    """A slider rounds what it shows: 0.405 would be searched for as 0.4."""

    def sent() -> list[str]:
        names: list[str] = page.evaluate("() => state.asked.entries.map((each) => each[0])")
        return [name for name in names if name.startswith("weight_")]

    drop(page, marks / "mark0002.png")
    assert sent() == []
    with page.expect_response(lambda answer: answer.url.endswith("/search")):
        page.locator("#weight-color").fill("0.5")
    page.wait_for_function("() => state.asked.entries.length > 1")
    assert sent() == ["weight_color"]


def test_the_newest_of_two_marks_is_searched_for(page: Any, marks: Path) -> None:
    """The picture of the first comes late; it must not take the place of the second."""
    drop(page, marks / "mark0003.png")
    ids = page.evaluate("() => state.hits.slice(1, 3).map((hit) => hit.id)")
    page.route(f"**/marks/{ids[0]}/picture", lambda route: (page.wait_for_timeout(800), route.continue_()))
    page.evaluate("() => { for (const at of [1, 2]) takeMark(state.hits[at]); }")
    page.wait_for_function("id => state.hits[0]?.id === id", arg=ids[1])
    page.wait_for_timeout(1200)
    assert page.locator("#name").inner_text() == ids[1]
    assert page.evaluate("() => [state.mark, document.activeElement.id]") == [ids[1], "results"]


def test_pages_end_where_the_service_does(browser: Any, index: Path, marks: Path) -> None:
    with running(quick_service(index, top=26)) as client:
        opened = browser.new_page(base_url=str(client.base_url))
        opened.goto("/")
        opened.wait_for_selector("#weight-global")
        drop(opened, marks / "mark0003.png")
        opened.get_by_role("button", name="Show more").click()
        opened.wait_for_function("() => document.querySelectorAll('#hits .card').length === 26")
        assert opened.locator("#more").is_hidden() and opened.locator("#error").is_hidden()
        opened.close()


def paste(page: Any, into: str, picture: Path, words: str) -> bool:
    """Paste a picture and words, as a spreadsheet's cell; whether the page took it for itself."""
    data = base64.b64encode(picture.read_bytes()).decode()
    return bool(
        page.evaluate(
            """([into, data, words]) => {
                const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
                const held = new DataTransfer();
                held.items.add(new File([bytes], "cell.png", { type: "image/png" }));
                held.setData("text/plain", words);
                const event = new ClipboardEvent("paste",
                    { clipboardData: held, bubbles: true, cancelable: true });
                document.querySelector(into).dispatchEvent(event);
                return event.defaultPrevented;
            }""",
            [into, data, words],
        )
    )


def test_a_spreadsheets_cell_is_text_in_a_field_and_a_picture_elsewhere(page: Any, marks: Path) -> None:
    drop(page, marks / "mark0003.png")
    assert not paste(page, "#text", marks / "mark0005.png", "Acme")
    assert page.locator("#name").inner_text() == "mark0003.png"
    assert paste(page, "main", marks / "mark0005.png", "Acme")
    assert page.locator("#name").inner_text() == "cell.png"


def test_words_that_are_dropped_are_left_to_the_browser(page: Any) -> None:
    taken = page.evaluate(
        """() => {
            const held = new DataTransfer();
            held.setData("text/plain", "Acme");
            const event = new DragEvent("drop", { dataTransfer: held, bubbles: true, cancelable: true });
            document.getElementById("text").dispatchEvent(event);
            return event.defaultPrevented;
        }"""
    )
    assert taken is False


def test_a_report_is_of_one_search_however_long_its_pictures_take(page: Any, marks: Path) -> None:
    page.route("**/thumbnail", lambda route: (page.wait_for_timeout(60), route.continue_()))
    drop(page, marks / "mark0003.png")
    page.locator("#mirrored").check()
    page.wait_for_function("() => state.asked.entries.some(([name]) => name === 'mirrored')")
    with page.expect_download() as saved:
        page.evaluate("() => { document.getElementById('report-html').click(); pictures.clear(); }")
        drop(page, marks / "mark0006.png")
    report = Path(saved.value.path()).read_text(encoding="utf-8")
    assert "Marks like mark0003.png" in report and "mirrored true" in report
    assert "mark0003" in report.split("<tr>")[2]


def test_more_after_a_change_is_of_the_changed_search(page: Any, marks: Path) -> None:
    drop(page, marks / "mark0003.png")
    page.locator("#hits .card img").nth(23).wait_for()  # or a busy machine's picture queue overflows
    with page.expect_response(lambda answer: answer.url.endswith("/search")):
        page.evaluate("() => { $('from').value = 2010; filtered(); $('more').click(); }")
    page.wait_for_function("() => state.asked.entries.some(([name]) => name === 'years')")
    assert page.locator("#hits .card").count() <= 24


def test_a_removed_picture_is_forgotten(page: Any, marks: Path) -> None:
    drop(page, marks / "mark0003.png")
    page.evaluate("() => { $('from').value = 2010; filtered(); }")
    page.get_by_role("button", name="Remove").click()
    page.wait_for_timeout(500)
    assert page.locator("#error").is_hidden() and page.locator("#name").inner_text() == "no picture yet"


def test_a_code_that_nobody_knows_is_told(page: Any) -> None:
    page.locator("#vienna").fill("no such thing")
    page.locator("#vienna").press("Tab")
    assert (
        page.evaluate("() => $('vienna').validationMessage")
        == "Choose a code from the list, or give its number."
    )
    page.locator("#vienna").fill("26")
    page.locator("#vienna").press("Tab")
    assert page.locator("#codes li").count() == 1


def test_a_key_copied_from_a_chat_opens_and_a_wrong_one_is_told(
    browser: Any, index: Path, tmp_path: Path
) -> None:
    token = add_key(tmp_path / "keys.json", "desk", ["read"])
    with running(quick_service(index, tmp_path / "keys.json")) as client:
        opened = browser.new_page(base_url=str(client.base_url))
        opened.goto("/")
        opened.locator("#key").fill("wrong")
        opened.get_by_role("button", name="Go on").click()
        opened.wait_for_function("() => $('door-wrong').textContent")
        assert "unknown" in opened.locator("#door-wrong").inner_text()
        opened.locator("#key").fill(f"\u200b{token}\u2026")
        opened.get_by_role("button", name="Go on").click()
        opened.wait_for_selector("#weight-global")
        opened.close()
