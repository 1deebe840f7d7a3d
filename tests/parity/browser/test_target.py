"""The browser target in a real browser: it answers as LiteRT does on the desktop, and survives a browser that dies."""

import os
import signal
import subprocess
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from tests.drawn_hands import drawn_hand
from tests.parity.faked_run import add_task, fresh_clip_run, fresh_run, fused_lstm_file, reseal

from signport.files import read_json, sha256_file, write_json
from signport.landmarks.hand_detector import HandDetector
from signport.models.litert import LiteRtModel
from signport.parity.answers import Options
from signport.parity.browser import page_http
from signport.parity.browser import target as browser
from signport.parity.browser.page_answers import PageResults, answers_of
from signport.parity.browser.page_canary import canary_answer, canary_file, canary_inputs, needs_canary
from signport.parity.browser.page_http import page_is_built
from signport.parity.browser.page_server import PageServer, run_page
from signport.parity.browser.process import find_browser, started_browser
from signport.parity.figures import output_step, steps_apart
from signport.parity.job import load_job

QUICK = Options(threads=(1, 2), repeats=20, warm_up=3, measure_s=0.05, timeout_s=120)
LITERT = ["litert-js wasm", "litert-js wasm threads", "litert-js webgpu"]
needs_page = pytest.mark.skipif(not page_is_built(), reason="the page is not built; `make browser-page`")
needs_browser = pytest.mark.skipif(find_browser() is None, reason="no browser; `make setup-targets` installs Chromium")


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    run = fresh_run(tmp_path_factory, tmp_path_factory.mktemp("browser"))
    add_task(run, [drawn_hand(), drawn_hand(spread=0.8), np.zeros((120, 160, 3), np.uint8)], [1, 2, 0])
    return load_job(run)


@pytest.fixture(scope="module")
def answers(job):
    return {one.runtime: one for one in browser.run(job, QUICK)}


@needs_page
@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("runtime", LITERT)
def test_every_variant_answers_as_litert_on_the_desktop(job, answers, runtime):
    found = answers[runtime]
    assert (found.status, found.reason) == ("ran", "")
    assert list(found.files) == list(job.files)
    assert found.device["cross-origin isolated"] == "yes"
    assert found.device["browser"]
    for form, answer in found.files.items():
        assert answer.status == "ran", answer.reason
        assert answer.sha256 == sha256_file(job.files[form])
        expected = job.expected[form]
        if form == "int8":
            step = output_step(job.files[form].read_bytes())
            assert steps_apart(expected, answer.output, step, job.output) <= 1
        else:
            np.testing.assert_allclose(answer.output, expected, atol=1e-5)


@needs_page
@needs_browser
@pytest.mark.slow
def test_times_are_told_by_threads_and_those_of_a_software_gpu_are_not(answers):
    assert {tuple(one.latency) for one in answers["litert-js wasm"].files.values()} == {(1,)}
    threaded = answers["litert-js wasm threads"]
    assert {tuple(one.latency) for one in threaded.files.values()} == {(2,)}
    assert all(one.latency[2].p5_us <= one.latency[2].p95_us for one in threaded.files.values())
    assert threaded.peak_memory_bytes > 1_000_000
    gpu = answers["litert-js webgpu"]
    assert all(one.delegated == 1 for one in gpu.files.values())
    if gpu.emulated:
        assert gpu.emulated == "WebGPU in software (SwiftShader)"
        assert not any(one.latency or one.load_ms for one in gpu.files.values())


@needs_page
@needs_browser
@pytest.mark.slow
def test_the_task_finds_the_same_hands_as_mediapipe_in_python(job, answers):
    task = answers["tasks-vision"].task
    assert (task.status, task.reason) == ("ran", "")
    assert task.sha256 == sha256_file(job.task.path)
    assert [(hand.mode, hand.image, hand.found) for hand in task.hands] == [
        (mode, image, image < 2) for mode in task.modes for image in range(3)
    ]
    with HandDetector(model=job.task.path) as detector:
        for hand in task.hands[:2]:
            seen = detector.detect(drawn_hand(spread=1.0 if hand.image == 0 else 0.8))
            np.testing.assert_allclose(hand.landmarks, seen.landmarks, atol=2e-3)
            np.testing.assert_allclose(hand.world_landmarks, seen.world_landmarks, atol=2e-3)
            assert hand.left == pytest.approx(seen.handedness, abs=5e-3)
    for hand in task.hands:
        if hand.found and hand.mode != "as it ships":
            assert hand.score == pytest.approx(hand.own[task.labels.index(hand.label)], abs=1e-3)


@needs_page
@needs_browser
@pytest.mark.slow
def test_a_browser_that_dies_in_the_middle_costs_the_file_that_it_died_at(job, monkeypatch):
    pids, receive = [], PageResults.receive

    def deadly(self, message):
        receive(self, message)
        if self.current == ("wasm", "float16"):
            os.kill(pids[-1], signal.SIGKILL)

    popen = subprocess.Popen

    def started(*arguments, **options):
        child = popen(*arguments, **options)
        pids.append(child.pid)
        return child

    monkeypatch.setattr(PageResults, "receive", deadly)
    monkeypatch.setattr("signport.parity.browser.process.subprocess.Popen", started)
    with PageServer(job, QUICK, ("wasm",)) as server:
        (found,) = answers_of(run_page(server, partial(started_browser, find_browser()), 60), job)
    assert len(pids) == 2
    assert {form: one.status for form, one in found.files.items()} == {
        **dict.fromkeys(job.files, "ran"),
        "float16": "failed",
    }
    assert "died at this part" in found.files["float16"].reason
    np.testing.assert_allclose(found.files["dynamic"].output, job.expected["dynamic"], atol=1e-5)


@needs_page
@needs_browser
@pytest.mark.slow
def test_int8_products_on_threads_are_right_or_the_file_is_skipped_and_the_fault_is_the_runtimes(job, tmp_path):
    path = tmp_path / "canary.tflite"
    path.write_bytes(canary_file())
    expected = canary_answer()
    odd = {"files": {"int8": path}, "inputs": canary_inputs(), "reference": expected}
    with PageServer(replace(job, **odd), QUICK, ("wasm", "wasm threads")) as server:
        results = run_page(server, partial(started_browser, find_browser()), 60)
    one, several = (results.variants[name].files["int8"] for name in ("wasm", "wasm threads"))
    np.testing.assert_array_equal(one.output, expected)
    if several.status == "ran":
        np.testing.assert_array_equal(several.output, expected)
    else:
        assert several.status == "skipped"
        assert "multiplies int8 tensors (BATCH_MATMUL) wrongly on 2 threads" in several.reason


def test_the_canary_is_answered_rightly_by_litert_and_asked_for_where_int8_tensors_are_multiplied(job):
    inputs = canary_inputs()
    found = LiteRtModel(canary_file()).predict(list(inputs.values()))
    np.testing.assert_array_equal(found.reshape(canary_answer().shape), canary_answer())
    assert needs_canary(canary_file())
    assert not any(needs_canary(path.read_bytes()) for path in job.files.values())


@needs_page
@needs_browser
@pytest.mark.slow
def test_a_file_that_is_no_model_fails_alone(job, tmp_path):
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(job.files["float16"].read_bytes())
    job = replace(job, files={**job.files, "float16": broken})
    with PageServer(job, QUICK, ("wasm",)) as server:
        broken.write_bytes(b"TFL3 but not really")
        (found,) = answers_of(run_page(server, partial(started_browser, find_browser()), 60), job)
    assert found.files["float16"].status == "failed"
    assert found.files["float16"].reason
    assert {one.status for form, one in found.files.items() if form != "float16"} == {"ran"}


def test_a_fused_lstm_is_skipped_beforehand(tmp_path_factory, tmp_path):
    run = fresh_clip_run(tmp_path_factory, tmp_path)
    card = read_json(run / "export/card.json")
    card["files"] = {"float32": card["files"]["float32"]}
    write_json(run / "export/card.json", card)
    reseal(run, "float32", fused_lstm_file())
    results = PageResults(load_job(run), ("wasm",))
    assert results.todo() == []
    assert "variable tensors" in results.variants["wasm"].reason


def test_without_a_page_or_a_browser_it_is_skipped_and_says_what_brings_it(job, tmp_path, monkeypatch):
    monkeypatch.setattr(page_http, "PAGE_FOLDER", tmp_path)
    found = browser.run(job, QUICK)
    assert [one.runtime for one in found] == [*LITERT, "tasks-vision"]
    assert {(one.status, one.reason) for one in found} == {("skipped", "the page is not built; `make browser-page`")}
    (tmp_path / "index.html").write_text("")
    monkeypatch.setattr(browser, "find_browser", lambda: None)
    reasons = {one.reason for one in browser.run(job, QUICK)}
    assert reasons == {"no Chrome, Chromium or Edge found; install one, `make setup-targets`, or set SIGNPORT_BROWSER"}
