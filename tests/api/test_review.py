"""What a review found, and must not come back."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from marklens.api.keys import KeyRing, add_key, read_keys, revoke_key
from marklens.api.problems import ProblemError
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
