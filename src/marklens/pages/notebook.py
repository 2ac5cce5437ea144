"""Hits and reasons as pieces of HTML for notebooks, styled where they stand, in the notebook's colours."""

from collections.abc import Sequence

from marklens.core.types import Hit
from marklens.pages.cards import make_card
from marklens.pages.pictures import Picture, data_uri
from marklens.pages.reasons import ReasonOnPage
from marklens.pages.rendering import render


def hits_fragment(name: str, hits: Sequence[Hit], picture: Picture | None = None) -> str:
    """The query and a row of cards, best first: thumbnail, name, score, a bar for each channel.

    Args:
        name: of the query.
        hits: best first.
        picture: that was searched for; None where there is none.

    Returns:
        HTML without a head, everything escaped and held inside; a picture that cannot be read leaves a
        placeholder.
    """
    asked = None if picture is None else data_uri(picture)
    return render("notebook_hits.html.j2", name=name, asked=asked, cards=[make_card(hit) for hit in hits])


def reason_fragment(hit: Hit, reason: ReasonOnPage | None) -> str:
    """Both pictures with the patches that match in one colour, and the sounds of the words step by step.

    Args:
        hit: that is explained.
        reason: why it is one; None where nothing of it can be shown.
    """
    return render("notebook_reason.html.j2", card=make_card(hit, reason=reason))
