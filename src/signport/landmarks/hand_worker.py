"""Hand detection of image files in processes of their own; see `worker_pool`."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signport.errors import SignportError
from signport.landmarks.worker_pool import UNREADABLE, WorkerKind, encode_points, serve

# What `auto` retries with where nothing was found. Alone it would take two sets of photographs cropped at the
# fingertips from a detection rate of .86 to .98 and from .74 to .98, but photographs of whole people from .90 to .75;
# as a second look it only wins (`auto`: .99, .99 and .90), and costs images without a hand a second look.
AUTO_BORDER = 0.25

FOUND, NO_HAND = "hand", "no hand"

DETECTOR = WorkerKind("signport.landmarks.hand_worker", title="hand detector", item="image")


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
    border: float | str = "auto"
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
    """What the parent is told: `status` (`hand`, `no hand`, `unreadable`), and of a hand its landmarks and more."""
    image = read_image(path)
    if image is None:
        return {"status": UNREADABLE}
    for border in options.borders:
        hand = detector.detect(image, border=border)
        if hand is not None:
            return {
                "status": FOUND,
                "landmarks": encode_points(hand.landmarks),
                "world_landmarks": encode_points(hand.world_landmarks),
                "handedness": hand.handedness,
                "image_size": hand.image_size,
            }
    return {"status": NO_HAND}


@contextlib.contextmanager
def _start(options: dict[str, Any]) -> Iterator[Callable[[str], dict[str, Any]]]:
    from signport.landmarks.hand_detector import HandDetector

    detection = DetectionOptions(**options)
    with HandDetector(detection.min_detection_confidence, detection.model) as detector:
        yield lambda path: _answer(detector, path, detection)


if __name__ == "__main__":
    serve(_start)
