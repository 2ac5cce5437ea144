"""The narrow doors between rooms. Anything that has these methods fits."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from marklens.core.types import (
    Bools,
    Fault,
    Ids,
    LocalViews,
    Mark,
    Pixels,
    ReadText,
    TextFinding,
    TextRegion,
    Vectors,
)

OnFault = Callable[[Fault], None]
"""Hears of what is wrong with one item, which costs that item or that field only."""


class Dataset(Protocol):
    """Where marks come from, in an order that is the same every time."""

    @property
    def root(self) -> Path:
        """Where it lies."""
        ...

    def count(self) -> int:
        """How many marks there are, at least roughly: for progress and disk-space estimates."""
        ...

    def marks(self, on_fault: OnFault) -> Iterator[Mark]:
        """Yield every usable mark once, streaming; report each fault of the metadata to `on_fault`."""
        ...


class TextDetector(Protocol):
    """Finds text in a picture."""

    name: str

    def detect(self, picture: Pixels) -> TextFinding:
        """Find the text of one RGB picture (height, width, 3), in its own pixel coordinates."""
        ...


class TextReader(Protocol):
    """Reads the text that a detector found."""

    def read(self, picture: Pixels, regions: Sequence[TextRegion]) -> ReadText | None:
        """Read these regions of one RGB picture (height, width, 3); None where nothing is legible."""
        ...


class Embedder(Protocol):
    """Turns views into global vectors."""

    dims: int
    size: int
    model_hash: str

    def embed(self, pixels: Pixels) -> Vectors:
        """Map uint8 (n, size, size, 3) to float32 (n, dims), not normalised."""
        ...


class Describer(Embedder, Protocol):
    """An embedder that also tells what is where in a view."""

    def describe(self, pixels: Pixels) -> tuple[Vectors, Vectors]:
        """Map uint8 (n, size, size, 3) to what `embed` gives and patches (n, PATCH_GRID², dims)."""
        ...


class VectorStore(Protocol):
    """Holds unit vectors under view ids (see `VIEW_BITS`) and finds the most similar ones.

    Similarity is the inner product of unit vectors, higher is better.
    """

    dims: int

    def __len__(self) -> int: ...

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Add vectors (n, dims) under ids (n,)."""
        ...

    def search(
        self, queries: Vectors, k: int, allowed: Bools | None = None, *, exact: bool = False
    ) -> tuple[Vectors, Ids]:
        """Find the k most similar vectors of each query.

        Args:
            queries: float32 (q, dims), unit length.
            k: how many to return for each query.
            allowed: bool (marks,), True for each mark number that may be returned; None allows all.
            exact: compare with every vector instead of searching a graph.

        Returns:
            similarities float32 (q, k), best first, and view ids int64 (q, k); places that could not be
            filled hold -inf and -1.
        """
        ...

    def vectors(self, ids: Ids) -> Vectors:
        """The stored vectors (n, dims) of these view ids; raises KeyError for an id that is not there."""
        ...

    def save(self, path: Path) -> None:
        """Write the store to one file, atomically."""
        ...


class LocalStore(Protocol):
    """Knows the patches and colours of views by view ids."""

    def of_marks(self, numbers: Ids) -> tuple[Ids, LocalViews]:
        """All views of some marks.

        Args:
            numbers: int64 (n,), each once.

        Returns:
            their view ids int64 (views,) and the views, in the order of `numbers`; marks that are not there
            are left out.
        """
        ...


class Progress(Protocol):
    """Hears how far a long job is: a bar on a terminal, lines in a log, nothing in a test."""

    def start(self, stage: str, total: int | None) -> None:
        """A stage begins that has so many steps, or nobody knows how many; the one before is over."""
        ...

    def advance(self, steps: int, skipped: bool = False) -> None:
        """So many steps more are done; skipped ones had been done before and do not count for the speed."""
        ...
