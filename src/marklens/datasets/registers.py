"""Trade-mark registers as offices publish them: XML after WIPO ST.66 or ST.96 becomes marks.

Elements are known by their local names, whatever the namespace, prefix or version: `TradeMark` (ST.66, as in
EUIPO's open data) or `Trademark` (ST.96) is a mark, and what it lacks is left out. The names follow public
programs that read files of EUIPO, WIPO and Canada; checked on made files only, no office's own were at hand.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from marklens.core.errors import DatasetError
from marklens.core.ports import OnFault
from marklens.core.types import Fault, Mark
from marklens.datasets.entries import parse_fields
from marklens.datasets.register_pictures import RegisterPictures
from marklens.datasets.register_xml import first_text, local_name, own, records, register_files, texts

ID = (
    "ApplicationNumber",
    "ApplicationNumberText",
    "ST13ApplicationNumber",
    "RegistrationNumber",
    "RegistrationNumberText",
)
TEXT = ("MarkVerbalElementText", "MarkSignificantVerbalElementText", "MarkSignificantVerbalElement")
PICTURE = ("MarkImageFilename", "ImageFileName", "FileName", "MarkImageURI", "ImageURI", "URI")
DATE = ("ApplicationDate", "ApplicationDateTime", "FilingDate")
OWNERS = ("Applicant", "Holder")
ORGANIZATION = (
    "OrganizationStandardName",
    "OrganizationName",
    "LegalEntityName",
    "EntityName",
    "PersonFullName",
    "FullName",
    "FreeFormatNameLine",
)
PERSON = ("FirstName", "MiddleName", "LastName")
STATUS = ("MarkCurrentStatusCode",)
OFFICE = ("RegistrationOfficeCode", "ReceivingOfficeCode", "OperatingOfficeCode")
VIENNA_PARTS = ("ViennaCategory", "ViennaDivision", "ViennaSection")
OPERATIONS = ("operationCode", "operationCategory")
_NO_SECTION = re.compile(r"(\.0+)+$")


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
        self._files = register_files(source)
        if not self._files:
            raise DatasetError(
                f"{source} holds no .xml and no .zip: give a register after WIPO ST.66 or ST.96"
            )
        self._pictures = RegisterPictures(images)

    def count(self) -> int:
        """Pictures in the folder: a register says not how many marks it holds."""
        return len(self._pictures)

    def marks(self, on_fault: OnFault) -> Iterator[Mark]:
        """Yield every mark that has a picture.

        Files are read in the order of their names and a mark counts when it is first met, so updates and
        deletions in later files do not change it: give the full register.

        Kinds of faults: ``damaged-xml``, ``no-number``, ``deleted``, ``repeated-id``, ``no-picture``,
        ``missing-file``, ``ambiguous-file``, ``bad-vienna-code``, ``bad-year``.
        """
        seen: set[str] = set()
        for path in self._files:
            for name, record in records(path, on_fault):
                mark = self._mark(name, record, seen, on_fault)
                if mark is not None:
                    seen.add(mark.id)
                    yield mark

    def _mark(self, name: str, record: Element, seen: set[str], on_fault: OnFault) -> Mark | None:
        number = first_text(record, ID)
        if number is None:
            on_fault(Fault(name, "no-number", "a mark has no application or registration number"))
            return None
        if _is_deletion(record):
            on_fault(Fault(number, "deleted", "the register takes this mark out"))
            return None
        if number in seen:
            on_fault(Fault(number, "repeated-id", "an earlier mark has this number; the first one counts"))
            return None
        named = _named_picture(record)
        file = (self._pictures.find(named) if named else None) or self._pictures.find(number)
        if file is None:
            on_fault(self._without_picture(number, named))
            return None
        filed = first_text(record, DATE) or ""
        entry = {
            "text": first_text(record, TEXT),
            "vienna_codes": _vienna(record),
            "year": filed[:4] or None,
            "filing_date": filed[:10],  # without the time and the zone
            "office": first_text(record, OFFICE),
            "status": first_text(record, STATUS),
            "nice_classes": sorted({text.lstrip("0") for text in texts(record, "ClassNumber")}, key=_natural),
            "owner": _owner(record),
        }
        fields = parse_fields(entry, lambda kind, reason: on_fault(Fault(number, kind, reason)))
        path = self.root / file
        return Mark(number, file, path, fields.text, fields.vienna_codes, fields.year, fields.attributes)

    def _without_picture(self, number: str, named: str | None) -> Fault:
        if not named:
            return Fault(number, "no-picture", "it names no picture")
        if self._pictures.is_ambiguous(named):
            return Fault(
                number, "ambiguous-file", f"{named!r} is in several folders, and no path says in which"
            )
        return Fault(number, "missing-file", f"{named!r} does not exist")


def _is_deletion(record: Element) -> bool:
    """Whether a record says that the mark leaves the register; the attribute may have a prefix."""
    said = {name.rpartition("}")[2]: value for name, value in record.attrib.items()}
    return any(said.get(name, "").lower() == "delete" for name in OPERATIONS)


def _named_picture(record: Element) -> str | None:
    """What a record calls its picture: only there, as documents and sounds have file names too."""
    images = (element for element in own(record) if local_name(element) == "MarkImage")
    named = next((name for image in images if (name := first_text(image, PICTURE))), None)
    return named or first_text(record, PICTURE[:2])


def _vienna(record: Element) -> list[str]:
    """ST.66 writes codes whole, under a kind that may be another classification; ST.96 in three parts."""
    codes: list[str] = []
    for element in own(record):
        kinds = [child.text or "" for child in element if local_name(child) == "CategoryKind"]
        if local_name(element) == "MarkImageCategory" and "vienna" in (kinds or ["vienna"])[0].lower():
            codes += texts(element, "CategoryCode")
        parts = {local_name(child): (child.text or "").strip() for child in element}
        if all(parts.get(name) for name in VIENNA_PARTS[:2]):
            codes.append(".".join(parts[name] for name in VIENNA_PARTS if parts.get(name)))
    return [_NO_SECTION.sub("", code) for code in codes]


def _owner(record: Element) -> str | None:
    for owner in OWNERS:
        for element in own(record):
            if local_name(element) == owner and (name := _name(element)):
                return name
    return None


def _name(holder: Element) -> str | None:
    """An organisation, or the parts of a person's name."""
    person = " ".join(filter(None, (first_text(holder, (part,)) for part in PERSON)))
    return first_text(holder, ORGANIZATION) or person or None


def _natural(text: str) -> tuple[int, str]:
    return len(text), text
