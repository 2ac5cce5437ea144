"""The statements that search a table of vectors, with the settings of the server that they need."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from marklens.core.types import Bools
from marklens.retrieval.pgvector_rows import mask_bytes
from marklens.retrieval.pgvector_table import Table

if TYPE_CHECKING:
    from psycopg.sql import Composed

MOST_EF = 1000
"""pgvector's upper bound of hnsw.ef_search; what lies deeper comes by iterative scan."""
WORK_MEM = "64MB"
"""For sorting a whole table."""
ALWAYS = {"jit": "off", "plan_cache_mode": "force_custom_plan"}
"""Compiling takes longer than a search; a plan for any number of rows may leave the graph out."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A search for one query.

    Attributes:
        statement: answers id and distance, the negative inner product, for the parameter ``query``.
        parameters: the others.
        settings: of the server, for this transaction.
    """

    statement: "Composed"
    parameters: Mapping[str, Any]
    settings: Mapping[str, str]


def graph_search(table: Table, k: int, allowed: Bools | None, share: float, ef: int) -> Statement:
    """About the k nearest, nearly in order, through the graph.

    Args:
        table: where.
        k: how many.
        allowed: bool (marks,) or None.
        share: of the marks that are allowed.
        ef: candidates to keep, at least.
    """
    from psycopg import sql

    condition, parameters = _condition(table, allowed, listed=False)
    query, wide = _query(table), max(ef, k)
    statement = sql.SQL(
        "SELECT id, vector <#> {} AS distance FROM {} WHERE {} ORDER BY vector <#> {} LIMIT {}"
    ).format(query, table.place, condition, query, sql.Literal(k))
    settings = {
        "hnsw.ef_search": str(min(MOST_EF, wide)),
        "hnsw.iterative_scan": "relaxed_order",  # strict drops what comes late
        "hnsw.max_scan_tuples": str(ceil(4 * wide / share) + MOST_EF),
        "hnsw.scan_mem_multiplier": "16",
        "enable_seqscan": "off",
        "enable_sort": "off",
    }
    return Statement(statement, parameters, {**ALWAYS, **settings})


def exact_search(table: Table, k: int, allowed: Bools | None, listed: bool) -> Statement:
    """The k nearest by comparing all that are allowed.

    Args:
        table: where.
        k: how many.
        allowed: bool (marks,) or None.
        listed: look the allowed marks up, rather than pass over the whole table with a bitmap.
    """
    from psycopg import sql

    condition, parameters = _condition(table, allowed, listed)
    statement = sql.SQL(  # the graph knows the distance, but not the sum
        "SELECT id, (vector <#> {}) + 0 AS distance FROM {} WHERE {} ORDER BY 2, 1 LIMIT {}"
    ).format(_query(table), table.place, condition, sql.Literal(k))
    return Statement(statement, parameters, {**ALWAYS, "work_mem": WORK_MEM})


def whole_table(table: Table) -> "Composed":
    """Every row, in binary."""
    from psycopg import sql

    statement = sql.SQL("COPY (SELECT id, vector FROM {} WHERE {}) TO STDOUT (FORMAT binary)")
    return statement.format(table.place, _known(table))


def stored_vectors(table: Table) -> "Composed":
    """The vectors of a list of ids in its order, NULL for an id that is not there."""
    from psycopg import sql

    return sql.SQL(
        "SELECT vector FROM unnest(%b::bigint[]) WITH ORDINALITY AS wanted (number, place)"
        " LEFT JOIN {} ON id = number AND {} ORDER BY place"
    ).format(table.place, _known(table))


def _query(table: Table) -> "Composed":
    from psycopg import sql

    return sql.SQL("%(query)b::float8[]::halfvec({})").format(sql.Literal(table.dims))


def _known(table: Table) -> "Composed":
    """Leaves out what was added after the store was opened."""
    from psycopg import sql

    return sql.SQL("id <= {}").format(sql.Literal(table.last_id))


def _condition(table: Table, allowed: Bools | None, listed: bool) -> tuple["Composed", Mapping[str, Any]]:
    """Which rows may be returned, with parameters: those of allowed marks, as a list or a bitmap."""
    from psycopg import sql

    if allowed is None:
        return _known(table), {}
    if listed:
        one_of = sql.SQL(" AND mark = ANY(%(marks)b::bigint[])")
        return _known(table) + one_of, {"marks": np.flatnonzero(allowed).tolist()}
    inside = sql.SQL(" AND CASE WHEN mark < {} THEN get_bit(%(mask)b::bytea, mark) = 1 ELSE false END")
    return _known(table) + inside.format(sql.Literal(len(allowed))), {"mask": mask_bytes(allowed)}
