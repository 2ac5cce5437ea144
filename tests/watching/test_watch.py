"""A watch tells of each conflict once, and of nothing else."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.small_index import Silent, draw_mark, quick_settings
from tests.watching.conftest import Call
from tests.watching.filings import PLANTED, save, told, write_manifest

from marklens.assembly import open_engine
from marklens.core.images import decode
from marklens.core.resources import StopFlag
from marklens.datasets.opening import open_dataset
from marklens.watching.conflicts import Criteria
from marklens.watching.state_file import open_state
from marklens.watching.watcher import Watcher

Watch = Callable[..., dict[str, Any]]


class Page(HTMLParser):
    """The descriptions of the pictures on a page, the overlays and the links."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.pictures: list[str] = []
        self.overlays = self.foreign = 0
        self.links: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "img":
            self.pictures.append(str(known["alt"]))
            self.foreign += not str(known["src"]).startswith("data:image/webp;base64,")
        self.overlays += tag == "svg" and known.get("class") == "overlay"
        if tag == "a":
            self.links.append(str(known["href"]))


def pairs(answer: dict[str, Any]) -> dict[str, str]:
    return {found["filing"]["id"]: found["mark"]["id"] for found in answer["conflicts"]}


def test_the_first_run_tells_what_was_planted_and_the_second_nothing(watch: Watch, tmp_path: Path) -> None:
    first = watch()
    assert pairs(first) == PLANTED
    assert (first["checked"], first["known"]) == (7, 0)
    assert first["reports"] == [str(tmp_path / "report.html")]
    assert told(tmp_path / "report.csv") == dict.fromkeys(PLANTED.items(), 1)
    before = (tmp_path / "report.html").read_bytes()
    second = watch()
    assert (second["checked"], second["known"], second["conflicts"], second["reports"]) == (0, 8, [], [])
    assert (tmp_path / "report.html").read_bytes() == before


def test_only_a_new_filing_is_told(watch: Watch, filings: Path, tmp_path: Path) -> None:
    watch()
    save(filings / "sub" / "late.png", draw_mark(20)[5:, 5:])
    save(filings / "sub" / "copy4.png", draw_mark(501))  # another file of that name: ids of a folder change
    answer = watch()
    assert pairs(answer) == {"late": "M20"}
    assert answer["checked"] == 2
    assert answer["reports"] == [str(tmp_path / "report-2.html")]
    assert told(tmp_path / "report.csv", tmp_path / "report-2.csv").total() == 4


def test_a_filing_with_another_picture_is_another_filing(watch: Watch, filings: Path) -> None:
    watch()
    save(filings / "new0.png", draw_mark(2))
    assert pairs(watch()) == {"new0": "M2"}


def test_a_page_shows_both_pictures_and_what_matches(
    call: Call, portfolio: Path, filings: Path, tmp_path: Path
) -> None:
    known = {
        "text": "Acme <b>Shoes</b>", "owner": "=cmd()", "nice_classes": "025", "filing_date": "2026-07-30",
        "link": "javascript:alert(1)",
    }  # fmt: skip
    write_manifest(filings, [{"file": "copy4.png", "id": "N1", **known}])
    assert call("watch", filings, "--index", portfolio, "--out", "r.html", "--threshold", 0.8)[0] == 0
    page = Page(tmp_path / "r.html")
    assert page.pictures == ["Filing Acme <b>Shoes</b>", "Mark M4"]
    assert (page.foreign, page.overlays) == (0, 2)
    assert page.links == ["https://office.example/4"], "no script becomes a link"
    text = (tmp_path / "r.html").read_text()
    for said in ("2026-07-30", "ACME", "same Nice class 25", "earlier mark stands: Registered", "as a whole"):
        assert said in text
    assert "'=cmd()" in (tmp_path / "r.csv").read_text()


def test_a_broken_picture_costs_itself_and_is_told_once(
    watch: Watch, call: Call, portfolio: Path, filings: Path, tmp_path: Path
) -> None:
    err = call("watch", filings, "--index", portfolio, "--out", "report.html", "--threshold", 0.8)[2]
    assert "broken.png: not-a-picture" in err
    assert "broken.png" in (tmp_path / "report.html").read_text()
    assert watch()["faults"] == []
    save(filings / "broken.png", draw_mark(9))
    answer = watch()
    assert pairs(answer) == {"broken": "M9"}
    assert "Could not be looked at" not in (tmp_path / "report-2.html").read_text()


def test_half_a_character_in_a_filing_costs_nothing(watch: Watch, filings: Path, tmp_path: Path) -> None:
    rows = [
        {"file": "copy4.png", "id": "a\ud83d", "text": "Acme \ud83d", "owner": "Acme \ud83d Ltd"},
        {"file": "negative7.png"},
    ]
    write_manifest(filings, rows)
    assert set(pairs(watch())) == {"a\ufffd", "negative7"}
    assert "Acme \ufffd Ltd" in (tmp_path / "report.csv").read_text()
    assert watch()["known"] == 2


def test_filings_of_before_a_day_are_passed_over(watch: Watch, filings: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"file": "copy4.png", "filing_date": "2026-07-31"},
        {"file": "negative7.png", "filing_date": "2026-08-01"},
        {"file": "tinted11.png", "year": 2026},
        {"file": "new0.png", "year": 2025},
        {"file": "new1.png"},
    ]
    write_manifest(filings, rows)
    answer = watch("--since", "2026-08-01")
    assert (answer["checked"], answer["before_since"]) == (3, 2)
    assert set(pairs(answer)) == {"negative7", "tinted11"}
    assert set(pairs(watch("--since", "2026"))) == {"copy4"}


def test_the_threshold_decides(watch: Watch) -> None:
    everything = watch("--threshold", "0", "--top", "2", "--state", "a.sqlite", out="a.html")
    assert {found["left_out"] for found in everything["conflicts"]} == {28}
    assert "28 more marks" in Path("a.html").read_text()
    assert len(everything["conflicts"]) == 14
    assert watch("--threshold", "1", "--state", "b.sqlite", out="b.html")["conflicts"] == []
    scores = [found["score"] for found in everything["conflicts"]]
    assert sum(score >= 0.8 for score in scores) == 3


def test_other_settings_look_again_only_when_asked(watch: Watch, call: Call, portfolio: Path) -> None:
    watch("--threshold", "1")
    again = watch()
    assert (again["checked"], again["outdated"]) == (0, {"filings": 8, "differs": ["threshold"]})
    err = call("watch", "new", "--index", portfolio, "--out", "report.html", "--threshold", 0.8)[2]
    assert err.splitlines()[-1].endswith(
        "8 filings looked at before with another threshold: --recheck looks at them again"
    )
    assert pairs(watch("--recheck")) == PLANTED
    assert watch("--recheck")["checked"] == 0, "all were looked at in this way by now"
    wider = watch("--recheck", "--threshold", "0", "--top", 2)
    assert len(wider["conflicts"]) == 14, "what was told is not told again, and takes no place"


def test_what_was_told_takes_no_place_of_what_is_new(watch: Watch) -> None:
    before = watch("--threshold", "0", "--top", "1")
    after = watch("--recheck", "--threshold", "0", "--top", "2")
    filings = [found["filing"]["id"] for found in before["conflicts"]]
    assert filings and set(filings) <= {found["filing"]["id"] for found in after["conflicts"]}
    told = {(found["filing"]["id"], found["mark"]["id"]) for found in before["conflicts"]}
    assert not told & {(found["filing"]["id"], found["mark"]["id"]) for found in after["conflicts"]}


def test_a_state_is_of_one_portfolio(
    watch: Watch, call: Call, portfolio: Path, filings: Path, tmp_path: Path
) -> None:
    watch()
    moved = tmp_path / "moved"
    moved.symlink_to(portfolio)
    asked = ("watch", filings, "--index", moved, "--out", "report.html", "--threshold", 0.8)
    status, out, err = call(*asked)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"a watch over {portfolio}" in err and "--state" in err
    assert call(*asked, "--recheck")[0] == call(*asked)[0] == 0
    assert "moved" in call(*asked[:3], portfolio, *asked[4:])[2]


def test_a_page_says_what_it_takes_to_repeat_the_watch(watch: Watch, tmp_path: Path) -> None:
    watch("--name-threshold", "0.9", "--where", "owner=ACME", "--since", "2020", "--read")
    page = (tmp_path / "report.html").read_text()
    facts = dict(re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", page))
    assert facts.keys() >= {"index", "network", "date", "Marklens", "names", "filings looked at in this run"}
    assert (facts["portfolio"], facts["filed since"]) == ("owner = ACME", "2020-01-01")
    assert (facts["threshold"], facts["name threshold"]) == ("0.8", "0.9")


def test_only_marks_of_the_portfolio_count(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("M4\n\nM5\nnobody\n")
    assert pairs(watch("--portfolio", "ids.txt", "--state", "a.sqlite", out="a.html")) == {"copy4": "M4"}
    found = watch("--where", "owner=ACME", "--vienna", "26", "--state", "b.sqlite", out="b.html")
    assert pairs(found) == {"negative7": "M7"}


def test_names_that_sound_alike_are_conflicts_if_asked_for(
    call: Call, watch: Watch, filings: Path, tmp_path: Path
) -> None:
    from tests.small_index import build

    rows = [
        {"file": "a.png", "id": "A", "text": "Kwik Kopy"},
        {"file": "b.png", "id": "B", "text": "Nordlicht"},
    ]
    marks = write_manifest(tmp_path / "named", rows)
    for number, row in enumerate(rows):
        save(marks / row["file"], draw_mark(700 + number))
    build(tmp_path / "index", marks)
    write_manifest(filings, [{"file": "new0.png", "text": "Quick Copy"}, {"file": "new1.png", "text": "–"}])
    for name, options in {"a": (), "b": ("--name-threshold", "0.7")}.items():
        out = f"{name}.html"
        options = (*options, "--state", f"{name}.sqlite")
        assert call("watch", filings, "--index", "index", "--out", out, "--threshold", 0.9, *options)[0] == 0
    assert told(tmp_path / "a.csv") == {}
    assert told(tmp_path / "b.csv") == {("new0", "A"): 1}
    assert "sounds" in (tmp_path / "b.html").read_text()


def test_an_empty_page_gives_its_place_to_a_report(watch: Watch, filings: Path, tmp_path: Path) -> None:
    (filings / "broken.png").unlink()
    assert watch("--threshold", "1")["reports"] == [str(tmp_path / "report.html")]
    assert "0 new conflicts" in (tmp_path / "report.html").read_text()
    assert watch("--recheck")["reports"] == [str(tmp_path / "report.html")]
    assert told(tmp_path / "report.csv").total() == 3


def test_a_page_of_faults_keeps_its_place(watch: Watch, tmp_path: Path) -> None:
    watch("--threshold", "1")
    assert watch("--recheck")["reports"] == [str(tmp_path / "report-2.html")]
    assert "broken.png" in (tmp_path / "report.html").read_text()


def test_cron_can_tell_by_the_exit_status(watch: Watch) -> None:
    watch("--fail-on-new", status=3)
    watch("--fail-on-new")


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--since", "yesterday"], 2, "--since"),
        (["--since", "2026-02-30"], 2, "--since"),
        (["--portfolio", "none.txt"], 2, "none.txt"),
        (["--portfolio", "empty.txt"], 2, "holds no id"),
        (["--years", "1066"], 2, "no mark of the index"),
        (["--threshold", "2"], 2, "--threshold"),
        (["--out", "r.csv"], 2, ".html"),
        (["--state", "empty.txt/x"], 1, "empty.txt"),
        (["--state", "other.sqlite"], 2, "no state of a watch"),
        (["--state", "noise.sqlite"], 1, "noise.sqlite"),
    ],
)
def test_wrong_calls_are_one_line(
    call: Call, portfolio: Path, filings: Path, tmp_path: Path, options: list[str], status: int, message: str
) -> None:
    import shutil

    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "noise.sqlite").write_bytes(b"noise" * 1000)
    shutil.copy(portfolio / "catalog.sqlite", tmp_path / "other.sqlite")
    found, out, err = call("watch", filings, "--index", portfolio, "--out", "r.html", *options)
    assert (found, out) == (status, "")
    assert message in err
    assert err.count("\n") == 1


def test_filings_searched_for_at_once_are_told_as_one_by_one(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = watch("--state", "alone.sqlite", out="alone.html")
    monkeypatch.setenv("MARKLENS_BUILD__WORKERS", "3")
    together = watch("--state", "together.sqlite", out="together.html")
    assert together == {**alone, "reports": [str(tmp_path / "together.html")]}
    assert (tmp_path / "together.csv").read_text() == (tmp_path / "alone.csv").read_text()


def test_a_stop_drops_searches_that_have_not_begun(portfolio: Path, filings: Path, tmp_path: Path) -> None:
    settings, stop, seen = quick_settings(), StopFlag(), []
    engine, question = open_engine(portfolio, settings), Criteria(0.8)

    def decode_and_stop(data: bytes) -> Any:
        stop.set()
        seen.append(data)
        return decode(data)

    with open_state(tmp_path / "state.sqlite") as state:
        recipe = state.recipe({"made": "here"})
        watcher = Watcher(engine, state, question, recipe, decode_and_stop, lambda *_: None)
        looked = watcher.run(open_dataset(filings), Silent(), stop)
        assert looked.stopped and looked.checked + len(looked.faults) == len(seen) <= 2
        assert state.counts()[0] == looked.checked + len(looked.faults)
