"""Icons of one name in several packs: one concept by several hands, as a line, filled, in two tones.

Brands teach how one logo is redrawn; concepts teach it on many more drawings, and above all across styles.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from marklens.datasets.icons.brand_names import LOGO_PACKS, brand_of, hand_of, plain_words
from marklens.datasets.icons.brand_split import split_of

Drawing = tuple[str, str]
"""Prefix of a pack and name of an icon in it."""
HANDS = 3
"""A name that fewer hands use may mean anything."""


def concept_of(name: str) -> str:
    """What an icon shows by its name: ``"home-outline-24"`` is ``"home"``."""
    return " ".join(plain_words(name))


def is_trainable(pack: str, name: str) -> bool:
    """Whether an icon may be learned from: no logo pack's, and no name of a validation or test brand."""
    brand = brand_of(pack, name, shown_as_brand=True)
    return pack not in LOGO_PACKS and (brand is None or split_of(brand) == "train")


def choose_drawings(
    drawings: Iterable[Drawing], seed: int = 0, hands: int = 4, styles: int = 2
) -> Mapping[str, Sequence[Drawing]]:
    """The concepts that at least `HANDS` hands drew, with a few drawings of each.

    Args:
        drawings: to choose from.
        seed: of the choice.
        hands: that many of a concept's hands at most.
        styles: that many drawings by one hand at most.

    Returns:
        concept to drawings, sorted by concept.
    """
    random = np.random.default_rng(seed)
    found: dict[str, dict[str, list[Drawing]]] = defaultdict(lambda: defaultdict(list))
    for pack, name in sorted(drawings):
        if is_trainable(pack, name):
            found[concept_of(name)][hand_of(pack)].append((pack, name))
    chosen: dict[str, list[Drawing]] = {}
    for concept, by_hand in sorted(found.items()):
        if len(by_hand) < HANDS:
            continue
        names = sorted(by_hand)
        taken = [names[place] for place in random.permutation(len(names))[:hands]]
        chosen[concept] = [
            by_hand[hand][place]
            for hand in taken
            for place in random.permutation(len(by_hand[hand]))[:styles].tolist()
        ]
    return chosen
