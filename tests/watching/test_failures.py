"""What a picture that cannot be used costs, and for how long."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.small_index import draw_mark
from tests.watching.filings import save

from marklens.core import svg
from marklens.core.errors import DiskSpaceError
from marklens.core.images import decode
from marklens.core.types import Crop, Pixels

Watch = Callable[..., dict[str, Any]]
NEEDS_A_PROCESS = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><filter id="f"><feGaussianBlur/></filter>'
    '<rect x="1" y="2" width="6" height="4" fill="red" filter="url(#f)"/></svg>'
)


def raising(error: Exception) -> Callable[..., Any]:
    def call(*_: object, **__: object) -> Any:
        raise error

    return call


def failing_for(ending: str) -> Callable[[Path], bytes]:
    """What a disk with a bad block does to `Path.read_bytes`."""
    read = Path.read_bytes

    def call(path: Path) -> bytes:
        if path.suffix == ending:
            raise OSError(5, "Input/output error")
        return read(path)

    return call


def deadly() -> Callable[[bytes, Crop | None], Pixels]:
    """Decodes, but for two files."""

    def decoding(data: bytes, crop: Crop | None) -> Pixels:
        if data == b"kill":
            os._exit(139)
        if data == b"hang":
            time.sleep(600)
        return decode(data, crop)

    return decoding


@pytest.fixture
def pair(filings: Path) -> Path:
    """An SVG that is drawn in a process of its own, and a copy of a mark."""
    for path in filings.iterdir():
        path.unlink()
    (filings / "a.svg").write_text(NEEDS_A_PROCESS)
    save(filings / "b.png", draw_mark(4)[10:, 5:220])
    return filings


def test_failures_that_pass_are_tried_again(
    watch: Watch, pair: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(svg.subprocess, "run", raising(OSError(11, "Resource temporarily unavailable")))
        patch.setattr(Path, "read_bytes", failing_for(".png"))
        first = watch()
    with monkeypatch.context() as patch:
        patch.setattr(svg.subprocess, "run", raising(subprocess.TimeoutExpired("", 10)))
        patch.setattr("marklens.core.images.Image.open", raising(MemoryError()))
        second = watch()
    for answer in (first, second):
        assert (len(answer["faults"]), answer["checked"], answer["known"]) == (2, 0, 0)
    third = watch()
    assert (third["checked"], third["faults"]) == (2, [])
    assert [found["filing"]["id"] for found in third["conflicts"]] == ["b"]


def test_a_failure_costs_no_conflict_that_waits(
    watch: Watch, pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("marklens.opened.watching.write_waiting", raising(DiskSpaceError("full")))
        watch(status=1)
    with monkeypatch.context() as patch:
        patch.setattr("marklens.core.images.Image.open", raising(ValueError("a broken library")))
        answer = watch("--recheck", "--threshold", "0.7", out="later.html")
    assert [fault["kind"] for fault in answer["faults"]] == ["damaged"]
    assert [found["filing"]["id"] for found in answer["conflicts"]] == ["b"]


def test_what_kills_or_hangs_a_decoder_costs_itself(
    watch: Watch, pair: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pair / "a.svg").unlink()
    (pair / "a1.png").write_bytes(b"kill")
    (pair / "a2.png").write_bytes(b"hang")
    monkeypatch.setenv("MARKLENS_BUILD__WORKERS", "1")
    monkeypatch.setenv("MARKLENS_BUILD__TIMEOUT", "8")
    monkeypatch.setattr("marklens.core.decoding._guarded", deadly)
    answer = watch()
    assert [(fault["item"], fault["kind"]) for fault in answer["faults"]] == [
        ("a1.png", "crashed"), ("a2.png", "hung"),
    ]  # fmt: skip
    assert [found["filing"]["id"] for found in answer["conflicts"]] == ["b"]
    monkeypatch.setenv("MARKLENS_BUILD__TIMEOUT", "1")
    assert watch()["known"] == 2, "the machine may have been busy: what hung is tried again"
