"""Rows of vector tables in PostgreSQL's binary COPY format, made and read by NumPy at a stroke."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from marklens.core.types import Ids, Vectors

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
ID_BYTES = 8


def row_type(dims: int) -> np.dtype[np.void]:
    """A row (id bigint, vector halfvec) as COPY writes it: the count of fields, then each with its length."""
    return np.dtype(
        [
            ("fields", ">i2"),
            ("id_bytes", ">i4"),
            ("id", ">i8"),
            ("vector_bytes", ">i4"),
            ("dims", ">i2"),
            ("unused", ">i2"),
            ("vector", ">f2", (dims,)),
        ]
    )


def encode(ids: Ids, vectors: Vectors) -> bytes:
    """Rows of ids (n,) and vectors (n, dims), rounded to half precision, without header and trailer."""
    dims = vectors.shape[1]
    rows = np.zeros(len(ids), row_type(dims))
    rows["fields"], rows["id_bytes"], rows["id"] = 2, ID_BYTES, ids
    rows["vector_bytes"], rows["dims"], rows["vector"] = 4 + 2 * dims, dims, vectors
    return rows.tobytes()


def decode(
    messages: Iterable[bytes | bytearray | memoryview], dims: int, block: int
) -> Iterator[tuple[Ids, Vectors]]:
    """Read what COPY TO sends, at most about `block` rows at a time.

    Args:
        messages: the whole answer in pieces of any size.
        dims: length of the vectors.
        block: rows at a time.

    Yields:
        ids int64 (n,) and vectors float32 (n, dims).
    """
    size, held, gathered, skipped = row_type(dims).itemsize, 0, [], False
    for message in messages:
        gathered.append(bytes(message))
        held += len(message)
        if held >= block * size + len(HEADER):
            data = b"".join(gathered)[0 if skipped else len(HEADER) :]
            skipped, whole = True, len(data) // size * size
            yield _rows(data[:whole], dims)
            gathered, held = [data[whole:]], len(data) - whole
    rest = b"".join(gathered)[0 if skipped else len(HEADER) : -len(TRAILER)]
    if rest:
        yield _rows(rest, dims)


def decode_vectors(values: list[bytes], dims: int) -> Vectors:
    """Binary values of halfvec columns as float32 (n, dims)."""
    kind = np.dtype([("dims", ">i2"), ("unused", ">i2"), ("vector", ">f2", (dims,))])
    return np.frombuffer(b"".join(values), kind)["vector"].astype(np.float32)


def mask_bytes(allowed: npt.NDArray[np.bool_]) -> bytes:
    """A mask as `get_bit` reads a bytea: the lowest bit of each byte first."""
    return np.packbits(allowed, bitorder="little").tobytes()


def _rows(data: bytes, dims: int) -> tuple[Ids, Vectors]:
    rows = np.frombuffer(data, row_type(dims))
    return rows["id"].astype(np.int64), rows["vector"].astype(np.float32)
