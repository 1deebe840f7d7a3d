"""The files and the detector of `capture_scale.py`: empty files, and a detector that answers at once."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from signport.datasets.capture_part import Detection
from signport.datasets.class_folders import FoundFile
from signport.datasets.sample import Sample
from signport.landmarks.worker_pool import WorkerKind, decode_points, encode_points, serve

CLASSES = 10


def _answer(path: str) -> dict[str, Any]:
    number = int(Path(path).stem)
    points = np.random.default_rng(number).random((1, 21, 3), np.float32)  # as hard to compress as real ones
    return {"status": "hand" if number % 100 else "no hand", "landmarks": encode_points(points)}


def _sample(name: str, answer: dict[str, Any], _options: dict[str, Any]) -> Sample:
    points = decode_points(answer["landmarks"])[None]
    return Sample(name, "", points, world_landmarks=points, handedness=0.5, image_size=(640, 480))


DETECTION = Detection(
    WorkerKind("capture_stand_in", title="stand-in detector", item="image"),
    found="hand",
    files=16,
    extractor=lambda options: {"name": "stand-in", "version": "1", "model_sha256": None, "options": options},
    sample=_sample,
)


def listed(folder: Path, count: int) -> Iterator[FoundFile]:
    """Files that are only listed; the detector looks at nothing but their names."""
    for number in range(count):
        label = f"class{number % CLASSES}"
        name = f"{label}/{number:07d}.png"
        yield FoundFile(name, label, folder / name, (0, 0))


if __name__ == "__main__":
    serve(lambda _options: contextlib.nullcontext(_answer))
