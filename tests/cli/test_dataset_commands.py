"""`marklens dataset`: what its commands write is what the other commands read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.small_index import draw_marks

from marklens.cli.main import run
from marklens.datasets.synthetic import write_synthetic_l3d

Document = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def l3d(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("l3d")
    write_synthetic_l3d(root, 240, seed=3)
    return root


@pytest.fixture
def document(capsys: pytest.CaptureFixture[str]) -> Document:
    """Runs a command that must succeed; returns its JSON document."""

    def run_it(*arguments: object) -> dict[str, Any]:
        assert run([*map(str, arguments), "--json"]) == 0
        parsed: dict[str, Any] = json.loads(capsys.readouterr().out)
        return parsed

    return run_it


def test_analysis_split_and_pairs_work_together(document: Document, l3d: Path, tmp_path: Path) -> None:
    stats = document("dataset", "analyze", l3d, "--out", tmp_path / "a", "--workers", 0)
    assert stats["marks"] > 200
    for name in ("stats.json", "summary.md", "report.html", "duplicates.jsonl", "stats_checkpoint.json"):
        assert (tmp_path / "a" / name).is_file()
    duplicates = tmp_path / "a" / "duplicates.jsonl"
    split = document("dataset", "split", l3d, "--out", tmp_path / "s", "--duplicates", duplicates)
    assert sum(split["marks"].values()) == stats["marks"]
    pairs = document(
        "dataset", "pairs", l3d, "--out", tmp_path / "p", "--count", 50, "--duplicates", duplicates
    )
    assert pairs["similar_pairs"].get("strong", 0) + pairs["similar_pairs"].get("weak", 0) <= 50
    index = tmp_path / "i"
    built = document("index", "build", tmp_path / "s" / "val.jsonl", "--index", index, "--workers", 0)
    assert built["marks"] == split["marks"]["val"]


def test_pairs_are_an_input_of_evaluate(document: Document, index: Path, marks: Path, tmp_path: Path) -> None:
    groups = tmp_path / "groups.json"
    groups.write_text(
        json.dumps({"one": ["mark0001.png", "mark0002.png"], "two": ["mark0007.png", "mark0009.png"]})
    )
    made = document("dataset", "pairs", marks, "--out", tmp_path, "--groups", groups)
    assert made["similar_pairs"] == {"gold": 2}
    measured = document("evaluate", "--index", index, "--pairs", tmp_path / "similar_pairs.json")
    assert (measured["queries"], measured["gallery"]) == (4, 30)


def test_a_register_becomes_a_dataset(document: Document, tmp_path: Path) -> None:
    from tests.datasets.test_registers import ST66

    pictures = draw_marks(tmp_path / "pictures", 1)
    (pictures / "mark0000.png").rename(pictures / "018000001.png")
    (tmp_path / "r.xml").write_text(ST66.replace("018000001.JPG", "018000001.PNG"))
    made = document(
        "dataset", "import-register", tmp_path / "r.xml", "--images", pictures, "--out", tmp_path / "d"
    )
    assert (made["marks"], made["faults"]) == (1, 5)
    built = document("index", "build", tmp_path / "d", "--index", tmp_path / "i", "--workers", 0)
    assert built["marks"] == 1
    found = document(
        "search",
        pictures / "018000001.png",
        "--index",
        tmp_path / "i",
        "--where",
        "office=EM",
        "--vienna",
        "26",
    )
    assert [hit["id"] for hit in found["hits"]] == ["018000001"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["split", "DATASET", "--out", "x", "--shares", "50,50"], "--shares"),
        (["split", "DATASET", "--out", "x", "--duplicates", "none.jsonl"], "dataset analyze"),
        (["pairs", "DATASET", "--out", "x", "--groups", "none.json"], "none.json"),
        (["import-register", "none.xml", "--images", "none", "--out", "x"], "none"),
    ],
)
def test_wrong_calls_are_one_line(
    capsys: pytest.CaptureFixture[str], l3d: Path, arguments: list[str], message: str
) -> None:
    status = run(["dataset", *(str(l3d) if argument == "DATASET" else argument for argument in arguments)])
    error = capsys.readouterr().err
    assert status in (1, 2)
    assert message in error
    assert error.count("\n") == 1
