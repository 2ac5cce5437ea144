"""The pages hold everything themselves, escape what they show, and survive missing pictures."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from marklens.core.types import Filter, Hit, Mark, Scores, View, ViewKind
from marklens.pages.cards import channels, origin
from marklens.pages.demo_page import DemoRow, demo_page
from marklens.pages.pictures import data_uri
from marklens.pages.rendering import duration
from marklens.pages.results_page import QueryOnPage, conditions, results_page

EVIL = '<script>alert("1")</script>'
BLUE = np.full((300, 200, 3), (20, 60, 200), np.uint8)
VIEWS = (ViewKind.FULL, ViewKind.FIGURATIVE)


class Elements(HTMLParser):
    """Collects every start tag with its attributes, and complains of tags that do not close."""

    VOID = frozenset({"meta", "link", "img", "circle", "path"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture
def mark(tmp_path: Path) -> Mark:
    path = tmp_path / "m1.png"
    Image.fromarray(BLUE).save(path)
    return Mark("m1", "m1.png", path, EVIL, ("26.04.01", "27.05.01"), 1999)


@pytest.fixture
def lost(tmp_path: Path) -> Mark:
    return Mark("lost", "x/<b>.png", tmp_path / "none.png", 'a" onload="x')


def hit(rank: int, mark: Mark) -> Hit:
    scores = Scores(global_=0.8, spatial=0.75, color=0.0)
    return Hit(rank, rank, mark, 1 - rank / 10, scores, VIEWS, words=mark.text)


def both_pages(mark: Mark, lost: Mark) -> list[str]:
    hits = [hit(1, mark), hit(2, lost)]
    view = View(ViewKind.FIGURATIVE, BLUE, np.ones((7, 7), bool))
    query = QueryOnPage(f"{EVIL}.png", mark.path, (view,), EVIL)
    narrow = Filter(("26",), (1990, 2000), {EVIL: "https://evil.example"})
    rows = [
        DemoRow(EVIL, BLUE, hits, frozenset({"m1"}), 1),
        DemoRow("lost", lost.path, hits, frozenset(), None),
        DemoRow("late", BLUE, hits, frozenset(), 37),
    ]
    return [
        results_page(query, hits, narrow, {"embed": 9.44, "total": 1234.5}, {"marks": EVIL}),
        demo_page(EVIL, {EVIL: EVIL}, rows, {"version": "1"}),
    ]


def test_everything_is_escaped(mark: Mark, lost: Mark) -> None:
    for page in both_pages(mark, lost):
        elements = Elements(page)
        assert elements.named("script") == []
        assert not any("onload" in attributes for _, attributes in elements.found)
        assert "&lt;script&gt;" in page


def test_nothing_is_loaded_from_anywhere(mark: Mark, lost: Mark) -> None:
    for page in both_pages(mark, lost):
        for _, attributes in Elements(page).found:
            for name in ("src", "href", "srcset", "action", "data", "poster"):
                assert (attributes.get(name) or "data:").startswith("data:")
        style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
        assert style
        assert "url(" not in style[1]
        assert "@import" not in style[1]


def test_every_picture_has_a_description_and_a_lost_one_a_placeholder(mark: Mark, lost: Mark) -> None:
    results, demo = (Elements(page) for page in both_pages(mark, lost))
    assert len(results.named("img")) == 3  # query, view, first hit
    assert len(demo.named("img")) == 5  # two queries, the first hit of three rows
    for elements, lost_pictures in ((results, 1), (demo, 4)):
        assert all(image["alt"] for image in elements.named("img"))
        missing = [span for span in elements.named("span") if span.get("class") == "missing"]
        assert len(missing) == lost_pictures


def test_the_results_page_shows_what_matters(mark: Mark, lost: Mark) -> None:
    page, _ = both_pages(mark, lost)
    for expected in (
        "Vienna 26", "years 1990–2000", "2 nearest marks", "figurative view",
            'full <span role="img" aria-label="against">', "27.05.01",
        "1999 · m1.png", "lost · x/&lt;b&gt;.png", "0.90", "width:75.0%", "9.4 ms", "1.23 s",
        "not legal advice",
    ):  # fmt: skip
        assert expected in page
    assert "<dt>colours</dt>" in page  # a score of 0 is a score
    assert "<dt>the name</dt>" not in page  # a channel that does not apply is left out
    assert not re.search(r"<span[^>]*aria-label[^>]*>", re.sub(r"<span[^>]*role=[^>]*>", "", page))


def test_the_demo_page_separates_failures_and_marks_the_right_brand(mark: Mark, lost: Mark) -> None:
    _, page = both_pages(mark, lost)
    found, failures = page.split("Where it still fails")
    assert found.count('class="right"') == 1
    assert "found first" in found
    assert "found at rank 37" in failures
    assert "not found" in failures
    assert "marklens index build" in failures


def test_a_search_without_hits_says_so() -> None:
    page = results_page(QueryOnPage("q.png", BLUE), [])
    assert "No mark was found." in page
    assert "no filter" in page
    assert "Widen" not in page
    assert "Widen the filter" in results_page(QueryOnPage("q.png", BLUE), [], Filter(vienna=("1",)))


def test_a_demo_without_failures_has_no_such_section() -> None:
    assert "Where it still fails" not in demo_page("t", {}, [DemoRow("q", BLUE, [], frozenset(), 1)])


def test_a_thumbnail_is_small_and_keeps_the_aspect(tmp_path: Path) -> None:
    import base64
    import io

    uri = data_uri(BLUE, 150)
    assert uri is not None
    header, _, body = uri.partition(",")
    assert header == "data:image/webp;base64"
    with Image.open(io.BytesIO(base64.b64decode(body))) as image:
        assert image.size == (100, 150)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    assert data_uri(tmp_path / "bad.png") is None


def test_words_for_people() -> None:
    assert [duration(ms) for ms in (0.44, 38.2, 1200)] == ["0.4 ms", "38 ms", "1.20 s"]
    assert conditions(Filter(("26", "27.05"), None, {"office": "EU"})) == [
        "Vienna 26 or 27.05",
        "office = EU",
    ]
    assert origin(Mark("7", "a/b.png", Path("b.png"))) == "7 · a/b.png"
    assert channels(Scores(text=0.0)) == (("text", 0.0),)
