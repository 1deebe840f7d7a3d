"""A head: the 61 face points of `isl_136`, with a mouth that moves, eyes that blink and brows that rise."""

from dataclasses import dataclass

import numpy as np

from signport.landmarks.topology import FACE_61

# Where the lines of `FACE_61` lie in it, and that they run from the person's right to their left.
_LIPS, _INNER_LIPS, _RIGHT_EYE, _LEFT_EYE = slice(0, 20), slice(20, 28), slice(28, 36), slice(36, 44)
_RIGHT_BROW, _LEFT_BROW, _NOSE, _NOSTRILS = slice(44, 49), slice(49, 54), slice(54, 59), slice(59, 61)

EARS = np.array([[7.6, 1.0, -1.5], [-7.6, 1.0, -1.5]])
"""Left and right ear in the head's frame, cm."""


@dataclass(frozen=True)
class Expression:
    """What a face does, frame by frame; each float (frames,).

    Attributes:
        mouth_open: Gap between the lips, cm.
        mouth_wide: Half the mouth's width, cm.
        eyes_open: 1 for open eyes, 0 for closed ones.
        brows: How far the brows are raised, cm.
    """

    mouth_open: np.ndarray
    mouth_wide: np.ndarray
    eyes_open: np.ndarray
    brows: np.ndarray


def face_points(expression: Expression) -> np.ndarray:
    """Places the face's points; sizes are set by eye for a plausible adult.

    Returns:
        Float (frames, 61, 3), cm, in the head's frame: origin between the ears, +x to the person's left, +y up, +z to
        the front; the points in the order of `signport.landmarks.topology.FACE_61`.
    """
    points = np.zeros((len(expression.brows), len(FACE_61), 3))
    opened, wide = expression.mouth_open / 2, expression.mouth_wide
    points[:, _LIPS] = _loop(20, (0, -4.6), wide, 0.85 + opened)
    points[:, _INNER_LIPS] = _loop(8, (0, -4.6), 0.82 * wide, 0.08 + opened)
    for eye, side in ((_RIGHT_EYE, -1), (_LEFT_EYE, 1)):
        points[:, eye] = _loop(8, (3.2 * side, 2.9), np.full_like(wide, 1.45), 0.08 + 0.47 * expression.eyes_open)
    for brow, side in ((_RIGHT_BROW, -1), (_LEFT_BROW, 1)):
        along = np.linspace(-2, 2, 5)
        points[:, brow, 0] = 3.4 * side + along
        points[:, brow, 1] = 4.6 - 0.12 * (along + 0.4 * side) ** 2 + expression.brows[:, None]
    points[:, _NOSE, 1] = [3.2, 1.4, 0.0, -0.9, -1.9]
    points[:, _NOSTRILS, 0] = [-1.4, 1.4]
    points[:, _NOSTRILS, 1] = -1.6
    # A face is round: what lies off its middle lies further back.
    points[:, :, 2] = 8.6 - 0.085 * points[:, :, 0] ** 2 - 0.03 * np.maximum(points[:, :, 1] - 1, 0) ** 2
    points[:, _NOSE, 2] = [8.7, 9.6, 10.7, 11.0, 9.8]
    points[:, _NOSTRILS, 2] = 9.2
    return points


def _loop(count: int, middle: tuple[float, float], half_width: np.ndarray, half_height: np.ndarray) -> np.ndarray:
    """Points of an ellipse, (frames, count, 3): from the person's right corner along the bottom, back along the top."""
    angle = 2 * np.pi * np.arange(count) / count
    loop = np.zeros((len(half_width), count, 3))
    loop[:, :, 0] = middle[0] - half_width[:, None] * np.cos(angle)
    loop[:, :, 1] = middle[1] - half_height[:, None] * np.sin(angle)
    return loop


def make_expression(rng: np.random.Generator, times: np.ndarray, liveliness: float) -> Expression:
    """A face that mouths, blinks and moves its brows at random; it says nothing about the sign.

    Args:
        rng: Draws all of it.
        times: Float (frames,), seconds.
        liveliness: How much this signer's face moves; 1 on average.
    """
    rate, phase = rng.uniform(1.5, 3.5), rng.uniform(0, 2 * np.pi)
    envelope = np.exp(-(((times - times.mean()) / (0.3 * (times[-1] + 0.1))) ** 2))
    talking = np.clip(np.sin(2 * np.pi * rate * times + phase), 0, None) * envelope
    eyes = np.ones_like(times)
    for _ in range(rng.poisson(0.4 * times[-1])):
        eyes = np.minimum(eyes, np.abs(times - rng.uniform(0, times[-1])) / 0.12)
    return Expression(
        mouth_open=0.1 + liveliness * rng.uniform(0.1, 1.3) * talking,
        mouth_wide=2.5 + 0.25 * liveliness * np.sin(2 * np.pi * rng.uniform(0.5, 1.5) * times + phase) * envelope,
        eyes_open=np.clip(eyes, 0, 1),
        brows=0.25 * liveliness * rng.normal() * envelope,
    )
