"""Parts of the service end or hang under load: requests fail cleanly meanwhile, and then all is as before."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psutil
import pytest
from pydantic import SecretStr
from tests.api.conftest import quick_service, running
from tests.api.test_running_service import until
from tests.postgres_server import Running
from tests.small_index import Silent, quick_settings

from marklens import build_assembly
from marklens.api.service import make_service
from marklens.core.resources import StopFlag
from marklens.datasets.opening import open_dataset
from marklens.settings import load_settings

Answers = list[httpx.Response]


def picture(marks: Path, number: int = 1) -> dict[str, Any]:
    return {"image": ("mark.png", (marks / f"mark{number:04d}.png").read_bytes())}


def workers() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue
    return found


@contextmanager
def load(client: httpx.Client, marks: Path, clients: int = 3) -> Iterator[Answers]:
    """Searches without pause; yields the answers so far."""
    answers: Answers = []
    over = threading.Event()

    def ask(number: int) -> None:
        while not over.is_set():
            answers.append(client.post("/search", files=picture(marks, number), data={"top": "3"}))

    with ThreadPoolExecutor(clients) as pool:
        asking = [pool.submit(ask, number) for number in range(clients)]
        try:
            yield answers
        finally:
            over.set()
        for each in asking:
            each.result()


def hits(answer: httpx.Response) -> list[tuple[str, float]]:
    assert answer.status_code == 200, answer.text
    return [(hit["id"], hit["score"]) for hit in answer.json()["hits"]]


def is_clean(answers: Answers) -> bool:
    """Each found something, or is a problem document that says when to come again."""
    return all(
        answer.status_code == 200 or (answer.status_code == 503 and "retry-after" in answer.headers)
        for answer in answers
    )


@pytest.mark.slow
def test_killed_decoders_cost_single_requests(index: Path, marks: Path) -> None:
    with running(quick_service(index, rate_address="100000/minute")) as client:
        before = hits(client.post("/search", files=picture(marks)))
        with load(client, marks) as answers:
            for _ in range(5):
                seen = len(answers)
                for worker in workers():
                    worker.kill()
                until(lambda seen=seen: len(answers) > seen + 6, 60)
        assert is_clean(answers)
        counted = Counter(answer.status_code for answer in answers)
        assert counted[200] > counted[503]
        assert all(
            answer.json()["type"] == "urn:marklens:problem:picture-killed"
            for answer in answers
            if answer.status_code == 503
        )
        assert hits(client.post("/search", files=picture(marks))) == before


def test_a_decoder_that_hangs_costs_its_request(index: Path, marks: Path) -> None:
    with running(quick_service(index, workers=1, decode_timeout=0.5)) as client:
        until(lambda: client.post("/search", files=picture(marks)).status_code == 200, 60)
        (worker,) = workers()
        worker.suspend()
        answer = client.post("/search", files=picture(marks))
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:marklens:problem:picture-hung")
        assert not worker.is_running()
        until(lambda: client.post("/search", files=picture(marks)).status_code == 200, 60)


def test_a_picture_that_ends_its_decoder_is_a_bad_picture(index: Path, marks: Path) -> None:
    with running(quick_service(index, workers=1)) as client, ThreadPoolExecutor(1) as pool:
        assert client.post("/search", files=picture(marks)).status_code == 200
        (worker,) = workers()
        worker.suspend()
        waiting = pool.submit(client.post, "/search", files=picture(marks))
        time.sleep(0.3)
        os.kill(worker.pid, signal.SIGSEGV)
        worker.resume()
        answer = waiting.result()
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:marklens:problem:picture-crashed")
        assert client.post("/search", files=picture(marks)).status_code == 200


def test_no_decoder_outlives_its_service(index: Path, marks: Path) -> None:
    with running(quick_service(index)) as client:
        assert client.post("/search", files=picture(marks)).status_code == 200
        assert workers()
    until(lambda: not workers())


@pytest.mark.slow
@pytest.mark.postgres
def test_a_killed_database_is_away_for_seconds(postgres: Running, marks: Path, tmp_path: Path) -> None:
    """Every process of PostgreSQL gets SIGKILL under load; nothing is lost."""
    quick, url = quick_settings(), SecretStr(postgres.server.url)
    settings = quick.model_copy(update={"postgres": quick.postgres.model_copy(update={"url": url})})
    build_assembly.build(
        tmp_path / "own", open_dataset(marks), settings, None, Silent(), StopFlag(), store="pgvector"
    )
    served = load_settings(
        serve={"workers": 2, "reload": 0.2, "rate_address": "100000/minute"},
        postgres={"url": postgres.server.url, "patience": 0.5},
        model={"threads": 1},
    )
    service = make_service(tmp_path / "own", served)
    service.index.refresh()
    with running(service) as client:
        before = hits(client.post("/search", files=picture(marks)))
        with load(client, marks) as answers:
            until(lambda: len(answers) > 6, 60)
            kill_all(postgres)
            until(lambda: any(answer.status_code == 503 for answer in answers), 60)
            assert client.get("/health").status_code == 200
            postgres.start()
            gone = len(answers)
            until(lambda: sum(answer.status_code == 200 for answer in answers[gone:]) > 6, 60)
        assert is_clean(answers)
        assert {answer.json()["type"] for answer in answers if answer.status_code == 503} == {
            "urn:marklens:problem:database-away"
        }
        assert hits(client.post("/search", files=picture(marks))) == before
        assert service.index.openings == 1


def kill_all(postgres: Running) -> None:
    """SIGKILL to the server and all its processes, as the system does when memory runs out."""
    first = psutil.Process(int((postgres.data / "postmaster.pid").read_text().split()[0]))
    family = [first, *first.children(recursive=True)]
    for process in family:
        process.kill()
    psutil.wait_procs(family, timeout=20)
