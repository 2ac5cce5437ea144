"""Errors as problem documents (RFC 9457); none tells a path or shows a trace."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from loguru import logger
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from marklens.core.errors import ArtifactError, DatabaseError, MarklensError, PictureError, UsageError

GONE = 499
"""What nginx logs where the client went away; nobody reads the answer, and HTTP knows no such status."""
MEDIA_TYPE = "application/problem+json"
PICTURE_STATUS = {"not-a-picture": 415, "too-large": 413, "killed": 503, "machine": 503}
"""Of pictures that cannot be used; any other kind is 422."""
SAFE_KINDS = frozenset(
    {
        "empty",
        "too-large",
        "too-small",
        "crop",
        "blank",
        "not-a-picture",
        "changed",
        "hung",
        "crashed",
        "machine",
        "slow",
        "killed",
    }
)
"""Kinds whose reasons we wrote ourselves; those of decoders may tell anything."""


class ProblemError(HTTPException):
    """An answer that is an error.

    Args:
        status: of HTTP.
        kind: a short stable word for programs.
        detail: one sentence for a person.
        headers: of the answer.
        **more: further members of the document.
    """

    def __init__(
        self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.kind, self.more = kind, more

    def document(self) -> dict[str, Any]:
        """As RFC 9457 has it."""
        return {
            "type": f"urn:marklens:problem:{self.kind}",
            "title": "Client Gone" if self.status_code == GONE else HTTPStatus(self.status_code).phrase,
            "status": self.status_code,
            "detail": self.detail,
            **self.more,
        }

    def response(self) -> Response:
        """The answer."""
        body = json.dumps(self.document(), ensure_ascii=False).encode("utf-8", "replace")
        return Response(body, self.status_code, self.headers, MEDIA_TYPE)


def problem_of(error: Exception) -> ProblemError:
    """Any error as an answer."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, PictureError):
        reason = error.reason if error.kind in SAFE_KINDS else "the picture is damaged"
        status = PICTURE_STATUS.get(error.kind, 422)
        headers = {"Retry-After": "1"} if status == 503 else None
        return ProblemError(status, f"picture-{error.kind}", reason, headers)
    if isinstance(error, UsageError):
        return ProblemError(422, "wrong-call", str(error))
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        return ProblemError(error.status_code, kind, error.detail, error.headers)
    if isinstance(error, ArtifactError):
        logger.warning("{}", error)
        return ProblemError(
            503, "index-changing", "the index is being changed: try again", {"Retry-After": "2"}
        )
    if isinstance(error, DatabaseError):
        logger.error("{}", error)
        return ProblemError(
            503, "database-away", "the database does not answer: try again", {"Retry-After": "5"}
        )
    if isinstance(error, MarklensError):
        logger.error("{}: {}", type(error).__name__, error)
        return ProblemError(500, "failed", "the work failed; the log of the service says why")
    logger.opt(exception=error).error("unexpected {}", type(error).__name__)
    return ProblemError(500, "unexpected", "something went wrong; the log of the service says what")


async def answer_problem(_request: Request, error: Exception) -> Response:
    """The handler of all errors."""
    return problem_of(error).response()


def _invalid(error: RequestValidationError) -> ProblemError:
    errors = [
        {"field": ".".join(str(part) for part in each["loc"][1:]), "message": each["msg"]}
        for each in error.errors()
    ]
    said = "; ".join(f"{each['field']}: {each['message']}" for each in errors)
    return ProblemError(422, "invalid", said or "the request is not valid", errors=errors)
