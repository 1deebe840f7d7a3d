"""The processes that look at pictures and clips, seen from the service.

A process holds one job at a time, and one that crashes, or has not answered when a request's time is up, is killed and
replaced: that request gets an error, the service and all others don't notice. There are two ways to have one:

- `WorkerPool.ask`: whichever is idle. Requests that find none wait in line.
- `LiveWorkers.lease`: one for as long as a live connection lasts, because following a body needs the frames before.
  These are processes of their own, started when the first such connection comes, so that live connections can never use
  up what requests need.

A live connection to a model of one hand has no lease: every picture stands alone, any worker can look at it, and a few
workers serve many cameras.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator

from signport.service.worker import LookingOptions
from signport.service.worker_process import Reply, WorkerDiedError, WorkerProcess, WorkerTimeoutError

_log = logging.getLogger(__name__)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
# A worker that answered so lately needs no ping to be believed.
_TRUSTED_S, _PING_S = 10.0, 2.0


class PoolFullError(Exception):
    """As many requests wait as may."""


class WorkerPool:
    """A fixed number of workers, each replaced when it ends.

    Attributes:
        waiting: Jobs that wait for a worker.
        on_restart: Called when a worker has ended and is replaced.
    """

    def __init__(self, options: LookingOptions, size: int, queue_length: int, seconds: float) -> None:
        """Prepares; `start` starts.

        Args:
            options: What every worker is started with.
            size: Number of workers.
            queue_length: Jobs that may wait for one.
            seconds: Time for one job, its wait included.
        """
        self._options = options
        self._size = size
        self._most = size + queue_length
        self._seconds = seconds
        self._workers: set[WorkerProcess] = set()
        self._idle: asyncio.Queue[WorkerProcess] = asyncio.Queue()
        self._keepers: list[asyncio.Task[None]] = []
        self._admitted = 0
        self.waiting = 0
        self.on_restart: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Starts the workers, and does not wait for them."""
        self._keepers = [asyncio.create_task(self._keep()) for _ in range(self._size)]

    async def close(self) -> None:
        """Ends all workers, whatever they are doing."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    @property
    def ready(self) -> int:
        """Workers that can answer, busy or idle."""
        return sum(worker.is_alive for worker in self._workers)

    @property
    def busy(self) -> int:
        """Workers that are looking at something."""
        return sum(worker.is_alive and worker.is_busy for worker in self._workers)

    async def _keep(self) -> None:
        """Has one worker running at all times."""
        pause = _FIRST_PAUSE_S
        while True:
            try:
                worker = await WorkerProcess.start(self._options)
            except (WorkerDiedError, OSError) as error:
                _log.error("a worker does not start: %s", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
                continue
            pause = _FIRST_PAUSE_S
            self._workers.add(worker)
            self._idle.put_nowait(worker)
            try:
                status = await worker.process.wait()
            finally:
                self._workers.discard(worker)
                await worker.end()
            self.on_restart()
            _log.warning("worker %d ended with status %d; another takes its place", worker.process.pid, status)

    @contextlib.contextmanager
    def admit(self) -> Iterator[None]:
        """Holds one of the places at work or in line: taken before an upload is read, so that uploads are bounded too.

        Raises:
            PoolFullError: None is left.
        """
        if self._admitted >= self._most:
            raise PoolFullError
        self._admitted += 1
        try:
            yield
        finally:
            self._admitted -= 1

    async def ask(self, job: str, payload: bytes, seconds: float | None = None) -> Reply:
        """Has a job done by the next idle worker.

        Args:
            job: What to do with it: `picture`, `clip`.
            payload: The picture or clip.
            seconds: Time for it, its wait included; None takes the pool's.

        Raises:
            PoolFullError: No worker had time for it.
            WorkerTimeoutError: The worker did not finish in time.
            WorkerDiedError: The worker's process ended.
        """
        deadline = time.monotonic() + (self._seconds if seconds is None else seconds)
        worker = await self._next_idle(deadline)
        try:
            return await worker.ask(job, payload, deadline - time.monotonic())
        finally:
            if worker.is_alive:
                self._idle.put_nowait(worker)

    async def _next_idle(self, deadline: float) -> WorkerProcess:
        self.waiting += 1
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                while not (worker := await self._idle.get()).is_alive:
                    pass
        except TimeoutError:
            raise PoolFullError from None
        finally:
            self.waiting -= 1
        return worker

    async def is_healthy(self) -> bool:
        """Whether a worker answers: one that has lately, or is at work within its time, or does now."""
        if self.ready == 0:
            return False
        try:
            worker = self._idle.get_nowait()
        except asyncio.QueueEmpty:
            return True
        try:
            if worker.is_alive and time.monotonic() - worker.answered > _TRUSTED_S:
                await worker.ask("ping", b"", _PING_S)
        except (WorkerTimeoutError, WorkerDiedError):
            return self.ready > 1
        finally:
            if worker.is_alive:
                self._idle.put_nowait(worker)
        return True


class LiveWorkers:
    """Workers that belong to one live connection each; started when needed, kept for the next."""

    def __init__(self, options: LookingOptions, most: int, seconds: float) -> None:
        """Prepares for `most` connections at a time, with `seconds` for each picture."""
        self._options = options
        self._most = most
        self._seconds = seconds
        self._spare: list[WorkerProcess] = []
        self._leases: set[Lease] = set()

    @contextlib.asynccontextmanager
    async def lease(self) -> AsyncIterator["Lease"]:
        """Yields a worker that nobody else asks; its process starts with the first picture.

        Raises:
            PoolFullError: All are taken.
        """
        if len(self._leases) >= self._most:
            raise PoolFullError
        lease = Lease(self._options, self._seconds, self._spare)
        self._leases.add(lease)
        try:
            yield lease
        finally:
            try:
                await lease.give_back()
            finally:
                self._leases.discard(lease)

    async def close(self) -> None:
        """Ends all of them, whatever they are doing."""
        for worker in [*self._spare, *(lease.worker for lease in self._leases if lease.worker)]:
            await worker.end()


class Lease:
    """A worker of one's own.

    Attributes:
        worker: The process, once there is one.
    """

    def __init__(self, options: LookingOptions, seconds: float, spare: list[WorkerProcess]) -> None:
        self._options = options
        self._seconds = seconds
        self._spare = spare
        self.worker: WorkerProcess | None = None

    async def ask(self, job: str, payload: bytes) -> Reply:
        """As `WorkerPool.ask`; after an error the next picture goes to another process, which follows anew."""
        while self._spare and not (self.worker and self.worker.is_alive):
            self.worker = self._spare.pop()
        if self.worker is None or not self.worker.is_alive:
            self.worker = await WorkerProcess.start(self._options)
        return await self.worker.ask(job, payload, self._seconds)

    async def give_back(self) -> None:
        """Makes the worker forget what it followed, and leaves it to the next."""
        if self.worker is None or not self.worker.is_alive:
            return
        with contextlib.suppress(WorkerDiedError, WorkerTimeoutError):
            await self.worker.ask("forget", b"", _PING_S)
            self._spare.append(self.worker)
