"""The words of the Vienna Classification."""

import re
from importlib.resources import files

from marklens.datasets.vienna import category_of, described, division_of, name_of


def test_a_code_falls_into_category_and_division() -> None:
    assert category_of("26.04.01") == "26"
    assert division_of("26.04.01") == "26.04"


def test_names_are_found_with_and_without_leading_zeros() -> None:
    assert name_of("03") == name_of("3") == "Animals"
    assert name_of("26.04") == name_of("26.4") == "Quadrilaterals"
    assert name_of("26.04.01") is None
    assert name_of("99") is None


def test_the_best_name_there_is_describes_a_code() -> None:
    assert described("26.04.01") == "Quadrilaterals"
    assert described("26.99.01") == "Geometrical figures and solids"
    assert described("99.01.01") == ""


def test_the_table_holds_29_categories_and_145_divisions() -> None:
    table = (files("marklens.datasets") / "vienna_names.tsv").read_text(encoding="utf-8")
    codes = [line.split("\t")[0] for line in table.splitlines()]
    assert [code for code in codes if "." not in code] == [str(number) for number in range(1, 30)]
    assert all(re.fullmatch(r"\d{1,2}(\.\d{1,2})?", code) for code in codes)
    assert len(set(codes)) == len(codes) == 29 + 145
    assert all(code.split(".")[0] in codes for code in codes)
