"""Render SVG without trusting it: no files, no endless work, and no crash that reaches this process."""

import gzip
import io
import os
import re
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any
from xml.etree import ElementTree

from marklens.core.errors import PictureError, first_line

MAX_BYTES = 16 << 20
"""Of SVG text, after unpacking; a logo drawn in more is a traced photograph."""
MAX_NODES = 200_000
"""Elements; a tree of millions takes minutes and gigabytes before anything is drawn."""
MAX_DEPTH = 250
"""Elements inside each other; the renderer itself gives up before 1,100 and can overflow its stack at 300."""

PLAIN_ELEMENTS = frozenset(
    [
        "svg",
        "g",
        "defs",
        "path",
        "rect",
        "circle",
        "ellipse",
        "line",
        "polyline",
        "polygon",
        "style",
        "symbol",
        "linearGradient",
        "radialGradient",
        "stop",
        "clipPath",
        "use",
        "title",
        "desc",
        "metadata",
        "text",
        "tspan",
    ]
)
"""What is drawn in this process. Filters, patterns, masks and embedded pictures may ask for any memory
or time (the renderer then aborts its whole process), so they are drawn in a process of their own."""
PLAIN_DEPTH, PLAIN_REFERENCES, PLAIN_NODES, PLAIN_BYTES = 40, 12, 5000, 2 << 20
PLAIN_LAYERS, PLAIN_SIDE = 20, 1024
"""Limits of what is drawn in this process; `use` multiplies elements, each level of depth takes stack, each
layer a picture of its own."""
_SET_TO = r"\s*+[:=]\s*+[\"']?+\s*+"
_DASHES = re.compile(rf"dasharray{_SET_TO}(?!none|inherit|0\s*[;\"'])")
"""Of a long line they may be millions."""
_LAYERS = re.compile(rf"(?<![\w-])opacity{_SET_TO}(?!1(?:\.0*)?\s*[;\"']|inherit)|mix-blend-mode|isolation")

SANDBOX_SECONDS = 10
SANDBOX_MEMORY = 1 << 30
"""Bytes of address space, of which the interpreter and the renderer take some 100 MB."""
_SANDBOX = """
import os, sys
if sys.platform == "linux":  # a parent that is killed, as one that took too long, leaves none behind
    import ctypes
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
    if os.getppid() != int(sys.argv[5]):
        sys.exit(1)  # it ended before the request
try:
    import resource
    for limit, most in ((resource.RLIMIT_AS, sys.argv[3]), (resource.RLIMIT_CPU, sys.argv[4])):
        resource.setrlimit(limit, (int(most), int(most)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except (ImportError, ValueError, OSError):
    pass  # no such limits on this system; the time limit holds everywhere
import resvg_py
side, fonts = int(sys.argv[1]), sys.argv[2] == "1"
svg = sys.stdin.buffer.read().decode("utf-8")
try:
    png = resvg_py.svg_to_bytes(
        svg_string=svg, width=side, height=side, dpi=96, skip_system_fonts=not fonts
    )
except ValueError as error:
    sys.exit(str(error))
sys.stdout.buffer.write(bytes(png))
"""


_NAMESPACE = "{http://www.w3.org/2000/svg}"
_ROOT = re.compile(rb"<(?:[\w.-]+:)?svg[\s>/]")
"""The element, with any prefix."""
_BEGINS = re.compile(rb"<\?xml|<!doctype svg|<!--|" + _ROOT.pattern)


def looks_like_svg(data: bytes) -> bool:
    """Whether bytes begin like SVG: any encoding of XML, gzip-compressed or not."""
    if data[:2] == b"\x1f\x8b":
        try:
            data = zlib.decompressobj(wbits=31).decompress(data, 65536)
        except zlib.error:
            return False
    head = data[:65536].replace(b"\0", b"").lower()  # UTF-16 of ASCII is ASCII between zeros
    start = head.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return bool(_BEGINS.match(start) and _ROOT.search(head))


def render_svg(data: bytes, side: int) -> bytes:
    """Draw an SVG, its longer side at `side` pixels, as PNG with transparency.

    Scripts never run and references to other files or hosts are left out.

    Raises:
        PictureError: no SVG, too complex, or the renderer failed.
    """
    root, depth = _parse(_with_xlink(_unpacked(data)))
    _cut_references(root)
    svg = ElementTree.tostring(root, "unicode")
    fonts = any(_local_name(element) == "text" for element in root.iter())
    plain = side <= PLAIN_SIDE and _is_plain(root, depth) and _is_quick(svg)
    return (_draw_here if plain else _draw_in_sandbox)(svg, side, fonts)


def _unpacked(data: bytes) -> bytes:
    if data[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(data)) as stream:
                data = stream.read(MAX_BYTES + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise PictureError("svg", f"damaged gzip: {error}") from error
    if len(data) > MAX_BYTES:
        raise PictureError("too-large", f"more than {MAX_BYTES >> 20} MB of SVG")
    return data


def _with_xlink(data: bytes) -> bytes:
    """With the prefix ``xlink`` declared: old pages use it without."""
    if b"xlink:" not in data or b"xmlns:xlink" in data:
        return data
    declared = rb"\g<0>" + b' xmlns:xlink="http://www.w3.org/1999/xlink"'
    return re.sub(rb"<(?:[\w.-]+:)?svg(?=[\s>/])", declared, data, count=1)


def _parse(data: bytes) -> tuple[ElementTree.Element, int]:
    """Parse into a tree and its depth; expat loads no external entities and stops entity bombs."""
    parser: Any = ElementTree.XMLPullParser(("start", "end"))
    depth = deepest = nodes = 0
    root: ElementTree.Element | None = None
    try:
        for piece in _pieces(data):
            parser.feed(piece)
            for event, element in parser.read_events():
                root = element if root is None else root
                depth += 1 if event == "start" else -1
                nodes += event == "start"
                deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                raise PictureError("svg", f"elements lie more than {MAX_DEPTH} deep in each other")
            if nodes > MAX_NODES:
                raise PictureError("svg", f"more than {MAX_NODES:,} elements")
        parser.close()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise PictureError("svg", f"no well-formed XML: {error}") from error
    if root is None or _local_name(root) != "svg":
        raise PictureError("svg", "the XML holds no SVG")
    if root.tag == "svg":  # cut out of a web page, where the namespace goes without saying
        for element in root.iter():
            if isinstance(element.tag, str) and not element.tag.startswith("{"):
                element.tag = _NAMESPACE + element.tag
    return root, deepest


def _pieces(data: bytes) -> Iterator[bytes]:
    """Small pieces: a tree that is too deep must be noticed before it is all there."""
    return (data[start : start + 4096] for start in range(0, len(data), 4096))


def _local_name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _cut_references(root: ElementTree.Element) -> None:
    """Remove every reference that is neither inside the document nor data: the renderer would open files."""
    for element in root.iter():
        for name, value in list(element.attrib.items()):
            if name.rpartition("}")[2] == "href" and not value.strip().startswith(("#", "data:")):
                del element.attrib[name]


def _is_plain(root: ElementTree.Element, depth: int) -> bool:
    """Whether drawing takes little time and memory, whatever the numbers in it are."""
    tags = Counter(element.tag for element in root.iter() if isinstance(element.tag, str))
    ours = {tag.rpartition("}")[2]: count for tag, count in tags.items() if tag.startswith(_NAMESPACE)}
    return (
        depth <= PLAIN_DEPTH
        and tags.total() <= PLAIN_NODES
        and ours.get("use", 0) + ours.get("clipPath", 0) <= PLAIN_REFERENCES
        and ours.keys() <= PLAIN_ELEMENTS
    )


def _is_quick(svg: str) -> bool:
    """Whether no few words in it ask for much work."""
    few_layers = sum(1 for _ in islice(_LAYERS.finditer(svg), PLAIN_LAYERS + 1)) <= PLAIN_LAYERS
    return len(svg) <= PLAIN_BYTES and few_layers and not _DASHES.search(svg)


def _draw_here(svg: str, side: int, fonts: bool) -> bytes:
    import resvg_py

    try:
        # with both sides given the picture is fitted into them, so that no thin strip gets endlessly long
        return bytes(
            resvg_py.svg_to_bytes(
                svg_string=svg, width=side, height=side, dpi=96, skip_system_fonts=not fonts
            )
        )
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # panics of the renderer derive from BaseException
        raise PictureError("svg", first_line(error)) from error


def _draw_in_sandbox(svg: str, side: int, fonts: bool) -> bytes:
    arguments = (side, int(fonts), SANDBOX_MEMORY, SANDBOX_SECONDS, os.getpid())
    command = [sys.executable, "-P", "-c", _SANDBOX, *map(str, arguments)]
    try:
        done = subprocess.run(
            command, input=svg.encode("utf-8"), capture_output=True, timeout=SANDBOX_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise PictureError("slow", f"drawing it takes more than {SANDBOX_SECONDS} seconds") from None
    except OSError as error:
        raise PictureError("machine", f"no process to draw it in: {error.strerror}") from error
    if done.returncode < 0:
        raise PictureError("svg", f"the renderer died of signal {-done.returncode}: too complex")
    if done.returncode:
        raise PictureError("svg", _first_line(done.stderr.decode("utf-8", "replace")))
    return done.stdout


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "cannot be rendered"
