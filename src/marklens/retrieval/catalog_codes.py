"""Which marks bear Vienna codes, and how many bear each."""

from collections.abc import Mapping
from dataclasses import dataclass
from sqlite3 import Connection

from marklens.retrieval.catalog_filters import REMOVED

_CUT = {1: "substr(code, 1, 2)", 2: "substr(code, 1, 5)", 3: "code"}
"""A code cut to so many parts; the first two have two digits each."""


@dataclass(frozen=True, slots=True)
class Codes:
    """The Vienna codes of the living marks, cut to so many parts; codes of fewer parts do not count.

    Attributes:
        numbers: of the marks that bear any, rising.
        counts: how many marks bear each code.
    """

    numbers: tuple[int, ...]
    counts: Mapping[str, int]


def count_codes(db: Connection, parts: int) -> Codes:
    """Count the codes of so many parts (1..3)."""
    exact = f"number NOT IN ({REMOVED.sql}) AND length(code) - length(replace(code, '.', '')) >= ?"
    numbers = db.execute(f"SELECT DISTINCT number FROM vienna WHERE {exact} ORDER BY number", [parts - 1])
    found = tuple(number for (number,) in numbers)
    counts = db.execute(
        f"SELECT {_CUT[parts]} AS cut, COUNT(DISTINCT number) FROM vienna WHERE {exact}  GROUP BY cut",
        [parts - 1],
    )
    return Codes(found, dict(counts.fetchall()))
