"""Finding the browser, and starting and ending it; programs of ours stand in for it."""

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from signport.errors import SignportError
from signport.parity.browser import process as browser_process
from signport.parity.browser.process import browser_flags, find_browser, started_browser

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs here are shell scripts")


def _program(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def _eventually(condition):
    end = time.monotonic() + 20
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def test_the_variable_names_the_browser_and_a_wrong_one_is_told(tmp_path, monkeypatch):
    mine = _program(tmp_path / "mine", "")
    monkeypatch.setenv("SIGNPORT_BROWSER", str(mine))
    assert find_browser() == mine
    monkeypatch.setenv("SIGNPORT_BROWSER", str(tmp_path / "gone"))
    with pytest.raises(SignportError, match=r"SIGNPORT_BROWSER is .*gone.*no such program"):
        find_browser()


def test_chrome_comes_before_chromium_before_the_usual_places(tmp_path, monkeypatch):
    monkeypatch.delenv("SIGNPORT_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    installed = _program(tmp_path / "installed", "")
    monkeypatch.setattr(browser_process, "_usual_places", lambda: [tmp_path / "gone", installed])
    assert find_browser() == installed
    chromium = _program(tmp_path / "chromium", "")
    assert find_browser() == chromium
    chrome = _program(tmp_path / "google-chrome", "")
    assert find_browser() == chrome
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(browser_process, "_usual_places", list)
    assert find_browser() is None


def test_a_software_gpu_is_asked_for_only_where_wanted(tmp_path):
    assert not any("swiftshader" in flag for flag in browser_flags(tmp_path, software_gpu=False))
    assert "--use-webgpu-adapter=swiftshader" in browser_flags(tmp_path, software_gpu=True)
    assert ("--no-sandbox" in browser_flags(tmp_path, software_gpu=False)) == (os.geteuid() == 0)


def test_a_browser_that_dies_says_why(tmp_path):
    failing = _program(tmp_path / "failing", "echo DevTools listening >&2; echo cannot open display >&2; exit 3")
    with started_browser(failing, "http://127.0.0.1/") as alive:
        assert _eventually(alive) == "the browser ended with status 3: cannot open display"
    killed = _program(tmp_path / "killed", "kill -9 $$")
    with started_browser(killed, "http://127.0.0.1/") as alive:
        assert _eventually(alive) == "the browser was ended by SIGKILL"


def test_it_gets_the_address_and_a_profile_of_its_own_that_goes_with_it(tmp_path):
    told = tmp_path / "told"
    script = f"for last; do :; done; echo $last $@ > {told}.part; mv {told}.part {told}; exec sleep 60"
    browser = _program(tmp_path / "browser", script)
    with started_browser(browser, "http://127.0.0.1:1/token/") as alive:
        assert _eventually(told.is_file)
        assert alive() is None
        address, *flags = told.read_text().split()
        (profile,) = (flag.partition("=")[2] for flag in flags if flag.startswith("--user-data-dir="))
        assert address == "http://127.0.0.1:1/token/"
    assert not Path(profile).parent.exists()


def test_every_process_that_it_started_ends_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(browser_process, "_END_S", 0.2)
    pids = tmp_path / "pids"
    stubborn = "trap '' TERM; sleep 600 & echo $! > {0}.part; mv {0}.part {0}; wait"
    browser = _program(tmp_path / "browser", stubborn.format(pids))
    with started_browser(browser, "http://127.0.0.1/"):
        assert _eventually(pids.is_file)
        helper = psutil.Process(int(pids.read_text()))
    assert _eventually(lambda: not helper.is_running() or helper.status() == psutil.STATUS_ZOMBIE)


def test_a_program_that_cannot_be_started_is_told(tmp_path):
    nothing = tmp_path / "nothing"
    nothing.write_text("")
    with (
        pytest.raises(SignportError, match=r"cannot be started .*SIGNPORT_BROWSER"),
        started_browser(nothing, "http://127.0.0.1/"),
    ):
        pass
