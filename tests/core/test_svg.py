"""SVG from strangers: what is drawn, what is left out, and what never reaches this process."""

import base64
import gzip
import io
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from marklens.core import svg as core_svg
from marklens.core.errors import PictureError
from marklens.core.images import SVG_SIDE, WORKING_SIDE, decode
from marklens.core.types import Pixels

NAMES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
SQUARE = '<rect x="2" y="2" width="6" height="6" fill="#c01010"/>'


def svg(body: str = SQUARE, size: str = 'viewBox="0 0 10 10"', before: str = "") -> bytes:
    return f"{before}<svg {NAMES} {size}>{body}</svg>".encode()


def is_the_square(pixels: Pixels) -> bool:
    middle, corner = pixels[len(pixels) // 2, pixels.shape[1] // 2], pixels[0, 0]
    return bool(middle.tolist() == [192, 16, 16] and corner.tolist() == [255, 255, 255])


def refused(data: bytes) -> str:
    with pytest.raises(PictureError) as caught:
        decode(data)
    return caught.value.kind


def test_the_element_may_have_any_prefix() -> None:
    drawn = '<ns0:rect x="2" y="2" width="6" height="6" fill="#c01010"/>'
    data = f'<ns0:svg xmlns:ns0="http://www.w3.org/2000/svg" viewBox="0 0 10 10">{drawn}</ns0:svg>'.encode()
    assert is_the_square(decode(data)) and is_the_square(decode(b'<?xml version="1.0"?>' + data))


def test_a_plain_drawing() -> None:
    pixels = decode(svg())
    assert pixels.shape == (SVG_SIDE, SVG_SIDE, 3)
    assert is_the_square(pixels)


@pytest.mark.parametrize(
    "data",
    [
        svg().decode().encode("utf-16"),
        ('<?xml version="1.0" encoding="UTF-16"?>' + svg().decode()).encode("utf-16"),
        b"\xef\xbb\xbf" + svg(),
        gzip.compress(svg()),
        b"\n\n<!-- made by hand -->" + svg(),
        svg(before='<!DOCTYPE svg [<!ENTITY ns "http://www.w3.org/2000/svg">]>').replace(
            b"http://www.w3.org/2000/svg\" xmlns:xlink", b"&ns;\" xmlns:xlink"
        ),
        b'<svg viewBox="0 0 10 10">' + SQUARE.encode() + b"</svg>",
        svg("<script>while (true) {}</script>" + SQUARE),
        svg(f'<g onload="alert(1)">{SQUARE}</g>'),
    ],
)  # fmt: skip
def test_ways_to_write_the_same_drawing(data: bytes) -> None:
    assert is_the_square(decode(data))


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ('viewBox="0 0 10 10" width="1e9" height="1e9"', (SVG_SIDE, SVG_SIDE)),
        ('viewBox="0 0 10 10" width="100mm" height="50mm"', (SVG_SIDE // 2, SVG_SIDE)),
        ('viewBox="0 0 10 40"', (SVG_SIDE, SVG_SIDE // 4)),
        ("", (SVG_SIDE, SVG_SIDE)),
    ],
)
def test_sizes(size: str, shape: tuple[int, int]) -> None:
    assert decode(svg(size=size)).shape[:2] == shape


def test_endless_strips_are_too_small_and_cost_nothing() -> None:
    assert refused(svg(size='viewBox="0 0 1 100000"')) == "too-small"
    assert refused(svg('<rect width="1" height="9e5"/>', size="")) == "too-small"


@pytest.mark.parametrize(
    "data",
    [
        svg(size='width="0" height="0"'),
        b"<svg",
        b"<?xml version='1.0'?><html><!-- <svg --></html>",
        svg("<g>" * 300 + "</g>" * 300),
        svg("<g>" * 100_000),
        svg("&undefined;"),
        b'<?xml version="1.0" encoding="no-such"?>' + svg(),
        gzip.compress(svg())[:-12],
        b"<svg \xff\xfe\xfa>",
    ],
)  # fmt: skip
def test_damaged_or_absurd(data: bytes) -> None:
    assert refused(data) in {"svg", "not-a-picture"}


def test_an_empty_drawing_is_a_white_picture() -> None:
    assert decode(svg("")).min() == 255


def test_entity_bombs_and_files_as_entities(tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    bomb = svg("<text>&l9;</text>", before=f'<!DOCTYPE svg [<!ENTITY l0 "{"lol" * 100}">{levels}]>')
    assert refused(bomb) == "svg"
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    assert (
        refused(svg("<text>&x;</text>", before=f'<!DOCTYPE svg [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'))
        == "svg"
    )


def test_a_gzip_bomb() -> None:
    assert refused(gzip.compress(b"<svg " + b" " * (64 << 20))) == "too-large"


@pytest.mark.parametrize("tag", ["image", "feImage"])
def test_other_files_are_never_opened(tmp_path: Path, tag: str) -> None:
    secret = tmp_path / "secret.png"
    Image.new("RGB", (9, 9), "black").save(secret)
    for href in (
        f'xlink:href="{secret}"',
        f'href="{secret.as_uri()}"',
        f'href=" {secret}"',
        'href="http://127.0.0.1:9/a.png"',
    ):
        picture = f'<{tag} {href} width="10" height="10"/>'
        filtered = f'<filter id="f">{picture}</filter><rect width="10" height="10" filter="url(#f)"/>'
        body = picture if tag == "image" else filtered
        assert decode(svg(body)).min() == 255
    entity = f'<!DOCTYPE svg [<!ENTITY i \'<image width="10" height="10" href="{secret}"/>\'>]>'
    assert decode(svg("&i;", before=entity)).min() == 255
    inner = base64.b64encode(svg(f'<image href="{secret}" width="10" height="10"/>')).decode()
    nested = svg(f'<image href="data:image/svg+xml;base64,{inner}" width="10" height="10"/>')
    assert decode(nested).min() == 255


def test_embedded_pictures_are_drawn() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9), (0, 0, 200)).save(buffer, "PNG")
    code = base64.b64encode(buffer.getvalue()).decode()
    body = f'<image xlink:href="data:image/png;base64,{code}" width="10" height="10"/>'
    assert decode(svg(body))[100, 100].tolist() == [0, 0, 200]


def test_filters_and_patterns_are_drawn() -> None:
    flood = '<filter id="f"><feFlood flood-color="#0000c8"/></filter>'
    blue = decode(svg(flood + '<rect width="10" height="10" filter="url(#f)"/>')).reshape(-1, 3)
    assert blue[len(blue) // 2].tolist() == [0, 0, 200]
    tile = '<pattern id="p" width="2" height="2" patternUnits="userSpaceOnUse">'
    tile += '<rect width="1" height="2"/></pattern>'
    striped = decode(svg(tile + '<rect width="10" height="10" fill="url(#p)"/>'))
    assert 0.4 < (striped < 128).mean() < 0.6


@pytest.mark.parametrize(
    "body",
    [
        # the renderer asks for 100 TB and aborts its process
        '<pattern id="p" width="1e6" height="1e6" patternUnits="userSpaceOnUse">'
        '<rect width="1e6" height="1e6"/></pattern><rect width="9" height="9" fill="url(#p)"/>',
        # its stack overflows
        "<g opacity='.9'>" * 240 + SQUARE + "</g>" * 240,
    ],
)  # fmt: skip
def test_a_crash_of_the_renderer_stays_in_its_own_process(body: str) -> None:
    try:
        assert decode(svg(body)).shape[2] == 3
    except PictureError as error:
        assert error.kind == "svg"


@pytest.mark.slow
def test_a_drawing_that_would_take_for_ever() -> None:
    rect = '<rect width="5" height="5" filter="url(#f)"/>'
    body = '<filter id="f"><feMorphology operator="dilate" radius="400"/></filter>' + rect * 20
    assert refused(svg(body)) == "slow"


def test_a_renderer_ends_with_its_process() -> None:
    """A decoder that takes too long is killed: what it had started must not go on."""
    turbulence = '<feTurbulence baseFrequency="0.5" numOctaves="2000"/>' * 60
    heavy = svg(f'<filter id="f">{turbulence}</filter><rect width="10" height="10" filter="url(#f)"/>')
    script = "import sys\nfrom marklens.core.svg import render_svg\nrender_svg(sys.stdin.buffer.read(), 384)"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as decoder:
        assert decoder.stdin is not None
        decoder.stdin.write(heavy)
        decoder.stdin.close()
        while not (children := psutil.Process(decoder.pid).children()):
            time.sleep(0.02)
        decoder.kill()
    for _ in range(400):
        if not works(children[0]):
            return
        time.sleep(0.02)
    children[0].kill()
    pytest.fail("the renderer outlives its process")


def works(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_ten_uses_to_the_power_of_six() -> None:
    levels = "".join(f'<g id="g{i}">' + f'<use xlink:href="#g{i - 1}"/>' * 10 + "</g>" for i in range(1, 7))
    assert (
        refused(svg(f'<defs><rect id="g0" width="1" height="1"/>{levels}</defs><use xlink:href="#g6"/>'))
        == "svg"
    )


def test_white_drawings_stand_on_black() -> None:
    pixels = decode(svg('<circle cx="5" cy="5" r="4" fill="#fff"/>'))
    assert (pixels[0, 0].tolist(), pixels[200, 200].tolist()) == ([0, 0, 0], [255, 255, 255])
    assert np.ptp(pixels.reshape(-1, 3), axis=1).max() == 0


def drawn_in(monkeypatch: pytest.MonkeyPatch, data: bytes) -> str:
    """Whether a drawing goes to a process of its own."""
    asked: list[str] = []
    sandbox = core_svg._draw_in_sandbox
    monkeypatch.setattr(core_svg, "_draw_in_sandbox", lambda *all: asked.append("") or sandbox(*all))
    decode(data)
    return "sandbox" if asked else "here"


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (SQUARE, "here"),
        ('<path d="M0 5H9" stroke="red" stroke-dasharray="1"/>', "sandbox"),
        ('<path d="M0 5H9" style="stroke:red;stroke-dasharray: 2,3"/>', "sandbox"),
        ('<path d="M0 5H9" style="stroke:red;stroke-dasharray: none"/>', "here"),
        ('<g opacity=".5">' + SQUARE + "</g>", "here"),
        ('<g opacity=".5"><rect width="9" height="9" fill="red"/></g>' * 21, "sandbox"),
        ('<g style="opacity: 1;fill-opacity:0.5"><rect width="9" height="9"/></g>' * 30, "here"),
    ],
)
def test_few_words_that_ask_for_much_work_are_kept_away(
    monkeypatch: pytest.MonkeyPatch, body: str, place: str
) -> None:
    assert drawn_in(monkeypatch, svg(body)) == place


def test_a_tree_of_too_many_elements_is_no_logo() -> None:
    with pytest.raises(PictureError, match="200,000 elements"):
        decode(svg("<g/>" * 200_001))


def test_the_prefix_of_old_pages_needs_no_declaration() -> None:
    body = '<defs><path id="p" d="M2 2H8V8H2z"/></defs><use xlink:href="#p"/>'
    bare = svg(body).replace(b' xmlns:xlink="http://www.w3.org/1999/xlink"', b"")
    assert decode(bare).min() == decode(svg(body)).min() == 0


def test_a_very_long_drawing_is_drawn_larger() -> None:
    picture = decode(svg('<path d="M9 3H590V7H9z"/>', 'viewBox="0 0 600 10"'))
    assert picture.shape[1] == WORKING_SIDE and picture.min() < 100
