"""Fields of a form become the options of a search."""

from typing import Annotated

from fastapi import Depends, Query, Request

from marklens.api.problems import ProblemError
from marklens.api.schemas import (
    AspectField,
    CropField,
    ExplainField,
    MirroredField,
    NoRerankField,
    OffsetField,
    ReadField,
    ShowField,
    TextField,
    TopField,
    ViennaField,
    WeightField,
    WhereField,
    YearsField,
)
from marklens.api.searching import Options
from marklens.api.service import Service
from marklens.core.types import Filter
from marklens.questions import make_filter, read_crop, require_words


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    service: Service = request.app.state.service
    return service


ServiceOf = Annotated[Service, Depends(service_of)]


def page_fields(service: ServiceOf, top: TopField = None, offset: OffsetField = 0) -> tuple[int, int]:
    """How many hits, and how many to skip.

    Raises:
        ProblemError: more than the service gives.
    """
    if top is None:
        top = max(1, min(10, service.settings.top - offset))
    if top + offset > service.settings.top:
        raise ProblemError(422, "too-deep", f"top and offset together are at most {service.settings.top}")
    return top, offset


def filter_fields(vienna: ViennaField = None, years: YearsField = None, where: WhereField = None) -> Filter:
    """What every hit must satisfy."""
    return make_filter(vienna or (), years, where or (), before="")


def filter_query(
    vienna: Annotated[list[str] | None, Query(max_length=50)] = None,
    years: Annotated[str | None, Query(max_length=30)] = None,
    where: Annotated[list[str] | None, Query(max_length=50)] = None,
) -> Filter:
    """The same in an address."""
    return make_filter(vienna or (), years, where or (), before="")


def weight_fields(
    weight_global: WeightField = None,
    weight_spatial: WeightField = None,
    weight_text: WeightField = None,
    weight_color: WeightField = None,
) -> dict[str, float]:
    """The weights that were given, by channel."""
    named = {"global": weight_global, "spatial": weight_spatial, "text": weight_text, "color": weight_color}
    return {name: value for name, value in named.items() if value is not None}


def search_fields(
    page: Annotated[tuple[int, int], Depends(page_fields)],
    wanted: Annotated[Filter, Depends(filter_fields)],
    weights: Annotated[dict[str, float], Depends(weight_fields)],
    text: TextField = None,
    read: ReadField = False,
    crop: CropField = None,
    no_rerank: NoRerankField = False,
    explain: ExplainField = False,
    show_views: ShowField = False,
    aspect: AspectField = "composite",
    mirrored: MirroredField = False,
) -> Options:
    """All options of a search by picture.

    Raises:
        UsageError: one of them makes no sense.
    """
    if text is not None:
        require_words(text)
    part = read_crop(crop, before="")
    top, offset = page
    options = Options(
        top,
        offset,
        text,
        read,
        crop,
        part,
        wanted,
        not no_rerank,
        explain,
        show_views,
        weights,
        aspect,
        mirrored,
    )
    options.question((b"",))  # refused now, rather than when its turn has come
    return options


async def known_fields(request: Request) -> None:
    """Refuse fields that the description does not name: one that is misspelt would be without effect.

    Raises:
        ProblemError: there are some.
    """
    described = request.app.openapi()
    asked = described["paths"][request.scope["route"].path][request.method.lower()]
    (content,) = asked["requestBody"]["content"].values()
    known = described["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]["properties"]
    unknown = sorted({name for name in await request.form() if name not in known})
    if unknown:
        named = ", ".join(name[:50] for name in unknown[:5])
        errors = [{"field": name[:50], "message": "there is no such field"} for name in unknown[:5]]
        raise ProblemError(
            422, "unknown-field", f"there is no field {named}: fields are {', '.join(known)}", errors=errors
        )


KNOWN_FIELDS = Depends(known_fields)
SearchOptions = Annotated[Options, Depends(search_fields)]
PageOf = Annotated[tuple[int, int], Depends(page_fields)]
FilterOf = Annotated[Filter, Depends(filter_fields)]
FilterQuery = Annotated[Filter, Depends(filter_query)]
