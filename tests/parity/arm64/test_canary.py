"""The canary: models whose answers every sound runtime gives to the bit."""

from dataclasses import replace

import numpy as np
import pytest
from tests.parity.faked_run import fresh_run

from signport.export.flatbuffer import operators
from signport.parity.answers import Options
from signport.parity.arm64.canary import INPUT, canaries, canary_inputs
from signport.parity.job import load_job
from signport.parity.worker_runs import run_runtime


@pytest.mark.parametrize("runtime", ["ai-edge-litert", "ai-edge-litert, no XNNPACK"])
def test_known_answers_are_what_this_machine_answers(tmp_path_factory, tmp_path, runtime):
    known = canaries()
    files = {name: tmp_path / f"{name}.tflite" for name in known}
    for name, path in files.items():
        path.write_bytes(known[name].content)
    job = load_job(fresh_run(tmp_path_factory, tmp_path))
    job = replace(job, files=files, inputs={INPUT: canary_inputs()})
    answers = run_runtime(runtime, job, Options(), remedy="", emulated=True)
    for name, answer in answers.files.items():
        assert answer.status == "ran", answer.reason
        assert np.all(np.abs(answer.output - known[name].expected) <= known[name].tolerance), name
        assert (answer.delegated > 0) == (runtime == "ai-edge-litert")


def test_answers_are_no_constants_and_seldom_clamped():
    for name, canary in canaries().items():
        largest, smallest = canary.expected.max(), canary.expected.min()
        assert np.mean((canary.expected == largest) | (canary.expected == smallest)) < 0.15, name
        assert len(np.unique(canary.expected)) > 50, name
        assert np.all(canary.tolerance < canary.expected.std() / 20), name


def test_the_integer_kernels_of_our_files_are_in_it():
    kinds = {
        operator.name
        for canary in canaries().values()
        for operator in operators(canary.content)
        if set(operator.outputs) == {"INT8"}
    }
    assert kinds >= {"FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "BATCH_MATMUL", "QUANTIZE"}


def test_it_is_the_same_every_time():
    assert {name: canary.content for name, canary in canaries().items()} == {
        name: canary.content for name, canary in canaries().items()
    }
