"""Fewer dimensions, evened out: PCA with soft whitening, or directions that were learned for a network."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from loguru import logger

from marklens.core.artifacts import load_arrays, save_arrays
from marklens.core.errors import ArtifactError
from marklens.core.types import Vectors

ENDING = ".reduction.safetensors"
"""A network's learned reduction lies beside it, with this ending (benchmarks/fit_reduction.py)."""
MIN_VARIANCE_SHARE = 1e-9
"""Of the vectors' mean squared length; below lies the rounding of float32, which whitening would blow up."""


@dataclass(frozen=True, slots=True)
class PcaReducer:
    """Projects descriptors onto components and brings them to unit length.

    Attributes:
        mean: float32 (dims_in,).
        components: float32 (dims_out, dims_in), most telling first: orthonormal rows of a PCA, or learned
            ones, whitened already.
        deviations: float32 (dims_out,), the standard deviation along each component; ones for learned ones.
        whitening: power of the deviation that each component is divided by: 0 leaves plain PCA, 1 is full
            whitening (Jégou & Chum 2012 show why whitening helps: it undoes the over-counting of patterns
            that occur together).
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
        reduced = (to_unit(vectors) - self.mean) @ (self.components * scale[:, None]).T
        return to_unit(np.ascontiguousarray(reduced, np.float32))

    @property
    def digest(self) -> str:
        """Short SHA-256 of its components: other components give other vectors."""
        return sha256(np.ascontiguousarray(self.components).tobytes()).hexdigest()[:16]

    def first(self, dims: int) -> "PcaReducer":
        """The same with its first `dims` components."""
        return replace(self, components=self.components[:dims], deviations=self.deviations[:dims])

    def save(self, path: Path, model_hash: str | None = None) -> None:
        """Write to a safetensors file, atomically; one that shall lie beside a network names it."""
        arrays = {"mean": self.mean, "components": self.components, "deviations": self.deviations}
        named = {} if model_hash is None else {"model": model_hash}
        save_arrays(path, arrays, {"whitening": repr(self.whitening), **named})

    @staticmethod
    def load(path: Path) -> "PcaReducer":
        """Read what `save` wrote.

        Raises:
            ArtifactError: the file is missing or damaged.
        """
        arrays, metadata = load_arrays(path)
        try:
            mean, components, deviations = (
                arrays[name].astype(np.float32) for name in ("mean", "components", "deviations")
            )
            if components.shape != (len(deviations), len(mean)):
                raise ValueError("shapes differ")
            return PcaReducer(mean, components, deviations, float(metadata["whitening"]))
        except (KeyError, ValueError, TypeError) as error:
            raise ArtifactError(f"{path} holds no PCA: build the index again") from error


def load_beside(weights: Path, ending: str, model_hash: str) -> PcaReducer | None:
    """What lies beside a network with this ending.

    Returns:
        None where there is no such file, or it was made for another network.

    Raises:
        ArtifactError: it is damaged.
    """
    path = weights.with_name(weights.stem + ending)
    if not path.is_file():
        return None
    if load_arrays(path)[1].get("model") != model_hash:
        logger.warning("{} was made for another network than {}: it is left alone", path, weights.name)
        return None
    return PcaReducer.load(path)


def find_reducer(weights: Path, model_hash: str, dims: int) -> PcaReducer | None:
    """The reduction learned for a network, which lies beside it, cut to its first `dims` components.

    Returns:
        None where there is no such file, it was learned for another network, or has fewer components.

    Raises:
        ArtifactError: it is damaged.
    """
    whole = load_beside(weights, ENDING, model_hash)
    if whole is None:
        return None
    dims = min(dims, len(whole.mean))  # a small network has no more to give
    return whole.first(dims) if dims <= whole.dims else None


def fit_pca(chunks: Iterable[Vectors], dims: int, whitening: float) -> PcaReducer:
    """Fit on a stream of descriptors (n, dims_in) without ever holding them all.

    Sums and products are accumulated in float64 and decomposed once. That gives the exact principal
    components of all vectors, where sklearn's `IncrementalPCA` approximates them at some 30 times the cost
    (one SVD for every few thousand rows).

    Args:
        chunks: float32 (n, dims_in) each; brought to unit length here.
        dims: components wanted. Never more are kept than the vectors really span.
        whitening: see `PcaReducer`.

    Raises:
        ArtifactError: no vectors, or all are the same, so that there is nothing to compare by.
    """
    count, total, products = 0, np.zeros(0), np.zeros((0, 0))
    for chunk in chunks:
        unit = to_unit(np.asarray(chunk, np.float64))
        if not count:
            total, products = np.zeros(unit.shape[1]), np.zeros((unit.shape[1], unit.shape[1]))
        count, total, products = count + len(unit), total + unit.sum(axis=0), products + unit.T @ unit
    if count < 2:
        raise ArtifactError(f"a PCA needs at least 2 vectors, there are {count}")
    mean = total / count
    variances, axes = np.linalg.eigh((products - count * np.outer(mean, mean)) / (count - 1))
    variances, axes = variances[::-1], axes.T[::-1]
    spanned = int(np.count_nonzero(variances > MIN_VARIANCE_SHARE * products.trace() / count))
    kept = min(dims, count - 1, spanned)
    if kept == 0:
        raise ArtifactError(f"all {count} vectors are the same: a PCA needs pictures that differ")
    components = axes[:kept]
    # an eigenvector's sign is arbitrary: its largest value shall be positive, so that builds agree
    largest = np.abs(components).argmax(axis=1)
    components = components * np.sign(components[np.arange(kept), largest])[:, None]
    return PcaReducer(
        mean.astype(np.float32), components.astype(np.float32),
        np.sqrt(variances[:kept]).astype(np.float32), whitening,
    )  # fmt: skip


def to_unit(vectors: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Rows (n, d) brought to unit length, of the same dtype; a row of zeros stays one."""
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return np.asarray(vectors / lengths, vectors.dtype)
