"""Pictures on disk: which ones a rendered folder has, drawing the missing ones in any number of processes."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from signport.child_process import child_environment, leave_interrupts_to_the_parent
from signport.datasets.rendered.handshapes import vocabulary
from signport.datasets.rendered.scene import Scene, make_scene
from signport.datasets.rendered.signer import signer_name
from signport.errors import SignportError
from signport.progress import track

_DRAWN = "drawn"


@dataclass(frozen=True)
class Drawing:
    """The arguments that pictures depend on."""

    classes: str
    per_class: int
    seed: int
    size: int

    def tasks(self) -> list[tuple[str, int]]:
        """(class, index) of every picture."""
        return [(label, index) for label in vocabulary(self.classes) for index in range(self.per_class)]

    def scene(self, label: str, index: int) -> Scene:
        return make_scene(self.classes, label, index, self.seed, self.size)


def image_name(label: str, index: int) -> str:
    """Path of picture `index` of a class below the output folder, such as `A/signer03_00023.png`."""
    return f"{label}/{signer_name(index)}_{index:05d}.png"


def draw_missing(folder: Path, drawing: Drawing, workers: int) -> int:
    """Draws the pictures that are not there yet; returns how many.

    Raises:
        SignportError: A picture cannot be written, or a worker died.
    """
    missing = [task for task in drawing.tasks() if not (folder / image_name(*task)).exists()]
    if not missing:
        return 0
    shares = [missing[first::workers] for first in range(min(workers, len(missing)))]
    alone = len(shares) == 1
    steps = draw_pictures(folder, drawing, missing) if alone else _draw_in_processes(folder, drawing, shares)
    for _ in track(steps, "draw hands", len(missing), unit="images"):
        pass
    return len(missing)


def draw_pictures(folder: Path, drawing: Drawing, tasks: list[tuple[str, int]]) -> Iterator[None]:
    """Draws and writes pictures, yielding after each."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # such small pictures gain nothing from threads, and workers would fight for the cores
    try:
        for label, index in tasks:
            _write_whole(folder / image_name(label, index), encode_png(drawing.scene(label, index).draw()))
            yield
    finally:
        cv2.setNumThreads(threads)


def _draw_in_processes(folder: Path, drawing: Drawing, shares: list[list[tuple[str, int]]]) -> Iterator[None]:
    """As `draw_pictures`, a process a share.

    Not multiprocessing: fork is unsafe beside TensorFlow's threads, and spawn runs a script without a main guard again.
    """
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    workers = [_start_worker(folder, drawing, share) for share in shares]
    readers = [threading.Thread(target=_forward, args=(worker, lines), daemon=True) for worker in workers]
    try:
        for reader in readers:
            reader.start()
        running = len(workers)
        while running:
            line = lines.get()
            if line is None:
                running -= 1
            elif line == _DRAWN:
                yield
            else:
                raise SignportError(line)
        for worker in workers:
            if status := worker.wait():
                raise SignportError(
                    f"{folder}: a drawing process ended with status {status}; start again, with fewer workers"
                )
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
        for reader in readers:
            reader.join()


def _start_worker(folder: Path, drawing: Drawing, share: list[tuple[str, int]]) -> "subprocess.Popen[str]":
    worker = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=child_environment(),
    )
    assert worker.stdin is not None
    with contextlib.suppress(BrokenPipeError), worker.stdin:
        json.dump({"folder": str(folder), "drawing": asdict(drawing), "tasks": share}, worker.stdin)
    return worker


def _forward(worker: "subprocess.Popen[str]", lines: "queue.SimpleQueue[str | None]") -> None:
    assert worker.stdout is not None
    with worker.stdout:
        for line in worker.stdout:
            lines.put(line.rstrip("\n"))
    lines.put(None)


def main() -> None:
    """Entry point of a worker: a job on standard input, a line a picture on standard output."""
    leave_interrupts_to_the_parent()
    job = json.load(sys.stdin)
    try:
        for _ in draw_pictures(Path(job["folder"]), Drawing(**job["drawing"]), job["tasks"]):
            print(_DRAWN, flush=True)
    except SignportError as error:
        print(error, flush=True)


def encode_png(image: np.ndarray) -> bytes:
    """PNG of uint8 (height, width, 3) RGB. Camera noise hardly compresses, so the fastest level is taken."""
    return bytes(cv2.imencode(".png", image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1])


def _write_whole(path: Path, content: bytes) -> None:
    """Like `files.write_bytes`, without its fsync: a picture lost in a power cut is drawn again."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise SignportError(
            f"{path}: cannot write ({error.strerror}); free space or choose a folder you can write to"
        ) from error


if __name__ == "__main__":
    main()
