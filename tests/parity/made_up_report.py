"""A parity report whose runtimes are made up: golden answers handed back as they are, with faults where a test wants.

Nothing is run, so a report takes a second.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from signport.parity.answers import Answer, Latency, Options, RuntimeAnswers
from signport.parity.check import ParityReport, parity
from signport.parity.job import Job
from signport.parity.targets import Target

NO_DEVICE = "no device: plug one in, then `adb devices` must list it"
_TIMES = {"float32": 40.0, "float16": 41.0, "dynamic": 25.0, "int8": 20.0}

Change = Callable[[str, str, Answer], Answer]


def made_up_report(
    monkeypatch: pytest.MonkeyPatch, run: Path, change: Change = lambda _runtime, _form, answer: answer
) -> ParityReport:
    """Writes the report of a run in a made-up desktop, browser, emulated Arm64 machine and an absent phone.

    Args:
        monkeypatch: Puts the made-up targets in.
        run: An exported run.
        change: (runtime, format, answer) → the answer that this runtime gives instead.
    """
    made = {
        "desktop": lambda job: [_answers(job, "ai-edge-litert", change), _answers(job, "tf.lite", change, slower=1.5)],
        "browser": lambda job: [
            replace(_answers(job, "wasm", change, slower=3), device={"browser": "Chromium 156", "GPU": "<none>"})
        ],
        "arm64": lambda job: [_emulated(_answers(job, "native", change))],
        "android": lambda _job: [RuntimeAnswers("chrome", "skipped", NO_DEVICE)],
    }
    targets = {name: Target(name, lambda job, _options, make=make: make(job)) for name, make in made.items()}
    monkeypatch.setattr("signport.parity.check.target_named", targets.__getitem__)
    return parity(run, list(targets), options=Options(threads=(1, 2)))


def _answers(job: Job, runtime: str, change: Change, slower: float = 1.0) -> RuntimeAnswers:
    files = {}
    for form, file in job.files.items():
        median = _TIMES[form] * slower
        latency = {threads: Latency(median / threads, 0.9 * median / threads, 1.4 * median, 300) for threads in (1, 2)}
        sha256 = job.card["files"][form]["sha256"]
        output = np.array(job.expected[form])
        answer = Answer("ran", output=output, load_ms=1.5, latency=latency, sha256=sha256, delegated=0.75)
        assert file.is_file()
        files[form] = change(runtime, form, answer)
    return RuntimeAnswers(runtime, "ran", version="1.2.3", files=files, peak_memory_bytes=50_000_000)


def _emulated(answers: RuntimeAnswers) -> RuntimeAnswers:
    files = {form: replace(answer, latency={}) for form, answer in answers.files.items()}
    return replace(answers, files=files, emulated="qemu-aarch64, cortex-a76")


def add_task(content: dict) -> None:
    """Puts a `.task` into a report's content, as `signport.parity.task_judgement` describes it: one gate is broken."""
    gates = [
        {"name": "task score difference in IMAGE mode", "value": 3e-7, "bound": 1e-3, "kind": "most", "passed": True},
        {
            "name": "task answers in VIDEO mode unlike IMAGE mode",
            "value": 2,
            "bound": 0,
            "kind": "most",
            "passed": False,
        },
    ]
    content["task"] = {"file": "gesture_recognizer.task", "sha256": "ab" * 32}
    content["status"] = "failed"
    content["broken"] = ["desktop ai-edge-litert task answers in VIDEO mode unlike IMAGE mode: 2 (BREAKS ≤ 0)"]
    content["targets"]["desktop"]["runtimes"]["ai-edge-litert"]["task"] = {
        "status": "ran",
        "reason": "",
        "images": 10,
        "hands": 9,
        "accuracy": {"value": 0.9, "low": 0.6, "high": 0.98, "samples": 9},
        "max_abs": {"IMAGE": 3e-7, "VIDEO": None},
        "latency_us": {"median": 16_000.0, "p5": 15_000.0, "p95": 21_000.0},
        "stream": None,
        "gates": gates,
    }
