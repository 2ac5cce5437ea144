"""Why two texts are alike: the alignment of their sounds, as data to show to people."""

from dataclasses import dataclass

from marklens.text.aline import Alignment, align
from marklens.text.forms import form_of, texts_of
from marklens.text.lexicon import LANGUAGES
from marklens.text.phonetic import compare
from marklens.text.sounds import Reader
from marklens.text.weighing import Weighing


@dataclass(frozen=True, slots=True)
class WordMatch:
    """A word and the word of the other text that sounds most like it.

    Attributes:
        word: of the first text, without accents.
        other: of the second.
        language: in which they sound most alike.
        alignment: of their sounds.
    """

    word: str
    other: str
    language: str
    alignment: Alignment


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why two texts are alike.

    Attributes:
        total: how alike they are, 0..1 (`phonetic.compare`).
        sound: by their sounds alone.
        spelling: by their letters alone.
        language: in which the whole texts sound most alike; None if a script cannot be read.
        alignment: of the whole texts in that language.
        words: for each strong word of the first text, its best match.
    """

    total: float
    sound: float
    spelling: float
    language: str | None
    alignment: Alignment | None
    words: tuple[WordMatch, ...]


def explain(
    one: str, other: str, reader: Reader = "rules", weighing: Weighing | None = None
) -> Explanation | None:
    """Explain how alike two texts are; None if either says nothing."""
    first, second = form_of(one, reader), form_of(other, reader)
    if not first.words or not second.words:
        return None
    likeness = compare(first, texts_of([second], reader), weighing)
    whole = _best(first.voices, second.voices)
    matches = [
        _match(
            word.letters,
            said,
            [(found.letters, heard) for found, heard in zip(second.words, second.spoken, strict=True)],
        )
        for word, said in zip(first.words, first.spoken, strict=True)
        if not word.weak or all(each.weak for each in first.words)
    ]
    return Explanation(
        float(likeness.total[0]),
        float(likeness.sound[0]),
        float(likeness.spelling[0]),
        whole[0] if whole else None,
        whole[1] if whole else None,
        tuple(match for match in matches if match),
    )


def _match(
    word: str, said: tuple[bytes, ...], others: list[tuple[str, tuple[bytes, ...]]]
) -> WordMatch | None:
    """The best match of a word among the words of the other text."""
    found = [(name, best) for name, heard in others if (best := _best(said, heard))]
    if not found:
        return None
    name, (language, alignment) = max(found, key=lambda each: each[1][1].similarity)
    return WordMatch(word, name, language, alignment)


def _best(one: tuple[bytes, ...], other: tuple[bytes, ...]) -> tuple[str, Alignment] | None:
    """The language in which two voices are most alike, and their alignment in it."""
    aligned = [
        (language, align(first, second))
        for language, first, second in zip(LANGUAGES, one, other, strict=False)
        if first and second
    ]
    return max(aligned, key=lambda each: each[1].similarity) if aligned else None
