"""The command line's contract: what goes to stdout, what to stderr, and the exit status."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.small_index import draw_mark, draw_marks

from marklens.cli.main import run

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Runs one command line; returns exit status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MARKLENS_PCA__DIMS", "16")

    def run_it(*arguments: object) -> tuple[int, str, str]:
        status = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run_it


def document(call: Call, *arguments: object) -> dict[str, Any]:
    status, out, _ = call(*arguments, "--json")
    assert status == 0
    parsed: dict[str, Any] = json.loads(out)
    return parsed


def test_search_answers_the_contract(call: Call, index: Path, marks: Path) -> None:
    answer = document(call, "search", marks / "mark0003.png", "--index", index, "--top", 4)
    assert set(answer) == {"query", "hits", "timings_ms", "record"}
    assert answer["query"]["file"] == "mark0003.png"
    assert answer["query"]["views"] == ["full", "figurative"]
    assert set(answer["timings_ms"]) == {"preprocess", "embed", "retrieve", "rerank", "total"}
    assert [hit["rank"] for hit in answer["hits"]] == [1, 2, 3, 4]
    first = answer["hits"][0]
    assert set(first) == {
        "rank", "id", "file", "score", "scores", "views", "text", "read_text", "vienna_codes", "year",
    }  # fmt: skip
    assert set(first["scores"]) == {"global", "spatial", "text", "color"}
    assert (first["id"], first["file"]) == ("mark0003", "mark0003.png")
    assert first["score"] == pytest.approx(1, abs=2e-3)
    scores = [hit["score"] for hit in answer["hits"]]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_search_shows_a_table_and_writes_a_page(call: Call, index: Path, marks: Path, tmp_path: Path) -> None:
    status, out, _ = call("search", marks / "mark0001.png", "--index", index, "--html", tmp_path / "p.html")
    assert status == 0
    assert "mark0001" in out
    page = (tmp_path / "p.html").read_text()
    assert page.count("data:image/webp") == 1 + 1 + 10 + 20  # query, its view, ten hits, their pairs of views
    assert page.count("<rect ") > 20
    assert "mark0001.png" in page
    call("search", marks / "mark0001.png", "--index", index, "--html", tmp_path / "p.html", "--no-rerank")
    assert "<rect " not in (tmp_path / "p.html").read_text()


def test_several_pictures_are_one_query(call: Call, index: Path, marks: Path) -> None:
    pictures = marks / "mark0001.png", marks / "mark0002.png"
    answer = document(call, "search", *pictures, "--index", index, "--top", 2)
    assert {hit["id"] for hit in answer["hits"]} == {"mark0001", "mark0002"}
    assert answer["query"]["file"] == "mark0001.png + mark0002.png"


def test_aspects_are_the_same_words_as_in_python(call: Call, index: Path, marks: Path) -> None:
    asked = ("search", marks / "mark0002.png", "--index", index, "--aspect")
    assert all(hit["score"] == pytest.approx(hit["scores"]["color"] or 0)
               for hit in document(call, *asked, "colour")["hits"])  # fmt: skip
    assert "needs a name" in call(*asked, "text")[2]
    assert call(*asked, "taste")[0] == 2


def test_search_explains_each_hit(call: Call, index: Path, marks: Path) -> None:
    asked = ("search", marks / "mark0003.png", "--index", index, "--top", 3, "--explain")
    for hit in document(call, *asked)["hits"]:
        reason = hit["reason"]
        assert reason["words"] is None
        assert set(reason["views"]) <= {"full", "figurative"}
        assert all(0 <= patch["query"] < 49 and 0 <= patch["mark"] < 49 for patch in reason["patches"])
        shares = sum(patch["share"] for patch in reason["patches"])
        assert shares == pytest.approx(reason["similarity"], abs=1e-6)
        assert 0 < reason["similarity"] <= 1 + 1e-6
    assert document(call, *asked, "--no-rerank")["hits"][0]["reason"]["patches"] is None
    assert "--explain" in call(*asked)[2]


def test_the_name_on_a_picture_counts_if_it_shall_be_read(
    call: Call, described: Path, tmp_path: Path
) -> None:
    picture = np.full((300, 300, 3), 255, np.uint8)
    cv2.circle(picture, (150, 110), 80, (0, 0, 200), -1)
    cv2.putText(picture, "NAME", (25, 270), cv2.FONT_HERSHEY_DUPLEX, 2.4, (0, 0, 0), 5, cv2.LINE_AA)
    cv2.imwrite(str(tmp_path / "lockup.png"), picture)
    asked = ("search", tmp_path / "lockup.png", "--index", described)
    plain, read = document(call, *asked), document(call, *asked, "--read")
    assert plain["query"]["read_text"] is None
    assert all(hit["scores"]["text"] is None for hit in plain["hits"])
    assert read["query"]["read_text"]["text"] == "NAME"
    assert read["query"]["text"] is None
    assert all(hit["scores"]["text"] > 0.4 for hit in read["hits"])
    assert document(call, *asked, "--read", "--text", "Zebra")["query"]["read_text"] is None


def test_names_are_explained_sound_by_sound(call: Call, described: Path) -> None:
    asked = ("search-text", "NAIM 4", "--index", described, "--top", 1, "--explain")
    words = document(call, *asked)["hits"][0]["reason"]["words"]
    aligned = words["alignment"]
    assert sum(step["gain"] for step in aligned["steps"]) == pytest.approx(aligned["score"])
    assert 0 < words["sound"] <= 1


def test_a_part_of_a_picture_is_searched_for(call: Call, index: Path, marks: Path, tmp_path: Path) -> None:
    sheet = np.full((600, 800, 3), 255, np.uint8)
    sheet[20:260, 30:270] = draw_mark(5)
    sheet[300:540, 500:740] = draw_mark(7)
    cv2.imwrite(str(tmp_path / "sheet.png"), sheet)
    for crop, expected in (("30,20,240,240", "mark0005"), ("62.5%,50%,30%,40%", "mark0007")):
        answer = document(call, "search", tmp_path / "sheet.png", "--index", index, "--crop", crop)
        assert answer["hits"][0]["id"] == expected
        assert answer["query"]["crop"] == crop
    for crop in ("1,2,3", "a,b,c,d", "0,0,-5,5", "900,0,10,10", "0,0,2,2", "1%,1,1,1"):
        status, _, err = call("search", tmp_path / "sheet.png", "--index", index, "--crop", crop)
        assert status == 2
        assert len(err.strip().splitlines()) == 1
        assert "--crop" in err


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Index of a manifest with Vienna codes, years and offices."""
    folder = draw_marks(tmp_path_factory.mktemp("described"), 12)
    rows = [
        {
            "file": f"mark{i:04d}.png", "id": f"M{i}", "text": f"NAME {i}", "year": 1990 + i,
            "vienna_codes": ["26.04.01"] if i % 2 else ["27.05.01"], "office": "EM" if i < 6 else "US",
        }
        for i in range(12)
    ]  # fmt: skip
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    index = tmp_path_factory.mktemp("described-index")
    assert run(["index", "build", str(folder), "--index", str(index), "--workers", "0"]) == 0
    return index


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--vienna", "26"], {1, 3, 5, 7, 9, 11}),
        (["--vienna", "26.4.1", "--vienna", "27.05"], set(range(12))),
        (["--years", "1993-1995"], {3, 4, 5}),
        (["--years", "1994"], {4}),
        (["--where", "office=US", "--vienna", "27"], {6, 8, 10}),
        (["--vienna", "05"], set()),
    ],
)
def test_filters_work_during_the_search(
    call: Call, described: Path, marks: Path, options: list[str], expected: set[int]
) -> None:
    answer = document(call, "search", marks / "mark0001.png", "--index", described, "--top", 50, *options)
    assert {hit["id"] for hit in answer["hits"]} == {f"M{number}" for number in expected}


def test_evaluate_answers_the_contract(call: Call, index: Path, tmp_path: Path) -> None:
    groups = tmp_path / "groups.json"
    groups.write_text(
        json.dumps({"a": ["MARK0001.png", "mark0002.PNG"], "b": ["mark0003.png", "mark0004.png"]})
    )
    answer = document(call, "evaluate", "--index", index, "--groups", groups)
    assert set(answer) == {
        "queries", "gallery", "map_at_100", "nar", "recall_at_1", "recall_at_10", "recall_at_100",
        "precision_at_10", "r_precision", "relevant", "latency_ms", "config",
    }  # fmt: skip
    assert (answer["queries"], answer["gallery"]) == (4, 30)
    assert set(answer["latency_ms"]) == {"p50", "p95", "p99"}
    assert answer["recall_at_100"] == 1
    everything = document(call, "evaluate", "--index", index, "--groups", groups, "--depth", "all")
    assert everything["map_at_100"] == pytest.approx(answer["map_at_100"])
    metu = document(call, "evaluate", "--index", index, "--groups", groups, "--protocol", "metu")
    assert metu["recall_at_1"] == 1  # the query finds itself
    status, out, _ = call("evaluate", "--index", index, "--groups", groups)
    assert status == 0
    assert "mAP@100" in out


def test_pairs_are_evaluated_by_grade(call: Call, index: Path, tmp_path: Path) -> None:
    pairs = tmp_path / "similar_pairs.json"
    rows = [("mark0001.png", "mark0002.png", "gold"), ("mark0003.png", "mark0004.png", "duplicate")]
    pairs.write_text(json.dumps({"pairs": [{"a": a, "b": b, "grade": grade} for a, b, grade in rows]}))
    asked = ("evaluate", "--index", index, "--pairs", pairs)
    assert document(call, *asked)["queries"] == 2
    everything = document(call, *asked, "--grades", "gold,duplicate")
    assert (everything["queries"], everything["config"]["grades"]) == (4, ["gold", "duplicate"])


def test_the_life_of_an_index(call: Call, tmp_path: Path) -> None:
    folder, index = draw_marks(tmp_path / "marks", 8), tmp_path / "index"
    built = document(call, "index", "build", folder, "--index", index, "--workers", 0)
    assert (built["marks"], built["described"], built["faults"]) == (8, 8, 0)
    more = draw_marks(tmp_path / "more", 2, first=50)
    (more / "bad.gif").write_bytes(b"GIF89a")
    added = document(call, "index", "add", more, "--index", index, "--workers", 0)
    assert (added["marks"], added["faults"]) == (10, 1)
    assert "embed" in added["stages"] and "catalog" not in added["stages"]  # its own times, not the build's
    again = document(call, "index", "add", more, "--index", index, "--workers", 0)
    assert (again["changed"], again["stages"]) == (False, {})
    assert document(call, "index", "remove", "mark0000", "--index", index) == {"removed": 1, "unknown": []}
    assert document(call, "index", "info", "--index", index)["counts"]["removed"] == 1
    assert document(call, "index", "compact", "--index", index)["marks"] == 9
    verified = document(call, "index", "verify", "--index", index, "--sample", 3)
    assert verified["passed"]
    for command in ("info", "verify"):
        status, out, _ = call("index", command, "--index", index)
        assert (status, "sample" in out or "bytes a mark" in out) == (0, True)
    (index / "vectors.faiss").write_bytes(b"x")
    assert call("index", "verify", "--index", index)[0] == 1


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["search", "none.png", "--index", "INDEX"], 2, "none.png is no file"),
        (["search", "MARK", "--index", "nowhere"], 2, "no index in nowhere"),
        (["search", "MARK", "--index", "INDEX", "--years", "x"], 2, "--years"),
        (["search", "MARK", "--index", "INDEX", "--years", "2001-1999"], 2, "backwards"),
        (["search", "MARK", "--index", "INDEX", "--years", "1998-"], 2, "--years"),
        (["evaluate", "--index", "INDEX", "--groups", "BAD", "--depth", "²"], 2, "--depth"),
        (["search", "MARK", "--index", "INDEX", "--where", "office"], 2, "name=value"),
        (["search", "MARK", "--index", "INDEX", "--vienna", "cat"], 2, "cat"),
        (["search", "MARK", "--index", "INDEX", "--top", "0"], 2, "--top"),
        (["search", "BAD", "--index", "INDEX"], 1, "bad.png cannot be searched for: not-a-picture"),
        (["search", "MARK", "--index", "INDEX", "--html", "INDEX"], 2, "--html"),
        (["search", "MARK"], 2, "--index"),
        (["index", "build", "nowhere", "--index", "new"], 2, "nowhere"),
        (["index", "build", "MARKS", "--index", "new", "--store", "redis"], 2, "faiss"),
        (["index", "build", "MARKS", "--index", "BAD", "--workers", "0"], 2, "no folder"),
        (["index", "remove", "nobody", "--index", "INDEX"], 2, "nobody"),
        (["evaluate", "--index", "INDEX", "--groups", "none.json"], 2, "none.json"),
        (["evaluate", "--index", "INDEX", "--groups", "BAD", "--depth", "deep"], 2, "--depth"),
        (["evaluate", "--index", "INDEX", "--groups", "BAD", "--protocol", "x"], 2, "'default', 'metu'"),
        (["evaluate", "--index", "INDEX", "--pairs", "BAD", "--grades", "gold,x"], 2, "gold,strong,weak"),
        (["export", "nothing", "--out", "x.onnx"], 2, "imagenet"),
        (["dataset", "import-icons", "none.tgz", "--out", "x"], 2, "none.tgz"),
        (["fly"], 2, "fly"),
    ],
)
def test_errors_are_one_line(
    call: Call, index: Path, marks: Path, tmp_path: Path, arguments: list[str], status: int, message: str
) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    names = {"INDEX": index, "MARKS": marks, "MARK": marks / "mark0001.png", "BAD": tmp_path / "bad.png"}
    found, out, err = call(*(names.get(argument, argument) for argument in arguments))
    assert (found, out) == (status, "")
    assert message in err
    assert err.startswith("marklens: ")
    assert err.count("\n") == 1


def test_verbose_adds_the_trace_wherever_it_stands(call: Call) -> None:
    for arguments in (
        ["--verbose", "search", "x.png", "--index", "i"],
        ["search", "x.png", "--index", "i", "--verbose"],
    ):
        status, _, err = call(*arguments)
        assert status == 2
        assert "Traceback" in err


def test_logs_are_json_lines_when_asked(call: Call, tmp_path: Path) -> None:
    folder = draw_marks(tmp_path / "marks", 3)
    status, _, err = call(
        "index", "build", folder, "--index", tmp_path / "i", "--workers", 0, "--log-json", "--verbose"
    )
    assert status == 0
    lines = [json.loads(line) for line in err.splitlines()]
    assert lines
    assert all("record" in line for line in lines)


def test_a_query_of_another_format_is_decoded_by_its_bytes(call: Call, index: Path, tmp_path: Path) -> None:
    picture = tmp_path / "logo.txt"
    encoded = cv2.imencode(".webp", draw_mark(7), [cv2.IMWRITE_WEBP_QUALITY, 90])[1]
    picture.write_bytes(encoded.tobytes())
    assert document(call, "search", picture, "--index", index)["hits"][0]["id"] == "mark0007"


def test_help_teaches_and_loads_nothing_heavy() -> None:
    script = (
        "import sys\nfrom marklens.cli.main import run\nassert run(['--help']) == 0\n"
        "heavy = {'faiss', 'onnxruntime', 'torch', 'sklearn', 'cv2', 'pydantic', 'numpy', 'ray'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    for command in ("search", "evaluate", "demo", "export", "dataset", "index"):
        assert command in done.stdout


def test_an_index_built_from_a_relative_path_works_from_anywhere(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_marks(tmp_path / "marks", 3)
    assert call("index", "build", "marks", "--index", "index", "--workers", 0)[0] == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = document(call, "index", "build", "../marks", "--index", "../index", "--workers", 0)
    assert again["changed"] is False
    assert document(call, "index", "verify", "--index", "../index")["passed"]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_terminal_without_unicode_is_served_too(tmp_path: Path, options: list[str]) -> None:
    marks, index = draw_marks(tmp_path / "marks", 2), tmp_path / "index"
    (marks / "mark0001.png").rename(marks / "ünder.png")
    assert run(["index", "build", str(marks), "--index", str(index), "--workers", "0"]) == 0
    script = "from marklens.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "search", marks / "ünder.png", "--index", index, *options],
        capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    if options:
        assert json.loads(done.stdout)["hits"][0]["file"] == "ünder.png"
    else:
        assert "?nder.png" in done.stdout


def test_a_demo_of_too_few_logos_says_how_many_it_needs(call: Call) -> None:
    pytest.importorskip("fontawesome_free_pack")
    status, out, err = call("demo", "--limit", 1)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].endswith("give --limit 100 or more")
    assert document(call, "demo", "--limit", 20)["queries"] > 0
