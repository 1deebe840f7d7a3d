import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.drawn_hands import drawn_hand

from signport.errors import SignportError
from signport.landmarks import hand_detector
from signport.landmarks.asset_bundle import bundle_bytes, read_bundle
from signport.landmarks.hand_detector import HandDetector, hand_landmarker_task

GOOGLE_BUNDLE = Path(__file__).parents[3] / "shared/data/models/gesture_recognizer.task"


@pytest.fixture(scope="module")
def detector():
    with HandDetector() as detector:
        yield detector


def _pixel_distance(one, other, size):
    return np.abs((one.landmarks - other.landmarks) * size).max()


def test_a_hand_is_found_with_its_parts_where_they_are_drawn(detector):
    hand = detector.detect(drawn_hand())
    assert hand.landmarks.shape == hand.world_landmarks.shape == (21, 3)
    assert hand.landmarks.dtype == hand.world_landmarks.dtype == np.float32
    assert hand.image_size == (160, 160)
    # Wrist, thumb tip, middle finger tip, pinky tip of the drawing.
    wanted = np.array([(0.5, 0.79), (0.29, 0.52), (0.46, 0.21), (0.66, 0.34)])
    np.testing.assert_allclose(hand.landmarks[[0, 4, 12, 20], :2], wanted, atol=0.06)
    # A hand is some 15 to 25 cm long; were these not metres, it would not be.
    assert 0.1 < np.linalg.norm(hand.world_landmarks[12] - hand.world_landmarks[0]) < 0.25


def test_handedness_is_the_probability_of_a_left_hand(detector):
    image = drawn_hand()
    as_drawn, mirrored = detector.detect(image), detector.detect(image[:, ::-1])
    assert as_drawn.handedness > 0.6
    assert mirrored.handedness < 0.4
    np.testing.assert_allclose(1 - mirrored.landmarks[:, 0], as_drawn.landmarks[:, 0], atol=0.03)


def test_no_hand_gives_none(detector):
    assert detector.detect(np.full((120, 160, 3), 90, np.uint8)) is None
    assert detector.detect_all(np.full((120, 160, 3), 90, np.uint8)) == []


def test_as_many_hands_are_found_as_are_looked_for(detector):
    image = drawn_hand(240)
    both = np.concatenate([image, image[:, ::-1]], axis=1)
    assert len(detector.detect_all(both)) == 1
    with HandDetector(num_hands=2) as two:
        hands = two.detect_all(both)
        assert sorted(hand.handedness > 0.5 for hand in hands) == [False, True]
        assert {hand.image_size for hand in hands} == {(480, 240)}
        np.testing.assert_array_equal(two.detect(both).landmarks, hands[0].landmarks)


def test_no_fewer_than_one_hand_can_be_looked_for():
    with pytest.raises(SignportError, match=r"num_hands is 0"):
        HandDetector(num_hands=0)


@pytest.mark.parametrize("border", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("shape", [(160, 160), (120, 160), (160, 100)])
def test_landmarks_found_with_a_border_are_those_of_the_image_without(detector, border, shape):
    size = 160
    image = drawn_hand(size)[size - shape[0] :, (size - shape[1]) // 2 :][: shape[0], : shape[1]]
    plain, padded = detector.detect(image), detector.detect(image, border=border)
    assert padded.image_size == plain.image_size == (shape[1], shape[0])
    # The detector sees the hand at another scale and more of the forearm, which moves its own answer by a pixel or two,
    # at the wrist and in depth by some more.
    pixels = np.abs(padded.landmarks - plain.landmarks) * np.array([shape[1], shape[0], shape[1]])
    assert np.median(pixels) < 1.5
    assert pixels.max() < 8


def test_a_border_is_equal_to_replicating_the_edge_by_hand(detector):
    image = drawn_hand()[40:]
    by_hand = detector.detect(np.pad(image, ((30, 30), (40, 40), (0, 0)), mode="edge"))
    bordered = detector.detect(image, border=0.25)
    pixels = by_hand.landmarks * (240, 180, 240) - (40, 30, 0)
    np.testing.assert_allclose(bordered.landmarks * (160, 120, 160), pixels, atol=1e-3)
    np.testing.assert_array_equal(bordered.world_landmarks, by_hand.world_landmarks)


def test_each_image_stands_alone(detector):
    first, second = drawn_hand(spread=0.7), drawn_hand(spread=1.3)
    alone = detector.detect(first)
    detector.detect(second)
    again = detector.detect(first)
    np.testing.assert_array_equal(alone.landmarks, again.landmarks)


def test_an_image_that_is_no_rgb_of_bytes_is_refused(detector):
    for image in (np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((0, 8, 3), np.uint8)):
        with pytest.raises(SignportError, match="uint8"):
            detector.detect(image)
    with pytest.raises(SignportError, match=r"border is -0.1"):
        detector.detect(drawn_hand(), border=-0.1)


def test_a_confidence_out_of_range_is_refused():
    with pytest.raises(SignportError, match=r"min_detection_confidence is 1.5"):
        HandDetector(1.5)


def test_the_detector_tells_its_version_and_models(detector):
    assert detector.version.startswith("0.10.")
    assert len(detector.model_sha256) == 64


def test_models_are_the_same_from_the_wheel_a_landmarker_and_a_recognizer_bundle(tmp_path):
    task = hand_landmarker_task()
    landmarker, recognizer = tmp_path / "hand_landmarker.task", tmp_path / "gesture_recognizer.task"
    landmarker.write_bytes(task)
    recognizer.write_bytes(bundle_bytes({"hand_landmarker.task": task, "hand_gesture_recognizer.task": b""}))
    assert hand_landmarker_task(landmarker) == task
    assert hand_landmarker_task(recognizer) == task
    assert list(read_bundle(task)) == ["hand_detector.tflite", "hand_landmarks_detector.tflite"]


def test_a_bundle_that_lacks_a_model_is_refused_by_name(tmp_path):
    models = read_bundle(hand_landmarker_task())
    del models["hand_landmarks_detector.tflite"]
    path = tmp_path / "half.task"
    path.write_bytes(bundle_bytes(models))
    with pytest.raises(SignportError, match=r"half\.task: holds no hand_landmarks_detector\.tflite"):
        hand_landmarker_task(path)
    path.write_bytes(bundle_bytes({"hand_landmarker.task": bundle_bytes(models)}))
    with pytest.raises(SignportError, match=r"half\.task: hand_landmarker\.task: holds no hand_landmarks_detector"):
        hand_landmarker_task(path)


def test_a_bundle_of_broken_models_is_refused_in_one_line(tmp_path):
    path = tmp_path / "broken.task"
    path.write_bytes(bundle_bytes(dict.fromkeys(read_bundle(hand_landmarker_task()), b"no model")))
    with pytest.raises(SignportError, match=r"broken\.task: MediaPipe cannot load") as raised:
        HandDetector(model=path)
    assert "\n" not in str(raised.value)


def test_a_wheel_without_models_is_told_with_the_version_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(hand_detector, "wheel_models_folder", lambda: tmp_path)
    with pytest.raises(SignportError, match=r"ships no hand models; install mediapipe==0\.10\.21"):
        hand_landmarker_task()


def test_detection_needs_no_tensorflow_and_prints_nothing():
    code = (
        "import sys, numpy as np\n"
        "from signport.landmarks.hand_detector import HandDetector\n"
        "with HandDetector() as detector:\n"
        "    detector.detect(np.zeros((64, 64, 3), np.uint8))\n"
        "assert 'tensorflow' not in sys.modules, 'tensorflow was imported'\n"
        "print('mine', file=sys.stderr)\n"
    )
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "mine\n"


@pytest.mark.skipif(not GOOGLE_BUNDLE.is_file(), reason="../shared/data/models is not on this machine")
def test_googles_bundle_and_the_wheels_models_see_the_same(detector):
    with HandDetector(model=GOOGLE_BUNDLE) as google:
        image = drawn_hand()
        one, other = google.detect(image), detector.detect(image)
    assert _pixel_distance(one, other, 160) < 0.05
