"""What can be asked of the service."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Request, UploadFile
from starlette.responses import Response, StreamingResponse

from marklens.api.answers import ALWAYS, FORM, described, json_answer, mark_document, problems
from marklens.api.batches import batch_lines
from marklens.api.forms import KNOWN_FIELDS, FilterOf, FilterQuery, PageOf, SearchOptions, ServiceOf
from marklens.api.metrics import CONTENT_TYPE
from marklens.api.pictures import mark_picture, mark_thumbnail, mark_view
from marklens.api.problems import ProblemError
from marklens.api.schemas import (
    BatchLine,
    ExplainField,
    FacetsDocument,
    MarkDocument,
    Reloaded,
    SearchAnswer,
    State,
    TextAnswer,
    VersionDocument,
)
from marklens.api.searching import Options, mark_number
from marklens.api.service import Service, Work
from marklens.core.images import MAX_BYTES
from marklens.core.types import by_channel
from marklens.engine import Engine
from marklens.questions import require_words

PICTURES = 20
"""Of one mark; a worker is busy with all of them."""
KEPT = {"Cache-Control": "private, max-age=300"}
"""Of pictures: a changed index shows its new ones after five minutes."""


router = APIRouter(responses=ALWAYS)


@router.post(
    "/search",
    tags=["search"],
    dependencies=[KNOWN_FIELDS],
    summary="Which marks look like this picture?",
    responses={**described(SearchAnswer, "The hits, best first."), **FORM, **problems(404, 415)},
)
async def search(
    request: Request,
    service: ServiceOf,
    options: SearchOptions,
    image: Annotated[
        list[UploadFile] | None,
        File(description="PNG, JPEG, WebP, GIF, TIFF, BMP or SVG; repeat for several of one mark"),
    ] = None,
    mark_id: Annotated[str | None, Form(max_length=500, description="a mark of the index instead")] = None,
) -> Response:
    """Give a picture, or the id of a mark. The answer is that of `marklens search --json`.

    Of several pictures of one mark the best counts.
    """
    images = image or []
    if bool(images) == (mark_id is not None):
        raise ProblemError(422, "invalid", "give either image, a picture, or mark_id, a mark of the index")
    if len(images) > PICTURES:
        raise ProblemError(422, "too-many-pictures", f"at most {PICTURES} pictures of one mark")
    if mark_id is not None:
        return await _searched(service, request, options, lambda searcher: searcher.mark(mark_id))
    if len(images) > 1:
        service.rates.charge(*_who(request), len(images) - 1)
    uploads = [(await each.read(MAX_BYTES + 1), each.filename) for each in images]
    return await _searched(service, request, options, lambda searcher: searcher.uploads(uploads))


@router.post(
    "/batch",
    tags=["search"],
    dependencies=[KNOWN_FIELDS],
    summary="Many pictures, answered one JSON line each",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "A line for each picture, in their order; a bad picture costs its own line only.",
            "content": {"application/x-ndjson": {"schema": BatchLine.model_json_schema()}},
        },
        **FORM,
    },
)
async def batch(
    request: Request,
    service: ServiceOf,
    options: SearchOptions,
    image: Annotated[list[UploadFile], File(description="the pictures: repeat the field")],
) -> Response:
    """The options hold for every picture."""
    if len(image) > service.settings.batch:
        raise ProblemError(422, "too-many-pictures", f"at most {service.settings.batch} pictures")
    if len(image) > 1:
        service.rates.charge(*_who(request), len(image) - 1)
    return StreamingResponse(batch_lines(service, image, options), media_type="application/x-ndjson")


@router.post(
    "/search/text",
    tags=["search"],
    dependencies=[KNOWN_FIELDS],
    summary="Which marks are called like this?",
    responses={**described(TextAnswer, "The hits, best first."), **FORM},
)
async def search_text(
    request: Request,
    service: ServiceOf,
    text: Annotated[str, Form(max_length=500, description="the name to search for")],
    page: PageOf,
    wanted: FilterOf,
    explain: ExplainField = False,
) -> Response:
    """The answer is that of `marklens search-text --json`."""
    require_words(text)
    options = Options(page[0], page[1], wanted=wanted, explain=explain)
    return await _searched(service, request, options, lambda searcher: searcher.name(text))


@router.get(
    "/marks/{id:path}/picture",
    tags=["marks"],
    summary="The picture of a mark, as PNG",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}, **problems(404)},
)
async def picture(request: Request, id: str, service: ServiceOf) -> Response:
    """At most 512 pixels a side, whatever the file holds."""
    data = await _looked(service, request, lambda engine: mark_picture(engine, mark_number(engine, id)))
    return Response(data, media_type="image/png", headers=KEPT)


@router.get(
    "/marks/{id:path}/thumbnail",
    tags=["marks"],
    summary="A small picture of a mark, as WebP",
    response_class=Response,
    responses={200: {"content": {"image/webp": {}}}, **problems(404)},
)
async def thumbnail(request: Request, id: str, service: ServiceOf) -> Response:
    """At most 224 pixels a side."""

    def look(engine: Engine) -> bytes:
        number = mark_number(engine, id)
        key = engine.token, number
        return service.thumbnails.get(key, lambda: mark_thumbnail(engine, number))

    return Response(await _looked(service, request, look), media_type="image/webp", headers=KEPT)


@router.get(
    "/marks/{id:path}/views/{kind}",
    tags=["marks"],
    summary="What the network saw of a mark, as WebP",
    response_class=Response,
    responses={200: {"content": {"image/webp": {}}}, **problems(404)},
)
async def view(
    request: Request, id: str, kind: Literal["full", "figurative", "inner"], service: ServiceOf
) -> Response:
    """The square that the patches of `explain` lie on, 7 by 7."""
    data = await _looked(service, request, lambda engine: mark_view(engine, mark_number(engine, id), kind))
    return Response(data, media_type="image/webp", headers=KEPT)


@router.get(
    "/marks/{id:path}",
    tags=["marks"],
    summary="What the index knows of a mark",
    responses={**described(MarkDocument, "The mark."), **problems(404)},
)
async def mark(request: Request, id: str, service: ServiceOf) -> Response:
    """All but where its picture lies."""
    return json_answer(
        await _looked(service, request, lambda engine: mark_document(engine, mark_number(engine, id)))
    )


@router.get(
    "/facets",
    tags=["marks"],
    summary="How many marks there are for each value",
    responses={**described(FacetsDocument, "Counts of the marks that satisfy the filter."), **problems(422)},
)
async def facets(request: Request, service: ServiceOf, wanted: FilterQuery) -> Response:
    """Vienna codes by division; of each attribute the hundred most frequent values."""

    def count(engine: Engine) -> dict[str, Any]:
        from marklens.datasets.vienna import described as named

        found, allowed = engine.catalog.facets(wanted), engine.catalog.allowed(wanted)
        return {
            "marks": engine.catalog.counts().marks if allowed is None else int(allowed.sum()),
            "vienna": {code: {"name": named(code), "count": count} for code, count in found.vienna.items()},
            "years": {str(year): count for year, count in found.years.items()},
            "attributes": {name: dict(values) for name, values in found.attributes.items()},
        }

    return json_answer(await _looked(service, request, count))


@router.get("/health", tags=["service"], summary="Does the process live?", responses=described(State, "Yes."))
async def health() -> Response:
    """For whoever restarts it."""
    return json_answer({"status": "alive"})


@router.get(
    "/ready",
    tags=["service"],
    summary="Is the index open and the network warm?",
    responses={**described(State, "Yes."), **problems(503)},
)
async def ready(service: ServiceOf) -> Response:
    """For whoever sends requests here."""
    if service.stopping or not service.index.ready:
        raise ProblemError(503, "not-ready", "the index is not open", {"Retry-After": "2"})
    return json_answer({"status": "ready"})


@router.get(
    "/metrics",
    tags=["service"],
    summary="Meters for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
async def metrics(service: ServiceOf) -> Response:
    """Times by stage and route, errors by kind, the queue, the index."""
    return Response(
        await asyncio.to_thread(service.metrics.exposition), headers={"Content-Type": CONTENT_TYPE}
    )


@router.get(
    "/version",
    tags=["service"],
    summary="What runs here",
    responses=described(VersionDocument, "The versions."),
)
async def version(request: Request, service: ServiceOf) -> Response:
    """Marklens, the network, the index."""

    def look(engine: Engine) -> dict[str, Any]:
        from marklens import __version__

        recipe = engine.recipe
        weights = by_channel(engine.weights)
        return {
            "marklens": __version__,
            "marks": engine.catalog.counts().marks,
            "model": recipe["model"]["hash"],
            "preprocessing": recipe["preprocessing"]["version"],
            "weights": weights,
            "reranks": engine.reranks,
            "top": service.settings.top,
        }

    return json_answer(await _looked(service, request, look))


@router.post(
    "/reload",
    tags=["service"],
    summary="Look now whether the index was changed",
    responses=described(Reloaded, "Whether another index serves now."),
)
async def reload(service: ServiceOf) -> Response:
    """Needs a key of the scope write. The service looks by itself too, every two seconds."""
    return json_answer({"reloaded": await asyncio.to_thread(service.refresh)})


async def _searched(service: Service, request: Request, options: Options, work: Work) -> Response:
    document = await service.inference.run(lambda stop: service.search(work, options, stop), request)
    service.metrics.stages(document["timings_ms"])
    return json_answer(document)


def _who(request: Request) -> tuple[str, str]:
    """Whose rate a request counts for: its key's, else its address's."""
    key = request.scope.get("marklens.key")
    if key is not None:
        return "key", key.id
    return "address", request.client.host if request.client else "unknown"


async def _looked(service: Service, request: Request, work: Callable[[Engine], Any]) -> Any:
    """Short work beside the searches."""
    return await service.pictures.run(lambda _: service.with_engine(work), request)
