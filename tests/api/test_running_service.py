"""A real server: keys, limits, slow and large bodies, clients that leave, an index that changes."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from benchmarks.hostile_bodies import search
from tests.api.conftest import quick_service, running
from tests.small_index import Silent, build, draw_marks, quick_settings

from marklens import assembly, build_assembly
from marklens.api.keys import add_key, read_keys, revoke_key
from marklens.api.service import Service
from marklens.core.resources import StopFlag
from marklens.datasets.opening import open_dataset
from marklens.engine import Engine
from marklens.reranking.reranker import Reranker
from marklens.retrieval.candidates import CandidateFinder


@pytest.fixture(scope="module")
def picture(marks: Path) -> dict[str, Any]:
    return {"image": ("mark.png", (marks / "mark0001.png").read_bytes())}


class Gate:
    """Holds every search until it is opened; counts those that began."""

    def __init__(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        self.began, self._open = 0, threading.Event()
        search = Engine.search

        def held(engine: Engine, *arguments: Any, **options: Any) -> Any:
            self.began += 1
            assert self._open.wait(20)
            return search(engine, *arguments, **options)

        monkeypatch.setattr(Engine, "search", held)

    def open(self) -> None:
        self._open.set()


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def test_over_capacity_is_said_at_once(
    index: Path, picture: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = quick_service(index, workers=1, queue=1)
    gate = Gate(service, monkeypatch)
    with running(service) as client, ThreadPoolExecutor(2) as pool:
        accepted = [pool.submit(client.post, "/search", files=picture) for _ in range(2)]
        until(lambda: service.inference.full)
        started = time.monotonic()
        refused = client.post("/search", files=picture)
        assert time.monotonic() - started < 2
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:marklens:problem:over-capacity")
        assert int(refused.headers["retry-after"]) >= 1
        assert client.get("/health").status_code == client.get("/marks/mark0001/thumbnail").status_code == 200
        assert "marklens_queue_depth 1.0" in client.get("/metrics").text
        gate.open()
        assert [each.result().status_code for each in accepted] == [200, 200]
        assert client.post("/search", files=picture).status_code == 200


def test_the_waiting_work_of_a_client_that_leaves_is_dropped(
    index: Path, picture: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = quick_service(index, workers=1, queue=2)
    gate = Gate(service, monkeypatch)
    with running(service) as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, "/search", files=picture)
        until(lambda: gate.began == 1)
        with pytest.raises(httpx.ReadTimeout):
            client.post("/search", files=picture, timeout=httpx.Timeout(10, read=0.2))
        until(lambda: service.inference.depth == 0)
        gate.open()
        assert first.result().status_code == 200
    assert gate.began == 1


def test_the_running_search_of_a_client_that_leaves_ends_at_its_next_stage(
    index: Path, picture: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    service, ranked = quick_service(index, workers=1), []
    entered, leave = threading.Event(), threading.Event()
    find, rerank = CandidateFinder.find, Reranker.rerank

    def held(*arguments: Any) -> Any:
        entered.set()
        assert leave.wait(20)
        return find(*arguments)

    def noted(*arguments: Any) -> Any:
        ranked.append(True)
        return rerank(*arguments)

    monkeypatch.setattr(CandidateFinder, "find", held)
    monkeypatch.setattr(Reranker, "rerank", noted)
    asked = search(picture["image"][1])
    with running(service) as client:
        place = client.base_url.host, client.base_url.port or 0
        with socket.create_connection(place, timeout=60) as connection:
            connection.sendall(asked.head + asked.body)
            assert entered.wait(60)
        time.sleep(0.5)  # until the service has seen that the client is gone
        leave.set()
        until(lambda: service.inference.running == 0)
        assert not ranked
        assert client.post("/search", files=picture).status_code == 200
        assert ranked


def test_a_search_that_takes_too_long_is_given_up(
    index: Path, picture: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = quick_service(index, workers=1, timeout=0.3)
    gate = Gate(service, monkeypatch)
    with running(service) as client:
        answer = client.post("/search", files=picture)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:marklens:problem:timeout")
        assert service.inference.running == 1
        gate.open()
        until(lambda: service.inference.running == 0)


def test_bodies_are_bounded_whatever_the_client_says(index: Path, picture: dict[str, Any]) -> None:
    def endless() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'
        for _ in range(64):
            yield bytes(1 << 16)

    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    with running(quick_service(index, body_mb=1, batch_mb=1)) as client:
        large = client.post("/search", files={"image": ("x.png", bytes(3 << 20))})
        assert (large.status_code, large.json()["type"]) == (413, "urn:marklens:problem:body-too-large")
        chunked = client.post("/search", content=endless(), headers=kind)
        assert (chunked.status_code, chunked.headers["content-type"]) == (413, "application/problem+json")
        assert client.post("/search", files=picture).status_code == 200
        assert client.post("/search", content=b"--b\r\nrubbish", headers=kind).status_code in {400, 422}


def test_a_slow_body_is_given_up(index: Path) -> None:
    head = b"POST /search HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
    kind = b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
    with running(quick_service(index, body_timeout=0.3)) as client:
        place = client.base_url.host, client.base_url.port or 0
        with socket.create_connection(place, timeout=10) as connection:
            connection.sendall(head + kind)
            assert connection.recv(4096).startswith(b"HTTP/1.1 408")


def test_only_keys_that_open_let_in(index: Path, picture: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    reader, writer = add_key(file, "desk", ["read"]), add_key(file, "admin", ["read", "write"], days=1)
    assert reader not in file.read_text() and file.stat().st_mode & 0o077 == 0

    def bearer(key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"}

    with running(quick_service(index, file)) as client:
        refused = client.post("/search", files=picture)
        assert refused.status_code == 401 and refused.headers["www-authenticate"].startswith("Bearer")
        assert client.get("/metrics", headers=bearer("mlk_x_y")).status_code == 401
        assert client.get("/ready").status_code == client.get("/").status_code == 200
        assert client.post("/search", files=picture, headers=bearer(reader)).status_code == 200
        assert client.get("/version", headers={"X-API-Key": reader}).status_code == 200
        assert client.post("/reload", headers=bearer(reader)).status_code == 403
        assert client.post("/reload", headers=bearer(writer)).json() == {"reloaded": False}
        revoke_key(file, read_keys(file)[0].id)
        assert client.get("/version", headers=bearer(reader)).status_code == 401
        newer = add_key(file, "desk", ["read"])
        assert client.get("/version", headers=bearer(newer)).status_code == 200


def test_rates_are_limited_by_key_and_by_address(
    index: Path, tmp_path: Path, picture: dict[str, Any]
) -> None:
    file = tmp_path / "keys.json"
    first, second = add_key(file, "a", ["read"]), add_key(file, "b", ["read"])
    with running(quick_service(index, file, rate="3/hour", rate_address="10/hour")) as client:
        answers = [client.get("/version", headers={"X-API-Key": first}) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[0].headers["ratelimit-policy"] == '"key";q=3;w=3600'
        assert answers[0].headers["ratelimit"].startswith('"key";r=2;t=')
        assert int(answers[3].headers["retry-after"]) > 0
        batch = [("image", picture["image"])] * 4
        assert client.post("/batch", files=batch, headers={"X-API-Key": second}).status_code == 429
        for _ in range(5):
            client.get("/version")
        assert client.get("/version", headers={"X-API-Key": second}).status_code == 429
        assert client.get("/health").status_code == 200


def test_other_origins_are_let_in_only_when_told(index: Path) -> None:
    asks = {"Origin": "https://tool.example", "Access-Control-Request-Method": "POST"}
    with running(quick_service(index)) as client:
        assert "access-control-allow-origin" not in client.options("/search", headers=asks).headers
    with running(quick_service(index, origins=("https://tool.example",))) as client:
        allowed = client.options("/search", headers=asks).headers
        assert allowed["access-control-allow-origin"] == "https://tool.example"


def test_no_search_is_dropped_while_the_index_changes(
    tmp_path: Path, marks: Path, picture: dict[str, Any]
) -> None:
    """Marks are added, and another index is put in its place, while four clients search."""
    index, settings = tmp_path / "index", quick_settings()
    build(index, draw_marks(tmp_path / "first", 9))
    more = draw_marks(tmp_path / "more", 6, first=100)
    service, statuses, stop = quick_service(index, workers=2), [], threading.Event()
    with running(service) as client, ThreadPoolExecutor(4) as pool:

        def ask(number: int) -> None:
            fields = {"text": "Kiwi", "weight_text": str(number)}
            while not stop.is_set():
                statuses.append(client.post("/search", files=picture, data=fields).status_code)

        asking = [pool.submit(ask, number) for number in range(4)]
        try:
            until(lambda: len(statuses) > 4)
            build_assembly.add(index, open_dataset(more), settings, Silent(), StopFlag())
            until(lambda: service.index.openings == 2, 30)
            assert client.get("/version").json()["marks"] == 15
            build(tmp_path / "other", marks, settings)
            index.rename(tmp_path / "old")
            (tmp_path / "other").rename(index)
            until(lambda: client.get("/version").json()["marks"] == 30, 30)
        finally:
            stop.set()
        for each in asking:
            each.result()
    assert set(statuses) == {200} and len(statuses) > 10


def test_an_index_that_is_not_open_is_not_ready(index: Path) -> None:
    from marklens.api.service import make_service
    from marklens.settings import load_settings

    service = make_service(index / "nowhere", load_settings(serve={"reload": 5}))
    with running(service) as client:
        assert client.get("/health").status_code == 200
        ready, search = client.get("/ready"), client.post("/search", data={"mark_id": "x"})
        assert ready.status_code == search.status_code == 503
        assert "nowhere" not in ready.text + search.text


def test_many_threads_find_what_one_finds(index: Path, marks: Path) -> None:
    from marklens.core.images import read_picture
    from marklens.settings import load_settings

    engine = assembly.open_engine(index, load_settings(search={"cache_mb": 0}, model={"threads": 1}))
    pictures = [read_picture(marks / f"mark{seed:04d}.png") for seed in range(6)]

    def found(number: int) -> list[tuple[str, float]]:
        hits = engine.search(pictures[number % 6], text="Kiwi").hits
        return [(hit.mark.id, round(hit.score, 4)) for hit in hits]

    alone = [found(number) for number in range(6)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(found, range(36))) == alone * 6
