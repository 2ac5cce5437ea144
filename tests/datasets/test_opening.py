"""A dataset is recognised by what lies there."""

from pathlib import Path

import pytest

from marklens.core.errors import DatasetError, UsageError
from marklens.datasets.folder import FolderDataset
from marklens.datasets.l3d import L3dDataset
from marklens.datasets.manifest import ManifestDataset
from marklens.datasets.opening import open_dataset


def fill(root: Path, **files: str) -> Path:
    """Write files; two underscores stand for a slash, _DOT_ for a dot."""
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_each_kind_is_recognised(tmp_path: Path) -> None:
    l3d = fill(tmp_path / "l3d", images__a_DOT_jpg="", output_1996_DOT_json="[]")
    merged = fill(tmp_path / "merged", images__a_DOT_jpg="", results_DOT_json="[]")
    folder = fill(tmp_path / "folder", deep__a_DOT_jpg="", readme_DOT_txt="")
    bare = fill(tmp_path / "bare", images__a_DOT_jpg="", groups_DOT_json="{}")
    listed = fill(tmp_path / "listed", a_DOT_jpg="", manifest_DOT_csv="file\na.jpg\n")
    lines = fill(tmp_path / "lines", manifest_DOT_jsonl='{"file": "a.jpg"}\n', manifest_DOT_csv="file\n")
    assert isinstance(open_dataset(l3d), L3dDataset)
    assert isinstance(open_dataset(merged), L3dDataset)
    assert isinstance(open_dataset(folder), FolderDataset)
    assert isinstance(open_dataset(bare), FolderDataset)
    assert isinstance(open_dataset(listed), ManifestDataset)
    assert isinstance(open_dataset(listed / "manifest.csv"), ManifestDataset)
    assert open_dataset(lines).count() == 1  # the JSON lines, not the empty table


def test_a_path_that_does_not_exist_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        open_dataset(tmp_path / "nothing")


def test_an_empty_folder_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"manifest\.jsonl.*images/.*pictures"):
        open_dataset(tmp_path)


def test_a_picture_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no manifest"):
        open_dataset(fill(tmp_path, a_DOT_png="") / "a.png")
