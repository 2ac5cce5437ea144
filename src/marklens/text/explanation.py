"""Why two texts are alike: the alignment of their sounds, as data to show to people."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marklens.text.aline import Alignment, align
from marklens.text.aline_batch import pad, similarities, sound_scheme
from marklens.text.forms import form_of, texts_of
from marklens.text.lexicon import LANGUAGES
from marklens.text.phonetic import compare
from marklens.text.sounds import Reader
from marklens.text.weighing import Weighing

Voices = Sequence[bytes]
"""A text as each language reads it; empty where it cannot."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why two texts are alike.

    Attributes:
        total: how alike they are, 0..1 (`phonetic.compare`).
        sound: by their sounds alone.
        spelling: by their letters alone.
        language: in which the whole texts sound most alike; None if a script cannot be read.
        alignment: of the whole texts in that language.
    """

    total: float
    sound: float
    spelling: float
    language: str | None
    alignment: Alignment | None


def explain(
    one: str, other: str, reader: Reader = "rules", weighing: Weighing | None = None
) -> Explanation | None:
    """Explain how alike two texts are; None if either says nothing."""
    first, second = form_of(one, reader), form_of(other, reader)
    if not first.words or not second.words:
        return None
    likeness = compare(first, texts_of([second], reader), weighing)
    language, alignment = _closest(first.voices, second.voices) or (None, None)
    return Explanation(
        float(likeness.total[0]),
        float(likeness.sound[0]),
        float(likeness.spelling[0]),
        language,
        alignment,
    )


def _closest(said: Voices, other: Voices) -> tuple[str, Alignment] | None:
    """In which language two texts sound most alike, and how; None where none can read both."""
    alike = np.full(len(LANGUAGES), -1, np.float32)
    for voice in range(len(LANGUAGES)):
        if said[voice] and other[voice]:
            alike[voice] = similarities(said[voice], pad([other[voice]]), sound_scheme())[0]
    voice = int(alike.argmax())
    return None if alike[voice] < 0 else (LANGUAGES[voice], align(said[voice], other[voice]))
