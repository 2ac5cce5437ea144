"""Whatever a program calls a picture, decoded."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from marklens.core.artifacts import sha256
from marklens.core.errors import MarklensError, PictureError, UsageError
from marklens.core.images import decode, read_picture
from marklens.core.types import Crop, Pixels

if TYPE_CHECKING:
    from PIL.Image import Image

    OnePicture = str | Path | bytes | npt.NDArray[np.uint8] | Image
    """A file, its bytes, pixels 0..255 (height, width) or (height, width, 3 or 4), or one of Pillow."""

UNNAMED = "picture"
"""What is not a file is called so."""
_KEPT_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})
"""Modes of Pillow that PNG can hold as they are."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A picture that is searched for.

    Attributes:
        name: of its file, without folders.
        pixels: uint8 (height, width, 3), RGB, the part that is wanted.
        sha256: of the bytes of the file, or of the pixels where there are no bytes; in hexadecimal.
        file: as it was given; None for what is no file.
    """

    name: str
    pixels: Pixels
    sha256: str
    file: str | None = None


def several(picture: "OnePicture | Sequence[OnePicture]") -> "tuple[OnePicture, ...]":
    """The pictures of a list or tuple, or the one that was given."""
    return tuple(picture) if isinstance(picture, list | tuple) else (cast("OnePicture", picture),)


def load(picture: "OnePicture", crop: Crop | None = None, before: str = "") -> Loaded:
    """Decode a picture as the index's pictures were decoded.

    Args:
        picture: see `OnePicture`.
        crop: what alone is wanted of it.
        before: what stands before the name of an option in a message.

    Raises:
        UsageError: the file is not there, this is no picture at all, or the crop lies outside.
        MarklensError: it cannot be decoded.
    """
    file = str(picture) if isinstance(picture, str | Path) else None
    name = UNNAMED if file is None else Path(file).name
    try:
        if file is not None:
            return Loaded(name, _of_file(Path(file), crop), sha256(Path(file)), file)
        data = _encoded(picture)
        pixels = decode(data, crop)
        same = data if isinstance(picture, bytes | bytearray | memoryview) else pixels.tobytes()
        return Loaded(name, pixels, hashlib.sha256(same).hexdigest())
    except PictureError as error:
        if error.kind == "crop":
            raise UsageError(f"{before}crop of {name}: {error.reason}") from error
        raise MarklensError(f"{file or name} cannot be searched for: {error}") from error


def _of_file(path: Path, crop: Crop | None) -> Pixels:
    if not path.is_file():
        raise UsageError(f"{path} is no file: give the picture to search for")
    return read_picture(path, crop)


def _encoded(picture: Any) -> bytes:
    """The bytes of a file of it: pixels go the way of files, so that nothing is decoded in two ways."""
    from PIL import Image, ImageOps

    if isinstance(picture, bytes | bytearray | memoryview):
        return bytes(picture)
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(_checked(picture))
    if not isinstance(picture, Image.Image):
        raise UsageError(
            f"a {type(picture).__name__} is no picture: give a file, its bytes, an array or one of Pillow"
        )
    upright = ImageOps.exif_transpose(picture)
    written = io.BytesIO()
    kept = upright if upright.mode in _KEPT_MODES else upright.convert("RGB")
    kept.save(written, "PNG", compress_level=1)
    return written.getvalue()


def _checked(pixels: npt.NDArray[Any]) -> Pixels:
    fits = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))
    if pixels.dtype != np.uint8 or not fits or not pixels.size:
        raise UsageError(
            f"an array of {pixels.dtype} {pixels.shape} is no picture: give uint8, (height, width) or "
            "(height, width, 3 or 4), RGB"
        )
    return np.ascontiguousarray(pixels)
