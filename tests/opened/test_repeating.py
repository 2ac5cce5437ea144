"""A report carries what repeats it; the same search gives the same report."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.small_index import draw_marks

from marklens import Index
from marklens.cli.main import run
from marklens.core.errors import UsageError
from marklens.opened.record import compare
from marklens.opened.remembered import Record, read_record
from marklens.opened.repeating import repeat


@pytest.fixture
def logo(marks: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(marks / "mark0003.png", tmp_path / "my <logo>.png"))


def test_the_same_search_gives_the_same_report(
    index: Path, logo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    made = []
    for _ in range(2):
        with Index.open(index) as opened:
            hits = opened.search(logo, top=4, text="acme", years=None)
            document = hits.to_dict(explain=True)
            del document["timings_ms"]
            made.append((hits.to_html(), document))
    assert made[0] == made[1]
    assert "2001-09-09T01:46:40Z" in made[0][0]
    assert made[0][1]["record"]["date"] == "2001-09-09T01:46:40Z"


@pytest.mark.parametrize("kind", ["html", "json"])
def test_a_report_repeats_its_search(index: Path, logo: Path, tmp_path: Path, kind: str) -> None:
    with Index.open(index) as opened:
        hits = opened.search(
            logo, top=5, crop="0%,0%,100%,75%", aspect="shape", weights={"color": 0.1}, mirrored=True
        )
        report = tmp_path / f"report.{kind}"
        report.write_text(hits.to_html() if kind == "html" else json.dumps(hits.to_dict()), encoding="utf-8")
    again, changes = repeat(report, index)
    assert [hit.id for hit in again] == [hit.id for hit in hits]
    assert again.asking.question.weights == {"color": 0.1} and again.asking.question.mirrored
    assert changes.same_index and changes.same_model and changes.same_pictures
    assert changes.same_settings and changes.same_hits
    assert (changes.new, changes.gone) == ((), ())
    moved = logo.rename(tmp_path / "moved.png")
    with pytest.raises(UsageError, match="no file"):
        repeat(report, index)
    assert repeat(report, index, [moved])[1].same_pictures
    assert not repeat(report, index, [draw_marks(tmp_path / "other", 1, 7) / "mark0007.png"])[1].same_pictures


def test_marks_and_names_are_repeated_too(index: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with Index.open(index) as opened:
        for hits in (opened.search_mark("mark0005", top=3), opened.search_text("acme")):
            report.write_text(json.dumps(hits.to_dict()))
            assert repeat(report, index)[1].same_hits


def test_a_changed_index_is_told(
    own_index: Callable[[], Path], logo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, report = own_index(), tmp_path / "report.html"
    call = ["search", str(logo), "--index", str(own), "--top", "3", "--html", str(report)]
    assert run(call) == 0
    assert run(["index", "remove", "mark0003", "--index", str(own)]) == 0
    capsys.readouterr()
    assert run(["repeat", str(report), "--index", str(own)]) == 0
    told = capsys.readouterr().out
    assert "index: changed" in told and "network: the same" in told
    assert "hits: changed" in told and "gone: mark0003" in told
    assert run(["repeat", str(report), "--index", str(own), "--json"]) == 0
    changes = json.loads(capsys.readouterr().out)["changes"]
    assert changes["gone"] == ["mark0003"] and len(changes["new"]) == 1
    assert not changes["same_index"] and changes["same_pictures"]


def test_scores_that_round_otherwise_are_the_same(index: Path, logo: Path) -> None:
    with Index.open(index) as opened:
        record = opened.search(logo, top=2).record()
    near = {**record, "hits": [[id, score - 5e-5] for id, score in record["hits"]]}
    far = {**record, "hits": [[id, score - 5e-3] for id, score in record["hits"]]}
    before, near, far = (Record.model_validate(one) for one in (record, near, far))
    assert compare(before, near).same_hits and not compare(before, far).same_hits


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "<html></html>",
        "[1]",
        '{"a":' * 9999,
        '{"record": {"question": [], "hits": 1}}',
        '{"record": 3}',
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, index: Path, text: str) -> None:
    report = tmp_path / "report.txt"
    report.write_text(text)
    with pytest.raises(UsageError, match="no search to repeat"):
        read_record(report)
    with pytest.raises(UsageError, match="cannot be read"):
        read_record(tmp_path / "none.html")


def test_a_report_of_pixels_needs_the_picture(index: Path, marks: Path, tmp_path: Path) -> None:
    picture = marks / "mark0002.png"
    with Index.open(index) as opened:
        hits = opened.search(picture.read_bytes(), top=2)
    report = tmp_path / "report.json"
    report.write_text(json.dumps(hits.to_dict()))
    with pytest.raises(UsageError, match="give the picture"):
        repeat(report, index)
    assert repeat(report, index, [picture])[1].same_pictures  # the same bytes


def test_settings_are_the_report_s_where_it_had_none(
    index: Path, logo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "report.json"
    with Index.open(index) as opened:
        report.write_text(json.dumps(opened.search(logo, top=3, text="acme").to_dict()))
    monkeypatch.setenv("MARKLENS_SCORING__WEIGHT_TEXT", "50")
    hits, changes = repeat(report, index)
    assert hits.asking.engine.weights.text == 0.1
    assert changes.same_settings and changes.same_hits


def test_a_picture_of_pillow_or_an_array_is_the_same_as_its_file(
    index: Path, logo: Path, tmp_path: Path
) -> None:
    pixels = np.asarray(Image.open(logo).convert("RGB"))
    with Index.open(index) as opened:
        for number, picture in enumerate((Image.open(logo), pixels)):
            report = tmp_path / f"{number}.html"
            report.write_text(opened.search(picture, top=2).to_html())
            assert repeat(report, index, [logo])[1].same_pictures
    other = draw_marks(tmp_path / "other", 1, 7) / "mark0007.png"
    assert not repeat(report, index, [other])[1].same_pictures


def test_a_slice_is_repeated_as_far_as_it_reaches(index: Path, logo: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    with Index.open(index) as opened:
        hits = opened.search(logo)
        for part, last in ((hits[:3], 3), (hits[2:5], 5), (hits[2:][:1], 3), (hits[:0], 10), (hits[3:], 10)):
            assert part.record()["question"]["top"] == last
            report.write_text(part.to_html())
            again, changes = repeat(report, index)
            assert changes.same_hits and len(again) == last
            assert len(part.to_dict()["hits"]) == len(part)


GONE = object()
DAMAGES: list[tuple[tuple[Any, ...], Any]] = [
    (("hits",), GONE),
    (("hits", 0, 1), GONE),
    (("hits", 0, 1), "much"),
    (("question", "pictures", 0), None),
    (("question", "pictures", 0, "sha256"), GONE),
    (("question", "years"), [2000]),
    (("question", "weights"), {"global": None}),
    (("question", "where"), {"office": 5}),
    (("question", "aspect"), "taste"),
    (("question", "top"), -1),
    (("question", "vienna"), ["no code"]),
    (("settings", "scoring"), 4),
    (("settings", "scoring", "profile"), "mine"),
    (("weights", "global"), []),
]


@pytest.mark.parametrize(("place", "value"), DAMAGES)
def test_a_damaged_report_is_refused_in_one_line(
    index: Path, logo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    place: tuple[Any, ...], value: Any,
) -> None:  # fmt: skip
    with Index.open(index) as opened:
        document = opened.search(logo, top=2).to_dict()
    part: Any = document["record"]
    for step in place[:-1]:
        part = part[step]
    if value is GONE:
        del part[place[-1]]
    else:
        part[place[-1]] = value
    report = tmp_path / "report.json"
    report.write_text(json.dumps(document))
    capsys.readouterr()
    assert run(["repeat", str(report), "--index", str(index)]) == 2
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0 and "unexpected" not in said


def test_settings_of_another_version_are_left_out_and_told(
    index: Path, logo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Index.open(index) as opened:
        document = opened.search(logo, top=2).to_dict()
    document["record"]["settings"]["scoring"]["weight_smell"] = 1.0
    report = tmp_path / "report.json"
    report.write_text(json.dumps(document))
    capsys.readouterr()
    assert run(["repeat", str(report), "--index", str(index)]) == 0
    told = capsys.readouterr()
    assert "weight_smell" in told.err
    assert "settings: changed" in told.out and "hits: the same" in told.out
