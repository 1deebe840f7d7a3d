"""The target around a stand-in for Java; the real one is asked in tests/parity/test_devices.py."""

import json
import stat

import numpy as np
import pytest
from tests.parity.faked_run import fresh_run

from signport.errors import SignportError
from signport.parity.answers import Options
from signport.parity.job import load_job
from signport.parity.jvm import target

OPTIONS = Options(threads=(1,), repeats=3, warm_up=1)
SCRIPT = """#!/bin/sh
if [ "$1" = -version ]; then echo 'openjdk version "17.0.1"' >&2; exit 0; fi
{body}
"""


@pytest.fixture
def job(tmp_path_factory, tmp_path):
    return load_job(fresh_run(tmp_path_factory, tmp_path))


@pytest.fixture
def java(tmp_path, monkeypatch):
    """Puts a shell script in Java's place."""
    path = tmp_path / "java"

    def stand_in(body: str) -> None:
        path.write_text(SCRIPT.format(body=body), encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    monkeypatch.setattr(target, "find_java", lambda: str(path))
    monkeypatch.setattr(target, "find_jar", lambda: tmp_path / "signport-parity.jar")
    return stand_in


def test_without_a_jar_it_is_skipped_with_the_reason(job, monkeypatch):
    def missing():
        raise SignportError("the Kotlin library is not built; build it with `make kotlin`")

    monkeypatch.setattr(target, "find_jar", missing)
    monkeypatch.setattr(target, "find_java", lambda: "java")
    (answer,) = target.run(job, OPTIONS)
    assert answer.status == "skipped"
    assert "make kotlin" in answer.reason


def test_what_the_library_says_is_handed_on(job, java, tmp_path):
    output = np.arange(job.reference.size, dtype="<f4").reshape(job.reference.shape)
    output.tofile(tmp_path / "answers.f32")
    told = {"samples": len(output), "elements": output.shape[1], "load_ms": 2.5, "times_us": {"1": [5, 6, 7]}}
    told |= {"peak_memory_bytes": 1234, "delegated": -1, "sha256": "what it read"}
    java(f"cp {tmp_path}/answers.f32 output.f32; echo '{json.dumps(told)}'")
    (answer,) = target.run(job, OPTIONS)
    assert answer.status == "ran"
    assert "17.0.1" in answer.device["Java"]
    assert answer.peak_memory_bytes == 1234
    for form in job.files:
        found = answer.files[form]
        assert found.status == "ran"
        assert np.array_equal(found.output, output)
        assert found.latency[1].median_us == 6
        assert found.sha256 == "what it read"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("echo 'model.tflite: has operators that are not evaluated here: CUMSUM' >&2; exit 2", "CUMSUM"),
        ("exit 5", "exit status 5"),
        ("echo '{}'", "the runner's answer cannot be read"),
        ("echo '{\"samples\": 1}'", "the runner answered 1 samples, expected"),
        ("kill -9 $$", "exit status -9"),
    ],
)
def test_a_file_that_fails_fails_alone_and_says_why(job, java, body, reason):
    java(f'case "$6" in *float32*) {body};; *) exit 4;; esac')
    (answer,) = target.run(job, OPTIONS)
    assert answer.files["float32"].status == "failed"
    assert reason in answer.files["float32"].reason
    assert answer.files["int8"].reason == "exit status 4"


def test_what_it_says_it_does_not_take_is_skipped(job, java):
    java("echo 'runner: model.tflite: has operators that are not evaluated here' >&2; exit 3")
    (answer,) = target.run(job, OPTIONS)
    assert answer.files["float32"].status == "skipped"
    assert "operators that are not evaluated" in answer.files["float32"].reason


def test_a_java_that_does_not_end_is_ended(job, java, monkeypatch):
    java("sleep 60")
    monkeypatch.setattr(target, "_LEAST_S", 0.3)
    (answer,) = target.run(job, Options(threads=(1,), repeats=3, timeout_s=0.1))
    assert answer.files["float32"].reason == "no end after 0.3 s"
