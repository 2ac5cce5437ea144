"""One tree of errors; every message says what went wrong and what to do about it.

MarklensError                exit status 1: the work failed
├── UsageError               exit status 2: the call was wrong
│   └── MissingExtraError    an optional dependency is not installed
├── PictureError             one picture cannot be used; costs that picture only
├── DatasetError             a dataset cannot be read at all
├── ArtifactError            a file of ours is missing, damaged or of another version
│   └── IndexMismatchError   the index was made with another preprocessing, model or patches
├── ModelError               a network cannot be loaded, run or verified
├── DiskSpaceError           too little room for the work ahead
├── DatabaseError            a database does not answer, or refuses
├── ClusterError             a cluster does not answer, or its machines cannot do the work
└── Interrupted              stopped by SIGINT or SIGTERM; says how to resume
"""

OF_THE_MACHINE = frozenset(
    {"machine", "worker-died", "worker-hung", "killed", "failed", "unreadable", "missing-file"}
)
"""Kinds of faults that say more of the machine at that moment than of the picture: it may be tried again."""


def first_line(error: BaseException) -> str:
    """What another's error says, in one line; its class where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def last_line(error: BaseException) -> str:
    """The same for libraries that put what matters last, such as C++ ones with a trace."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1].strip()


class MarklensError(Exception):
    """Root of all errors that Marklens raises on purpose."""

    exit_status = 1


class UsageError(MarklensError):
    """The call was wrong: an unknown option, a path that does not exist, settings that contradict."""

    exit_status = 2


class MissingExtraError(UsageError):
    """An optional dependency is missing.

    Args:
        purpose: what the dependency is needed for, e.g. ``"the demo"``.
        extra: the name of the extra that brings it.
    """

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs the extra '{extra}': pip install 'marklens[{extra}]'")


class PictureError(MarklensError):
    """One picture cannot be used.

    Args:
        kind: a short stable word for counting, e.g. ``"truncated"``, ``"too-large"``, ``"blank"``; or one of
            `OF_THE_MACHINE`.
        reason: one sentence for a person.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind = kind
        self.reason = reason

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.kind, self.reason)  # crosses process borders


class DatasetError(MarklensError):
    """A dataset cannot be read at all."""


class ArtifactError(MarklensError):
    """A file that Marklens wrote is missing, damaged or of another format version."""


class IndexMismatchError(ArtifactError):
    """The index was made with another preprocessing, model or patches than the one asked for."""


class ModelError(MarklensError):
    """A network cannot be loaded, run or verified."""


class DiskSpaceError(MarklensError):
    """Too little room on the disk for the work ahead."""


class DatabaseError(MarklensError):
    """A database does not answer, refuses, or lacks what Marklens needs."""


class ClusterError(MarklensError):
    """A cluster does not answer, or its machines cannot do the work."""


class Interrupted(MarklensError):
    """The work was stopped by a signal after finishing the piece in hand."""
