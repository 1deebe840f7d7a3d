"""The job of the runners that are programs of their own: a file with the inputs, a file of outputs, JSON about both.

`export/android/runner` (C) and `export/kotlin/parity` (Kotlin) read and write it.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from signport.parity.answers import Answer, Latency

JOB_MAGIC = b"SPJ1"
JOB_FILE = "job.bin"
OUTPUT_FILE = "output.f32"


def encoded_job(inputs: Mapping[str, np.ndarray]) -> bytes:
    """What `export/android/runner/job.h` reads.

    Args:
        inputs: Input name → float32 (samples, …).
    """
    samples = len(next(iter(inputs.values())))
    parts = [JOB_MAGIC, struct.pack("<II", samples, len(inputs))]
    for name, values in inputs.items():
        told, shape = name.encode(), (1, *values.shape[1:])
        parts += [struct.pack("<I", len(told)), told, struct.pack(f"<I{len(shape)}i", len(shape), *shape)]
    parts += [np.ascontiguousarray(values, "<f4").tobytes() for values in inputs.values()]
    return b"".join(parts)


def runner_answer(told: str, output: Path, samples: int, digest: str = "") -> tuple[Answer, int | None]:
    """What a runner said about one file.

    Args:
        told: Its JSON: `samples`, `elements`, `load_ms`, `times_us` (threads → µs each call), `peak_memory_bytes`,
            `delegated` (share of the work, negative where there is no delegate).
        output: The file of outputs that it wrote, float32.
        samples: How many samples there are to be.
        digest: SHA-256 of the model as the runner's side received it; "": the JSON has it (`sha256`).

    Returns:
        The answer, failed where what was told cannot be read, and the peak memory of the runner in bytes.
    """
    try:
        found = json.loads(told)
        if found["samples"] != samples:
            reason = f"the runner answered {found['samples']} samples, expected {samples}"
            return Answer("failed", reason, sha256=digest), None
        digest = digest or str(found["sha256"])
        answer = Answer(
            "ran",
            output=np.fromfile(output, "<f4").astype(np.float32).reshape(samples, found["elements"]),
            load_ms=found["load_ms"],
            latency={int(count): Latency.of(times) for count, times in found["times_us"].items()},
            sha256=digest,
            delegated=found["delegated"] if found["delegated"] >= 0 else None,
        )
        return answer, found["peak_memory_bytes"] or None
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Answer("failed", f"the runner's answer cannot be read ({error})", sha256=digest), None
