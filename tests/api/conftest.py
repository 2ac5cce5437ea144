"""A service over a small index: in this process, and on a real port."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")

import httpx2 as httpx
import uvicorn
from fastapi.testclient import TestClient

from marklens.api.app import add_page, create_app
from marklens.api.service import Service, make_service
from marklens.settings import load_settings

MakeClient = Callable[..., TestClient]


def quick_service(index: Path, keys: Path | None = None, watch: Path | None = None, **serve: Any) -> Service:
    """A service with an open index."""
    settings = load_settings(serve={"workers": 2, "reload": 0.1, **serve}, model={"threads": 1})
    service = make_service(index, settings, keys, watch=watch)
    service.index.refresh()
    return service


@pytest.fixture(scope="module")
def client(index: Path) -> Iterator[TestClient]:
    """A client of a service without keys."""
    with TestClient(create_app(quick_service(index, rate_address="100000/minute"))) as client:
        yield client


@contextmanager
def running(service: Service) -> Iterator[httpx.Client]:
    """A real server on a free port, in a thread."""
    app = create_app(service)
    add_page(app)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
