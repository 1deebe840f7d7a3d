"""Videos of a drawn hand, written with OpenCV: clips for tests that need no data."""

import os
from pathlib import Path

# OpenCV reads this when it is imported; it says of some containers that they are not the usual ones for a codec.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2
import numpy as np
from tests.drawn_hands import drawn_hand

_CODECS = {".avi": "MJPG", ".webm": "VP80"}
BLACK = np.zeros((160, 160, 3), np.uint8)


def hand_frames(count: int, first: int = 0) -> list[np.ndarray]:
    """Frames of an opening hand, thumb on the left: RGB uint8 (160, 160, 3)."""
    return [drawn_hand(spread=0.8 + 0.02 * number) for number in range(first, first + count)]


def write_clip(path: Path, frames: list[np.ndarray], rate: float = 25.0) -> Path:
    """Writes RGB frames as a video in the container of the path's ending, and makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames[0].shape[:2]
    codec = cv2.VideoWriter_fourcc(*_CODECS.get(path.suffix.lower(), "mp4v"))
    writer = cv2.VideoWriter(str(path), codec, rate, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[:, :, ::-1]))
    writer.release()
    return path
