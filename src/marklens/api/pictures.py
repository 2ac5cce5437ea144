"""Pictures for clients: always encoded anew, never the files themselves, which may hold scripts."""

from marklens.api.problems import ProblemError
from marklens.core.errors import PictureError
from marklens.core.images import read_picture, shrink
from marklens.core.types import Pixels
from marklens.engine import Engine
from marklens.pages.pictures import THUMBNAIL_SIDE, encoded


def mark_picture(engine: Engine, number: int) -> bytes:
    """The picture of a mark as PNG, as it was decoded.

    Raises:
        ProblemError: it is gone.
    """
    return encoded(_read(engine, number), "PNG")


def mark_thumbnail(engine: Engine, number: int) -> bytes:
    """The picture of a mark as a small WebP; raises as `mark_picture`."""
    return encoded(shrink(_read(engine, number), THUMBNAIL_SIDE), "WEBP")


def mark_view(engine: Engine, number: int, kind: str) -> bytes:
    """What the network saw of a mark, as WebP.

    Raises:
        ProblemError: it has no such view, or its picture is gone.
    """
    try:
        views = {view.kind.label: view.pixels for view in engine.mark_views(number)}
    except PictureError:
        raise gone() from None
    if kind not in views:
        raise ProblemError(404, "no-such-view", "the mark has no such view")
    return encoded(views[kind], "WEBP")


def _read(engine: Engine, number: int) -> Pixels:
    try:
        return read_picture(engine.catalog.marks([number])[number].path)
    except PictureError:
        raise gone() from None


def gone() -> ProblemError:
    """What a request for a mark is told whose picture is not there."""
    return ProblemError(404, "no-picture", "the picture of the mark is not there any more")
