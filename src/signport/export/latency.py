"""Latency of `.tflite` files side by side: `python -m signport.export.latency FOLDER ROUNDS`, a process of its own.

Ratios are what counts on a machine that others use too. So the files take turns: in each round each of them answers
for a moment, and its ratio to the first one is taken within the round. The folder holds `files.json`, a list of names,
`<name>.tflite` and `inputs.npz`; `latency.json`, which is written, has each round's median in microseconds. The process
imports LiteRT and NumPy, and nothing else of weight.
"""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from signport.errors import SignportError

# A turn is over after this many calls, or after this time if the least that a median needs has been done.
_CALLS, _SECONDS, _LEAST_CALLS = 500, 0.05, 5


@dataclass(frozen=True)
class Latency:
    """How long a file takes for one sample, batch 1, one thread.

    Attributes:
        median_us: Median of the rounds' medians, in microseconds.
        ratio: Median of the rounds' ratios to the first file.
        lowest: The smallest of these ratios.
        highest: The largest.
    """

    median_us: float
    ratio: float
    lowest: float
    highest: float


def paired_latency(
    contents: dict[str, bytes], inputs: dict[str, np.ndarray], folder: Path, rounds: int
) -> dict[str, Latency]:
    """Times files in turns, in LiteRT.

    Args:
        contents: Name → the `.tflite`; ratios are to the first.
        inputs: Name → float32 (samples, …), in the order of the files' inputs; samples are fed in turn.
        folder: A scratch folder.
        rounds: How often each file has its turn.

    Raises:
        SignportError: The process failed.
    """
    for name, content in contents.items():
        (folder / f"{name}.tflite").write_bytes(content)
    (folder / "files.json").write_text(json.dumps(list(contents)), encoding="utf-8")
    np.savez(folder / "inputs.npz", **inputs)  # type: ignore[arg-type]
    command = [sys.executable, "-m", "signport.export.latency", str(folder), str(rounds)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    if child.returncode:
        words = (child.stderr.strip() or "no message").splitlines()[-1]
        raise SignportError(f"timing {', '.join(contents)} failed with status {child.returncode}: {words}")
    medians: dict[str, list[float]] = json.loads((folder / "latency.json").read_text(encoding="utf-8"))
    base = next(iter(medians.values()))
    return {name: _summary(times, base) for name, times in medians.items()}


def _summary(times: list[float], base: list[float]) -> Latency:
    ratios = [time / reference for time, reference in zip(times, base, strict=True)]
    return Latency(median(times), median(ratios), min(ratios), max(ratios))


def _calls(interpreter: Any, inputs: list[np.ndarray]) -> Iterator[float]:
    """Microseconds of `invoke` alone, one call after another, without end."""
    indices = [detail["index"] for detail in interpreter.get_input_details()]
    for row in itertools.cycle(range(len(inputs[0]))):
        interpreter.reset_all_variables()
        for index, values in zip(indices, inputs, strict=True):
            interpreter.set_tensor(index, values[row : row + 1])
        start = time.perf_counter_ns()
        interpreter.invoke()
        yield (time.perf_counter_ns() - start) / 1e3


def _turn(calls: Iterator[float]) -> float:
    """Median of a turn; its first calls, which refill the caches, count as little as any others."""
    times: list[float] = []
    end = time.perf_counter() + _SECONDS
    while len(times) < _LEAST_CALLS or (len(times) < _CALLS and time.perf_counter() < end):
        times.append(next(calls))
    return median(times)


def _main(folder: Path, rounds: int) -> None:
    from ai_edge_litert.interpreter import Interpreter

    names = json.loads((folder / "files.json").read_text(encoding="utf-8"))
    with np.load(folder / "inputs.npz", allow_pickle=False) as arrays:
        inputs = [arrays[name] for name in arrays.files]
    calls = {}
    for name in names:
        interpreter = Interpreter(model_path=str(folder / f"{name}.tflite"), num_threads=1)
        interpreter.allocate_tensors()
        calls[name] = _calls(interpreter, inputs)
        _turn(calls[name])
    medians: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            medians[name].append(_turn(calls[name]))
    (folder / "latency.json").write_text(json.dumps(medians), encoding="utf-8")


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
