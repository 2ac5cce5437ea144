"""Approximate search in a FAISS HNSW graph, or in lists of bits; exact where that would lose recall."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from marklens.core.errors import ArtifactError, UsageError
from marklens.core.types import VIEW_BITS, Bools, Ids, Vectors
from marklens.retrieval.checks import checked_new_ids, checked_vectors
from marklens.retrieval.exact_search import allowed_rows, search_rows
from marklens.retrieval.faiss_files import read_index, write_index
from marklens.retrieval.faiss_forms import (
    FORMS,
    Plan,
    choose_form,
    decoded,
    faiss_module,
    form_of,
    list_parameters,
    make_index,
    refined,
    storage_of,
)

EF_SEARCH = 400
"""Candidates kept while searching. Recall@100 of 65,000 × 512 clustered vectors: 0.904 with 64, 0.966 with
128, 0.982 with 200, 0.995 with 400, 0.999 with 1000 (200 queries)."""
SCAN_BELOW = 0.9
"""Share of allowed marks under which all of them are compared. A filter by looks leaves a query far from what
is allowed, where the graph cannot go: recall@100 of 60,000 × 512 was 0.88 at a share of 0.84, 0.84 at 0.49,
0.79 at 0.29, although the graph kept as many more candidates; random filters stayed above 0.99. The scan took
5 to 13 ms, the graph 2 to 7 (benchmarks/filtered_recall.py --count 60000 --dims 512, two cores)."""
ROWS_PER_STEP = 40
"""Vectors scanned in the time that one candidate of the graph takes: 40 to 75, same benchmark."""
FEW_QUERIES = 4
"""From here on gathering the allowed vectors for one matrix product beats passing over the others: 23 ms
against 28 for 4 queries, 14 against 7 for one (9,000 of 30,000 × 512)."""
FEW_RESULTS = 8192
"""More results than that and FAISS's heaps are slower than sorting."""


class FaissStore:
    """Unit vectors in an IndexIDMap over one of `faiss_forms`, inner product.

    Searches may run in many threads at once; `add` must run alone.

    Args:
        dims: length of the vectors.
        ef_search: candidates that the graph search keeps, at least; a search for more keeps more.
        plan: in which form the vectors shall be kept, with what is known of them.
        threads: for `add`, 0 for all cores. One thread makes the same graph every time; with more, the order
            in which vectors are linked, and so the graph, can differ between runs. The vectors never do.
    """

    def __init__(
        self, dims: int, *, ef_search: int = EF_SEARCH, threads: int = 0, plan: Plan | None = None
    ) -> None:
        plan = plan or Plan("fp32")
        with _threads(threads):
            inner = make_index(dims, choose_form(plan), plan)
        self._index: Any = faiss_module().IndexIDMap(inner)
        self._writable = True
        self._by_id: tuple[Ids, npt.NDArray[np.intp]] | None = None
        self.dims, self.ef_search, self.threads = dims, ef_search, threads

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Add vectors (n, dims) under ids (n,).

        Raises:
            ValueError: another shape, a number that is not finite, an id that is there already.
            UsageError: the store was loaded for reading.
        """
        if not self._writable:
            raise UsageError("this vector store is open for reading: open it with writable=True")
        new = checked_vectors(vectors, self.dims)
        new_ids = checked_new_ids(ids, len(new), self._ids())
        if len(new):
            with _threads(self.threads):
                self._index.add_with_ids(new, new_ids)
            self._by_id = None

    def search(
        self, queries: Vectors, k: int, allowed: Bools | None = None, *, exact: bool = False
    ) -> tuple[Vectors, Ids]:
        """Find the k most similar vectors of each query, as the port says.

        The graph answers where that is both faster than comparing all allowed vectors and good: not for small
        stores, narrow filters (`SCAN_BELOW`), or more results than there are vectors.

        Args:
            queries: float32 (q, dims), unit length.
            k: how many to return for each query.
            allowed: bool (marks,), True for each mark number that may be returned; None allows all.
            exact: compare with all allowed vectors, whatever it takes.

        Raises:
            ValueError: another shape, or a number that is not finite.
        """
        checked = checked_vectors(queries, self.dims)
        passing = None if allowed is None else np.asarray(allowed, np.bool_)
        share = 1.0 if passing is None else self._share(passing)
        if exact or not self._graph_pays(k, share):
            return self._scan(checked, k, passing)
        similarities, found = self._search_graph(checked, k, share, passing)
        short = (found < 0).any(axis=1)
        if short.any():
            similarities[short], found[short] = self._scan(checked[short], k, passing)
        return similarities, found

    def vectors(self, ids: Ids) -> Vectors:
        """The stored vectors (n, dims) of these ids; raises KeyError for an id that is not there."""
        known, rows = self._sorted_ids()
        wanted = np.asarray(ids, np.int64)
        places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        missing = wanted[known[places] != wanted] if len(known) else wanted
        if len(missing):
            raise KeyError(int(missing[0]))
        return self._read(rows[places]) if len(wanted) else np.empty((0, self.dims), np.float32)

    def save(self, path: Path) -> None:
        """Write one file, atomically."""
        write_index(self._index, path, coded=self.form != "fp32")

    @staticmethod
    def load(
        path: Path, *, writable: bool = False, ef_search: int = EF_SEARCH, threads: int = 0
    ) -> "FaissStore":
        """Read what `save` wrote.

        Args:
            path: the file.
            writable: read it into memory, so that vectors can be added; else the file is mapped, which starts
                at once and shares its memory between processes.
            ef_search: as for the class.
            threads: as for the class.

        Raises:
            ArtifactError: the file is missing, cut off or something else.
        """
        index = read_index(path, writable=writable)
        store = FaissStore(index.d, ef_search=ef_search, threads=threads)
        store._index, store._writable = index, writable
        if store.form not in FORMS:
            raise ArtifactError(f"{path} holds {store.form}, no vector store: build the index again")
        return store

    @property
    def form(self) -> str:
        """How the vectors are kept, one of `faiss_forms.FORMS`."""
        return form_of(self._inner())

    def _graph_pays(self, k: int, share: float) -> bool:
        """Whether the graph, searched widely enough, looks at less than a scan of the allowed vectors."""
        rows = share * len(self)
        if share < SCAN_BELOW or not 0 < k < rows:
            return False
        if self.form == "rabitq":
            return refined(k) < rows
        return ROWS_PER_STEP * self._width(k, share) < rows

    def _width(self, k: int, share: float) -> int:
        """Candidates to keep (ef) so that about as many allowed ones are among them as without a filter."""
        return ceil(max(self.ef_search, k) / share)

    def _search_graph(
        self, queries: Vectors, k: int, share: float, allowed: Bools | None
    ) -> tuple[Vectors, Ids]:
        if self.form == "rabitq":
            return self._search_lists(queries, k, share, allowed)
        selector = None
        if allowed is not None:
            bitmap = allowed * np.uint8(0xFF)  # a byte is a mark, a bit a view
            selector = faiss_module().IDSelectorBitmap(bitmap)
        parameters = faiss_module().SearchParametersHNSW(sel=selector, efSearch=self._width(k, share))
        with _threads(len(queries)):
            similarities, found = self._index.search(queries, k, params=parameters)
        return _padded(similarities, found)

    def _search_lists(
        self, queries: Vectors, k: int, share: float, allowed: Bools | None
    ) -> tuple[Vectors, Ids]:
        """The lists nearest to a query, then the best of what they hold by their vectors."""
        bits = None if allowed is None else self._row_bits(allowed_rows(self._ids(), allowed))
        parameters = list_parameters(self._inner(), k, share, bits)
        with _threads(len(queries)):
            similarities, found = self._inner().search(queries, k, params=parameters)
        return _padded(similarities, np.where(found < 0, -1, self._ids()[found]))

    def _scan(self, queries: Vectors, k: int, allowed: Bools | None) -> tuple[Vectors, Ids]:
        ids = self._ids()
        rows = None if allowed is None else allowed_rows(ids, allowed)
        if rows is None or not len(rows) or len(queries) >= FEW_QUERIES or not 0 < k <= FEW_RESULTS:
            vectors = self._stored() if self.form == "fp32" else self._read
            return search_rows(vectors, ids, queries, k, rows)
        return self._scan_in_place(queries, k, rows)

    def _scan_in_place(self, queries: Vectors, k: int, rows: npt.NDArray[np.intp]) -> tuple[Vectors, Ids]:
        """For few queries: passing over the other vectors is faster than gathering these."""
        parameters = faiss_module().SearchParameters(
            sel=faiss_module().IDSelectorBitmap(self._row_bits(rows))
        )
        with _threads(len(queries)):
            similarities, found = self._flat().search(queries, k, params=parameters)
        return _padded(similarities, np.where(found < 0, -1, self._ids()[found]))

    def _row_bits(self, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
        """A bit for every row, set for these."""
        wanted = np.zeros(len(self), np.bool_)
        wanted[rows] = True
        return np.packbits(wanted, bitorder="little")

    def _share(self, allowed: Bools) -> float:
        """About how many of the vectors may be returned, 0..1: the share of the marks."""
        known, _ = self._sorted_ids()
        marks = int(known[-1] >> VIEW_BITS) + 1 if len(known) else 1
        return float(np.count_nonzero(allowed[:marks])) / marks

    def _sorted_ids(self) -> tuple[Ids, npt.NDArray[np.intp]]:
        """The ids in rising order (n,) and the row of each."""
        if self._by_id is None:
            ids = self._ids()
            rows = np.argsort(ids, kind="stable")
            self._by_id = ids[rows], rows
        return self._by_id

    def _inner(self) -> Any:
        return faiss_module().downcast_index(self._index.index)

    def _flat(self) -> Any:
        return storage_of(self._inner())

    def _ids(self) -> Ids:
        """A view of the ids (n,), valid until the next `add`."""
        if not len(self):
            return np.empty(0, np.int64)
        return np.asarray(faiss_module().rev_swig_ptr(self._index.id_map.data(), len(self)), np.int64)

    def _stored(self) -> Vectors:
        """A view of the vectors (n, dims), valid until the next `add`."""
        if not len(self):
            return np.empty((0, self.dims), np.float32)
        flat = faiss_module().rev_swig_ptr(self._flat().get_xb(), len(self) * self.dims)
        return np.asarray(flat, np.float32).reshape(len(self), self.dims)

    def _read(self, rows: slice | npt.NDArray[np.intp]) -> Vectors:
        """Some of the vectors (rows, dims), decoded where they are kept in another form."""
        return self._stored()[rows] if self.form == "fp32" else decoded(self._flat(), len(self), rows)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let FAISS use at most `count` threads from this thread, 0 for all; waking more costs time."""
    before = faiss_module().omp_get_max_threads()
    faiss_module().omp_set_num_threads(min(count, before) or before)
    try:
        yield
    finally:
        faiss_module().omp_set_num_threads(before)


def _padded(similarities: Vectors, found: Ids) -> tuple[Vectors, Ids]:
    similarities[found < 0] = -np.inf
    return similarities, found
