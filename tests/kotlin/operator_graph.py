"""A graph of operators that don't depend on each other, for the tests of the Kotlin library."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from tests.kotlin.reference import write_trace

from signport.parity.graph_builder import GraphBuilder

SAMPLES = 4
_TYPE = schema.TensorType


@dataclass
class OperatorGraph:
    """A graph of operators that don't depend on each other, and numbers for its inputs."""

    description: str
    inputs: dict[str, int] = field(default_factory=dict)
    values: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.graph = GraphBuilder(self.description)
        self.random = np.random.default_rng(6)

    def floats(self, values: np.ndarray) -> int:
        """A float32 input (1, …) that takes these (samples, …)."""
        name = f"x{len(self.inputs)}"
        self.inputs[name] = self.graph.tensor((1, *values.shape[1:]), _TYPE.FLOAT32)
        self.values[name] = values.astype(np.float32)
        return self.inputs[name]

    def stored(self, shape: tuple[int, ...], scale: float, zero: int, values: np.ndarray | None = None) -> int:
        """An int8 tensor (1, …) that takes these stored numbers (samples, …), by default random ones and both ends."""
        if values is None:
            values = self.random.integers(-128, 128, (SAMPLES, *shape[1:]))
            values[0], values[1] = self.random.choice([-128, 127], shape[1:]), self.random.choice([-128, 127])
        source = self.floats(np.float32(scale) * (values - zero))
        return self.graph.add("QUANTIZE", [source], self.int8(shape, scale, zero))

    def near(self, zero: int, shape: tuple[int, ...]) -> np.ndarray:
        """Stored numbers (samples, …) near the zero point, for sums that don't saturate."""
        return np.clip(zero + self.random.integers(-3, 4, (SAMPLES, *shape[1:])), -128, 127)

    def int8(self, shape: tuple[int, ...], scale: float, zero: int) -> int:
        """An int8 tensor that is computed."""
        return self.graph.tensor(shape, _TYPE.INT8, scale=scale, zero=zero)

    def weights(self, shape: tuple[int, ...], scale: Any, axis: int) -> int:
        """Random int8 weights."""
        values = self.random.integers(-127, 128, shape).astype(np.int8)
        return self.graph.tensor(shape, _TYPE.INT8, scale=scale, axis=axis, data=values)

    def bias(self, scale: Any, size: int, most: int = 9000) -> int:
        """A random int32 bias of the scale that the products have."""
        values = self.random.integers(-most, most + 1, size).astype(np.int32)
        return self.graph.tensor((size,), _TYPE.INT32, scale=np.float32(scale), data=values)

    def axes(self, *axes: int) -> int:
        """Axes, or any constant ints."""
        return self.constants(axes)

    def constants(self, numbers: Any) -> int:
        """Constant ints of any shape."""
        array = np.array(numbers, np.int32)
        return self.graph.tensor(array.shape, _TYPE.INT32, data=array)

    def write(self, folder: Path, file_format: str) -> None:
        """Writes the file, and what the reference kernels make of the inputs' values."""
        model, trace = folder / f"export/model_{file_format}.tflite", folder / f"reference/{file_format}.trace"
        for path in (model, trace):
            path.parent.mkdir(parents=True, exist_ok=True)
        # Only floats may leave a file that the library takes; traces have all tensors anyway.
        last = self.graph.model.subgraphs[0].operators[-1].outputs[0]
        output = self.graph.tensor(tuple(self.graph.model.subgraphs[0].tensors[last].shape), _TYPE.FLOAT32)
        stored = self.graph.model.subgraphs[0].tensors[last].type == _TYPE.INT8
        answer = self.graph.add("DEQUANTIZE", [last], output, version=2) if stored else last
        model.write_bytes(self.graph.finish(self.inputs, answer))
        write_trace(trace, model, self.values)


def tied_product(random: np.random.Generator) -> tuple[float, float, float]:
    """Two float32 scales whose product is 1.5 times a third, in float32 only: exactly it is less."""
    while True:
        left, right = random.uniform(0.01, 0.03, 2).astype(np.float32)
        rounded = left * right
        out = np.float32(rounded / np.float32(1.5))
        if float(out) * 1.5 == float(rounded) > float(left) * float(right) * (1 + 2e-8):
            return float(left), float(right), float(out)


def tied_ratio(random: np.random.Generator) -> tuple[float, float]:
    """Two float32 scales, the second 1.5 times the first in float32 only: exactly it is less."""
    while True:
        wide = np.float32(random.uniform(0.01, 0.03))
        narrow = np.float32(wide / np.float32(1.5))
        if wide / narrow == np.float32(1.5) and float(wide) / float(narrow) < 1.5 * (1 - 1e-8):
            return float(narrow), float(wide)
