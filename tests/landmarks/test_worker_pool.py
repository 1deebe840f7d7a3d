"""Processes that look at files, with a detector that does what it is told."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from signport.child_process import child_environment
from signport.errors import SignportError
from signport.landmarks.worker_pool import KILLED_DETECTOR, Detectors, WorkerKind, serve

KIND = WorkerKind("tests.landmarks.test_worker_pool", title="obedient detector", item="word")


def _obey(path: str) -> dict:
    word = Path(path).name
    if word == "die" or (word == "die-once" and not Path(path).exists()):
        Path(path).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "sleep":
        time.sleep(60)
    return {"status": word, "pid": os.getpid()}


def _start(options: dict) -> contextlib.AbstractContextManager:
    if "fail" in options:
        raise SystemExit(options["fail"])
    starts = Path(options["starts"]) if "starts" in options else None
    if starts is not None and not starts.exists():
        starts.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    print("a library that prints")
    return contextlib.nullcontext(_obey)


@pytest.fixture
def detectors():
    with Detectors() as detectors:
        yield detectors


def _children() -> set[psutil.Process]:
    return set(psutil.Process().children())


def test_one_process_answers_call_after_call(detectors):
    first = detectors.look(KIND, {}, ["a", "b"])
    second = detectors.look(KIND, {}, ["c"])
    assert [answer["status"] for answer in first + second] == ["a", "b", "c"]
    assert len({answer["pid"] for answer in first + second}) == 1


def test_other_options_or_models_are_another_process(detectors):
    pids = [
        detectors.look(KIND, options, ["a"], identity)[0]["pid"]
        for options, identity in (({}, 1), ({}, 2), ({"x": 1}, 1))
    ]
    assert len(set(pids)) == 3


def test_what_kills_a_process_twice_is_passed_over_and_the_rest_answered(detectors, tmp_path, capsys):
    words = ["a", "die", "b", "die-once", "c"]
    answers = detectors.look(KIND, {}, [tmp_path / word for word in words])
    assert [answer["status"] for answer in answers] == ["a", KILLED_DETECTOR, "b", "die-once", "c"]
    printed = capsys.readouterr().err.splitlines()
    assert [line.split("; ")[1] for line in printed] == [
        "looking at this word once more", "passed over", "looking at this word once more"
    ]  # fmt: skip
    assert "die: the obedient detector's process died (SIGKILL" in printed[0]


def test_a_detector_that_does_not_start_is_told_with_its_own_words(detectors):
    with pytest.raises(SignportError, match=r"obedient detector does not start \(exit status 1: no such model\)"):
        detectors.look(KIND, {"fail": "no such model"}, ["a"])


def test_a_detector_that_something_kills_while_it_starts_is_started_again(detectors, tmp_path):
    (answer,) = detectors.look(KIND, {"starts": str(tmp_path / "started")}, ["a"])
    assert answer["status"] == "a"


def test_closing_ends_what_is_being_looked_at_and_leaves_no_process():
    before, detectors = _children(), Detectors()
    raised = []

    def look():
        try:
            detectors.look(KIND, {}, ["sleep"])
        except SignportError as error:
            raised.append(str(error))

    thread = threading.Thread(target=look)
    detectors.look(KIND, {}, ["a"])
    thread.start()
    while not detectors._busy:
        time.sleep(0.01)
    detectors.close()
    thread.join(20)
    assert raised == ["detection was stopped"]
    assert _children() <= before


def test_a_process_without_work_is_ended_after_a_while():
    before = _children()
    with Detectors(keep_s=0.05) as detectors:
        (answer,) = detectors.look(KIND, {}, ["a"])
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(answer["pid"]).wait(20)
        while _children() - before:
            time.sleep(0.01)
        assert detectors.look(KIND, {}, ["b"])[0]["status"] == "b"


def test_a_process_ends_when_its_parent_is_killed():
    code = (
        "from tests.landmarks.test_worker_pool import KIND\n"
        "from signport.landmarks.worker_pool import Detectors\n"
        "import time\n"
        "print(Detectors().look(KIND, {}, ['a'])[0]['pid'], flush=True)\n"
        "time.sleep(60)\n"
    )
    environment = child_environment()
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as parent:
        worker = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    gone, _ = psutil.wait_procs([worker], timeout=20)
    assert gone


if __name__ == "__main__":
    serve(_start)
