import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.drawn_clips import BLACK, hand_frames

from signport.errors import SignportError
from signport.landmarks import holistic_detector
from signport.landmarks.hand_detector import HandDetector
from signport.landmarks.holistic_detector import HolisticDetector, holistic_models_sha256
from signport.landmarks.topology import HOLISTIC_543
from signport.landmarks.video_file import VideoFile

CLIPS = Path(__file__).parents[3] / "shared/data/videos-msl150"
PHOTOS = Path(__file__).parents[3] / "shared/data/photos-people-gestures/four"
needs_clips = pytest.mark.skipif(not CLIPS.is_dir(), reason="../shared/data/videos-msl150 is not on this machine")
POSE, FACE = HOLISTIC_543.part("pose"), HOLISTIC_543.part("face")
LEFT, RIGHT = HOLISTIC_543.part("left_hand"), HOLISTIC_543.part("right_hand")
LEFT_WRIST, RIGHT_WRIST = HOLISTIC_543.index["pose.left_wrist"], HOLISTIC_543.index["pose.right_wrist"]


@pytest.fixture(scope="module")
def detector():
    with HolisticDetector() as detector:
        yield detector


def follow(detector, frames):
    return np.stack(list(detector.follow(frames)))


def present(points):
    return ~np.isnan(points[..., 0]).any(axis=-1)


@pytest.mark.parametrize(("mirrored", "side"), [(False, LEFT), (True, RIGHT)])
def test_hands_without_a_person_are_found_and_go_to_their_side(detector, mirrored, side):
    frames = [frame[:, ::-1] if mirrored else frame for frame in hand_frames(3)]
    found = follow(detector, frames)
    assert found.shape == (3, 543, 3)
    assert found.dtype == np.float32
    with HandDetector() as hands:
        wanted = hands.detect(frames[1]).landmarks
    np.testing.assert_allclose(found[1, side], wanted, atol=0.02)
    found[:, side] = np.nan
    assert np.isnan(found).all()


def test_a_frame_with_nothing_in_it_stays_as_a_missing_frame(detector):
    hand, *_ = hand_frames(1)
    found = follow(detector, [BLACK, hand, BLACK])
    assert np.isnan(found).all(axis=(1, 2)).tolist() == [True, False, True]


def test_no_frames_give_nothing(detector):
    assert list(detector.follow([])) == []


def test_a_confidence_out_of_range_is_refused():
    with pytest.raises(SignportError, match=r"min_tracking_confidence is -1"):
        HolisticDetector(min_tracking_confidence=-1)
    with pytest.raises(SignportError, match=r"min_detection_confidence is 1.5"):
        HolisticDetector(1.5)


def test_a_wheel_without_models_is_told_with_the_version_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(holistic_detector, "wheel_models_folder", lambda: tmp_path)
    with pytest.raises(SignportError, match=r"ships no Holistic models; install mediapipe==0\.10\.21"):
        holistic_models_sha256()


def test_detection_needs_no_tensorflow_and_prints_nothing():
    code = (
        "import sys, numpy as np\n"
        "from signport.landmarks.holistic_detector import HolisticDetector\n"
        "with HolisticDetector() as detector:\n"
        "    for _ in range(2):\n"
        "        list(detector.follow([np.zeros((64, 64, 3), np.uint8)] * 2))\n"
        "assert 'tensorflow' not in sys.modules, 'tensorflow was imported'\n"
        "print('mine', file=sys.stderr)\n"
    )
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "mine\n"


@needs_clips
def test_both_hands_are_found_on_their_own_arms_and_swap_when_the_picture_is_mirrored(detector):
    frames = list(VideoFile(CLIPS / "ambulancia_001.mp4").frames())[10:40]
    found = follow(detector, frames)
    mirrored = follow(detector, [np.ascontiguousarray(frame[:, ::-1]) for frame in frames])
    for points in (found, mirrored):
        assert present(points[:, POSE]).all()
        for hand, own, other in ((LEFT, LEFT_WRIST, RIGHT_WRIST), (RIGHT, RIGHT_WRIST, LEFT_WRIST)):
            there = points[present(points[:, hand])]
            assert len(there) >= 28
            distances = [
                np.linalg.norm(there[:, hand.start, :2] - there[:, wrist, :2], axis=1) for wrist in (own, other)
            ]
            assert (distances[0] < distances[1]).all()
    # Signed by the same hands, the mirrored person's right hand is the true one's left: the watch changes sides.
    both = present(found[:, LEFT]) & present(mirrored[:, RIGHT])
    apart = np.abs(1 - mirrored[both, RIGHT, 0] - found[both, LEFT, 0])
    assert np.median(apart) < 0.01


@needs_clips
def test_a_clip_gives_the_same_bytes_after_another(detector):
    first, second = (list(VideoFile(CLIPS / f"{name}_001.mp4").frames())[:8] for name in ("doctor", "yo"))
    with HolisticDetector() as fresh:
        wanted = follow(fresh, first)
    follow(detector, second)
    assert follow(detector, first).tobytes() == wanted.tobytes()


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="../shared/data/photos-people-gestures is not on this machine")
def test_the_face_lies_on_the_head_and_its_own_left_is_the_poses(detector):
    from signport.landmarks.hand_worker import read_image

    checked = 0
    for path in sorted(PHOTOS.iterdir())[:6]:
        (points,) = follow(detector, [read_image(path)])
        if not (present(points[POSE]) and present(points[FACE])):
            continue
        checked += 1
        index = HOLISTIC_543.index
        eyes = np.linalg.norm(points[index["face.33"], :2] - points[index["face.263"], :2])
        for face, pose in (("face.1", "nose"), ("face.33", "right_eye_outer"), ("face.263", "left_eye_outer")):
            apart = points[index[face], :2] - points[index[f"pose.{pose}"], :2]
            assert np.linalg.norm(apart) < 0.6 * eyes
    assert checked >= 4
