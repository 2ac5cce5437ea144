"""The collection that holds the vectors of an index, from making to dropping, and the file that names it."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from marklens.core.artifacts import read_json, write_text
from marklens.core.errors import ArtifactError
from marklens.core.types import VIEW_BITS, Bools, Ids, Vectors
from marklens.retrieval.milvus import Milvus

if TYPE_CHECKING:
    from pymilvus import MilvusClient

BLOCK = 4096
"""Rows sent or fetched at a time: 8 MB of 512 dims, of the 64 that a message may have."""
PARAMETERS: dict[str, dict[str, Any]] = {
    "HNSW": {"M": 32, "efConstruction": 200},
    "HNSW_SQ": {"M": 32, "efConstruction": 200, "sq_type": "SQ8"},
    "IVF_SQ8": {"nlist": 1024},
    "IVF_RABITQ": {"nlist": 1024, "refine": True, "refine_type": "SQ8"},
}
"""What each type of index is built with; FLAT and DISKANN need nothing."""

EF_SEARCH = 400
"""Candidates kept while searching a graph, at least."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection of vectors, as the file in the index folder names it.

    Attributes:
        name: begins with ``marklens_`` and the owner.
        owner: the same for all collections that one index has ever had.
        dims: length of the vectors.
        index: type of its vector index.
        rows: how many.
        last_id: the largest view id; -1 if there are none.
    """

    name: str
    owner: str
    dims: int
    index: str
    rows: int = 0
    last_id: int = -1

    @property
    def marks(self) -> int:
        """One more than the largest mark number, at least 1."""
        return max(1, (self.last_id >> VIEW_BITS) + 1)


def write_pointer(path: Path, collection: Collection) -> None:
    """Write the file that names a collection, atomically; where Milvus is is a setting, and not in it."""
    write_text(path, json.dumps({"connection": "milvus.uri", **asdict(collection)}, indent=2))


def read_pointer(path: Path) -> Collection:
    """Read what `write_pointer` wrote.

    Raises:
        ArtifactError: the file is missing or damaged.
    """
    document = read_json(path)
    try:
        document.pop("connection")
        return Collection(**document)
    except (AttributeError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path} names no collection: build the index again") from error


def owner_of(path: Path) -> str | None:
    """Whose collection a file names; None where there is no such file that can be read."""
    try:
        return read_pointer(path).owner
    except ArtifactError:
        return None


def make_collection(client: "MilvusClient", milvus: Milvus, collection: Collection) -> None:
    """Make it, empty, with its index, and load it."""
    from pymilvus import DataType, MilvusClient

    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("mark", DataType.INT64)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=collection.dims)
    spread = {} if milvus.lite else {"num_shards": milvus.layout.shards}
    client.create_collection(collection.name, schema=schema, consistency_level="Strong", **spread)
    indexes = client.prepare_index_params()
    indexes.add_index(
        "vector", index_type=collection.index, metric_type="IP", params=PARAMETERS.get(collection.index, {})
    )
    if not milvus.lite:  # Milvus Lite compares numbers as fast without
        indexes.add_index("mark", index_type="INVERTED")
    client.create_index(collection.name, indexes)
    load_rows(client, milvus, collection.name)


def load_rows(client: "MilvusClient", milvus: Milvus, name: str) -> None:
    """Let it be searched: Milvus takes it into memory, as often as the settings say."""
    copies = {} if milvus.lite else {"replica_number": milvus.layout.replicas}
    client.load_collection(name, **copies)


def insert_rows(client: "MilvusClient", name: str, ids: Ids, vectors: Vectors) -> None:
    """Send vectors (n, dims) under ids (n,)."""
    for start in range(0, len(ids), BLOCK):
        block = slice(start, start + BLOCK)
        rows = [
            {"id": id, "mark": id >> VIEW_BITS, "vector": vector}
            for id, vector in zip(ids[block].tolist(), vectors[block], strict=True)
        ]
        client.insert(name, rows)


def count_rows(client: "MilvusClient", name: str, expression: str) -> int:
    """How many rows satisfy an expression."""
    return int(client.query(name, filter=expression, output_fields=["count(*)"])[0]["count(*)"])


def fetch(client: "MilvusClient", collection: Collection, expression: str) -> tuple[Ids, Vectors]:
    """The rows that satisfy an expression: ids (n,), rising, and vectors (n, dims)."""
    rows = client.query(collection.name, filter=expression, output_fields=["id", "vector"])
    ids = np.array([row["id"] for row in rows], np.int64)
    vectors = np.array([row["vector"] for row in rows], np.float32).reshape(-1, collection.dims)
    order = np.argsort(ids, kind="stable")
    return ids[order], vectors[order]


def pages(collection: Collection, allowed: Bools | None) -> Iterator[str]:
    """Expressions that together cover the rows of allowed marks, and perhaps others, each `BLOCK` at most."""
    marks = BLOCK >> VIEW_BITS
    if allowed is None or np.count_nonzero(allowed) > len(allowed) // 4:
        for start in range(0, collection.marks, marks):
            yield within(collection, f"id >= {start << VIEW_BITS} and id < {(start + marks) << VIEW_BITS}")
        return
    numbers = np.flatnonzero(allowed)
    for start in range(0, len(numbers), marks):
        yield within(collection, one_of("mark", numbers[start : start + marks]))


def one_of(name: str, numbers: Ids) -> str:
    """An expression that holds where a field is one of these."""
    return f"{name} in [{','.join(map(str, numbers.tolist()))}]"


def within(collection: Collection, expression: str = "") -> str:
    """Leaves out what was added after the store was opened."""
    known = f"id <= {collection.last_id}"
    return f"{known} and ({expression})" if expression else known


def drop_collections(client: "MilvusClient", owner: str, but: str | None = None) -> None:
    """Drop every collection of an index, but for one."""
    for name in client.list_collections():
        if name.startswith(f"marklens_{owner}_") and name != but:
            client.drop_collection(name)


def search_parameters(index: str, k: int) -> dict[str, Any]:
    """How wide a type of index is searched for k results."""
    wide = max(EF_SEARCH, k)
    return {
        "HNSW": {"ef": wide},
        "HNSW_SQ": {"ef": wide},
        "IVF_SQ8": {"nprobe": 128},
        "IVF_RABITQ": {"nprobe": 128, "refine_k": 4},
        "DISKANN": {"search_list": min(wide, 200 if k <= 20 else 10 * k)},  # more is refused
    }.get(index, {})
