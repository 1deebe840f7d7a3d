"""The int8 kernels of the runtimes that files are held to: LiteRT's three, and those of tflite-runtime 2.14."""

import importlib.util
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from tests.quantization.interpreters import answers

XNNPACK, OPTIMIZED, REFERENCE, OLD = "XNNPACK", "optimized", "reference", "tflite-runtime"
_RESOLVERS = {
    XNNPACK: {},
    OPTIMIZED: {"experimental_op_resolver_type": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES},
    REFERENCE: {"experimental_op_resolver_type": OpResolverType.BUILTIN_REF},
}
KERNELS = (*_RESOLVERS, *((OLD,) if importlib.util.find_spec("tflite_runtime") else ()))


def answers_of(kernels: str, content: bytes, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """What a file answers in one of `KERNELS`: float32 (samples, …) an output."""
    if kernels == OLD:
        return _answers_of_tflite_runtime(content, inputs)
    return answers(Interpreter, content, inputs, **_RESOLVERS[kernels])


@cache
def _tflite_runtime() -> subprocess.Popen:
    """A process that lives as long as this one."""
    command = [sys.executable, str(Path(__file__).with_name("interpreters.py"))]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _answers_of_tflite_runtime(content: bytes, inputs: list[np.ndarray]) -> list[np.ndarray]:
    child = _tflite_runtime()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.tflite").write_bytes(content)
        np.savez(Path(folder) / "inputs.npz", *inputs)
        child.stdin.write(f"{folder}\n")
        child.stdin.flush()
        said = child.stdout.readline().strip()
        assert said == "done", f"tflite-runtime: {said or 'died'}"
        with np.load(Path(folder) / "outputs.npz", allow_pickle=False) as arrays:
            return list(arrays.values())
