"""API keys: long random words of which only hashes are kept, with scopes and an end.

A key has 256 random bits, so one round of SHA-256 hides it: there is nothing to guess that a slow hash would
have to protect.
"""

import hashlib
import json
import os
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, get_args

from loguru import logger

from marklens.core.artifacts import atomic
from marklens.core.errors import ArtifactError, UsageError

Scope = Literal["read", "write"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
PREFIX = "mlk"
"""Begins every key, so that scanners for secrets can know it."""


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept of a key.

    Attributes:
        id: stands in the key and in the log.
        name: whose it is.
        scopes: read searches, write changes the service.
        sha256: of the whole key, hexadecimal.
        made, expires: UTC, ISO 8601; None never.
    """

    id: str
    name: str
    scopes: tuple[Scope, ...]
    sha256: str
    made: str
    expires: str | None = None

    def valid(self, now: datetime) -> bool:
        """Whether it still opens."""
        return self.expires is None or now < datetime.fromisoformat(self.expires)


class KeyRing:
    """The keys of a file; a changed file counts at once.

    Raises:
        ArtifactError: the file is missing or damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._stamp = _stamp(path)
        self._keys = _by_hash(read_keys(path))

    def find(self, given: str) -> Key | None:
        """The key that was given, if it is one that opens."""
        self._refresh()
        key = self._keys.get(_hash(given))
        return key if key is not None and key.valid(datetime.now(UTC)) else None

    def _refresh(self) -> None:
        with self._lock:
            stamp = _stamp(self._path)
            if stamp is None or stamp == self._stamp:
                return
            try:
                self._keys, self._stamp = _by_hash(read_keys(self._path)), stamp
            except (ArtifactError, OSError) as error:  # the keys before still count
                logger.warning("the file of keys cannot be read, the keys before still count: {}", error)
                return


def read_keys(path: Path) -> tuple[Key, ...]:
    """The keys of a file.

    Raises:
        ArtifactError: it is missing or damaged.
    """
    remedy = f"put back a copy of {path.name}, or move it away and make keys with 'marklens keys add'"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        keys = tuple(Key(**{**each, "scopes": tuple(each["scopes"])}) for each in document["keys"])
        if any(not set(key.scopes) <= set(SCOPES) for key in keys):
            raise ValueError("a scope that does not exist")
        for key in keys:
            key.valid(datetime.now(UTC))
    except FileNotFoundError:
        raise ArtifactError(f"{path} is missing: make it with 'marklens keys add'") from None
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"{path} is no file of keys ({error}): {remedy}") from error
    return keys


def add_key(path: Path, name: str, scopes: Sequence[Scope], days: int | None = None) -> str:
    """Make a key and keep its hash; this is the only time that it is seen.

    Args:
        path: the file, made if it is not there.
        name: whose it is; several keys may have one name, so that a new one can take over from an old one.
        scopes: what it opens.
        days: for which it opens; None for ever.

    Returns:
        the key.
    """
    id = secrets.token_hex(4)
    key = f"{PREFIX}_{id}_{secrets.token_urlsafe(32)}"
    now = datetime.now(UTC).replace(microsecond=0)
    expires = None if days is None else (now + timedelta(days=days)).isoformat()
    with _locked(path):
        kept = read_keys(path) if path.is_file() else ()
        _write(path, (*kept, Key(id, name, tuple(scopes), _hash(key), now.isoformat(), expires)))
    return key


def revoke_key(path: Path, id: str, hours: float = 0) -> None:
    """Let a key end, at once or in some hours.

    Raises:
        UsageError: there is no such key.
    """
    end = datetime.now(UTC) + timedelta(hours=hours)
    with _locked(path):
        keys = read_keys(path)
        if id not in {key.id for key in keys}:
            raise UsageError(f"there is no key {id}: 'marklens keys list' shows all")
        _write(path, tuple(_ended(key, end) if key.id == id else key for key in keys))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time change the keys: two that read before either writes would lose one."""
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _ended(key: Key, end: datetime) -> Key:
    """A key that ends then, or earlier if it would have ended earlier."""
    before = datetime.fromisoformat(key.expires) if key.expires else end
    return replace(key, expires=min(before, end).isoformat())


def _write(path: Path, keys: Sequence[Key]) -> None:
    text = json.dumps({"keys": [asdict(key) for key in keys]}, indent=2) + "\n"
    with atomic(path) as temporary:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _by_hash(keys: Sequence[Key]) -> dict[str, Key]:
    return {key.sha256: key for key in keys}


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
