"""The camera before a signer, and MediaPipe's way of telling what it sees."""

from dataclasses import dataclass, replace

import numpy as np

from signport.datasets.signing.space import turn
from signport.landmarks.topology import ISL_136

IMAGE_SIZE = (640, 480)
"""Pixels of the picture that is never drawn."""

_SHOULDERS, _SHOULDER_HEIGHT = 36.0, 49.0  # cm, of a mean signer
_HANDS = (ISL_136.part("left_hand"), ISL_136.part("right_hand"))
_HIPS = [ISL_136.index["pose.left_hip"], ISL_136.index["pose.right_hip"]]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks at a signer's shoulders.

    Attributes:
        turned: Float (3,): rotation vector of the signer before the camera, radians (pitch, yaw, roll).
        distance: To the signer, cm.
        shoulders: Width of a mean signer's shoulders in the picture, in image widths.
        place: Float (2,): where the middle of the shoulders lies in the picture, in image widths and heights.
        depth: Multiplies the pose model's depth, which MediaPipe exaggerates.
        lean: How much nearer the pose model puts what lies higher, cm a cm: it takes seated people to lean forward.
    """

    turned: np.ndarray
    distance: float
    shoulders: float
    place: np.ndarray
    depth: float
    lean: float

    def moved(self, rng: np.random.Generator) -> "Camera":
        """The camera as it stands for one more take: a little elsewhere."""
        return replace(
            self,
            turned=self.turned + rng.normal(0, [0.015, 0.03, 0.01]),
            shoulders=self.shoulders * rng.normal(1, 0.02),
            place=self.place + rng.normal(0, [0.012, 0.012]),
            depth=self.depth * rng.normal(1, 0.06),
            lean=self.lean + rng.normal(0, 0.04),
        )

    def landmarks(self, points: np.ndarray) -> np.ndarray:
        """What a detector without fault would tell.

        Args:
            points: Float (frames, 136, 3) of `ISL_136` in the signer's frame, cm (see `body.body_points`).

        Returns:
            Float (frames, 136, 3): x and y in image widths and heights, z in image widths, smaller nearer the camera;
            of pose points relative to the hips, of a hand relative to its wrist, of the face relative to its middle,
            as MediaPipe's holistic model has them.
        """
        seen: np.ndarray = (points - np.array([0, _SHOULDER_HEIGHT, 0])) @ turn(self.turned).T
        scale = self.shoulders / _SHOULDERS  # image widths a cm at the shoulders
        nearness = self.distance / np.maximum(self.distance - seen[..., 2], 0.2 * self.distance)
        told = np.empty_like(seen)
        told[..., 0] = self.place[0] + scale * nearness * seen[..., 0]
        told[..., 1] = self.place[1] - scale * nearness * seen[..., 1] * IMAGE_SIZE[0] / IMAGE_SIZE[1]
        hips = seen[:, _HIPS].mean(axis=1)[:, None]
        told[..., 2] = -scale * (self.depth * (seen[..., 2] - hips[..., 2]) + self.lean * (seen[..., 1] - hips[..., 1]))
        for hand in _HANDS:
            told[:, hand, 2] = -scale * (seen[:, hand, 2] - seen[:, hand.start, None, 2])
        face = seen[:, ISL_136.part("face"), 2]
        told[:, ISL_136.part("face"), 2] = -scale * (face - face.mean(axis=1, keepdims=True))
        return told


def make_camera(seed: int, number: int) -> Camera:
    """The camera that signer `number` of a seed is recorded with."""
    rng = np.random.default_rng([seed, 3, number])
    return Camera(
        turned=rng.normal(0, [0.04, 0.08, 0.02]),
        distance=rng.uniform(140, 260),
        shoulders=0.28 * float(np.exp(rng.normal(0, 0.08))),
        place=np.array([0.5, 0.53]) + rng.normal(0, [0.02, 0.02]),
        depth=rng.uniform(1.3, 1.9),
        lean=rng.uniform(0.1, 0.45),
    )
