"""A Dask cluster that carries a capture's partitions out.

The scheduler is `dask scheduler`, its workers are `dask worker tcp://HOST:8786 --nworkers N --nthreads 1` on as many
machines as there are; each needs signport, and all must see inputs and output at the same paths.

Dask's processes talk to each other in pickles: whoever reaches the scheduler can run code on every worker and on the
machine that captures. Join only clusters that you trust, in a closed network or with TLS: `tls://HOST:8786`, whose
certificates come from Dask's own configuration (`distributed.comm.tls`).
"""

import contextlib
import importlib
import re
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from functools import cache
from itertools import chain, count, islice
from typing import TYPE_CHECKING, Any, Self

from signport.datasets.capture_connection import (
    CLOSE_S,
    CONNECT_S,
    UNREACHABLE,
    check_certificates,
    connect,
    import_distributed,
)
from signport.datasets.capture_executor import AHEAD, counted_workers
from signport.datasets.capture_part import join_parts, write_part
from signport.errors import SignportError, first_line

if TYPE_CHECKING:
    from distributed import Future

# The status of a file at which workers died again and again, although nothing else was being looked at.
KILLED_WORKER = "killed the worker"

_ADDRESS = r"(tcp|tls)://.+:\d+"
# After a loss: seconds between attempts, from the first to the longest, and when to give up.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _PATIENCE_S = 1.0, 30.0, 600.0
# How often the scheduler is asked for its workers, and how long a dead connection goes unnoticed at most.
_LOOK_S = 2.0
_SETTLE_S = 1.0


class _ConnectionLostError(Exception):
    """The scheduler is gone, and with it all that it was to do."""


class DaskCluster:
    """The workers of a Dask scheduler.

    A worker that dies is Dask's business: it hands the partition to another. A partition at which workers keep dying is
    put aside to the end, when its files are looked at one by one and alone. Where the scheduler is lost, the connection
    is made again and whatever is unfinished is handed out again.

    Args:
        address: `tcp://HOST:PORT` or `tls://HOST:PORT`.

    Raises:
        SignportError: Dask is not installed, the scheduler cannot be reached, or its software differs.
    """

    def __init__(self, address: str) -> None:
        if not re.fullmatch(_ADDRESS, address):
            raise SignportError(f"cluster is {address!r}; give a scheduler's address, such as tcp://HOST:8786")
        self._address = address
        self._threads: dict[str, int] = {}
        self._looked = 0.0
        import_distributed()
        check_certificates(address)
        try:
            self._client = connect(address)
        except UNREACHABLE as error:
            raise SignportError(
                f"{address}: no Dask scheduler answers there ({first_line(error)}); start one with `dask scheduler`"
            ) from None

    @property
    def state(self) -> str:
        return counted_workers(len(self._threads))

    def run(self, job: dict[str, Any], partitions: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        suspects: list[dict[str, Any]] = []
        yield from self._persistently(job, partitions, suspects)
        for partition in suspects:
            yield self._one_by_one(job, partition)

    def _one_by_one(self, job: dict[str, Any], partition: dict[str, Any]) -> dict[str, Any]:
        """Looks at each file of a partition alone in the whole cluster; who kills workers now does it by itself."""
        keys: list[str] = []
        for number, file in enumerate(partition["files"]):
            piece: dict[str, Any] = {"key": f"{partition['key']}-{number}", "files": [file]}
            killers: list[dict[str, Any]] = []
            for _ in self._persistently(job, [piece], killers):
                pass
            if killers:
                print(f"{file[0]}: Dask's workers died of this file; passed over", file=sys.stderr)
                write_part(job, piece, [{"status": KILLED_WORKER}])
            keys.append(piece["key"])
        return join_parts(job, partition, keys).summary(partition["key"])

    def _persistently(
        self, job: dict[str, Any], partitions: Iterable[dict[str, Any]], suspects: list[dict[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        """Has partitions carried out, over any number of lost connections."""
        waiting = iter(partitions)
        while True:
            futures: dict[Future, dict[str, Any]] = {}
            try:
                yield from self._hand_out(job, waiting, futures, suspects)
            except _ConnectionLostError:
                waiting = chain(list(futures.values()), waiting)
                self._reconnect()
            else:
                return

    def _hand_out(
        self,
        job: dict[str, Any],
        waiting: Iterator[dict[str, Any]],
        futures: dict["Future", dict[str, Any]],
        suspects: list[dict[str, Any]],
    ) -> Iterator[dict[str, Any]]:
        """Keeps as many partitions handed out as there is room for.

        Args:
            job: The job.
            waiting: The partitions.
            futures: Those that are handed out; after a loss, those that it concerns.
            suspects: Takes those at which workers keep dying.

        Raises:
            _ConnectionLostError: The scheduler is gone.
        """
        from distributed import KilledWorker

        finished = threading.Event()
        while True:
            for partition in islice(waiting, max(0, self._room() - len(futures))):
                futures[self._submit(job, partition, finished)] = partition
            if not futures:
                return
            finished.wait(_LOOK_S)
            finished.clear()
            for future in [one for one in futures if one.status != "pending"]:
                try:
                    summary = future.result(timeout=CONNECT_S)
                except KilledWorker:
                    suspects.append(futures.pop(future))
                except (CancelledError, TimeoutError, OSError) as error:
                    raise _ConnectionLostError from error
                except ModuleNotFoundError as error:
                    raise SignportError(
                        f"{self._address}: a worker lacks the module {error.name}; install signport on every worker"
                    ) from None
                else:
                    del futures[future]
                    yield summary
            if self._client.status != "running":
                raise _ConnectionLostError

    def _submit(self, job: dict[str, Any], partition: dict[str, Any], finished: threading.Event) -> "Future":
        name = f"signport-{job['token']}-{partition['key']}"
        future = self._client.submit(_look_at_partition, job, partition, key=name, pure=False)
        future.add_done_callback(lambda _: finished.set())
        return future

    def _room(self) -> int:
        """How many partitions to have handed out; the number of workers may change at any time."""
        if time.monotonic() - self._looked > _LOOK_S:
            try:
                threads = self._client.nthreads()
            except (CancelledError, TimeoutError, OSError) as error:
                raise _ConnectionLostError from error
            if not threads and (self._threads or not self._looked):
                print(f"{self._address}: no workers; waiting for some (`dask worker {self._address}`)", file=sys.stderr)
            self._threads, self._looked = dict(threads), time.monotonic()
        return AHEAD * max(1, sum(self._threads.values()))

    def _reconnect(self) -> None:
        self._close()
        start = time.monotonic()
        for attempt in count():
            pause = min(_FIRST_PAUSE_S * 2**attempt, _LONGEST_PAUSE_S)
            print(f"{self._address}: scheduler lost; trying again in {pause:.0f} s", file=sys.stderr)
            time.sleep(pause)
            try:
                self._client = connect(self._address)
            except UNREACHABLE:
                if time.monotonic() - start > _PATIENCE_S:
                    raise SignportError(
                        f"{self._address}: the scheduler did not come back in {_PATIENCE_S / 60:.0f} minutes; start "
                        "again to go on from here"
                    ) from None
            else:
                self._looked = 0.0
                print(f"{self._address}: connected again", file=sys.stderr)
                return

    def _close(self) -> None:
        with contextlib.suppress(*UNREACHABLE):
            self._client.close(timeout=CLOSE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()


def _look_at_partition(job: dict[str, Any], partition: dict[str, Any]) -> dict[str, Any]:
    """The task."""
    importlib.import_module("signport.datasets.capture_cluster").settle()
    found: dict[str, Any] = importlib.import_module("signport.datasets.capture_part").look_at_partition(job, partition)
    return found


# So that it travels by value (cloudpickle's rule for a script's own functions): a worker that gets a function which it
# cannot import ends, and Dask takes the partition for what killed it.
_look_at_partition.__module__ = "__main__"


@cache
def settle() -> None:
    """Lets a worker's first second pass: Dask's nanny gives up a worker that dies while it is still starting it."""
    time.sleep(_SETTLE_S)
