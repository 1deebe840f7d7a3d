"""Target `desktop`: the Python runtimes of `.tflite` files, and MediaPipe for a `.task`, one process each.

ai-edge-litert is the reference runtime: what it and the Keras model agree on is right, whatever another runtime says.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from signport.export.flatbuffer import variable_tensors
from signport.export.packing import int4_tensors
from signport.parity.answers import Answer, Latency, Options, RuntimeAnswers
from signport.parity.job import Job
from signport.parity.process import Ended, run_module
from signport.parity.targets import Target
from signport.parity.task import run_task
from signport.parity.worker import MISSING_STATUS
from signport.progress import track

# Runtime → how to get it. The order is that of the report; the first is the reference.
_RUNTIMES = {
    "ai-edge-litert": "`make setup` or `pip install ai-edge-litert==2.3.*`",
    "compiled-model": "`make setup` or `pip install ai-edge-litert==2.3.*`",
    "tf.lite": "`make setup` or `pip install tensorflow==2.19.1`",
    "tflite-runtime": "`make setup` on Linux with Python 3.11, the last that it is built for",
}
# Told beforehand: it is no fault of the files, whose fused LSTM was asked for (else a gate breaks at the reference).
_STATEFUL = "it takes no variable tensors, nor does LiteRT.js; export the LSTM unrolled for them"

_EIGHT_BITS = "it takes no 4-bit weights with a scale a channel"


def run(job: Job, options: Options) -> list[RuntimeAnswers]:
    """Runs every file in every runtime, one after another: they must not take each other's time."""
    names = [*_RUNTIMES, *(["mediapipe"] if job.task else [])]
    answers = []
    for name in track(names, "parity on the desktop", len(names), unit="runtimes"):
        if name == "mediapipe":
            assert job.task is not None
            answers.append(run_task(job.task, options))
        else:
            answers.append(run_runtime(name, job, options))
    return answers


def run_runtime(name: str, job: Job, options: Options) -> RuntimeAnswers:
    """Starts the worker, and again for the files behind one that it crashed at."""
    if name == "compiled-model" and any(variable_tensors(path.read_bytes()) for path in job.files.values()):
        return RuntimeAnswers(name, "skipped", _STATEFUL)
    files: dict[str, Answer] = {}
    if name == "tflite-runtime":
        # Its FULLY_CONNECTED takes 4-bit kernels with one scale for all channels only.
        packed = [form for form, path in job.files.items() if int4_tensors(path.read_bytes())]
        files = {form: Answer("skipped", _EIGHT_BITS) for form in packed}
    waiting = [form for form in job.files if form not in files]
    version, peak = "", None
    while waiting:
        with tempfile.TemporaryDirectory(prefix="signport-parity-") as temporary:
            folder = Path(temporary)
            write_job(folder, job, waiting, options)
            ended = run_module("signport.parity.worker", [name, str(folder)], options.timeout_s)
            if ended.status == MISSING_STATUS:
                reason = f"{name} is not installed; get it with {_RUNTIMES[name]}"
                return RuntimeAnswers(name, "skipped", reason)
            started = _read(folder / "runtime.json")
            if started is None:
                return RuntimeAnswers(name, "failed", f"{name} cannot be imported: {ended.reason}")
            version = started["version"]
            done, memory = _collect(folder, waiting, ended)
        files |= done
        peak = max((value for value in (peak, memory) if value is not None), default=None)
        waiting = waiting[len(done) :]
    return RuntimeAnswers(name, "ran", version=version, files=files, peak_memory_bytes=peak)


def write_job(folder: Path, job: Job, forms: list[str], options: Options) -> None:
    """Writes what `signport.parity.worker` reads."""
    np.savez(folder / "inputs.npz", **job.inputs)  # type: ignore[arg-type]
    content = {
        "inputs": list(job.inputs),
        "files": {form: str(job.files[form]) for form in forms},
        "threads": options.threads,
        "warm_up": options.warm_up,
        "repeats": options.repeats,
        "measure_s": options.measure_s,
    }
    (folder / "job.json").write_text(json.dumps(content), encoding="utf-8")


def _collect(folder: Path, forms: list[str], ended: Ended) -> tuple[dict[str, Answer], int | None]:
    """What a worker left behind: all files, or those up to the one that it died at."""
    answers: dict[str, Answer] = {}
    peak = None
    for form in forms:
        found = _read(folder / f"{form}.json")
        if found is None:
            answers[form] = Answer("failed", f"the runtime's process died at this file ({ended.reason})")
            break
        peak = found["peak_memory_bytes"]
        if "error" in found:
            answers[form] = Answer("failed", found["error"])
            continue
        answers[form] = Answer(
            "ran",
            output=np.load(folder / f"{form}.npy", allow_pickle=False),
            load_ms=found["load_ms"],
            latency={int(threads): Latency(**figures) for threads, figures in found["latency"].items()},
        )
    return answers, peak


def _read(path: Path) -> dict[str, Any] | None:
    """JSON that a worker wrote; None if it died before, or in the middle."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return found


TARGET = Target("desktop", run)
