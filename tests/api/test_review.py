"""What a review found, and must not come back."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from marklens.api.keys import KeyRing, add_key, read_keys, revoke_key
from marklens.api.problems import GONE, ProblemError
from marklens.core.errors import UsageError


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
    from marklens.core.errors import DatabaseError

    problem = problem_of(DatabaseError("PostgreSQL db.example/marks does not answer"))
    assert problem.status_code == 503 and "Retry-After" in (problem.headers or {})
    assert "db.example" not in problem.detail


def test_a_client_that_left_is_no_error_of_the_service() -> None:
    assert ProblemError(GONE, "client-gone", "the client has gone").response().status_code == GONE
