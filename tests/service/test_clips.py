import json

import numpy as np
import pytest
from tests.drawn_clips import BLACK, hand_frames, write_clip
from tests.service.serving import API, hand_picture

from signport.landmarks.frame_indices import frame_indices
from signport.landmarks.holistic_detector import HolisticDetector
from signport.landmarks.topology import HOLISTIC_543, topology_named
from signport.landmarks.video_file import VideoFile
from signport.models.litert import LiteRtModel
from signport.service.recognizer import fitted


@pytest.fixture(scope="module")
def model(clip_run):
    return LiteRtModel(clip_run / "export" / "model_int8.tflite")


@pytest.fixture(scope="module")
def topology(clip_run):
    return topology_named(json.loads((clip_run / "export" / "card.json").read_text())["topology"])


def _post_clip(served, path, **options):
    return served.client.post(f"{API}/clips", files={"file": path.read_bytes()}, **options)


def _scores(answer):
    assert answer.status_code == 200, answer.text
    return np.float32(list(answer.json()["scores"].values()))


def test_clips_are_made_as_long_as_in_training():
    clip = np.random.default_rng(1).random((9, 2, 3)).astype(np.float32)
    for frames in (1, 3, 8, 9):
        np.testing.assert_array_equal(fitted(clip, frames), clip[frame_indices(9, frames)])
    longer = fitted(clip, 12)
    np.testing.assert_array_equal(longer[:9], clip)
    assert longer.shape == (12, 2, 3)
    assert np.isnan(longer[9:]).all()


@pytest.mark.parametrize("path", ["clips", "landmarks"])
@pytest.mark.parametrize("frames", [2, 4, 7])
def test_landmarks_are_answered_as_the_file_answers_them(clips, model, topology, path, frames):
    clip = np.random.default_rng(frames).random((frames, topology.num_points, 3)).astype(np.float32)
    answer = clips.client.post(f"{API}/{path}?details=true", json={"landmarks": clip.tolist()})
    length = model.input_shapes[0][1]
    np.testing.assert_array_equal(_scores(answer), model.predict([fitted(clip, length)[np.newaxis]])[0])
    said = answer.json()
    assert said["frames"] == frames
    assert said["confidence"] == max(said["scores"].values())
    short = clips.client.post(f"{API}/{path}", json={"landmarks": clip.tolist()}).json()
    assert short == {name: said[name] for name in ("letter", "confidence", "frames")}


@pytest.mark.parametrize("ending", [".mp4", ".webm", ".avi"])
def test_videos_are_answered_as_detector_and_file_answer_them(clips, model, topology, tmp_path, ending):
    path = write_clip(tmp_path / f"clip{ending}", hand_frames(3))
    with HolisticDetector() as detector:
        rows = topology.indices_in(HOLISTIC_543)
        clip = np.array([points[rows] for points in detector.follow(VideoFile(path).frames())])
    answer = _post_clip(clips, path, params={"details": "true"})
    wanted = model.predict([fitted(clip, model.input_shapes[0][1])[np.newaxis]])[0]
    np.testing.assert_array_equal(_scores(answer), wanted)
    assert answer.json()["frames"] == 3


def test_a_clip_that_is_too_long_is_refused(clips, tmp_path):
    answer = _post_clip(clips, write_clip(tmp_path / "long.mp4", [BLACK] * 13))
    assert answer.status_code == 422
    assert answer.json()["detail"] == "the clip is too long; at most 12 frames and 20 s are read"
    slow = _post_clip(clips, write_clip(tmp_path / "slow.mp4", [BLACK] * 11, rate=0.5))
    assert slow.status_code == 422
    assert "too long" in slow.json()["detail"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (hand_picture(), "not an MP4, MOV, WebM, Matroska or AVI video"),
        (b"#EXTM3U\nfile:///etc/passwd\n", "not an MP4, MOV, WebM, Matroska or AVI video"),
        (b"\0\0\0\x18ftypisom" + bytes(200), "damaged"),
        (b"\x1aE\xdf\xa3" + bytes(200), "damaged"),
        (b"RIFF\0\0\0\0AVI LIST" + bytes(200), "damaged"),
    ],
)
def test_what_is_no_clip_is_unprocessable_with_its_reason(clips, content, said):
    answer = clips.client.post(f"{API}/clips", files={"file": content})
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_a_clip_with_nobody_in_it_is_unprocessable(clips, tmp_path):
    answer = _post_clip(clips, write_clip(tmp_path / "black.mp4", [BLACK] * 2))
    assert (answer.status_code, answer.json()) == (422, {"detail": "nobody found in the clip"})


def test_a_clip_that_was_cut_off_is_no_answer(clips, tmp_path):
    content = write_clip(tmp_path / "whole.avi", hand_frames(10)).read_bytes()
    answer = clips.client.post(f"{API}/clips", files={"file": content[: len(content) // 2]})
    assert answer.status_code == 422


def test_a_picture_is_sent_away_with_the_path_for_clips(clips):
    answer = clips.post_picture(hand_picture())
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        f"this model takes clips, not pictures; use {API}/clips",
    )
