"""The watch as a resource: filings are looked at once, conflicts are fetched as they come."""

import csv
import io
import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest
from fastapi.testclient import TestClient
from tests.api.conftest import create_app, quick_service
from tests.small_index import draw_mark

from marklens.api.keys import add_key
from marklens.api.watching import ServedWatch
from marklens.cli.main import run
from marklens.core.errors import UsageError
from marklens.indexing.folder import IndexFolder
from marklens.indexing.manifest import Manifest

MARK = draw_mark(4)


def png(pixels: Any) -> bytes:
    return bytes(cv2.imencode(".png", pixels)[1])


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "watch.sqlite"


@pytest.fixture
def client(index: Path, state: Path) -> Iterator[TestClient]:
    with TestClient(create_app(quick_service(index, watch=state))) as client:
        yield client


def filed(client: TestClient, id: str = "F1", data: bytes | None = None, **fields: Any) -> Any:
    picture = {"image": ("new.png", png(255 - MARK) if data is None else data)}
    return client.post("/watch/filings", data={"id": id, "threshold": 0.8, **fields}, files=picture)


def test_a_filing_is_looked_at_once_and_remembered_over_a_restart(
    client: TestClient, index: Path, state: Path
) -> None:
    first = filed(client, attribute=["nice_classes=9 25", "owner=ACME"]).json()
    assert (first["known"], first["outdated"]) == (False, False)
    best = first["conflicts"][0]
    assert best["mark"]["file"] == "mark0004.png"
    assert best["score"] >= 0.8
    assert best["filing"]["attributes"] == {"nice_classes": "9 25", "owner": "ACME"}
    assert best["risk"]["level"] == "unknown"  # the marks of the index have no classes
    again = filed(client).json()
    assert again == {**first, "known": True}
    assert filed(client, threshold=0.99).json()["outdated"]
    assert client.get("/watch/conflicts").json()["filings"] == 1
    client.__exit__(None, None, None)
    with TestClient(create_app(quick_service(index, watch=state))) as later:
        assert filed(later).json() == {**first, "known": True}


def test_fields_that_there_are_not_are_refused(client: TestClient) -> None:
    picture = {"image": ("new.png", png(MARK))}
    answer = client.post("/watch/filings", data={"id": "F1", "thresh": 0.9}, files=picture)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:marklens:problem:unknown-field")
    assert "thresh" in answer.json()["detail"]
    assert client.get("/watch/conflicts").json()["filings"] == 0


def test_conflicts_are_fetched_by_number(client: TestClient) -> None:
    assert client.get("/watch/conflicts").json() == {"filings": 0, "found": 0, "conflicts": [], "next": 0}
    filed(client, "F1")
    one = client.get("/watch/conflicts").json()
    assert [each["filing"]["id"] for each in one["conflicts"]] == ["F1"] * one["found"]
    filed(client, "F2")
    more = client.get("/watch/conflicts", params={"after": one["next"], "limit": 1}).json()
    assert [each["filing"]["id"] for each in more["conflicts"]] == ["F2"]
    assert more["next"] == more["conflicts"][0]["number"] > one["next"]
    assert client.get("/watch/conflicts", params={"after": 10**6}).json()["next"] == 10**6
    assert client.get("/watch/conflicts", params={"least": 1}).json()["conflicts"] == []


def test_the_same_filing_sent_many_times_at_once_is_noted_once(client: TestClient) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: filed(client, "F7").json(), range(6)))
    assert len({str(answer["conflicts"]) for answer in answers}) == 1
    document = client.get("/watch/conflicts").json()
    assert (document["filings"], document["found"]) == (1, len(answers[0]["conflicts"]))


def test_a_broken_picture_is_not_remembered(client: TestClient) -> None:
    assert filed(client, data=png(MARK)[:200]).status_code == 422
    assert filed(client, data=b"nothing").status_code == 415
    assert client.get("/watch/conflicts").json()["filings"] == 0
    assert filed(client).json()["known"] is False


def test_the_report_shows_pictures_and_the_table_has_a_line_each(client: TestClient) -> None:
    filed(client, "=F1", text="Kwik <b>")
    page = client.get("/watch/report")
    assert page.headers["content-disposition"] == 'attachment; filename="conflicts.html"'
    assert page.text.count("data:image/webp") >= 2
    assert "Kwik &lt;b&gt;" in page.text and "least score" not in page.text
    assert "least score" in client.get("/watch/report", params={"least": 0.3}).text
    rows = list(csv.DictReader(io.StringIO(client.get("/watch/report", params={"format": "csv"}).text)))
    assert len(rows) == client.get("/watch/conflicts").json()["found"]
    assert rows[0]["filing number"] == "'=F1"


def test_a_filing_is_noted_with_the_index_that_it_met(index: Path, state: Path, tmp_path: Path) -> None:
    shutil.copytree(index, tmp_path / "index")
    folder = IndexFolder(tmp_path / "index")
    service = quick_service(folder.root, watch=state, reload=3600)
    with TestClient(create_app(service)) as client:
        manifest = Manifest.load(folder)
        replace(manifest, added=manifest.added + 1).save(folder)  # the service has not opened that one yet
        assert filed(client).json()["outdated"] is False
        assert service.refresh()
        assert filed(client).json()["outdated"] is True


def test_pages_are_laid_out_while_others_may_file(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = ServedWatch(state, lambda engine, question: {}, state.parent)
    monkeypatch.setattr("marklens.api.watching.conflicts_page", lambda *_: str(watch._lock.locked()))
    assert watch.page(0, 10, 0.0) == "False"
    watch.close()


def test_the_command_reports_what_the_service_found(
    client: TestClient, index: Path, state: Path, tmp_path: Path
) -> None:
    found = len(filed(client).json()["conflicts"])
    call = ["watch", str(tmp_path / "none"), "--index", str(index), "--state", str(state)]
    (tmp_path / "none").mkdir()
    cv2.imwrite(str(tmp_path / "none/blank.png"), MARK * 0 + 255)
    assert run([*call, "--out", str(tmp_path / "report.html")]) == 2  # the service has the state
    client.__exit__(None, None, None)
    assert run([*call, "--out", str(tmp_path / "report.html")]) == 0
    assert len((tmp_path / "report.csv").read_text().splitlines()) == 1 + found


def test_a_service_without_a_watch_says_how_to_get_one(index: Path, state: Path) -> None:
    with TestClient(create_app(quick_service(index))) as client:
        for answer in (filed(client), client.get("/watch/conflicts"), client.get("/watch/report")):
            assert answer.status_code == 404
            assert "--watch" in answer.json()["detail"]


def test_only_a_key_that_may_write_files(index: Path, state: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    reading, writing = add_key(keys, "r", ("read",)), add_key(keys, "w", ("read", "write"))
    with TestClient(create_app(quick_service(index, keys, state))) as client:
        client.headers["X-API-Key"] = reading
        assert filed(client).status_code == 403
        assert client.get("/watch/conflicts").status_code == 200
        client.headers["X-API-Key"] = writing
        assert filed(client).status_code == 200


def test_two_services_cannot_keep_one_watch(client: TestClient, index: Path, state: Path) -> None:
    with pytest.raises(UsageError, match="another watch"):
        quick_service(index, watch=state)


def test_a_memory_of_another_portfolio_is_refused(index: Path, state: Path, tmp_path: Path) -> None:
    quick_service(index, watch=state).close()
    shutil.copytree(index, tmp_path / "other")
    with pytest.raises(UsageError, match="of a watch over"):
        quick_service(tmp_path / "other", watch=state)
    quick_service(index, watch=state).close()  # and nobody holds it


def test_a_damaged_memory_is_told_apart_from_a_changed_index(client: TestClient, state: Path) -> None:
    with closing(sqlite3.connect(state)) as db:
        db.execute("DROP TABLE conflicts")
        db.commit()
    answer = client.get("/watch/conflicts")
    assert answer.status_code == 500 and answer.json()["type"].endswith("watch-broken")
