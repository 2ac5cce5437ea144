"""Vienna codes for a new mark by the marks like it, and how good they would have been for known ones."""

from collections.abc import Iterator, Sequence

from marklens.classifying.measuring import HeldOut
from marklens.classifying.voting import NEIGHBOURS, PARTS, Bearers, Level, Neighbour, Suggestion, cut, suggest
from marklens.core.attributes import first_of, folded
from marklens.core.errors import UsageError
from marklens.core.ports import Progress
from marklens.core.sampling import evenly
from marklens.core.types import Mark
from marklens.engine import Engine


def bearers_of(engine: Engine, level: Level) -> Bearers:
    """How usual the codes of this level are in an index."""
    codes = engine.catalog.codes(PARTS[level])
    return Bearers(len(codes.numbers), codes.counts)


def suggest_for(
    engine: Engine,
    scored: Sequence[tuple[Mark, float]],
    level: Level,
    top: int,
    neighbours: int = NEIGHBOURS,
) -> tuple[Suggestion, ...]:
    """The codes that these marks agree on, see `classifying.voting`.

    Args:
        engine: of their index.
        scored: marks with their scores, most alike first.
        level: of the codes.
        top: how many at most.
        neighbours: how many of the marks vote; those without codes of the level do not.

    Raises:
        UsageError: no mark of the index has codes of the level.
    """
    bearers = bearers_of(engine, level)
    if not bearers.marks:
        raise UsageError(f"no mark of this index has Vienna codes at the level {level} to suggest")
    voters = [_neighbour(*pair) for pair in scored if cut(pair[0].vienna_codes, level)]
    return suggest(voters[:neighbours], bearers, level, top)


def left_out(
    engine: Engine,
    level: Level,
    limit: int,
    progress: Progress,
    neighbours: int = NEIGHBOURS,
    apart: str | None = None,
) -> Iterator[HeldOut]:
    """Marks with codes, evenly spread over an index, each with its neighbours by what is stored of them.

    Args:
        engine: of the index.
        level: of the codes.
        limit: how many at most.
        progress: is told of every mark.
        neighbours: that vote.
        apart: an attribute, whatever its case; marks that share its value with the one asked for do not vote,
            such as those of the same owner.

    Raises:
        UsageError: no mark of the index has that attribute.
    """
    if apart is not None:
        _require_attribute(engine, apart)
    asked = _spread(engine, level, limit)
    progress.start("suggest", len(asked))
    for number, mark in asked:
        ranked = [each for each in engine.ranked(number, engine.depth) if each.candidate.number != number]
        marks = engine.catalog.marks([each.candidate.number for each in ranked])
        scored = [(marks[each.candidate.number], each.score) for each in ranked]
        voters = [
            _neighbour(other, score)
            for other, score in scored
            if cut(other.vienna_codes, level) and (apart is None or _differ(mark, other, apart))
        ]
        yield HeldOut(mark.vienna_codes, voters[:neighbours])
        progress.advance(1)


def _require_attribute(engine: Engine, name: str) -> None:
    known = engine.catalog.attribute_names()
    if first_of(dict.fromkeys(known, name), [folded(name)]) is None:
        raise UsageError(
            f"no mark of this index has '{name}': its attributes are {', '.join(known) or 'none'}"
        )


def _spread(engine: Engine, level: Level, limit: int) -> list[tuple[int, Mark]]:
    """Marks with codes, evenly spread."""
    numbers = engine.catalog.codes(PARTS[level]).numbers
    chosen = [numbers[place] for place in evenly(limit, len(numbers)).tolist()]
    return list(engine.catalog.marks(chosen).items())


def _differ(mark: Mark, other: Mark, name: str) -> bool:
    """Whether two marks have different values of an attribute; where one has none, they have."""
    mine, theirs = (first_of(one.attributes, [folded(name)]) for one in (mark, other))
    return mine is None or mine != theirs


def _neighbour(mark: Mark, score: float) -> Neighbour:
    return Neighbour(mark.id, mark.file, score, mark.vienna_codes)
