"""Holistic detection of video files in processes of their own; see `worker_pool`."""

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signport.errors import SignportError
from signport.landmarks.topology import HOLISTIC_543, TOPOLOGIES, topology_named
from signport.landmarks.video_file import VideoFile, prepare_decoder
from signport.landmarks.worker_pool import UNREADABLE, WorkerKind, encode_points, serve

FOUND, NOTHING_FOUND, NO_FRAMES, CUT_SHORT, MISSING = "landmarks", "no landmarks", "no frames", "cut short", "no file"

DETECTOR = WorkerKind("signport.landmarks.video_worker", title="holistic detector", item="video")


@dataclass(frozen=True)
class ClipOptions:
    """What decides the landmarks of a clip.

    Attributes:
        topology: Name of the body layout that is wanted.
        min_detection_confidence: Least score of the person and palm detectors, 0 to 1.
    """

    topology: str = "isl_136"
    min_detection_confidence: float = 0.5

    def __post_init__(self) -> None:
        if not topology_named(self.topology).is_body:
            layouts = ", ".join(name for name, topology in TOPOLOGIES.items() if topology.is_body)
            raise SignportError(f"topology {self.topology!r} is no body layout; choose one of: {layouts}")
        if not 0 <= self.min_detection_confidence <= 1:
            raise SignportError(
                f"min_detection_confidence is {self.min_detection_confidence}; give a number from 0 to 1"
            )


def _answer(detector: Any, path: str, options: ClipOptions) -> dict[str, Any]:
    """What the parent is told: `status` (`landmarks`, or why there are none), `num_frames`, and with landmarks more.

    `landmarks` are float32 (frames · points, 3) as text, for `decode_points`; NaN where missing. `frame_rate` is None
    if unknown.
    """
    import numpy as np

    if not Path(path).is_file():
        return {"status": MISSING}
    video = VideoFile(path)
    if not video.is_open:
        return {"status": UNREADABLE}
    rows = topology_named(options.topology).indices_in(HOLISTIC_543)
    clip = [points[rows] for points in detector.follow(video.frames())]
    status = FOUND
    if not clip:
        status = NO_FRAMES
    elif video.is_cut_short:
        status = CUT_SHORT
    elif np.isnan(clip).all():
        status = NOTHING_FOUND
    answer = {"status": status, "num_frames": video.num_frames}
    if status != FOUND:
        return answer
    return answer | {
        "landmarks": encode_points(np.stack(clip)),
        "frame_rate": None if math.isnan(video.frame_rate) else video.frame_rate,
        "image_size": video.image_size,
    }


@contextlib.contextmanager
def _start(options: dict[str, Any]) -> Iterator[Callable[[str], dict[str, Any]]]:
    prepare_decoder()  # before MediaPipe imports OpenCV
    from signport.landmarks.holistic_detector import HolisticDetector

    wanted = ClipOptions(**options)
    with HolisticDetector(wanted.min_detection_confidence) as detector:
        yield lambda path: _answer(detector, path, wanted)


if __name__ == "__main__":
    serve(_start)
