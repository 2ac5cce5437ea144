"""What an enemy sends to a search service: hostile files, broken forms, broken HTTP, slow bodies."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from benchmarks.broken_pictures import Random, encoded
from benchmarks.hostile_files import PICTURES, new_bytes, vast

BOUNDARY = b"hostile-7d1f"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it goes over the wire.

    Attributes:
        head: request line and headers, with the empty line.
        body: what follows; it need not be what the head says.
        pause: seconds between two pieces of the body, for slow ones.
    """

    head: bytes
    body: bytes
    pause: float = 0.0


def form(parts: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A multipart body of parts (header lines, content)."""
    pieces = [b"--" + BOUNDARY + b"\r\n" + head + b"\r\n\r\n" + body + b"\r\n" for head, body in parts]
    return b"".join(pieces) + b"--" + BOUNDARY + b"--\r\n"


def file_part(data: bytes, name: bytes = b"mark.png", field: bytes = b"image") -> tuple[bytes, bytes]:
    """A part that brings a picture."""
    return b'Content-Disposition: form-data; name="' + field + b'"; filename="' + name + b'"', data


def text_part(name: str, value: str | bytes) -> tuple[bytes, bytes]:
    """A part that brings a field."""
    data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
    return f'Content-Disposition: form-data; name="{name}"'.encode(), data


def posted(path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Request:
    """A POST of a multipart body, with other headers where some are given."""
    usual = {
        "Host": "127.0.0.1",
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    lines = [f"{name}: {value}" for name, value in {**usual, **(headers or {})}.items() if value]
    return Request(
        f"POST {path} HTTP/1.1\r\n".encode() + "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n", body
    )


def search(data: bytes, *fields: tuple[bytes, bytes], name: bytes = b"mark.png") -> Request:
    """A search for a picture."""
    return posted("/search", form([file_part(data, name), *fields]))


def hostile_fields(random: Random) -> list[tuple[bytes, bytes]]:
    """One or two fields that make no sense."""
    odd: dict[str, Sequence[str | bytes]] = {
        "top": ("-1", "1e99", "9" * 400, "\u0663", b"\xff"),
        "offset": ("999999999999", "-0"),
        "weight_global": ("nan", "1e309", "-1"),
        "years": ("9999-1", "0-" + "9" * 20),
        "vienna": ("'; DROP TABLE marks; --", "26" * 40),
        "where": ("a=b" * 999, "=x", "office=\0"),
        "crop": ("nan,nan,1,1", "1e308%,0%,1%,1%", "0,0,0,0", "-9,-9,99,99"),
        "text": (
            "\0", "x" * 100_000, "\ud800", "\u202e" * 400, "e" + "\u0301" * 499, "\U0001d56c" * 400,
            "\ua980" * 300, "(" * 500, "%s%n{0}$", b"\xff\xfe\xfd",
        ),
        "mark_id": ("../../etc/passwd", "\0"),
        "read": ("maybe",),
        "explain": ("x" * 9999,),
        "show_views": ("1",),
        "image": ("no file",),
    }  # fmt: skip
    named = [(name, value) for name, values in odd.items() for value in values]
    chosen = random.integers(0, len(named), int(random.integers(1, 3)))
    return [text_part(*named[place]) for place in chosen]


def broken_form(data: bytes, random: Random) -> Request:
    """A body that is no form, or a strange one."""
    good, kind = form([file_part(data)]), "multipart/form-data"
    choices: list[Callable[[], Request]] = [
        lambda: posted("/search", good, {"Content-Type": kind}),
        lambda: posted("/search", good, {"Content-Type": f"{kind}; boundary="}),
        lambda: posted("/search", good, {"Content-Type": f"{kind}; boundary={'b' * 5000}"}),
        lambda: posted("/search", good, {"Content-Type": f"{kind}; boundary=other"}),
        lambda: posted("/search", good, {"Content-Type": f'{kind}; boundary="é"; charset=utf-99'}),
        lambda: posted("/search", good, {"Content-Type": "application/json"}),
        lambda: posted("/search", good, {"Content-Type": "application/x-www-form-urlencoded"}),
        lambda: posted("/search", good, {"Content-Type": ""}),
        lambda: posted("/search", good, {"Content-Encoding": "gzip"}),
        lambda: posted("/search", good[: int(random.integers(1, len(good)))]),
        lambda: posted("/search", good[int(random.integers(1, len(good))) :]),
        lambda: posted("/search", good * 3),
        lambda: posted("/search", form([file_part(data, name=b"../../" * 400 + b"x")])),
        lambda: posted("/search", form([file_part(data, name=b"\xff\xfe\0\"'\x1b[31m")])),
        lambda: posted("/search", form([file_part(data, name=b"a" * 9000)])),
        lambda: posted("/search", form([(b"X" * 20_000, data)])),
        lambda: posted("/search", form([(b"\0: \0", data), (b"", b"")])),
        lambda: posted("/search", form([text_part(f"f{n}", "x") for n in range(3000)])),
        lambda: posted("/search", form([file_part(b"x") for _ in range(1500)])),
        lambda: posted("/search", form([file_part(form([file_part(data)]))])),
        lambda: posted("/search", form([])),
        lambda: posted("/search", b""),
        lambda: posted("/search/text", form([file_part(data, field=b"text")])),
        lambda: posted("/batch", form([text_part("image", "x")])),
        lambda: posted("/batch", form([file_part(data) for _ in range(300)])),
    ]
    return choices[int(random.integers(len(choices)))]()


def broken_http(data: bytes, random: Random) -> Request:
    """A request that is none, or says another length than it has."""
    good = form([file_part(data)])
    choices: list[Callable[[], Request]] = [
        lambda: posted("/search", good, {"X-Long": "x" * 200_000}),
        lambda: posted("/search", good, {f"X-{n}": "y" for n in range(3000)}),
        lambda: posted("/search", good, {"Content-Length": "-1"}),
        lambda: posted("/search", good, {"Content-Length": "9" * 30}),
        lambda: posted("/search", good, {"Content-Length": "99999999999"}),
        lambda: posted("/search", good, {"Content-Length": str(len(good) // 2)}),
        lambda: posted("/search", good, {"Content-Length": "", "Transfer-Encoding": "chunked"}),
        lambda: posted("/search", b"ffffffffff\r\nx", {"Content-Length": "", "Transfer-Encoding": "chunked"}),
        lambda: posted(
            "/search", b"2\r\nab\r\n-2\r\n", {"Content-Length": "", "Transfer-Encoding": "chunked"}
        ),
        lambda: posted("/search", good, {"Transfer-Encoding": "chunked, gzip"}),
        lambda: posted("/search", good, {"Expect": "100-continue"}),
        lambda: posted("/search", good, {"Authorization": "Bearer " + "x" * 9000}),
        lambda: posted("/search", good, {"Range": "bytes=0-1", "If-Match": "*", "Host": "evil\\host:99999"}),
        lambda: posted("/search" + "/x" * 9000, good),
        lambda: posted("/search/%00%ff/../..//batch", good),
        lambda: Request(b"POST /search HTTP/9.9\r\n\r\n", good),
        lambda: Request(b"PROPFIND /search HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b""),
        lambda: Request(b"GET /search HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", good),
        lambda: Request(random.bytes(2000), b""),
        lambda: Request(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + random.bytes(500), b""),
    ]
    return choices[int(random.integers(len(choices)))]()


def request_of(kind: str, image: Image.Image, random: Random) -> Request:
    """A hostile request of a kind of `KINDS_OF_REQUEST`."""
    if kind == "a form that is broken":
        return broken_form(new_bytes(image, random), random)
    if kind == "HTTP that is broken":
        return broken_http(encoded(image, "PNG"), random)
    if kind == "fields that make no sense":
        fields = hostile_fields(random)
        if random.random() < 0.4:
            return posted("/search/text", form([text_part("text", "Kiwi"), *fields]))
        return search(encoded(image, "PNG"), *fields)
    if kind == "a batch":
        makers = [make for _, make in PICTURES.values() if make is not vast]
        parts = [
            makers[int(random.integers(len(makers)))](image, random)
            for _ in range(int(random.integers(2, 9)))
        ]
        return posted("/batch", form([file_part(part) for part in parts]))
    if kind == "a slow body":
        body = form([file_part(encoded(image, "PNG"))])
        return Request(posted("/search", body).head, body, pause=0.4)
    return search(PICTURES[kind][1](image, random), text_part("top", "1"))


KINDS_OF_REQUEST: dict[str, int] = {
    **{name: weight for name, (weight, _) in PICTURES.items()},
    "a form that is broken": 50,
    "HTTP that is broken": 40,
    "fields that make no sense": 50,
    "a batch": 12,
    "a slow body": 1,
}
"""Weight of each kind among the requests."""


def hostile_requests(count: int, seed: int) -> list[tuple[str, int]]:
    """Kind and seed of each of `count` requests; every kind is among them, slow ones a few times at most."""
    random, names = np.random.default_rng(seed), list(KINDS_OF_REQUEST)
    weights = np.array(list(KINDS_OF_REQUEST.values()), float)
    drawn = random.choice(len(names), max(0, count - len(names)), p=weights / weights.sum()).tolist()
    chosen = [*range(len(names)), *drawn][:count]
    random.shuffle(chosen)
    return [(names[place], seed * 1_000_003 + number) for number, place in enumerate(chosen)]
