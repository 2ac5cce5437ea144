"""Splits share out every code alike, tear nothing apart, and come out the same every time."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.small_index import Silent, draw_marks

from marklens.core.errors import DatasetError, UsageError
from marklens.core.types import Fault, Mark
from marklens.datasets.manifest import ManifestDataset
from marklens.datasets.opening import open_dataset
from marklens.datasets.splits import (
    code_shares,
    label_matrix,
    manifest_row,
    split_dataset,
    split_labels,
)
from marklens.datasets.synthetic import write_synthetic_l3d

SHARES = (0.70, 0.15, 0.15)
codes_of_a_mark = st.lists(st.sampled_from([f"26.{n:02}.01" for n in range(6)]), max_size=4)


@settings(max_examples=40, deadline=None)
@given(st.lists(codes_of_a_mark, min_size=1, max_size=60), st.integers(0, 3), st.data())
def test_every_mark_has_one_part_and_no_cluster_two(
    codes: list[list[str]], seed: int, data: st.DataObject
) -> None:
    clusters = np.unique([data.draw(st.integers(0, len(codes) - 1)) for _ in codes], return_inverse=True)[
        1
    ].astype(np.int64)
    labels, _ = label_matrix(codes)
    parts = split_labels(labels, clusters, SHARES, seed)
    assert parts.shape == (len(codes),)
    assert set(parts.tolist()) <= {0, 1, 2}
    for cluster in range(clusters.max() + 1):
        assert len(set(parts[clusters == cluster].tolist())) == 1
    assert np.array_equal(parts, split_labels(labels, clusters, SHARES, seed))


def test_every_code_is_shared_out_alike() -> None:
    random = np.random.default_rng(4)
    frequent, rare = ["26.01.01", "26.02.01", "26.03.01"], [f"05.{n:02}.01" for n in range(20)]
    codes = [
        [code for code in frequent if random.random() < 0.4]
        + list(random.choice(rare, random.integers(0, 2)))
        for _ in range(4000)
    ]
    labels, names = label_matrix(codes)
    parts = split_labels(labels, np.arange(4000), SHARES, 0)
    shares = list(code_shares(labels, names, parts, SHARES))
    assert {share.code for share in shares} >= set(frequent)
    assert max(share.deviation for share in shares) < 1.0  # points; a random split is off by several
    assert np.abs(np.bincount(parts) / 4000 - SHARES).max() < 0.01


def test_shares_are_counted_as_written_down() -> None:
    # the code is on marks 0, 1, 2 and 3 of 200; three of them lie in train, one in test: 75 %, 0 %, 25 %
    labels, names = label_matrix([["26.04.01"] * 2] * 4 * 50)
    parts = np.array([0, 0, 0, 2] * 50, np.int8)
    (share,) = code_shares(labels, names, parts, SHARES)
    assert (share.code, share.marks, share.shares) == ("26.04.01", 200, (0.75, 0.0, 0.25))
    assert share.name == "Quadrilaterals"
    assert share.deviation == pytest.approx(15)


def test_large_clusters_do_not_spoil_the_shares() -> None:
    """40 clusters of 20 marks and 1,200 single ones; taken in any order the mean deviation is 0.9 points."""
    deviations = []
    for seed in range(12):
        random = np.random.default_rng(seed)
        sizes = np.concatenate([np.full(40, 20), np.ones(1200, np.int64)])
        clusters = random.permutation(np.repeat(np.arange(1240), sizes))
        of_cluster = [[f"26.{code:02d}.01" for code in set(random.integers(1, 4, 2))] for _ in range(1240)]
        labels, names = label_matrix([of_cluster[cluster] for cluster in clusters.tolist()])
        parts = split_labels(labels, clusters, SHARES, seed)
        deviations.append(max(share.deviation for share in code_shares(labels, names, parts, SHARES)))
    assert np.mean(deviations) < 0.45


def test_marks_without_codes_are_shared_out_too() -> None:
    labels, names = label_matrix([["26.01.01"]] * 100 + [[]] * 200)
    parts = split_labels(labels, np.arange(300), SHARES, 0)
    assert np.bincount(parts[100:]).tolist() == [140, 30, 30]
    assert {share.code for share in code_shares(labels, names, parts, SHARES)} == {"26.01.01", "no codes"}


@pytest.fixture(scope="module")
def l3d(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("l3d")
    write_synthetic_l3d(root, 300, seed=1)
    return root


def split(l3d: Path, out: Path, seed: int = 0, together: tuple[tuple[str, ...], ...] = ()) -> None:
    named = [(f"group {number}", files) for number, files in enumerate(together)]
    split_dataset(open_dataset(l3d), out, named, SHARES, seed, Silent())


def test_parts_are_manifests_that_hold_every_mark_once(l3d: Path, tmp_path: Path) -> None:
    marks = {mark.id: mark for mark in open_dataset(l3d).marks(lambda fault: None)}
    ids = list(marks)
    files = [marks[number].file for number in ids[:20]]
    split(l3d, tmp_path, together=(tuple(files),))
    found: dict[str, str] = {}
    for name in ("train", "val", "test"):
        faults: list[Fault] = []
        for mark in ManifestDataset(tmp_path / f"{name}.jsonl").marks(faults.append):
            assert mark.id not in found
            found[mark.id] = name
            known = marks[mark.id]
            assert (mark.file, mark.text, mark.vienna_codes, mark.year) == (
                known.file, known.text, known.vienna_codes, known.year,
            )  # fmt: skip
            assert mark.path.samefile(known.path)
        assert faults == []
    assert set(found) == set(marks)
    assert len({found[number] for number in ids[:20]}) == 1
    report = json.loads((tmp_path / "split.json").read_text())
    assert report["marks"] == dict(Counter(found.values()))
    assert (report["clusters"], report["clustered_marks"]) == (1, 20)
    assert report["faults"]["missing-file"] >= 1
    assert report["source"] == str(l3d)
    assert report["largest_deviation"] == max((code["deviation"] for code in report["codes"]), default=None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "split.json", "test.jsonl", "train.jsonl", "val.jsonl",
    ]  # fmt: skip


def test_a_seed_decides_the_split(l3d: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        split(l3d, tmp_path / name, seed)
    texts = {name: (tmp_path / name / "val.jsonl").read_text() for name in "abc"}
    assert texts["a"] == texts["b"] != texts["c"]


def test_nothing_to_split_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_text('{"file": "gone.png"}\n')
    with pytest.raises(DatasetError, match="nothing to split"):
        split_dataset(ManifestDataset(tmp_path / "m.jsonl"), tmp_path / "out", (), SHARES, 0, Silent())


class Growing:
    """A dataset that somebody adds a mark to while it is read the second time."""

    def __init__(self, root: Path, more: int) -> None:
        self.root = root
        self._more, self._reads = more, 0

    def count(self) -> int:
        return 3

    def marks(self, on_fault: Callable[[Fault], None]) -> Iterator[Mark]:
        marks = 3 + self._more * self._reads
        self._reads += 1
        for number in range(marks):
            yield Mark(f"m{number}", f"m{number}.png", self.root / f"m{number}.png")


@pytest.mark.parametrize(("more", "word"), [(1, "grew"), (-1, "shrank")])
def test_a_dataset_that_changes_meanwhile_leaves_nothing_behind(tmp_path: Path, more: int, word: str) -> None:
    with pytest.raises(DatasetError, match=word):
        split_dataset(Growing(tmp_path, more), tmp_path / "out", (), SHARES, 0, Silent())
    assert list((tmp_path / "out").iterdir()) == []


def test_a_row_leaves_out_what_is_not_known(l3d: Path) -> None:
    mark = next(mark for mark in open_dataset(l3d).marks(lambda fault: None) if mark.text is None)
    row = manifest_row(mark, l3d)
    assert "text" not in row
    assert row["path"] == f"images/{mark.file}"


def test_a_file_name_that_is_no_text_is_split_too(tmp_path: Path) -> None:
    draw_marks(tmp_path / "marks", 12)
    odd = os.fsdecode(b"caf\xe9.png")
    (tmp_path / "marks" / "mark0003.png").rename(tmp_path / "marks" / odd)
    split_dataset(open_dataset(tmp_path / "marks"), tmp_path / "out", [], SHARES, 0, Silent())
    parts = [ManifestDataset(tmp_path / "out" / f"{name}.jsonl") for name in ("train", "val", "test")]
    found = [mark for part in parts for mark in part.marks(lambda fault: None)]
    assert len(found) == 12 and odd in {mark.path.name for mark in found}


def test_a_split_does_not_write_over_what_it_reads(tmp_path: Path) -> None:
    draw_marks(tmp_path, 4)
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps({"file": f"mark{n:04d}.png"}) + "\n" for n in range(4)))
    before = path.read_bytes()
    with pytest.raises(UsageError, match="another folder"):
        split_dataset(open_dataset(path), tmp_path, [], SHARES, 0, Silent())
    assert path.read_bytes() == before
