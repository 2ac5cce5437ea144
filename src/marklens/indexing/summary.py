"""What an index says of itself."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from marklens.indexing.folder import IndexFolder
from marklens.indexing.manifest import load_complete


def describe_index(root: Path) -> dict[str, Any]:
    """The manifest of a finished index and the bytes its folder takes.

    Raises:
        UsageError: there is no index.
        ArtifactError: it is unfinished.
    """
    manifest = load_complete(IndexFolder(root))
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    return {**asdict(manifest), "bytes": size}
