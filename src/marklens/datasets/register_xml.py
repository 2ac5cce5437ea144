"""Stream the records of a trade-mark register out of XML files and ZIP archives of them."""

import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import Element, ParseError, iterparse
from xml.parsers import expat

from marklens.core.ports import OnFault
from marklens.core.types import Fault

RECORDS = frozenset({"TradeMark", "Trademark"})
"""Elements that are a mark: in ST.66, and in ST.96."""
FOREIGN = ("Priority", "ExhibitionPriority", "Seniority", "Associated", "Opposition", "Transformation")
"""Beginnings of elements that speak of another application than the mark's own."""
_CHUNK = 4096

Opener = Callable[[], IO[bytes]]

DAMAGED = (ParseError, ValueError, LookupError, OSError, EOFError, zlib.error, zipfile.BadZipFile)
"""What reading a part raises that is cut off, is no XML, or names an encoding that nobody knows."""


def register_files(source: Path) -> list[Path]:
    """The XML files and ZIP archives that a source is or holds, sorted."""
    found = sorted(source.rglob("*")) if source.is_dir() else [source]
    return [path for path in found if path.suffix.lower() in {".xml", ".zip"} and path.is_file()]


def records(path: Path, on_fault: OnFault) -> Iterator[tuple[str, Element]]:
    """Every record of a file or archive, with the name of the file it stands in.

    A record must be done with when the next is asked for: only one is held in memory. A damaged file gives
    what stands before the damage; the other files of its archive are not touched. Kind of fault:
    ``damaged-xml``.
    """
    with ExitStack() as stack:
        try:
            parts = _parts(path, stack)
        except (OSError, zipfile.BadZipFile) as error:
            on_fault(Fault(path.name, "damaged-xml", f"{error}: nothing of it can be read"))
            return
        for name, opened in parts:
            try:
                with opened() as handle:
                    yield from ((name, record) for record in parsed(handle))
            except DAMAGED as error:
                on_fault(Fault(name, "damaged-xml", f"{error}: what comes after is lost"))
            except RuntimeError as error:  # an encrypted or unknown member of an archive
                on_fault(Fault(name, "damaged-xml", str(error)))


def parsed(handle: IO[bytes]) -> Iterator[Element]:
    """The records of one XML file, each forgotten when the next is asked for.

    Raises:
        ParseError: the XML is damaged.
        ValueError: it declares entities, or its encoding is unknown.
    """
    _refuse_entities(handle)
    handle.seek(0)
    above: list[Element] = []
    for event, element in iterparse(handle, events=("start", "end")):
        if event == "start":
            above.append(element)
            continue
        above.pop()
        if local_name(element) in RECORDS:
            yield element
            if above:
                above[-1].clear()  # its parent is still open and would keep every record


def local_name(element: Element) -> str:
    """``TradeMark`` of ``{http://…/trademarks}TradeMark``."""
    return element.tag.rpartition("}")[2]


def own(record: Element) -> Iterator[Element]:
    """The elements of a record that speak of the mark itself, those nearest to the record first."""
    waiting = deque([record])
    while waiting:
        element = waiting.popleft()
        yield element
        waiting.extend(child for child in element if not local_name(child).startswith(FOREIGN))


def texts(record: Element, name: str) -> Iterator[str]:
    """What the record's own elements of this local name say, nearest first; empty ones are left out."""
    for element in own(record):
        if local_name(element) == name and (text := (element.text or "").strip()):
            yield text


def first_text(record: Element, names: Iterable[str]) -> str | None:
    """What the nearest own element of one of these names says; of equally near ones the first name counts."""
    wanted = {name: place for place, name in enumerate(names)}
    level = [record]
    while level:
        said = [
            (wanted[name], text)
            for element in level
            if (name := local_name(element)) in wanted and (text := (element.text or "").strip())
        ]
        if said:
            return min(said, key=lambda one: one[0])[1]
        level = [child for element in level for child in element]
        level = [child for child in level if not local_name(child).startswith(FOREIGN)]
    return None


def _parts(path: Path, stack: ExitStack) -> list[tuple[str, Opener]]:
    """Name and opener of every XML file that a path holds."""
    if path.suffix.lower() == ".xml":
        return [(path.name, lambda: path.open("rb"))]
    archive = stack.enter_context(zipfile.ZipFile(path))
    names = sorted(name for name in archive.namelist() if name.lower().endswith(".xml"))
    return [(f"{path.name}/{name}", lambda name=name: archive.open(name)) for name in names]  # type: ignore[misc]


class _PrologEnds(Exception):
    pass


def _refuse_entities(handle: IO[bytes]) -> None:
    """Read up to the first element, before which all entities must be declared; damage is the reader's."""

    def entity(*_: object) -> None:
        raise ValueError("it declares entities, which no register needs")

    def element(*_: object) -> None:
        raise _PrologEnds

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = entity
    parser.StartElementHandler = element
    try:
        while chunk := handle.read(_CHUNK):
            parser.Parse(chunk)
    except (_PrologEnds, expat.ExpatError):
        return
