"""Vienna codes, years and texts in every shape that metadata has them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marklens.datasets.entries import (
    choose_id,
    normalize_vienna_code,
    parse_fields,
    parse_text,
    parse_vienna_codes,
    parse_year,
)


def no_fault(kind: str, reason: str) -> None:
    raise AssertionError(f"{kind}: {reason}")


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("27.05.01", "27.05.01"),
        ("27.5.1", "27.05.01"),
        (" 27.5.1 ", "27.05.01"),
        ("270501", "27.05.01"),
        (270501, "27.05.01"),
        ("50101", "05.01.01"),  # a spreadsheet ate the leading zero
        ("26.4", "26.04"),
        ("26", "26"),
        ("30.01.01", None),  # there are 29 categories
        ("27.00.01", None),
        ("00.01.01", None),
        ("27.05.01.02", None),
        ("circle", None),
        ("", None),
        ("٢٧.05.01", None),  # digits, but not ASCII ones
        (27.05, None),
        (True, None),
        (None, None),
        ({"code": "27.05.01"}, None),
    ],
)
def test_a_vienna_code_is_brought_to_two_digits_a_level(written: Any, code: str | None) -> None:
    assert normalize_vienna_code(written) == code


@given(st.integers(1, 29), st.integers(1, 99), st.integers(1, 99))
def test_every_spelling_of_a_code_gives_the_same(category: int, division: int, section: int) -> None:
    code = f"{category:02d}.{division:02d}.{section:02d}"
    spellings = [code, f"{category}.{division}.{section}", code.replace(".", ""), int(code.replace(".", ""))]
    assert [normalize_vienna_code(spelling) for spelling in spellings] == [code] * 4


@pytest.mark.parametrize(
    "value",
    [
        "['27.05.01', '26.04.01']",
        '["27.05.01","26.04.01"]',
        "27.05.01;26.4.1",
        "27.05.01, 26.4.1",
        "A 27.05.01 | A 26.04.01",
        ["27.05.01", "26.4.1", "270501"],
    ],
)  # fmt: skip
def test_codes_come_as_a_list_or_in_one_string_and_each_once(value: Any) -> None:
    assert parse_vienna_codes(value, no_fault) == ("27.05.01", "26.04.01")


def test_no_codes_are_no_fault() -> None:
    assert [parse_vienna_codes(value, no_fault) for value in (None, [], "", " ", [None], float("nan"))] == [
        ()
    ] * 6


def test_a_bad_code_costs_itself_and_is_named() -> None:
    faults: list[tuple[str, str]] = []
    codes = parse_vienna_codes(
        ["27.05.01", "x" * 200, 3.5], lambda kind, reason: faults.append((kind, reason))
    )
    assert codes == ("27.05.01",)
    assert [kind for kind, _ in faults] == ["bad-vienna-code"] * 2
    assert len(faults[0][1]) < 120


@pytest.mark.parametrize(
    ("written", "year"),
    [
        (1998, 1998),
        ("1998", 1998),
        (1998.0, 1998),
        (" 1998-05-01 ", 1998),
        ("1998.0", 1998),
        (None, None),
        ("", None),
    ],
)
def test_a_year_is_read_from_numbers_strings_and_dates(written: Any, year: int | None) -> None:
    assert parse_year(written) == year


@pytest.mark.parametrize("written", ["next year", 98, 19980, 1998.5, "1798", True, [1998], "１９９８"])
def test_what_is_no_year_is_refused(written: Any) -> None:
    with pytest.raises(ValueError, match="no year"):
        parse_year(written)


def test_text_is_trimmed_and_none_when_empty() -> None:
    assert [parse_text(value) for value in ("  ACME\n Corp ", "", None, float("nan"), 7, ["A", "B"])] == [
        "ACME Corp", None, None, None, "7", "A B",
    ]  # fmt: skip


def test_unknown_keys_become_attributes_as_text() -> None:
    entry = {
        "file": "a.jpg", "id": "1", "year": "soon", "office": "EM", "nice_classes": [9, 42, None],
        "live": True, "owner": None, "note": "", "nested": {"b": 1, "a": 2},
    }  # fmt: skip
    kinds: list[str] = []
    fields = parse_fields(entry, lambda kind, _reason: kinds.append(kind))
    assert fields.year is None
    assert kinds == ["bad-year"]
    assert fields.attributes == {
        "office": "EM", "nice_classes": "9,42", "live": "true", "nested": '{"a": 2, "b": 1}',
    }  # fmt: skip


def test_an_id_falls_back_to_the_stem_then_to_the_file_then_to_none() -> None:
    taken: set[str] = set()
    assert choose_id(None, "sub/a.jpg", taken) == "a"
    assert choose_id("a", "sub/a.jpg", taken) == "sub/a.jpg"
    assert choose_id("a", "sub/a.jpg", taken) is None
    assert choose_id(7, "b.jpg", taken) == "7"


def test_half_a_character_becomes_a_sign_that_can_be_written() -> None:
    entry = {"text": "Acme \ud83d", "owner": "A \udc80", "n": ["\ud83d"], "k\ud83d": {"a": "\ud83d"}}
    fields = parse_fields(entry, no_fault)
    said = [fields.text or "", *fields.attributes, *fields.attributes.values()]
    assert "".join(said).encode().decode().count("\ufffd") == 5
    assert choose_id("n\ud83d", "a.png", set()) == "n\ufffd"
    assert choose_id(None, "caf\udce9.png", set()) == "caf\udce9"  # a file name is what it is on the disk
