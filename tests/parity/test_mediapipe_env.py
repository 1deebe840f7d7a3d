"""MediaPipe's newest release beside the one that signport runs on."""

import subprocess

import numpy as np
import pytest
from tests.drawn_hands import drawn_hand
from tests.parity.faked_run import add_task, fresh_run

from signport.errors import SignportError
from signport.models.gates import Gates
from signport.parity import mediapipe_env
from signport.parity.answers import MODES, Options
from signport.parity.job import load_job
from signport.parity.task import run_task
from signport.parity.task_judgement import judge_task

_NAME = f"mediapipe {mediapipe_env.VERSION}"


@pytest.fixture
def task(tmp_path_factory, tmp_path):
    run = fresh_run(tmp_path_factory, tmp_path)
    add_task(run, [drawn_hand(spread=spread) for spread in (0.8, 1.2)] + [np.zeros((80, 80, 3), np.uint8)], [1, 2, -1])
    return load_job(run).task


@pytest.mark.slow
def test_the_newest_mediapipe_answers_as_the_head_in_every_mode(task):
    if mediapipe_env.python() is None:
        pytest.skip(f"{_NAME} is not installed; `make setup-targets`")
    found = run_task(_NAME, task, Options())
    assert found.version == mediapipe_env.VERSION
    assert found.task.status == "ran", found.task.reason
    assert found.task.modes == MODES
    figures, gates = judge_task(task, found.task, Gates())
    assert [str(gate) for gate in gates if not gate.passed] == []
    assert figures["hands"] == 2
    ours = run_task("mediapipe", task, Options())
    for a, b in zip(found.task.hands, ours.task.hands, strict=True):
        assert (a.mode, a.image, a.found) == (b.mode, b.image, b.found)
        if a.found:
            np.testing.assert_allclose(a.landmarks, b.landmarks, atol=2e-3)


def test_where_it_is_not_installed_it_is_skipped_with_the_command(task, tmp_path, monkeypatch):
    monkeypatch.setenv("SIGNPORT_CACHE", str(tmp_path / "empty"))
    found = run_task(_NAME, task, Options())
    assert found.status == "skipped"
    assert "make setup-targets" in found.reason


def test_a_failed_installation_leaves_nothing_behind_and_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("SIGNPORT_CACHE", str(tmp_path))
    refused = subprocess.CompletedProcess([], 1, "", "error: No matching distribution\n")
    monkeypatch.setattr(mediapipe_env.subprocess, "run", lambda *_args, **_more: refused)
    with pytest.raises(SignportError, match="cannot be installed: error: No matching distribution"):
        mediapipe_env.build()
    assert list(tmp_path.iterdir()) == []
    assert mediapipe_env.python() is None
