"""Detection in processes of their own: files go out to workers, answers come back.

A worker is started as `python -m MODULE OPTIONS`, is sent one path a line and answers one line of JSON a path. Such
processes need no `if __name__ == "__main__"` in a user's script, end by themselves when the parent is killed (their
standard input closes), and when one dies it is known at which file.
"""

import base64
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signport.errors import SignportError

# The status of a file that nothing could be read from, whatever kind of worker looked at it.
UNREADABLE = "unreadable"


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
        # What the worker and the C++ libraries in it print is kept aside, and told only if the worker dies.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", kind.module, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
        )

    def ask(self, path: Path) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(str(path)).encode() + b"\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise _WorkerDiedError(self._obituary())
        return dict(json.loads(line))

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


def ask_workers(
    kind: WorkerKind, options: dict[str, Any], paths: Sequence[Path], workers: int = 1
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Has each of many files looked at by one of several processes.

    Args:
        kind: What to start.
        options: What every process is started with, as JSON.
        paths: The files.
        workers: Number of processes.

    Yields:
        Index into `paths` and the answer, in the order in which answers come.

    Raises:
        SignportError: A worker died; the message names the file.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(paths)):
        waiting.put(index)
    answers: queue.SimpleQueue[tuple[int, dict[str, Any] | BaseException]] = queue.SimpleQueue()
    processes = [_Worker(kind, options) for _ in range(min(workers, len(paths)))]
    stopping = threading.Event()

    def serve_one(process: _Worker) -> None:
        while not stopping.is_set():
            try:
                index = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                answers.put((index, process.ask(paths[index])))
            except BaseException as error:  # noqa: BLE001 (raised again in the thread that reads the answers)
                answers.put((index, error))
                return

    threads = [threading.Thread(target=serve_one, args=(process,), daemon=True) for process in processes]
    try:
        for thread in threads:
            thread.start()
        for _ in paths:
            index, answer = answers.get()
            if isinstance(answer, _WorkerDiedError):
                raise SignportError(
                    f"{paths[index]}: the {kind.title}'s process died at this {kind.item} ({answer}); "
                    f"start again to go on from here, or remove the {kind.item}"
                )
            if isinstance(answer, BaseException):
                raise answer
            yield index, answer
    finally:
        stopping.set()
        for process in processes:
            process.stop()
        for thread in threads:
            thread.join()
        for process in processes:
            process.close()


def serve(start: Callable[[dict[str, Any]], AbstractContextManager[Callable[[str], dict[str, Any]]]]) -> None:
    """Runs a worker until standard input ends: paths in, answers out.

    Args:
        start: Given the options, opens what answers: a function from a path to its answer.
    """
    # Ctrl-C reaches the whole process group; it is the parent that decides how this ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever a library prints must not end up among the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    with start(json.loads(sys.argv[1])) as answer:
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


def encode_points(points: Any) -> str:
    """Landmarks, float32 (..., 3), as text that `decode_points` reads."""
    return base64.b64encode(points.astype("<f4").tobytes()).decode()


def decode_points(text: str) -> Any:
    """Landmarks out of an answer: float32 (points, 3), leading axes flattened."""
    import numpy as np

    return np.frombuffer(base64.b64decode(text), "<f4").reshape(-1, 3)
