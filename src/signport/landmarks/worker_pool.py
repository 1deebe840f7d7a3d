"""Detection in processes of their own: files go out to workers, answers come back.

A worker is started as `python -m MODULE OPTIONS`, says that it is ready, is sent one path a line and answers one line
of JSON a path. Such processes need no `if __name__ == "__main__"` in a user's script, end by themselves when the parent
is killed (their standard input closes), and when one dies it is known at which file.
"""

import base64
import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from signport.child_process import answer_pipe, child_environment, leave_interrupts_to_the_parent
from signport.errors import SignportError

# The status of a file that nothing could be read from, whatever kind of worker looked at it.
UNREADABLE = "unreadable"
# The status of a file at which two processes died, of which the second had looked at nothing else.
KILLED_DETECTOR = "killed the detector"

_READY = b"ready\n"
# A process that something else kills while it starts (memory that runs out) says nothing about the files: it is started
# again, after so many seconds.
_PAUSES_S = (0.0, 1.0, 2.0, 4.0)


@dataclass(frozen=True)
class WorkerKind:
    """What sort of process looks at the files.

    Attributes:
        module: The module that is run; its `main` calls `serve`.
        title: What error messages call it: `hand detector`.
        item: What a file is: `image`.
    """

    module: str
    title: str
    item: str


class _WorkerDiedError(Exception):
    """The process of a worker ended before it had answered."""


class _Worker:
    """One worker, seen from the parent."""

    def __init__(self, kind: WorkerKind, options: dict[str, Any]) -> None:
        self.retirement: threading.Timer | None = None
        # What the worker and the C++ libraries in it print is kept aside, and told only if the worker dies.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        self._process = subprocess.Popen(
            [sys.executable, "-m", kind.module, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=child_environment(),
        )

    def wait_until_ready(self) -> None:
        assert self._process.stdout is not None
        if self._process.stdout.readline() != _READY:
            raise _WorkerDiedError(self._obituary())

    def ask(self, path: str | Path) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(str(path)).encode() + b"\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise _WorkerDiedError(self._obituary())
        return dict(json.loads(line))

    @property
    def was_killed(self) -> bool:
        """Whether a signal ended it, not its own code."""
        return self._process.wait() < 0

    def _obituary(self) -> str:
        status = self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        cause = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return f"{cause}: {lines[-1].strip()}" if lines else cause

    def stop(self) -> None:
        """Ends the process, whatever it is doing; `ask` in another thread then raises."""
        self._process.kill()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        self._log.close()


class Detectors:
    """Detector processes that are kept from one list of files to the next.

    Any number of threads may look at files at once; each then has a process of its own.

    Args:
        keep_s: Seconds after which a process that nobody needs is ended; None keeps it until `close`.
    """

    def __init__(self, keep_s: float | None = None) -> None:
        self._keep_s = keep_s
        self._lock = threading.Lock()
        self._idle: dict[str, list[_Worker]] = {}
        self._busy: set[_Worker] = set()
        self._closing = threading.Event()

    def look(
        self, kind: WorkerKind, options: dict[str, Any], paths: Sequence[str | Path], identity: Any = None
    ) -> list[dict[str, Any]]:
        """Has each file looked at by a process.

        A process that dies is replaced. The file at which it died is looked at once more, by a fresh process; if that
        dies too, the file's status is `killed the detector`.

        Args:
            kind: What to start.
            options: What a process is started with, as JSON.
            paths: The files.
            identity: What else must be equal for a process of an earlier call to be used, as JSON: the models' digest.

        Returns:
            The answers, each with at least `status`.

        Raises:
            SignportError: The detector cannot be started, or `close` was called.
        """
        key = json.dumps([kind.module, options, identity], sort_keys=True)
        answers = []
        worker = None
        try:
            for path in paths:
                for fresh in (False, True):
                    worker = worker or self._lend(kind, options, key, fresh=fresh)
                    try:
                        answers.append(worker.ask(path))
                        break
                    except _WorkerDiedError as death:
                        self._bury(worker)
                        worker = None
                        self._refuse_if_closed()
                        again = "passed over" if fresh else f"looking at this {kind.item} once more"
                        print(f"{path}: the {kind.title}'s process died ({death}); {again}", file=sys.stderr)
                else:
                    answers.append({"status": KILLED_DETECTOR})
        except BaseException:
            if worker is not None:
                self._bury(worker)
            raise
        if worker is not None:
            self._give_back(worker, key)
        return answers

    def _lend(self, kind: WorkerKind, options: dict[str, Any], key: str, *, fresh: bool) -> _Worker:
        with self._lock:
            if not fresh and (idle := self._idle.get(key)):
                worker = idle.pop()
                if worker.retirement is not None:
                    worker.retirement.cancel()
                self._busy.add(worker)
                return worker
        death = ""
        for pause in (0.0, *_PAUSES_S):
            self._closing.wait(pause)
            with self._lock:
                self._refuse_if_closed()
                worker = _Worker(kind, options)
                self._busy.add(worker)
            try:
                worker.wait_until_ready()
            except _WorkerDiedError as error:
                death, killed = str(error), worker.was_killed
                self._bury(worker)
                if not killed:
                    break
            except BaseException:
                self._bury(worker)
                raise
            else:
                return worker
        self._refuse_if_closed()
        raise SignportError(f"the {kind.title} does not start ({death})")

    def _bury(self, worker: _Worker) -> None:
        with self._lock:
            self._busy.discard(worker)
        worker.close()

    def _give_back(self, worker: _Worker, key: str) -> None:
        with self._lock:
            self._busy.discard(worker)
            if not self._closing.is_set():
                self._idle.setdefault(key, []).append(worker)
                if self._keep_s is not None:
                    worker.retirement = threading.Timer(self._keep_s, self._retire, (worker, key))
                    worker.retirement.daemon = True
                    worker.retirement.start()
                return
        worker.close()

    def _retire(self, worker: _Worker, key: str) -> None:
        with self._lock:
            if worker not in self._idle.get(key, ()):  # lent at this very moment
                return
            self._idle[key].remove(worker)
        worker.close()

    def _refuse_if_closed(self) -> None:
        if self._closing.is_set():
            raise SignportError("detection was stopped")

    def close(self) -> None:
        """Ends all processes, whatever they are doing; `look` in another thread then raises."""
        with self._lock:
            self._closing.set()
            idle = [worker for workers in self._idle.values() for worker in workers]
            self._idle.clear()
            for worker in self._busy:  # closed by the threads that are using them
                worker.stop()
        for worker in idle:
            worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(start: Callable[[dict[str, Any]], AbstractContextManager[Callable[[str], dict[str, Any]]]]) -> None:
    """Runs a worker until standard input ends: paths in, answers out.

    Args:
        start: Given the options, opens what answers: a function from a path to its answer.
    """
    leave_interrupts_to_the_parent()
    answers = answer_pipe()
    with start(json.loads(sys.argv[1])) as answer:
        answers.write(_READY)
        answers.flush()
        for line in sys.stdin:
            answers.write(json.dumps(answer(json.loads(line))).encode() + b"\n")
            answers.flush()


def encode_points(points: Any) -> str:
    """Landmarks, float32 (..., 3), as text that `decode_points` reads."""
    return base64.b64encode(points.astype("<f4").tobytes()).decode()


def decode_points(text: str) -> Any:
    """Landmarks out of an answer: float32 (points, 3), leading axes flattened."""
    import numpy as np

    return np.frombuffer(base64.b64decode(text), "<f4").reshape(-1, 3)
