import json
from pathlib import Path

import numpy as np
import pytest

from signport.export.stream_card import StreamCard
from signport.landmarks.topology import HAND, ISL_136
from signport.service.landmark_json import LandmarksBody, WrongLandmarksError, read_frame

HANDS = LandmarksBody(StreamCard(Path("card.json"), ("A",), (1, 21, 3), HAND, None, None), 5)
CLIPS = LandmarksBody(StreamCard(Path("card.json"), ("A",), (1, 4, 136, 3), ISL_136, None, None), 5)
POINTS = np.random.default_rng(1).normal(size=(21, 3)).astype(np.float32).tolist()


def _hand(**changes):
    return json.dumps({"landmarks": POINTS, **changes}).encode()


def test_landmarks_come_through_to_the_bit_and_null_is_missing():
    points = [[None, 1.5, -2], *POINTS[1:]]
    landmarks, side = HANDS.read(json.dumps({"landmarks": points, "handedness": "left"}).encode())
    assert (landmarks.dtype, side) == (np.float32, "left")
    np.testing.assert_array_equal(landmarks, np.array([[np.nan, 1.5, -2], *POINTS[1:]], np.float32))


def test_a_missing_frame_is_missing_points():
    frame = [[0.5, 0.5, 0]] * 136
    landmarks, _ = CLIPS.read(json.dumps({"landmarks": [frame, None, frame]}).encode())
    assert landmarks.shape == (3, 136, 3)
    assert np.isnan(landmarks[1]).all()
    assert (landmarks[2] == [0.5, 0.5, 0]).all()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"[" * 100_000, "Invalid JSON: recursion limit exceeded"),
        (b'{"landmarks": ' + b"[" * 190 + b"]" * 190 + b"}", "landmarks"),
        (b"[]", "Input should be an object"),
        (b"{}", "landmarks: Field required"),
        (_hand(landmarks=None), "landmarks: Input should be a valid array"),
        (_hand(landmarks=POINTS[:20]), "landmarks: List should have at least 21 items"),
        (_hand(landmarks=[*POINTS, POINTS[0]]), "landmarks: List should have at most 21 items"),
        (_hand(landmarks=[[1, 2], *POINTS[1:]]), "landmarks[0][2]: Field required"),
        (_hand(landmarks=[[1, 2, 3, 4], *POINTS[1:]]), "landmarks[0]: Tuple should have at most 3 items"),
        (_hand(landmarks=[[1, 2, "3"], *POINTS[1:]]), "landmarks[0][2]: Input should be a valid number"),
        (_hand(landmarks=[[1, 2, True], *POINTS[1:]]), "landmarks[0][2]: Input should be a valid number"),
        (_hand(landmarks=[[1, 2, float("nan")], *POINTS[1:]]), "landmarks[0][2]: Input should be a finite number"),
        (_hand(landmarks=[[1, float("inf"), 3], *POINTS[1:]]), "landmarks[0][1]: Input should be a finite number"),
        (
            _hand(landmarks=[[7, 2, 3], *POINTS[1:]]).replace(b"7", b"1e999", 1),
            "landmarks[0][0]: Input should be a finite number",
        ),
        (_hand(landmarks=[[1e30, 2, 3], *POINTS[1:]]), "landmarks[0][0]: Input should be less than or equal to 1000"),
        (_hand(landmarks=[[10**400, 2, 3], *POINTS[1:]]), "landmarks[0][0]: Input should be"),
        (_hand(handedness="both"), "handedness: Input should be 'left' or 'right'"),
        (_hand(secret="value"), "secret: Extra inputs are not permitted"),
    ],
)
def test_wrong_landmarks_are_refused_with_the_place(content, said):
    with pytest.raises(WrongLandmarksError) as raised:
        HANDS.read(content)
    message = str(raised.value)
    assert said in message
    assert "\n" not in message
    assert len(message) < 200


def test_clips_are_refused_with_the_frame():
    frame = [[0.5, 0.5, 0]] * 136
    for frames, said in (
        ([], "landmarks: List should have at least 1 item"),
        ([frame] * 6, "landmarks: List should have at most 5 items"),
        ([frame, frame[:135]], "landmarks[1]: List should have at least 136 items"),
        (frame[:3], "landmarks[0][0]: Input should be a valid array"),
    ):
        with pytest.raises(WrongLandmarksError) as raised:
            CLIPS.read(json.dumps({"landmarks": frames}).encode())
        assert said in str(raised.value)


def test_frames_are_arrays_parts_or_nothing():
    np.testing.assert_array_equal(read_frame(_hand().decode()), np.array(POINTS, np.float32))
    assert read_frame('{"landmarks": null}') is None
    for text in (
        json.dumps({"landmarks": {"left_hand": POINTS, "pose": None}}),
        json.dumps({"left_hand": POINTS, "pose": None}),
    ):
        parts = read_frame(text)
        assert parts["pose"] is None
        np.testing.assert_array_equal(parts["left_hand"], np.array(POINTS, np.float32))


@pytest.mark.parametrize(
    "text", ["", "NaN", "[]", "{}", "1", '{"landmarks": 1}', '{"landmarks": [[1, 2]]}', '{"landmarks": [[1, 2, NaN]]}',
             '{"landmarks": {"pose": 1}}', '{"landmarks": {"a": null, "b": null, "c": null, "d": null, "e": null}}',
             '{"landmarks": [[1, 2, 1e999]]}', "[" * 100_000]
)  # fmt: skip
def test_wrong_frames_are_refused_in_one_line(text):
    with pytest.raises(WrongLandmarksError) as raised:
        read_frame(text)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 200
