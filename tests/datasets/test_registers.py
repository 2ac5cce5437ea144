"""Registers after ST.66 and ST.96, made for these tests, with parts missing and damage in the middle."""

import zipfile
from pathlib import Path

import pytest

from marklens.core.errors import DatasetError
from marklens.core.types import Fault, Mark
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
        "office": "EM", "status": "Registered", "nice_classes": "9,42", "owner": "ACME GmbH",
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
    assert mark.attributes == {"office": "GB", "owner": "Globe Ltd"}
    assert faults == {}


def test_a_picture_is_found_by_the_number_of_its_mark(tmp_path: Path, images: Path) -> None:
    text = ST66.replace("<MarkImageFilename>018000001.JPG</MarkImageFilename>", "")
    (tmp_path / "r.xml").write_text(text)
    assert [mark.file for mark in read(tmp_path / "r.xml", images)[0]] == ["018000001.jpg"]


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


def test_wrong_calls_say_so(tmp_path: Path, images: Path) -> None:
    with pytest.raises(DatasetError, match=r"no \.xml"):
        RegisterDataset(images, images)
    (tmp_path / "r.xml").write_text(ST66)
    with pytest.raises(DatasetError, match="is no folder"):
        RegisterDataset(tmp_path / "r.xml", tmp_path / "none")
