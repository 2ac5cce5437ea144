"""Hostile uploads to a real service: each is answered, none is an error of the service, the memory stays."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")

from benchmarks.hostile_bodies import KINDS_OF_REQUEST
from benchmarks.hostile_uploads import ENVIRONMENT, attack, memory_of
from benchmarks.served import serving

GROWTH = 150_000_000
"""Bytes: what allocators and caches may keep."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limits of memory are Linux's")
def test_hostile_uploads_harm_nobody(index: Path, marks: Path) -> None:
    with serving(index, {**ENVIRONMENT, "MARKLENS_MODEL__THREADS": "1"}) as served:
        outcome = attack(served, sorted(marks.glob("*.png")), 200)
        assert served.alive
        memory = memory_of(served)
    assert outcome.wrong == []
    assert set(outcome.statuses) == set(KINDS_OF_REQUEST)
    assert memory["end"] - memory["start"] < GROWTH
