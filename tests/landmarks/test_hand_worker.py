from dataclasses import asdict

import cv2
import numpy as np
import pytest
from tests.drawn_hands import drawn_hand, write_image

from signport.errors import SignportError
from signport.landmarks.hand_detector import HandDetector
from signport.landmarks.hand_worker import DETECTOR, DetectionOptions, read_image
from signport.landmarks.worker_pool import Detectors, decode_points


def test_answers_are_those_of_the_detector_itself(tmp_path):
    hand = write_image(tmp_path / "hand.png", drawn_hand())
    grey = write_image(tmp_path / "grey.png", np.full((50, 60, 3), 90, np.uint8))
    broken = tmp_path / "broken.png"
    broken.write_bytes(hand.read_bytes()[:80])
    with Detectors() as detectors:
        answers = detectors.look(DETECTOR, asdict(DetectionOptions()), [hand, grey, broken, tmp_path / "gone.png"])
    assert [answer["status"] for answer in answers] == ["hand", "no hand", "unreadable", "unreadable"]
    with HandDetector() as detector:
        wanted = detector.detect(drawn_hand())
    np.testing.assert_array_equal(decode_points(answers[0]["landmarks"]), wanted.landmarks)
    np.testing.assert_array_equal(decode_points(answers[0]["world_landmarks"]), wanted.world_landmarks)
    assert answers[0]["handedness"] == wanted.handedness
    assert answers[0]["image_size"] == [160, 160]


def test_auto_tries_a_border_only_where_nothing_was_found():
    assert DetectionOptions().borders == DetectionOptions(border="auto").borders == (0.0, 0.25)
    assert DetectionOptions(border=0.1).borders == (0.1,)
    with pytest.raises(SignportError, match="border is 'wide'"):
        DetectionOptions(border="wide")


def test_a_detector_that_cannot_start_is_told_with_its_own_words(tmp_path):
    image = write_image(tmp_path / "hand.png", drawn_hand())
    with (
        Detectors() as detectors,
        pytest.raises(SignportError, match=r"hand detector does not start \(exit status 1: .*gone\.task: no such file"),
    ):
        detectors.look(DETECTOR, asdict(DetectionOptions(model="gone.task")), [image])


def test_images_are_turned_as_their_exif_orientation_says(tmp_path):
    image = np.zeros((20, 40, 3), np.uint8)
    image[:, :10] = (255, 0, 0)
    _, encoded = cv2.imencode(".jpg", image[:, :, ::-1])
    # An APP1 segment with one IFD entry: orientation (0x0112) 6, "turn by 90° clockwise to show".
    exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    content = encoded.tobytes()
    path = tmp_path / "turned.jpg"
    path.write_bytes(content[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + content[2:])
    turned = read_image(path)
    assert turned.shape == (40, 20, 3)
    assert turned[2:8, :, 0].min() > 200
    assert turned[14:, :, 0].max() < 60
