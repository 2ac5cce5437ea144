"""Render icons to PNG files: black on white, or on black where the drawing itself is white."""

import io
import multiprocessing
import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

from PIL import Image

from marklens.core.errors import MarklensError, first_line
from marklens.core.processes import serve_parent
from marklens.core.transparency import WHITE_MARK_LUMA
from marklens.core.types import Fault

Box = tuple[float, float, float, float]

_BATCH = 128
"""Icons handed to a worker at a time: about a second of work."""
_COLOR = re.compile(r"(?<!\()#[0-9a-fA-F]{3,8}\b")


@dataclass(frozen=True, slots=True)
class RenderTask:
    """One picture to make.

    Attributes:
        target: the PNG file to write.
        body: the inside of an SVG element.
        box: left, top, width, height of the drawing.
        size: pixels of the longer side.
    """

    target: Path
    body: str
    box: Box
    size: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """What became of a batch: how many pictures were made or already there, and what went wrong."""

    made: int
    kept: int
    faults: tuple[Fault, ...]

    @property
    def done(self) -> int:
        """Icons of the batch."""
        return self.made + self.kept + len(self.faults)


def render_all(tasks: Iterable[RenderTask], workers: int) -> Iterator[Rendered]:
    """Render every task whose file is not there yet; yields after each batch, in order of completion.

    Args:
        tasks: consumed as the work goes on, so a generator keeps memory small.
        workers: processes; 0 renders in this one.

    Raises:
        MarklensError: a worker process died.
    """
    batches = _batches(tasks)
    if workers == 0:
        yield from map(render_batch, batches)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=serve_parent)
    waiting: set[Future[Rendered]] = set()
    try:
        for batch in batches:
            waiting.add(pool.submit(render_batch, batch))
            if len(waiting) > 2 * workers:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in finished)
        while waiting:
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in finished)
    except BrokenProcessPool as error:
        raise MarklensError(
            "a rendering process died, perhaps for want of memory: run again to go on"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def render_batch(tasks: list[RenderTask]) -> Rendered:
    """Render the tasks of a batch one after another in this process."""
    made, kept, faults = 0, 0, []
    for task in tasks:
        if _is_there(task.target):
            kept += 1
            continue
        try:
            png = render_icon(task.body, task.box, task.size)
        except ValueError as error:
            faults.append(Fault(task.target.name, "svg", str(error)))
            continue
        _write(task.target, png)
        made += 1
    return Rendered(made, kept, tuple(faults))


def render_icon(body: str, box: Box, size: int) -> bytes:
    """Render one drawing to PNG bytes, `size` pixels on its longer side; ``currentColor`` is black.

    The ground is white, or black when nothing in the drawing is darker than `WHITE_MARK_LUMA`.

    Raises:
        ValueError: the SVG is broken, has no area, or shows nothing.
    """
    if box[2] <= 0 or box[3] <= 0:
        raise ValueError(f"the drawing is {box[2]:g}×{box[3]:g} units")
    ground = "#ffffff"
    png = _render(body, box, size, ground)
    if _may_be_white(body) and _darkest(png) >= WHITE_MARK_LUMA:
        ground = "#000000"
        png = _render(body, box, size, ground)
    if png == _blank(box, size, ground):
        raise ValueError("the drawing shows nothing")
    return png


@lru_cache(maxsize=64)
def _blank(box: Box, size: int, ground: str) -> bytes:
    """The PNG of an empty drawing: equal bytes mean that nothing was drawn."""
    return _render("", box, size, ground)


def _render(body: str, box: Box, size: int, ground: str) -> bytes:
    import resvg_py

    left, top, width, height = box
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" color="#000000" '
        f'width="{width:g}" height="{height:g}" viewBox="{left:g} {top:g} {width:g} {height:g}">{body}</svg>'
    )
    wide, high = (size, None) if width >= height else (None, size)
    try:
        return bytes(
            resvg_py.svg_to_bytes(
                svg_string=svg, background=ground, skip_system_fonts=True, width=wide, height=high
            )
        )
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # the renderer's panics derive from BaseException
        raise ValueError(first_line(error)) from error


def _may_be_white(body: str) -> bool:
    """True when every colour named is light: a cheap look that spares decoding nearly all pictures."""
    if "currentColor" in body:
        return False
    return all(min(_channels(color)) >= 0xA0 for color in _COLOR.findall(body))


def _channels(color: str) -> tuple[int, int, int]:
    digits = color[1:]
    if len(digits) < 6:
        digits = "".join(digit * 2 for digit in digits)
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def _darkest(png: bytes) -> int:
    with Image.open(io.BytesIO(png)) as image:
        darkest, _ = image.convert("L").getextrema()
    return int(darkest)  # type: ignore[arg-type]


def _is_there(path: Path) -> bool:
    with suppress(OSError):
        return path.stat().st_size > 0
    return False


def _write(target: Path, png: bytes) -> None:
    """Write under a temporary name and rename; not flushed, for a lost picture is simply rendered again."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    temporary.write_bytes(png)
    temporary.replace(target)


def _batches(tasks: Iterable[RenderTask]) -> Iterator[list[RenderTask]]:
    iterator = iter(tasks)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
