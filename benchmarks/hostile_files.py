"""Files that an enemy uploads: broken pictures, bombs, two formats in one, traps in SVG."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

from PIL import Image

from benchmarks.broken_pictures import KINDS, Random, bit_flipped, encoded, truncated

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")


def spliced(image: Image.Image, random: Random) -> bytes:
    """The head of one format and the tail of another."""
    one, other = (
        encoded(image.convert("RGB"), str(kind)) for kind in random.choice(FORMATS, 2, replace=False)
    )
    cut = int(random.integers(8, len(one)))
    return one[:cut] + other[int(random.integers(0, len(other))) :]


def repeated(image: Image.Image, random: Random) -> bytes:
    """A picture with a piece of itself a thousand times over."""
    data = encoded(image.convert("RGB"), str(random.choice(FORMATS)))
    start = int(random.integers(0, len(data)))
    return data[:start] + data[start : start + int(random.integers(1, 64))] * 1000 + data[start:]


def new_bytes(image: Image.Image, random: Random) -> bytes:
    """A picture with up to 200 other bytes, most of them in its header."""
    data = bytearray(encoded(image.convert("RGB"), str(random.choice(FORMATS))))
    reach = len(data) if random.random() < 0.3 else min(120, len(data))
    for place in random.integers(0, reach, int(random.integers(1, 200))):
        data[place] = int(random.integers(0, 256))
    return bytes(data)


def vast(_: Image.Image, random: Random) -> bytes:
    """A few kilobytes that unfold to 49 million pixels, just what is allowed."""
    kind, mode = str(random.choice(["PNG", "GIF", "TIFF"])), str(random.choice(["1", "L", "RGBA", "P"]))
    mode = "P" if kind == "GIF" else mode
    options: dict[str, Any] = {"compression": "tiff_deflate"} if kind == "TIFF" else {}
    return encoded(Image.new(mode, (7000, 7000)), kind, **options)


def claimed(image: Image.Image, random: Random) -> bytes:
    """A picture whose header claims a size of its own choosing."""
    kind = str(random.choice(["PNG", "GIF", "BMP"]))
    data, size = bytearray(encoded(image.convert("RGB"), kind)), int(random.integers(0, 1 << 16))
    if kind == "PNG":
        data[16:24] = size.to_bytes(4) * 2
        data[29:33] = zlib.crc32(data[12:29]).to_bytes(4)
    elif kind == "GIF":
        data[6:10] = size.to_bytes(2, "little") * 2
    else:
        data[18:26] = (size * int(random.choice([-1, 1, 40_000])) % (1 << 32)).to_bytes(4, "little") * 2
    return bytes(data)


def polyglot(image: Image.Image, random: Random) -> bytes:
    """A file that is two things at once."""
    picture, archive = encoded(image.convert("RGB"), str(random.choice(FORMATS))), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("run.js", "alert(1)")
    others = [
        archive.getvalue(), b"<html><script>alert(1)</script></html>", b"%PDF-1.7\n1 0 obj\n<<>>\nendobj",
        b"<svg xmlns='http://www.w3.org/2000/svg'><rect width='9' height='9'/></svg>", b"#!/bin/sh\nid\n",
    ]  # fmt: skip
    other = others[int(random.integers(len(others)))]
    return picture + other if random.random() < 0.6 else other + picture


def no_picture(_: Image.Image, random: Random) -> bytes:
    """Something else altogether."""
    kinds = [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run", b"%PDF-1.7\n", b"{}", b"BM",
        b"\x7fELF" + bytes(60), b"PK\x03\x04" + bytes(40), b"\0\0\0\x18ftypavif" + bytes(60), b"\x1f\x8b",
        b"GIF89a/*" + bytes(9) + b"*/=1;alert(1)", b"\x89PNG\r\n\x1a\n", b"RIFF\xff\xff\xff\xffWEBPVP8 ",
        b"II*\0\x08\0\0\0\xff\xff", b"\xff\xd8\xff\xd8" * 99, b"P6 99999 99999 255 ", b"<?xml",
        b"\0" * 100_000, "\u202egpj.exe".encode(),
    ]  # fmt: skip
    return kinds[int(random.integers(len(kinds)))] + random.bytes(int(random.integers(0, 400)))


def trapped_svg(_: Image.Image, random: Random) -> bytes:
    """An SVG that reads files, asks hosts, runs scripts or never ends."""
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    start = f'<svg {names} viewBox="0 0 99 99">'
    ball, end = '<circle cx="50" cy="50" r="30"/>', "</svg>"
    many = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    uses = "".join(f'<g id="g{n}">{f"""<use xlink:href="#g{n - 1}"/>""" * 10}</g>' for n in range(1, 9))
    depth = int(random.integers(200, 20_000))
    traps = [
        f'<!DOCTYPE svg [<!ENTITY e0 "ha">{many}]>{start}<text y="50">&e11;</text>{ball}{end}',
        f'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>{start}<text y="50">&x;</text>{ball}{end}',
        f'<!DOCTYPE svg SYSTEM "http://127.0.0.1:9/x.dtd">{start}{ball}{end}',
        f'<!DOCTYPE svg [<!ENTITY % p SYSTEM "file:///dev/zero">%p;]>{start}{ball}{end}',
        f'{start}<image xlink:href="file:///etc/hostname" width="99" height="99"/>{ball}{end}',
        f'{start}<image href="http://127.0.0.1:9/a.png" width="99" height="99"/>{ball}{end}',
        f"{start}<script>while(1){{}}</script><style>@import url(http://127.0.0.1:9/a.css);</style>{ball}{end}",
        f'{start}<g id="a"><use xlink:href="#a"/></g>{ball}{end}',
        f'{start}<defs><g id="g0">{ball}</g>{uses}</defs><use xlink:href="#g8"/>{end}',
        f'{start}<pattern id="p" width="1e-6" height="1e-6"><rect fill="url(#p)"/></pattern><rect width="99" '
        f'height="99" fill="url(#p)"/>{end}',
        f'{start}<filter id="f" x="-9999" y="-9999" width="1e9" height="1e9">'
        f'<feGaussianBlur stdDeviation="1e9"/><feTurbulence numOctaves="99999"/></filter>'
        f'<circle r="50" filter="url(#f)"/>{end}',
        f'{start}<mask id="m"><circle r="9" mask="url(#m)"/></mask><circle r="50" mask="url(#m)"/>{end}',
        f"{start}{'<g>' * depth}{ball}{'</g>' * depth}{end}",
        f"{start}{'<g>' * depth}",
        f'{start}<path d="M0 0{"L1e308 -1e308" * 999}z"/>{end}',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="1e9" height="1e-9">{ball}{end}',
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 nan inf">{ball}{end}',
        f"{start}{ball * int(random.integers(1, 60_000))}{end}",
        f'{start}<text style="font-size:1e9px">{"W" * 9999}</text>{end}',
        f"<?xml version='1.0' encoding='utf-32'?>{start}{ball}{end}",
    ]
    data = traps[int(random.integers(len(traps)))].encode()
    return gzip.compress(data) if random.random() < 0.2 else data


def svg_bomb(_: Image.Image, random: Random) -> bytes:
    """Some kilobytes of gzip that hold up to 60 MB of SVG."""
    inside = b"<svg xmlns='http://www.w3.org/2000/svg'>" + b" " * int(random.integers(1 << 20, 60 << 20))
    return gzip.compress(inside + b"</svg>", 9)


PICTURES: dict[str, tuple[int, Callable[[Image.Image, Random], bytes]]] = {
    **{f"picture, {name}": (8, kind.make) for name, kind in KINDS.items()},
    "picture, other bytes": (80, new_bytes),
    "picture, flipped bits": (60, bit_flipped),
    "picture, truncated": (30, truncated),
    "picture, spliced": (30, spliced),
    "picture, repeated": (20, repeated),
    "picture, claims a size": (20, claimed),
    "picture, 49 million pixels": (1, vast),
    "picture, two formats": (20, polyglot),
    "picture, none": (20, no_picture),
    "SVG, a trap": (40, trapped_svg),
    "SVG, unfolding": (4, svg_bomb),
}
"""Weight and maker of each kind, from a good picture."""
