"""Made-up signers: each has a hand, a skin tone, a habit of forming each handshape, a preferred hand and a wardrobe."""

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from signport.datasets.rendered.skeleton import MEAN_HAND, HandPose, HandProportions

SIGNERS = 20

# Light to dark skin in full light, RGB: ten steps chosen by eye.
_SKIN_TONES = np.array(
    [
        [243, 213, 196], [236, 196, 172], [228, 180, 148], [214, 160, 124], [196, 140, 104],
        [172, 116, 84], [146, 96, 70], [118, 78, 58], [94, 62, 48], [76, 52, 42],
    ],
    np.float64,
)  # fmt: skip
# Standard deviations in degrees of how one signer's habit differs from the chart: MCP, PIP, DIP, spread.
_FINGER_HABIT = np.array([4.0, 4.0, 4.0, 2.0])
_THUMB_HABIT = 3.0


@dataclass(frozen=True)
class Signer:
    """One made-up signer.

    Attributes:
        name: `signer00` and so on; the group of every image of theirs.
        proportions: Their hand.
        skin, palm: RGB, 0 to 255.
        left_share: Share of their images with the left hand.
        steadiness: Multiplies the joint jitter from image to image.
        sleeves: (choices, 3) RGB of their sleeves.
        bare_share: Share of their images with a bare forearm.
        key: What their habits are drawn from.
    """

    name: str
    proportions: HandProportions
    skin: tuple[float, float, float]
    palm: tuple[float, float, float]
    left_share: float
    steadiness: float
    sleeves: np.ndarray
    bare_share: float
    key: tuple[int, int]

    def habit(self, shape: str) -> np.ndarray:
        """Their usual deviation from the chart for one handshape: 21 angles in degrees, as `HandPose.vector`."""
        rng = np.random.default_rng([*self.key, crc32(shape.encode())])
        return _joint_noise(rng, 1.0)

    def formed(self, shape: str, pose: HandPose, rng: np.random.Generator) -> HandPose:
        """The pose as they form it this time."""
        angles = pose.vector() + self.habit(shape) + _joint_noise(rng, self.steadiness)
        return HandPose.from_vector(_within_reach(angles))


def signer_name(index: int) -> str:
    """Who signs picture `index` of a class: signers take turns."""
    return f"signer{index % SIGNERS:02d}"


def make_signer(seed: int, number: int) -> Signer:
    """Signer `number` of a seed; the same two numbers always give the same person."""
    rng = np.random.default_rng([seed, 7919, number])
    # Spread over the whole scale first, so that even a few signers differ in skin tone.
    tone = (number * 0.618034 + rng.uniform(0, 0.2)) % 1.0 * (len(_SKIN_TONES) - 1)
    skin = np.array([np.interp(tone, np.arange(len(_SKIN_TONES)), channel) for channel in _SKIN_TONES.T])
    skin *= rng.normal(1, 0.02, 3)
    # Palms vary less than the backs of hands and are pinker.
    palm = skin + (0.15 + 0.35 * tone / (len(_SKIN_TONES) - 1)) * (np.array([226, 164, 140]) - skin)
    return Signer(
        name=signer_name(number),
        proportions=_proportions(rng),
        skin=tuple(np.clip(skin, 0, 255)),
        palm=tuple(np.clip(palm, 0, 255)),
        left_share=float(rng.choice([0.12, 0.88], p=[0.6, 0.4])),
        steadiness=float(rng.uniform(0.6, 1.3)),
        sleeves=rng.uniform(20, 235, (3, 1)) * rng.uniform(0.6, 1.0, (3, 3)),
        bare_share=float(rng.uniform(0.2, 0.9)),
        key=(seed, number),
    )


def _joint_noise(rng: np.random.Generator, amount: float) -> np.ndarray:
    """21 angles: a part shared by all fingers, a part of each finger's own, and the thumb's."""
    shared = rng.normal(0, 0.5, 4) * _FINGER_HABIT * [1, 1, 1, 0]
    fingers = shared + rng.normal(0, 0.8, (4, 4)) * _FINGER_HABIT
    return np.concatenate([amount * fingers.ravel(), amount * rng.normal(0, _THUMB_HABIT, 5)])


def _within_reach(angles: np.ndarray) -> np.ndarray:
    """Keeps joints from bending backwards beyond what a hand does."""
    fingers = angles[:16].reshape(4, 4)
    low, high = np.array([-12, -3, -5, -30]), np.array([95, 115, 80, 30])
    return np.concatenate([np.clip(fingers, low, high).ravel(), angles[16:]])


def _proportions(rng: np.random.Generator) -> HandProportions:
    fingers, width, thickness = rng.normal(1, 0.045), rng.normal(1, 0.05), rng.normal(1, 0.06)
    bones = MEAN_HAND.bones * fingers * rng.normal(1, 0.025, (5, 3))
    knuckles = MEAN_HAND.knuckles * [width, 1, 1] * rng.normal(1, 0.012, (4, 3))
    radii = MEAN_HAND.radii * (0.5 + 0.5 * width) * thickness * rng.normal(1, 0.02, (5, 1))
    return HandProportions(knuckles, MEAN_HAND.thumb_root * [width, 1, 1], bones, radii)
