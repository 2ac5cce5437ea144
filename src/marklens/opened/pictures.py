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
_KEPT_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
"""Modes of Pillow that PNG can hold as they are."""
_SPREAD_MODES = {"La": "LA", "RGBa": "RGBA", "PA": "RGBA"}
"""Modes that it cannot hold, and those that keep their transparency."""


@dataclass(frozen=True, slots=True, eq=False)
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

    @property
    def digest(self) -> str:
        """SHA-256 of the size and the pixels: the same for any file that they could be in."""
        height, width = self.pixels.shape[:2]
        return hashlib.sha256(f"{height} {width} ".encode() + self.pixels.tobytes()).hexdigest()


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
    written = io.BytesIO()
    try:
        upright = ImageOps.exif_transpose(picture)
        if upright.mode[0] in "IF":  # deep greyscale, which turning into RGB would cut off at 255
            upright.convert(upright.mode[0]).save(written, "TIFF", compression="raw")
        else:
            kept = upright.convert(_SPREAD_MODES.get(upright.mode, upright.mode))
            kept = kept if kept.mode in _KEPT_MODES else kept.convert("RGB")
            kept.save(written, "PNG", compress_level=1)
    except Exception as error:  # it may be read only now, and decoders of damaged files raise anything
        raise PictureError("damaged", str(error) or type(error).__name__) from error
    return written.getvalue()


def _checked(pixels: npt.NDArray[Any]) -> Pixels:
    fits = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))
    if pixels.dtype != np.uint8 or not fits or not pixels.size:
        raise UsageError(
            f"an array of {pixels.dtype} {pixels.shape} is no picture: give uint8, (height, width) or "
            "(height, width, 3 or 4), RGB"
        )
    return np.ascontiguousarray(pixels)
