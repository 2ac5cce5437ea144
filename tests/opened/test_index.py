"""An opened index: what can be asked, and how hits show themselves."""

import builtins
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from marklens import Hits, Index
from marklens.core.errors import MarklensError, MissingExtraError, PictureError, UsageError
from marklens.opened.pictures import load
from marklens.opened.reasons import page_reason


@pytest.fixture(scope="module")
def opened(index: Path) -> Iterator[Index]:
    with Index.open(index) as opened:
        yield opened


def ids(hits: Hits) -> list[str]:
    return [hit.id for hit in hits]


def test_a_picture_may_be_a_file_its_bytes_an_array_or_of_pillow(opened: Index, marks: Path) -> None:
    path = marks / "mark0004.png"
    pixels = np.asarray(Image.open(path).convert("RGB"))
    pictures = [
        path,
        str(path),
        path.read_bytes(),
        pixels,
        np.dstack([pixels, np.full_like(pixels[..., 0], 255)]),
    ]
    pictures += [Image.open(path), Image.open(path).convert("CMYK").convert("RGB")]
    expected = opened.search(path)
    for picture in pictures[1:]:
        hits = opened.search(picture)
        assert ids(hits)[0] == "mark0004"
        assert hits[0].score == pytest.approx(expected[0].score, abs=2e-3)
    assert ids(opened.search(pixels[..., 0]))  # grey
    for wrong in (pixels.astype(float), pixels[None], 7, np.zeros((0, 3), np.uint8)):
        with pytest.raises(UsageError):
            opened.search(wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no file"):
        opened.search("nowhere.png")
    with pytest.raises(MarklensError, match="cannot be searched for"):
        opened.search(b"no picture")
    with pytest.raises(MarklensError, match="blank"):
        opened.search(np.full((50, 50), 255, np.uint8))


def test_deep_and_premultiplied_pictures_of_pillow_are_read_as_their_files(marks: Path) -> None:
    gray = np.full((60, 60), 255, np.uint8)
    gray[10:40, 15:50], gray[20:30, 20:30] = 0, 128
    expected = load(gray).pixels
    deep = gray.astype(np.uint16) * 257
    pictures = [
        Image.fromarray(deep.astype(np.int32)),
        Image.fromarray(gray.astype(np.float32) / 255),
        Image.frombytes("I;16", (60, 60), deep.astype("<u2").tobytes()),
        Image.frombytes("I;16B", (60, 60), deep.astype(">u2").tobytes()),
    ]
    alpha = np.where(gray == 255, 0, 255).astype(np.uint8)
    ink = np.where(gray == 255, 0, gray).astype(np.uint8)  # hidden black under the transparency
    clear = Image.merge("LA", (Image.fromarray(ink), Image.fromarray(alpha)))
    pictures += [
        clear,
        clear.convert("La"),
        *(clear.convert("RGBA").convert(mode) for mode in ("PA", "RGBa")),
    ]
    for picture in pictures:
        assert np.abs(load(picture).pixels.astype(int) - expected).max() <= 1, picture.mode


def test_a_picture_of_pillow_that_cannot_be_read_is_an_error_of_ours(marks: Path) -> None:
    cut = Image.open(io.BytesIO((marks / "mark0004.png").read_bytes()[:400]))
    for picture in (cut, Image.new("RGB", (0, 5)), Image.new("F", (5, 0))):
        with pytest.raises(MarklensError, match="cannot be searched for"):
            load(picture)


def test_what_is_asked_wrongly_is_told(opened: Index, marks: Path) -> None:
    picture = marks / "mark0002.png"
    wrong: list[dict[str, Any]] = [
        {"where": {"office": 5}}, {"vienna": 26}, {"vienna": [26]}, {"top": 2.5},
        {"weights": {"global": "1"}},
    ]  # fmt: skip
    for asked in wrong:
        with pytest.raises(UsageError):
            opened.search(picture, **asked)


def test_marks_to_which_nothing_that_counts_applies_are_left_out(opened: Index, marks: Path) -> None:
    picture = marks / "mark0002.png"  # has no words
    pixels = np.asarray(Image.open(picture).convert("L"))
    unread, gray = opened.search(picture, aspect="text", read=True), opened.search(pixels, aspect="colour")
    for hits, why in ((unread, "no name is given or legible"), (gray, "no colours to compare")):
        assert len(hits) == 0 and hits.note is not None and why in hits.note and "\n" not in hits.note
        assert hits.to_dict()["note"] == hits.note and hits.note in hits.to_html()
    named = opened.search(picture, aspect="text", text="acme", top=30)
    assert 0 < len(named) < 30 and all(hit.scores.text is not None for hit in named)
    assert [hit.rank for hit in named] == list(range(1, len(named) + 1))
    assert named.note is None and "note" not in named.to_dict()


def test_sounds_are_shown_where_a_picture_is_gone(own_index: Callable[[], Path], marks: Path) -> None:
    with Index.open(own_index()) as own:
        hits = own.search(marks / "mark0003.png", text="Kiwi", top=30)
        (hit,) = [hit for hit in hits if hit.id == "mark0003"]
        asking = hits.asking
        assert page_reason(own.engine, asking.result, hit.hit, asking.views) is not None
        own.engine.mark_views = gone  # type: ignore[method-assign]
        reason = page_reason(own.engine, asking.result, hit.hit, asking.views)
    assert reason is not None and reason.sounds and reason.mark is None


def gone(number: int) -> Any:
    raise PictureError("missing-file", "no such file")


def test_several_pictures_are_one_mark_and_the_best_counts(opened: Index, marks: Path) -> None:
    first, second = marks / "mark0003.png", marks / "mark0007.png"  # the first one has words
    both = opened.search([first, second], top=30)
    assert set(ids(both)[:2]) == {"mark0003", "mark0007"}
    alone = [{hit.id: hit.scores.global_ for hit in opened.search(one, top=30)} for one in (first, second)]
    for hit in both:
        assert hit.scores.global_ == pytest.approx(max(scores[hit.id] for scores in alone), abs=1e-5)
    kinds = [opened.search(one).asking.result.kinds for one in (first, second)]
    assert both.asking.result.kinds == kinds[0] + kinds[1]
    with pytest.raises(UsageError, match="one picture"):
        opened.search([first, second], crop="0,0,50,50")
    with pytest.raises(UsageError, match="nothing to search for"):
        opened.search([])


def test_the_reason_shows_the_picture_that_matched(opened: Index, marks: Path) -> None:
    first, second = marks / "mark0004.png", marks / "mark0007.png"
    (hit,) = [hit for hit in opened.search([first, second]) if hit.id == "mark0007"]
    patches = hit.explain().explained.patches
    assert patches is not None
    assert patches.row == len(opened.search(first).asking.views)
    assert "patches match" in repr(hit.explain())
    assert hit.explain()._repr_html_().count("<rect ") >= 2


def test_a_part_of_a_picture(opened: Index, marks: Path) -> None:
    sheet = np.full((600, 800, 3), 255, np.uint8)
    sheet[20:260, 30:270] = cv2.imread(str(marks / "mark0005.png"))[..., ::-1]
    for crop in ("30,20,240,240", (30, 20, 240, 240), "3.75%,3.3333%,30%,40%"):
        assert ids(opened.search(sheet, crop=crop))[0] == "mark0005"
    with pytest.raises(UsageError, match="crop"):
        opened.search(sheet, crop=(900, 0, 10, 10))


def test_a_mark_and_a_name_can_be_asked_for(opened: Index) -> None:
    hits = opened.search_mark("mark0006", top=3)
    assert (ids(hits)[0], len(hits)) == ("mark0006", 3)
    assert ids(opened.search_mark("MARK0006.PNG", top=3)) == ids(hits)
    assert "<rect " in hits[1].explain()._repr_html_()  # its views are made again from its picture
    assert "mark0006" in hits.to_html() and hits.to_dict()["query"]["mark_id"] == "mark0006"
    with pytest.raises(UsageError, match="no mark 'nobody'"):
        opened.search_mark("nobody")
    with pytest.raises(UsageError, match="says nothing"):
        opened.search_text("–")
    found = opened.search_text("acme")
    assert found.to_dict()["query"]["text"] == "acme"
    assert all("ac" in hit.name.lower() for hit in found)
    assert "data:image" not in opened.search_text("nobody is called so")._repr_html_()
    assert "acme" in found.to_html()


def test_weights_and_filters_are_checked(opened: Index, marks: Path) -> None:
    picture = marks / "mark0002.png"
    only = opened.search(picture, weights={"global": 1, "spatial": 0, "text": 0, "color": 0})
    assert all(hit.score == pytest.approx(hit.scores.global_) for hit in only)
    for weights in ({"shape": 1}, {"global": -1}, {"global": 0, "spatial": 0, "text": 0, "color": 0}):
        with pytest.raises(UsageError):
            opened.search(picture, weights=weights)
    for years in ((2001, 1999), "x"):
        with pytest.raises(UsageError, match="years"):
            opened.search(picture, years=years)
    assert len(opened.search(picture, years=1990)) == 0
    assert len(opened.search(picture, vienna="26.04", where={"office": "EM"})) == 0
    with pytest.raises(UsageError, match="top"):
        opened.search(picture, top=0)


def test_numbers_of_numpy_are_numbers(opened: Index, marks: Path) -> None:
    logo = marks / "mark0003.png"
    hits = opened.search(logo, top=np.int64(3), weights={"text": np.float32(0.5)})
    assert len(hits) == 3
    json.dumps(hits.record())
    with pytest.raises(UsageError, match="give numbers"):
        opened.search(logo, top=2.5)
    with pytest.raises(UsageError, match="give numbers"):
        opened.search(logo, weights={"text": "much"})


def test_aspects_are_weighed_alone(opened: Index, marks: Path) -> None:
    picture = marks / "mark0002.png"
    for hit in opened.search(picture, aspect="colour"):
        assert hit.score == pytest.approx(hit.scores.color)
    for hit in opened.search(picture, aspect="shape"):
        parts = hit.scores.global_, hit.scores.spatial
        assert parts[0] is not None and parts[1] is not None
        assert hit.score == pytest.approx((0.5 * parts[0] + 0.35 * parts[1]) / 0.85, abs=1e-5)
    for hit in opened.search(picture, aspect="text", text="acme"):
        assert hit.score == pytest.approx(hit.scores.text)
    usual, composite = opened.search(picture), opened.search(picture, aspect="composite")
    assert [hit.score for hit in usual] == [hit.score for hit in composite]
    for wrong in ({"aspect": "text"}, {"aspect": "colour", "rerank": False}, {"aspect": "taste"}):
        with pytest.raises(UsageError, match="aspect"):
            opened.search(picture, **wrong)  # type: ignore[arg-type]


def test_hits_are_a_sequence_that_shows_itself(opened: Index, marks: Path) -> None:
    hits = opened.search(marks / "mark0001.png", top=6)
    assert isinstance(hits[1:3], Hits) and ids(hits[1:3]) == ids(hits)[1:3]
    assert hits[-1].rank == 6 and len(list(hits)) == 6
    lines = repr(hits).splitlines()
    assert lines[0] == "6 hits for mark0001.png" and len(lines) == 8
    assert "mark0001" in lines[2] and max(map(len, lines)) < 110
    shown = hits._repr_html_()
    assert shown.count("data:image/webp") == 7 and shown.count("global") == 12
    assert "<script" not in shown and "http" not in shown
    assert repr(hits[0]).startswith("1. ") and hits[0]._repr_html_().count("data:image/webp") == 1
    nothing = "0 hits for mark0001.png: the filter leaves no mark"
    assert repr(opened.search(marks / "mark0001.png", years=1)) == nothing


def test_a_page_says_how_was_searched(opened: Index, marks: Path) -> None:
    picture = marks / "mark0001.png"
    page = opened.search(picture, aspect="colour", weights={"color": 1}, mirrored=True, rerank=True).to_html()
    for said in ("aspect colour", "weights color 1", "mirrored too"):
        assert f'<li class="strong">{said}</li>' in page
    assert '<li class="strong">' not in opened.search(picture).to_html()


def test_names_are_escaped(opened: Index, marks: Path, tmp_path: Path) -> None:
    evil = tmp_path / "<b onload=x>.png"
    evil.write_bytes((marks / "mark0001.png").read_bytes())
    hits = opened.search(evil)
    for shown in (hits._repr_html_(), hits.to_html()):
        assert "<b onload" not in shown and "&lt;b onload" in shown


def test_hits_are_the_same_where_their_marks_are(opened: Index, marks: Path) -> None:
    few, many = (opened.search(marks / "mark0001.png", top=top) for top in (2, 4))
    assert [hit for hit in many if hit not in few] == list(many[2:])
    assert len({*few, *many}) == 4 and few[0] != few[1] and few[0] != "mark0001"


def test_hits_become_a_table_of_pandas(opened: Index, marks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hits = opened.search(marks / "mark0001.png", top=4)
    table = hits.to_pandas()
    assert list(table["rank"]) == [1, 2, 3, 4] and list(table["id"]) == ids(hits)
    assert table["score_global"].between(0, 1).all() and set(table["mark_view"]) <= {
        "full",
        "figurative",
        "inner",
    }
    assert list(opened.search_text("acme").to_pandas().columns) == list(table.columns)
    assert hits[:0].to_pandas().shape == (0, len(table.columns))
    for each in (table, hits[:0].to_pandas(), opened.search_text("acme").to_pandas()):
        kinds = each.dtypes.astype(str)
        assert (kinds["rank"], kinds["year"], kinds["score_text"]) == ("int64", "Int64", "float64")
    assert table.nlargest(2, "score_global")["rank"].tolist() == [1, 2]

    known = builtins.__import__

    def without_pandas(name: str, *rest: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return known(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(MissingExtraError, match=r"pip install 'marklens\[notebook\]'"):
        hits.to_pandas()


def test_an_index_says_what_it_is(opened: Index) -> None:
    assert len(opened) == 30 and "30 marks" in repr(opened)
    assert opened.info()["counts"]["marks"] == 30 and opened.info()["bytes"] > 0
    with pytest.raises(UsageError, match="no index"):
        Index.open("nowhere")


def test_importing_marklens_loads_nothing() -> None:
    script = (
        "import sys, marklens\nheavy = {'numpy', 'cv2', 'faiss', 'pydantic', 'PIL', 'marklens.opened'}\n"
        "assert not heavy & set(sys.modules)\nassert marklens.Index and 'pandas' not in sys.modules\n"
        "try: marklens.nothing\nexcept AttributeError: pass\nelse: raise SystemExit(1)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_reasons_of_a_mirrored_mark_of_the_index_are_shown(opened: Index, marks: Path) -> None:
    hits = opened.search_mark("mark0004", top=30, mirrored=True)
    explained = [opened.engine.explain(hits.asking.result, hit) for hit in hits.asking.result.hits]
    rows = [reason.patches.row for reason in explained if reason.patches is not None]
    assert max(rows) >= len(hits.asking.engine.mark_views(hits.asking.result.hits[0].number))
    assert hits.to_html().count("<rect ") > 0
    assert all("<rect " in hit.explain()._repr_html_() for hit in hits[:3])
