"""Trade-mark registers as offices publish them: XML after WIPO ST.66 or ST.96 becomes marks.

Elements are known by their local names, whatever the namespace, prefix or version: `TradeMark` (ST.66, as in
EUIPO's open data) or `Trademark` (ST.96) is a mark, and what it lacks is left out. Both shapes are tested on
made files; no office's own files were at hand.
"""

import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast
from xml.etree.ElementTree import Element, ParseError, iterparse

from marklens.core.errors import DatasetError
from marklens.core.images import PICTURE_ENDINGS
from marklens.core.types import Fault, Mark
from marklens.datasets.entries import parse_fields

RECORDS = frozenset({"TradeMark", "Trademark"})
ID = (
    "ApplicationNumberText",
    "ApplicationNumber",
    "RegistrationNumberText",
    "RegistrationNumber",
    "ST13ApplicationNumber",
)
TEXT = ("MarkVerbalElementText", "MarkSignificantVerbalElementText", "MarkStandardCharacterIndicatorText")
PICTURE = ("MarkImageFilename", "ImageFileName", "FileName", "MarkImageURI", "ImageURI", "URI")
DATE = ("ApplicationDate", "ApplicationDateTime", "FilingDate")
OWNER = (
    "OrganizationStandardName",
    "OrganizationName",
    "EntityName",
    "PersonFullName",
    "FullName",
    "LastName",
)
OWNERS = ("Applicant", "Holder")
STATUS = ("MarkCurrentStatusCode",)
OFFICE = ("RegistrationOfficeCode", "ReceivingOfficeCode", "OperatingOfficeCode")
VIENNA_PARTS = ("ViennaCategory", "ViennaDivision", "ViennaSection")
UNSAFE = b"<!ENTITY"

OnFault = Callable[[Fault], None]


class RegisterDataset:
    """The marks of a register.

    Args:
        source: an XML file, a ZIP of them, or a folder of either.
        images: folder with the pictures, found by their file name whatever its case, or by the mark's number.

    Raises:
        DatasetError: `source` holds no XML, or `images` is no folder.
    """

    def __init__(self, source: Path, images: Path) -> None:
        if not images.is_dir():
            raise DatasetError(f"{images} is no folder: give the one with the register's pictures")
        self.root = images
        self._files = _files(source)
        if not self._files:
            raise DatasetError(
                f"{source} holds no .xml and no .zip: give a register after WIPO ST.66 or ST.96"
            )
        self._pictures = _pictures(images)

    def count(self) -> int:
        """Pictures in the folder: a register says not how many marks it holds."""
        return len(self._pictures)

    def marks(self, on_fault: OnFault) -> Iterator[Mark]:
        """Yield every mark that has a picture.

        Kinds of faults: ``damaged-xml``, ``no-number``, ``repeated-id``, ``no-picture``, ``missing-file``,
        ``bad-vienna-code``, ``bad-year``.
        """
        seen: set[str] = set()
        for path in self._files:
            for name, record in _records(path, on_fault):
                mark = self._mark(name, record, seen, on_fault)
                if mark is not None:
                    seen.add(mark.id)
                    yield mark

    def _mark(self, name: str, record: Element, seen: set[str], on_fault: OnFault) -> Mark | None:
        number = _first(record, ID)
        if number is None:
            on_fault(Fault(name, "no-number", "a mark has no application or registration number"))
            return None
        if number in seen:
            on_fault(Fault(number, "repeated-id", "an earlier mark has this number; the first one counts"))
            return None
        file = self._picture(number, _first(record, PICTURE))
        if file is None:
            named = _first(record, PICTURE)
            kind, reason = (
                ("missing-file", f"{named!r} does not exist") if named else ("no-picture", "a word mark")
            )
            on_fault(Fault(number, kind, reason))
            return None
        entry = {
            "text": _first(record, TEXT),
            "vienna_codes": _vienna(record),
            "year": (_first(record, DATE) or "")[:4] or None,
            "office": _first(record, OFFICE),
            "status": _first(record, STATUS),
            "nice_classes": sorted(
                {text.lstrip("0") for text in _all(record, ("ClassNumber",))}, key=_natural
            ),
            "owner": _owner(record),
        }
        fields = parse_fields(entry, lambda kind, reason: on_fault(Fault(number, kind, reason)))
        path = self.root / file
        return Mark(number, file, path, fields.text, fields.vienna_codes, fields.year, fields.attributes)

    def _picture(self, number: str, named: str | None) -> str | None:
        """The picture's name on the disk, by the register's name for it, else by the mark's number."""
        names = [named.replace("\\", "/").rpartition("/")[2]] if named else []
        for name in (*names, *(f"{number}{ending}" for ending in sorted(PICTURE_ENDINGS))):
            if name.casefold() in self._pictures:
                return self._pictures[name.casefold()]
        return None


def _files(source: Path) -> list[Path]:
    found = sorted(source.rglob("*")) if source.is_dir() else [source]
    return [path for path in found if path.suffix.lower() in {".xml", ".zip"} and path.is_file()]


def _pictures(folder: Path) -> dict[str, str]:
    """Folded file name to path below the folder."""
    found: dict[str, str] = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            if Path(name).suffix.lower() in PICTURE_ENDINGS:
                found[name.casefold()] = (Path(parent) / name).relative_to(folder).as_posix()
    return found


def _records(path: Path, on_fault: OnFault) -> Iterator[tuple[str, Element]]:
    """Every record of a file, with a name to report it by; a damaged file gives what comes before."""
    name = path.name
    try:
        with _opened(path) as parts:
            for name, handle in parts:
                try:
                    yield from ((name, record) for record in _parsed(handle))
                except (ParseError, ValueError) as error:
                    on_fault(Fault(name, "damaged-xml", f"{error}: what comes after is lost"))
    except (OSError, zipfile.BadZipFile, EOFError, zlib.error) as error:
        on_fault(Fault(name, "damaged-xml", f"{error}: what comes after is lost"))


@contextmanager
def _opened(path: Path) -> Iterator[Iterable[tuple[str, BinaryIO]]]:
    if path.suffix.lower() == ".xml":
        with path.open("rb") as handle:
            yield [(path.name, handle)]
        return
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.lower().endswith(".xml"))
        yield ((f"{path.name}/{name}", cast(BinaryIO, archive.open(name))) for name in names)


def _parsed(handle: BinaryIO) -> Iterator[Element]:
    """Stream the records; each is forgotten when the next is asked for."""
    if UNSAFE in handle.read(4096):
        raise ValueError("it declares entities, which no register needs")
    handle.seek(0)
    events = iterparse(handle, events=("start", "end"))
    _, root = next(events)
    for event, element in events:
        if event == "end" and _local(element) in RECORDS:
            yield element
            root.clear()


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _all(record: Element, names: Iterable[str]) -> Iterator[str]:
    wanted = set(names)
    for element in record.iter():
        text = (element.text or "").strip()
        if text and _local(element) in wanted:
            yield text


def _first(record: Element, names: Iterable[str]) -> str | None:
    """The text of the first of these elements that has any, in the order of the names."""
    return next((text for name in names for text in _all(record, (name,))), None)


def _vienna(record: Element) -> list[str]:
    """ST.66 writes codes whole, ST.96 in three parts."""
    codes = list(_all(record, ("CategoryCode",)))
    for element in record.iter():
        parts = {_local(child): (child.text or "").strip() for child in element}
        if all(parts.get(name) for name in VIENNA_PARTS):
            codes.append(".".join(parts[name] for name in VIENNA_PARTS))
    return codes


def _owner(record: Element) -> str | None:
    holders = [element for element in record.iter() if _local(element).startswith(OWNERS)]
    return next((name for holder in holders if (name := _first(holder, OWNER))), None)


def _natural(text: str) -> tuple[int, str]:
    return len(text), text
