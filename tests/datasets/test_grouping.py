"""What belongs together is found by any spelling of its files, and joined by way of others."""

from collections import Counter
from pathlib import Path

import pytest

from marklens.core.errors import UsageError
from marklens.core.groups import read_groups
from marklens.core.types import Fault
from marklens.datasets.grouping import cluster, find_groups, groups_of


def test_groups_that_share_a_file_are_one_cluster() -> None:
    faults: list[Fault] = []
    files = ["a.png", "b.png", "c.png", "d.png", "x/e.png", "y/e.png"]
    groups = [
        ("one", ["A.PNG", "b.png", "a.png"]),
        ("two", ["b.png", "c.png"]),
        ("three", ["d.png", "gone.png", "e.png"]),
    ]
    found = find_groups(groups, files, faults.append)
    assert found == [("one", [0, 1]), ("two", [1, 2]), ("three", [3])]
    assert Counter(fault.kind for fault in faults) == {"unknown-file": 1, "ambiguous-file": 1}
    clusters = cluster(found, len(files))
    assert clusters[0] == clusters[1] == clusters[2] != clusters[3]
    assert len(set(clusters.tolist())) == 4


def test_without_groups_every_mark_is_alone() -> None:
    assert len(set(cluster([], 5).tolist())) == 5


def test_groups_lie_in_the_dataset_or_beside_its_manifest(tmp_path: Path) -> None:
    assert groups_of(tmp_path) == {}
    (tmp_path / "groups.json").write_text('\ufeff{"acme": ["a.png", "b.png"]}', encoding="utf-8")
    assert groups_of(tmp_path) == groups_of(tmp_path / "manifest.jsonl") == {"acme": ["a.png", "b.png"]}


@pytest.mark.parametrize("text", ["[]", '{"acme": "a.png"}', '{"acme": [1]}', "{", None])
def test_what_is_no_groups_file_says_so(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "groups.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=r"groups\.json"):
        read_groups(path)
