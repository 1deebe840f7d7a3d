"""What a posed hand is made of: round cones over its bones, palm, forearm and sleeve."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from signport.datasets.rendered.skeleton import HandSkeleton

SKIN, SLEEVE = 0, 1
_PALM = 0  # family of the palm; fingers are 1 to 5, the forearm shares the palm's, the sleeve has its own
_SLEEVE_FAMILY = 6


@dataclass(frozen=True)
class Flesh:
    """Round cones in the hand frame, cm.

    Attributes:
        start, end: (cones, 3) centres of the two balls that a cone spans.
        start_radius, end_radius: (cones,).
        family: int (cones,). Cones of one family, and any with the palm's (0), melt into each other.
        material: int (cones,), `SKIN` or `SLEEVE`.
        nail: int (cones,), row of `HandSkeleton.nails` for a finger's last bone, else -1.
        melt: (cones,) over how many cm of depth a cone melts into what it meets.
    """

    start: np.ndarray
    end: np.ndarray
    start_radius: np.ndarray
    end_radius: np.ndarray
    family: np.ndarray
    material: np.ndarray
    nail: np.ndarray
    melt: np.ndarray


@dataclass(frozen=True)
class Arm:
    """The arm behind the hand.

    Attributes:
        direction: (3,) unit vector from wrist to elbow in the hand frame.
        sleeve_start: Distance of the sleeve's hem from the wrist in cm; infinity for a bare arm.
        sleeve_width: Sleeve radius over arm radius.
    """

    direction: np.ndarray
    sleeve_start: float = float("inf")
    sleeve_width: float = 1.3


_STRAIGHT_ARM = Arm(np.array([0.0, -1.0, 0.0]))
_ARM_LENGTH = 26.0


def clothe(skeleton: HandSkeleton, arm: Arm = _STRAIGHT_ARM) -> Flesh:
    """Puts flesh on a skeleton; far parts first, so that fingers melt into a palm that is already there."""
    cones = _Cones()
    _add_arm(cones, skeleton, arm)
    _add_palm(cones, skeleton)
    _add_fingers(cones, skeleton)
    return cones.flesh()


class _Cones:
    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []

    def add(
        self,
        start: np.ndarray,
        end: np.ndarray,
        radii: tuple[Any, Any],
        *,
        family: int = _PALM,
        material: int = SKIN,
        nail: int = -1,
        melt: float = 0.5,
    ) -> None:
        self.rows.append((np.asarray(start), np.asarray(end), *radii, family, material, nail, melt))

    def flesh(self) -> Flesh:
        columns = [np.array(column) for column in zip(*self.rows, strict=True)]
        return Flesh(*columns)


def _add_arm(cones: _Cones, skeleton: HandSkeleton, arm: Arm) -> None:
    width = skeleton.proportions.radii[2, 0] / 1.08
    side = np.cross(arm.direction, [0.0, 0.0, 1.0])
    side /= np.linalg.norm(side)
    elbow = arm.direction * _ARM_LENGTH
    for offset in (-1.0, 0.0, 1.0):
        start, end = side * offset * 1.3 * width, elbow + side * offset * 2.0
        cones.add(start, end, (1.35 * width, 2.3 * width), melt=1.6)
    if arm.sleeve_start < _ARM_LENGTH:
        for offset in (-1.0, 0.0, 1.0):
            start = arm.direction * arm.sleeve_start + side * offset * 1.5 * width
            radii = (1.45 * width * arm.sleeve_width, 2.4 * width * arm.sleeve_width)
            cones.add(start, elbow * 1.2 + side * offset * 2.6, radii, family=_SLEEVE_FAMILY, material=SLEEVE, melt=1.6)


def _add_palm(cones: _Cones, skeleton: HandSkeleton) -> None:
    joints, radii = skeleton.joints, skeleton.proportions.radii
    knuckles = joints[[5, 9, 13, 17]]
    scale = np.linalg.norm(joints[9]) / 9.1
    for position in np.linspace(0, 3, 7):
        first = min(int(position), 2)
        share = position - first
        knuckle = knuckles[first] * (1 - share) + knuckles[first + 1] * share
        wrist = np.array([1.3 - 0.87 * position, -0.9, 0.0]) * scale
        thickness = radii[1, 0] * (0.98 - 0.05 * position)
        cones.add(wrist, knuckle, (1.15 * scale, thickness), melt=1.4)
    root, thumb_knuckle = joints[1], joints[2]
    middle = (root + thumb_knuckle) / 2
    ball = root + np.array([-0.3, 0.3, 0.25]) * scale
    cones.add(ball, middle, (1.45 * scale, 1.4 * scale), melt=0.8)
    cones.add(middle, thumb_knuckle, (1.4 * scale, radii[0, 1] * 1.02), melt=0.8)
    for share, thickness in ((0.45, 1.05), (0.75, 0.75), (0.95, 0.55)):  # the skin between thumb and index finger
        cones.add(
            root + share * (thumb_knuckle - root), knuckles[0] * (0.35 + 0.3 * share), (thickness, thickness), melt=0.8
        )
    heel = np.array([-1.5, 1.1, 0.55]) * scale
    cones.add(heel, knuckles[3] * 0.78 + np.array([0.2, 0, 0.3]), (1.25 * scale, 0.95 * scale), melt=0.8)


def _add_fingers(cones: _Cones, skeleton: HandSkeleton) -> None:
    joints, all_radii = skeleton.joints, skeleton.proportions.radii
    for finger in range(1, 4):  # webs between neighbours
        first, second = 1 + 4 * finger, 5 + 4 * finger
        near = joints[first] + 0.22 * (joints[first + 1] - joints[first])
        far = joints[second] + 0.22 * (joints[second + 1] - joints[second])
        cones.add(near, far, (0.72 * all_radii[finger, 1], 0.72 * all_radii[finger + 1, 1]), melt=0.4)
    for finger in range(5):
        chain, radii = joints[1 + 4 * finger : 5 + 4 * finger], all_radii[finger]
        for bone in range(3):
            if finger == 0 and bone == 0:
                continue  # the thumb's metacarpal is the ball of the thumb
            last = bone == 2
            # Fingertips are blunt: the last ball ends at the tip rather than around it.
            end = chain[3] - 0.35 * radii[3] * _unit(chain[3] - chain[2]) if last else chain[bone + 1]
            tip = radii[3] * 1.06 if last else radii[bone + 1]
            nail = finger if last else -1
            cones.add(
                chain[bone], end, (radii[bone], tip), family=finger + 1, nail=nail, melt=0.5 if bone == 0 else 0.25
            )


def _unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / np.linalg.norm(vector))
