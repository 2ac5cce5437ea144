"""Decode a picture once, safely: whatever the bytes are, the answer is RGB pixels or a `PictureError`."""

import io
import threading
import warnings
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from marklens.core.errors import PictureError
from marklens.core.svg import looks_like_svg, render_svg
from marklens.core.transparency import flatten
from marklens.core.types import Crop, Pixels

RASTER_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".webp", ".gif", ".tif", ".tiff", ".bmp"})
PICTURE_ENDINGS = RASTER_ENDINGS | {".svg", ".svgz"}
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")
"""What Pillow may open; it knows dozens of others, some of which start programs (EPS)."""

MAX_BYTES = 64 << 20
"""A larger file is no logo; reading it would only cost memory."""
MAX_PIXELS = 50_000_000
"""An A4 page scanned at 600 dpi has 35 million; decoding stays under 600 MB, cropping under 800."""
MIN_SIDE = 8
"""Pixels; anything thinner holds no figure."""
WORKING_SIDE = 512
"""Pixels of the longer side after decoding: twice what the network sees, enough for text detection."""
SVG_SIDE = 384
"""Pixels of the longer side of a rendered SVG: still above what the network sees, at half the time of 512."""
SVG_CROPPED_SIDE = 4096
"""Pixels at most for one of which only a part is wanted: a twentieth still has two hundred."""
DEEP_WHITES = (255.0, 1023.0, 4095.0, 16_383.0, 65_535.0)
"""What is white in deep greyscale of 8, 10, 12, 14 and 16 bits."""
EXIF_ORIENTATION = 0x0112


def read_picture(path: Path, crop: Crop | None = None) -> Pixels:
    """Read and decode one picture file, or a rectangle of it.

    Returns:
        uint8 (height, width, 3), RGB, the longer side at most `WORKING_SIDE`.

    Raises:
        PictureError: the file cannot be read or decoded, with the reason.
    """
    return decode(read_file(path), crop)


def read_file(path: Path) -> bytes:
    """The bytes of a picture file.

    Raises:
        PictureError: it cannot be read, or is too large.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise PictureError(
                "too-large", f"{path.stat().st_size >> 20} MB on disk, at most {MAX_BYTES >> 20}"
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise PictureError("missing-file", "no such file") from None
    except OSError as error:
        raise PictureError("unreadable", error.strerror or str(error)) from error


def decode(data: bytes, crop: Crop | None = None) -> Pixels:
    """Decode the bytes of one picture, by what they are and not by what they are called.

    The first frame of an animation is taken, EXIF orientation applied, CMYK and 16-bit brought to 8-bit RGB,
    transparency laid onto white, or onto black where the mark, or what borders on it, is white.

    Args:
        data: the file.
        crop: what alone is wanted; it is cut out before the picture is made smaller.

    Returns:
        uint8 (height, width, 3), RGB, the longer side at most `WORKING_SIDE`.

    Raises:
        PictureError: not a picture, damaged, too large or too small; or the crop lies outside.
    """
    if not data:
        raise PictureError("empty", "the file has 0 bytes")
    if len(data) > MAX_BYTES:
        raise PictureError("too-large", f"{len(data) >> 20} MB, at most {MAX_BYTES >> 20}")
    picture = _decode_svg(data, crop) if looks_like_svg(data) else _decode_raster(data, crop)
    height, width = picture.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise PictureError("too-small", f"{width}×{height} pixels, a mark needs {MIN_SIDE} a side")
    # flattened first: hidden colours of transparent pixels must not bleed into the edges
    return np.ascontiguousarray(shrink(flatten(picture), WORKING_SIDE))


def shrink(picture: Pixels, side: int) -> Pixels:
    """Make the longer side at most `side` pixels, keeping the aspect; smaller pictures stay as they are."""
    height, width = picture.shape[:2]
    if max(height, width) <= side:
        return picture
    size = _size_within((height, width), side)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _size_within(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """Width and height of a picture of that shape with the longer side at most `side`."""
    scale = min(1.0, side / max(shape[:2]))
    return max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))


def _decode_svg(data: bytes, crop: Crop | None) -> Pixels:
    if crop is not None and not crop.percent:
        raise PictureError("crop", "an SVG has no pixels: give the crop in percent, as in 10%,10%,50%,50%")
    pixels = _drawn_svg(data, SVG_SIDE)
    if crop is None:
        long = min(pixels.shape[:2]) < MIN_SIDE
        return _drawn_svg(data, SVG_CROPPED_SIDE) if long else pixels
    wide, high = pixels.shape[1] / SVG_SIDE, pixels.shape[0] / SVG_SIDE
    left, top, right, bottom = _shares(crop, pixels.shape[1], pixels.shape[0])
    part = max((right - left) * wide, (bottom - top) * high, SVG_SIDE / SVG_CROPPED_SIDE)
    fine = _drawn_svg(data, round(SVG_SIDE / part))
    left, top, right, bottom = _crop_box(crop, fine.shape[1], fine.shape[0], None)
    return fine[top:bottom, left:right]


def _drawn_svg(data: bytes, side: int) -> Pixels:
    decoded = cv2.imdecode(np.frombuffer(render_svg(data, side), np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.ndim != 3 or decoded.shape[2] != 4:
        raise PictureError("svg", "cannot be rendered")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGRA2RGBA), np.uint8)


class _QuietPillow:
    """Silences Pillow's warnings of odd metadata; counted, as `catch_warnings` is not safe in threads."""

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._caught.__exit__(None, None, None)


_quiet_pillow = _QuietPillow()


def _decode_raster(data: bytes, crop: Crop | None) -> Pixels:
    try:
        with _quiet_pillow, Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return _to_array(image, crop)
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError("too-large", str(error)) from error
    except UnidentifiedImageError:
        raise PictureError("not-a-picture", "no known picture format") from None
    except MemoryError as error:
        raise PictureError("machine", "out of memory while decoding") from error
    except Exception as error:  # decoders of damaged files raise anything
        kind = "truncated" if "truncated" in str(error) else "damaged"
        raise PictureError(kind, str(error) or type(error).__name__) from error


def _to_array(image: Image.Image, crop: Crop | None) -> Pixels:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PictureError("too-large", f"{width}×{height} pixels, at most {MAX_PIXELS // 1_000_000} million")
    if crop is None:  # large JPEGs decode at a fraction of their size
        image.draft("RGB", (WORKING_SIDE * 2, WORKING_SIDE * 2))
    image.load()
    turn = _turn(image)  # only now: TIFF turns itself while loading
    deep = image.mode.startswith(("I", "F"))
    span = _deep_span(image) if deep else (0.0, 0.0)
    if crop is not None:
        image = image.crop(_crop_box(crop, *image.size, turn))
    pixels = _stretch_deep(image, span) if deep else np.asarray(_reduced(image), np.uint8)
    return pixels if turn is None else _turned(pixels, turn)


def _crop_box(crop: Crop, width: int, height: int, turn: int | None) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a crop in the pixels as stored, before they are turned."""
    across, down = (height, width) if turn is not None and turn >= 5 else (width, height)
    left, top, right, bottom = _shares(crop, across, down)
    if turn in {2, 3, 6, 7}:  # the steps of `_turned`, backwards
        left, right = 1 - right, 1 - left
    if turn in {3, 4, 7, 8}:
        top, bottom = 1 - bottom, 1 - top
    if turn is not None and turn >= 5:
        left, top, right, bottom = top, left, bottom, right
    box = round(left * width), round(top * height), round(right * width), round(bottom * height)
    if min(box[2] - box[0], box[3] - box[1]) < MIN_SIDE:
        raise PictureError("crop", f"it is smaller than {MIN_SIDE} pixels a side")
    return box


def _shares(crop: Crop, width: int, height: int) -> tuple[float, float, float, float]:
    try:
        return crop.shares(width, height)
    except ValueError as error:
        raise PictureError("crop", str(error)) from None


def _reduced(image: Image.Image) -> Image.Image:
    """RGB or RGBA, large pictures already brought near the working side: each copy may take 200 MB."""
    transparent = image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info
    wanted = "RGBA" if transparent else "RGB"
    factor = min(max(image.size) // (2 * WORKING_SIDE), min(image.size) // MIN_SIDE)
    whole = image if image.mode == wanted else image.convert(wanted)
    return whole.reduce(factor) if factor > 1 else whole


def _turn(image: Image.Image) -> int | None:
    """EXIF orientation 2..8, None where there is nothing to turn or the metadata is damaged."""
    try:
        orientation = image.getexif().get(EXIF_ORIENTATION, 1)
    except Exception:  # damaged metadata raises anything; the pixels may be whole
        return None
    return orientation if orientation in range(2, 9) else None


def _turned(pixels: Pixels, orientation: int) -> Pixels:
    """Undo an EXIF orientation (Exif 2.32, section 4.6.4): 5..8 are transposed, then mirrored."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _deep_span(image: Image.Image) -> tuple[float, float]:
    """What becomes black in deep greyscale, and how far above it white is.

    By bit depth where it shows, else by range; of the whole picture, so that its parts look as they do in it.
    """
    values = _shrunk_deep(image)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high <= 1:
        return low, (high - low) or 1.0
    return 0.0, next((white for white in DEEP_WHITES if high <= white), high)


def _stretch_deep(image: Image.Image, span: tuple[float, float]) -> Pixels:
    """Bring 16-bit, 32-bit and float greyscale to 8-bit RGB."""
    bottom, height = span
    gray = np.clip(np.rint((_shrunk_deep(image) - bottom) * (255 / height)), 0, 255).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=2)


def _shrunk_deep(image: Image.Image) -> npt.NDArray[np.float32]:
    values = np.asarray(image, np.float32)
    if image.mode.startswith("F"):
        values = np.nan_to_num(values, nan=0, posinf=0, neginf=0)
    return np.asarray(
        cv2.resize(values, _size_within(values.shape, WORKING_SIDE), interpolation=cv2.INTER_AREA), np.float32
    )
