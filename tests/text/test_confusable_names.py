"""The list of real pairs is sound, and our measure tells them from unrelated ones better than others do."""

from benchmarks.name_measures import measures
from benchmarks.name_pairs import area, pairs, unrelated

from marklens.text.normalizer import words_of


def test_the_list_is_sound() -> None:
    everything = pairs()
    assert sum(pair.confused for pair in everything) >= 200
    names = {frozenset((pair.name, pair.other)) for pair in everything}
    assert len(names) == len(everything)
    assert all(words_of(pair.name) and words_of(pair.other) for pair in everything)


def test_ours_is_better_than_the_usual_measures() -> None:
    held = [pair for pair in pairs() if pair.confused and not pair.development][::2]
    strangers = unrelated(held, 100, 1)
    areas = {
        name: area([measure(pair.name, pair.other) for pair in held], [measure(*pair) for pair in strangers])
        for name, measure in measures().items()
        if "dictionary" not in name
    }
    ours = areas.pop("Marklens (rules)")
    assert ours > 0.98
    assert ours > max(areas.values())
