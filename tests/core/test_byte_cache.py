"""A cache that holds so many bytes and no more."""

from hypothesis import given
from hypothesis import strategies as st

from marklens.core.byte_cache import ByteCache

SIZES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30)), max_size=60)


def test_what_was_made_is_not_made_again() -> None:
    cache = ByteCache[bytes](10, len)
    made: list[str] = []

    def make(name: str, size: int) -> bytes:
        made.append(name)
        return bytes(size)

    for name, size in (("a", 4), ("b", 4), ("a", 4), ("c", 4), ("b", 4), ("huge", 11), ("huge", 11)):
        assert len(cache.get(name, lambda name=name, size=size: make(name, size))) == size
    # c pushed out b, which was used before a; what is larger than the budget is never kept
    assert made == ["a", "b", "c", "b", "huge", "huge"]
    assert cache.bytes <= 10


@given(sizes=SIZES, budget=st.integers(0, 50))
def test_the_budget_is_kept(sizes: list[tuple[int, int]], budget: int) -> None:
    cache = ByteCache[bytes](budget, len)
    for key, size in sizes:
        cache.get(key, lambda size=size: bytes(size))
        assert cache.bytes <= budget
