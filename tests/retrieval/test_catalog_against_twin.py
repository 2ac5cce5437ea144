"""Any catalog: marks come back as they were, filters and facets agree with a naive twin."""

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from marklens.core.types import Filter, Mark
from marklens.retrieval.catalog import Catalog, Entry

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
codes = st.builds(
    lambda levels: ".".join(f"{level:02d}" for level in levels),
    st.lists(st.integers(1, 12), min_size=1, max_size=3),
)
attributes = st.dictionaries(texts | st.sampled_from("ab"), texts | st.sampled_from("xy"), max_size=3)


@st.composite
def galleries(draw: st.DrawFn) -> list[Mark]:
    ids = draw(st.lists(texts, unique=True, max_size=12))
    return [
        Mark(
            id, file, Path("/data/images", file), draw(st.none() | texts),
            tuple(draw(st.lists(codes, max_size=4))),
            draw(st.none() | st.integers(1990, 2000)), draw(attributes),
        )
        for n, id in enumerate(ids)
        for file in [f"{n}.jpg"]
    ]  # fmt: skip


def satisfies(mark: Mark, filter: Filter) -> bool:
    """The obvious twin of `Catalog.allowed`."""
    if filter.vienna and not any(
        code.split(".")[: prefix.count(".") + 1] == prefix.split(".")
        for code in mark.vienna_codes
        for prefix in filter.vienna
    ):
        return False
    if filter.years and (mark.year is None or not filter.years[0] <= mark.year <= filter.years[1]):
        return False
    return all(mark.attributes.get(name) == value for name, value in filter.attributes.items())


@settings(max_examples=60, deadline=None)
@given(
    galleries(),
    st.lists(codes, max_size=2),
    st.none() | st.tuples(st.integers(1988, 1995), st.integers(1995, 2002)),
    attributes,
    st.data(),
)
def test_round_trip_and_filters_against_the_twin(
    marks: list[Mark],
    vienna: list[str],
    years: tuple[int, int] | None,
    wanted: dict[str, str],
    data: st.DataObject,
) -> None:
    wanted = wanted or (dict(data.draw(st.sampled_from(marks)).attributes) if marks else {})
    gone = data.draw(st.sets(st.sampled_from([mark.id for mark in marks]))) if marks else set()
    with tempfile.TemporaryDirectory() as folder:
        Catalog.create(Path(folder, "c.sqlite"), [Entry(n, mark, (), None) for n, mark in enumerate(marks)])
        with Catalog.open(Path(folder, "c.sqlite"), writable=True) as catalog:
            assert catalog.marks(range(len(marks))) == dict(enumerate(marks))
            assert [catalog.number(mark.id) for mark in marks] == list(range(len(marks)))
            assert catalog.remove(sorted(gone)) == []
            assert set(catalog.removed()) == gone
            living = [(number, mark) for number, mark in enumerate(marks) if mark.id not in gone]
            for filter in (Filter(tuple(vienna)), Filter(years=years), Filter((), None, wanted),
                           Filter(tuple(vienna), years, wanted)):  # fmt: skip
                allowed = catalog.allowed(filter)
                passing = [(number, mark) for number, mark in living if satisfies(mark, filter)]
                if allowed is None:
                    assert not filter
                    assert not gone
                else:
                    assert np.flatnonzero(allowed).tolist() == [number for number, _ in passing]
                facets = catalog.facets(filter)
                assert facets.years == Counter(mark.year for _, mark in passing if mark.year is not None)
                assert facets.vienna == Counter(
                    division for _, mark in passing for division in {code[:5] for code in mark.vienna_codes}
                )
                assert sum(sum(values.values()) for values in facets.attributes.values()) == sum(
                    len(mark.attributes) for _, mark in passing
                )
