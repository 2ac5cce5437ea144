"""Describes marks on a Ray cluster: actors make views on every core, others run the network, a GPU each."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any, Self

from loguru import logger

from marklens.core.errors import ClusterError
from marklens.core.resources import StopFlag
from marklens.embeddings.view_describer import ViewDescriber
from marklens.indexing.chunks import Chunk
from marklens.indexing.describing import Task
from marklens.indexing.ray_actors import (
    Described,
    DescribingActor,
    Failed,
    Flag,
    GivenUp,
    PreparingActor,
    packed,
    unpacked,
)
from marklens.indexing.ray_cluster import Cluster, connected, last_line, shares
from marklens.preprocessing.prepared import Preparer

LOOK_SECONDS = 0.2
"""Between two looks at the stop flag."""


class RayRunner:
    """Turns tasks into chunks on a cluster. Only this process writes into the index folder.

    Args:
        cluster: where.
        prepare: makes a preparer on a machine of the cluster; must survive pickling.
        describe: makes a describer there; must survive pickling.
        stop: when it is set, the actors finish what they have in hand and give up the rest.
    """

    def __init__(
        self,
        cluster: Cluster,
        prepare: Callable[[], Preparer],
        describe: Callable[[], ViewDescriber],
        stop: StopFlag,
    ) -> None:
        self._cluster, self._prepare, self._describe, self._stop = cluster, prepare, describe, stop
        self._open = ExitStack()
        self._ray: Any = None
        self._flag: Any = None
        self.seconds: defaultdict[str, float] = defaultdict(float)
        """Time by stage, of all actors together."""

    def __enter__(self) -> Self:
        self._ray = self._open.enter_context(connected(self._cluster.address))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Chunk]]:
        """Yield every task with its chunk, whichever is finished first.

        All tasks are taken at the start: a Ray dataset cannot grow.

        Raises:
            ClusterError: a machine cannot do its work, or Ray gives up.
        """
        rows = [packed([task]) for task in tasks]
        if not rows or self._stop:
            return
        logger.info("{} chunks go to the cluster", len(rows))
        for content in self._results(rows):
            if isinstance(content, Failed):
                raise ClusterError(content.reason)
            if isinstance(content, GivenUp):
                continue
            assert isinstance(content, Described)
            for stage, spent in content.seconds.items():
                self.seconds[stage] += spent
            yield content.task, content.chunk

    def _results(self, rows: list[Any]) -> Iterator[Any]:
        """What comes out of the flow of these rows."""
        self._flag = self._ray.remote(num_cpus=0)(Flag).remote()
        self._open.enter_context(self._watching())
        flow = iter(self._flow(rows).iter_batches(batch_size=None, batch_format="pyarrow"))
        self._open.enter_context(closing(flow))  # however this ends, before the connection does
        try:
            for batch in flow:
                yield from unpacked(batch)
        except Exception as error:  # Ray's have nothing in common
            raise ClusterError(f"Ray gave up: {last_line(error)}") from error

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """Hand the stop flag on to the actors; this thread is waiting for Ray."""
        left = threading.Event()

        def watch() -> None:
            while not left.wait(LOOK_SECONDS):
                if self._stop:
                    self._flag.set.remote()
                    return

        watcher = threading.Thread(target=watch, name="ray-stop", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            left.set()
            watcher.join()

    def _flow(self, rows: list[Any]) -> Any:
        """The Ray dataset of the finished chunks; nothing runs yet."""
        pools, held = self._ray.data.ActorPoolStrategy, shares(self._ray, self._cluster)
        flow = self._ray.data.from_arrow(rows)
        flow.context.enable_progress_bars = flow.context.print_on_execution_start = False
        # actors that die while they start are replaced, as with their machine
        flow.context.max_consecutive_actor_init_deaths = held.workers + held.actors
        # a pool may shrink: idle actors make room for one whose machine is lost and that waits for another
        preparing = pools(min_size=1, initial_size=held.workers, max_size=held.workers)
        describing = pools(min_size=1, initial_size=held.actors, max_size=held.actors)
        return flow.map_batches(
            PreparingActor,
            fn_constructor_args=(self._prepare, self._flag),
            compute=preparing,
            num_cpus=1,
            batch_size=None,
            batch_format="pyarrow",
        ).map_batches(
            DescribingActor,
            fn_constructor_args=(self._describe, self._flag),
            compute=describing,
            num_cpus=0,  # or preparing actors could take every core and wait for it forever
            num_gpus=held.gpus,
            batch_size=None,
            batch_format="pyarrow",
        )
