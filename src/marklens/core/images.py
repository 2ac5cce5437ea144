"""Decode a picture once, safely: whatever the bytes are, the answer is RGB pixels or a `PictureError`."""

import io
import warnings
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from marklens.core.errors import PictureError
from marklens.core.types import Pixels

RASTER_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".webp", ".gif", ".tif", ".tiff", ".bmp"})
PICTURE_ENDINGS = RASTER_ENDINGS | {".svg"}

MAX_BYTES = 64 << 20
"""A larger file is no logo; reading it would only cost memory."""
MAX_PIXELS = 50_000_000
"""An A4 page scanned at 600 dpi has 35 million; decoding stays under 200 MB."""
MIN_SIDE = 8
"""Pixels; anything thinner holds no figure."""
WORKING_SIDE = 512
"""Pixels of the longer side after decoding: twice what the network sees, enough for text detection."""
WHITE_MARK_LUMA = 200
"""Opaque pixels at least this bright (0..255) count as white when the ground is chosen."""


def read_picture(path: Path) -> Pixels:
    """Read and decode one picture file.

    Returns:
        uint8 (height, width, 3), RGB, the longer side at most `WORKING_SIDE`.

    Raises:
        PictureError: the file cannot be read or decoded, with the reason.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PictureError(
                "too-large", f"{path.stat().st_size >> 20} MB on disk, at most {MAX_BYTES >> 20}"
            )
        return decode(path.read_bytes())
    except FileNotFoundError:
        raise PictureError("missing-file", "no such file") from None
    except OSError as error:
        raise PictureError("unreadable", error.strerror or str(error)) from error


def decode(data: bytes) -> Pixels:
    """Decode the bytes of one picture, by what they are and not by what they are called.

    The first frame of an animation is taken, EXIF orientation applied, CMYK and 16-bit brought to 8-bit RGB,
    transparency laid onto white, or onto black where the mark itself is white.

    Returns:
        uint8 (height, width, 3), RGB, the longer side at most `WORKING_SIDE`.

    Raises:
        PictureError: not a picture, damaged, too large or too small.
    """
    if not data:
        raise PictureError("empty", "the file has 0 bytes")
    rgba = _render_svg(data) if _looks_like_svg(data) else _decode_raster(data)
    height, width = rgba.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise PictureError("too-small", f"{width}×{height} pixels, a mark needs {MIN_SIDE} a side")
    return flatten(shrink(rgba, WORKING_SIDE))


def shrink(picture: Pixels, side: int) -> Pixels:
    """Make the longer side at most `side` pixels, keeping the aspect; smaller pictures stay as they are."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def flatten(picture: Pixels) -> Pixels:
    """Lay a picture with transparency (h, w, 4) onto white, or onto black when the mark itself is white."""
    if picture.shape[2] == 3:
        return picture
    rgb, alpha = picture[..., :3].astype(np.float32), picture[..., 3:].astype(np.float32) / 255
    opaque = alpha[..., 0] > 0.5
    luma = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    white_mark = bool(opaque.any()) and not opaque.all() and bool(luma[opaque].min() >= WHITE_MARK_LUMA)
    ground = 0.0 if white_mark else 255.0
    return np.asarray(np.rint(rgb * alpha + ground * (1 - alpha)), np.uint8)


def _looks_like_svg(data: bytes) -> bool:
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<svg", b"<?xml", b"<!doctype svg", b"<!--")) and b"<svg" in data[:65536].lower()


def _render_svg(data: bytes) -> Pixels:
    import resvg_py

    try:
        png = resvg_py.svg_to_bytes(svg_string=data.decode("utf-8", "replace"), width=WORKING_SIDE)
    except Exception as error:  # the renderer raises ValueError, and its panics derive from BaseException
        raise PictureError(
            "svg", str(error).splitlines()[0] if str(error) else "cannot be rendered"
        ) from error
    return _decode_raster(bytes(png))


def _decode_raster(data: bytes) -> Pixels:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata; the pixels decide
            with Image.open(io.BytesIO(data)) as image:
                return _to_array(image)
    except Image.DecompressionBombError as error:
        raise PictureError("too-large", str(error)) from error
    except UnidentifiedImageError:
        raise PictureError("not-a-picture", "no known picture format") from None
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        IndexError,
        KeyError,
        TypeError,
        OverflowError,
    ) as error:
        kind = "truncated" if "truncated" in str(error) else "damaged"
        raise PictureError(kind, str(error) or type(error).__name__) from error
    except MemoryError as error:
        raise PictureError("too-large", "out of memory while decoding") from error


def _to_array(image: Image.Image) -> Pixels:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PictureError("too-large", f"{width}×{height} pixels, at most {MAX_PIXELS // 1_000_000} million")
    image.draft("RGB", (WORKING_SIDE * 2, WORKING_SIDE * 2))  # large JPEGs decode at a fraction of their size
    turned = ImageOps.exif_transpose(image)
    if turned.mode.startswith(("I", "F")):
        return _stretch_deep(np.asarray(turned, np.float64))
    transparent = turned.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in turned.info
    return np.asarray(turned.convert("RGBA" if transparent else "RGB"), np.uint8)


def _stretch_deep(values: npt.NDArray[np.float64]) -> Pixels:
    """Bring 16-bit, 32-bit and float greyscale to 8-bit RGB: by bit depth where it shows, else by range."""
    values = np.nan_to_num(values)
    top = 255.0 if values.max() <= 255 else 65535.0 if values.max() <= 65535 else float(values.max())
    if values.min() < 0 or values.max() <= 1:
        values, top = values - values.min(), float(np.ptp(values)) or 1.0
    gray = np.clip(np.rint(values / top * 255), 0, 255).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=2)
