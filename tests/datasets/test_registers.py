"""Registers after ST.66 and ST.96, made for these tests, with parts missing and damage in the middle."""

import io
import json
import tracemalloc
import unicodedata
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from tests.small_index import Silent

from marklens.core.errors import DatasetError
from marklens.core.types import Fault, Mark
from marklens.datasets.manifest import ManifestDataset
from marklens.datasets.register_import import import_register
from marklens.datasets.register_xml import parsed
from marklens.datasets.registers import RegisterDataset

ST66 = """<?xml version="1.0" encoding="UTF-8"?>
<Transaction xmlns="http://www.wipo.int/standards/XMLSchema/trademarks">
 <TradeMarkTransactionBody><TransactionContentDetails><TransactionData><TradeMarkDetails>
  <TradeMark operationCode="Insert">
   <RegistrationOfficeCode>EM</RegistrationOfficeCode>
   <ApplicationNumber>018000001</ApplicationNumber>
   <ApplicationDate>2019-01-02</ApplicationDate>
   <MarkCurrentStatusCode>Registered</MarkCurrentStatusCode>
   <WordMarkSpecification><MarkVerbalElementText>ACME  Tools</MarkVerbalElementText></WordMarkSpecification>
   <MarkImageDetails><MarkImage><MarkImageFilename>018000001.JPG</MarkImageFilename>
    <MarkImageCategory><CategoryKind>Vienna</CategoryKind><CategoryCodeDetails>
     <CategoryCode>26.04.02</CategoryCode><CategoryCode>27.05.01</CategoryCode><CategoryCode>junk</CategoryCode>
    </CategoryCodeDetails></MarkImageCategory></MarkImage></MarkImageDetails>
   <GoodsServicesDetails><GoodsServices><ClassDescriptionDetails>
    <ClassDescription><ClassNumber>09</ClassNumber></ClassDescription>
    <ClassDescription><ClassNumber>42</ClassNumber></ClassDescription>
   </ClassDescriptionDetails></GoodsServices></GoodsServicesDetails>
   <ApplicantDetails><Applicant><ApplicantAddressBook><FormattedNameAddress><Name><FormattedName>
    <OrganizationName>ACME GmbH</OrganizationName></FormattedName></Name></FormattedNameAddress>
   </ApplicantAddressBook></Applicant></ApplicantDetails>
  </TradeMark>
  <TradeMark><ApplicationNumber>018000002</ApplicationNumber></TradeMark>
  <TradeMark><MarkVerbalElementText>nameless</MarkVerbalElementText></TradeMark>
  <TradeMark><ApplicationNumber>018000003</ApplicationNumber>
   <MarkImageFilename>lost.jpg</MarkImageFilename></TradeMark>
  <TradeMark><ApplicationNumber>018000001</ApplicationNumber></TradeMark>
 </TradeMarkDetails></TransactionData></TransactionContentDetails></TradeMarkTransactionBody>
</Transaction>"""

ST96 = """<tmk:TrademarkTransaction xmlns:tmk="http://www.wipo.int/standards/XMLSchema/ST96/Trademark"
  xmlns:com="http://www.wipo.int/standards/XMLSchema/ST96/Common"><tmk:TrademarkBag>
 <tmk:Trademark>
  <com:RegistrationOfficeCode>GB</com:RegistrationOfficeCode>
  <com:ApplicationNumber><com:ApplicationNumberText>UK0001</com:ApplicationNumberText></com:ApplicationNumber>
  <tmk:ApplicationDate>2021-05-06+01:00</tmk:ApplicationDate>
  <tmk:MarkRepresentation><tmk:MarkReproduction>
   <tmk:WordMarkSpecification><tmk:MarkVerbalElementText>Globe</tmk:MarkVerbalElementText>
   </tmk:WordMarkSpecification>
   <tmk:MarkImageBag><tmk:MarkImage><com:FileName>pics\\UK0001.png</com:FileName>
    <tmk:MarkImageClassification><tmk:FigurativeElementClassificationBag><tmk:ViennaClassificationBag>
     <tmk:ViennaClassification><tmk:ViennaCategory>1</tmk:ViennaCategory><tmk:ViennaDivision>5</tmk:ViennaDivision>
      <tmk:ViennaSection>2</tmk:ViennaSection></tmk:ViennaClassification>
    </tmk:ViennaClassificationBag></tmk:FigurativeElementClassificationBag></tmk:MarkImageClassification>
   </tmk:MarkImage></tmk:MarkImageBag>
  </tmk:MarkReproduction></tmk:MarkRepresentation>
  <tmk:ApplicantBag><tmk:Applicant><com:Contact><com:Name><com:OrganizationName>
   <com:OrganizationStandardName>Globe Ltd</com:OrganizationStandardName></com:OrganizationName></com:Name>
  </com:Contact></tmk:Applicant></tmk:ApplicantBag>
 </tmk:Trademark>
</tmk:TrademarkBag></tmk:TrademarkTransaction>"""


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    (folder / "sub").mkdir(parents=True)
    (folder / "018000001.jpg").write_bytes(b"1")
    (folder / "sub" / "UK0001.png").write_bytes(b"2")
    return folder


def read(source: Path, images: Path) -> tuple[list[Mark], dict[str, str]]:
    faults: list[Fault] = []
    marks = list(RegisterDataset(source, images).marks(faults.append))
    return marks, {fault.item: fault.kind for fault in faults}


def test_st66(tmp_path: Path, images: Path) -> None:
    (tmp_path / "r.xml").write_text(ST66)
    (mark,), faults = read(tmp_path / "r.xml", images)
    assert (mark.id, mark.file, mark.path) == ("018000001", "018000001.jpg", images / "018000001.jpg")
    assert (mark.text, mark.vienna_codes, mark.year) == ("ACME Tools", ("26.04.02", "27.05.01"), 2019)
    assert mark.attributes == {
        "filing_date": "2019-01-02", "office": "EM", "status": "Registered", "nice_classes": "9,42",
        "owner": "ACME GmbH",
    }  # fmt: skip
    assert faults["018000002"] == "no-picture"
    assert faults["r.xml"] == "no-number"
    assert faults["018000003"] == "missing-file"
    assert faults["018000001"] == "repeated-id"  # reported after its bad Vienna code


def test_st96(tmp_path: Path, images: Path) -> None:
    (tmp_path / "r.xml").write_text(ST96)
    (mark,), faults = read(tmp_path / "r.xml", images)
    assert (mark.id, mark.file, mark.text, mark.year) == ("UK0001", "sub/UK0001.png", "Globe", 2021)
    assert mark.vienna_codes == ("01.05.02",)
    assert mark.attributes == {"filing_date": "2021-05-06", "office": "GB", "owner": "Globe Ltd"}
    assert faults == {}


def test_a_picture_is_found_by_the_number_of_its_mark(tmp_path: Path, images: Path) -> None:
    text = ST66.replace("<MarkImageFilename>018000001.JPG</MarkImageFilename>", "")
    (tmp_path / "r.xml").write_text(text)
    assert [mark.file for mark in read(tmp_path / "r.xml", images)[0]] == ["018000001.jpg"]


def test_a_picture_is_found_however_its_accents_are_composed(tmp_path: Path, images: Path) -> None:
    (images / unicodedata.normalize("NFD", "café.jpg")).write_bytes(b"3")
    (tmp_path / "r.xml").write_text(ST66.replace("018000001.JPG", "CAFÉ.JPG"))
    marks = read(tmp_path / "r.xml", images)[0]
    assert [unicodedata.normalize("NFC", mark.file) for mark in marks] == ["café.jpg"]


def test_damage_costs_what_comes_after_it_in_that_file(tmp_path: Path, images: Path) -> None:
    folder = tmp_path / "register"
    folder.mkdir()
    (folder / "a.xml").write_text(ST66[: ST66.index("<TradeMark><ApplicationNumber>018000003")] + "<oops")
    with zipfile.ZipFile(folder / "b.zip", "w") as archive:
        archive.writestr("inside/b.xml", ST96)
        archive.writestr("readme.txt", "hello")
    (folder / "c.zip").write_bytes(b"no archive")
    (folder / "d.xml").write_text('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>')
    marks, faults = read(folder, images)
    assert [mark.id for mark in marks] == ["018000001", "UK0001"]
    assert {faults[name] for name in ("a.xml", "c.zip", "d.xml")} == {"damaged-xml"}


CANADIAN = """<c:TrademarkApplication xmlns:c="urn:ca" xmlns:com="urn:com"><c:TrademarkBag>
 <c:Trademark com:operationCategory="Insert"><com:ApplicationNumber><com:IPOfficeCode>CA</com:IPOfficeCode>
   <com:ST13ApplicationNumber>CA500000000123400</com:ST13ApplicationNumber></com:ApplicationNumber>
  <c:PriorityBag><c:Priority><com:ApplicationNumber><com:ApplicationNumberText>US99</com:ApplicationNumberText>
   </com:ApplicationNumber><c:ApplicationDate>1999-01-01</c:ApplicationDate>
   <c:ClassNumber>45</c:ClassNumber></c:Priority></c:PriorityBag>
  <c:DocumentBag><com:FileName>letter.png</com:FileName></c:DocumentBag>
  <c:ApplicationDate>2001-02-03</c:ApplicationDate><c:ClassNumber>07</c:ClassNumber>
  <c:MarkImage><com:FileName>mark.png</com:FileName>
   <c:V><c:ViennaCategory>26</c:ViennaCategory><c:ViennaDivision>4</c:ViennaDivision></c:V></c:MarkImage>
  <c:NationalRepresentative><com:EntityName>A lawyer</com:EntityName></c:NationalRepresentative>
  <c:Applicant><com:FirstName>Ada</com:FirstName><com:LastName>Byron</com:LastName></c:Applicant>
 </c:Trademark></c:TrademarkBag></c:TrademarkApplication>"""


def test_only_the_mark_itself_speaks_for_it(tmp_path: Path) -> None:
    """Not the application whose priority it claims, its documents, or its lawyer."""
    for name in ("mark.png", "letter.png"):
        (tmp_path / name).write_bytes(b"1")
    (tmp_path / "r.xml").write_text(CANADIAN)
    (mark,), faults = read(tmp_path / "r.xml", tmp_path)
    assert (mark.id, mark.file, mark.year) == ("CA500000000123400", "mark.png", 2001)
    assert mark.vienna_codes == ("26.04",)
    assert mark.attributes == {"filing_date": "2001-02-03", "nice_classes": "7", "owner": "Ada Byron"}
    assert faults == {}


def test_what_a_mark_lacks_is_not_taken_from_another(tmp_path: Path) -> None:
    (tmp_path / "mark.png").write_bytes(b"1")
    own_date = "<c:ApplicationDate>2001-02-03</c:ApplicationDate>"
    assert own_date in CANADIAN
    (tmp_path / "r.xml").write_text(CANADIAN.replace(own_date, ""))
    assert read(tmp_path / "r.xml", tmp_path)[0][0].year is None
    own_number = "<com:ST13ApplicationNumber>CA500000000123400</com:ST13ApplicationNumber>"
    (tmp_path / "r.xml").write_text(CANADIAN.replace(own_number, ""))
    assert read(tmp_path / "r.xml", tmp_path) == ([], {"r.xml": "no-number"})


def test_codes_of_another_classification_are_no_vienna_codes(tmp_path: Path, images: Path) -> None:
    national = "<MarkImageCategory><CategoryKind>National</CategoryKind><CategoryCode>03.01.01</CategoryCode>"
    text = ST66.replace("<MarkImageCategory>", national + "</MarkImageCategory><MarkImageCategory>")
    (tmp_path / "r.xml").write_text(
        text.replace(">Vienna<", ">Vienna Two Levels<").replace("26.04.02", "26.4.00")
    )
    assert read(tmp_path / "r.xml", images)[0][0].vienna_codes == ("26.04", "27.05.01")
    without_kind = ST66.replace("<CategoryKind>Vienna</CategoryKind>", "")
    (tmp_path / "r.xml").write_text(without_kind)
    assert read(tmp_path / "r.xml", images)[0][0].vienna_codes == ("26.04.02", "27.05.01")


@pytest.mark.parametrize(
    "named",
    [
        "https://office.example/image/018000001",
        "https://office.example/018000001.jpg?size=big",
        "a\\018000001.PNG",
    ],
)
def test_a_picture_is_found_by_an_address(tmp_path: Path, images: Path, named: str) -> None:
    text = ST66.replace("MarkImageFilename>018000001.JPG", f"MarkImageURI>{named}").replace(
        f"{named}</MarkImageFilename>", f"{named}</MarkImageURI>"
    )
    (tmp_path / "r.xml").write_text(text)
    assert [mark.file for mark in read(tmp_path / "r.xml", images)[0]] == ["018000001.jpg"]


def test_a_number_with_a_dot_is_not_cut(tmp_path: Path) -> None:
    (tmp_path / "97.jpg").write_bytes(b"1")
    (tmp_path / "97.123.jpg").write_bytes(b"2")
    (tmp_path / "r.xml").write_text(
        "<T><TradeMark><ApplicationNumber>97.123</ApplicationNumber></TradeMark>"
        "<TradeMark><ApplicationNumber>97.456</ApplicationNumber></TradeMark></T>"
    )
    marks, faults = read(tmp_path / "r.xml", tmp_path)
    assert [mark.file for mark in marks] == ["97.123.jpg"]
    assert faults == {"97.456": "no-picture"}


def test_marks_that_a_register_takes_out_are_left_out(tmp_path: Path, images: Path) -> None:
    text = ST66.replace('operationCode="Insert"', 'operationCode="Delete"').replace(
        "018000001<", "018000007<", 1
    )
    (tmp_path / "r.xml").write_text(text)
    assert read(tmp_path / "r.xml", images)[1]["018000007"] == "deleted"
    (tmp_path / "r.xml").write_text(CANADIAN.replace('"Insert"', '"Delete"'))
    assert read(tmp_path / "r.xml", images) == ([], {"CA500000000123400": "deleted"})


def test_one_damaged_file_of_an_archive_costs_itself(tmp_path: Path, images: Path) -> None:
    with zipfile.ZipFile(tmp_path / "r.zip", "w") as archive:
        archive.writestr("a.xml", ST66)
        archive.writestr("b.xml", ST96)
    data = bytearray((tmp_path / "r.zip").read_bytes())
    place = data.index(b"018000001")
    data[place : place + 9] = b"018000009"  # the archive's checksum no longer fits
    (tmp_path / "r.zip").write_bytes(bytes(data))
    marks, faults = read(tmp_path / "r.zip", images)
    assert [mark.id for mark in marks][-1] == "UK0001"
    assert faults["r.zip/a.xml"] == "damaged-xml"


def test_a_name_in_several_folders_is_found_by_its_path_alone(tmp_path: Path) -> None:
    for place in ("1/logo.jpg", "2/logo.jpg", "3/other.png"):
        (tmp_path / "pictures" / place).parent.mkdir(parents=True)
        (tmp_path / "pictures" / place).touch()
    named = {
        "M1": "1/logo.jpg",
        "M2": r"c:\register\2\LOGO.JPG",
        "M3": "logo.jpg",
        "M4": "9/other.png",
    }
    marks = "".join(
        f"<TradeMark><ApplicationNumber>{number}</ApplicationNumber>"
        f"<MarkImageFilename>{name}</MarkImageFilename></TradeMark>"
        for number, name in named.items()
    )
    (tmp_path / "r.xml").write_text(f"<T>{marks}</T>")
    found, faults = read(tmp_path / "r.xml", tmp_path / "pictures")
    assert [(mark.id, mark.file) for mark in found] == [
        ("M1", "1/logo.jpg"), ("M2", "2/logo.jpg"), ("M4", "3/other.png")
    ]  # fmt: skip
    assert faults == {"M3": "ambiguous-file"}


@pytest.mark.parametrize("encoding", ["foo", "hex", "rot13"])
def test_an_encoding_that_nobody_knows_costs_its_file(tmp_path: Path, images: Path, encoding: str) -> None:
    (tmp_path / "a.xml").write_text(f'<?xml version="1.0" encoding="{encoding}"?><a/>')
    (tmp_path / "b.xml").write_text(ST96)
    marks, faults = read(tmp_path, images)
    assert [mark.id for mark in marks] == ["UK0001"] and faults["a.xml"] == "damaged-xml"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused_wherever_they_are_declared(tmp_path: Path, images: Path, encoding: str) -> None:
    bomb = f"<!DOCTYPE T [<!--{'x' * 9000}--><!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]>"
    record = "<T><TradeMark><ApplicationNumber>&b;</ApplicationNumber></TradeMark></T>"
    (tmp_path / "r.xml").write_bytes((bomb + record).encode(encoding))
    marks, faults = read(tmp_path / "r.xml", images)
    assert (marks, faults) == ([], {"r.xml": "damaged-xml"})
    (tmp_path / "r.xml").write_bytes(("<!DOCTYPE T SYSTEM 'gone.dtd'>" + ST96).encode(encoding))
    assert [mark.id for mark in read(tmp_path / "r.xml", images)[0]] == ["UK0001"]


def test_memory_does_not_grow_with_the_register(tmp_path: Path) -> None:
    """Records lie deep below the root, in an element that stays open to the end."""
    record = "<TradeMark><ApplicationNumber>{}</ApplicationNumber><A><B>b</B><C>c</C></A></TradeMark>"
    peaks = []
    for count in (500, 5000):
        body = "".join(map(record.format, range(count)))
        data = io.BytesIO(f"<T><Body><Details>{body}</Details></Body></T>".encode())
        tracemalloc.start()
        assert sum(1 for _ in parsed(data)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_an_import_writes_what_a_manifest_reader_reads(tmp_path: Path, images: Path) -> None:
    (tmp_path / "r.xml").write_text(ST66)
    done = import_register(tmp_path / "r.xml", images, tmp_path / "out", Silent())
    (mark,) = ManifestDataset(tmp_path / "out" / "manifest.jsonl").marks(
        lambda fault: pytest.fail(str(fault))
    )
    assert (mark.id, mark.text, mark.vienna_codes, mark.year) == (
        "018000001", "ACME Tools", ("26.04.02", "27.05.01"), 2019,
    )  # fmt: skip
    assert mark.path.samefile(images / "018000001.jpg")
    assert mark.attributes["owner"] == "ACME GmbH"
    lines = (tmp_path / "out" / "errors.jsonl").read_text().splitlines()
    assert done.marks == 1
    assert Counter(json.loads(line)["kind"] for line in lines) == done.faults
    assert sum(done.faults.values()) == 5
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["errors.jsonl", "manifest.jsonl"]


def test_wrong_calls_say_so(tmp_path: Path, images: Path) -> None:
    with pytest.raises(DatasetError, match=r"no \.xml"):
        RegisterDataset(images, images)
    (tmp_path / "r.xml").write_text(ST66)
    with pytest.raises(DatasetError, match="is no folder"):
        RegisterDataset(tmp_path / "r.xml", tmp_path / "none")


def test_an_import_without_a_single_mark_leaves_the_manifest(tmp_path: Path) -> None:
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    out.mkdir()
    (out / "manifest.jsonl").write_text("{}\n")
    (tmp_path / "r.xml").write_text("<something/>")
    with pytest.raises(DatasetError, match="nothing was written"):
        import_register(tmp_path / "r.xml", images, out, Silent())
    assert (out / "manifest.jsonl").read_text() == "{}\n"
