"""Forward kinematics of a right hand: joint angles and proportions to 21 joints.

Hand frame, in centimetres: the wrist is the origin, +y runs along the hand to the fingers, +x to the thumb's side and
+z out of the palm. With the identity as view, a right hand shows its palm to the camera.
"""

from dataclasses import dataclass

import numpy as np

# A plausible adult hand, about 19 cm long. Set by eye, not taken from a survey: judged by how renders look and by how
# closely MediaPipe's landmarks fall on these joints. `signer` varies them from person to person.
_KNUCKLES = np.array([[2.6, 8.8, 0.0], [0.6, 9.1, -0.2], [-1.3, 8.6, -0.1], [-3.0, 7.7, 0.2]])
_THUMB_ROOT = np.array([1.9, 1.9, 0.8])
_BONES = np.array([[4.3, 3.2, 2.5], [4.4, 2.6, 2.1], [4.9, 3.0, 2.3], [4.5, 2.8, 2.3], [3.5, 2.1, 2.0]])
_RADII = np.array(
    [
        [1.45, 1.16, 1.06, 0.80],
        [1.08, 0.94, 0.82, 0.65],
        [1.08, 0.96, 0.84, 0.67],
        [1.03, 0.90, 0.79, 0.63],
        [0.93, 0.78, 0.70, 0.56],
    ]
)


@dataclass(frozen=True)
class HandPose:
    """Joint angles of a hand, in degrees.

    Attributes:
        fingers: float (4, 4). Rows are index, middle, ring, pinky; columns flexion at the knuckle (MCP), the middle
            joint (PIP) and the last joint (DIP), and spread at the knuckle (positive to the thumb's side).
        thumb: float (5,): the metacarpal's angle from the hand's length to the thumb's side, and out of the palm;
            its roll about itself (pronation); flexion at its MCP and IP joints.
    """

    fingers: np.ndarray
    thumb: np.ndarray

    def vector(self) -> np.ndarray:
        """The 21 angles, fingers first, float64 (21,)."""
        return np.asarray(np.concatenate([np.ravel(self.fingers), self.thumb]), np.float64)

    @classmethod
    def from_vector(cls, angles: np.ndarray) -> "HandPose":
        """The inverse of `vector`."""
        angles = np.asarray(angles, np.float64)
        return cls(angles[:16].reshape(4, 4), angles[16:21])

    def towards(self, other: "HandPose", share: float) -> "HandPose":
        """The pose at `share` of the way from this one (0) to `other` (1)."""
        return HandPose.from_vector((1 - share) * self.vector() + share * other.vector())


@dataclass(frozen=True)
class HandProportions:
    """Sizes of one signer's hand, in centimetres.

    Attributes:
        knuckles: (4, 3) positions of the four finger MCP joints in the hand frame.
        thumb_root: (3,) position of the thumb's CMC joint.
        bones: (5, 3) bone lengths, thumb first: its metacarpal, proximal, distal; of fingers proximal, middle, distal.
        radii: (5, 4) flesh radius at each finger's four joints, the last at the tip.
    """

    knuckles: np.ndarray
    thumb_root: np.ndarray
    bones: np.ndarray
    radii: np.ndarray


MEAN_HAND = HandProportions(_KNUCKLES, _THUMB_ROOT, _BONES, _RADII)


@dataclass(frozen=True)
class HandSkeleton:
    """A posed hand.

    Attributes:
        joints: (21, 3) in the hand frame, cm, in MediaPipe's order (`signport.landmarks.topology.HAND`).
        nails: (5, 3) unit vectors out of the back of each finger's last bone.
        proportions: Whose hand it is.
    """

    joints: np.ndarray
    nails: np.ndarray
    proportions: HandProportions


def rotation(axis: int, degrees: float) -> np.ndarray:
    """Right-handed rotation about coordinate axis 0, 1 or 2, float64 (3, 3)."""
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.eye(3)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix[first, first] = matrix[second, second] = cos
    matrix[first, second], matrix[second, first] = -sin, sin
    return matrix


def view_rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Turns the hand frame into the camera's (x right, y up, z to the camera), float64 (3, 3).

    Args:
        yaw: Degrees about the hand's length first (180 shows the back of the hand).
        pitch: Degrees about the camera's x axis next (positive tips the fingers towards the camera).
        roll: Degrees in the image plane last (positive is counter-clockwise).
    """
    turned: np.ndarray = rotation(2, roll) @ rotation(0, pitch) @ rotation(1, yaw)
    return turned


def pose_hand(pose: HandPose, proportions: HandProportions = MEAN_HAND) -> HandSkeleton:
    """Places the 21 joints of a right hand.

    Every bone keeps its length whatever the angles: each one is the unit vector of its finger, turned by the joints
    before it, times the length in `proportions`.
    """
    joints, nails = [np.zeros(3)], []
    out, up, twist, *bends = pose.thumb
    frame = rotation(2, -out) @ rotation(0, up) @ rotation(1, twist)
    chain, nail = _chain(proportions.thumb_root, frame, (0.0, *bends), 2, proportions.bones[0])
    joints += chain
    nails.append(nail)
    for knuckle, angles, bones in zip(proportions.knuckles, pose.fingers, proportions.bones[1:], strict=True):
        chain, nail = _chain(knuckle, rotation(2, -angles[3]), angles[:3], 0, bones)
        joints += chain
        nails.append(nail)
    return HandSkeleton(np.array(joints), np.array(nails), proportions)


def _chain(
    root: np.ndarray, frame: np.ndarray, bends: tuple[float, ...] | np.ndarray, axis: int, bones: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """Four joints of a finger whose hinges turn about `axis` of its own frame, and its nail's direction."""
    points = [np.asarray(root, np.float64)]
    for bend, bone in zip(bends, bones, strict=True):
        frame = frame @ rotation(axis, bend)
        points.append(points[-1] + frame[:, 1] * bone)
    # A finger bends towards its palmar side; the nail lies opposite: -z for a hinge about x, +x for one about z.
    return points, -frame[:, 2] if axis == 0 else frame[:, 0]
