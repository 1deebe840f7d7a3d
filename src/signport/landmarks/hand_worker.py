"""Hand detection of image files in processes of their own.

A process is started as `python -m signport.landmarks.hand_worker OPTIONS`, is sent one path a line and answers one line
of JSON a path. Such processes need no `if __name__ == "__main__"` in a user's script, end by themselves when the parent
is killed (their standard input closes), and when one dies it is known at which image.
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
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from signport.errors import SignportError

# What `auto` retries with where nothing was found. On two sets of photographs cropped at the fingertips it takes
# the detection rate from .86 to .98 and from .84 to .99 (and `auto` to .99 on both); on photographs of whole people it
# costs some (.90 to .75), which is why it is not the default.
AUTO_BORDER = 0.25

FOUND, NO_HAND, UNREADABLE = "hand", "no hand", "unreadable"


@dataclass(frozen=True)
class DetectionOptions:
    """What decides the landmarks of an image, and so what a cache records of how it was captured.

    Attributes:
        min_detection_confidence: Least score of the palm detector, 0 to 1.
        border: Replicated border, as a fraction of the image on each side; `auto` tries without and, where no hand is
            found, again with .25.
        model: A `.task` file; None takes the installed MediaPipe wheel's models.
    """

    min_detection_confidence: float = 0.5
    border: float | str = 0.0
    model: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.min_detection_confidence <= 1:
            raise SignportError(
                f"min_detection_confidence is {self.min_detection_confidence}; give a number from 0 to 1"
            )
        if self.border != "auto" and not (isinstance(self.border, (int, float)) and 0 <= self.border <= 2):
            raise SignportError(f"border is {self.border!r}; give a fraction from 0 to 2, such as 0.25, or 'auto'")

    @property
    def borders(self) -> tuple[float, ...]:
        """The borders to try in turn."""
        return (0.0, AUTO_BORDER) if self.border == "auto" else (float(self.border),)


class _WorkerDiedError(Exception):
    """The process of a worker ended before it had answered."""


class _DetectorProcess:
    """One worker, seen from the parent."""

    def __init__(self, options: DetectionOptions) -> None:
        # What the worker and the C++ libraries in it print is kept aside, and told only if the worker dies.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, json.dumps(asdict(options))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
        )

    def detect(self, path: Path) -> dict[str, Any]:
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
        """Ends the process, whatever it is doing; `detect` in another thread then raises."""
        self._process.kill()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        self._log.close()


def detect_files(
    paths: Sequence[Path], options: DetectionOptions, workers: int = 1
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Finds the hand in each of many image files.

    Args:
        paths: The images.
        options: How to look.
        workers: Number of processes.

    Yields:
        Index into `paths` and the answer, in the order in which answers come: `status` (`hand`, `no hand`,
        `unreadable`) and, for a hand, `landmarks` and `world_landmarks` (base64 of little-endian float32 (21, 3)),
        `handedness` and `image_size`; `decode_points` reads the first two.

    Raises:
        SignportError: A worker died; the message names the image.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(paths)):
        waiting.put(index)
    answers: queue.SimpleQueue[tuple[int, dict[str, Any] | BaseException]] = queue.SimpleQueue()
    processes = [_DetectorProcess(options) for _ in range(min(workers, len(paths)))]
    stopping = threading.Event()

    def serve(process: _DetectorProcess) -> None:
        while not stopping.is_set():
            try:
                index = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                answers.put((index, process.detect(paths[index])))
            except BaseException as error:  # noqa: BLE001 (raised again in the thread that reads the answers)
                answers.put((index, error))
                return

    threads = [threading.Thread(target=serve, args=(process,), daemon=True) for process in processes]
    try:
        for thread in threads:
            thread.start()
        for _ in paths:
            index, answer = answers.get()
            if isinstance(answer, _WorkerDiedError):
                raise SignportError(
                    f"{paths[index]}: the hand detector's process died at this image ({answer}); "
                    "start again to go on from here, or remove the image"
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


def decode_points(text: str) -> Any:
    """Reads landmarks of an answer of `detect_files`: float32 (21 points, 3)."""
    import numpy as np

    return np.frombuffer(base64.b64decode(text), "<f4").reshape(-1, 3)


def _encode_points(points: Any) -> str:
    return base64.b64encode(points.astype("<f4").tobytes()).decode()


def read_image(path: str | Path) -> Any:
    """Reads an image as RGB uint8 (height, width, 3), turned as its EXIF orientation says; None if unreadable."""
    import cv2
    import numpy as np

    try:
        content = np.frombuffer(Path(path).read_bytes(), np.uint8)
        picture = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    except (OSError, cv2.error):
        return None
    return None if picture is None else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _answer(detector: Any, path: str, options: DetectionOptions) -> dict[str, Any]:
    image = read_image(path)
    if image is None:
        return {"status": UNREADABLE}
    for border in options.borders:
        hand = detector.detect(image, border=border)
        if hand is not None:
            return {
                "status": FOUND,
                "landmarks": _encode_points(hand.landmarks),
                "world_landmarks": _encode_points(hand.world_landmarks),
                "handedness": hand.handedness,
                "image_size": hand.image_size,
            }
    return {"status": NO_HAND}


def main() -> None:
    """Entry point of a worker: paths in, answers out, until standard input ends."""
    # Ctrl-C reaches the whole process group; it is the parent that decides how this ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever a library prints must not end up among the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    from signport.landmarks.hand_detector import HandDetector

    options = DetectionOptions(**json.loads(sys.argv[1]))
    with HandDetector(options.min_detection_confidence, options.model) as detector:
        for line in sys.stdin:
            print(json.dumps(_answer(detector, json.loads(line), options)), file=answers, flush=True)


if __name__ == "__main__":
    main()
