"""A Milvus: a server, a cluster, or Milvus Lite in a file; how it is reached, and what it says when not."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from marklens.core.errors import ArtifactError, DatabaseError, MissingExtraError, UsageError

if TYPE_CHECKING:
    from pymilvus import MilvusClient

MilvusIndex = Literal["auto", "FLAT", "HNSW", "HNSW_SQ", "IVF_SQ8", "IVF_RABITQ", "DISKANN"]
LITE_INDEXES = ("FLAT", "HNSW", "HNSW_SQ", "IVF_SQ8")
"""What Milvus Lite 3 can build of `MilvusIndex`."""
NO_COLLECTION = 100
"""Milvus's error code for a collection that is not there."""
AWAY = (2, 1)
"""Codes of pymilvus for a server that does not answer."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a collection is spread over a cluster; Milvus Lite has one shard and one replica.

    Attributes:
        index: type of the vector index; ``auto`` is FLAT, which is exact, in Milvus Lite, else HNSW.
        shards: write channels.
        replicas: copies in memory.
    """

    index: MilvusIndex = "auto"
    shards: int = 1
    replicas: int = 1


@dataclass(frozen=True, slots=True)
class Milvus:
    """Where vectors live that are kept by Milvus.

    Attributes:
        uri: ``http://host:19530``, or a file ``*.db`` of Milvus Lite; it may hold a password, so it is not
            shown.
        token: ``user:password`` or a key, empty for none; never shown.
        timeout: seconds that one request may take.
        layout: of collections made there.
    """

    uri: str = field(repr=False)
    token: str = field(default="", repr=False)
    timeout: float = 30.0
    layout: Layout = Layout()

    @property
    def lite(self) -> bool:
        """Whether it is a file of this machine."""
        return "://" not in self.uri

    @property
    def index(self) -> str:
        """The index type that `Layout.index` means here."""
        if self.layout.index == "auto":
            return "FLAT" if self.lite else "HNSW"
        return self.layout.index

    @property
    def place(self) -> str:
        """File or host, for messages."""
        if self.lite:
            return self.uri
        parts = urlsplit(self.uri)
        return f"{parts.hostname or ''}:{parts.port or 19530}"

    def client(self) -> "MilvusClient":
        """The connection of this process, shared by every store there.

        Raises:
            MissingExtraError: pymilvus or Milvus Lite is not installed.
            UsageError: the URI is none.
            DatabaseError: the server is not there, or the file is open elsewhere.
        """
        if find_spec("pymilvus") is None or (self.lite and find_spec("milvus_lite") is None):
            raise MissingExtraError("the vector store 'milvus'", "cluster")
        if not self.uri.endswith(".db") and urlsplit(self.uri).scheme not in ("http", "https", "tcp"):
            raise UsageError(
                "setting milvus.uri is none: give http://host:19530, or for Milvus Lite a file that "
                "ends in .db"
            )
        with self.reporting():
            return _client(self.uri, self.token, self.timeout)

    def check(self) -> None:
        """Raise now what making a collection would raise later.

        Raises:
            UsageError: Milvus Lite has no such index.
            DatabaseError: Milvus does not answer, or refuses.
        """
        if self.lite and self.index not in LITE_INDEXES:
            raise UsageError(
                f"setting milvus.index: Milvus Lite has no {self.index}: take auto or "
                f"{', '.join(LITE_INDEXES)}"
            )
        with self.connected() as client:
            client.list_collections()

    @contextmanager
    def connected(self) -> Iterator["MilvusClient"]:
        """The connection, see `client`; what Milvus refuses meanwhile becomes an error of ours."""
        client = self.client()
        with self.reporting():
            yield client

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Turn what Milvus says into one line of ours."""
        from pymilvus.exceptions import ConnectionConfigException, MilvusException

        try:
            yield
        except ConnectionConfigException as error:
            raise DatabaseError(
                f"Milvus Lite cannot open {self.place}: another process has it open, or it is damaged"
                if self.lite
                else "setting milvus.uri is none: give http://host:19530"
            ) from error
        except MilvusException as error:
            if error.code == NO_COLLECTION:
                raise ArtifactError(
                    "the vectors of this index were replaced or dropped in Milvus: open the index again, or "
                    "run 'marklens index compact' on it"
                ) from error
            said = _first_line(error)
            if error.code in AWAY:
                raise DatabaseError(
                    f"Milvus {self.place} does not answer ({said}): start it, or check the setting milvus.uri"
                ) from error
            raise DatabaseError(f"Milvus {self.place} refuses: {said}") from error


@cache
def _client(uri: str, token: str, timeout: float) -> "MilvusClient":
    from pymilvus import MilvusClient

    for name in ("pymilvus", "milvus_lite"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # errors are raised, not printed too
    return MilvusClient(uri, token=token, timeout=timeout)


def _first_line(error: Any) -> str:
    lines = str(error.message or type(error).__name__).strip().splitlines()
    return lines[0].strip()[:300]
