"""Small patch vectors: what an index keeps of the 7×7 map of each view."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marklens.core.artifacts import sha256
from marklens.core.errors import UsageError
from marklens.core.types import Bools, Patches, Vectors
from marklens.embeddings.pca_reducer import PcaReducer, load_beside

ENDING = ".patches.safetensors"
"""A network's patch reduction lies beside it, with this ending (benchmarks/fit_patch_reduction.py)."""


@dataclass(frozen=True, slots=True)
class PatchReducer:
    """Projects patch vectors onto components and packs them into bytes.

    Attributes:
        pca: fitted on ink patches.
        digest: of the file it came from.
    """

    pca: PcaReducer
    digest: str

    @property
    def dims(self) -> int:
        """Dimensions, and bytes, of a packed vector."""
        return self.pca.dims

    def pack(self, patches: Vectors, inks: Bools) -> Patches:
        """Reduce the patches that hold ink.

        Args:
            patches: float32 (views, PATCH_GRID², dims_in), as an embedder describes them.
            inks: bool (views, PATCH_GRID, PATCH_GRID).

        Returns:
            int8 (number of ink patches, dims), view after view, row by row from the upper left.
        """
        return quantised(self.pca.reduce(patches[inks.reshape(patches.shape[:2])]))


def quantised(vectors: Vectors) -> Patches:
    """Bytes (n, dims), -127..127, that point where the vectors (n, dims) do; their length is given up."""
    largest = np.abs(vectors).max(axis=1, initial=1e-12, keepdims=True)
    return np.asarray(np.rint(vectors * (127 / largest)), np.int8)


def find_patch_reducer(weights: Path, model_hash: str, dims: int) -> PatchReducer | None:
    """The reduction that lies beside a network, cut to its first `dims` components.

    Returns:
        None where there is no such file, or it was fitted for another network.

    Raises:
        ArtifactError: it is damaged.
        UsageError: it has fewer components.
    """
    pca, path = load_beside(weights, ENDING, model_hash), weights.with_name(weights.stem + ENDING)
    if pca is None:
        return None
    if dims > pca.dims:
        raise UsageError(f"patches.dims is {dims}, {path.name} has {pca.dims} components: ask for fewer")
    return PatchReducer(pca.first(dims), sha256(path)[:16])
