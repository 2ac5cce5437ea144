"""Fewer dimensions, evened out: incremental PCA with soft whitening."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from marklens.core.artifacts import load_arrays, save_arrays
from marklens.core.errors import ArtifactError
from marklens.core.types import Vectors


@dataclass(frozen=True, slots=True)
class PcaReducer:
    """Projects descriptors onto principal components and brings them to unit length.

    Attributes:
        mean: float32 (dims_in,).
        components: float32 (dims_out, dims_in), orthonormal rows, largest variance first.
        deviations: float32 (dims_out,), the standard deviation along each component.
        whitening: power of the deviation that each component is divided by: 0 leaves plain PCA, 1 is full
            whitening, 0.5 the soft whitening that measured best (Jégou & Chum 2012 show why whitening helps:
            it undoes the over-counting of patterns that occur together).
    """

    mean: npt.NDArray[np.float32]
    components: npt.NDArray[np.float32]
    deviations: npt.NDArray[np.float32]
    whitening: float

    @property
    def dims(self) -> int:
        """Dimensions after the reduction."""
        return len(self.components)

    def reduce(self, vectors: Vectors) -> Vectors:
        """Map float32 (n, dims_in) to unit vectors float32 (n, dims_out)."""
        scale = np.maximum(self.deviations, 1e-6) ** -self.whitening
        reduced = (_unit(vectors) - self.mean) @ (self.components * scale[:, None]).T
        return _unit(np.ascontiguousarray(reduced, np.float32))

    def save(self, path: Path) -> None:
        """Write to a safetensors file, atomically."""
        arrays = {"mean": self.mean, "components": self.components, "deviations": self.deviations}
        save_arrays(path, arrays, {"whitening": repr(self.whitening)})

    @staticmethod
    def load(path: Path) -> "PcaReducer":
        """Read what `save` wrote.

        Raises:
            ArtifactError: the file is missing or damaged.
        """
        arrays, metadata = load_arrays(path)
        try:
            return PcaReducer(
                arrays["mean"].astype(np.float32), arrays["components"].astype(np.float32),
                arrays["deviations"].astype(np.float32), float(metadata["whitening"]),
            )  # fmt: skip
        except (KeyError, ValueError) as error:
            raise ArtifactError(f"{path} holds no PCA: build the index again") from error


def fit_pca(chunks: Iterable[Vectors], dims: int, whitening: float) -> PcaReducer:
    """Fit on a stream of descriptors (n, dims_in) without ever holding them all.

    With fewer vectors than `dims`, as many components are kept as there are vectors.
    """
    from sklearn.decomposition import IncrementalPCA

    model, held, count, wanted = None, [], 0, 0
    for chunk in chunks:
        held.append(_unit(chunk))
        count += len(chunk)
        if count < 4 * dims:  # each step costs one SVD: few large ones are fastest
            continue
        block, held, count = np.concatenate(held), [], 0
        model = model or IncrementalPCA(min(dims, block.shape[1]))
        model.partial_fit(block)
    if model is None:
        block = np.concatenate(held)
        wanted = max(1, min(dims, *block.shape))
        model = IncrementalPCA(wanted)
        model.partial_fit(block)
    elif count >= model.n_components:
        model.partial_fit(np.concatenate(held))
    return PcaReducer(
        model.mean_.astype(np.float32), model.components_.astype(np.float32),
        np.sqrt(model.explained_variance_).astype(np.float32), whitening,
    )  # fmt: skip


def _unit(vectors: Vectors) -> Vectors:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
