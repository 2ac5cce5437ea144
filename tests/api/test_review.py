"""What a review found, and must not come back."""

import asyncio
import errno
import shutil
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from marklens.api.keys import KeyRing, add_key, read_keys, revoke_key
from marklens.api.problems import GONE, ProblemError
from marklens.api.service import Service
from marklens.core.errors import ArtifactError, Interrupted, UsageError
from marklens.core.types import Filter


def test_an_ended_key_cannot_be_opened_again_by_ending_it_later(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    add_key(path, "desk", ("read",))
    id = read_keys(path)[0].id
    revoke_key(path, id)
    revoke_key(path, id, hours=24)
    assert not read_keys(path)[0].valid(datetime.now(UTC))


def test_a_key_file_that_cannot_be_read_leaves_the_keys_of_before(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key = add_key(path, "desk", ("read",))
    ring = KeyRing(path)
    path.unlink()
    path.mkdir()
    assert ring.find(key) is not None


def test_a_problem_can_say_anything_that_was_sent() -> None:
    body = ProblemError(422, "invalid", "where: \ud800").response().body
    assert b"where: ?" in body


@pytest.mark.parametrize("url", ["postgresql://u:pa@ss@host/db", "postgresql://u:p@@h/db"])
def test_a_password_with_an_at_sign_is_refused_without_showing_it(url: str) -> None:
    pytest.importorskip("psycopg")
    from marklens.retrieval.postgres import Server

    with pytest.raises(UsageError) as caught:
        Server(url).connect()
    assert "ss@host" not in str(caught.value)
    assert "@h/" not in str(caught.value)


def test_without_keys_only_names_of_this_machine_are_answered(index: Path) -> None:
    """A page that lets its own name point to 127.0.0.1 is refused: its reader's browser sends that name."""
    from tests.api.conftest import TestClient, create_app

    from marklens.api.service import make_service
    from marklens.cli.serve import LOCAL_HOSTS
    from marklens.settings import load_settings

    service = make_service(index, load_settings(), hosts=LOCAL_HOSTS)
    with TestClient(create_app(service)) as client:
        for name in ("localhost", "127.0.0.1:8000", "[::1]:8000", "[::1]", "LOCALHOST:1"):
            assert client.get("/version", headers={"Host": name}).status_code in (200, 503), name
        for name in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost:80@evil", ""):
            answer = client.get("/version", headers={"Host": name})
            assert answer.status_code == 421, name
            assert answer.json()["type"] == "urn:marklens:problem:wrong-host"
            assert client.get("/health", headers={"Host": name}).status_code == 200  # probes have any name
            assert client.get("/ready", headers={"Host": name}).status_code in (200, 503)


@pytest.mark.parametrize(
    ("host", "sent"),
    [("127.0.0.2", "127.0.0.2:8000"), ("::1", "[::1]:8000"), ("localhost", "localhost"), ("::2", "[::2]")],
)
def test_a_service_answers_by_the_address_it_listens_on(host: str, sent: str) -> None:
    from marklens.api.guard import host_name
    from marklens.cli.serve import local_names

    assert host_name(sent) in local_names(host)


def test_a_household_of_ipv6_counts_as_one_address() -> None:
    from marklens.api.limits import RateLimits

    rates = RateLimits("9/hour", "2/hour")
    rates.charge("address", "2001:db8:1:2::1")
    rates.charge("address", "2001:db8:1:2:ffff::9%eth0")
    with pytest.raises(ProblemError):
        rates.charge("address", "2001:db8:1:2::3")
    rates.charge("address", "2001:db8:1:3::1")
    for address in ("10.0.0.1", "::ffff:10.0.0.1", "10.0.0.2", "unknown"):
        rates.charge("address", address)
    with pytest.raises(ProblemError):
        rates.charge("address", "10.0.0.1")


def test_a_database_that_is_away_is_no_fault_of_the_service() -> None:
    from marklens.api.problems import problem_of
    from marklens.core.errors import DatabaseError, PictureError

    busy = problem_of(PictureError("machine", "no process to draw it in: Cannot allocate memory"))
    assert (busy.status_code, busy.headers) == (503, {"Retry-After": "1"})
    problem = problem_of(DatabaseError("PostgreSQL db.example/marks does not answer"))
    assert problem.status_code == 503 and "Retry-After" in (problem.headers or {})
    assert "db.example" not in problem.detail


def test_a_client_that_left_is_no_error_of_the_service() -> None:
    assert ProblemError(GONE, "client-gone", "the client has gone").response().status_code == GONE


@pytest.mark.parametrize("content", ['{"keys": [', "[]", '{"keys": [{"id": 1}]}', "\x00"])
def test_a_damaged_file_of_keys_says_what_helps(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    for do in (lambda: read_keys(path), lambda: add_key(path, "desk", ["read"])):
        with pytest.raises(
            ArtifactError, match=r"put back a copy of keys\.json, or move it away and make keys"
        ):
            do()


def test_pages_of_other_sites_cannot_file_unseen(index: Path, tmp_path: Path) -> None:
    """A browser lets any page send a form to 127.0.0.1; it only hides the answer."""
    from tests.api.conftest import TestClient, create_app, quick_service

    def status(service: Service, headers: dict[str, str]) -> int:
        with TestClient(create_app(service)) as client:
            return client.post("/search/text", data={"text": "Kiwi"}, headers=headers).status_code

    own = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}
    other = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    service = quick_service(index)
    with TestClient(create_app(service)) as client:
        for headers in ({}, own, {"Origin": "http://testserver"}, {"Sec-Fetch-Site": "none"}):
            assert client.post("/search/text", data={"text": "Kiwi"}, headers=headers).status_code == 200, (
                headers
            )
        for headers in (
            other,
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            answer = client.post("/search/text", data={"text": "Kiwi"}, headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (
                403,
                "urn:marklens:problem:foreign-page",
            ), headers
        assert client.get("/version", headers=other).status_code == 200  # tells it nothing: CORS
    assert status(quick_service(index, origins=("https://evil.example",)), other) == 200
    key = add_key(tmp_path / "keys.json", "desk", ["read"])
    assert status(quick_service(index, tmp_path / "keys.json"), {**other, "X-API-Key": key}) == 200


def test_names_with_any_space_have_a_picture(tmp_path: Path) -> None:
    from tests.api.conftest import TestClient, create_app, quick_service
    from tests.small_index import build, draw_marks

    marks = draw_marks(tmp_path / "marks", 3)
    odd = "Bildschirmfoto\u202f10\u3000\U0001f469\u200d\U0001f680"
    (marks / "mark0001.png").rename(marks / f"{odd}.png")
    build(tmp_path / "index", marks)
    with TestClient(create_app(quick_service(tmp_path / "index"))) as client:
        for part in ("", "/picture", "/thumbnail"):
            assert client.get(f"/marks/{quote(odd)}{part}").status_code == 200, part
        assert client.get("/marks/mark0000%0A").status_code == 404


def test_reasons_end_when_nobody_waits_for_them(index: Path, marks: Path) -> None:
    from tests.api.conftest import quick_service

    from marklens.core.images import read_picture
    from marklens.core.resources import StopFlag
    from marklens.documents import Asked, search_document

    service, stop, seen = quick_service(index), StopFlag(), []
    with service.index.lent() as engine:
        result = engine.search(read_picture(marks / "mark0003.png"), top=10)
        explain = engine.explain

        def noted(*of: Any) -> Any:
            seen.append(of)
            stop.set()
            return explain(*of)

        engine.explain = noted  # type: ignore[method-assign]
        asked = Asked("mark0003.png", None, None, Filter())
        with pytest.raises(Interrupted):
            search_document(engine, asked, result, result.timings_ms, True, stop)
        assert len(seen) == 1


def test_a_request_without_a_path_is_no_error_of_the_service(index: Path) -> None:
    """As in ``GET http://host HTTP/1.1``, which proxies send."""
    from tests.api.conftest import create_app, quick_service

    answers: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {"type": "http", "method": "GET", "path": "", "raw_path": b"", "query_string": b"", "headers": []}
    asyncio.run(create_app(quick_service(index))(scope, receive, send))
    assert answers[0]["status"] == 404


def test_keys_made_at_once_are_all_kept(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    path = tmp_path / "keys.json"
    with ThreadPoolExecutor(4) as threads:
        keys = list(threads.map(lambda number: add_key(path, f"desk{number}", ("read",)), range(24)))
    ring = KeyRing(path)
    assert all(ring.find(key) is not None for key in keys)


def test_more_batches_than_may_be_under_way_are_refused_before_their_bodies(index: Path, marks: Path) -> None:
    from tests.api.conftest import quick_service, running

    body = b"--b\r\nContent-Disposition: form-data; name=image; filename=a.png\r\n\r\n"
    head = "POST /batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    picture = {"image": (marks / "mark0003.png").read_bytes()}
    service = quick_service(index, batches=1)
    with running(service) as client:
        address = (client.base_url.host, client.base_url.port)
        with socket.create_connection(address) as slow:
            slow.sendall(f"{head}Content-Length: 100000\r\n\r\n".encode() + body)
            until(lambda: client.post("/batch", files=picture, data={"top": "1"}).status_code == 503)
            assert client.post("/search", files=picture, data={"top": "1"}).status_code == 200
        until(lambda: client.post("/batch", files=picture, data={"top": "1"}).status_code == 200)


def test_an_upload_without_room_is_no_fault_of_the_client(
    index: Path, marks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tempfile import SpooledTemporaryFile

    from tests.api.conftest import TestClient, create_app, quick_service

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with TestClient(create_app(quick_service(index))) as client:
        monkeypatch.setattr(SpooledTemporaryFile, "write", full)
        answer = client.post("/search", files={"image": (marks / "mark0003.png").read_bytes()})
    assert answer.status_code == 503 and answer.json()["type"].endswith("no-room")
    assert "Retry-After" in answer.headers


def test_who_does_not_read_loses_its_place(index: Path, marks: Path) -> None:
    from tests.api.conftest import quick_service, running

    picture = (marks / "mark0003.png").read_bytes()
    part = b"--b\r\nContent-Disposition: form-data; name=image; filename=a.png\r\n\r\n" + picture + b"\r\n"
    more = b'--b\r\nContent-Disposition: form-data; name="show_views"\r\n\r\ntrue\r\n'
    more += b'--b\r\nContent-Disposition: form-data; name="explain"\r\n\r\ntrue\r\n--b--\r\n'
    body = part * 150 + more
    service = quick_service(index, batches=1, body_timeout=2, rate_address="100000/minute")
    with running(service) as client, socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.connect((client.base_url.host, client.base_url.port))
        silent.sendall(
            b"POST /batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
            b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
        )
        until(lambda: client.post("/batch", files={"image": picture}).status_code == 503)
        until(lambda: client.post("/batch", files={"image": picture}).status_code == 200, 60)
        told = client.get("/metrics").text
        assert 'kind="client-gone"' in told and 'kind="unexpected"' not in told


def test_a_wrong_filter_of_facets_costs_no_connection(index: Path) -> None:
    from marklens.indexing.folder import IndexFolder
    from marklens.retrieval.catalog import Catalog

    with Catalog.open(IndexFolder(index).catalog) as catalog:
        catalog.connect(3)
        for _ in range(3):
            with pytest.raises(UsageError):
                catalog.facets(Filter(vienna=("x",)))
        assert len(catalog._database._idle) == 3


def test_a_changed_index_that_cannot_be_opened_is_told_by_a_gauge(index: Path, tmp_path: Path) -> None:
    from tests.api.conftest import TestClient, create_app, quick_service

    own = tmp_path / "index"
    shutil.copytree(index, own)
    service = quick_service(own, reload=3600)
    with TestClient(create_app(service)) as client:
        until(lambda: "marklens_index_stale 0.0" in client.get("/metrics").text)
        (own / "manifest.json").write_text("{")
        service.index.follow()
        assert "marklens_index_stale 1.0" in client.get("/metrics").text
        assert client.get("/ready").status_code == 200  # the old one serves


def until(so: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end
        time.sleep(0.05)
