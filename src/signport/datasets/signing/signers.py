"""Made-up signers: bodies of different build, habits of different kind, a preferred hand."""

from dataclasses import dataclass

import numpy as np

from signport.datasets.rendered import signer as hand_owners
from signport.datasets.signing.lexicon import LOCATIONS

# About one person in nine; spread evenly over the signers' numbers, so that a dozen signers hold one or two.
_LEFT_HANDED = 0.11


@dataclass(frozen=True)
class Body:
    """A signer's sizes in centimetres; set by eye around a plausible adult.

    Attributes:
        shoulder: Half the distance between the shoulder joints.
        hip: Half the distance between the hip joints.
        torso: Height of the shoulders above the hips.
        neck: Height of the head's middle above the shoulders.
        head: Size of the head; 1 on average.
        upper_arm: Shoulder to elbow.
        forearm: Elbow to wrist.
    """

    shoulder: float
    hip: float
    torso: float
    neck: float
    head: float
    upper_arm: float
    forearm: float


@dataclass(frozen=True)
class Signer:
    """One made-up signer.

    Attributes:
        name: `signer_00` and so on; the group of every clip of theirs.
        left_handed: Whether the left hand is the one that leads.
        body: Their build.
        hand: Who owns their hands: proportions, and a habit of forming each handshape.
        tempo: Multiplies every speed; 1 on average.
        amplitude: Multiplies the size of movements; 1 on average.
        laxness: Share of the way from each handshape to a relaxed hand.
        shift: Float (3,), cm: where all their signs sit, off the usual place.
        habits: Float (locations, 3), cm: the same for each location by itself.
        tilt: Float (3,), rotation vector in radians: how their movements lean.
        wrist: Float (3,), the same for their palm's orientation.
        elbow: Float (3,): direction in which the right elbow points away from the arm; forwards or backwards it goes
            as the arm is raised or lowered.
        rest: Height of their resting hands above the hips, cm.
        liveliness: How much their face and trunk move; 1 on average.
    """

    name: str
    left_handed: bool
    body: Body
    hand: hand_owners.Signer
    tempo: float
    amplitude: float
    laxness: float
    shift: np.ndarray
    habits: np.ndarray
    tilt: np.ndarray
    wrist: np.ndarray
    elbow: np.ndarray
    rest: float
    liveliness: float


def make_signer(seed: int, number: int) -> Signer:
    """Signer `number` of a seed; the same two numbers always give the same person."""
    rng = np.random.default_rng([seed, 2, number])
    offset = np.random.default_rng([seed, 2]).random()
    size = rng.normal(1, 0.05)
    body = Body(
        shoulder=18 * size * rng.normal(1, 0.06),
        hip=12.5 * size * rng.normal(1, 0.06),
        torso=49 * size * rng.normal(1, 0.04),
        neck=20.5 * size * rng.normal(1, 0.05),
        head=0.4 + 0.6 * size * rng.normal(1, 0.04),
        upper_arm=28.5 * size * rng.normal(1, 0.035),
        forearm=25 * size * rng.normal(1, 0.035),
    )
    return Signer(
        name=f"signer_{number:02d}",
        # Multiples of the golden ratio spread more evenly than chance.
        left_handed=bool((offset + number * 0.618034) % 1 < _LEFT_HANDED),
        body=body,
        hand=hand_owners.make_signer(seed, number),
        tempo=float(np.exp(rng.normal(0, 0.12))),
        amplitude=float(np.exp(rng.normal(0, 0.16))),
        laxness=float(rng.uniform(0, 0.25)),
        shift=rng.normal(0, [1.5, 2.0, 1.5]),
        habits=rng.normal(0, [1.5, 1.8, 1.5], (len(LOCATIONS), 3)),
        tilt=rng.normal(0, 0.10, 3),
        wrist=rng.normal(0, 0.11, 3),
        elbow=np.array([-0.55, -0.75, 0.0]) + rng.normal(0, 0.18, 3),
        rest=float(rng.uniform(-9, 16)),
        liveliness=float(rng.uniform(0.5, 1.5)),
    )
