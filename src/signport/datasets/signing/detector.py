"""What a detector does to landmarks: jitter that lasts over frames, hands it loses, frames it drops."""

import numpy as np

from signport.landmarks.topology import ISL_136

# Standard deviations of the jitter, in image widths: of a whole part, and of each point by itself. Set by eye to what
# MediaPipe's landmarks of a still person do.
_PART_JITTER = {"pose": 0.0012, "left_hand": 0.002, "right_hand": 0.002, "face": 0.0012}
_POINT_JITTER = {"pose": 0.0015, "left_hand": 0.0015, "right_hand": 0.0015, "face": 0.0007}
_DEPTH_JITTER = {"pose": 12.0, "left_hand": 2.5, "right_hand": 2.5, "face": 2.0}  # times that, along z
_GUESSED = 6.0  # points outside the picture are guesses: so many times the jitter
_LASTING = 0.75  # correlation of jitter from one frame to the next
# Probabilities a frame of a hand that is seen: lost for no visible reason, and, at a speed of half a picture a second,
# lost in motion blur; of one that is lost: found again.
_LOST, _BLURRED, _FOUND = 0.008, 0.02, 0.45
_DROPPED, _RECOVERED = 0.012, 0.7  # the same for whole frames
_HAND_SEEN = 0.6  # share of a hand's points that must lie in the picture
_WRIST_DEPTH = 2e-7  # MediaPipe's wrist depth is no exact zero


def detect(landmarks: np.ndarray, rng: np.random.Generator, frame_rate: float) -> np.ndarray:
    """Makes landmarks as uneven as a detector's.

    Args:
        landmarks: Float (frames, 136, 3) of `ISL_136`, as `camera.Camera.landmarks` tells them.
        rng: Draws all of it.
        frame_rate: Frames a second.

    Returns:
        Float (frames, 136, 3); NaN for hands that are not found and for frames that are dropped.
    """
    lasting = _LASTING ** (25 / frame_rate)
    found = np.array(landmarks)
    outside = ((landmarks[..., :2] < 0) | (landmarks[..., :2] > 1)).any(axis=-1)
    for part, amount in _PART_JITTER.items():
        rows = ISL_136.part(part)
        jitter = amount * _lasting_noise(rng, (len(found), 1, 3), lasting)
        jitter = jitter + _POINT_JITTER[part] * _lasting_noise(rng, (len(found), rows.stop - rows.start, 3), lasting)
        jitter *= np.where(outside[:, rows, None], _GUESSED, 1)
        found[:, rows] += jitter * [1, 4 / 3, _DEPTH_JITTER[part]]
    for side in ("left_hand", "right_hand"):
        hand = ISL_136.part(side)
        found[:, hand.start, 2] = rng.normal(0, _WRIST_DEPTH, len(found))
        found[_lost(landmarks[:, hand], outside[:, hand], rng, frame_rate), hand] = np.nan
    dropped = _bursts(np.full(len(found), _DROPPED), _RECOVERED, rng)
    found[dropped] = np.nan
    return found


def _lost(hand: np.ndarray, outside: np.ndarray, rng: np.random.Generator, frame_rate: float) -> np.ndarray:
    """In which frames a hand is not found, Boolean (frames,)."""
    speed = np.linalg.norm(np.gradient(hand[:, 9, :2], axis=0), axis=1) * frame_rate
    hazard = np.clip(_LOST + _BLURRED * (speed / 0.5) ** 2, 0, 0.4) * 25 / frame_rate
    hazard[outside.mean(axis=1) > 1 - _HAND_SEEN] = 1
    return _bursts(hazard, _FOUND * min(1, 25 / frame_rate), rng)


def _bursts(hazard: np.ndarray, recovery: float, rng: np.random.Generator) -> np.ndarray:
    """A chain that switches on with each frame's hazard and off with `recovery`, Boolean (frames,)."""
    draws = rng.random(len(hazard))
    on = np.zeros(len(hazard), bool)
    for frame, (chance, draw) in enumerate(zip(hazard, draws, strict=True)):
        before = frame > 0 and on[frame - 1]
        on[frame] = chance >= 1 or (draw >= recovery if before else draw < chance)
    return on


def _lasting_noise(rng: np.random.Generator, shape: tuple[int, ...], lasting: float) -> np.ndarray:
    """Unit noise along the first axis, each value with a share `lasting` of the one before."""
    fresh = rng.standard_normal(shape)
    noise = np.empty(shape)
    noise[0] = fresh[0]
    for frame in range(1, shape[0]):
        noise[frame] = lasting * noise[frame - 1] + np.sqrt(1 - lasting**2) * fresh[frame]
    return noise
