"""The worker as a process: what it imports, and that samples do not leak into each other."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from tests.parity.faked_run import add_task, fresh_run

from signport.models.litert import LiteRtModel
from signport.parity.answers import Options
from signport.parity.job import load_job, task_models
from signport.parity.worker import RUNTIMES, _measure
from signport.parity.worker_runs import write_job


@pytest.fixture
def job(tmp_path_factory, tmp_path):
    return load_job(fresh_run(tmp_path_factory, tmp_path))


def _work(runtime, folder):
    return subprocess.run(
        [sys.executable, "-m", "signport.parity.worker", runtime, str(folder)], check=False
    ).returncode


@pytest.mark.parametrize("runtime", ["ai-edge-litert", "compiled-model", "tflite-runtime"])
def test_a_worker_imports_its_own_runtime_only(job, tmp_path, runtime):
    if runtime == "tflite-runtime" and sys.version_info >= (3, 12):
        pytest.skip("tflite-runtime is built up to Python 3.11")
    write_job(tmp_path, job, ["float32"], Options(threads=(1,), repeats=3), (1,))
    assert _work(runtime, tmp_path) == 0
    modules = json.loads((tmp_path / "runtime.json").read_text())["modules"]
    assert modules == [RUNTIMES[runtime].package]
    np.testing.assert_allclose(np.load(tmp_path / "float32.npy"), job.reference, atol=1e-5)


def test_a_slow_model_is_measured_for_a_time_not_for_a_number_of_calls():
    class Slow:
        calls = 0

        def set_tensor(self, index, values):
            assert values.shape == (1, 2)

        def invoke(self):
            self.calls += 1

    slow, tensors = Slow(), [(0, np.zeros((3, 2), np.float32))]
    job = {"warm_up": 50, "repeats": 300, "measure_s": 0.0}
    found = _measure(slow, tensors, job)
    assert found["repeats"] == 10
    assert slow.calls == 13
    assert _measure(Slow(), tensors, {**job, "measure_s": 60.0})["repeats"] == 300
    assert _measure(Slow(), tensors, {**job, "repeats": 4})["repeats"] == 4


def test_several_inputs_reach_a_compiled_model_by_name(job, tmp_path):
    add_task(job.run, [np.zeros((8, 8, 3), np.uint8)], [0])
    content = task_models(job.run / "export/gesture_recognizer.task")["gesture_embedder.tflite"]
    path = tmp_path / "embedder.tflite"
    path.write_bytes(content)
    random = np.random.default_rng(0)
    shapes = {"world_hand": (21, 3), "hand": (21, 3), "handedness": (1,)}
    inputs = {name: random.random((2, *shape), np.float32) for name, shape in shapes.items()}
    embedder = replace(job, files={"float32": path}, inputs=inputs)
    write_job(tmp_path, embedder, ["float32"], Options(threads=(1,), repeats=3), (1,))
    assert _work("compiled-model", tmp_path) == 0
    wanted = LiteRtModel(content).predict([inputs[name] for name in ("hand", "handedness", "world_hand")])
    np.testing.assert_array_equal(np.load(tmp_path / "float32.npy"), wanted)


def test_a_file_that_cannot_be_loaded_leaves_the_others_their_answers(job, tmp_path):
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"\0\0\0\0TFL3 is all there is")
    job.files["float16"] = broken
    write_job(tmp_path, job, ["float32", "float16", "int8"], Options(threads=(1,), repeats=3), (1,))
    assert _work("ai-edge-litert", tmp_path) == 0
    assert "error" in json.loads((tmp_path / "float16.json").read_text())
    assert not (tmp_path / "float16.npy").exists()
    assert np.load(tmp_path / "int8.npy").shape == job.reference.shape


def test_inputs_of_another_name_or_shape_are_an_error_not_an_answer(job, tmp_path):
    job.inputs["hand"] = job.inputs.pop("landmarks")
    write_job(tmp_path, job, ["float32"], Options(threads=(1,), repeats=3), (1,))
    assert _work("ai-edge-litert", tmp_path) == 0
    assert "inputs are landmarks, expected hand" in json.loads((tmp_path / "float32.json").read_text())["error"]
