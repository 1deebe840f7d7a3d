"""How a signer performs a sign: for each frame, where both hands are, how they are turned and shaped."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from signport.datasets.rendered.handshapes import HANDSHAPES, RELAXED
from signport.datasets.rendered.skeleton import HandPose, HandProportions, pose_hand
from signport.datasets.signing.lexicon import CLOSED_PATHS, LOCATIONS, Sign
from signport.datasets.signing.signers import Signer
from signport.datasets.signing.space import ORIENTATIONS, between, path, turn

# Middle of the hand for a mean signer's right hand, cm, in the frame of `space`: from the head's middle for the first
# three, from the middle of the shoulders for the others.
_HEAD_PLACES = {"forehead": (-5.0, 4.5, 11.0), "cheek": (-10.0, -1.0, 8.0), "chin": (-2.0, -8.5, 13.0)}
_BODY_PLACES = {
    "far shoulder": (11.0, -6.0, 13.0),
    "chest": (-3.0, -16.0, 15.0),
    "belly": (-4.0, -33.0, 18.0),
    "neutral": (-9.0, -21.0, 30.0),
    "side": (-27.0, -8.0, 24.0),
}
_ABREAST = -9.0  # two moving hands keep apart
_OVER_BASE, _BASE = np.array([-1.0, -14.0, 29.0]), np.array([0.0, -24.0, 26.0])
# Size of movements in cm, near the head and elsewhere.
_SMALL, _LARGE = 12.5, 21.0
# The flesh that closes around a handshape is posed at so many steps between two shapes, frames in between by lines:
# a chord over a fifth of a finger's bend shortens its bones by at most 2 %.
_STEPS = 5


@dataclass(frozen=True)
class Timing:
    """When a clip's parts begin and how long they last, in seconds."""

    idle_before: float
    prepare: float
    hold_before: float
    stroke: float
    hold_after: float
    retract: float
    idle_after: float

    @property
    def start(self) -> float:
        """When the sign's movement starts."""
        return self.idle_before + self.prepare + self.hold_before

    @property
    def leave(self) -> float:
        """When the hands start on their way back."""
        return self.start + self.stroke + self.hold_after

    @property
    def total(self) -> float:
        return self.leave + self.retract + self.idle_after


@dataclass(frozen=True)
class HandMotion:
    """One hand, as if it were the right one, in the frame of `space`; left hands do the same in the mirror.

    Attributes:
        middle: Float (frames, 3): the palm's middle, cm from the middle of the shoulders.
        rotation: Float (frames, 3, 3): turns the hand's frame into the signer's.
        joints: Float (frames, 21, 3): in the hand's frame, cm.
    """

    middle: np.ndarray
    rotation: np.ndarray
    joints: np.ndarray


@dataclass(frozen=True)
class Performance:
    """A sign as performed: times in seconds (frames,), the leading hand and the other."""

    times: np.ndarray
    leading: HandMotion
    other: HandMotion


def perform(sign: Sign, signer: Signer, rng: np.random.Generator, frame_rate: float) -> Performance:
    """Performs a sign once, with what this take has of its own drawn from `rng`."""
    timing = _timing(sign, signer, rng)
    times = np.arange(max(2, round(timing.total * frame_rate))) / frame_rate
    phase, share = _progress(sign, (times - timing.start) / timing.stroke)
    lag = signer.tempo * rng.normal(0, 0.02)
    size = (_SMALL if sign.location in _HEAD_PLACES else _LARGE) * signer.amplitude * rng.normal(1, 0.07)
    lean = turn(signer.tilt + rng.normal(0, 0.05, 3))
    place = _place(sign, signer) + rng.normal(0, 0.9, 3)
    leading = _hand(sign, signer, rng, timing, times, place + size * path(sign.path, phase) @ lean.T, share)
    if sign.hands == "one":
        other = _resting(signer, rng, times)
    elif sign.hands == "base":
        still = np.broadcast_to(_BASE * signer.body.torso / 49 + rng.normal(0, 0.9, 3), (len(times), 3))
        base = Sign("", sign.location, (sign.base_shape,) * 2, ("up", "up"), sign.path)
        other = _hand(base, signer, rng, timing, times + lag, still, share)
    else:
        if sign.hands == "alternating":
            phase = phase + 0.5 if sign.path in CLOSED_PATHS else 1 - phase
        ground = place + rng.normal(0, 0.7, 3) + size * path(sign.path, phase) @ lean.T
        other = _hand(sign, signer, rng, timing, times + lag, ground, share)
    return Performance(times, leading, other)


def _timing(sign: Sign, signer: Signer, rng: np.random.Generator) -> Timing:
    pace = signer.tempo * float(np.exp(rng.normal(0, 0.07)))
    # Twice the way takes not quite twice the time: repeated movements are made faster.
    stroke = 0.9 if sign.cycles == 1 else 1.3
    return Timing(
        idle_before=rng.uniform(0.04, 0.26),
        prepare=rng.uniform(0.28, 0.38) / pace,
        hold_before=rng.uniform(0.02, 0.12) / pace,
        stroke=stroke / pace,
        hold_after=rng.uniform(0.04, 0.2) / pace,
        retract=rng.uniform(0.28, 0.38) / pace,
        idle_after=rng.uniform(0.04, 0.26),
    )


def ease(share: np.ndarray) -> np.ndarray:
    """Minimum-jerk course from 0 to 1 (Flash and Hogan 1985), as arms move from place to place."""
    share = np.clip(share, 0, 1)
    eased: np.ndarray = share**3 * (10 - 15 * share + 6 * share**2)
    return eased


def _progress(sign: Sign, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The path's phase, and how far handshape and palm have changed, at shares of the stroke's time."""
    share = np.clip(share, 0, 1)
    if sign.path in CLOSED_PATHS:
        round_ = sign.cycles * (share - np.sin(2 * np.pi * share) / (4 * np.pi))
        return (-round_ if sign.backwards else round_), ease(share)
    # There, and for each repetition back and there again.
    legs = 2 * sign.cycles - 1
    leg = np.minimum(np.floor(share * legs), legs - 1)
    there = ease(share * legs - leg)
    there = np.where(leg % 2 == 0, there, 1 - there)
    return (1 - there if sign.backwards else there), there


def _place(sign: Sign, signer: Signer) -> np.ndarray:
    """The middle of the ground that a sign's movement covers, cm from the middle of the shoulders."""
    body = signer.body
    if sign.location in _HEAD_PLACES:
        place = body.head * np.array(_HEAD_PLACES[sign.location]) + [0, body.neck, 2]
    elif sign.hands == "base":
        place = _OVER_BASE * body.torso / 49
    else:
        place = np.array(_BODY_PLACES[sign.location])
        if sign.hands != "one":
            place[0] = min(place[0], _ABREAST)
        place = place * [body.shoulder / 18, body.torso / 49, body.upper_arm / 28.5]
    chosen: np.ndarray = place + signer.shift + signer.habits[list(LOCATIONS).index(sign.location)]
    return chosen


def _rest(signer: Signer) -> tuple[np.ndarray, np.ndarray]:
    """Where a hand rests, and how it is turned: hanging beside the body, or folded before it."""
    height = signer.rest
    before = np.clip((height + 4) / 12, 0, 1)
    place = (1 - before) * np.array([-signer.body.shoulder - 4, height, 3]) + before * np.array([-6, height, 17])
    place[1] -= signer.body.torso
    return place, between(ORIENTATIONS["hanging"], ORIENTATIONS["folded"], np.array([before]))[0]


def _hand(
    sign: Sign,
    signer: Signer,
    rng: np.random.Generator,
    timing: Timing,
    times: np.ndarray,
    ground: np.ndarray,
    share: np.ndarray,
) -> HandMotion:
    """A hand that leaves its rest, makes the sign and goes back."""
    rest, rest_rotation = _rest(signer)
    coming = (times - timing.idle_before) / timing.prepare
    going = (times - timing.leave) / timing.retract
    weight = ease(coming) * (1 - ease(going))
    middle = rest + weight[:, None] * (ground - rest)
    # An arm swings out on its way rather than cutting through the body.
    middle[:, 2] += 6 * weight * (1 - weight)
    start, end = (ORIENTATIONS[palm] @ turn(signer.wrist + rng.normal(0, 0.06, 3)) for palm in sign.palms)
    rotation = between(rest_rotation, between(start, end, share), weight)
    formed = [_formed(signer, shape, rng) for shape in dict.fromkeys(sign.shapes)]
    # The hand is in shape before it arrives, and keeps it until it is well on its way back.
    along = ease(coming * 1.3) + share + ease(going * 1.3 - 0.3)
    relaxed = _relaxed(signer, rng)
    joints = _joints([relaxed, formed[0], formed[-1], relaxed], along, signer.hand.proportions)
    return HandMotion(middle + _wander(rng, times, 0.35), rotation @ turn(_wander(rng, times, 0.03)), joints)


def _resting(signer: Signer, rng: np.random.Generator, times: np.ndarray) -> HandMotion:
    rest, rotation = _rest(signer)
    joints = pose_hand(_relaxed(signer, rng), signer.hand.proportions).joints
    return HandMotion(
        middle=rest + rng.normal(0, 0.8, 3) + _wander(rng, times, 0.5),
        rotation=rotation @ turn(_wander(rng, times, 0.04)),
        joints=np.broadcast_to(joints, (len(times), *joints.shape)),
    )


def _formed(signer: Signer, shape: str, rng: np.random.Generator) -> HandPose:
    return signer.hand.formed(shape, HANDSHAPES[shape].pose.towards(RELAXED, signer.laxness), rng)


def _relaxed(signer: Signer, rng: np.random.Generator) -> HandPose:
    return signer.hand.formed("relaxed", RELAXED, rng)


def _joints(poses: Sequence[HandPose], along: np.ndarray, proportions: HandProportions) -> np.ndarray:
    """Joints of a hand on its way through poses, float (frames, 21, 3); `along` counts the poses from 0."""
    nodes: list[np.ndarray] = []
    for start, end in pairwise(poses):
        if start is end:
            nodes += [nodes[-1] if nodes else pose_hand(start, proportions).joints] * _STEPS
        else:
            nodes += [pose_hand(start.towards(end, step / _STEPS), proportions).joints for step in range(_STEPS)]
    chain = np.stack([*nodes, pose_hand(poses[-1], proportions).joints])
    at = np.clip(along, 0, len(poses) - 1) * _STEPS
    low = np.minimum(at.astype(np.int64), len(chain) - 2)
    share = (at - low)[:, None, None]
    joints: np.ndarray = (1 - share) * chain[low] + share * chain[low + 1]
    return joints


def _wander(rng: np.random.Generator, times: np.ndarray, amount: float) -> np.ndarray:
    """Slow, aimless movement of standard deviation `amount`, float (frames, 3): a few sines below 2 Hz."""
    rates, phases = rng.uniform(0.2, 2.0, (3, 3)), rng.uniform(0, 2 * np.pi, (3, 3))
    waves = np.sin(2 * np.pi * rates * times[:, None, None] + phases).sum(axis=1)
    wandering: np.ndarray = amount * waves / np.sqrt(1.5)
    return wandering
