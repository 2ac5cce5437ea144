"""IPA segments as vectors of Kondrak's multivalued features, and how different two segments are.

Sources of the numbers: ``data/kondrak.toml`` and ``data/segments.tsv``.
"""

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

NASAL, LONG, ASPIRATED = "\u0303", "ː", "ʰ"
PAD = 0
"""The code of no segment; real segments begin at 1."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """All segments that can be compared.

    Attributes:
        symbols: the IPA of each code; code 0 is the pad.
        codes: IPA to code.
        classes: the broad class of each code, one letter; capital for consonants.
        difference: float32 (n, n), Kondrak's δ: salience-weighted difference of two segments, 0 or more.
        vowel: float32 (n,), what a segment takes off a score for being a vowel (Kondrak's V).
        skip: score of leaving a segment out.
        substitution: score of a perfect match of consonants.
        expansion: score of a perfect match of one segment with two.
    """

    symbols: tuple[str, ...]
    codes: dict[str, int]
    classes: str
    difference: Floats
    vowel: Floats
    skip: float
    substitution: float
    expansion: float

    def encode(self, segments: list[str]) -> bytes:
        """Codes of IPA segments; unknown ones lose their diacritics, then are left out."""
        known = (self.codes.get(item) or self.codes.get(item[:1]) for item in segments)
        return bytes(code for code in known if code)

    def decode(self, codes: bytes) -> list[str]:
        """IPA segments of codes."""
        return [self.symbols[code] for code in codes]


def segments_of(ipa: str) -> list[str]:
    """Split IPA into segments: a letter with its length, nasality or aspiration, or a tied affricate."""
    found: list[str] = []
    known = inventory().codes
    tied = False
    for letter in ipa.replace("g", "ɡ"):
        if letter == "\u0361":
            tied = True
        elif letter in (NASAL, LONG, ASPIRATED):
            if found and found[-1] + letter in known:
                found[-1] += letter
        elif tied and found and found[-1] + letter in known:
            found[-1] += letter
            tied = False
        elif letter in known:
            found.append(letter)
            tied = False
    return found


@lru_cache(maxsize=1)
def inventory() -> Inventory:
    """The segments with Kondrak's numbers."""
    numbers = tomllib.loads(_data("kondrak.toml"))
    scores = numbers["scores"]
    rows = [line.split("\t") for line in _data("segments.tsv").splitlines() if not line.startswith("#")]
    segments = [(symbol, _features(row, numbers), row[5]) for row in rows for symbol in [row[0]]]
    segments += [variant for segment in segments for variant in _variants(*segment)]
    symbols = ("", *(symbol for symbol, _, _ in segments))
    return Inventory(
        symbols,
        {symbol: code for code, symbol in enumerate(symbols) if symbol},
        " " + "".join(kind for _, _, kind in segments),
        _differences([features for _, features, _ in segments], numbers),
        np.array([0.0, *(scores["vowel"] * features["syllabic"] for _, features, _ in segments)], np.float32),
        scores["skip"],
        scores["substitution"],
        scores["expansion"],
    )


def _data(name: str) -> str:
    return files("marklens.text").joinpath("data", name).read_text(encoding="utf-8")


def _features(row: list[str], numbers: dict[str, Any]) -> dict[str, Any]:
    """Numbers of one segment; a double articulation has two places."""
    _, kind, first, second, flags, _ = row
    features: dict[str, Any] = dict.fromkeys(numbers["saliences"], 0.0)
    if kind == "vowel":
        place = "palatal" if second == "front" else "velar"
        features |= {"syllabic": 1.0, "voice": 1.0, "manner": numbers["manner"][f"{first}-vowel"]}
        features |= {"high": numbers["high"][first], "back": numbers["back"][second]}
        features["place"] = (numbers["place"][place],)
    else:
        features["manner"] = numbers["manner"][second]
        features["place"] = tuple(numbers["place"][place] for place in first.split("+"))
    return features | dict.fromkeys(flags.replace("-", "").split(), 1.0)


def _variants(symbol: str, features: dict[str, Any], kind: str) -> list[tuple[str, dict[str, Any], str]]:
    """Long and nasal vowels, aspirated consonants."""
    if not features["syllabic"]:
        return [(symbol + ASPIRATED, features | {"aspirated": 1.0}, kind)]
    return [
        (symbol + LONG, features | {"long": 1.0}, kind),
        (symbol + NASAL, features | {"nasal": 1.0}, kind),
        (symbol + NASAL + LONG, features | {"nasal": 1.0, "long": 1.0}, kind),
    ]


def _differences(segments: list[dict[str, Any]], numbers: dict[str, Any]) -> Floats:
    """Kondrak's δ for all pairs; the pad is as different as can be."""
    table = np.full((len(segments) + 1,) * 2, 1e4, np.float32)
    for row, one in enumerate(segments, 1):
        for column, other in enumerate(segments, 1):
            both_vowels = one["syllabic"] and other["syllabic"]
            relevant = numbers["relevant"]["vowels" if both_vowels else "consonants"]
            table[row, column] = sum(
                numbers["saliences"][name] * _apart(one[name], other[name]) for name in relevant
            )
    return table


def _apart(one: Any, other: Any) -> float:
    if isinstance(one, tuple):
        return float(min(abs(first - second) for first in one for second in other))
    return float(abs(one - other))
