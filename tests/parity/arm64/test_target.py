"""Target arm64: emulated answers against this machine's, and what is said of an emulator that is not to be trusted."""

import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from tests.parity.faked_run import fresh_clip_run, fresh_run

from signport.files import sha256_file
from signport.parity.answers import Options, RuntimeAnswers, TaskAnswer
from signport.parity.arm64 import root as arm64_root
from signport.parity.arm64 import target as arm64
from signport.parity.arm64.canary import canaries
from signport.parity.figures import output_step, steps_apart
from signport.parity.job import TaskJob, load_job
from signport.parity.worker_runs import run_runtime

OPTIONS = Options(threads=(1,), repeats=1, timeout_s=300)


@pytest.fixture
def job(tmp_path_factory, tmp_path):
    return load_job(fresh_run(tmp_path_factory, tmp_path))


@pytest.fixture
def clip_job(tmp_path_factory, tmp_path):
    return load_job(fresh_clip_run(tmp_path_factory, tmp_path))


def _assert_like_this_machines(job, emulated):
    here = run_runtime(emulated.runtime, job, OPTIONS, remedy="")
    assert list(emulated.files) == list(job.files)
    for form, answer in emulated.files.items():
        assert answer.status == "ran", f"{form}: {answer.reason}"
        expected = here.files[form].output
        if form == "int8":
            step = output_step(job.files[form].read_bytes())
            assert steps_apart(answer.output, expected, step, job.output) <= 1
        else:
            # A dynamic-range file's inputs are quantized on the way, where one may fall on the other side of a tie.
            atol = 1e-3 if form == "dynamic" else 1e-5
            np.testing.assert_allclose(answer.output, expected, rtol=0, atol=atol)
        assert answer.sha256 == sha256_file(job.files[form])
        assert answer.delegated == here.files[form].delegated > 0


def test_arm64_answers_as_this_machine_does_and_reports_no_times(root, job):
    (answers,) = arm64.run(job, OPTIONS)
    assert (answers.runtime, answers.status, answers.reason) == ("ai-edge-litert", "ran", "")
    _assert_like_this_machines(job, answers)
    assert all((answer.latency, answer.load_ms) == ({}, None) for answer in answers.files.values())
    assert answers.peak_memory_bytes is None
    assert answers.version == "2.3.0"
    assert answers.emulated == "qemu-aarch64, cortex-a76"
    assert answers.device["cpu"].startswith("cortex-a76")
    assert answers.device["emulator"].startswith("qemu-aarch64 ")
    assert answers.device["system"].startswith("Debian bookworm")


def test_a_bundle_is_a_runtime_of_its_own(root, job, monkeypatch):
    task = TaskJob(job.run / "x.task", {}, (), ())
    found = RuntimeAnswers("mediapipe", "ran", task=TaskAnswer("ran"))
    monkeypatch.setattr(arm64, "emulator_fault", lambda *_: "")
    monkeypatch.setattr(arm64, "run_task", lambda where, what, _: found if (where, what) == (root, task) else None)
    litert, mediapipe = arm64.run(replace(job, files={"int8": job.files["int8"]}, task=task), OPTIONS)
    assert litert.files["int8"].status == "ran"
    assert mediapipe.task == found.task
    assert mediapipe.emulated == litert.emulated != ""
    assert mediapipe.device == litert.device


def test_clips_with_missing_frames_are_answered_alike(root, clip_job, monkeypatch):
    monkeypatch.setattr(arm64, "emulator_fault", lambda *_: "")
    (answers,) = arm64.run(clip_job, OPTIONS)
    _assert_like_this_machines(clip_job, answers)


def test_a_file_that_ends_the_process_leaves_the_others_their_answers(root, job, tmp_path, monkeypatch):
    deadly = tmp_path / "deadly_worker.py"
    deadly.write_text(
        "import hashlib, os, runpy, signal\n"
        "digest = hashlib.sha256\n"
        "def sha256(content):\n"
        "    found = digest(content)\n"
        f"    if found.hexdigest() == {sha256_file(job.files['float16'])!r}:\n"
        "        os.kill(os.getpid(), signal.SIGILL)\n"
        "    return found\n"
        "hashlib.sha256 = sha256\n"
        f"runpy.run_path({arm64.worker.__file__!r}, run_name='__main__')\n"
    )
    monkeypatch.setattr(arm64, "emulator_fault", lambda *_: "")
    monkeypatch.setattr(arm64.worker, "__file__", str(deadly))
    few = replace(job, files={form: job.files[form] for form in ("float32", "float16", "int8")})
    (answers,) = arm64.run(few, OPTIONS)
    assert {form: answer.status for form, answer in answers.files.items()} == {
        form: "failed" if form == "float16" else "ran" for form in few.files
    }
    assert "SIGILL" in answers.files["float16"].reason


def test_a_runtime_that_takes_too_long_is_ended(root, job, monkeypatch):
    monkeypatch.setattr(arm64, "emulator_fault", lambda *_: "")
    (answers,) = arm64.run(job, replace(OPTIONS, timeout_s=0.01))
    assert {answer.status for answer in answers.files.values()} == {"failed"}
    assert "no end after 0.01 s" in answers.files["int8"].reason


def test_an_emulator_that_is_wrong_on_the_canary_judges_nothing(root, job, monkeypatch):
    known = canaries()["batch_matmul"]
    wrong = known.expected.copy()
    wrong[1, 7] += 0.5
    monkeypatch.setattr(arm64, "canaries", lambda: {"batch_matmul": replace(known, expected=wrong)})
    (answers,) = arm64.run(job, OPTIONS)
    assert (answers.status, answers.files) == ("failed", {})
    assert "the emulator computes wrong int8 results (qemu-aarch64 " in answers.reason
    assert "-cpu cortex-a76): not the files' fault" in answers.reason
    assert "the canary batch_matmul is off by up to 0.5" in answers.reason


def test_the_canary_sees_that_cpu_max_computes_wrongly(root, job):
    if "qemu-aarch64 7.2" not in arm64_root.emulator_version():
        pytest.skip(f"{arm64_root.emulator_version()} may do it right; 7.2 does not")
    fault = arm64.emulator_fault(root, job, OPTIONS, cpu="max")
    assert "wrong int8 results" in fault
    assert "the canary fully_connected is off by up to " in fault


def test_an_emulator_that_does_not_start_says_why(root, job):
    fault = arm64.emulator_fault(root, job, OPTIONS, cpu="cortex-q1")
    assert "unable to find CPU model 'cortex-q1'" in fault


def test_an_emulator_without_xnnpack_is_not_believed(root, job, monkeypatch):
    def without(name, job, options, **settings):
        found = run_runtime(name, job, options, **settings)
        return replace(found, files={form: replace(answer, delegated=0.0) for form, answer in found.files.items()})

    monkeypatch.setattr(arm64, "run_runtime", without)
    assert "XNNPACK takes no part" in arm64.emulator_fault(root, job, OPTIONS)


def test_a_machine_without_the_root_skips_and_says_what_brings_it(job, tmp_path, monkeypatch):
    monkeypatch.setenv("SIGNPORT_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr(arm64_root, "_no_emulator", lambda: "")
    (skipped,) = arm64.run(job, OPTIONS)
    assert (skipped.runtime, skipped.status) == ("ai-edge-litert", "skipped")
    assert "`make setup-targets`" in skipped.reason


def test_a_machine_without_an_emulator_skips_and_says_what_brings_it(job, monkeypatch):
    monkeypatch.setattr(arm64_root, "native", lambda: False)
    monkeypatch.setattr(arm64_root, "_emulator", lambda: None)
    (skipped,) = arm64.run(job, OPTIONS)
    assert skipped.status == "skipped"
    assert "`apt-get install qemu-user-static`" in skipped.reason


def test_an_arm64_machine_emulates_nothing(job, monkeypatch):
    monkeypatch.setattr(arm64_root, "native", lambda: True)
    monkeypatch.setattr(arm64_root, "command", partial(sys.exit, "emulated"))
    (answers,) = arm64.run(replace(job, files={"int8": job.files["int8"]}), OPTIONS)
    assert (answers.status, answers.emulated) == ("ran", "")
    assert answers.files["int8"].latency
    assert "this machine is Arm64" in answers.device["emulator"]
