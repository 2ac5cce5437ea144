"""The watch as a resource: post new filings, fetch the conflicts found."""

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from pydantic import StringConstraints
from starlette.responses import Response

from marklens.api.answers import ALWAYS, FORM, described, json_answer, problems
from marklens.api.forms import KNOWN_FIELDS, FilterOf, ServiceOf
from marklens.api.schemas import ConflictsDocument, FilingAnswer, ReadField, TextField
from marklens.api.searching import plain_name
from marklens.api.watching import require_watch
from marklens.core.images import MAX_BYTES
from marklens.core.types import Mark
from marklens.questions import read_attributes, require_words
from marklens.watching.conflicts import Criteria

router = APIRouter(prefix="/watch", tags=["watch"], responses=ALWAYS)
AfterOf = Annotated[
    int, Query(ge=0, le=2**62, description="only conflicts of a higher number: `next` of the last answer")
]
LimitOf = Annotated[int, Query(ge=1, le=500, description="how many at most")]
LeastOf = Annotated[float, Query(ge=0, le=1, description="only conflicts of this score or higher")]


@router.post(
    "/filings",
    summary="Does this new filing come near to a mark of the index?",
    responses={**described(FilingAnswer, "Its conflicts, the best first."), **FORM, **problems(404, 415)},
    dependencies=[KNOWN_FIELDS],
)
async def file(
    request: Request,
    service: ServiceOf,
    wanted: FilterOf,
    image: Annotated[UploadFile, File(description="PNG, JPEG, WebP, GIF, TIFF, BMP or SVG")],
    id: Annotated[str, Form(min_length=1, max_length=500, description="the number of the filing")],
    text: TextField = None,
    attribute: Annotated[
        list[Annotated[str, StringConstraints(max_length=10_000)]] | None,
        Form(max_length=50, description="what is known of the filing: nice_classes=9 25, owner=ACME, …"),
    ] = None,
    threshold: Annotated[float, Form(ge=0, le=1, description="least score of a conflict")] = 0.6,
    name_threshold: Annotated[
        float | None, Form(ge=0, le=1, description="also marks whose names are so alike")
    ] = None,
    top: Annotated[int, Form(ge=1, le=500, description="how many conflicts at most")] = 10,
    read: ReadField = False,
) -> Response:
    """A filing is known by its id, its picture and its text; one that is known is not looked at again.

    `outdated` says that it was looked at with another index, other settings or other criteria. Needs a key
    of the scope write.
    """
    watch = require_watch(service.watch)
    if text is not None:
        require_words(text)
    data, name = await image.read(MAX_BYTES + 1), plain_name(image.filename)
    known = read_attributes(attribute or (), "attribute")
    filing = Mark(id, name, Path(name), text, attributes=known)
    criteria = Criteria(threshold, name_threshold, top, wanted, read)
    digest = sha256(data).hexdigest()
    answer = await service.inference.run(
        lambda stop: service.with_engine(
            lambda engine: watch.look(
                engine, filing, digest, lambda: service.decoder.decode(data), criteria, stop
            )
        ),
        request,
    )
    return json_answer(answer)


@router.get(
    "/conflicts",
    summary="The conflicts found, in the order in which they were found",
    responses={**described(ConflictsDocument, "A part of them."), **problems(404, 422)},
)
async def conflicts(
    service: ServiceOf, after: AfterOf = 0, limit: LimitOf = 100, least: LeastOf = 0.0
) -> Response:
    """Ask again with `after` = `next` to get what was found since."""
    watch = require_watch(service.watch)
    return json_answer(await asyncio.to_thread(watch.conflicts, after, limit, least))


@router.get(
    "/report",
    summary="The same as a report for people: a page or a table",
    response_class=Response,
    responses={200: {"content": {"text/html": {}, "text/csv": {}}}, **problems(404, 422)},
)
async def report(
    service: ServiceOf,
    after: AfterOf = 0,
    limit: LimitOf = 100,
    least: LeastOf = 0.0,
    format: Annotated[Literal["html", "csv"], Query(description="of the file")] = "html",
) -> Response:
    """A file to save: pictures side by side, scores by channel, reasons.

    Pictures last until `marklens watch` has written a report of the same state.
    """
    watch = require_watch(service.watch)
    make: Any = watch.page if format == "html" else watch.table
    text = await asyncio.to_thread(make, after, limit, least)
    headers = {"Content-Disposition": f'attachment; filename="conflicts.{format}"'}
    return Response(text.encode("utf-8", "replace"), media_type=f"text/{format}", headers=headers)
