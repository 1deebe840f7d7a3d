"""Who carries a capture's partitions out: here, processes of this machine; a cluster in `capture_cluster`."""

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any, Protocol, Self

from signport.datasets.capture_part import look_at_partition
from signport.landmarks.worker_pool import Detectors

# Partitions handed out at a time, for each worker: one that it looks at, and one that waits.
AHEAD = 2


class Executor(AbstractContextManager, Protocol):
    """Carries partitions out, a bounded number at a time."""

    @property
    def state(self) -> str:
        """What the progress bar says of it: `2 workers`."""
        ...

    def run(self, job: dict[str, Any], partitions: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Has `capture_part.look_at_partition` carried out for each partition.

        Args:
            job: What is to be done, as JSON.
            partitions: Taken one by one, when there is room for them.

        Yields:
            What it returns, in the order in which partitions are finished.

        Raises:
            SignportError: As `look_at_partition`.
        """
        ...


class LocalProcesses:
    """Detector processes of this machine.

    Args:
        workers: Number of processes.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers

    @property
    def state(self) -> str:
        return counted_workers(self._workers)

    def run(self, job: dict[str, Any], partitions: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        waiting = iter(partitions)
        running: set[Future[dict[str, Any]]] = set()
        with Detectors() as detectors, ThreadPoolExecutor(self._workers) as threads:
            try:
                while True:
                    for partition in islice(waiting, AHEAD * self._workers - len(running)):
                        running.add(threads.submit(look_at_partition, job, partition, detectors))
                    if not running:
                        return
                    finished, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        yield future.result()
            finally:
                for future in running:
                    future.cancel()
                detectors.close()  # or the threads would first finish what they are looking at

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def counted_workers(number: int) -> str:
    """`1 worker`, `2 workers`."""
    return f"{number} worker{'' if number == 1 else 's'}"
