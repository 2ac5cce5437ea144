"""Open a dataset by looking at what is there."""

import os
from pathlib import Path

from loguru import logger

from marklens.core.errors import DatasetError, UsageError
from marklens.core.ports import Dataset
from marklens.datasets.folder import FolderDataset
from marklens.datasets.l3d import L3dDataset, metadata_files
from marklens.datasets.manifest import MANIFEST_ENDINGS, ManifestDataset

NOT_READ = "in it is not read; to read it, name it as the dataset, or call it manifest"
_LOOKED_FOR = (
    "looked for manifest.jsonl or manifest.csv, for images/ beside output_*.json or results.json (L3D), "
    "and for pictures (PNG, JPEG, WebP, GIF, TIFF, BMP, SVG)"
)


def open_dataset(path: Path) -> Dataset:
    """Open a manifest file, a folder with a manifest, an L3D folder or a folder of pictures.

    Raises:
        UsageError: the path does not exist.
        DatasetError: nothing usable is there; the message says what was looked for.
    """
    if not path.exists():
        raise UsageError(f"{path} does not exist: give an L3D folder, a folder of pictures or a manifest")
    path = Path(os.path.abspath(path))  # an index remembers where its pictures are, wherever it is asked from
    if path.is_file():
        if path.suffix.lower() in MANIFEST_ENDINGS:
            return ManifestDataset(path)
        endings = ", ".join(sorted(MANIFEST_ENDINGS))
        raise DatasetError(f"{path} is no manifest: give a folder or a file that ends in {endings}")
    for name in ("manifest.jsonl", "manifest.csv"):
        if (path / name).is_file():
            return ManifestDataset(path / name)
    if (path / "images").is_dir() and metadata_files(path):
        return L3dDataset(path)
    folder = FolderDataset(path)
    if folder.is_empty():
        raise DatasetError(f"nothing usable in {path}: {_LOOKED_FOR}")
    beside = sorted(
        name for name in os.listdir(path) if os.path.splitext(name)[1].lower() in MANIFEST_ENDINGS
    )
    if beside:
        logger.info("{} is read as a folder of pictures: {} {}", path, beside[0], NOT_READ)
    return folder
