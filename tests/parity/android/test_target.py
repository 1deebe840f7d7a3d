"""Target android: both routes on the tests' phone against this machine's answers, and everything that can go wrong."""

import shutil
import tempfile
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tests.drawn_hands import drawn_hand
from tests.parity.adb_device.phone import PROPERTIES, Phone
from tests.parity.adb_device.private_adb import own_adb
from tests.parity.faked_run import add_task, fresh_clip_run, fresh_run, reseal
from tests.parity.faults import edited

from signport.errors import SignportError
from signport.files import sha256_file
from signport.parity.android import bundle as android_bundle
from signport.parity.android import chrome as android_chrome
from signport.parity.android import native as android_native
from signport.parity.android import target as android
from signport.parity.android.adb import choose_device
from signport.parity.android.device import Device
from signport.parity.android.phone import DeviceFolder
from signport.parity.answers import AS_IT_SHIPS, Options
from signport.parity.arm64 import root as arm64_root
from signport.parity.browser.page_http import page_is_built
from signport.parity.browser.process import find_browser
from signport.parity.figures import output_step, steps_apart
from signport.parity.job import load_job
from signport.parity.worker_runs import run_runtime

QUICK = Options(threads=(1,), repeats=3, warm_up=1, timeout_s=120)
REAL = {name: value for name, value in PROPERTIES.items() if "qemu" not in name}


@pytest.fixture(scope="module")
def adb(tmp_path_factory):
    with own_adb(tmp_path_factory.mktemp("adb")) as adb:
        yield adb


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """Where this process puts its temporary folders, so that what is left of them is seen."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def bundle():
    if not arm64_root.native() and (reason := arm64_root.missing()):
        pytest.skip(reason)
    try:
        return android_bundle.find_bundle()
    except SignportError as error:
        pytest.skip(str(error))


@pytest.fixture
def phone(tmp_path):
    return Phone(tmp_path / "phone")


@pytest.fixture
def daemon(adb, phone):
    with adb.plugged(phone) as daemon:
        yield daemon


@pytest.fixture
def browsing_daemon(adb, tmp_path):
    browser = find_browser()
    if browser is None or not page_is_built():
        pytest.skip("no Chromium, or the page is not built; `make setup-targets browser-page`")
    with adb.plugged(Phone(tmp_path / "phone", browser=browser)) as daemon:
        yield daemon


@pytest.fixture
def run(tmp_path_factory, tmp_path):
    return fresh_run(tmp_path_factory, tmp_path)


@pytest.fixture
def job(run):
    return load_job(run)


@pytest.fixture
def only_native(monkeypatch):
    monkeypatch.setattr(android_chrome, "run_chrome", lambda *_: [])


@pytest.fixture
def never_back(monkeypatch):
    """Nobody plugs a phone in again: that is not waited for."""
    monkeypatch.setattr(Device, "back", lambda _device: False)


def _native(job, options=QUICK):
    return android.run(job, options)[0]


def _assert_like_this_machines(job, files):
    here = run_runtime("compiled-model", job, QUICK, remedy="")
    assert list(files) == list(job.files)
    for form, answer in files.items():
        assert answer.status == "ran", f"{form}: {answer.reason}"
        if form == "int8":
            step = output_step(job.files[form].read_bytes())
            assert steps_apart(answer.output, here.files[form].output, step, job.output) <= 1
        else:
            np.testing.assert_allclose(answer.output, here.files[form].output, rtol=0, atol=1e-5)
        assert answer.sha256 == sha256_file(job.files[form])


def _assert_nothing_left(daemon):
    assert daemon.wait_for_services()
    assert list(daemon.phone.storage.iterdir()) == []
    assert daemon.reversed_ports() == []
    assert list(Path(tempfile.gettempdir()).glob("signport-android-*")) == []


def _at_file(form, action):
    """Calls something once, a moment after the runner was started with a file."""
    waiting = [action]

    def look(command):
        if f"{form}.tflite job.bin" in command and waiting:
            waiting.pop()()

    return look


def test_the_native_route_answers_as_this_machine_does_and_reports_no_times_of_an_emulator(
    bundle, daemon, job, only_native
):
    answers = _native(job)
    assert (answers.runtime, answers.status, answers.reason) == ("native litert", "ran", "")
    _assert_like_this_machines(job, answers.files)
    assert answers.version == "2.3.0"
    assert answers.device["phone"] == "signport adb_device (qemu-aarch64 cortex-a76)"
    assert answers.device["android"] == "14"
    assert answers.emulated.startswith("no phone: ro.boot.qemu is 1")
    assert answers.peak_memory_bytes is None
    for answer in answers.files.values():
        assert (answer.latency, answer.load_ms, answer.delegated) == ({}, None, 1.0)
    _assert_nothing_left(daemon)


def test_a_phone_that_is_none_of_an_emulator_reports_its_times(bundle, adb, tmp_path, job, only_native):
    with adb.plugged(Phone(tmp_path / "phone", properties=REAL)):
        answers = _native(job, replace(QUICK, threads=(1, 2), repeats=20, measure_s=10))
    assert answers.emulated == ""
    assert answers.peak_memory_bytes > 5_000_000
    for answer in answers.files.values():
        assert answer.load_ms > 0
        assert set(answer.latency) == {1, 2}
        assert answer.latency[1].repeats == 20
        assert 0 < answer.latency[1].p5_us <= answer.latency[1].median_us


def test_clips_are_answered_alike_and_what_xnnpack_leaves_over_is_told(
    bundle, daemon, tmp_path_factory, tmp_path, only_native
):
    job = load_job(fresh_clip_run(tmp_path_factory, tmp_path))
    answers = _native(job)
    _assert_like_this_machines(job, answers.files)
    assert 0 < answers.files["float32"].delegated < 1


def test_a_file_that_litert_refuses_fails_alone_and_says_why(bundle, daemon, job, tmp_path, monkeypatch, only_native):
    monkeypatch.setattr(android_native, "variable_tensors", lambda _content: [])
    (tmp_path / "cut.tflite").write_bytes(job.files["float16"].read_bytes()[:1500])
    answers = _native(replace(job, files={**job.files, "float16": tmp_path / "cut.tflite"}))
    assert answers.files["float16"].status == "failed"
    assert answers.files["float16"].reason.startswith("LiteRT cannot ")
    assert "(Tensor 1 is invalidly specified in schema.)" in answers.files["float16"].reason  # LiteRT's own word
    assert answers.files["int8"].status == "ran"


def test_other_inputs_than_the_files_fail_with_both_named(bundle, daemon, job, only_native):
    values = job.inputs["landmarks"]
    renamed = _native(replace(job, inputs={"points": values}))
    assert renamed.files["int8"].reason == "the file has an input landmarks, which the job has no values for"
    narrower = _native(replace(job, inputs={"landmarks": values[..., :2]}))
    assert narrower.files["int8"].reason == ("input landmarks is float32 (1, 21, 3), expected float32 (1, 21, 2)")


def test_a_file_with_state_is_skipped(bundle, daemon, run, only_native):
    def with_state(model):
        model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].isVariable = True

    reseal(run, "float32", edited((run / "export/model_float32.tflite").read_bytes(), with_state))
    answers = _native(load_job(run))
    assert answers.files["float32"].status == "skipped"
    assert "no variable tensors" in answers.files["float32"].reason
    assert answers.files["dynamic"].status == "ran"


def test_a_file_that_arrives_with_an_error_is_not_run(bundle, daemon, phone, job, only_native):
    phone.garbled = frozenset({"int8.tflite"})
    answers = _native(job)
    assert answers.files["int8"].status == "failed"
    assert "arrived on the phone with errors" in answers.files["int8"].reason
    assert answers.files["int8"].sha256 not in ("", sha256_file(job.files["int8"]))
    assert answers.files["float32"].status == "ran"


@pytest.mark.parametrize("name", ["job.bin", "libc.so.6"])
def test_a_runner_that_arrives_with_an_error_is_not_started(bundle, daemon, phone, job, name, only_native):
    phone.garbled = frozenset({name})
    answers = _native(job)
    assert (answers.status, answers.files) == ("failed", {})
    assert answers.reason.startswith(f"{name}: arrived on the phone with errors")
    assert not [command for command in phone.ran if "./runner" in command]
    _assert_nothing_left(daemon)


def test_a_phone_that_goes_away_during_the_push_fails_and_leaves_nothing_here(bundle, daemon, phone, job, never_back):
    phone.on_piece = lambda path, count: daemon.vanish() if path.endswith("libLiteRt.so") and count > 1e6 else None
    native, chrome = android.run(job, QUICK)
    assert native.status == "failed"
    assert f"the device {daemon.serial} went away" in native.reason
    assert f"adb -s {daemon.serial} shell rm -rf /data/local/tmp/signport-" in native.reason
    assert chrome.status == "skipped"
    assert "went away" in chrome.reason
    assert daemon.wait_for_services()
    assert list(Path(tempfile.gettempdir()).glob("signport-android-*")) == []


def test_a_phone_that_goes_away_during_a_run_fails_that_file_and_the_rest_is_not_run(
    bundle, daemon, phone, job, never_back
):
    phone.on_command = _at_file("float16", daemon.vanish)
    native, chrome = android.run(job, QUICK)
    assert native.files["float32"].status == "ran"
    assert native.files["float16"].status == "failed"
    assert "went away" in native.files["float16"].reason
    for form in ("dynamic", "int8"):
        assert native.files[form].status == "skipped"
        assert native.files[form].reason.startswith("not run: the device")
    assert "removes what was left there" in native.reason
    assert chrome.status == "skipped"
    assert daemon.wait_for_services()


def test_what_is_on_a_phone_is_removed_when_its_cable_is_back(bundle, daemon, phone, job, only_native):
    phone.on_command = _at_file("float16", daemon.blink)
    answers = _native(job)
    assert answers.files["float16"].status == "failed"
    assert answers.reason == ""
    _assert_nothing_left(daemon)


def test_a_run_that_is_interrupted_leaves_nothing_on_the_phone(bundle, daemon, job, monkeypatch, only_native):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(DeviceFolder, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        android.run(job, QUICK)
    _assert_nothing_left(daemon)


def test_a_runner_that_takes_too_long_is_ended(bundle, adb, tmp_path, job, monkeypatch, only_native):
    monkeypatch.setattr(android_native, "_LEAST_S", 1)
    one_file = replace(job, files={"int8": job.files["int8"]})
    with adb.plugged(Phone(tmp_path / "phone", properties=REAL)) as daemon:
        answers = _native(one_file, replace(QUICK, repeats=10**6, measure_s=600, timeout_s=0))
        assert answers.files["int8"].reason == "no end after 1 s"
        _assert_nothing_left(daemon)


def test_a_crash_of_the_runner_is_told_by_its_signal(bundle, daemon, job, monkeypatch, only_native):
    run = DeviceFolder.run
    monkeypatch.setattr(
        DeviceFolder, "run", lambda folder, _command, limit: run(folder, ["sh", "-c", "kill -11 $$"], limit)
    )
    assert {answer.reason for answer in _native(job).files.values()} == {"the runner crashed with SIGSEGV"}


def test_a_phone_of_32_bits_is_skipped_with_the_reason(adb, tmp_path, job, only_native):
    with adb.plugged(Phone(tmp_path / "phone", properties={**REAL, "ro.product.cpu.abilist": "armeabi-v7a,armeabi"})):
        answers = _native(job)
    assert (answers.status, answers.reason) == (
        "skipped",
        "needs a phone for arm64-v8a, this one runs armeabi-v7a, armeabi",
    )


def test_without_the_runner_it_is_said_how_to_build_it(daemon, job, tmp_path, monkeypatch, only_native):
    monkeypatch.setenv("SIGNPORT_CACHE", str(tmp_path / "empty"))
    answers = _native(job)
    assert (answers.status, answers.files) == ("skipped", {})
    assert answers.reason == "the native runner is not built; build it with `make android-runner`"


def test_without_a_phone_both_routes_are_skipped_and_with_two_one_must_be_chosen(adb, tmp_path, job):
    answers = android.run(job, QUICK)
    assert [(one.runtime, one.status) for one in answers] == [("native litert", "skipped"), ("chrome", "skipped")]
    assert all("USB debugging" in one.reason for one in answers)
    with (
        adb.plugged(Phone(tmp_path / "one")),
        adb.plugged(Phone(tmp_path / "two")) as two,
        pytest.raises(SignportError, match=f"--serial: .*{two.serial}"),
    ):
        android.run(job, QUICK)


def _only_chrome(monkeypatch, *variants):
    monkeypatch.setattr(android_native, "run_native", lambda *_: None)
    monkeypatch.setattr(android_chrome, "run_chrome", partial(android_chrome.run_chrome, variants=variants))
    monkeypatch.setattr(android.Facts, "in_answers", _in_answers(android.Facts.in_answers))


def _in_answers(original):
    return lambda facts, answers: answers and original(facts, answers)


@pytest.mark.slow
def test_the_page_in_the_phones_chrome_answers_as_this_machine_does(browsing_daemon, job, monkeypatch):
    _only_chrome(monkeypatch, "wasm", "wasm threads")
    _, plain, threads = android.run(job, QUICK)
    assert [one.runtime for one in (plain, threads)] == ["chrome: litert-js wasm", "chrome: litert-js wasm threads"]
    for one in (plain, threads):
        assert (one.status, one.reason) == ("ran", "")
        _assert_like_this_machines(job, one.files)
        assert one.emulated.startswith("no phone")
        assert {answer.load_ms for answer in one.files.values()} == {None}
        assert one.device["cross-origin isolated"] == "yes"
        assert one.device["chrome"] == "1.2.3.4"
    assert len(browsing_daemon.phone.opened_urls()) == 1
    assert any(
        command.endswith("-p com.android.chrome); echo signport-status=$?") for command in browsing_daemon.phone.ran
    )
    _assert_nothing_left(browsing_daemon)


@pytest.mark.slow
def test_a_task_goes_by_the_phones_chrome(browsing_daemon, run, monkeypatch):
    add_task(run, [drawn_hand(spread=spread) for spread in (0.8, 1.2)], [1, 2])
    _only_chrome(monkeypatch, "tasks-vision")
    _, answers = android.run(load_job(run), QUICK)
    assert (answers.runtime, answers.status) == ("chrome: tasks-vision", "ran")
    assert (answers.task.status, answers.task.reason) == ("ran", "")
    assert answers.task.modes == ("IMAGE", "VIDEO", AS_IT_SHIPS)
    assert answers.task.sha256 == sha256_file(run / "export/gesture_recognizer.task")
    assert answers.task.latency is None
    hands = [hand for hand in answers.task.hands if hand.mode == "IMAGE"]
    assert [hand.found for hand in hands] == [True, True]
    assert all(abs(hand.score - max(hand.own)) < 1e-3 for hand in hands)


@pytest.mark.slow
def test_a_phone_that_goes_away_while_the_page_runs_fails_and_does_not_hang(browsing_daemon, job, monkeypatch):
    _only_chrome(monkeypatch, "wasm")
    phone = browsing_daemon.phone
    phone.on_command = lambda command: (
        threading.Timer(0.2, browsing_daemon.vanish).start() if "am start" in command else None
    )
    _, answers = android.run(job, QUICK)
    assert answers.status == "failed"
    assert "went away" in answers.reason


def test_a_phone_without_a_browser_skips_the_page(daemon, job, monkeypatch):
    if not page_is_built():
        pytest.skip("the page is not built; `make browser-page`")
    _only_chrome(monkeypatch, "wasm")
    _, answers = android.run(job, QUICK)
    assert (answers.runtime, answers.status) == ("chrome", "skipped")
    assert "does not open web addresses (Error: Activity not started" in answers.reason
    assert daemon.reversed_ports() == []


def test_a_bundle_of_other_sources_or_with_a_changed_file_is_not_used(bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("SIGNPORT_CACHE", str(tmp_path))
    copy = tmp_path / bundle.folder.name
    shutil.copytree(bundle.folder, copy)
    assert android_bundle.find_bundle().folder == copy
    monkeypatch.setattr(android_bundle, "sources_digest", lambda: "other")
    with pytest.raises(SignportError, match="made from other sources"):
        android_bundle.find_bundle()
    (copy / "runner").write_bytes(b"changed")
    with pytest.raises(SignportError, match="damaged; build it again with `make android-runner`"):
        android_bundle.find_bundle()


def test_a_folder_that_cannot_be_made_is_named(daemon, phone):
    device = choose_device(daemon.serial)
    phone.storage.rmdir()
    phone.storage.write_text("")
    with pytest.raises(SignportError, match=r"/data/local/tmp/signport-.*: cannot be made"), DeviceFolder(device):
        pass
