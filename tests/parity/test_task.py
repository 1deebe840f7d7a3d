"""A `.task` in MediaPipe against its own head."""

from dataclasses import replace

import numpy as np
import pytest
from tests.drawn_hands import drawn_hand
from tests.parity.faked_run import CLASSES, add_task, fresh_run

from signport.errors import SignportError
from signport.models.gates import Gates
from signport.parity.answers import MODES, Options, TaskAnswer
from signport.parity.job import load_job
from signport.parity.task import run_task, stream
from signport.parity.task_judgement import judge_task

_IMAGES = [drawn_hand(spread=spread) for spread in (0.8, 1.0, 1.2)] + [np.zeros((120, 160, 3), np.uint8)]


@pytest.fixture(scope="module")
def task_run(tmp_path_factory):
    run = fresh_run(tmp_path_factory, tmp_path_factory.mktemp("task"))
    add_task(run, _IMAGES, [1, 2, 3, -1])
    return run


@pytest.fixture(scope="module")
def answered(task_run):
    task = load_job(task_run).task
    return task, run_task("mediapipe", task, Options())


def _broken(task, answer):
    return [gate.name for gate in judge_task(task, answer, Gates())[1] if not gate.passed]


def test_mediapipe_answers_as_the_head_in_every_mode(answered):
    task, found = answered
    assert found.task.status == "ran", found.task.reason
    figures, gates = judge_task(task, found.task, Gates())
    assert [str(gate) for gate in gates if not gate.passed] == []
    assert len(gates) >= 10
    assert figures["hands"] == 3
    assert set(figures["max_abs"]) == {"IMAGE", "VIDEO", "LIVE_STREAM"}
    assert max(figures["max_abs"].values()) < 1e-5
    assert figures["accuracy"]["samples"] == 3
    assert found.task.labels == CLASSES
    assert {hand.mode for hand in found.task.hands} == set(MODES)


def test_each_way_of_answering_differently_is_caught(answered):
    task, found = answered
    answer = found.task

    def changed(mode, **values):
        hands = [replace(hand, **values) if hand.mode == mode and hand.image == 0 else hand for hand in answer.hands]
        return replace(answer, hands=tuple(hands))

    score = answer.hands[0].score
    assert any("score difference in VIDEO" in name for name in _broken(task, changed("VIDEO", score=score + 0.01)))
    other = next(label for label in CLASSES if label != answer.hands[0].label)
    assert any("not the head's top class" in name for name in _broken(task, changed("IMAGE", label=other)))
    assert any("LIVE_STREAM mode unlike" in name for name in _broken(task, changed("LIVE_STREAM", found=False)))
    assert any("score difference in IMAGE" in name for name in _broken(task, changed("IMAGE", label="")))
    sure = (0.0, 0.9, 0.1, 0.0)
    ships = changed("as it ships", own=sure, label="Closed_Fist", score=0.9)
    assert any("thresholds do not explain" in name for name in _broken(task, ships))
    unsure = changed("as it ships", own=(0.1, 0.4, 0.2, 0.3), label="A", score=0.4)
    assert any("thresholds do not explain" in name for name in _broken(task, unsure))
    assert _broken(task, replace(answer, hands=tuple(replace(hand, found=False) for hand in answer.hands))) == [
        "task images with a hand"
    ]
    assert _broken(task, TaskAnswer("failed", "crashed")) == ["task runs"]


def test_lost_stream_frames_break_a_gate(answered):
    task, found = answered
    assert _broken(task, replace(found.task, stream={"frames": 10, "answered": 9})) == [
        "task LIVE_STREAM frames without an answer"
    ]


def test_a_bundle_without_images_is_skipped_not_passed(task_run):
    task = replace(load_job(task_run).task, images=(), labels=())
    found = run_task("mediapipe", task, Options())
    assert (found.status, found.task.status) == ("skipped", "skipped")
    assert "export again" in found.reason


def test_live_stream_answers_every_frame(task_run):
    found = stream(task_run / "export/gesture_recognizer.task", _IMAGES, frames=30)
    assert (found.frames, found.answered) == (30, 30)
    assert 0 < found.hands < 30
    assert sum(found.labels.values()) == found.hands


def test_a_refused_bundle_is_one_line(tmp_path):
    broken = tmp_path / "broken.task"
    broken.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(SignportError, match=r"broken\.task: .*zip archive") as raised:
        stream(broken, _IMAGES[:1], frames=3)
    assert "\n" not in str(raised.value)


def test_a_bundle_that_is_not_the_one_of_its_card_is_refused(task_run, tmp_path):
    import shutil

    run = shutil.copytree(task_run, tmp_path / "run")
    path = run / "export/gesture_recognizer.task"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(SignportError, match=r"gesture_recognizer\.task: sha256"):
        load_job(run)
