"""One sample of a landmark cache."""

from dataclasses import dataclass

import numpy as np

from signport.errors import SignportError
from signport.landmarks.topology import Topology


@dataclass(frozen=True)
class Sample:
    """One row of a cache.

    Attributes:
        sample_id: Unique within the cache; the sort key.
        label: Class name.
        group: Signer or recording, None if unknown. Samples of one group never sit on both sides of a split.
        source: Where the sample came from: an image's path relative to the cache's folder; for tables file and row.
        landmarks: float32 (frames, points, 3): x and y in image widths and heights, z in image widths, as MediaPipe
            gives them; NaN where a point was not found.
        world_landmarks: float32 (frames, points, 3) in metres, or None.
        handedness: MediaPipe's probability that the hand is a left hand, 0 to 1; NaN if unknown.
        image_size: (width, height) in pixels; (0, 0) if unknown.
        frame_rate: Frames a second of a sequence; NaN if unknown, or for a single frame.
    """

    sample_id: str
    label: str
    landmarks: np.ndarray
    group: str | None = None
    source: str = ""
    world_landmarks: np.ndarray | None = None
    handedness: float = float("nan")
    image_size: tuple[int, int] = (0, 0)
    frame_rate: float = float("nan")


def check_shape(sample: Sample, topology: Topology) -> None:
    """Checks that a sample's landmarks fit a topology.

    Raises:
        SignportError: They are not (frames, points, 3) of it.
    """
    for values in (sample.landmarks, sample.world_landmarks):
        if values is not None and values.shape != (len(sample.landmarks), topology.num_points, 3):
            raise SignportError(
                f"sample {sample.sample_id!r}: landmarks of shape {values.shape}; topology "
                f"{topology.name!r} has (frames, {topology.num_points}, 3)"
            )
