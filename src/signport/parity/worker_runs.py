"""One runtime of `.tflite` files in worker processes: a crash at one file is its answer, and the others still run.

The worker is `signport/parity/worker.py`. It needs NumPy, the runtime and nothing of signport, so that another Python
can start it, on another kind of machine.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from signport.export.flatbuffer import variable_tensors
from signport.export.packing import int4_tensors
from signport.parity.answers import Answer, Latency, Options, RuntimeAnswers
from signport.parity.job import Job
from signport.parity.process import Ended, run_module
from signport.parity.worker import MISSING_STATUS

# (runtime, job folder, longest time in seconds) → how the worker ended.
Launch = Callable[[str, Path, float], Ended]

# Told beforehand: it is no fault of the files, whose fused LSTM was asked for (else a gate breaks at the reference).
STATEFUL = "it takes no variable tensors, nor does LiteRT.js; export the LSTM unrolled for them"
_EIGHT_BITS = "it takes no 4-bit weights with a scale a channel"


def is_stateful(job: Job) -> bool:
    """Whether any file keeps state between calls, as the fused LSTM does."""
    return any(variable_tensors(path.read_bytes()) for path in job.files.values())


def launch_here(runtime: str, folder: Path, timeout_s: float) -> Ended:
    """The worker in this Python."""
    return run_module("signport.parity.worker", [runtime, str(folder)], timeout_s)


def run_runtime(
    name: str, job: Job, options: Options, *, remedy: str, launch: Launch = launch_here, emulated: bool = False
) -> RuntimeAnswers:
    """Starts the worker, and again for the files behind one that it crashed at.

    Args:
        name: The runtime, of `signport.parity.worker.RUNTIMES`.
        job: The job.
        options: How to run it.
        remedy: How to get the runtime where it is missing.
        launch: Starts the worker.
        emulated: Whether times mean nothing, so that none are taken.
    """
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
            write_job(folder, job, waiting, options, threads=() if emulated else options.threads)
            ended = launch(name, folder, options.timeout_s)
            if ended.status == MISSING_STATUS:
                return RuntimeAnswers(name, "skipped", f"{name} is not installed; get it with {remedy}")
            started = _read(folder / "runtime.json")
            if started is None:
                return RuntimeAnswers(name, "failed", f"{name} cannot be imported: {ended.reason}")
            version = started["version"]
            done, memory = _collect(folder, waiting, ended)
        files |= done
        peak = max((value for value in (peak, memory) if value is not None), default=None)
        waiting = waiting[len(done) :]
    return RuntimeAnswers(name, "ran", version=version, files=files, peak_memory_bytes=peak)


def write_job(folder: Path, job: Job, forms: list[str], options: Options, threads: tuple[int, ...]) -> None:
    """Writes what the worker reads; without thread counts it takes outputs and no times."""
    np.savez(folder / "inputs.npz", **job.inputs)  # type: ignore[arg-type]
    content = {
        "inputs": list(job.inputs),
        "files": {form: str(job.files[form]) for form in forms},
        "threads": threads,
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
            sha256=found["sha256"],
            delegated=found["delegated"],
        )
    return answers, peak


def _read(path: Path) -> dict[str, Any] | None:
    """JSON that a worker wrote; None if it died before, or in the middle."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return found
