"""The documents of the API as pydantic models: for its description and its tests."""

from typing import Annotated, Any, Literal

from fastapi import Form
from pydantic import BaseModel, ConfigDict, Field

from marklens.reranking.aspects import Aspect

Scope = Literal["read", "write"]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str = Field(
        description="urn:marklens:problem:KIND, stable", examples=["urn:marklens:problem:invalid"]
    )
    title: str
    status: int
    detail: str = Field(description="one sentence for a person")
    errors: list[dict[str, str]] | None = Field(None, description="field and message, where fields are wrong")


class ReadText(_Document):
    """Words read off a picture."""

    text: str
    confidence: float = Field(ge=0, le=1)


class Scores(_Document):
    """The channels, each 0..1; null where one does not apply."""

    global_: float | None = Field(alias="global")
    spatial: float | None
    text: float | None
    color: float | None


class Patch(_Document):
    """A patch of the query and the patch of the mark that it matches, 0..48 row by row."""

    query: int = Field(ge=0, le=48)
    mark: int = Field(ge=0, le=48)
    similarity: float
    share: float


class Reason(_Document):
    """Why a hit is one."""

    views: list[str] | None
    row: int | None = Field(description="which of the query's views, counted from 0")
    similarity: float | None
    patches: list[Patch] | None
    words: dict[str, Any] | None


class HitDocument(_Document):
    """A ranked mark."""

    rank: int = Field(ge=1)
    id: str
    file: str
    score: float = Field(ge=0, le=1)
    scores: Scores
    views: list[str] = Field(description="view of the query and view of the mark that matched best")
    text: str | None
    read_text: ReadText | None
    vienna_codes: list[str]
    year: int | None
    reason: Reason | None = Field(None, description="with explain")


class QueryDocument(_Document):
    """What was asked for."""

    file: str
    text: str | None
    read_text: ReadText | None
    crop: str | None
    views: list[str]
    vienna: list[str]
    years: list[int] | None
    attributes: dict[str, str]
    mark_id: str | None = Field(None, description="where a mark of the index was asked for")
    view_pictures: dict[str, str] | None = Field(None, description="with show_views: data: addresses")
    view_rows: list[str] | None = Field(
        None, description="with show_views: the same of every view, by the rows that reasons name"
    )


RecordOf = Annotated[dict[str, Any], Field(description="what `marklens repeat` repeats the search by")]


class SearchAnswer(_Document):
    """What ``POST /search`` answers: the document of ``marklens search --json``."""

    query: QueryDocument
    hits: list[HitDocument]
    note: str | None = Field(None, description="why there are no hits, where there are none")
    timings_ms: dict[str, float]
    record: RecordOf


class TextQueryDocument(_Document):
    """What was asked for by name."""

    text: str
    vienna: list[str]
    years: list[int] | None
    attributes: dict[str, str]


class TextAnswer(_Document):
    """What ``POST /search/text`` answers: the document of ``marklens search-text --json``."""

    query: TextQueryDocument
    hits: list[HitDocument]
    note: str | None = Field(None, description="why there are no hits, where there are none")
    timings_ms: dict[str, float]
    record: RecordOf


class BatchLine(BaseModel):
    """A line of ``POST /batch``: an answer or a problem."""

    index: int = Field(ge=0, description="which picture, from 0")
    file: str
    answer: SearchAnswer | None = None
    problem: Problem | None = None


class MarkDocument(_Document):
    """A mark of the index."""

    id: str
    file: str
    text: str | None
    read_text: ReadText | None
    vienna_codes: list[str]
    vienna: dict[str, str] = Field(description="what the codes are called")
    year: int | None
    attributes: dict[str, str]
    views: list[str]


class ViennaFacet(_Document):
    """A Vienna division."""

    name: str
    count: int


class FacetsDocument(_Document):
    """How many marks there are for each value."""

    marks: int
    vienna: dict[str, ViennaFacet]
    years: dict[str, int]
    attributes: dict[str, dict[str, int]]


class State(_Document):
    """Whether the service is well."""

    status: str


class VersionDocument(_Document):
    """What runs here."""

    marklens: str
    marks: int
    model: str = Field(description="SHA-256 of the network")
    preprocessing: int
    weights: dict[str, float] = Field(description="of the channels, where a search brings none")
    reranks: bool
    top: int = Field(description="hits of one search at most, those of its pages before counted in")


class Party(_Document):
    """A filing, or a mark of the index."""

    id: str
    file: str
    text: str | None
    words: str | None = Field(description="that count for it: given or read")
    vienna_codes: list[str]
    year: int | None
    attributes: dict[str, str]


class RiskDocument(_Document):
    """What the register says beside likeness."""

    level: Literal["high", "medium", "low", "unknown"]
    reasons: list[str]


class ConflictDocument(_Document):
    """A filing and a mark that are too alike."""

    filing: Party
    mark: Party
    score: float = Field(ge=0, le=1)
    scores: Scores
    views: list[str]
    risk: RiskDocument
    left_out: int = Field(0, ge=0, description="how many more conflicts of the filing `top` left out")


class FilingAnswer(_Document):
    """What became of a filing."""

    id: str
    known: bool = Field(description="it was looked at before, and not again")
    outdated: bool = Field(description="it was looked at with another index, other settings or question")
    conflicts: list[ConflictDocument]


class NumberedConflict(ConflictDocument):
    """A conflict and its place among all."""

    number: int = Field(ge=1)


class ConflictsDocument(_Document):
    """A part of the conflicts found."""

    filings: int = Field(description="looked at by now")
    found: int = Field(description="conflicts found by now")
    conflicts: list[NumberedConflict]
    next: int = Field(description="give it as `after` to go on")


class Reloaded(_Document):
    """Whether another index serves now."""

    reloaded: bool


TextField = Annotated[
    str | None, Form(max_length=500, description="the name on the mark: counts beside the picture")
]
TopField = Annotated[int | None, Form(ge=1, description="how many hits; 10 if not given")]
OffsetField = Annotated[int, Form(ge=0, description="how many of the best hits to skip, for paging")]
MirroredField = Annotated[bool, Form(description="ask for the mirrored picture too")]
ReadField = Annotated[bool, Form(description="read the name off the picture, where text gives none")]
CropField = Annotated[
    str | None,
    Form(max_length=100, description="only a part: x,y,width,height in the picture's pixels or in percent"),
]
ViennaField = Annotated[
    list[str] | None,
    Form(max_length=50, description="only marks with this Vienna code or its beginning; repeat for 'or'"),
]
YearsField = Annotated[
    str | None, Form(max_length=30, description="only marks of these years: 2001 or 1998-2005")
]
WhereField = Annotated[
    list[str] | None,
    Form(max_length=50, description="only marks with this attribute: name=value; repeat for 'and'"),
]
AspectField = Annotated[
    Aspect, Form(description="what counts: everything, the shape alone, the colours alone, the words alone")
]
NoRerankField = Annotated[bool, Form(description="stop after stage 1: only compare the pictures as a whole")]
ExplainField = Annotated[bool, Form(description="also why each hit is one, patch by patch, sound by sound")]
ShowField = Annotated[bool, Form(description="also the query as the network saw it, as data: addresses")]
WeightField = Annotated[
    float | None,
    Form(
        ge=0,
        le=1000,
        allow_inf_nan=False,
        description="of this channel, over the service's or the aspect's",
    ),
]
