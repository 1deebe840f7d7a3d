"""Target android: both routes on the tests' phone against this machine's answers, and everything that can go wrong."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from tests.parity.adb_device.phone import Phone
from tests.parity.android.on_phone import QUICK, REAL, assert_like_this_machines, assert_nothing_left
from tests.parity.faked_run import fresh_clip_run, reseal
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
from signport.parity.arm64 import root as arm64_root
from signport.parity.job import load_job


@pytest.fixture
def bundle():
    if not arm64_root.native() and (reason := arm64_root.missing()):
        pytest.skip(reason)
    try:
        return android_bundle.find_bundle()
    except SignportError as error:
        pytest.skip(str(error))


@pytest.fixture
def only_native(monkeypatch):
    monkeypatch.setattr(android_chrome, "run_chrome", lambda *_: [])


@pytest.fixture
def never_back(monkeypatch):
    """Nobody plugs a phone in again: that is not waited for."""
    monkeypatch.setattr(Device, "back", lambda _device: False)


def _native(job, options=QUICK):
    return android.run(job, options)[0]


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
    assert_like_this_machines(job, answers.files)
    assert answers.version == "2.3.0"
    assert answers.device["phone"] == "signport adb_device (qemu-aarch64 cortex-a76)"
    assert answers.device["android"] == "14"
    assert answers.emulated.startswith("no phone: ro.boot.qemu is 1")
    assert answers.peak_memory_bytes is None
    for answer in answers.files.values():
        assert (answer.latency, answer.load_ms, answer.delegated) == ({}, None, 1.0)
    assert_nothing_left(daemon)


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
    assert_like_this_machines(job, answers.files)
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
    assert_nothing_left(daemon)


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
    assert_nothing_left(daemon)


def test_a_run_that_is_interrupted_leaves_nothing_on_the_phone(bundle, daemon, job, monkeypatch, only_native):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(DeviceFolder, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        android.run(job, QUICK)
    assert_nothing_left(daemon)


def test_a_runner_that_takes_too_long_is_ended(bundle, adb, tmp_path, job, monkeypatch, only_native):
    monkeypatch.setattr(android_native, "_LEAST_S", 1)
    one_file = replace(job, files={"int8": job.files["int8"]})
    with adb.plugged(Phone(tmp_path / "phone", properties=REAL)) as daemon:
        answers = _native(one_file, replace(QUICK, repeats=10**6, measure_s=600, timeout_s=0))
        assert answers.files["int8"].reason == "no end after 1 s"
        assert_nothing_left(daemon)


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
