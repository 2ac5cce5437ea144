"""An L3D folder with every fault that the published one has, and some more."""

import json
import os
from collections import Counter
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from marklens.core.errors import DatasetError
from marklens.core.types import Fault, Mark
from marklens.datasets.l3d import L3dDataset


def l3d(root: Path, files: list[str], **documents: Any) -> L3dDataset:
    """Lay out an L3D folder: empty pictures, and one JSON file for each keyword."""
    for file in files:
        path = root / "images" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for name, document in documents.items():
        text = document if isinstance(document, str) else json.dumps(document)
        (root / f"{name}.json").write_text(text, encoding="utf-8")
    return L3dDataset(root)


def read(dataset: L3dDataset) -> tuple[list[Mark], list[Fault]]:
    faults: list[Fault] = []
    return list(dataset.marks(faults.append)), faults


def test_names_that_differ_in_case_find_their_file(tmp_path: Path) -> None:
    entry = {"file": "EM1.JPG", "text": "ACME", "vienna_codes": "27.5.1", "year": "1996", "office": "EM"}
    dataset = l3d(tmp_path, ["em1.jpg"], output_1996=[entry])
    assert read(dataset) == (
        [Mark("em1", "em1.jpg", tmp_path / "images/em1.jpg", "ACME", ("27.05.01",), 1996, {"office": "EM"})],
        [],
    )
    assert dataset.count() == 1


def test_composed_and_decomposed_names_are_one(tmp_path: Path) -> None:
    marks, faults = read(l3d(tmp_path, ["café.jpg"], results=[{"file": "CAFE\u0301.JPG"}]))
    assert [mark.file for mark in marks] == ["café.jpg"]
    assert faults == []


def test_the_exact_name_wins_where_two_files_differ_only_in_case(tmp_path: Path) -> None:
    entries = [{"file": "A.jpg"}, {"file": "a.jpg"}, {"file": "b.JPG"}]
    marks, faults = read(l3d(tmp_path, ["A.jpg", "a.jpg", "B.jpg", "b.jpg"], output_2000=entries))
    assert [mark.file for mark in marks] == ["A.jpg", "a.jpg", "B.jpg", "b.jpg"]
    assert [(fault.item, fault.kind) for fault in faults] == [
        ("b.JPG", "ambiguous-file"),
        ("images", "no-metadata"),  # B.jpg and b.jpg are marks, if nameless
    ]


def test_every_fault_costs_one_entry_or_one_field(tmp_path: Path) -> None:
    entries: list[Any] = [
        {"file": "GOOD.JPG", "vienna_codes": ["27.05.01", "junk"], "year": "in spring"},
        {"file": "gone.TIF"},
        {"file": "song.mp3"},
        {"file": "good.jpg", "text": "again"},
        "no object",
        None,
        {"text": "no file"},
        {"file": 7},
        {"file": "codes.jpg", "vienna_codes": None, "text": None, "year": 1998.0},
    ]
    marks, faults = read(l3d(tmp_path, ["good.jpg", "codes.jpg", "song.mp3"], output_1996=entries))
    assert [(mark.file, mark.vienna_codes, mark.year, mark.text) for mark in marks] == [
        ("good.jpg", ("27.05.01",), None, None),
        ("codes.jpg", (), 1998, None),
    ]
    assert [(fault.item, fault.kind) for fault in faults] == [
        ("good.jpg", "bad-vienna-code"),
        ("good.jpg", "bad-year"),
        ("gone.TIF", "missing-file"),
        ("song.mp3", "not-a-picture"),
        ("good.jpg", "repeated-file"),
        ("output_1996.json[4]", "bad-entry"),
        ("output_1996.json[5]", "bad-entry"),
        ("", "bad-entry"),
        ("", "bad-entry"),
    ]


def test_a_damaged_file_does_not_stop_the_others(tmp_path: Path) -> None:
    dataset = l3d(
        tmp_path, ["a.jpg"], output_1996='[{"file": "a.j', output_1997={"file": "a.jpg"},
        output_1998="[" * 100_000, output_1999=[{"file": "A.JPG", "year": 1999}],
    )  # fmt: skip
    (tmp_path / "output_2000.json").write_bytes(b'[{"file": "\xff.jpg"}]')
    marks, faults = read(dataset)
    assert [(mark.file, mark.year) for mark in marks] == [("a.jpg", 1999)]
    assert [(fault.item, fault.kind) for fault in faults] == [
        *((f"output_{year}.json", "damaged-metadata") for year in (1996, 1997, 1998)),
        ("ÿ.jpg", "missing-file"),
    ]


def test_metadata_that_windows_wrote_costs_no_year(tmp_path: Path) -> None:
    dataset = l3d(tmp_path, ["a.jpg", "b.jpg"])
    written = '[{"file": "IMAGES/a.jpg", "text": "Café L’Oréal"}, {"file": "b.jpg", "year": 1999}]'
    (tmp_path / "output_1999.json").write_bytes(written.encode("cp1252"))
    marks, faults = read(dataset)
    assert [(mark.file, mark.text) for mark in marks] == [("a.jpg", "Café L’Oréal"), ("b.jpg", None)]
    assert faults == []
    mixed = '[{"file": "a.jpg", "text": "北京 Café"}, {"file": "b.jpg", "text": "?"}]'.encode()
    (tmp_path / "output_1999.json").write_bytes(mixed.replace(b"?", b"M\xfcller"))
    assert [mark.text for mark in read(dataset)[0]] == ["北京 Café", "Müller"]


def test_ids_are_unique(tmp_path: Path) -> None:
    entries: list[dict[str, Any]] = [
        {"file": "a.jpg"},  # a
        {"file": "a.png"},  # a is taken: a.png
        {"file": "b.jpg", "id": 18},  # 18
        {"file": "c.jpg", "id": "18"},  # taken: c.jpg
        {"file": "d.jpg", "id": "e.jpg"},
        {"file": "e.jpg", "id": "18"},  # both are taken
    ]
    files = [entry["file"] for entry in entries]
    marks, faults = read(l3d(tmp_path, files, output_1996=entries))
    assert [mark.id for mark in marks] == ["a", "a.png", "18", "c.jpg", "e.jpg"]
    assert [(fault.item, fault.kind) for fault in faults] == [
        ("c.jpg", "repeated-id"),
        ("e.jpg", "repeated-id"),
    ]
    assert "called 'c.jpg'" in faults[0].reason


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.jpg").touch()
    dataset = l3d(tmp_path / "l3d", ["a.jpg"], output_1996=[{"file": "a.jpg"}, {"file": "old/b.jpg"}])
    (dataset.images / "old").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(dataset.images)
    marks, faults = read(dataset)
    assert ([mark.file for mark in marks], faults) == (["a.jpg", "old/b.jpg"], [])


def test_a_link_to_a_sibling_takes_no_file_from_its_own_name(tmp_path: Path) -> None:
    named = [{"file": "a/x.jpg", "text": "X"}, {"file": "b/y.jpg", "text": "Y"}]
    (tmp_path / "images").mkdir()
    dataset = l3d(tmp_path, [], output_1996=named)
    for folder, file in (("a", "x.jpg"), ("b", "y.jpg")):
        (dataset.images / folder).mkdir()
        (dataset.images / folder / file).touch()
    (dataset.images / "a" / "to_b").symlink_to(dataset.images / "b")
    (dataset.images / "b" / "to_a").symlink_to(dataset.images / "a")
    marks, faults = read(dataset)
    assert ([mark.text for mark in marks], faults) == (["X", "Y"], [])


def test_pictures_without_metadata_come_last_and_are_reported_once(tmp_path: Path) -> None:
    files = ["z.jpg", "y.png", "sub/x.jpg", "notes.txt", ".hidden.jpg", "named.jpg"]
    marks, faults = read(l3d(tmp_path, files, output_1996=[{"file": "NAMED.JPG", "text": "N"}]))
    assert [mark.file for mark in marks] == ["named.jpg", "sub/x.jpg", "y.png", "z.jpg"]
    assert [(fault.item, fault.kind, fault.reason[:10]) for fault in faults] == [
        ("images", "no-metadata", "3 pictures")
    ]


def test_merged_results_are_read_where_there_are_no_years(tmp_path: Path) -> None:
    both = l3d(tmp_path / "both", ["a.jpg"], results=[{"file": "a.jpg", "text": "R"}],
               output_1996=[{"file": "a.jpg", "text": "O"}])  # fmt: skip
    merged = l3d(tmp_path / "merged", ["a.jpg"], results=[{"file": "a.jpg", "text": "R"}])
    other = l3d(
        tmp_path / "other", ["a.jpg"], marks=[{"file": "a.jpg", "text": "M"}], groups={"g": ["a.jpg"]}
    )
    assert [read(dataset)[0][0].text for dataset in (both, merged, other)] == ["O", "R", "M"]


def test_the_order_is_the_same_every_time(tmp_path: Path) -> None:
    files = [f"{name}.jpg" for name in "hgfedcba"]
    dataset = l3d(tmp_path, files, output_1997=[{"file": "C.JPG"}], output_1996=[{"file": "F.JPG"}])
    names = [mark.file for mark in read(dataset)[0]]
    assert names == ["f.jpg", "c.jpg", "a.jpg", "b.jpg", "d.jpg", "e.jpg", "g.jpg", "h.jpg"]
    assert names == [mark.file for mark in read(dataset)[0]]


def test_a_folder_without_images_is_no_l3d(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="images/"):
        L3dDataset(tmp_path)


@pytest.mark.slow
def test_many_entries_take_little_time(tmp_path: Path) -> None:
    names = [f"em{number:08d}.jpg" for number in range(10_000)]
    entries = [
        {"file": name.upper(), "text": "A MARK", "year": "1996", "office": "EM",
         "vienna_codes": "27.05.01" if number % 4 == 0 else ["27.05.01", "29.01.12", "26.4.1"]}
        for number, name in enumerate(names)
    ]  # fmt: skip
    dataset = l3d(tmp_path, names, output_1996=entries)
    kinds: Counter[str] = Counter()
    began = process_time()
    marks = sum(1 for _ in dataset.marks(lambda fault: kinds.update([fault.kind])))
    assert (marks, kinds) == (10_000, Counter())
    assert process_time() - began < 1.5  # an idle core takes 0.2 s; eight times that is a change of kind


def test_a_folder_that_cannot_be_read_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.jpg", "closed/b.jpg", "open/c.jpg"):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / name).write_bytes(b"x")
    scan = os.scandir

    def refuse(folder: Path) -> Any:
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr("marklens.datasets.l3d.os.scandir", refuse)
    faults: list[Fault] = []
    dataset = L3dDataset(tmp_path)
    assert sorted(mark.file for mark in dataset.marks(faults.append)) == ["a.jpg", "open/c.jpg"]
    assert Fault("closed/", "unreadable", "Permission denied") in faults
    assert dataset.count() == 2
