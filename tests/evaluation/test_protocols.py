"""Groups files with all their faults, and the queries that the two protocols make of them."""

import json
from pathlib import Path

import numpy as np
import pytest

from marklens.core.errors import UsageError
from marklens.evaluation.evaluator import Ranking, measure
from marklens.evaluation.protocols import Query, group_queries, read_groups, read_pairs

FILES = {0: "A.PNG", 1: "b.png", 4: "sub/c.png", 5: "other/c.png", 6: "Café.png"}


def groups_file(folder: Path, document: object) -> Path:
    path = folder / "groups.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_files_match_whatever_their_case(tmp_path: Path) -> None:
    groups = read_groups(
        groups_file(tmp_path, {"g": ["a.png", "B.PNG", "SUB/C.png", "CAFE\u0301.png"]}), FILES
    )
    assert groups.members == {"g": (0, 1, 4, 6)}
    assert groups.faults == ()


def test_a_bare_name_is_enough_when_only_one_mark_bears_it(tmp_path: Path) -> None:
    groups = read_groups(groups_file(tmp_path, {"g": ["x/a.png", "b.png", "c.png"]}), FILES)
    assert groups.members == {"g": (0, 1)}
    assert [(fault.item, fault.kind) for fault in groups.faults] == [("c.png", "ambiguous-file")]


def test_unknown_and_repeated_files_and_small_groups_are_reported(tmp_path: Path) -> None:
    document = {"g": ["a.png", "A.png", "b.png", "gone.png"], "small": ["a.png"], "empty": []}
    groups = read_groups(groups_file(tmp_path, document), FILES)
    assert groups.members == {"g": (0, 1)}
    assert [(fault.item, fault.kind) for fault in groups.faults] == [
        ("A.png", "repeated-file"),
        ("gone.png", "unknown-file"),
        ("small", "small-group"),
        ("empty", "small-group"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"{", b"\xff\xfe\x00", b"[]", b'{"g": "a.png"}', b'{"g": [1]}', b"", b'{"g": [], "g": []}',
        b"[" * 200_000,
        b'{"g": ["gone.png", "b.png"]}',
    ],
)  # fmt: skip
def test_a_damaged_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "groups.json"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_groups(path, FILES)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        read_groups(tmp_path / "none.json", FILES)
    with pytest.raises(UsageError, match="holds no pictures named <instance>-<group>"):
        read_groups(tmp_path, FILES)


def test_a_folder_of_queries_names_its_groups_as_metu_does(tmp_path: Path) -> None:
    for name in (
        "1-7.jpg",
        "2-7.JPG",
        "10-7.jpg",
        "1-8.jpg",
        "2-8.jpg",
        "1-9.jpg",
        "notes.txt",
        "-7.jpg",
        ".3-7.jpg",
    ):
        (tmp_path / name).touch()
    files = dict(enumerate(["1-7.jpg", "2-7.jpg", "10-7.jpg", "1-8.jpg", "2-8.jpg", "1-9.jpg", "300001.jpg"]))
    groups = read_groups(tmp_path, files)
    assert {name: set(marks) for name, marks in groups.members.items()} == {"7": {0, 1, 2}, "8": {3, 4}}
    assert [(fault.item, fault.kind) for fault in groups.faults] == [("9", "small-group")]


def test_default_asks_for_the_others_and_metu_for_all(tmp_path: Path) -> None:
    groups = read_groups(groups_file(tmp_path, {"g": ["a.png", "b.png", "sub/c.png"]}), FILES)
    default, metu = group_queries(groups, FILES), group_queries(groups, FILES, "metu")
    assert default[0] == Query("A.PNG", frozenset({1, 4}), 0)
    assert default[0].leaving == {0}
    assert metu[1] == Query("b.png", frozenset({0, 1, 4}), 1)
    assert not metu[1].leaving


def test_a_query_without_an_answer_is_refused() -> None:
    with pytest.raises(UsageError, match="no relevant"):
        Query("x", frozenset())


def pairs_file(folder: Path, document: object) -> Path:
    path = folder / "pairs.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_the_partners_of_a_mark_are_relevant(tmp_path: Path) -> None:
    rows = [{"a": "a.png", "b": "B.png", "grade": "gold"}, {"a": "sub/c.png", "b": "A.PNG"}]
    queries, faults = read_pairs(pairs_file(tmp_path, {"pairs": rows}), FILES)
    assert queries == [
        Query("A.PNG", frozenset({1, 4}), 0),
        Query("b.png", frozenset({0}), 1),
        Query("sub/c.png", frozenset({0}), 4),
    ]
    assert faults == ()


def test_duplicates_count_only_when_asked_for(tmp_path: Path) -> None:
    rows = [{"a": "a.png", "b": "b.png", "grade": "duplicate"}, {"a": "a.png", "b": "sub/c.png"}]
    path = pairs_file(tmp_path, {"pairs": rows})
    assert read_pairs(path, FILES)[0][0].relevant == {4}
    assert read_pairs(path, FILES, ["duplicate"])[0][0].relevant == {1, 4}
    with pytest.raises(UsageError, match="that is gold or strong has both marks"):
        read_pairs(pairs_file(tmp_path, {"pairs": rows[:1]}), FILES, ["gold", "strong"])


def test_marks_of_one_group_are_partners_whatever_pairs_stand_there(tmp_path: Path) -> None:
    brand = {"grade": "gold", "evidence": {"group": "acme"}}
    rows = [{"a": "a.png", "b": "b.png", **brand}, {"a": "b.png", "b": "sub/c.png", **brand},
            {"a": "a.png", "b": "sub/c.png", "grade": "duplicate", "evidence": {"group": "x"}}]  # fmt: skip
    queries, _ = read_pairs(pairs_file(tmp_path, {"pairs": rows}), FILES)
    assert [(query.own, query.relevant) for query in queries] == [(0, {1, 4}), (1, {0, 4}), (4, {0, 1})]
    assert queries[0].leaving == {0}, "a partner by another pair is right"


def test_a_partner_that_does_not_count_is_neither_right_nor_wrong(tmp_path: Path) -> None:
    rows = [{"a": "a.png", "b": "b.png", "grade": "duplicate"}, {"a": "a.png", "b": "sub/c.png"}]
    queries, _ = read_pairs(pairs_file(tmp_path, {"pairs": rows}), FILES)
    assert [(query.own, query.leaving) for query in queries] == [(0, {0, 1}), (4, {4})]
    ranking = Ranking(np.array([0, 1, 4]), np.array([1, 0.9, 0.8], np.float32))
    assert measure(queries[0], ranking, 6).measures.recall_at_1 == 1


def test_pairs_with_unknown_files_are_left_out(tmp_path: Path) -> None:
    rows = [{"a": "a.png", "b": "gone.png"}, {"a": "c.png", "b": "a.png"}, {"a": "a.png", "b": "b.png"}]
    queries, faults = read_pairs(pairs_file(tmp_path, {"pairs": rows}), FILES)
    assert [query.own for query in queries] == [0, 1]
    assert [(fault.item, fault.kind) for fault in faults] == [
        ("gone.png", "unknown-file"),
        ("c.png", "ambiguous-file"),
    ]


@pytest.mark.parametrize("document", [[], {}, {"pairs": {}}, {"pairs": [{"a": "x"}]}, {"pairs": []}])
def test_a_damaged_pair_file_is_one_line(tmp_path: Path, document: object) -> None:
    with pytest.raises(UsageError) as caught:
        read_pairs(pairs_file(tmp_path, document), FILES)
    assert "\n" not in str(caught.value)


def test_a_mark_is_no_partner_of_its_own(tmp_path: Path) -> None:
    rows = [{"a": "a.png", "b": "A.PNG"}, {"a": "b.png", "b": "b.png"}, {"a": "a.png", "b": "b.png"}]
    queries, faults = read_pairs(pairs_file(tmp_path, {"kind": "similar", "pairs": rows}), FILES)
    assert queries == [Query("A.PNG", frozenset({1}), 0), Query("b.png", frozenset({0}), 1)]
    assert [fault.kind for fault in faults] == ["repeated-file", "repeated-file"]


def test_dissimilar_pairs_are_no_answers(tmp_path: Path) -> None:
    rows = [{"a": "a.png", "b": "b.png"}]
    with pytest.raises(UsageError, match="dissimilar"):
        read_pairs(pairs_file(tmp_path, {"kind": "dissimilar", "pairs": rows}), FILES)
