"""Performances and bodies: bones keep their length, habits show, left-handed signers mirror."""

from dataclasses import replace

import numpy as np
import pytest

from signport.datasets.rendered import HANDSHAPES, pose_hand
from signport.datasets.signing.body import body_points
from signport.datasets.signing.lexicon import Sign, make_signs
from signport.datasets.signing.motion import perform
from signport.datasets.signing.signers import Signer, make_signer
from signport.landmarks.topology import ISL_136

SIGN = Sign("sign_00", "chest", ("V", "V"), ("in", "in"), "aside")
RIGHT, LEFT = ISL_136.part("right_hand"), ISL_136.part("left_hand")


@pytest.fixture(scope="module")
def signer() -> Signer:
    return replace(make_signer(0, 1), left_handed=False, liveliness=0.0)


def body(sign: Sign, signer: Signer, seed: int = 0) -> np.ndarray:
    """Points of a performance at 25 frames/s, (frames, 136, 3) in cm."""
    rng = np.random.default_rng(seed)
    return body_points(perform(sign, signer, rng, 25.0), signer, rng)


def reach(points: np.ndarray, point: int, axis: int) -> float:
    """How far a point gets along an axis while it is above the belly."""
    raised = points[points[:, point, 1] > points[:, point, 1].max() - 8, point, axis]
    return float(np.ptp(raised))


def length(points: np.ndarray, start: str, end: str) -> np.ndarray:
    return np.linalg.norm(points[:, ISL_136.index[start]] - points[:, ISL_136.index[end]], axis=1)


@pytest.mark.parametrize("sign", make_signs(12, 5), ids=lambda sign: sign.description)
def test_bones_keep_their_length(sign, signer):
    points = body(sign, signer)
    assert np.isfinite(points).all()
    for side in ("left", "right"):
        upper = length(points, f"pose.{side}_shoulder", f"pose.{side}_elbow")
        fore = length(points, f"pose.{side}_elbow", f"pose.{side}_wrist")
        np.testing.assert_allclose(upper, signer.body.upper_arm, rtol=1e-6)
        # Bending a hand back within reach leaves the wrist a little off.
        np.testing.assert_allclose(fore, signer.body.forearm, rtol=0.12)
        finger = length(points, f"{side}_hand.index_finger_mcp", f"{side}_hand.index_finger_pip")
        np.testing.assert_allclose(finger, signer.hand.proportions.bones[1, 0], rtol=0.03)


def test_the_hand_takes_its_shape(signer):
    sign = replace(SIGN, path="hold")
    exact = replace(signer, laxness=0.0)
    motion = perform(sign, exact, np.random.default_rng(0), 25.0).leading
    wanted = pose_hand(HANDSHAPES["V"].pose, signer.hand.proportions).joints
    error = np.linalg.norm(motion.joints - wanted, axis=2).mean(axis=1)
    middle = len(error) // 2
    assert error[middle] < 1.5
    assert error[0] > 2 * error[middle]
    assert error[-1] > 2 * error[middle]


def test_a_left_handed_signer_is_the_mirror_image(signer):
    right = body(SIGN, signer)
    left = body(SIGN, replace(signer, left_handed=True))
    mirror = np.array([-1, 1, 1])
    np.testing.assert_allclose(left[:, LEFT], right[:, RIGHT] * mirror, atol=1e-9)
    np.testing.assert_allclose(left[:, RIGHT], right[:, LEFT] * mirror, atol=1e-9)
    elbows = [ISL_136.index[f"pose.{side}_elbow"] for side in ("left", "right")]
    np.testing.assert_allclose(left[:, elbows], right[:, elbows[::-1]] * mirror, atol=1e-9)


def test_some_signers_are_left_handed_and_most_are_not():
    left = sum(make_signer(0, number).left_handed for number in range(100))
    assert 8 <= left <= 18


def test_a_faster_signer_takes_less_time(signer):
    slow, fast = (len(body(SIGN, replace(signer, tempo=tempo))) for tempo in (0.8, 1.25))
    assert fast < slow


def test_amplitude_scales_the_movement(signer):
    wrist = ISL_136.index["right_hand.wrist"]
    small, large = (reach(body(SIGN, replace(signer, amplitude=size)), wrist, 0) for size in (0.7, 1.4))
    assert large > 1.4 * small


def test_one_hand_rests_where_one_signs(signer):
    points = body(SIGN, signer)
    assert np.ptp(points[:, RIGHT.start, 1]) > 3 * np.ptp(points[:, LEFT.start, 1])


def test_hands_in_step_mirror_and_alternating_ones_do_not(signer):
    # At the same moment of the movement, how far each hand is towards its own side.
    gaps = {}
    for hands in ("symmetric", "alternating"):
        points = body(replace(SIGN, location="neutral", hands=hands, palms=("down", "down")), signer)
        raised = points[:, RIGHT.start, 1] > points[:, RIGHT.start, 1].max() - 6
        gaps[hands] = np.abs(points[raised, RIGHT.start, 0] + points[raised, LEFT.start, 0]).mean()
    assert gaps["symmetric"] < 0.5 * gaps["alternating"]


def test_reversed_movements_average_alike(signer):
    """What makes pairs hard: not where the hand was, but in which order."""
    there, back = (body(replace(SIGN, backwards=backwards), signer) for backwards in (False, True))
    wrist = ISL_136.index["right_hand.wrist"]
    np.testing.assert_allclose(there[:, wrist].mean(axis=0), back[:, wrist].mean(axis=0), atol=2.5)
    assert np.abs(there[:, wrist, 0] - back[:, wrist, 0]).max() > 10
