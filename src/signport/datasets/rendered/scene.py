"""One random picture of a hand: who signs, how, from where, in which light; of (seed, class, index) alone."""

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from signport.datasets.rendered.background import make_background, photograph
from signport.datasets.rendered.drawing import Look, draw_hand
from signport.datasets.rendered.flesh import Arm
from signport.datasets.rendered.handshapes import HANDSHAPES, NONE, RELAXED, View, outside_shapes, views
from signport.datasets.rendered.raster import HandView
from signport.datasets.rendered.signer import SIGNERS, Signer, make_signer
from signport.datasets.rendered.skeleton import HandPose, HandSkeleton, pose_hand, view_rotation

# Share of `None` that are relaxed and in-between poses; the rest are handshapes from outside the vocabulary.
_IN_BETWEEN_SHARE = 0.35
_VIEW_SPREAD = np.array([13.0, 10.0, 10.0])  # standard deviations of yaw, pitch, roll in degrees
_VIEW_LIMIT = 2.0  # in standard deviations
_MARGIN = 0.05  # of the picture's side, between the hand's joints and the edge
_HAND_LENGTH = 19.0


@dataclass(frozen=True)
class Scene:
    """All that one picture is drawn from, and so its truth.

    Attributes:
        label: The class.
        shape: The handshape; for in-between poses `relaxed`.
        signer: Who signs.
        pose: Joint angles.
        skeleton: The joints in the hand frame, cm.
        angles: Yaw, pitch and roll of the view in degrees.
        view, look, arm: As `draw_hand` takes them.
        size: Side of the picture in pixels.
        picture_key: Seeds of background and camera noise.
    """

    label: str
    shape: str
    signer: Signer
    pose: HandPose
    skeleton: HandSkeleton
    angles: View
    view: HandView
    look: Look
    arm: Arm
    size: int
    picture_key: tuple[int, ...]

    def joints(self) -> np.ndarray:
        """True joints in the picture: float64 (21, 3), x and y in pixels, depth towards the camera in pixels."""
        return self.view.project(self.skeleton.joints)[0]

    def palm_length(self) -> float:
        """From wrist to middle knuckle in pixels, seen square on: the unit of `truth.compare`."""
        return float(np.linalg.norm(self.skeleton.joints[9]) * self.view.pixels_per_cm)

    def draw(self) -> np.ndarray:
        """uint8 (size, size, 3) RGB."""
        rng = np.random.default_rng(self.picture_key)
        background = make_background(rng, self.size)
        return photograph(rng, draw_hand(self.skeleton, self.view, self.look, background, self.arm))


def make_scene(vocabulary: str, label: str, index: int, seed: int, size: int = 256) -> Scene:
    """Draws the lots for picture `index` of a class.

    Args:
        vocabulary: Which handshapes `None` stays clear of: a name in `handshapes.VOCABULARIES`.
        label: A handshape's name, or `None`.
        index: Number of the picture within its class. Signers take turns.
        seed: Of the whole set.
        size: Side of the picture in pixels.
    """
    key = (seed, crc32(f"{vocabulary}/{label}".encode()), index)
    rng = np.random.default_rng(key)
    signer = make_signer(seed, index % SIGNERS)
    shape, pose, typical = _choose_pose(rng, vocabulary, label)
    pose = signer.formed(shape, pose, rng)
    turn = np.clip(rng.standard_normal(3), -_VIEW_LIMIT, _VIEW_LIMIT) * _VIEW_SPREAD
    yaw, pitch, roll = (float(value) for value in np.add(typical, turn))
    rotation = view_rotation(yaw, pitch, roll)
    skeleton = pose_hand(pose, signer.proportions)
    left = bool(rng.uniform() < signer.left_share)
    view = _frame(rng, skeleton, rotation, left, size)
    arm = _hold_arm(rng, signer, rotation)
    look = _make_look(rng, signer)
    angles = (yaw, pitch, roll)
    return Scene(label, shape, signer, pose, skeleton, angles, view, look, arm, size, (*key, 1))


def _choose_pose(rng: np.random.Generator, vocabulary: str, label: str) -> tuple[str, HandPose, View]:
    if label == NONE:
        if rng.uniform() < _IN_BETWEEN_SHARE:
            return "relaxed", _in_between(rng), _any_view(rng)
        label = str(rng.choice(outside_shapes(vocabulary)))
    shape = HANDSHAPES[label]
    choices = views(vocabulary, label)
    return label, shape.pose, choices[int(rng.integers(len(choices)))]


def _in_between(rng: np.random.Generator) -> HandPose:
    """A hand on its way: between rest and a random natural pose, far from straight and far from clenched."""
    base = rng.uniform(0.1, 0.8)
    curl = np.clip(base + rng.normal(0, 0.22, 4), 0.0, 1.0)  # neighbours curl alike
    fingers = np.stack(
        [5 + 75 * curl, 4 + 92 * curl, 3 + 55 * curl, np.array([6, 1, -5, -12]) + rng.normal(0, 4, 4)], axis=1
    )
    thumb = np.array([45, 22, 25, 20, 20]) + rng.normal(0, [12, 10, 12, 12, 12])
    return RELAXED.towards(HandPose(fingers, thumb), rng.uniform(0.2, 0.75))


def _any_view(rng: np.random.Generator) -> View:
    yaw = rng.choice([0, 180]) + rng.uniform(-40, 40)
    return (float(yaw), float(rng.uniform(-10, 20)), float(rng.normal(0, 22)))


def _frame(rng: np.random.Generator, skeleton: HandSkeleton, rotation: np.ndarray, left: bool, size: int) -> HandView:
    """Puts the joints inside the picture at a random scale and place."""
    pivot = skeleton.joints[[0, 5, 9, 13, 17]].mean(axis=0)
    distance = float(rng.uniform(38, 95))
    scale = float(rng.uniform(0.40, 0.62)) * size / _HAND_LENGTH
    joints = HandView(rotation, left, (0.0, 0.0), scale, distance, pivot).project(skeleton.joints)[0][:, :2]
    low, high = joints.min(axis=0), joints.max(axis=0)
    room = (1 - 2 * _MARGIN) * size
    shrink = min(1.0, room / float((high - low).max()))
    low, high, scale = low * shrink, high * shrink, scale * shrink
    # Hands are held up to the camera: the middle of the free room is likelier than its borders.
    where = rng.beta(2.5, 2.5, 2)
    corner = _MARGIN * size + where * (room - (high - low)) - low
    return HandView(rotation, left, (float(corner[0]), float(corner[1])), scale, distance, pivot)


def _hold_arm(rng: np.random.Generator, signer: Signer, rotation: np.ndarray) -> Arm:
    """The forearm comes from below as far as the wrist bends, 35° at most."""
    straight = np.array([0.0, -1.0, 0.0])
    below = rotation.T @ np.array([rng.normal(0, 0.3), -1.0, rng.normal(-0.3, 0.3)])
    below /= np.linalg.norm(below)
    aside = below - below @ straight * straight
    length = float(np.linalg.norm(aside))
    wanted = np.degrees(np.arctan2(length, max(float(below @ straight), 0.2)))
    bend = np.deg2rad(min(wanted, 35.0) * rng.uniform(0.2, 1.0))
    direction = np.cos(bend) * straight + np.sin(bend) * aside / max(length, 1e-6)
    hem = float("inf") if rng.uniform() < signer.bare_share else float(rng.uniform(4.0, 12.0))
    return Arm(direction / np.linalg.norm(direction), hem, float(rng.uniform(1.1, 1.5)))


def _make_look(rng: np.random.Generator, signer: Signer) -> Look:
    warm = rng.normal(0, 0.05)
    return Look(
        skin=signer.skin,
        palm=signer.palm,
        sleeve=tuple(signer.sleeves[int(rng.integers(len(signer.sleeves)))]),
        light=(float(rng.uniform(-0.9, 0.9)), float(rng.uniform(0.0, 1.0)), float(rng.uniform(0.45, 1.1))),
        light_color=(1 + warm, 1.0, 1 - warm),
        ambient=float(rng.uniform(0.52, 0.80)),
        gloss=float(rng.uniform(0.02, 0.14)),
        crease=float(rng.uniform(0.04, 0.18)),
        shadow=float(rng.uniform(0.2, 0.5)),
    )
