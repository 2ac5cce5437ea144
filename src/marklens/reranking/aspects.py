"""Aspects of a mark to search by: what a person means, as weights of the channels."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, get_args

from marklens.core.types import Filter
from marklens.reranking.scoring import Weights

Aspect = Literal["composite", "shape", "colour", "text"]
ASPECTS: tuple[Aspect, ...] = get_args(Aspect)


def aspect_weights(usual: Weights, aspect: Aspect) -> Weights:
    """The weights of one aspect.

    - ``composite``: everything together, as usual.
    - ``shape``: the picture as a whole and its patches, in the usual proportion. Marks on dark grounds were
      turned light before; the network sees colours, but has learned to look past them.
    - ``colour``: the colours of the ink alone, see `reranking.color`. It sorts the marks that the shape
      brings; marks in black and grey have no colour and are left out.
    - ``text``: the words alone; marks without words are left out.

    Args:
        usual: of the channels.
        aspect: one of `ASPECTS`.
    """
    if aspect == "colour":
        return Weights(0, 0, 0, 1)
    if aspect == "text":
        return Weights(0, 0, 1, 0)
    if aspect == "shape":
        base = usual if usual.global_ + usual.spatial > 0 else Weights()
        return replace(base, text=0, color=0)
    return usual


def why_no_mark(wanted: Filter | None, attribute_names: Callable[[], Sequence[str]]) -> str:
    """Why a filter leaves no mark, in one line: perhaps it asks for an attribute that no mark has.

    Args:
        wanted: the filter.
        attribute_names: gives the names of all attributes; called only where the filter asks for some.
    """
    said, asked = "the filter leaves no mark", wanted.attributes if wanted else {}
    known = attribute_names() if asked else ()
    unknown = next((name for name in asked if name not in known), None)
    if unknown is None:
        return said
    return f"{said}: none has an attribute '{unknown}', only {', '.join(known) or 'none'}"


def why_nothing_counts(weights: Weights, text: str | None) -> str:
    """Why no mark has a channel that counts, in one line.

    Args:
        weights: of the channels.
        text: the name that was searched for; None where none was given or read.
    """
    missing = {
        "text": "no name is given or legible" if text is None else "no mark has words",
        "color": "there are no colours to compare",
        "spatial": "there are no patches to compare",
    }
    return ", and ".join(reason for channel, reason in missing.items() if getattr(weights, channel) > 0)
