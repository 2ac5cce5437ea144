"""A filter as SQL conditions, each a query for mark numbers, and the facets of what satisfies it."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from sqlite3 import Connection

import numpy as np

from marklens.core.attributes import is_list, values_of
from marklens.core.errors import UsageError
from marklens.core.types import Bools, Filter
from marklens.retrieval.catalog_database import bindable
from marklens.retrieval.catalog_schema import canonical_code, is_code

LAST_YEAR = 9999
FACET_VALUES = 100
"""Values listed for one attribute, the most frequent: an owner attribute has hundreds of thousands."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A query for the numbers of the marks that satisfy one part of a filter; a mark must be in all."""

    sql: str
    parameters: tuple[str | bytes | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Facets:
    """How many living marks there are for each value of each field.

    Attributes:
        vienna: by division (``"26.04"``), each mark once a division, in the order of the codes.
        years: by year, in order.
        attributes: by name and value, the most frequent first, at most `FACET_VALUES` a name.
    """

    vienna: Mapping[str, int]
    years: Mapping[int, int]
    attributes: Mapping[str, Mapping[str, int]]


CAPACITY = "SELECT COALESCE(MAX(number) + 1, 0) FROM marks"
"""The largest number that was ever used, plus one."""
ATTRIBUTE_NAMES = (
    "WITH RECURSIVE found(name) AS (SELECT MIN(name) FROM attributes UNION ALL"
    " SELECT (SELECT MIN(name) FROM attributes WHERE name > found.name) FROM found WHERE name IS NOT NULL)"
    " SELECT name FROM found WHERE name IS NOT NULL"
)
LIVING = Condition("SELECT number FROM marks WHERE removed = 0")
REMOVED = Condition("SELECT number FROM marks WHERE removed = 1")
"""Few, and found by an index of their own: leaving these out is faster than keeping the living."""


def conditions(filter: Filter) -> list[Condition]:
    """The conditions of a filter, without the one for living marks.

    Raises:
        UsageError: a Vienna code that is none, or years that are no range.
    """
    found = [_vienna(filter.vienna)] if filter.vienna else []
    if filter.years is not None:
        first, last = filter.years
        if not 0 <= first <= last <= LAST_YEAR:
            raise UsageError(f"the years {first}-{last} are no range: write e.g. 1998-2004")
        found.append(Condition("SELECT number FROM marks WHERE year BETWEEN ? AND ?", (first, last)))
    found += [_attribute(name, value) for name, value in filter.attributes.items()]
    if filter.ids is not None:
        stored = [bindable(id) for id in sorted(filter.ids)]
        texts = [id for id in stored if isinstance(id, str)]
        others = [id for id in stored if isinstance(id, bytes)]  # JSON would spell these in another way
        listed = ", ".join(["CAST(? AS TEXT)"] * len(others))
        sql = f"SELECT number FROM marks WHERE id IN (SELECT value FROM json_each(?)) OR id IN ({listed})"
        found.append(Condition(sql, (json.dumps(texts), *others)))
    return found


def count_facets(db: Connection, needed: Sequence[Condition]) -> Facets:
    """Count the living marks that satisfy the conditions by Vienna division, year and attribute."""
    living = f"number NOT IN ({REMOVED.sql})"
    within = " AND ".join([living, *(f"number IN ({condition.sql})" for condition in needed)])
    parameters = [value for condition in needed for value in condition.parameters]
    vienna = db.execute(
        "SELECT division, COUNT(*) FROM (SELECT DISTINCT number, substr(code, 1, 5) AS division FROM vienna"
        f" WHERE {within}) GROUP BY division ORDER BY division",
        parameters,
    )
    years = db.execute(
        f"SELECT year, COUNT(*) FROM marks WHERE year IS NOT NULL AND {within} GROUP BY year", parameters
    )
    attributes = db.execute(
        f"SELECT name, value, COUNT(*) AS marks FROM attributes WHERE {within}"
        " GROUP BY name, value ORDER BY name, marks DESC, value",
        parameters,
    )
    names = groupby(attributes, key=lambda row: str(row[0]))
    return Facets(
        vienna=dict(vienna.fetchall()),
        years=dict(years.fetchall()),
        attributes={name: _most_frequent(name, [(v, n) for _, v, n in rows]) for name, rows in names},
    )


def _most_frequent(name: str, counted: Sequence[tuple[str, int]]) -> dict[str, int]:
    """The values of an attribute that most marks have, lists taken apart, the most frequent first."""
    if is_list(name):
        counts = Counter[str]()
        for listed, marks in counted:
            counts.update(dict.fromkeys(values_of(name, listed), marks))
        counted = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return dict(counted[:FACET_VALUES])


def _attribute(name: str, value: str) -> Condition:
    """Marks that have this value; where an attribute lists several, as Nice classes, also among others."""
    has = "value = CAST(? AS TEXT)"
    if is_list(name) and value.isdecimal():
        has = "value NOT GLOB '*[^0-9,]*' AND instr(',' || value || ',', ',' || CAST(? AS TEXT) || ',')"
    sql = f"SELECT number FROM attributes WHERE name = CAST(? AS TEXT) AND {has}"
    return Condition(sql, (bindable(name), bindable(value)))


def _vienna(prefixes: tuple[str, ...]) -> Condition:
    """Codes that equal a prefix or go on with a dot: an index range, since "/" follows "." in ASCII."""
    for prefix in prefixes:
        if not is_code(prefix.strip()):
            raise UsageError(f"'{prefix}' is no Vienna code: write e.g. 26, 26.04 or 26.04.01")
    # one list of any length: SQLite takes no more than 500 terms of a union
    asked = "SELECT vienna.number FROM json_each(?) AS asked JOIN vienna ON"
    codes = json.dumps([canonical_code(prefix) for prefix in prefixes])
    return Condition(
        f"{asked} code = asked.value UNION ALL"
        f" {asked} code >= asked.value || '.' AND code < asked.value || '/'",
        (codes, codes),
    )


def marked(db: Connection, condition: Condition) -> Bools:
    """Bool (capacity,): True at the numbers that a condition finds."""
    (capacity,) = db.execute(CAPACITY).fetchone()
    numbers = np.zeros(capacity, np.bool_)
    rows = db.execute(condition.sql, condition.parameters)
    numbers[np.fromiter((number for (number,) in rows), np.int64)] = True
    return numbers
