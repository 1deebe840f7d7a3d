"""Target android, the page in the phone's Chrome: its answers against this machine's, and what goes wrong."""

import threading
from functools import partial

import pytest
from tests.drawn_hands import drawn_hand
from tests.parity.adb_device.phone import Phone
from tests.parity.android.on_phone import QUICK, assert_like_this_machines, assert_nothing_left
from tests.parity.faked_run import add_task

from signport.files import sha256_file
from signport.parity.android import chrome as android_chrome
from signport.parity.android import native as android_native
from signport.parity.android import target as android
from signport.parity.answers import AS_IT_SHIPS
from signport.parity.browser.page_http import page_is_built
from signport.parity.browser.process import find_browser
from signport.parity.job import load_job


@pytest.fixture
def browsing_daemon(adb, tmp_path):
    browser = find_browser()
    if browser is None or not page_is_built():
        pytest.skip("no Chromium, or the page is not built; `make setup-targets browser-page`")
    with adb.plugged(Phone(tmp_path / "phone", browser=browser)) as daemon:
        yield daemon


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
        assert_like_this_machines(job, one.files)
        assert one.emulated.startswith("no phone")
        assert {answer.load_ms for answer in one.files.values()} == {None}
        assert one.device["cross-origin isolated"] == "yes"
        assert one.device["chrome"] == "1.2.3.4"
    assert len(browsing_daemon.phone.opened_urls()) == 1
    assert any(
        command.endswith("-p com.android.chrome); echo signport-status=$?") for command in browsing_daemon.phone.ran
    )
    assert_nothing_left(browsing_daemon)


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
