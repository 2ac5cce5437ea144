"""The door: who may come in, how much they may bring, what is noted, which headers every answer has."""

import asyncio
from contextlib import suppress
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from loguru import logger
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marklens.api.keys import Key
from marklens.api.limits import BoundedBody, Standing
from marklens.api.problems import GONE, ProblemError, problem_of
from marklens.api.service import Service

OPEN = frozenset({"/", "/health", "/ready", "/openapi.json"})
"""What needs no key and counts for no limit; so do the files of the page."""
READING = frozenset({"GET", "HEAD", "OPTIONS"})
BATCH = "/batch"
SEARCHES = frozenset({"/search", BATCH, "/search/text"})
PROBES = frozenset({"/health", "/ready"})
"""Asked by name of machine or container, by what restarts it: they tell nothing that a name could guard."""
PAGE_FILES = "/web/"
DRAINED_BYTES, DRAIN_SECONDS = 32 << 20, 0.5
"""Of a body that is refused: read and thrown away before the answer."""
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """Stands around the whole application; keys and limits come before the first byte of a body is read.

    Args:
        app: what it guards.
        service: whose keys and limits hold.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service
        self._under_way = self._batches = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = _Visit(scope, send, self._service.settings.body_timeout)
        self._under_way += 1
        counted = 1
        try:
            body = self._admitted(visit, receive)
            await self._app(scope, body, visit.send)
        except Exception as error:
            problem = _client_gone() if visit.gone else problem_of(error)
            self._service.metrics.problem(problem.kind)
            if not visit.status:
                self._under_way -= counted  # who is refused takes nobody's place any more
                counted = 0
                await _drain(receive)
                await problem.response()(scope, receive, visit.send)
        finally:
            self._under_way -= counted
            self._batches -= visit.is_batch
            visit.note(self._service)

    def _admitted(self, visit: "_Visit", receive: Receive) -> Receive:
        """The body of a request that may come in.

        Raises:
            ProblemError: it may not.
        """
        service, path, headers = self._service, visit.path, Headers(scope=visit.scope)
        if min(path, default="/") < " ":  # the router takes a path with a line's end for the path without
            raise ProblemError(404, "not-found", "Not Found")
        known = not service.hosts or path in PROBES or host_name(headers.get("host", "")) in service.hosts
        if not known:
            raise ProblemError(421, "wrong-host", "the service does not go by this name: see serve.hosts")
        if service.keys is None and self._is_foreign(visit.scope["method"], headers):
            raise ProblemError(403, "foreign-page", "a page of another site calls: see serve.origins")
        if path in OPEN or path.startswith(PAGE_FILES):
            return BoundedBody(receive, 0, service.settings.body_timeout)
        if self._under_way > service.settings.requests:
            raise ProblemError(503, "over-capacity", "too many requests are under way", {"Retry-After": "1"})
        visit.standing = service.rates.charge("address", visit.address)
        visit.key = self._key(visit.scope["method"], path, headers)
        visit.scope["marklens.key"] = visit.key
        if visit.key is not None and not path.startswith("/marks/"):
            visit.standing = service.rates.charge("key", visit.key.id)
        most = service.most_bytes(path)
        BoundedBody.check(headers, most)
        if path in SEARCHES and service.inference.full:
            raise service.inference.refusal()
        if path == BATCH:  # its pictures lie in memory and /tmp from their first byte to the last answer
            if self._batches >= service.settings.batches:
                raise ProblemError(
                    503, "over-capacity", "too many batches are under way", {"Retry-After": "5"}
                )
            visit.is_batch = True
            self._batches += 1
        return BoundedBody(receive, most, service.settings.body_timeout)

    def _is_foreign(self, method: str, headers: Headers) -> bool:
        """Whether the page of another site sends this: browsers let it do so and only hide the answer."""
        origin, allowed = headers.get("origin"), self._service.settings.origins
        if method in READING or "*" in allowed or origin in allowed:
            return False
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site not in ("same-origin", "none")
        return origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()

    def _key(self, method: str, path: str, headers: Headers) -> Key | None:
        ring = self._service.keys
        if ring is None:
            return None
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        key = ring.find(given) if given else None
        if key is None:
            what = "the key is unknown or has ended" if given else "give a key: Authorization: Bearer KEY"
            raise ProblemError(401, "no-key", what, {"WWW-Authenticate": 'Bearer realm="marklens"'})
        needed = "read" if method in READING or path in SEARCHES else "write"
        if needed not in key.scopes:
            raise ProblemError(403, "no-scope", f"the key does not have the scope {needed}")
        return key


def host_name(host: str) -> str:
    """The name in a Host header, in lower case and without the port."""
    name, colon, port = host.strip().lower().rpartition(":")
    return name if colon and port.isdecimal() else host.strip().lower()


def _client_gone() -> ProblemError:
    return ProblemError(GONE, "client-gone", "the client does not read its answer")


async def _drain(receive: Receive) -> None:
    """Let a client that is still sending come to its end, within bounds: else it never reads the answer."""
    left = DRAINED_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


class _Visit:
    """One request on its way through."""

    def __init__(self, scope: Scope, send: Send, patience: float) -> None:
        self.scope, self._send, self._patience = scope, send, patience
        self.path: str = scope["path"]
        self.address: str = (scope.get("client") or ("unknown", 0))[0]
        self.started, self.status = perf_counter(), 0
        self.standing: Standing | None = None
        self.key: Key | None = None
        self.is_batch = self.gone = False

    async def send(self, message: Message) -> None:
        """Pass on an answer with the headers that all have."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in {**SECURITY, "Cache-Control": "no-store", "Server": "marklens"}.items():
                headers.setdefault(name, value)
            for name, value in (self.standing.headers() if self.standing else {}).items():
                headers.setdefault(name, value)
        try:
            await asyncio.wait_for(self._send(message), self._patience)
        except TimeoutError:  # who does not read would keep its place for ever
            self.gone = True
            raise _client_gone() from None

    def note(self, service: Service) -> None:
        """Measure and log it, without its query, its headers or its body."""
        seconds = perf_counter() - self.started
        route: Any = self.scope.get("route")
        pattern = str(getattr(route, "path", "unmatched"))
        service.metrics.request(pattern, self.status, seconds)
        logger.debug(
            "{} {} {} in {:.0f} ms for {}", self.scope["method"], pattern, self.status or "gone",
            seconds * 1e3, self.key.id if self.key else self.address,
        )  # fmt: skip
