"""A `.task` in MediaPipe's GestureRecognizer, in a process of its own, and its endurance as a live stream."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from signport.errors import SignportError
from signport.landmarks.mediapipe_runtime import mediapipe_version
from signport.parity.answers import Latency, Options, RuntimeAnswers, TaskAnswer, TaskHand
from signport.parity.job import TaskJob
from signport.parity.process import run_module

_WORKER = "signport.parity.task_worker"
AS_IT_SHIPS = "as it ships"
MODES = ("IMAGE", "VIDEO", "LIVE_STREAM", AS_IT_SHIPS)
_STREAM = "stream"
_NO_IMAGES = (
    "no golden images, because the run's data came from no images (or they are gone); train the head on captured or "
    "rendered images and export again"
)


@dataclass(frozen=True)
class StreamResult:
    """An endurance run in LIVE_STREAM mode.

    Attributes:
        frames: Frames sent.
        answered: Frames that came back; the rest were dropped.
        hands: Answers with a hand.
        labels: How often each gesture was reported.
        seconds: Duration of the run.
        median_ms: Median time from sending a frame to its answer.
        p95_ms: 95th percentile of that.
    """

    frames: int
    answered: int
    hands: int
    labels: dict[str, int]
    seconds: float
    median_ms: float
    p95_ms: float


def run_task(task: TaskJob, options: Options) -> RuntimeAnswers:
    """Asks MediaPipe about every golden image in every mode."""
    version = mediapipe_version()
    if version == "unknown":
        return RuntimeAnswers("mediapipe", "skipped", "mediapipe is not installed; get it with `make setup`")
    if not task.images:
        return RuntimeAnswers("mediapipe", "skipped", _NO_IMAGES, version, task=TaskAnswer("skipped", _NO_IMAGES))
    steps = [*MODES, *([_STREAM] if options.stream_frames else [])]
    found, reason = _run_worker(task.path, task.images, steps, options.stream_frames, options.timeout_s)
    if reason:
        return RuntimeAnswers("mediapipe", "ran", version=version, task=TaskAnswer("failed", reason))
    answer = TaskAnswer(
        "ran",
        hands=tuple(
            TaskHand(mode, **{**hand, "own": tuple(hand.get("own", ()))}) for mode in MODES for hand in found[mode]
        ),
        labels=tuple(found["labels"]["custom"]),
        canned_labels=tuple(found["labels"]["canned"]),
        latency=Latency(**found["latency"]),
        stream=found.get(_STREAM),
    )
    return RuntimeAnswers("mediapipe", "ran", version=version, task=answer, peak_memory_bytes=found["memory"])


def stream(
    task: str | Path, images: Sequence[np.ndarray], frames: int = 2000, timeout_s: float = 600.0
) -> StreamResult:
    """Runs frames through a bundle in LIVE_STREAM mode, in a process of its own, with the bundle's own thresholds.

    Timestamps are those of 30 frames/s; each frame is sent as soon as the one before has been answered, because
    MediaPipe 0.10.14 is known to deadlock when frames come much faster than it works (design §8).

    Args:
        task: A `gesture_recognizer.task`.
        images: RGB uint8 (height, width, 3), shown over and over in turn.
        frames: How many to send.
        timeout_s: Longest time that it may take, in seconds.

    Returns:
        What came back.

    Raises:
        SignportError: It crashed, hung, or refused the bundle; the message says at which frame.
    """
    import cv2

    if not images or frames < 1:
        raise SignportError(f"{task}: {len(images)} images and {frames} frames; give at least one of each")
    encoded = [cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes() for image in images]
    found, reason = _run_worker(Path(task), encoded, [_STREAM], frames, timeout_s)
    if reason:
        raise SignportError(f"{task}: {reason}")
    return StreamResult(**found[_STREAM])


def _run_worker(
    task: Path, images: Sequence[bytes], steps: list[str], frames: int, timeout_s: float
) -> tuple[Mapping[str, Any], str]:
    """What each step gave, and why it went wrong if it did."""
    with tempfile.TemporaryDirectory(prefix="signport-task-") as temporary:
        folder = Path(temporary)
        arrays = {f"image_{number}": np.frombuffer(image, np.uint8) for number, image in enumerate(images)}
        np.savez(folder / "images.npz", **arrays)  # type: ignore[arg-type]
        content = {"task": str(task.resolve()), "images": len(images), "steps": steps, "frames": frames}
        (folder / "job.json").write_text(json.dumps(content), encoding="utf-8")
        ended = run_module(_WORKER, [str(folder)], timeout_s)
        lines = (folder / "answers.jsonl").read_text(encoding="utf-8") if (folder / "answers.jsonl").is_file() else ""
    found: dict[str, Any] = {}
    for line in lines.splitlines(keepends=True):
        if line.endswith("\n"):
            found |= json.loads(line)
    if ended.status == 0:
        return found, ""
    where = next((step for step in steps if step not in found), "closing")
    frame = f" after {found['frame']} frames" if where == _STREAM and "frame" in found else ""
    return found, found.get("error") or f"MediaPipe's process died in {where} mode{frame} ({ended.reason})"
