"""Searches multiply with one thread; who computes afterwards has all of them again."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from threadpoolctl import ThreadpoolController

from marklens.core.threads import one_blas_thread

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
