"""`marklens dataset split`, `pairs` and `import-register` as a user meets them."""

import json
from pathlib import Path

import pytest
from tests.small_index import draw_marks

from marklens.cli.main import run

MARKS = 120


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of marks that all bear one code, with a groups file beside it."""
    folder = draw_marks(tmp_path_factory.mktemp("dataset") / "pictures", MARKS)
    rows = [
        {"file": f"mark{number:04d}.png", "vienna_codes": ["03.01.01", f"05.{number % 9 + 1:02d}.01"]}
        for number in range(MARKS)
    ]
    (folder / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    brands = {"acme": [f"mark{number:04d}.png" for number in range(0, MARKS, 10)], "gone": ["gone.png"]}
    (folder / "groups.json").write_text(json.dumps(brands))
    return folder / "manifest.jsonl"


def test_a_split_says_how_even_it_is(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["dataset", "split", str(dataset), "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    report = json.loads((tmp_path / "split.json").read_text())
    # the only code on 100 marks stands on all 120: 84, 18 and 18 are exactly 70, 15 and 15 %
    assert report["marks"] == {"train": 84, "val": 18, "test": 18}
    assert report["largest_deviation"] == pytest.approx(0, abs=1e-9)
    assert "The largest deviation of a code on 100 marks or more is 0.00 percentage points." in shown
    assert "1 clusters with 12 marks were kept together." in shown
    assert "1 × unknown-file" in shown
    parts = [
        part
        for part in ("train", "val", "test")
        for line in (tmp_path / f"{part}.jsonl").read_text().splitlines()
        if int(json.loads(line)["id"][4:]) % 10 == 0
    ]
    assert len(parts) == 12
    assert len(set(parts)) == 1


def test_the_table_of_a_split_keeps_to_its_lines(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "58")
    assert run(["dataset", "split", str(dataset), "--out", str(tmp_path)]) == 0
    table = capsys.readouterr().out.partition("least evenly")[2].partition("└")[0]
    rows = [line for line in table.splitlines() if line.startswith("│")]
    assert len(rows) == len(json.loads((tmp_path / "split.json").read_text())["codes"])
    assert all(row.count("%") == 3 and row.endswith("│") for row in rows)


def test_pairs_are_counted_by_grade(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(["dataset", "pairs", str(dataset), "--out", str(tmp_path), "--count", "9", "--ignore", "3"]) == 0
    )
    shown = capsys.readouterr().out
    document = json.loads((tmp_path / "similar_pairs.json").read_text())
    assert document["ignored"] == ["03"]
    assert document["grades"]["gold"] == 18  # 12 marks in 3 pairs each
    assert sum(document["grades"].values()) == 18 + 9
    assert not any(
        row["code"] == "03.01.01" for pair in document["pairs"] for row in pair["evidence"].get("shared", ())
    )
    assert f"{tmp_path / 'similar_pairs.json'}: 18 gold, 9 weak" in shown
    assert "left out: 1 × unknown-file" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["split", "DATASET", "--out", "x", "--groups", "none.json"], "none.json does not exist"),
        (["pairs", "DATASET", "--out", "x", "--ignore", "27,x"], "--ignore takes"),
        (["pairs", "DATASET", "--out", "x", "--ignore", "30"], "--ignore takes"),
    ],
)
def test_a_wrong_call_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], dataset: Path, arguments: list[str], message: str
) -> None:
    status = run(["dataset", *(str(dataset) if part == "DATASET" else part for part in arguments)])
    error = capsys.readouterr().err
    assert status == 2
    assert message in error
    assert error.count("\n") == 1


def test_an_import_counts_its_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = draw_marks(tmp_path / "pictures", 2)
    records = "".join(
        f"<TradeMark><ApplicationNumber>{number}</ApplicationNumber></TradeMark>"
        for number in ("mark0000", "mark0001", "word")
    )
    (tmp_path / "r.xml").write_text(f"<T>{records}<TradeMark/></T>")
    call = ["dataset", "import-register", str(tmp_path / "r.xml"), "--images", str(pictures)]
    assert run([*call, "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    assert "2 marks in" in shown
    assert "2 faults are listed in" in shown
    assert "1 × no-number, 1 × no-picture" in shown
