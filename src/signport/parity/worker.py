"""One runtime in a process of its own: `python -m signport.parity.worker RUNTIME JOB_DIR`, or this file as a script.

It imports that runtime and NumPy, and nothing else of weight: two TFLite runtimes in one process share symbols and can
crash each other. It reads `job.json` and `inputs.npz` in JOB_DIR and writes `runtime.json` once the runtime is
imported, and `<format>.json` and `<format>.npy` as soon as a file is done, so that after a crash it is known where.
"""

import hashlib
import importlib
import itertools
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Runtime:
    """A Python runtime of `.tflite` files.

    Attributes:
        package: What has to be importable.
        distribution: The distribution that it comes in.
        module: Holds `Interpreter`, TFLite's own or one that answers like it.
        resolver: Name of the `OpResolverType` in that module that chooses the kernels; "" for the default.
    """

    package: str
    distribution: str
    module: str
    resolver: str = ""


RUNTIMES = {
    "ai-edge-litert": Runtime("ai_edge_litert", "ai-edge-litert", "ai_edge_litert.interpreter"),
    "ai-edge-litert, no XNNPACK": Runtime(
        "ai_edge_litert", "ai-edge-litert", "ai_edge_litert.interpreter", "BUILTIN_WITHOUT_DEFAULT_DELEGATES"
    ),
    "compiled-model": Runtime("ai_edge_litert", "ai-edge-litert", "signport.parity.compiled_model"),
    "tf.lite": Runtime("tensorflow", "tensorflow", "tensorflow.lite.python.interpreter"),
    "tflite-runtime": Runtime("tflite_runtime", "tflite-runtime", "tflite_runtime.interpreter"),
}
MISSING_STATUS = 77  # the exit status for "skipped" in Automake's test protocol
_WARM_UP_SHARE = 0.2  # of the time that is measured for
_LEAST_WARM_UP = 3
_LEAST_REPEATS = 10
_TOP_MODULES = ("ai_edge_litert", "tensorflow", "tflite_runtime", "mediapipe", "keras")


def main(runtime: str, folder: Path) -> int:
    """Runs all files of a job; returns the exit status."""
    chosen = RUNTIMES[runtime]
    # Keras, which TensorFlow imports, would import them for what no runtime needs.
    sys.modules.update(dict.fromkeys(("sklearn", "matplotlib")))  # type: ignore[arg-type]
    try:
        module = importlib.import_module(chosen.module)
    except ModuleNotFoundError as error:
        # ai-edge-litert before 2.0 has no `compiled_model`: that runtime, too, is then not here.
        if (error.name or "").partition(".")[0] != chosen.package:
            raise
        return MISSING_STATUS
    interpreter_type = module.Interpreter
    if chosen.resolver:
        resolver = getattr(module.OpResolverType, chosen.resolver)
        interpreter_type = partial(interpreter_type, experimental_op_resolver_type=resolver)
    try:
        version = metadata.version(chosen.distribution)
    except metadata.PackageNotFoundError:
        version = "unknown"
    _write(folder / "runtime.json", {"version": version, "modules": [m for m in _TOP_MODULES if m in sys.modules]})
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    with np.load(folder / "inputs.npz", allow_pickle=False) as arrays:
        inputs = {name: arrays[name] for name in job["inputs"]}
    for form, path in job["files"].items():
        try:
            output, found = _run(interpreter_type, path, inputs, job)
            np.save(folder / f"{form}.npy", output, allow_pickle=False)
        except (RuntimeError, ValueError, TypeError) as error:
            found = {"error": str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}
        _write(folder / f"{form}.json", {**found, "peak_memory_bytes": peak_memory_bytes()})
    return 0


def _run(
    interpreter_type: Any, path: str, inputs: dict[str, np.ndarray], job: dict[str, Any]
) -> tuple[np.ndarray, dict[str, Any]]:
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    output: np.ndarray | None = None
    load_ms, delegated, latency = 0.0, None, {}
    for threads in job["threads"] or [1]:
        start = time.perf_counter()
        interpreter = interpreter_type(model_path=path, num_threads=threads)
        interpreter.allocate_tensors()
        if output is None:
            load_ms = 1e3 * (time.perf_counter() - start)
        tensors = _in_file_order(interpreter.get_input_details(), inputs)
        if output is None:
            output = _answer(interpreter, tensors)
            delegated = _delegated_share(interpreter)
        if job["threads"]:
            latency[threads] = _measure(interpreter, tensors, job)
    assert output is not None
    return output, {"load_ms": load_ms, "latency": latency, "sha256": digest, "delegated": delegated}


def _delegated_share(interpreter: Any) -> float | None:
    """Share of the graph's nodes that a delegate computes, 0 to 1; None where the runtime does not tell.

    TFLite appends a node a delegated part and keeps the nodes that it stands for, which the list does not mark: they
    are those that lead from the part's outputs back to its inputs.
    """
    if not hasattr(interpreter, "_get_ops_details"):
        return None
    nodes = interpreter._get_ops_details()  # noqa: SLF001  there is no public way
    own = [node for node in nodes if node["op_name"] != "DELEGATE"]
    maker = {int(tensor): node["index"] for node in own for tensor in node["outputs"]}
    inputs = {node["index"]: [int(tensor) for tensor in node["inputs"]] for node in own}
    taken: set[int] = set()
    for part in (node for node in nodes if node["op_name"] == "DELEGATE"):
        edge = {int(tensor) for tensor in part["inputs"]}
        waiting = [int(tensor) for tensor in part["outputs"]]
        while waiting:
            tensor = waiting.pop()
            node = maker.get(tensor)
            if tensor not in edge and node is not None and node not in taken:
                taken.add(node)
                waiting += inputs[node]
    return len(taken) / len(own)


def _in_file_order(details: list[dict[str, Any]], inputs: dict[str, np.ndarray]) -> list[tuple[int, np.ndarray]]:
    """(tensor index, values) of every input: by name, as apps address them."""
    names = [detail["name"] for detail in details]
    if sorted(names) != sorted(inputs):
        raise ValueError(f"the file's inputs are {', '.join(names)}, expected {', '.join(inputs)}")
    for detail in details:
        found, expected = tuple(detail["shape"]), (1, *inputs[detail["name"]].shape[1:])
        if found != expected or detail["dtype"] != np.float32:
            kind = np.dtype(detail["dtype"]).name
            raise ValueError(f"input {detail['name']} is {kind} {found}, expected float32 {expected}")
    return [(detail["index"], inputs[detail["name"]].astype(np.float32, copy=False)) for detail in details]


def _answer(interpreter: Any, tensors: list[tuple[int, np.ndarray]]) -> np.ndarray:
    detail = interpreter.get_output_details()[0]
    rows = []
    for row in range(len(tensors[0][1])):
        # Recurrent graphs keep their state between calls (design §8); every sample starts afresh.
        interpreter.reset_all_variables()
        for index, values in tensors:
            interpreter.set_tensor(index, values[row : row + 1])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(detail["index"])[0])
    output: np.ndarray = np.stack(rows)
    if output.dtype != np.float32:
        raise ValueError(f"output is {output.dtype.name}, expected float32")
    return output


def _measure(interpreter: Any, tensors: list[tuple[int, np.ndarray]], job: dict[str, Any]) -> dict[str, float | int]:
    """Times `invoke` alone, over the samples in turn; microseconds.

    Each of warm-up and measurement ends after its number of calls, or when its time is up and the least that a median
    needs has been done: a model of 25 ms must not take minutes, one of 2 µs is over before the time is.
    """
    calls = _timed_calls(interpreter, tensors)
    list(_at_most(calls, job["warm_up"], job["measure_s"] * _WARM_UP_SHARE, _LEAST_WARM_UP))
    times = list(_at_most(calls, job["repeats"], job["measure_s"], _LEAST_REPEATS))
    p5, median, p95 = np.percentile(times, (5, 50, 95))
    return {"median_us": float(median), "p5_us": float(p5), "p95_us": float(p95), "repeats": len(times)}


def _timed_calls(interpreter: Any, tensors: list[tuple[int, np.ndarray]]) -> Iterator[float]:
    """Microseconds of one call after another, without end."""
    for row in itertools.cycle(range(len(tensors[0][1]))):
        for index, values in tensors:
            interpreter.set_tensor(index, values[row : row + 1])
        start = time.perf_counter_ns()
        interpreter.invoke()
        yield (time.perf_counter_ns() - start) / 1e3


def _at_most(calls: Iterator[float], wanted: int, seconds: float, least: int) -> Iterator[float]:
    end = time.perf_counter() + seconds
    for done, elapsed in enumerate(itertools.islice(calls, wanted), start=1):
        yield elapsed
        if done >= least and time.perf_counter() > end:
            return


def peak_memory_bytes() -> int | None:
    """This process's peak resident memory; Linux's VmHWM, because getrusage counts the parent's pages before exec."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    for line in status.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
