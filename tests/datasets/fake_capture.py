"""A capture of text files, whose detector does what the file says: cheap, and deadly on demand.

A file holds a number (the landmarks are it), `none` (nothing is found), `kill detector` or `kill worker`; a second line
says for how many seconds the detector looks at it.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.datasets.capture import Capture, Inputs, Target, capture_files
from signport.datasets.capture_part import Detection
from signport.datasets.class_folders import FileKind, find_files
from signport.datasets.sample import Sample
from signport.landmarks.worker_pool import WorkerKind, serve


def write_items(folder: Path, count: int, *, seconds: float = 0.0, special: dict[int, str] | None = None) -> Path:
    """Files `a/0000.txt`, `b/0001.txt`, … with their number in them, but for the special ones."""
    for number in range(count):
        path = folder / "ab"[number % 2] / f"{number:04d}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{(special or {}).get(number, number)}\n{seconds}\n")
    return folder


def capture_items(folder: Path, output: Path, **target) -> LandmarkCache:
    """Captures the folder of `write_items`; `target` as for `Target`."""
    capture = Capture(
        title="capture items",
        unit="items",
        topology="hand",
        detection=__name__,
        options={},
        counted=lambda tally: " · ".join(f"{status} {count}" for status, count in sorted(tally.statuses.items())),
        advice="write numbers",
    )
    found, loose = find_files(folder, FileKind("item", (".txt",)))
    return capture_files(capture, Inputs(folder, found, passed_over=loose), Target(output, **target))


def _sample(name: str, answer: dict, _options: dict) -> Sample:
    if answer["value"] == "kill worker":
        os.kill(os.getpid(), signal.SIGKILL)
    return Sample(name, "", np.full((1, 21, 3), float(answer["value"]), np.float32))


def _answer(path: str) -> dict:
    content, seconds = Path(path).read_text().splitlines()
    time.sleep(float(seconds))
    if content == "none":
        return {"status": "nothing"}
    if content == "kill detector":
        os.kill(os.getpid(), signal.SIGKILL)
    return {"status": "number", "value": content}


DETECTION = Detection(
    WorkerKind("tests.datasets.fake_capture", title="fake detector", item="item"),
    found="number",
    files=4,
    extractor=lambda options: {"name": "fake", "version": "1", "model_sha256": None, "options": options},
    sample=_sample,
)


if __name__ == "__main__":
    serve(lambda _options: contextlib.nullcontext(_answer))
