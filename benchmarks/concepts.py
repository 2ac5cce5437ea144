"""Icons of one name in several packs: one concept by several hands, as a line, filled, in two tones.

Brands teach how one logo is redrawn; concepts teach it on many more drawings, and above all across styles.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np

from marklens.datasets.icons.brand_names import LOGO_PACKS, brand_of, hand_of, plain_words

Drawing = tuple[str, str]
"""Prefix of a pack and name of an icon in it."""
HANDS = 3
"""A name that fewer hands use may mean anything."""
SKIN_TONE = "skin-tone"
"""Emoji of people come in up to 25 of them, which are one drawing."""
_FAMILIES = {"fa": "fontawesome", "bx": "boxicons", "bxs": "boxicons"}
"""Packs whose name does not begin with that of their family."""


def family_of(pack: str) -> str:
    """The hand behind a pack, and behind its sister packs: ``"streamline-flex"`` is ``"streamline"``."""
    first = hand_of(pack).split("-")[0].rstrip("0123456789")
    return _FAMILIES.get(first, first)


def concept_of(name: str) -> str:
    """What an icon shows by its name: ``"home-outline-24"`` is ``"home"``."""
    return " ".join(plain_words(name))


def brands_in(concept: str) -> set[str]:
    """The brands that a concept may be: ``"facebook flat"`` is Facebook; everyday words only when alone."""
    words = concept.split()
    runs = ("-".join(words[start:end]) for start, end in combinations(range(len(words) + 1), 2))
    brands = {brand for run in runs if (brand := brand_of("", run, shown_as_brand=True)) is not None}
    return {*brands, "".join(words)}


def choose_drawings(
    drawings: Iterable[Drawing],
    held_out: Collection[str] = (),
    seed: int = 0,
    hands: int = 4,
    styles: int = 2,
) -> Mapping[str, Sequence[Drawing]]:
    """The concepts that at least `HANDS` hands drew, with a few drawings of each.

    Args:
        drawings: to choose from; those of logo packs are left out.
        held_out: normalised names of brands that are not to be learned from.
        seed: of the choice.
        hands: that many of a concept's hands at most.
        styles: that many drawings by one hand at most.

    Returns:
        concept to drawings, sorted by concept.
    """
    random = np.random.default_rng(seed)
    found: dict[str, dict[str, list[Drawing]]] = defaultdict(lambda: defaultdict(list))
    for pack, name in sorted(drawings):
        if pack not in LOGO_PACKS and SKIN_TONE not in name:
            found[concept_of(name)][family_of(pack)].append((pack, name))
    chosen: dict[str, list[Drawing]] = {}
    for concept, by_hand in sorted(found.items()):
        if len(by_hand) < HANDS or not brands_in(concept).isdisjoint(held_out):
            continue
        names = sorted(by_hand)
        taken = [names[place] for place in random.permutation(len(names))[:hands]]
        chosen[concept] = [
            by_hand[hand][place]
            for hand in taken
            for place in random.permutation(len(by_hand[hand]))[:styles].tolist()
        ]
    return chosen
