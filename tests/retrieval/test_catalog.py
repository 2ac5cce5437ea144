"""The catalog: what goes in comes out, filters agree with a naive twin, readers do not disturb each other."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marklens.core.errors import UsageError
from marklens.core.types import Bools, Filter, Mark, ViewKind
from marklens.retrieval.catalog import Catalog, CatalogCounts, Entry

INK = np.eye(7, dtype=np.bool_)
BOTH = ((ViewKind.FULL, INK), (ViewKind.FIGURATIVE, ~INK))
IMAGES = Path("/data/l3d/images")


def mark(id: str, **details: object) -> Mark:
    file = f"{id}.jpg"
    return replace(Mark(id, file, IMAGES / file), **details)  # type: ignore[arg-type]


def marks_to_entries(*marks: Mark) -> list[Entry]:
    return [Entry(number, each, BOTH[:1], None) for number, each in enumerate(marks)]


SAMPLE = [
    mark("acme", text="ACME", vienna_codes=("26.04.01", "27.05.01"), year=1999, attributes={"office": "EM"}),
    mark("bolt", vienna_codes=("260.01",), year=2004, attributes={"office": "EM", "status": "expired"}),
    mark("Cat", text="Cat's", vienna_codes=("26",), year=2005, attributes={"office": "US"}),
    mark("dot", vienna_codes=("26.04.18", "26.04.01")),
]


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    entries = [
        Entry(n, m, BOTH if n % 2 else BOTH[:1], b"mask" if n == 0 else None) for n, m in enumerate(SAMPLE)
    ]
    Catalog.create(tmp_path / "catalog.sqlite", entries)
    return Catalog.open(tmp_path / "catalog.sqlite", writable=True)


def numbers(allowed: Bools | None) -> list[int]:
    assert allowed is not None
    return [int(number) for number in np.flatnonzero(allowed)]


def test_marks_views_and_masks_come_back(catalog: Catalog) -> None:
    assert catalog.marks([3, 0, 99, 1, 2]) == dict(enumerate(SAMPLE))
    assert catalog.view_kinds([0, 1, 99]) == {
        0: (ViewKind.FULL,), 1: (ViewKind.FULL, ViewKind.FIGURATIVE),
    }  # fmt: skip
    (full, ink), (figurative, other) = catalog.views([1])[1]
    assert (full, figurative) == (ViewKind.FULL, ViewKind.FIGURATIVE)
    np.testing.assert_array_equal(ink, INK)
    np.testing.assert_array_equal(other, ~INK)
    assert (catalog.mask(0), catalog.mask(1), catalog.mask(99)) == (b"mask", None, None)
    assert catalog.files() == {0: "acme.jpg", 1: "bolt.jpg", 2: "Cat.jpg", 3: "dot.jpg"}
    assert catalog.capacity == 4
    assert catalog.counts() == CatalogCounts(4, 0)
    assert catalog.view_counts() == {ViewKind.FULL: 4, ViewKind.FIGURATIVE: 2}
    assert catalog.attribute_names() == ["office", "status"]


def test_many_numbers_at_once(tmp_path: Path) -> None:
    path = tmp_path / "many.sqlite"
    Catalog.create(path, marks_to_entries(*(mark(f"m{n}") for n in range(12_000))))
    with Catalog.open(path) as catalog:
        found = catalog.marks(np.arange(12_000))
        assert len(found) == 12_000
        assert found[11_999].id == "m11999"


def test_find_by_id_then_by_file_whatever_its_case(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    upper = Mark("2", "X.JPG", Path("/a/X.JPG"))
    named = Mark("x.jpg", "other.png", Path("/a/other.png"))
    accents = Mark("3", "Cafe\u0301 STRASSE.png", Path("/a/Cafe\u0301 STRASSE.png"))
    Catalog.create(path, marks_to_entries(Mark("1", "x.Jpg", Path("/a/x.Jpg")), upper, named, accents))
    with Catalog.open(path, writable=True) as catalog:
        assert catalog.find("2") == 1
        assert catalog.find("x.jpg") == 2, "an id goes before a file"
        assert catalog.find("X.JPG") == 1, "the exact spelling goes before the others"
        assert catalog.find("X.jpg") == 0
        assert catalog.find("café straße.PNG") == 3
        assert catalog.find("x.jp_") is None
        catalog.remove(["2"])
        assert catalog.find("X.JPG") == 0
        assert catalog.number("2") is None


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (Filter(("26",)), [0, 2, 3]),
        (Filter(("26.04",)), [0, 3]),
        (Filter(("26.4.1",)), [0, 3]),
        (Filter((" 27.5 ", "260")), [0, 1]),
        (Filter(("26.0",)), []),
        (Filter(years=(1999, 2004)), [0, 1]),
        (Filter(years=(2005, 2005)), [2]),
        (Filter(attributes={"office": "EM"}), [0, 1]),
        (Filter(attributes={"office": "EM", "status": "expired"}), [1]),
        (Filter(attributes={"office": "' OR 1=1 --"}), []),
        (Filter(("26",), (1990, 2004), {"office": "EM"}), [0]),
        (Filter(ids=frozenset({"acme", "Cat", "nobody"})), [0, 2]),
        (Filter(("27",), ids=frozenset({"acme", "Cat"})), [0]),
        (Filter(ids=frozenset()), []),
    ],
)
def test_filters(catalog: Catalog, filter: Filter, expected: list[int]) -> None:
    allowed = catalog.allowed(filter)
    assert allowed is not None
    assert (allowed.dtype, allowed.shape) == (np.bool_, (4,))
    assert numbers(allowed) == expected


@pytest.mark.parametrize("code", ["", "26.", ".26", "26..1", "26%", "abc", "26.04.01 OR 1", "٢٦", "26,04"])
def test_nonsense_codes_are_refused(catalog: Catalog, code: str) -> None:
    with pytest.raises(UsageError, match="no Vienna code"):
        catalog.allowed(Filter((code,)))


@pytest.mark.parametrize("years", [(2005, 1999), (0, 10**30), (-1, 3)])
def test_nonsense_years_are_refused(catalog: Catalog, years: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="no range"):
        catalog.allowed(Filter(years=years))


def test_the_prefix_search_uses_the_index(catalog: Catalog, tmp_path: Path) -> None:
    from marklens.retrieval.catalog_filters import conditions

    (condition,) = conditions(Filter(("26", "27.05")))
    with sqlite3.connect(tmp_path / "catalog.sqlite") as db:
        plan = db.execute(f"EXPLAIN QUERY PLAN {condition.sql}", condition.parameters).fetchall()
    db.close()
    steps = [row[3] for row in plan if "vienna" in row[3]]
    assert len(steps) == 2
    assert all("SEARCH vienna USING COVERING INDEX vienna_code" in step for step in steps)


def test_a_filter_may_name_any_number_of_codes(catalog: Catalog) -> None:
    many = (*(f"{section:02d}.{group:02d}" for section in range(1, 30) for group in range(1, 26)), "26")
    assert numbers(catalog.allowed(Filter(many))) == numbers(catalog.allowed(Filter(("26", "27.05"))))


def test_filters_that_make_no_sense_cost_no_connection(catalog: Catalog) -> None:
    catalog.connect(2)
    for _ in range(4):
        with pytest.raises(UsageError):
            catalog.allowed(Filter(("abc",)))
    assert len(catalog._database._idle) == 2


def test_removal(catalog: Catalog) -> None:
    assert catalog.allowed(Filter()) is None
    before = catalog.allowed(Filter(("26",)))
    assert catalog.remove(["Cat", "nobody", "Cat", "acme"]) == ["nobody"]
    assert catalog.remove(["acme"]) == ["acme"]
    assert list(catalog.removed()) == ["Cat", "acme"]
    assert numbers(catalog.allowed(Filter())) == [1, 3]
    assert numbers(before) == [0, 2, 3], "an answer given earlier stays as it was"
    assert numbers(catalog.allowed(Filter(("26",)))) == [3]
    assert catalog.files() == {1: "bolt.jpg", 3: "dot.jpg"}
    assert catalog.marks([0])[0].id == "acme"
    assert catalog.capacity == 4
    assert catalog.counts() == CatalogCounts(2, 2)
    assert catalog.view_counts() == {ViewKind.FULL: 2, ViewKind.FIGURATIVE: 2}


def test_a_removed_mark_may_return_under_a_new_number(catalog: Catalog) -> None:
    catalog.remove(["acme"])
    catalog.append([Entry(4, SAMPLE[0], BOTH, None)])
    assert catalog.number("acme") == 4
    assert catalog.removed() == {}
    assert numbers(catalog.allowed(Filter(("27",)))) == [4]


def test_append_is_seen_by_those_who_have_the_file_open(catalog: Catalog, tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "catalog.sqlite") as reader:
        assert numbers(reader.allowed(Filter(("26",)))) == [0, 2, 3]
        catalog.append([Entry(9, mark("new", vienna_codes=("26.1",)), BOTH, None)])
        assert numbers(reader.allowed(Filter(("26",)))) == [0, 2, 3, 9]
        assert reader.capacity == 10
        assert reader.marks([9])[9].vienna_codes == ("26.01",), "codes are kept in their canonical spelling"
        with pytest.raises(UsageError, match="writable"):
            reader.remove(["new"])


@pytest.mark.parametrize(
    "clash",
    [
        Entry(0, mark("other"), BOTH, None),
        Entry(7, mark("bolt"), BOTH, None),
        Entry(7, mark("x"), BOTH * 2, None),
    ],
)
def test_append_is_all_or_nothing(catalog: Catalog, clash: Entry) -> None:
    before = catalog.content_digest()
    with pytest.raises(ValueError, match="repeats"):
        catalog.append([Entry(6, mark("fine"), BOTH, None), clash])
    assert catalog.content_digest() == before


def test_create_refuses_repeated_ids_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    Catalog.create(path, marks_to_entries(mark("a")))
    with pytest.raises(ValueError, match="repeats"):
        Catalog.create(path, marks_to_entries(mark("b"), mark("b")))
    assert [file.name for file in tmp_path.iterdir()] == ["catalog.sqlite"]
    with Catalog.open(path) as catalog:
        assert catalog.number("a") == 0


def test_a_nice_class_is_found_among_others(tmp_path: Path) -> None:
    listed = {"a": "9,42", "b": "9", "c": "25,42", "d": "19", "e": "9, computers"}
    entries = marks_to_entries(*(mark(id, attributes={"nice_classes": each}) for id, each in listed.items()))
    Catalog.create(tmp_path / "catalog.sqlite", entries)
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        found = {
            value: numbers(catalog.allowed(Filter(attributes={"nice_classes": value})))
            for value in ("9", "42", "9,42", "19", "2", "")
        }
        assert found == {"9": [0, 1], "42": [0, 2], "9,42": [0], "19": [3], "2": [], "": []}
        facets = catalog.facets(Filter()).attributes["nice_classes"]
        assert facets == {"42": 2, "9": 2, "19": 1, "25": 1, "9, computers": 1}
        for value, count in facets.items():
            assert len(numbers(catalog.allowed(Filter(attributes={"nice_classes": value})))) == count


def test_facets(catalog: Catalog) -> None:
    assert catalog.facets(Filter()).years == {1999: 1, 2004: 1, 2005: 1}
    catalog.remove(["bolt"])
    facets = catalog.facets(Filter())
    assert facets.vienna == {"26": 1, "26.04": 2, "27.05": 1}, "a mark counts once a division"
    assert facets.years == {1999: 1, 2005: 1}
    assert facets.attributes == {"office": {"EM": 1, "US": 1}}
    facets = catalog.facets(Filter(attributes={"office": "EM"}))
    assert facets.vienna == {"26.04": 1, "27.05": 1}
    assert facets.attributes == {"office": {"EM": 1}}


def test_codes_are_counted_at_each_level(catalog: Catalog) -> None:
    before = catalog.codes(2)
    catalog.remove(["bolt"])
    assert catalog.codes(2).counts == {"26.04": 2, "27.05": 1}, "a mark counts once a division"
    assert len(catalog.codes(2).numbers) == 2 and len(before.numbers) >= 2
    assert catalog.codes(1).counts["26"] == 3, "codes of one part count here"
    assert all(code.count(".") == 2 for code in catalog.codes(3).counts)


def test_the_digest_tells_contents_apart(tmp_path: Path) -> None:
    def digest(name: str, entries: list[Entry]) -> str:
        Catalog.create(tmp_path / name, entries)
        with Catalog.open(tmp_path / name) as catalog:
            return catalog.content_digest()

    entries = marks_to_entries(*SAMPLE)
    same = digest("a", entries)
    assert digest("b", entries[::-1]) == same, "the order of writing does not count"
    others = [
        entries[:-1],
        [replace(entries[0], mask=b"m"), *entries[1:]],
        [replace(entries[0], views=BOTH), *entries[1:]],
        [replace(entries[0], mark=replace(SAMPLE[0], year=2000)), *entries[1:]],
        [replace(entries[0], mark=replace(SAMPLE[0], vienna_codes=("27.05.01", "26.04.01"))), *entries[1:]],
        [replace(entries[0], mark=replace(SAMPLE[0], attributes={})), *entries[1:]],
    ]
    assert len({same, *(digest(f"c{n}", other) for n, other in enumerate(others))}) == 1 + len(others)


def test_readers_in_threads_while_a_writer_writes(catalog: Catalog) -> None:
    def read(turn: int) -> tuple[int, int]:
        allowed = catalog.allowed(Filter(("26",)))
        assert allowed is not None
        assert catalog.marks([0, 3])[3] == SAMPLE[3]
        return int(allowed.sum()), len(allowed)

    def write(number: int) -> None:
        catalog.append([Entry(number, mark(f"n{number}", vienna_codes=("26.01",)), BOTH, None)])

    with ThreadPoolExecutor(12) as pool:
        reads = [pool.submit(read, turn) for turn in range(200)]
        writes = [pool.submit(write, number) for number in range(10, 20)]
        assert all(len(writing.result() or ()) == 0 for writing in writes)
        assert all(3 <= reading.result()[0] <= 13 for reading in reads)
    assert read(0) == (13, 20)


def test_ids_that_are_no_text_are_filtered_too(tmp_path: Path) -> None:
    odd = b"caf\xe9".decode("utf-8", "surrogateescape")
    Catalog.create(tmp_path / "catalog.sqlite", marks_to_entries(mark("a"), mark(odd), mark("b")))
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        assert numbers(catalog.allowed(Filter(ids=frozenset({odd, "b"})))) == [1, 2]


def test_thousands_of_such_ids_are_one_question(tmp_path: Path) -> None:
    odd = [f"{number}\udce9" for number in range(3000)]
    Catalog.create(tmp_path / "catalog.sqlite", marks_to_entries(mark("a"), *map(mark, odd)))
    with Catalog.open(tmp_path / "catalog.sqlite") as catalog:
        assert numbers(catalog.allowed(Filter(ids=frozenset(odd)))) == list(range(1, 3001))
