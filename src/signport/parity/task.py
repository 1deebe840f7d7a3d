"""A `.task` in MediaPipe's GestureRecognizer, in a process of its own, and its endurance as a live stream."""

import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from signport.errors import SignportError
from signport.landmarks.mediapipe_runtime import mediapipe_version
from signport.parity import mediapipe_env
from signport.parity.answers import MODES, Latency, Options, RuntimeAnswers, TaskAnswer, TaskHand
from signport.parity.job import TaskJob
from signport.parity.parts import SETUP
from signport.parity.process import run_module
from signport.parity.task_scores import decoded, with_own_scores

_WORKER = "signport.parity.task_worker"
_STREAM = "stream"
NO_IMAGES = (
    "no golden images, because the run's data came from no images (or they are gone); train the head on captured or "
    "rendered images and export again"
)
_REFERENCE = "mediapipe"


def _own_python() -> str | None:
    return sys.executable if mediapipe_version() != "unknown" else None


def _newest_python() -> str | None:
    found = mediapipe_env.python()
    return str(found) if found else None


# Runtime → its Python, None where it is not here, and how to get it.
MEDIAPIPES: dict[str, tuple[Callable[[], str | None], str]] = {
    _REFERENCE: (_own_python, "`make setup`"),
    f"mediapipe {mediapipe_env.VERSION}": (_newest_python, f"`{SETUP}`"),
}


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


def run_task(name: str, task: TaskJob, options: Options) -> RuntimeAnswers:
    """Asks a MediaPipe about every golden image in every mode.

    Args:
        name: One of `MEDIAPIPES`.
        task: The bundle and its images.
        options: Of the run; `stream_frames` is for the MediaPipe that signport itself runs on.
    """
    find, remedy = MEDIAPIPES[name]
    python = find()
    if python is None:
        return RuntimeAnswers(name, "skipped", f"{name} is not installed; get it with {remedy}")
    if not task.images:
        return RuntimeAnswers(name, "skipped", NO_IMAGES, task=TaskAnswer("skipped", NO_IMAGES))
    frames = options.stream_frames if name == _REFERENCE else 0
    images = [decoded(image) for image in task.images]
    steps = [*MODES, *([_STREAM] if frames else [])]
    found, reason = run_task_worker(task.path, images, steps, frames, options.timeout_s, python)
    version = found.get("version", "")
    if reason:
        return RuntimeAnswers(name, "ran", version=version, task=TaskAnswer("failed", reason))
    answer = TaskAnswer(
        "ran",
        modes=MODES,
        hands=tuple(hand_of(mode, hand) for mode in MODES for hand in found[mode]),
        latency=Latency.of(found["times_us"]),
        sha256=found["sha256"],
        stream=found.get(_STREAM),
    )
    scored = with_own_scores(task, answer)
    return RuntimeAnswers(name, "ran", version=version, task=scored, peak_memory_bytes=found["memory"])


def hand_of(mode: str, hand: Mapping[str, Any]) -> TaskHand:
    """What a worker or a page wrote of an image: the fields of `TaskHand` but for `mode` and `own`."""
    points = {key: tuple(map(tuple, hand.get(key, ()))) for key in ("landmarks", "world_landmarks")}
    return TaskHand(mode, **{**hand, **points})


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
    if not images or frames < 1:
        raise SignportError(f"{task}: {len(images)} images and {frames} frames; give at least one of each")
    found, reason = run_task_worker(Path(task), images, [_STREAM], frames, timeout_s, sys.executable)
    if reason:
        raise SignportError(f"{task}: {reason}")
    return StreamResult(**found[_STREAM])


def run_task_worker(
    task: Path, images: Sequence[np.ndarray], steps: list[str], frames: int, timeout_s: float, python: str
) -> tuple[Mapping[str, Any], str]:
    """Runs `task_worker` over RGB images.

    Args:
        task: The bundle.
        images: RGB uint8 (height, width, 3).
        steps: Modes, and `stream` for the endurance run.
        frames: Of that run.
        timeout_s: Longest time that all may take, in seconds.
        python: The interpreter, whose environment has a MediaPipe.

    Returns:
        What each step gave, and why it went wrong if it did.
    """
    with tempfile.TemporaryDirectory(prefix="signport-task-") as temporary:
        folder = Path(temporary)
        arrays = {f"image_{number}": image for number, image in enumerate(images)}
        np.savez(folder / "images.npz", **arrays)  # type: ignore[arg-type]
        content = {"task": str(task.resolve()), "images": len(images), "steps": steps, "frames": frames}
        (folder / "job.json").write_text(json.dumps(content), encoding="utf-8")
        ended = run_module(_WORKER, [str(folder)], timeout_s, python)
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
