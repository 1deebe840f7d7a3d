from dataclasses import asdict

import numpy as np
import pytest
from tests.drawn_clips import BLACK, hand_frames, write_clip

from signport.errors import SignportError
from signport.landmarks.holistic_detector import HolisticDetector
from signport.landmarks.topology import HOLISTIC_543, UPPER_59
from signport.landmarks.video_file import VideoFile
from signport.landmarks.video_worker import DETECTOR, ClipOptions
from signport.landmarks.worker_pool import Detectors, decode_points


def test_answers_are_those_of_the_detector_itself(tmp_path):
    hand = write_clip(tmp_path / "hand.mp4", hand_frames(3), rate=20)
    black = write_clip(tmp_path / "black.mp4", [BLACK] * 3)
    cut = write_clip(tmp_path / "cut.avi", hand_frames(8))
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    (tmp_path / "text.mp4").write_text("no video")
    paths = [hand, black, cut, tmp_path / "text.mp4", tmp_path / "gone.mp4"]
    with Detectors() as detectors:
        answers = detectors.look(DETECTOR, asdict(ClipOptions("upper_59")), paths)
    statuses = [answer["status"] for answer in answers]
    assert statuses == ["landmarks", "no landmarks", "cut short", "unreadable", "no file"]
    with HolisticDetector() as detector:
        wanted = np.stack(list(detector.follow(VideoFile(hand).frames())))
    found = decode_points(answers[0]["landmarks"]).reshape(3, 59, 3)
    np.testing.assert_array_equal(found, wanted[:, UPPER_59.indices_in(HOLISTIC_543)])
    assert answers[0]["frame_rate"] == pytest.approx(20)
    assert answers[0]["image_size"] == [160, 160]
    assert [answers[index].get("num_frames") for index in (0, 1)] == [3, 3]


def test_options_that_do_not_fit_are_refused():
    with pytest.raises(
        SignportError, match="'hand' is no body layout; choose one of: pose_hands_75, upper_59, isl_136"
    ):
        ClipOptions("hand")
    with pytest.raises(SignportError, match="topology 'all' is unknown"):
        ClipOptions("all")
    with pytest.raises(SignportError, match="min_detection_confidence is -1"):
        ClipOptions(min_detection_confidence=-1)
