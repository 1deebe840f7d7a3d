"""The camera's conventions and the detector's faults."""

import numpy as np
import pytest

from signport.datasets.signing.camera import Camera
from signport.datasets.signing.detector import detect
from signport.landmarks.topology import ISL_136

LEFT, RIGHT = ISL_136.part("left_hand"), ISL_136.part("right_hand")
STRAIGHT = Camera(np.zeros(3), 200.0, 0.3, np.array([0.5, 0.5]), 1.0, 0.0)


def person() -> np.ndarray:
    """Landmarks of nobody in particular within the picture, 1000 frames."""
    rng = np.random.default_rng(0)
    return np.broadcast_to(rng.uniform(0.3, 0.7, (136, 3)), (1000, 136, 3)).copy()


def test_the_camera_keeps_mediapipes_conventions():
    points = np.zeros((1, 136, 3))
    points[0, :, 1] = 49
    points[0, ISL_136.index["pose.left_shoulder"]] = (18, 49, 0)
    points[0, ISL_136.index["pose.right_shoulder"]] = (-18, 49, 0)
    points[0, ISL_136.index["pose.nose"]] = (0, 70, 12)
    points[0, RIGHT] = (-10, 40, 30)
    points[0, RIGHT.start + 8] = (-10, 40, 36)
    told = STRAIGHT.landmarks(points)[0]
    left, right = (told[ISL_136.index[f"pose.{side}_shoulder"]] for side in ("left", "right"))
    assert left[0] - right[0] == pytest.approx(0.3)
    assert left[0] > 0.5
    assert told[ISL_136.index["pose.nose"], 1] < left[1]
    # Nearer the camera is smaller: the nose before the hips, the fingertip before its wrist.
    assert told[ISL_136.index["pose.nose"], 2] == pytest.approx(-12 * 0.3 / 36)
    assert told[RIGHT.start, 2] == 0
    assert told[RIGHT.start + 8, 2] == pytest.approx(-6 * 0.3 / 36)


def test_a_hand_goes_missing_as_a_whole_for_frames_on_end():
    found = detect(person(), np.random.default_rng(1), 25.0)
    for hand in (LEFT, RIGHT):
        missing = np.isnan(found[:, hand])
        assert (missing.all(axis=(1, 2)) == missing.any(axis=(1, 2))).all()
        assert 0.02 < missing[:, 0, 0].mean() < 0.3


def test_dropped_frames_lose_every_point():
    found = detect(person(), np.random.default_rng(1), 25.0)
    pose = np.isnan(found[:, ISL_136.part("pose")]).any(axis=(1, 2))
    assert pose.any()
    assert np.isnan(found[pose]).all()


def test_a_hand_outside_the_picture_is_not_found():
    landmarks = person()
    landmarks[:, LEFT, 1] += 1
    found = detect(landmarks, np.random.default_rng(1), 25.0)
    assert np.isnan(found[:, LEFT]).all()
    assert np.isfinite(found[:, RIGHT]).any()


def test_a_fast_hand_is_lost_more_often():
    landmarks = person()
    landmarks[:, LEFT, 0] += 0.2 * np.sin(np.arange(1000) * 0.8)[:, None]
    found = [detect(landmarks, np.random.default_rng(seed), 25.0) for seed in range(2)]
    fast, still = (np.mean([np.isnan(clip[:, hand.start, 0]) for clip in found]) for hand in (LEFT, RIGHT))
    assert fast > 2 * still


def test_jitter_lasts_and_is_stronger_in_depth():
    jitter = (detect(person(), np.random.default_rng(1), 25.0) - person())[:, ISL_136.part("pose")]
    jitter = jitter[np.isfinite(jitter).all(axis=(1, 2))]
    assert jitter[..., 2].std() > 4 * jitter[..., 0].std() > 0
    before, after = jitter[:-1, :, 0], jitter[1:, :, 0]
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.5
