"""Manifests from spreadsheets, exports and scripts."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marklens.core.errors import DatasetError
from marklens.core.types import Fault, Mark
from marklens.datasets.manifest import ManifestDataset


def manifest(folder: Path, name: str, content: str | bytes, *pictures: str) -> ManifestDataset:
    for picture in pictures:
        (folder / picture).parent.mkdir(parents=True, exist_ok=True)
        (folder / picture).touch()
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return ManifestDataset(path)


def read(dataset: ManifestDataset) -> tuple[list[Mark], list[tuple[str, str]]]:
    faults: list[Fault] = []
    marks = list(dataset.marks(faults.append))
    return marks, [(fault.item, fault.kind) for fault in faults]


def test_a_quote_that_never_ends_is_told(tmp_path: Path) -> None:
    content = 'file\ttext\na.png\t12" pipe\nb.png\t"Foo\nc.png\tBar\nd.png\tQ'
    dataset = manifest(tmp_path, "marks.tsv", content, "a.png", "b.png", "c.png", "d.png")
    marks, faults = read(dataset)
    assert [mark.text for mark in marks] == ['12" pipe', "Bar", "Q"]
    assert faults == [("marks.tsv:3", "bad-line")], "it costs its line, not all that follow"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_tables_with_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    dataset = manifest(tmp_path, "m.csv", "file;text\r\na.png;Žluť\r\n".encode(encoding), "a.png")
    assert [mark.text for mark in read(dataset)[0]] == ["Žluť"]
    assert dataset.count() == 1


def test_a_table_in_utf_16_that_is_cut_off_is_one_line(tmp_path: Path) -> None:
    content = "file;text\r\na.png;Žluť\r\n".encode("utf-16") + b"\n"
    with pytest.raises(DatasetError, match="UTF-16"):
        manifest(tmp_path, "m.csv", content, "a.png")


def test_lists_of_classes_are_kept_in_one_way(tmp_path: Path) -> None:
    rows = [[9, 42], "[9, 42]", "9;42", "9\n42", "Word mark", ["9", "42"], "[]"]
    lines = "".join(
        json.dumps({"file": f"{n}.png", "nice_classes": row}) + "\n" for n, row in enumerate(rows)
    )
    marks, _ = read(manifest(tmp_path, "m.jsonl", lines, *(f"{n}.png" for n in range(len(rows)))))
    kept = [mark.attributes["nice_classes"] for mark in marks]
    assert kept == ["9,42", "9,42", "9,42", "9,42", "Word mark", "9,42", "[]"]


def test_a_header_over_two_lines_and_cells_without_a_column(tmp_path: Path) -> None:
    content = 'file;"Date of\nfiling";text\na.png;2001;ACME;;\nb.png;2002;Kiwi;x\n'
    marks, faults = read(manifest(tmp_path, "m.csv", content, "a.png", "b.png"))
    assert [(mark.text, mark.attributes) for mark in marks] == [("ACME", {"date of filing": "2001"})]
    assert faults == [("m.csv:4", "bad-line")]


def test_ids_that_a_table_made_numbers_of_are_kept_and_repeated_ones_told(tmp_path: Path) -> None:
    rows = [{"file": "a.png", "id": 18000001.0}, {"file": "b.png", "id": "18000001"}]
    dataset = manifest(tmp_path, "m.jsonl", "\n".join(map(json.dumps, rows)), "a.png", "b.png")
    marks, faults = read(dataset)
    assert [mark.id for mark in marks] == ["18000001", "b.png"]
    assert faults == [("m.jsonl:2", "repeated-id")]


def test_a_table_gives_every_field(tmp_path: Path) -> None:
    content = 'File,id,text,vienna_codes,year,Office\na.png,7,"ACME, Inc",27.5.1;26.4,1998,EM\nb/c.png,,,,,\n'
    dataset = manifest(tmp_path, "marks.csv", content, "a.png", "b/c.png")
    assert read(dataset) == (
        [
            Mark(
                "7", "a.png", tmp_path / "a.png", "ACME, Inc", ("27.05.01", "26.04"), 1998, {"office": "EM"}
            ),
            Mark("c", "b/c.png", tmp_path / "b/c.png"),
        ],
        [],
    )
    assert dataset.count() == 2
    assert dataset.root == tmp_path


@pytest.mark.parametrize("key", ["file", "path", "image", "filename"])
def test_lines_of_json_name_the_file_by_any_of_four_keys(tmp_path: Path, key: str) -> None:
    line = json.dumps({key: "./a.png", "vienna_codes": ["27.05.01"], "nice": [9, 42]})
    marks, faults = read(manifest(tmp_path, "m.jsonl", f"{line}\n\n", "a.png"))
    assert marks == [Mark("a", "a.png", tmp_path / "a.png", None, ("27.05.01",), None, {"nice": "9,42"})]
    assert faults == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.csv", "file;text\na.png;Café\n".encode("latin-1")),
        ("m.csv", "\ufefffile,text\na.png,Café\n".encode()),
        ("m.tsv", "file\ttext\na.png\tCafé\n".encode()),
        ("m.csv", "file,text\r\na.png,Café\r\n".encode()),
        ("m.ndjson", '\ufeff{"file": "a.png", "text": "Café"}\n'.encode()),
    ],
)
def test_encodings_and_delimiters_are_recognised(tmp_path: Path, name: str, content: bytes) -> None:
    marks, faults = read(manifest(tmp_path, name, content, "a.png"))
    assert [(mark.file, mark.text) for mark in marks] == [("a.png", "Café")]
    assert faults == []


def test_a_table_of_windows_keeps_its_quotes(tmp_path: Path) -> None:
    marks, _ = read(manifest(tmp_path, "m.csv", "file,text\na.png,L’Oréal\n".encode("cp1252"), "a.png"))
    assert [mark.text for mark in marks] == ["L’Oréal"]


def test_a_name_that_no_disk_takes_costs_its_line(tmp_path: Path) -> None:
    lines = "".join(json.dumps({"file": file}) + "\n" for file in ("x" * 300 + ".png", "a.png"))
    marks, faults = read(manifest(tmp_path, "m.jsonl", lines, "a.png"))
    assert [mark.file for mark in marks] == ["a.png"]
    assert faults == [("m.jsonl:1", "missing-file")]


def test_bad_rows_are_faults_with_their_line(tmp_path: Path) -> None:
    content = (
        "file,id,year\na.png,1,1999\na.png,2,\ngone.png,,\nsong.mp3,,\n,4,\nb.png,1,soon\nx,y,z,too,many\n"
    )
    marks, faults = read(manifest(tmp_path, "m.csv", content, "a.png", "b.png", "song.mp3"))
    assert [(mark.file, mark.id, mark.year) for mark in marks] == [
        ("a.png", "1", 1999),
        ("b.png", "b.png", None),
    ]
    assert faults == [
        ("m.csv:3", "repeated-file"),
        ("m.csv:4", "missing-file"),
        ("m.csv:5", "not-a-picture"),
        ("m.csv:6", "bad-line"),
        ("m.csv:7", "repeated-id"),
        ("m.csv:7", "bad-year"),
        ("m.csv:8", "bad-line"),
    ]


def test_bad_json_lines_are_faults_with_their_line(tmp_path: Path) -> None:
    content = '{"file": "a.png"}\n{"file": \n[1]\n{"file": 5}\n{"file": "b.png"}'
    marks, faults = read(manifest(tmp_path, "m.jsonl", content, "a.png", "b.png"))
    assert [mark.file for mark in marks] == ["a.png", "b.png"]
    assert faults == [("m.jsonl:2", "bad-line"), ("m.jsonl:3", "bad-line"), ("m.jsonl:4", "bad-line")]


def test_files_outside_the_folder_keep_the_name_they_were_given(tmp_path: Path) -> None:
    outside = tmp_path / "outside.png"
    outside.touch()
    lines = [json.dumps({"file": "../outside.png"}), json.dumps({"file": str(tmp_path / "sub" / "in.png")})]
    marks, faults = read(manifest(tmp_path / "sub", "m.jsonl", "\n".join(lines), "in.png"))
    assert [(mark.file, mark.path) for mark in marks] == [
        ("../outside.png", outside),
        ("in.png", tmp_path / "sub" / "in.png"),
    ]
    assert faults == []


def test_a_table_without_files_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no column 'file', only name, text"):
        manifest(tmp_path, "m.csv", "name,text\na,b\n")
    with pytest.raises(DatasetError, match="no column 'file', only nothing"):
        manifest(tmp_path, "empty.csv", "")


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20), max_size=8))
def test_any_text_survives_a_table(texts: list[str]) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as name:
        folder = Path(name)
        table = io.StringIO(newline="")
        writer = csv.writer(table)
        writer.writerow(["file", "text"])
        for number, text in enumerate(texts):
            writer.writerow([f"{number}.png", text])
        dataset = manifest(
            folder, "m.csv", table.getvalue(), *(f"{number}.png" for number in range(len(texts)))
        )
        marks, faults = read(dataset)
    assert faults == []
    assert [mark.text for mark in marks] == [" ".join(text.split()) or None for text in texts]
