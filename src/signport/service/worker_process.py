"""One worker process, seen from the service: started, asked, killed."""

import asyncio
import contextlib
import json
import sys
import time
from dataclasses import asdict
from typing import Any

from signport.child_process import child_environment
from signport.service import messages
from signport.service.worker import LookingOptions

_START_S = 60.0

Reply = tuple[dict[str, Any], bytes]


class WorkerTimeoutError(Exception):
    """A worker did not answer in time, and was killed."""


class WorkerDiedError(Exception):
    """A worker's process ended before it had answered."""


class WorkerProcess:
    """One process.

    Attributes:
        process: The process.
        answered: When it last did, by the monotonic clock.
        is_busy: Whether it is looking at something.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.answered = time.monotonic()
        self.is_busy = False
        self._is_killed = False

    @classmethod
    async def start(cls, options: LookingOptions) -> "WorkerProcess":
        """Starts a process and waits until it is ready.

        Raises:
            WorkerDiedError: It can't be.
        """
        # A worker has no use for the service's secrets.
        environment = {name: value for name, value in child_environment().items() if not name.startswith("ASL_")}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "signport.service.worker",
            json.dumps(asdict(options)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
        )
        worker = cls(process)
        try:
            async with asyncio.timeout(_START_S):
                header, _ = await worker.read()
        except TimeoutError:
            await worker.end()
            raise WorkerDiedError(f"not ready after {_START_S:g} s") from None
        except BaseException:
            await worker.end()
            raise
        if header["status"] != "ready":
            await worker.end()
            raise WorkerDiedError(header["detail"])
        return worker

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self.process.returncode is None and not self._is_killed

    async def read(self) -> Reply:
        """Waits for its next answer.

        Raises:
            WorkerDiedError: The process ended.
        """
        assert self.process.stdout is not None
        try:
            reply = await messages.read_async(self.process.stdout)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise WorkerDiedError(f"exit status {await self.process.wait()}") from None
        except messages.BrokenMessageError as error:
            self.kill()
            raise WorkerDiedError(f"its answer is no message: {error}") from None
        self.answered = time.monotonic()
        return reply

    async def ask(self, job: str, payload: bytes, seconds: float) -> Reply:
        """Has a job done; whatever keeps it from being done ends the process, for nobody knows where it stands.

        Raises:
            WorkerTimeoutError: It took too long.
            WorkerDiedError: The process ended.
        """
        assert self.process.stdin is not None
        self.is_busy = True
        try:
            async with asyncio.timeout(seconds):
                with contextlib.suppress(ConnectionError):  # it has died: reading says so
                    self.process.stdin.write(messages.pack({"do": job, "seconds": max(seconds, 0.0)}, payload))
                    await self.process.stdin.drain()
                return await self.read()
        except TimeoutError:
            self.kill()
            raise WorkerTimeoutError(f"no answer within {seconds:.1f} s") from None
        except BaseException:
            self.kill()
            raise
        finally:
            self.is_busy = False

    def kill(self) -> None:
        """Ends the process, whatever it is doing."""
        self._is_killed = True
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()

    async def end(self) -> None:
        """Ends the process, and waits until it is gone."""
        self.kill()
        await self.process.wait()
