"""How much a client may ask for: rates by key and by address, the size and the time of a body."""

import asyncio
import ipaddress
import time
from collections.abc import Mapping
from dataclasses import dataclass

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import Headers
from starlette.types import Message, Receive

from marklens.api.problems import ProblemError
from marklens.core.errors import UsageError

SMALL_BODY = 1 << 20
"""Bytes of a request that brings no picture, and of the fields beside one."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a client stands after a request.

    Attributes:
        policy: what is counted: ``key`` or ``address``.
        quota, window: requests in so many seconds.
        left: requests left.
        seconds: until the quota is whole again.
    """

    policy: str
    quota: int
    window: int
    left: int
    seconds: int

    def headers(self) -> Mapping[str, str]:
        """As the IETF's draft of RateLimit header fields has it."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.quota};w={self.window}',
            "RateLimit": f'"{self.policy}";r={self.left};t={self.seconds}',
        }


class RateLimits:
    """Counts requests in sliding windows, in this process.

    Args:
        rate: of one key, as ``600/minute``.
        rate_address: of one address.

    Raises:
        UsageError: a rate is no rate.
    """

    def __init__(self, rate: str, rate_address: str) -> None:
        self._rates = {"key": _parsed("rate", rate), "address": _parsed("rate_address", rate_address)}
        self._window = SlidingWindowCounterRateLimiter(MemoryStorage())

    def charge(self, policy: str, who: str, cost: int = 1) -> Standing:
        """Count a request.

        Args:
            policy: ``key`` or ``address``.
            who: id of the key, or the address.
            cost: as how many it counts.

        Raises:
            ProblemError: it is one too many.
        """
        rate, who = self._rates[policy], network(who) if policy == "address" else who
        passed = self._window.hit(rate, policy, who, cost=cost)
        found = self._window.get_window_stats(rate, policy, who)
        seconds = max(1, round(found.reset_time - time.time()))
        standing = Standing(policy, rate.amount, rate.get_expiry(), max(0, int(found.remaining)), seconds)
        if passed:
            return standing
        headers = {**standing.headers(), "Retry-After": str(seconds)}
        raise ProblemError(429, "too-many-requests", f"more than {rate} for one {policy}", headers)


def network(address: str) -> str:
    """Who counts as one: an IPv4 address, or all of an IPv6 /64, which one household gets to itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))


def _parsed(name: str, text: str) -> RateLimitItem:
    try:
        return parse(text)
    except ValueError:
        raise UsageError(f"setting serve.{name}: '{text}' is no rate, write e.g. 600/minute") from None


class BoundedBody:
    """Passes on a body as long as it is small and quick enough.

    Args:
        receive: of the server.
        most: bytes at most.
        seconds: in which all of it must have come.
    """

    def __init__(self, receive: Receive, most: int, seconds: float) -> None:
        self._receive, self._most, self._seconds = receive, most, seconds
        self._read, self._whole = 0, False
        self._end = time.monotonic() + seconds

    @staticmethod
    def check(headers: Headers, most: int) -> None:
        """Refuse by what the client says, before anything is read.

        Raises:
            ProblemError: it is too large.
        """
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > most:
            raise _too_large(most)

    async def __call__(self) -> Message:
        """The next piece.

        Raises:
            ProblemError: the body is too large or too slow.
        """
        if self._whole:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.001, self._end - time.monotonic()))
        except TimeoutError:
            raise ProblemError(
                408,
                "slow-body",
                f"the upload took more than {self._seconds:g} seconds",
                {"Connection": "close"},
            ) from None
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._read > self._most:
                raise _too_large(self._most)
        return message


def _too_large(most: int) -> ProblemError:
    detail = f"more than {most >> 20} MB were sent"
    return ProblemError(413, "body-too-large", detail, {"Connection": "close"})
