"""What routes answer with, and how that is described in the OpenAPI document."""

import json
from typing import Any

from starlette.responses import Response

from marklens.api.problems import MEDIA_TYPE
from marklens.api.schemas import Problem
from marklens.engine import Engine

MEANINGS = {
    400: "The request cannot be read.",
    401: "No key, or one that does not open.",
    403: "The key has not the scope that this needs.",
    404: "There is no such mark, or its picture is gone.",
    408: "The upload was too slow.",
    413: "Too much was sent, or the picture has too many pixels.",
    415: "That is no picture.",
    422: "A field, a filter or the picture cannot be used.",
    429: "More requests than the key or the address may make.",
    503: "Too many searches wait, or the index or the database is away for now; Retry-After says when to "
    "come again.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The description of errors that a route may answer with."""
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema(ref_template="#/components/schemas/{model}")}}
    return {status: {"description": MEANINGS[status], "content": content} for status in statuses}


def described(model: type[Any], description: str) -> dict[int | str, dict[str, Any]]:
    """The description of a document."""
    return {200: {"model": model, "description": description}}


def to_json(document: Any) -> bytes:
    """JSON in UTF-8; a file name need not be valid UTF-8."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


def json_answer(document: Any) -> Response:
    """A document."""
    return Response(to_json(document), media_type="application/json")


def mark_document(engine: Engine, number: int) -> dict[str, Any]:
    """What the index knows of a mark, but for where its picture lies."""
    from dataclasses import asdict

    from marklens.datasets.vienna import described as named

    mark = engine.catalog.marks([number])[number]
    reading = engine.catalog.readings([number]).get(number)
    return {
        "id": mark.id,
        "file": mark.file,
        "text": mark.text,
        "read_text": None if reading is None else asdict(reading),
        "vienna_codes": list(mark.vienna_codes),
        "vienna": {code: named(code) for code in mark.vienna_codes},
        "year": mark.year,
        "attributes": dict(mark.attributes),
        "views": [kind.label for kind in engine.catalog.view_kinds([number]).get(number, ())],
    }


ALWAYS = problems(401, 403, 429, 503)
FORM = {**ALWAYS, **problems(400, 408, 413, 422)}
