"""A `.task` in the Arm64 root: which images it is asked about, and what it answers."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.drawn_hands import drawn_hand
from tests.parity.faked_run import add_task, fresh_run

from signport.files import sha256_file
from signport.models.gates import Gates
from signport.parity import mediapipe_env
from signport.parity.answers import Options
from signport.parity.arm64 import packages as arm64_packages
from signport.parity.arm64 import root as arm64_root
from signport.parity.arm64 import task as arm64_task
from signport.parity.job import TaskJob, load_job
from signport.parity.task_judgement import judge_task


@pytest.fixture
def root():
    if reason := arm64_root.missing():
        pytest.skip(reason)
    return arm64_root.find()


def _task(*labels):
    return TaskJob(Path("x.task"), {}, (b"",) * len(labels), labels)


@pytest.mark.slow
def test_mediapipe_for_arm64_answers_as_the_bundles_own_models(root, tmp_path_factory, tmp_path, monkeypatch):
    run = fresh_run(tmp_path_factory, tmp_path)
    add_task(run, [np.zeros((120, 160, 3), np.uint8), drawn_hand(), drawn_hand(spread=0.8)], [-1, 2, 2])
    task = load_job(run).task
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong NumPy')")
    found = arm64_task.run_task(root, task, Options())
    assert (found.runtime, found.version, found.task.status) == ("mediapipe 1.2.2", "1.2.2", "ran"), found.task.reason
    assert found.task.sha256 == sha256_file(task.path)
    assert [(hand.mode, hand.image, hand.found) for hand in found.task.hands] == [("IMAGE", 1, True)]
    assert "asked about 1 of 3 images" in found.task.reason
    assert found.task.latency is None
    assert [str(gate) for gate in judge_task(task, found.task, Gates())[1] if not gate.passed] == []


def test_one_image_a_class_is_asked_about_and_three_at_most():
    assert arm64_task.chosen_images(_task("", "A", "A", "B", "", "A")) == [1, 3]
    assert arm64_task.chosen_images(_task("A", "B", "C", "D", "E")) == [0, 1, 2]
    assert arm64_task.chosen_images(_task("", "", "", "")) == [0, 1, 2]


def test_a_bundle_without_images_is_skipped(tmp_path):
    found = arm64_task.run_task(tmp_path, _task(), Options())
    assert (found.status, found.task.status) == ("skipped", "skipped")
    assert "no golden images" in found.reason


def test_a_bundle_that_mediapipe_refuses_is_its_answer(root, tmp_path_factory, tmp_path):
    run = fresh_run(tmp_path_factory, tmp_path)
    add_task(run, [drawn_hand()], [2])
    task = load_job(run).task
    task.path.write_bytes(task.path.read_bytes()[:2000])
    found = arm64_task.run_task(root, task, Options())
    assert (found.status, found.task.status) == ("ran", "failed")
    assert "MediaPipe" in found.task.reason


def test_the_roots_python_takes_a_pythons_arguments(root, tmp_path):
    program = arm64_task.interpreter(root, tmp_path)
    script = "import os, sys; print(os.uname().machine, sys.argv[1:])"
    told = subprocess.run([program, "-P", "-c", script, "two words"], capture_output=True, text=True, check=True)
    assert told.stdout == "aarch64 ['two words']\n"


def test_the_root_has_the_release_that_the_desktop_asks():
    assert f"mediapipe=={mediapipe_env.VERSION} " in arm64_packages._REQUIREMENTS.read_text()
