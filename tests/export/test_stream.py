"""Streams: what the model sees of live frames, and when a label is given."""

import subprocess
import sys

import numpy as np
import pytest
from tests.parity.faked_run import CLASSES, FRAMES, clips, fresh_clip_run, fresh_run

from signport import Stream
from signport.errors import SignportError
from signport.files import read_json, write_json
from signport.landmarks.topology import HOLISTIC_543, ISL_136, POSE_HANDS_75
from signport.models.litert import LiteRtModel

SURE = [0.0, 0.9, 0.05, 0.05]
OTHER = [0.0, 0.05, 0.9, 0.05]
UNSURE = [0.1, 0.4, 0.3, 0.2]
WAVERING = [0.1, 0.5, 0.3, 0.1]
NOTHING = [0.97, 0.01, 0.01, 0.01]


@pytest.fixture
def run(tmp_path_factory, tmp_path):
    return fresh_clip_run(tmp_path_factory, tmp_path)


def _edit_card(run, **changes):
    card = read_json(run / "export/card.json") | changes
    write_json(run / "export/card.json", {key: value for key, value in card.items() if value is not None})


class _Told:
    """A model that answers what a test tells it to."""

    def __init__(self, answers):
        self.answers = iter(answers)
        self.asked = 0

    def predict(self, inputs):
        assert inputs[0].shape == (1, FRAMES, 75, 3)
        self.asked += 1
        return np.array([next(self.answers)], np.float32)


def _said(run, answers, **settings):
    """What a stream with a model that answers like this returns, frame by frame: label or None."""
    stream = Stream(run, **{"smoothing": 0, "hold": 1, "min_frames": 1, **settings})
    stream._model = _Told(answers)
    said = [stream.push(np.zeros((75, 3), np.float32)) for _ in answers]
    return [one and one.label for one in said]


@pytest.mark.parametrize("form", ["float32", "dynamic"])
def test_after_the_last_frame_of_a_clip_the_scores_are_the_files_answer_to_the_clip(run, form):
    path = run / f"export/model_{form}.tflite"
    whole, _, lengths = clips(8, seed=5)
    wanted = LiteRtModel(path).predict([whole])
    stream = Stream(path)
    for clip, length, answer in zip(whole, lengths, wanted, strict=True):
        stream.reset()
        for frame in clip[:length]:
            stream.push(frame)
        np.testing.assert_array_equal(stream.window, clip)
        np.testing.assert_array_equal(stream.scores, answer)


def test_the_window_slides_over_the_latest_frames(run):
    frames = np.random.default_rng(0).random((FRAMES + 5, 75, 3), np.float32)
    stream, short = Stream(run), Stream(run, frames=4)
    for frame in frames:
        stream.push(frame)
        short.push(frame)
    np.testing.assert_array_equal(stream.window, frames[5:])
    np.testing.assert_array_equal(short.window[:4], frames[-4:])
    assert np.isnan(short.window[4:]).all()


def test_the_card_says_how_long_the_clips_are(run):
    _edit_card(run, clip_frames=5)
    stream = Stream(run)
    for _ in range(8):
        stream.push(np.zeros((75, 3), np.float32))
    assert np.isfinite(stream.window).all(axis=(1, 2)).tolist() == [True] * 5 + [False] * (FRAMES - 5)


def test_frames_are_taken_in_any_layout_that_holds_the_points(run):
    whole = np.random.default_rng(1).random((543, 3), np.float32)
    wanted = whole[POSE_HANDS_75.indices_in(HOLISTIC_543)]
    face = np.concatenate([whole[HOLISTIC_543.part("face")], np.zeros((10, 3), np.float32)])
    parts = {name: whole[HOLISTIC_543.part(name)] for name in ("pose", "left_hand", "right_hand")} | {"face": face}
    stream = Stream(run)
    for frame in (whole, wanted, whole[ISL_136.indices_in(HOLISTIC_543)], parts, None, {**parts, "left_hand": None}):
        stream.push(frame)
    for row in range(4):
        np.testing.assert_array_equal(stream.window[row], wanted)
    assert np.isnan(stream.window[4]).all()
    lost = POSE_HANDS_75.part("left_hand")
    assert np.isnan(stream.window[5, lost]).all()
    np.testing.assert_array_equal(np.delete(stream.window[5], np.r_[lost], 0), np.delete(wanted, np.r_[lost], 0))


def test_what_is_pushed_may_be_overwritten_by_the_camera(run):
    stream, buffer = Stream(run), np.ones((75, 3), np.float32)
    stream.push(buffer)
    buffer[:] = 7
    assert (stream.window[0] == 1).all()


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (np.zeros((59, 3), np.float32), "topology upper_59 lacks 16 points of the model's pose_hands_75"),
        (np.zeros((21, 3), np.float32), "topology hand lacks 75 points"),
        (np.zeros((76, 3), np.float32), "frame: 76 points"),
        (np.zeros(225, np.float32), r"frame: shape \(225,\)"),
        ({"pose": np.zeros((17, 3))}, r"frame: pose of shape \(17, 3\); it must be \(33, 3\)"),
        ({"hand": None}, "part 'hand' is unknown"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused_and_changes_nothing(run, frame, words):
    stream = Stream(run)
    stream.push(np.ones((75, 3), np.float32))
    before = stream.window
    with pytest.raises(SignportError, match=words):
        stream.push(frame)
    np.testing.assert_array_equal(stream.window, before)


def test_a_label_is_given_once_when_it_is_sure_for_long_enough(run):
    assert _said(run, [SURE] * 3 + [UNSURE] * 2, hold=2) == [None, "A", None, None, None]
    assert _said(run, [SURE, UNSURE, SURE, UNSURE], hold=2) == [None] * 4
    assert _said(run, [SURE] * 3, repeat=True) == ["A", "A", "A"]


def test_a_score_that_wavers_around_the_threshold_does_not_flicker(run):
    assert _said(run, [SURE, WAVERING] * 4) == ["A"] + [None] * 7
    assert _said(run, [SURE, OTHER, SURE]) == ["A", "B", "A"]
    assert _said(run, [SURE, [0.4, 0.2, 0.2, 0.2], SURE]) == ["A", None, "A"]


def test_smoothing_waits_for_the_average(run):
    assert _said(run, [UNSURE] + [SURE] * 4, smoothing=0.8, threshold=0.6) == [None, None, None, "A", None]


def test_the_background_class_is_no_label_and_ends_one(run):
    assert _said(run, [NOTHING] * 3) == [None] * 3
    stream = Stream(run, smoothing=0, hold=1, min_frames=1)
    stream._model = _Told([SURE, NOTHING])
    stream.push(np.zeros((75, 3), np.float32))
    assert stream.label == "A"
    stream.push(np.zeros((75, 3), np.float32))
    assert stream.label is None


def test_without_hands_there_is_no_label(run):
    body = np.zeros((75, 3), np.float32)
    bare = body.copy()
    bare[33:] = np.nan
    stream = Stream(run, smoothing=0, hold=1, min_frames=2, frames=3)
    stream._model = _Told([SURE] * 9)
    said = [stream.push(frame) for frame in (bare, body, body, bare, bare, None, body, body)]
    assert [one and one.label for one in said] == [None, None, "A", None, None, None, None, "A"]
    assert said[2].frame == 2
    assert said[2].score == pytest.approx(0.9)


def test_the_model_answers_at_every_stride(run):
    stream = Stream(run, stride=3)
    stream._model = model = _Told([SURE] * 9)
    for frame in range(1, 8):
        stream.push(np.zeros((75, 3), np.float32))
        assert model.asked == frame // 3


@pytest.mark.parametrize(("live", "counts"), [(50, [1, 1, 2, 2, 3, 3]), (12.5, [2, 4, 6, 8, 10, 12])])
def test_another_frame_rate_leaves_frames_out_or_repeats_them(run, live, counts):
    _edit_card(run, frame_rate=25)
    stream = Stream(run, frame_rate=live)
    for number, count in enumerate(counts):
        stream.push(np.full((75, 3), number, np.float32))
        assert np.isfinite(stream.window[:, 0, 0]).sum() == count


def test_reset_forgets(run):
    stream = Stream(run, hold=1, smoothing=0.5)
    fresh = Stream(run, hold=1, smoothing=0.5)
    whole, _, lengths = clips(2, seed=9)
    for frame in whole[0, : lengths[0]]:
        stream.push(frame)
    stream.reset()
    assert stream.scores is None
    assert stream.label is None
    again = [stream.push(frame) for frame in whole[1, : lengths[1]]]
    assert again == [fresh.push(frame) for frame in whole[1, : lengths[1]]]
    assert any(again)


def test_a_hand_family_has_a_window_of_one(tmp_path_factory, tmp_path):
    run = fresh_run(tmp_path_factory, tmp_path)
    hands = np.random.default_rng(2).random((3, 21, 3), np.float32)
    wanted = LiteRtModel(run / "export/model_int8.tflite").predict([hands])
    stream = Stream(run, form="int8")
    for hand, answer in zip(hands, wanted, strict=True):
        stream.push(hand)
        np.testing.assert_array_equal(stream.scores, answer)


def test_a_card_without_a_topology_tells_it_by_the_points(run):
    _edit_card(run, topology=None)
    assert Stream(run).topology == POSE_HANDS_75
    assert Stream(run).labels == CLASSES


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ({"output": "embedding"}, "turns landmarks into embedding; a stream takes"),
        ({"inputs": [{"name": "embedding", "shape": [1, 128]}]}, "turns embedding into probabilities"),
        ({"inputs": [{"name": "landmarks", "shape": [1, 225]}]}, r"shape \[1, 225\]"),
        ({"inputs": 3}, "no model card"),
        ({"topology": "octopus"}, "'octopus' is unknown"),
        ({"classes": ["A", "B"]}, "2 classes"),
    ],
)
def test_a_model_that_a_stream_cannot_feed_is_refused(run, card, words):
    _edit_card(run, **card)
    with pytest.raises(SignportError, match=words):
        Stream(run)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"threshold": 1.5}, "Stream threshold 1.5: give 0 to 1"),
        ({"threshold": float("nan")}, "Stream threshold nan"),
        ({"stride": 0}, "Stream stride 0: give 1 or more"),
        ({"frames": 0}, f"Stream frames 0: give 1 to {FRAMES}"),
        ({"min_frames": 99}, "Stream min_frames 99"),
        ({"smoothing": 1}, "Stream smoothing 1"),
        ({"form": "int2"}, "form 'int2' is unknown"),
        ({"form": "int8"}, "model_int8.tflite: no such"),
        ({"topology": "upper_59"}, "upper_59 lacks"),
        ({"frame_rate": 30}, "frame_rate: unknown"),
    ],
)
def test_settings_that_make_no_sense_are_refused(run, settings, words):
    with pytest.raises(SignportError, match=words):
        Stream(run, **settings)


def test_a_folder_without_an_export_says_what_to_do(tmp_path):
    with pytest.raises(SignportError, match="signport export"):
        Stream(tmp_path)


def test_a_stream_needs_no_tensorflow(run):
    code = (
        f"import signport as sp, sys; sp.Stream({str(run)!r}).push(None); "
        "print([name for name in ('tensorflow', 'keras', 'mediapipe', 'pyarrow') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
