"""Many pictures in one request: answered one line each, in their order, as they are done."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi import UploadFile

from marklens.api.answers import to_json
from marklens.api.problems import problem_of
from marklens.api.searching import Options, plain_name
from marklens.api.service import Service
from marklens.core.images import MAX_BYTES

WAIT_SECONDS = 0.02
"""Between two looks whether there is room in the queue."""


async def batch_lines(
    service: Service, images: Sequence[UploadFile], options: Options
) -> AsyncIterator[bytes]:
    """The lines of the answer; as many pictures are under way as there are workers.

    A batch never fills the queue: it waits for room, so that single searches go on beside it.
    """
    waiting = deque(enumerate(images))
    ahead: deque[asyncio.Task[dict[str, Any]]] = deque()
    try:
        while waiting or ahead:
            while waiting and len(ahead) < service.settings.workers:
                ahead.append(asyncio.create_task(_line(service, *waiting.popleft(), options)))
            yield to_json(await ahead.popleft()) + b"\n"
    finally:
        for task in ahead:
            task.cancel()


async def _line(service: Service, index: int, image: UploadFile, options: Options) -> dict[str, Any]:
    line: dict[str, Any] = {"index": index, "file": plain_name(image.filename)}
    try:
        data = await image.read(MAX_BYTES + 1)
        answer = await _when_there_is_room(service, data, image.filename, options)
        service.metrics.stages(answer["timings_ms"])
        return {**line, "answer": answer}
    except Exception as error:
        problem = problem_of(error)
        service.metrics.problem(problem.kind)
        return {**line, "problem": problem.document()}


async def _when_there_is_room(
    service: Service, data: bytes, name: str | None, options: Options
) -> dict[str, Any]:
    try:
        async with asyncio.timeout(service.settings.timeout):
            while service.inference.full:
                await asyncio.sleep(WAIT_SECONDS)
    except TimeoutError:
        raise service.inference.refusal() from None
    return await service.inference.run(
        lambda stop: service.search(lambda searcher: searcher.uploads([(data, name)]), options, stop)
    )
