"""The application: routes, door, page, and the watch over the index."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from loguru import logger
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

from marklens import __version__
from marklens.api.guard import Guard
from marklens.api.problems import ProblemError, answer_problem, problem_of
from marklens.api.routes import router
from marklens.api.service import Service
from marklens.api.watch_routes import router as watch_router
from marklens.core.errors import MarklensError

DESCRIPTION = """
Finds registered trademarks that look, and sound, like a given logo.

Errors are problem documents (RFC 9457, `application/problem+json`). Where the service has keys, send one as
`Authorization: Bearer KEY`. `RateLimit` headers tell how many requests are left. Scores run from 0 to 1; they
measure likeness and are not legal advice.
"""
PAGE_TYPES = {"index.html": "text/html", "app.js": "text/javascript", "style.css": "text/css"}


def create_app(service: Service) -> FastAPI:
    """The application of a service; it closes the service when it ends."""

    @asynccontextmanager
    async def living(_app: FastAPI) -> AsyncIterator[None]:
        watch = asyncio.create_task(_watch(service))
        yield
        watch.cancel()
        service.stopping = True
        await asyncio.to_thread(service.close)

    app = FastAPI(
        title="Marklens", version=__version__, description=DESCRIPTION, lifespan=living,
        docs_url=None, redoc_url=None, redirect_slashes=False,
    )  # fmt: skip
    app.state.service = service

    async def noted(request: Request, error: Exception) -> Response:
        unkept = isinstance(error, HTTPException) and isinstance(error.__cause__, OSError)
        if unkept:  # an upload could not be put down: no fault of the client's
            logger.error("an upload could not be kept: {}", error.__cause__)
            error = ProblemError(503, "no-room", "there is no room for uploads now", {"Retry-After": "5"})
        service.metrics.problem(problem_of(error).kind)
        return await answer_problem(request, error)

    for kind in (HTTPException, RequestValidationError, MarklensError):
        app.add_exception_handler(kind, noted)
    app.include_router(router)
    app.include_router(watch_router)
    app.add_middleware(Guard, service=service)
    if service.settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=service.settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "X-API-Key"],
            expose_headers=["RateLimit", "RateLimit-Policy", "Retry-After"],
        )
    return app


def add_page(app: FastAPI) -> None:
    """Serve the page at ``/`` and its files under ``/web/``."""
    folder = files("marklens.api") / "web"
    held = {name: (folder / name).read_bytes() for name in PAGE_TYPES}

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return Response(held["index.html"], media_type=PAGE_TYPES["index.html"])

    @app.get("/web/{name}", include_in_schema=False)
    async def page_file(name: str) -> Response:
        if name not in held:
            raise ProblemError(404, "not-found", "the page has no such file")
        return Response(held[name], media_type=PAGE_TYPES[name], headers={"Cache-Control": "no-cache"})


async def _watch(service: Service) -> None:
    while True:
        await asyncio.to_thread(service.index.follow)
        await asyncio.sleep(service.settings.reload)
