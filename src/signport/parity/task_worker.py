"""MediaPipe's GestureRecognizer in a process of its own: `python -m signport.parity.task_worker JOB_DIR`.

It reads `job.json` and `images.npz` in JOB_DIR and appends one JSON object a finished step to `answers.jsonl`. Of other
packages it needs NumPy and MediaPipe, from 0.10.14 to 1.2.2, so that any release can be asked in its own environment.

The recognizer reports one gesture a hand: the custom head's best class that passes its threshold, else the canned
head's, else the background (`combined_prediction_calculator.cc`). With the custom threshold next to 0 and the canned
head held to `None`, what it reports is the custom head's best class, `None` included: the head alone.
"""

import hashlib
import json
import queue
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from signport.landmarks.mediapipe_runtime import import_mediapipe, mediapipe_version
from signport.parity.answers import AS_IT_SHIPS, MODES
from signport.parity.worker import peak_memory_bytes

_FRAME_MS = 33
# Lets everything pass. 0 does not: MediaPipe 1.2.2 takes it for no threshold given, and goes by the file's own.
_NO_THRESHOLD = 1e-6
_ANSWER_TIMEOUT_S = 30.0
_FRAMES_A_NOTE = 100


class _Job:
    """The bundle and the images."""

    def __init__(self, folder: Path) -> None:
        content = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        self.steps: list[str] = content["steps"]
        self.frames: int = content["frames"]
        self.mp = import_mediapipe()
        self.task = Path(content["task"]).read_bytes()
        with np.load(folder / "images.npz", allow_pickle=False) as arrays:
            self.images = [arrays[f"image_{number}"] for number in range(content["images"])]

    @contextmanager
    def recognizer(self, mode: str, head_alone: bool, callback: Any = None) -> Iterator[Any]:
        """A GestureRecognizer in `mode`."""
        from mediapipe.tasks.python.components.processors.classifier_options import ClassifierOptions

        tasks = self.mp.tasks
        alone = {
            "custom_gesture_classifier_options": ClassifierOptions(score_threshold=_NO_THRESHOLD),
            "canned_gesture_classifier_options": ClassifierOptions(
                score_threshold=_NO_THRESHOLD, category_allowlist=["None"]
            ),
        }
        options = tasks.vision.GestureRecognizerOptions(
            base_options=tasks.BaseOptions(model_asset_buffer=self.task),
            running_mode=tasks.vision.RunningMode[mode],
            result_callback=callback,
            **(alone if head_alone else {}),
        )
        with tasks.vision.GestureRecognizer.create_from_options(options) as recognizer:
            yield recognizer

    def picture(self, image: np.ndarray) -> Any:
        """An RGB image as MediaPipe takes it."""
        return self.mp.Image(image_format=self.mp.ImageFormat.SRGB, data=image)

    @staticmethod
    def hand(number: int, result: Any) -> dict[str, Any]:
        """What was reported for an image."""
        if not result.hand_landmarks:
            return {"image": number, "found": False}
        gestures = result.gestures[0] if result.gestures else []
        side = result.handedness[0][0]
        return {
            "image": number,
            "found": True,
            "label": gestures[0].category_name if gestures else "",
            "score": gestures[0].score if gestures else 0.0,
            "landmarks": _points(result.hand_landmarks[0]),
            "world_landmarks": _points(result.hand_world_landmarks[0]),
            "left": side.score if side.category_name == "Left" else 1.0 - side.score,
        }


def _points(landmarks: Any) -> list[tuple[float, float, float]]:
    return [(point.x, point.y, point.z) for point in landmarks]


def _image_mode(job: _Job, head_alone: bool) -> tuple[list[dict[str, Any]], list[float]]:
    hands, times = [], []
    with job.recognizer("IMAGE", head_alone) as recognizer:
        recognizer.recognize(job.picture(job.images[0]))  # warm-up
        for number, image in enumerate(job.images):
            picture = job.picture(image)
            start = time.perf_counter_ns()
            result = recognizer.recognize(picture)
            times.append((time.perf_counter_ns() - start) / 1e3)
            hands.append(job.hand(number, result))
    return hands, times


def _with_blanks(job: _Job) -> Iterator[tuple[int | None, np.ndarray, int]]:
    """(number, image, ms): before each image a blank one, so that no hand is tracked from image to image."""
    for number, image in enumerate(job.images):
        yield None, np.zeros_like(image), (2 * number) * _FRAME_MS
        yield number, image, (2 * number + 1) * _FRAME_MS


def _video_mode(job: _Job) -> list[dict[str, Any]]:
    hands = []
    with job.recognizer("VIDEO", head_alone=True) as recognizer:
        for number, image, timestamp in _with_blanks(job):
            result = recognizer.recognize_for_video(job.picture(image), timestamp)
            if number is not None:
                hands.append(job.hand(number, result))
    return hands


class _Live:
    """A recognizer's answers in LIVE_STREAM mode, waited for one by one."""

    def __init__(self) -> None:
        self._answers: queue.SimpleQueue[tuple[Any, int]] = queue.SimpleQueue()

    def callback(self, result: Any, _image: Any, timestamp: int) -> None:
        """What MediaPipe calls, from a thread of its own."""
        self._answers.put((result, timestamp))

    def answer(self, timestamp: int) -> Any:
        """The answer to the frame of `timestamp`."""
        while True:
            try:
                result, answered = self._answers.get(timeout=_ANSWER_TIMEOUT_S)
            except queue.Empty:
                raise TimeoutError(
                    f"LIVE_STREAM: no answer to the frame at {timestamp} ms within {_ANSWER_TIMEOUT_S:g} s"
                ) from None
            if answered == timestamp:
                return result


def _live_mode(job: _Job) -> list[dict[str, Any]]:
    hands, live = [], _Live()
    with job.recognizer("LIVE_STREAM", head_alone=True, callback=live.callback) as recognizer:
        for number, image, timestamp in _with_blanks(job):
            recognizer.recognize_async(job.picture(image), timestamp)
            result = live.answer(timestamp)
            if number is not None:
                hands.append(job.hand(number, result))
    return hands


def _stream(job: _Job, answers: TextIO) -> dict[str, Any]:
    live, labels, times = _Live(), Counter[str](), []
    hands = answered = 0
    start = time.perf_counter()
    with job.recognizer("LIVE_STREAM", head_alone=False, callback=live.callback) as recognizer:
        pictures = [job.picture(image) for image in job.images]
        for frame in range(job.frames):
            sent = time.perf_counter()
            recognizer.recognize_async(pictures[frame % len(pictures)], frame * _FRAME_MS)
            result = live.answer(frame * _FRAME_MS)
            times.append(1e3 * (time.perf_counter() - sent))
            answered += 1
            hands += bool(result.hand_landmarks)
            labels.update(gestures[0].category_name for gestures in result.gestures if gestures)
            if (frame + 1) % _FRAMES_A_NOTE == 0:
                _append(answers, {"frame": frame + 1})
    return {
        "frames": job.frames,
        "answered": answered,
        "hands": hands,
        "labels": dict(labels.most_common()),
        "seconds": time.perf_counter() - start,
        "median_ms": float(np.median(times)),
        "p95_ms": float(np.percentile(times, 95)),
    }


def _append(answers: TextIO, value: dict[str, Any]) -> None:
    print(json.dumps(value), file=answers, flush=True)


def main(folder: Path) -> int:
    """Runs the steps of a job; returns the exit status."""
    with (folder / "answers.jsonl").open("w", encoding="utf-8") as answers:
        try:
            job = _Job(folder)
            _append(answers, {"version": mediapipe_version(), "sha256": hashlib.sha256(job.task).hexdigest()})
            for step in job.steps:
                if step in ("IMAGE", AS_IT_SHIPS):
                    hands, times = _image_mode(job, head_alone=step == MODES[0])
                    _append(answers, {step: hands} | ({"times_us": times} if step == "IMAGE" else {}))
                else:
                    found = {"VIDEO": _video_mode, "LIVE_STREAM": _live_mode}
                    _append(answers, {step: _stream(job, answers) if step == "stream" else found[step](job)})
            _append(answers, {"memory": peak_memory_bytes()})
        except (RuntimeError, ValueError, TimeoutError) as error:
            _append(answers, {"error": f"MediaPipe: {str(error).strip().splitlines()[0]}"})
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
