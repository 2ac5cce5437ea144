"""The words of the Vienna Classification: a code is ``category.division.section``, e.g. ``26.04.01``."""

from functools import cache
from importlib.resources import files

EDITION = "Vienna Classification, 9th edition (2023)"
"""WIPO, International Classification of the Figurative Elements of Marks. The wording in `vienna_names.tsv`
is abridged by us, from memory of WIPO's text; where it matters, read WIPO's own. The numbers of the divisions
of categories 1 to 25 were checked against a public list of an earlier edition."""


def category_of(code: str) -> str:
    """``26`` of ``26.04.01``."""
    return code.split(".", 1)[0]


def division_of(code: str) -> str:
    """``26.04`` of ``26.04.01``."""
    return ".".join(code.split(".")[:2])


def name_of(code: str) -> str | None:
    """What a category (``26``) or division (``26.04``) is called; None for what we have no name for.

    Sections (``26.04.01``) are not named here.
    """
    return _names().get(_plain(code))


def described(code: str) -> str:
    """The name that fits a code best, its own or that of its division or category; empty if there is none."""
    return name_of(code) or name_of(division_of(code)) or name_of(category_of(code)) or ""


def _plain(code: str) -> str:
    """``26.4`` of ``26.04``: as the table spells it."""
    return ".".join(part.lstrip("0") or "0" for part in code.split("."))


@cache
def _names() -> dict[str, str]:
    table = (files("marklens.datasets") / "vienna_names.tsv").read_text(encoding="utf-8")
    return dict(line.split("\t", 1) for line in table.splitlines() if line)
