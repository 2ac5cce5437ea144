"""Approximate search in Milvus: the same code for Milvus Lite in a file and for a cluster.

A collection is filled, and then named by a small file in the index folder. The renaming of that file is the
moment of the change: a killed load leaves the old collection and the old file. What is added to a collection
that is in use has larger ids, and stores opened before leave it out; what a killed addition left there is
deleted by the next.
"""

import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from marklens.core.errors import ArtifactError, UsageError
from marklens.core.types import Bools, Ids, Vectors
from marklens.retrieval.checks import checked_new_ids, checked_vectors
from marklens.retrieval.exact_search import allowed_rows, search_rows
from marklens.retrieval.milvus import Milvus
from marklens.retrieval.milvus_collection import (
    BLOCK,
    Collection,
    count_rows,
    drop_collections,
    fetch,
    insert_rows,
    load_rows,
    make_collection,
    one_of,
    owner_of,
    pages,
    read_pointer,
    search_parameters,
    within,
    write_pointer,
)
from marklens.retrieval.rankings import merged, padded, padding

if TYPE_CHECKING:
    from pymilvus import MilvusClient

MOST_RESULTS = 16_384
"""Milvus answers no more."""
MOST_LISTED = 20_000
"""Marks that an expression names; longer lists take longer to send and parse than to search."""
UNSAVED = "new"
"""Owner in the name of a collection that no file names yet."""


class MilvusStore:
    """Unit vectors in a collection of Milvus, inner product.

    Searches may run in many threads at once.

    Args:
        milvus: where the collection is.
        collection: which it is.
        writable: whether `add` will be called.
    """

    def __init__(self, milvus: Milvus, collection: Collection, *, writable: bool = False) -> None:
        self._milvus, self.collection, self._writable = milvus, collection, writable
        self.dims = collection.dims

    @staticmethod
    def create(milvus: Milvus, dims: int) -> "MilvusStore":
        """Make an empty store, which no index names before it is saved.

        Raises:
            UsageError: the URI is none, or Milvus Lite has no such index.
            DatabaseError: Milvus does not answer, or refuses.
        """
        name = f"marklens_{UNSAVED}_{secrets.token_hex(8)}"
        collection = Collection(name, secrets.token_hex(8), dims, milvus.index)
        with milvus.connected() as client:
            make_collection(client, milvus, collection)
        return MilvusStore(milvus, collection, writable=True)

    @staticmethod
    def load(path: Path, milvus: Milvus, *, writable: bool = False) -> "MilvusStore":
        """Open the collection that a file names.

        Raises:
            ArtifactError: the file is missing or damaged, the collection is gone or holds something else.
            DatabaseError: Milvus does not answer, or refuses.
        """
        collection = read_pointer(path)
        with milvus.connected() as client:
            if not client.has_collection(collection.name):
                raise ArtifactError(
                    f"the collection {collection.name} that {path} names is not in Milvus: check the setting "
                    "milvus.uri, or run 'marklens index compact' on the index"
                )
            load_rows(client, milvus, collection.name)
            if writable:  # left by an addition that was killed
                client.delete(collection.name, filter=f"id > {collection.last_id}")
            rows = count_rows(client, collection.name, within(collection))
        if rows != collection.rows:
            raise ArtifactError(
                f"the collection {collection.name} is not what {path} says ({rows} vectors, "
                f"{collection.rows} expected): run 'marklens index compact' on the index"
            )
        return MilvusStore(milvus, collection, writable=writable)

    def __len__(self) -> int:
        return self.collection.rows

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Add vectors (n, dims) under ids (n,).

        Raises:
            ValueError: another shape, a number that is not finite, an id that is there already.
            UsageError: the store was loaded for reading.
            DatabaseError: Milvus does not answer, or refuses.
        """
        if not self._writable:
            raise UsageError("this vector store is open for reading: open it with writable=True")
        new = checked_vectors(vectors, self.dims)
        new_ids = checked_new_ids(ids, len(new), self._taken(ids))
        if not len(new):
            return
        with self._milvus.connected() as client:
            insert_rows(client, self.collection.name, new_ids, new)
        last = max(self.collection.last_id, int(new_ids.max()))
        self.collection = replace(self.collection, rows=len(self) + len(new), last_id=last)

    def search(
        self, queries: Vectors, k: int, allowed: Bools | None = None, *, exact: bool = False
    ) -> tuple[Vectors, Ids]:
        """Find the k most similar vectors of each query, as the port says.

        Milvus answers; where it cannot, or found fewer than there are, all that is allowed is fetched and
        compared here.

        Args:
            queries: float32 (q, dims), unit length.
            k: how many to return for each query.
            allowed: bool (marks,), True for each mark number that may be returned; None allows all.
            exact: compare with all allowed vectors, whatever it takes.

        Raises:
            ValueError: another shape, or a number that is not finite.
            ArtifactError: the collection was replaced.
            DatabaseError: Milvus does not answer.
        """
        checked = checked_vectors(queries, self.dims)
        passing = None if allowed is None else np.asarray(allowed, np.bool_)[: self.collection.marks]
        if not (len(checked) and k and len(self)) or (passing is not None and not passing.any()):
            return padding(len(checked), k)
        with self._milvus.connected() as client:
            if k > MOST_RESULTS or (exact and self.collection.index != "FLAT"):
                return self._scan(client, checked, k, passing)
            similarities, found = self._ask(client, checked, k, passing)
            short = (found < 0).any(axis=1)
            if short.any():
                there = min(k, self._count(client, passing))
                short = (found >= 0).sum(axis=1) < there
            if short.any():
                similarities[short], found[short] = self._scan(client, checked[short], k, passing)
        return similarities, found

    def vectors(self, ids: Ids) -> Vectors:
        """The stored vectors (n, dims) of these ids; raises KeyError for an id that is not there."""
        wanted, parts = np.asarray(ids, np.int64), [np.empty((0, self.dims), np.float32)]
        for start in range(0, len(wanted), BLOCK):
            block = wanted[start : start + BLOCK]
            with self._milvus.connected() as client:
                known, vectors = fetch(
                    client, self.collection, within(self.collection, one_of("id", np.unique(block)))
                )
            missing = block[~np.isin(block, known)]
            if len(missing):
                raise KeyError(int(missing[0]))
            parts.append(vectors[np.searchsorted(known, block)])
        return np.concatenate(parts)

    def save(self, path: Path) -> None:
        """Let Milvus write what it has, and write the file that names the collection, atomically.

        Collections that the index had before stay until `prune`: whoever has the index open searches there.
        """
        old, owner = self.collection.name, owner_of(path) or self.collection.owner
        name = f"marklens_{owner}_{secrets.token_hex(4)}" if f"_{UNSAVED}_" in old else old
        if self._writable:
            with self._milvus.connected() as client:
                client.flush(old)
                if name != old:
                    client.rename_collection(old, name)
                    load_rows(client, self._milvus, name)  # Milvus Lite lets go of what it renames
        self.collection = replace(self.collection, owner=owner, name=name)
        write_pointer(path, self.collection)

    def _ask(
        self, client: "MilvusClient", queries: Vectors, k: int, allowed: Bools | None
    ) -> tuple[Vectors, Ids]:
        expression, wide = self._expression(allowed, k)
        answers = client.search(
            self.collection.name,
            data=list(queries),
            anns_field="vector",
            limit=wide,
            filter=expression,
            output_fields=["id"],
            search_params={"metric_type": "IP", "params": search_parameters(self.collection.index, wide)},
        )
        similarities, found = padding(len(queries), k)
        for row, answer in enumerate(answers):
            ids = np.array([hit["id"] for hit in answer], np.int64)
            near = np.array([hit["distance"] for hit in answer], np.float32)
            passes = ids <= self.collection.last_id
            if allowed is not None:
                passes[~np.isin(np.arange(len(ids)), allowed_rows(ids, allowed))] = False
            ids, near = ids[passes], near[passes]
            order = np.lexsort((ids, -near))[:k]
            similarities[row, : len(order)], found[row, : len(order)] = near[order], ids[order]
        return similarities, found

    def _expression(self, allowed: Bools | None, k: int) -> tuple[str, int]:
        """Which rows may be returned, and how many to ask for.

        A list of marks says it where it is short; else more is asked for, and what may not be returned is
        left out here.
        """
        if allowed is None:
            return within(self.collection), k
        passing = int(np.count_nonzero(allowed))
        if passing <= MOST_LISTED:
            return within(self.collection, one_of("mark", np.flatnonzero(allowed))), k
        if len(allowed) - passing <= MOST_LISTED and len(allowed) == self.collection.marks:
            forbidden = np.flatnonzero(~allowed)
            return within(self.collection, f"not ({one_of('mark', forbidden)})" if len(forbidden) else ""), k
        share = passing / self.collection.marks
        return within(self.collection), min(MOST_RESULTS, int(1.5 * k / share) + 100)

    def _scan(
        self, client: "MilvusClient", queries: Vectors, k: int, allowed: Bools | None
    ) -> tuple[Vectors, Ids]:
        """Fetch what is allowed, page by page, and compare it here."""
        best = padding(len(queries), 0)
        for page in pages(self.collection, allowed):
            ids, vectors = fetch(client, self.collection, page)
            rows = None if allowed is None else allowed_rows(ids, allowed)
            count = min(k, len(ids) if rows is None else len(rows))
            best = merged(best, search_rows(vectors, ids, queries, count, rows), k)
        return padded(best, k)

    def _count(self, client: "MilvusClient", allowed: Bools | None) -> int:
        """How many rows are allowed; at most as many as there are, where the list would be long."""
        if allowed is None or np.count_nonzero(allowed) > MOST_LISTED:
            return len(self)
        expression = within(self.collection, one_of("mark", np.flatnonzero(allowed)))
        return count_rows(client, self.collection.name, expression)

    def _taken(self, ids: Ids) -> Ids:
        """Those of some ids that are there already."""
        old = np.asarray(ids)
        if not np.issubdtype(old.dtype, np.integer) or not (old <= self.collection.last_id).any():
            return np.empty(0, np.int64)
        taken = [np.empty(0, np.int64)]
        with self._milvus.connected() as client:
            for start in range(0, len(old), BLOCK):
                expression = one_of("id", old[start : start + BLOCK])
                rows = client.query(self.collection.name, filter=expression, output_fields=["id"])
                taken.append(np.array([row["id"] for row in rows], np.int64))
        return np.concatenate(taken)


def prune(path: Path, milvus: Milvus) -> None:
    """Drop the collections that the index of a file had before the one that it names."""
    collection = read_pointer(path)
    with milvus.connected() as client:
        drop_collections(client, collection.owner, collection.name)


def discard(path: Path, milvus: Milvus) -> None:
    """Drop every collection of the index that a file belongs to."""
    owner = owner_of(path)
    if owner is not None:
        with milvus.connected() as client:
            drop_collections(client, owner)
