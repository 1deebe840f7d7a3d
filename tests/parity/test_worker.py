"""The worker as a process: what it imports, and that samples do not leak into each other."""

import json
import subprocess
import sys

import numpy as np
import pytest
from tests.parity.faked_run import fresh_run

from signport.parity.answers import Options
from signport.parity.desktop import write_job
from signport.parity.job import load_job
from signport.parity.worker import RUNTIMES


@pytest.fixture
def job(tmp_path_factory, tmp_path):
    return load_job(fresh_run(tmp_path_factory, tmp_path))


def _work(runtime, folder):
    return subprocess.run(
        [sys.executable, "-m", "signport.parity.worker", runtime, str(folder)], check=False
    ).returncode


@pytest.mark.parametrize("runtime", ["ai-edge-litert", "tflite-runtime"])
def test_a_worker_imports_its_own_runtime_only(job, tmp_path, runtime):
    if runtime == "tflite-runtime" and sys.version_info >= (3, 12):
        pytest.skip("tflite-runtime is built up to Python 3.11")
    write_job(tmp_path, job, ["float32"], Options(threads=(1,), repeats=3))
    assert _work(runtime, tmp_path) == 0
    modules = json.loads((tmp_path / "runtime.json").read_text())["modules"]
    assert modules == [RUNTIMES[runtime][0].partition(".")[0]]
    np.testing.assert_allclose(np.load(tmp_path / "float32.npy"), job.reference, atol=1e-5)


def test_a_file_that_cannot_be_loaded_leaves_the_others_their_answers(job, tmp_path):
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"\0\0\0\0TFL3 is all there is")
    job.files["float16"] = broken
    write_job(tmp_path, job, ["float32", "float16", "int8"], Options(threads=(1,), repeats=3))
    assert _work("ai-edge-litert", tmp_path) == 0
    assert "error" in json.loads((tmp_path / "float16.json").read_text())
    assert not (tmp_path / "float16.npy").exists()
    assert np.load(tmp_path / "int8.npy").shape == job.reference.shape


def test_inputs_of_another_name_or_shape_are_an_error_not_an_answer(job, tmp_path):
    job.inputs["hand"] = job.inputs.pop("landmarks")
    write_job(tmp_path, job, ["float32"], Options(threads=(1,), repeats=3))
    assert _work("ai-edge-litert", tmp_path) == 0
    assert "inputs are landmarks, expected hand" in json.loads((tmp_path / "float32.json").read_text())["error"]
