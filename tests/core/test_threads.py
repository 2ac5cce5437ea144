"""Searches multiply with one thread; who computes afterwards has all of them again."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import pytest
from threadpoolctl import ThreadpoolController

from marklens.core import threads
from marklens.core.threads import once, one_blas_thread, usable_cores

KEPT = """
from marklens.core.threads import keep_one_blas_thread, one_blas_thread
keep_one_blas_thread()
with one_blas_thread():
    pass
from tests.core.test_threads import blas_threads
print(blas_threads())
"""


def blas_threads() -> set[int]:
    pools = ThreadpoolController().select(user_api="blas").info()
    return {pool["num_threads"] for pool in pools if "numpy" in pool["filepath"]}


def inside() -> set[int]:
    with one_blas_thread():
        return blas_threads()


@pytest.fixture
def two_threads() -> None:
    ThreadpoolController().limit(limits=2, user_api="blas")
    if blas_threads() != {2}:
        pytest.skip("this numpy multiplies with one thread, or with a library that cannot be asked")


@pytest.mark.usefixtures("two_threads")
def test_one_thread_while_the_block_runs_and_all_afterwards() -> None:
    assert inside() == {1}
    assert blas_threads() == {2}
    with pytest.raises(ZeroDivisionError), one_blas_thread():
        _ = 1 / 0
    assert blas_threads() == {2}


@pytest.mark.usefixtures("two_threads")
def test_other_threads_than_the_main_one_change_nothing() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(inside).result() == blas_threads() == {2}


@pytest.mark.usefixtures("two_threads")
def test_a_process_of_ours_keeps_one_thread() -> None:
    done = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{1}"


def test_a_value_is_made_once_however_many_ask_at_once() -> None:
    made: list[object] = []

    def make() -> object:
        sleep(0.05)
        made.append(object())
        return made[-1]

    get = once(make)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: get(), range(8))) == {made[0]}
    assert len(made) == 1


@pytest.mark.parametrize(
    ("limit", "cores"), [("150000 100000", 2), ("50000 100000", 1), ("6400000 100000", 4), ("max 100000", 4)]
)
def test_a_container_counts_the_cores_that_it_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, cores: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(4))
    monkeypatch.setattr(threads, "CPU_LIMIT", tmp_path / "cpu.max")
    assert usable_cores() == 4  # no such file
    (tmp_path / "cpu.max").write_text(limit + "\n")
    assert usable_cores() == cores
