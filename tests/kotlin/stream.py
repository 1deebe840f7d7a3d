"""What Python's `Stream` says to recorded frames, for the tests of the Kotlin `LiveClassifier`."""

from pathlib import Path
from typing import Any

import numpy as np

from signport.export.golden import read_golden
from signport.export.stream import Stream
from signport.files import read_json, write_bytes
from signport.landmarks.topology import HOLISTIC_543, TOPOLOGIES

STREAM_FILE = "stream.txt"
_MODEL = "model_float32.tflite"
_CLASSES, _CLIPS = 3, 15
_FRAMES = 180
_GAP = 12
# Models that take more numbers than this are asked at some of the frames only, to be quick.
_LARGE, _VERY_LARGE = 5_000, 10_000


def write_stream(folder: Path, export: Path) -> None:
    """Plays golden samples through a `Stream` and writes the frames and what it said to each, for several settings.

    `stream.txt` has one thing a line, its fields set apart by tabs: `layout`, a body topology's name and the number of
    each of its points in `holistic_543`; `frame` and its numbers, or `-` where nothing was found; `settings` as
    `name=value`, all others being the defaults, for a stream that starts afresh at the first frame; then a `push` for
    every frame: label, class index and smoothed score of the answer (or `-`), and the label that holds (or `-`).

    Args:
        folder: Where to write; the file lies in its folder `reference`.
        export: An export folder. Of a model that no stream takes, nothing is written.
    """
    card = read_json(export / "card.json")
    if [entry["name"] for entry in card["inputs"]] != ["landmarks"]:
        return
    frames = _frames(export)
    lines = [_layout(name) for name, topology in TOPOLOGIES.items() if topology.is_body]
    lines += ["frame\t-" if frame is None else _numbers("frame", frame) for frame in frames]
    shape = card["inputs"][0]["shape"]
    sure = float(np.median(read_golden(export).output.max(axis=1)))
    for settings, written in _settings(card, int(np.prod(shape)), shape[1] if len(shape) == 4 else 1, sure):
        stream = Stream(export / _MODEL, **settings)
        lines.append("settings\t" + "\t".join(f"{name}={value}" for name, value in written.items()))
        for frame in frames:
            answer = stream.push(frame)
            told = "-\t-\t-" if answer is None else _answered(stream, answer)
            lines.append(f"push\t{told}\t{stream.label or '-'}")
    reference = folder / "reference"
    reference.mkdir(parents=True, exist_ok=True)
    write_bytes(reference / STREAM_FILE, ("\n".join(lines) + "\n").encode())


def _answered(stream: Stream, answer: Any) -> str:
    return f"{answer.label}\t{stream.labels.index(answer.label)}\t{np.float32(answer.score)!s}"


def _layout(name: str) -> str:
    return "\t".join(["layout", name, *map(str, TOPOLOGIES[name].indices_in(HOLISTIC_543))])


def _numbers(kind: str, values: np.ndarray) -> str:
    return f"{kind}\t" + "\t".join(str(value) for value in values.ravel())


def _frames(export: Path) -> list[np.ndarray | None]:
    """Clips of a few classes, one class after the other, a pause after each: float32 (points, 3), None in a pause."""
    golden = read_golden(export)
    samples = golden.inputs["landmarks"]
    frames: list[np.ndarray | None] = []
    for number, label in enumerate(np.unique(golden.labels[golden.edge == ""])[:_CLASSES]):
        rows = np.flatnonzero((golden.labels == label) & (golden.edge == ""))[:_CLIPS]
        for row in rows:
            clip = samples[row] if samples.ndim == 4 else np.repeat(samples[row : row + 1], 5, axis=0)
            frames += list(clip[: np.flatnonzero(np.isfinite(clip).any(axis=(1, 2))).max() + 1])
            frames += [None]
        frames = frames[: _FRAMES // _CLASSES * (number + 1)] + [None] * _GAP
    return frames


def _settings(
    card: dict[str, Any], numbers: int, length: int, sure: float
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """What Python's stream is given, and the same in Kotlin's words.

    Args:
        card: The model's card.
        numbers: How many numbers it takes.
        length: How many frames.
        sure: What its best class usually scores, so that thresholds suit models that learnt little.
    """
    frames = min(card.get("clip_frames") or length, length)
    window = {} if frames == length else {"frames": frames}
    first = {"stride": 8} if numbers > _VERY_LARGE else {}
    found = [(first, first | window)]
    stride = 8 if numbers > _VERY_LARGE else 4 if numbers > _LARGE else 1
    eager = {
        "threshold": round(sure / 3, 3),
        "smoothing": 0.0,
        "hold": 1,
        "min_frames": 1,
        "stride": stride,
        "repeat": True,
    }
    found.append((eager, eager | window))
    slow = {"threshold": round(sure / 2, 3), "smoothing": 0.9, "hold": 2, "stride": 3 * stride}
    short = {"frames": max(1, frames // 2)}
    found.append((slow | short, slow | short))
    if card.get("frame_rate"):
        rate = 1.7 * card["frame_rate"]
        found.append(
            ({"frame_rate": rate, "stride": stride}, {"speed": card["frame_rate"] / rate, "stride": stride} | window)
        )
    return found
