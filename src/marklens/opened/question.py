"""What can be asked of an opened index, checked when it is made."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from numbers import Real
from operator import index
from typing import TYPE_CHECKING, Any

from marklens.core.errors import UsageError
from marklens.core.types import Filter
from marklens.questions import make_filter, require_words
from marklens.reranking.aspects import ASPECTS, Aspect, aspect_weights
from marklens.reranking.scoring import Weights

if TYPE_CHECKING:
    from marklens.engine import Engine
    from marklens.opened.pictures import OnePicture


@dataclass(frozen=True, slots=True)
class Question:
    """One search: by pictures, else by a mark of the index, else by a name alone.

    Attributes:
        pictures: of one mark, see `opened.pictures`; the best of them counts.
        mark: id of a mark of the index.
        text: a name, beside the picture or alone.
        top: how many hits.
        wanted: what every hit must satisfy.
        crop: the part of the picture that counts, ``x,y,width,height`` in pixels or percent.
        rerank: whether stage 2 is wanted.
        read: whether the name shall be read off the picture.
        weights: of the channels, by name, over those of the aspect.
        aspect: what counts: everything, the shape, the colours or the words.
        mirrored: whether pictures are asked for left to right as well.
    """

    pictures: "tuple[OnePicture, ...]" = ()
    mark: str | None = None
    text: str | None = None
    top: int = 10
    wanted: Filter = field(default_factory=Filter)
    crop: str | None = None
    rerank: bool = True
    read: bool = False
    weights: Mapping[str, float] = field(default_factory=dict)
    aspect: Aspect = "composite"
    mirrored: bool = False

    @property
    def unusual(self) -> tuple[str, ...]:
        """What of it is not as usual, beside the filter, in words."""
        weights = ", ".join(f"{name} {value:g}" for name, value in self.weights.items())
        said = {
            f"part {self.crop}": self.crop is not None,
            f"aspect {self.aspect}": self.aspect != "composite",
            f"weights {weights}": bool(self.weights),
            "mirrored too": self.mirrored,
            "not re-ranked": not self.rerank,
        }
        return tuple(phrase for phrase, is_so in said.items() if is_so)

    def __post_init__(self) -> None:
        if not self.pictures and self.mark is None and self.text is None:
            raise UsageError("there is nothing to search for: give a picture, a mark or a name")
        if self.text is not None:
            require_words(self.text)
        try:  # numbers of NumPy are numbers too, and reports hold plain ones
            object.__setattr__(self, "top", index(self.top))
            object.__setattr__(
                self, "weights", {name: _number(value) for name, value in self.weights.items()}
            )
        except TypeError:
            raise UsageError(f"top is {self.top}, weights are {self.weights}: give numbers") from None
        if self.top < 1:
            raise UsageError(f"top is {self.top}: ask for one hit or more")
        if self.crop is not None and len(self.pictures) != 1:
            raise UsageError("a crop is a part of one picture: give one")
        if self.aspect not in ASPECTS:
            raise UsageError(f"there is no aspect '{self.aspect}': choose {', '.join(ASPECTS)}")
        if self.aspect == "text" and self.text is None and not self.read:
            raise UsageError("the aspect text needs a name: give one, or let it be read off the picture")
        if self.aspect == "colour" and not self.rerank:
            raise UsageError("the aspect colour is looked at in stage 2, which was not wanted")


def _number(value: object) -> float:
    if not isinstance(value, Real):
        raise TypeError
    return float(value)


def asked_for(
    vienna: str | Sequence[str] = (),
    years: str | int | tuple[int, int] | None = None,
    where: Mapping[str, str] | None = None,
) -> Filter:
    """The filter of a search.

    Args:
        vienna: codes or their beginnings at a dot, any of which suffices.
        years: one, the first and the last, or the same as text (``1998-2005``).
        where: attributes, all of which must be equal.

    Raises:
        UsageError: the years are no years, or codes or attributes are no text.
    """
    codes = (vienna,) if isinstance(vienna, str) or not isinstance(vienna, Iterable) else tuple(vienna)
    span = "-".join(map(str, years)) if isinstance(years, tuple) else None if years is None else str(years)
    for name, value in (*(("vienna", code) for code in codes), *dict(where or {}).items()):
        for said in (name, value):
            if not isinstance(said, str):
                raise UsageError(f"{name} is {value!r}: give it as text, '{said}'")
    return replace(make_filter(codes, span, (), before=""), attributes=dict(where or {}))


def crop_text(crop: str | Sequence[float] | None) -> str | None:
    """A crop as text: ``x,y,width,height``."""
    return crop if crop is None or isinstance(crop, str) else ",".join(f"{value:g}" for value in crop)


def weighed(usual: Weights, aspect: Aspect, given: Mapping[str, float]) -> Weights:
    """The weights of a search.

    Args:
        usual: of the index.
        aspect: what counts.
        given: by the names of the channels, over those of the aspect.

    Raises:
        UsageError: there is no such channel, a weight is negative, or nothing would count.
    """
    known = {each.name.rstrip("_"): each.name for each in fields(Weights)}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise UsageError(f"there is no channel '{unknown[0]}': weigh some of {', '.join(known)}")
    try:
        return replace(aspect_weights(usual, aspect), **{known[name]: value for name, value in given.items()})
    except (TypeError, ValueError):
        raise UsageError("weights must not be negative, and one must be above 0") from None


def arguments_of(engine: "Engine", question: Question) -> dict[str, Any]:
    """What a search by picture and one by a mark are told alike: arguments of `Engine.search`.

    Raises:
        UsageError: as `weights_of`.
    """
    return {
        "top": question.top,
        "wanted": question.wanted,
        "rerank": question.rerank,
        "text": question.text,
        "weights": weights_of(engine, question),
        "mirrored": question.mirrored,
    }


def weights_of(engine: "Engine", question: Question) -> Weights:
    """The weights of a question for an index.

    Raises:
        UsageError: as `weighed`, or the index has nothing to compare by that aspect.
    """
    if question.aspect == "colour" and not engine.reranks:
        raise UsageError("this index keeps no colours to search by: build it with patches")
    return weighed(engine.weights, question.aspect, question.weights)
