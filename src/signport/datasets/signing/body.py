"""From a performance to every point of the body: trunk, arms by inverse kinematics, hands, head, guessed legs."""

import numpy as np

from signport.datasets.signing.face import EARS, face_points, make_expression
from signport.datasets.signing.motion import HandMotion, Performance
from signport.datasets.signing.signers import Signer
from signport.datasets.signing.space import turn
from signport.landmarks.topology import FACE_61, ISL_136

_PALM = np.array([0.0, 6.0, 0.6])  # the palm's middle in the hand's frame, cm
_WRIST_BEND = np.deg2rad(75)  # how far a hand bends from its forearm
_MIRROR = np.array([-1.0, 1.0, 1.0])
# Which hand joints stand for the pose model's pinky, index and thumb, by their place in MediaPipe's hand.
_POSE_FINGERS = {"pinky": 17, "index": 5, "thumb": 3}
# Knee, ankle, heel and toe of a standing person, cm from the hip; almost always a guess below the picture.
_LEG = {"knee": (1, -42, 2), "ankle": (1, -81, -2), "heel": (1, -84, -6), "foot_index": (4, -86, 10)}
_HEAD = ISL_136.part("face")


def body_points(performance: Performance, signer: Signer, rng: np.random.Generator) -> np.ndarray:
    """Places all points of `ISL_136`.

    Returns:
        Float (frames, 136, 3), cm: origin between the hips, +x to the signer's left, +y up, +z to the front.
    """
    times, body = performance.times, signer.body
    points = np.zeros((len(times), ISL_136.num_points, 3))
    hands = (performance.leading, performance.other)
    right, left = hands[::-1] if signer.left_handed else hands
    for side, hand, mirror in (("right", right, np.ones(3)), ("left", left, _MIRROR)):
        arm = _arm(hand, signer)
        points[:, ISL_136.part(f"{side}_hand")] = arm["hand"] * mirror
        for name in ("shoulder", "elbow"):
            points[:, ISL_136.index[f"pose.{side}_{name}"]] = arm[name] * mirror
        points[:, ISL_136.index[f"pose.{side}_wrist"]] = arm["hand"][:, 0] * mirror
        for finger, joint in _POSE_FINGERS.items():
            points[:, ISL_136.index[f"pose.{side}_{finger}"]] = arm["hand"][:, joint] * mirror
    _place_head(points, signer, rng, times)
    # So far everything is told from the middle of the shoulders; now the trunk leans and turns on the hips.
    lean = turn(signer.liveliness * (rng.normal(0, 0.02, 3) + _sway(rng, times, 0.012)))
    points += np.array([0, body.torso, 0])
    points[:] = np.einsum("tij,tpj->tpi", lean, points)
    for side, sign in (("right", -1), ("left", 1)):
        hip = np.array([sign * body.hip, 0, 0])
        points[:, ISL_136.index[f"pose.{side}_hip"]] = hip
        for name, place in _LEG.items():
            points[:, ISL_136.index[f"pose.{side}_{name}"]] = hip + np.array(place) * [sign, 1, 1] * body.torso / 49
    return points


def _place_head(points: np.ndarray, signer: Signer, rng: np.random.Generator, times: np.ndarray) -> None:
    """The face and the pose model's head, which are the same points but for the ears."""
    turned = turn(signer.liveliness * (rng.normal(0, 0.04, 3) + _sway(rng, times, 0.05)))
    face = face_points(make_expression(rng, times, signer.liveliness))
    head = np.concatenate([face, np.broadcast_to(EARS, (len(times), 2, 3))], axis=1) * signer.body.head
    head = np.einsum("tij,tpj->tpi", turned, head) + np.array([0, signer.body.neck, 2])
    points[:, _HEAD] = head[:, :-2]
    points[:, ISL_136.index["pose.left_ear"]], points[:, ISL_136.index["pose.right_ear"]] = head[:, -2], head[:, -1]
    at = {number: head[:, place] for place, number in enumerate(FACE_61)}
    points[:, ISL_136.index["pose.nose"]] = at[1]
    for side, inner, outer, mouth in (("left", 362, 263, 291), ("right", 133, 33, 61)):
        points[:, ISL_136.index[f"pose.{side}_eye_inner"]] = at[inner]
        points[:, ISL_136.index[f"pose.{side}_eye_outer"]] = at[outer]
        points[:, ISL_136.index[f"pose.{side}_eye"]] = (at[inner] + at[outer]) / 2
        points[:, ISL_136.index[f"pose.mouth_{side}"]] = at[mouth]


def _arm(hand: HandMotion, signer: Signer) -> dict[str, np.ndarray]:
    """Shoulder, elbow (frames, 3) and hand (frames, 21, 3) of a right arm, from the middle of the shoulders."""
    shoulder = np.broadcast_to([-signer.body.shoulder, 0.0, 0.0], hand.middle.shape)
    rotation = hand.rotation
    # Bending the wrist back into reach moves it, and so the elbow: twice settles that.
    for _ in range(2):
        wrist = hand.middle - rotation @ _PALM
        elbow, wrist = _elbow(shoulder, wrist, signer)
        rotation = _within_bend(rotation, wrist - elbow)
    joints = np.einsum("tij,tpj->tpi", rotation, hand.joints) + wrist[:, None]
    return {"shoulder": shoulder, "elbow": elbow, "hand": joints}


def _elbow(shoulder: np.ndarray, wrist: np.ndarray, signer: Signer) -> tuple[np.ndarray, np.ndarray]:
    """Two-bone inverse kinematics: the elbow by the law of cosines, turned about the arm's line as the signer does.

    Returns:
        Elbow and wrist, each (frames, 3); the wrist is pulled in where the arm is too short.
    """
    upper, fore = signer.body.upper_arm, signer.body.forearm
    line = wrist - shoulder
    distance = np.linalg.norm(line, axis=1, keepdims=True)
    direction = line / distance
    distance = np.clip(distance, abs(upper - fore) + 4, 0.985 * (upper + fore))
    along = (upper**2 - fore**2 + distance**2) / (2 * distance)
    # Raised arms carry the elbow forwards, hanging ones backwards; the arm's own line is no way to point.
    pole = signer.elbow + direction[:, 1:2] * np.array([0.0, 0.0, 1.2])
    out = pole - np.sum(pole * direction, axis=1, keepdims=True) * direction
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    height = np.sqrt(np.maximum(upper**2 - along**2, 0))
    return shoulder + along * direction + height * out, shoulder + distance * direction


def _within_bend(rotation: np.ndarray, forearm: np.ndarray) -> np.ndarray:
    """Turns hands that bend too far from their forearm back to what a wrist allows."""
    fingers = rotation[:, :, 1]
    forearm = forearm / np.linalg.norm(forearm, axis=1, keepdims=True)
    bend = np.arccos(np.clip(np.sum(fingers * forearm, axis=1, keepdims=True), -1, 1))
    axis = np.cross(fingers, forearm)
    axis /= np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), 1e-6)
    eased: np.ndarray = turn(axis * np.maximum(bend - _WRIST_BEND, 0)) @ rotation
    return eased


def _sway(rng: np.random.Generator, times: np.ndarray, amount: float) -> np.ndarray:
    """Slow rotation vectors, radians, float (frames, 3)."""
    rates, phases = rng.uniform(0.15, 0.8, 3), rng.uniform(0, 2 * np.pi, 3)
    waves: np.ndarray = np.sqrt(2) * np.sin(2 * np.pi * rates * times[:, None] + phases)
    return amount * waves
