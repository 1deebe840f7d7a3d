"""One-op models: what the fake-quantized simulation answers, and what runtimes' int8 kernels answer.

The graph is input → ActivationQuantizer → op → ActivationQuantizer. Samples lie on the inputs' grids, so that the
file's QUANTIZE is exact and whatever differs is the op's.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from hypothesis import HealthCheck, settings, strategies
from hypothesis import Phase as HypothesisPhase
from tests.quantization.kernels import KERNELS, OLD, OPTIMIZED, REFERENCE, XNNPACK, answers_of

from signport.export.convert import FORMATS, convert_graph, frozen_graph
from signport.export.flatbuffer import operators, read_model
from signport.quantization.calibration import calibrate
from signport.quantization.fake_quant import ActivationQuantizer, Phase, in_phase

# XNNPACK rounds once, as the simulation does. TFLite's own kernels scale in two rounded steps (gemmlowp's fixed point),
# so that values near the middle between two steps may fall on the other side.
MOSTLY = {XNNPACK: 0.98, OPTIMIZED: 0.96, REFERENCE: 0.96, OLD: 0.96}
ALWAYS = dict.fromkeys(MOSTLY, 1.0)
# What a quantized graph holds besides int8: biases, shapes, axes.
_WHOLE_NUMBERS = {"INT8", "INT32"}
_SAMPLES = 32


def few(examples: int) -> Any:
    """Hypothesis settings: the same few examples in every run, each takes a conversion (0.2 s)."""
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=(HypothesisPhase.explicit, HypothesisPhase.generate),  # an example is one seed: nothing to shrink
        suppress_health_check=[HealthCheck.too_slow],
    )


@dataclass(frozen=True)
class Draw:
    """Where random values come from.

    Attributes:
        seed: Of everything drawn.
        magnitudes: Powers of ten that the inputs are multiplied by.
        shifts: Means of the inputs in standard deviations: whether ranges lie on both sides of 0 or on one.
    """

    seed: int
    magnitudes: tuple[float, float]
    shifts: tuple[float, float]

    def inputs(self, shapes: Sequence[tuple[int, ...]], stream: int) -> list[np.ndarray]:
        """float32 (samples, …) an input; each stream is another draw from the same distributions."""
        random = np.random.default_rng([self.seed, stream])
        return [
            ((random.normal(size=(_SAMPLES, *shape)) + shift) * 10**magnitude).astype(np.float32)
            for shape, magnitude, shift in zip(shapes, self.magnitudes, self.shifts, strict=False)
        ]

    def weight(self, *shape: int, magnitude: float = 0.0) -> np.ndarray:
        """float32, with a magnitude of its own for each output channel (last axis)."""
        random = np.random.default_rng([self.seed, 99, *shape])
        spread = np.exp(random.normal(size=shape[-1])) * 10**magnitude
        return (random.normal(size=shape) * spread).astype(np.float32)


def draws() -> strategies.SearchStrategy[Draw]:
    """Seeds, with magnitudes over four decades and shifts that make ranges lie on one side of 0 or both."""

    def pair(most: float) -> Any:
        return strategies.tuples(strategies.floats(-most, most), strategies.floats(-most, most))

    return strategies.builds(Draw, seed=strategies.integers(0, 2**20), magnitudes=pair(2.0), shifts=pair(4.0))


@dataclass(frozen=True)
class OneOp:
    """What is put between quantizers.

    Attributes:
        compute: (input tensors…, weight variables…, inner quantizers…) → tensor or tensors, for any batch size.
        shapes: Of the inputs, without the batch axis; one or two.
        weights: float32 arrays that become variables.
        symmetric: Which inputs have zero point 0.
        fixed: Range of the output where TFLite prescribes it; None calibrates it.
        shared: Whether all inputs and outputs have one range, as TFLite demands of ops that only move values.
        inner: Number of calibrated quantizers for tensors within a chain of ops.
    """

    compute: Callable[..., Any]
    shapes: Sequence[tuple[int, ...]]
    weights: Sequence[np.ndarray] = ()
    symmetric: Sequence[int] = ()
    fixed: tuple[float, float] | None = None
    shared: bool = False
    inner: int = 0


class _Graph(keras.layers.Layer):
    """Quantizers, op, quantizers; one tensor or several in and out."""

    def __init__(self, op: OneOp) -> None:
        super().__init__()
        self.op = op
        for number in range(1 if op.shared else len(op.shapes)):
            setattr(self, f"input_{number}", ActivationQuantizer(symmetric=number in op.symmetric, name=f"in{number}"))
        for number in range(op.inner):
            setattr(self, f"inner_{number}", ActivationQuantizer(name=f"inner{number}"))
        self.quantizer = self.sources[0] if op.shared else ActivationQuantizer(fixed=op.fixed, name="output")
        self.constants = [
            self.add_weight(shape=weight.shape, name=f"weight_{i}") for i, weight in enumerate(op.weights)
        ]
        self.set_constants()

    def set_constants(self) -> None:
        for variable, weight in zip(self.constants, self.op.weights, strict=True):
            variable.assign(weight)

    @property
    def sources(self) -> list[ActivationQuantizer]:
        """Of each input, its quantizer."""
        return [getattr(self, f"input_{0 if self.op.shared else number}") for number in range(len(self.op.shapes))]

    def build(self, _input_shape: Any) -> None:
        self.built = True

    def call(self, x: Any) -> Any:
        tensors = x if isinstance(x, list | tuple) else [x]
        quantized = [quantizer(tensor) for quantizer, tensor in zip(self.sources, tensors, strict=True)]
        inner = [getattr(self, f"inner_{number}") for number in range(self.op.inner)]
        y = self.op.compute(*quantized, *self.constants, *inner)
        return [self.quantizer(part) for part in y] if isinstance(y, list | tuple) else self.quantizer(y)


@dataclass(frozen=True)
class Golden:
    """A calibrated one-op model: its simulated answers and its file.

    Attributes:
        content: The converted int8 `.tflite`.
        inputs: float32 (samples, …) an input, on its grid.
        simulated: float32 (samples, …) an output.
        grid: (scale, zero point) of the outputs, as their quantizer tells them.
        source_grids: The same of the inputs.
    """

    content: bytes
    inputs: list[np.ndarray]
    simulated: list[np.ndarray]
    grid: tuple[float, int]
    source_grids: list[tuple[float, int]]

    def operators(self) -> list[str]:
        """Names of the ops between QUANTIZE and DEQUANTIZE.

        Raises:
            AssertionError: One of them has a tensor in float, or the graph isn't framed by quantization.
        """
        found = operators(self.content)
        first, last = len(self.inputs), len(found) - len(self.simulated)
        for operator in found[first:last]:
            assert {*operator.inputs, *operator.outputs} <= _WHOLE_NUMBERS, f"{operator} is in float"
        frame = [operator.name for operator in (*found[:first], *found[last:])]
        assert frame == ["QUANTIZE"] * len(self.inputs) + ["DEQUANTIZE"] * len(self.simulated), found
        return [operator.name for operator in found[first:last]]

    def file_grids(self) -> list[tuple[float, int]]:
        """(scale, zero point) of the inputs, then of the outputs, as the file tells them."""
        graph = read_model(self.content).subgraphs[0]
        tensors = [operator.outputs[0] for operator in graph.operators[: len(self.inputs)]]
        tensors += [operator.inputs[0] for operator in graph.operators[-len(self.simulated) :]]
        told = [graph.tensors[index].quantization for index in tensors]
        return [(float(one.scale[0]), int(one.zeroPoint[0])) for one in told]

    def answers(self, kernels: str) -> list[np.ndarray]:
        """What the file answers: float32 (samples, …) an output."""
        return answers_of(kernels, self.content, self.inputs)

    def differences(self, kernels: str) -> np.ndarray:
        """File less simulation, in steps of the output's grid; int (all outputs' values,)."""
        pairs = zip(self.answers(kernels), self.simulated, strict=True)
        steps = [(found.astype(np.float64) - simulated) / self.grid[0] for found, simulated in pairs]
        return np.round(np.concatenate([one.ravel() for one in steps])).astype(int)


def converted(model: keras.Model) -> bytes:
    """The int8 `.tflite` that the converter makes of a calibrated model."""
    with _quiet():
        return convert_graph(frozen_graph(model, quantized=True), FORMATS["int8"])


def golden(op: OneOp, calibration: Sequence[np.ndarray], samples: Sequence[np.ndarray]) -> Golden:
    """Calibrates, simulates and converts a one-op model.

    Args:
        op: The op.
        calibration: float32 (samples, …) an input; its extremes become the ranges.
        samples: The same, to answer.
    """
    inputs = [keras.Input(shape, name=f"x{number}") for number, shape in enumerate(op.shapes)]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    graph = _Graph(op)
    model = keras.Model(inputs, graph(inputs))
    calibrate(model, {f"x{number}": values for number, values in enumerate(calibration)})
    with in_phase(Phase.SIMULATE):
        on_grid = [quantizer.fake(values).numpy() for quantizer, values in zip(graph.sources, samples, strict=True)]
        simulated = model(on_grid if len(on_grid) > 1 else on_grid[0], training=False)
    return Golden(
        content=converted(model),
        inputs=on_grid,
        simulated=[part.numpy() for part in (simulated if isinstance(simulated, list | tuple) else [simulated])],
        grid=graph.quantizer.grid(),
        source_grids=[quantizer.grid() for quantizer in graph.sources],
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what the converter writes from C++."""
    saved = os.dup(2)
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def assert_golden(found: Golden, names: list[str], least_equal: Mapping[str, float] = MOSTLY) -> None:
    """Holds a file to its simulation: int8 throughout, the same grids, at most one step apart and mostly equal.

    Args:
        found: The model.
        names: Operators that it has to consist of.
        least_equal: Share of the values that have to be equal, by kernels; three standard deviations less passes.
    """
    assert found.operators() == names
    grids = [*found.source_grids, *[found.grid] * len(found.simulated)]
    for (scale, zero), (file_scale, file_zero) in zip(grids, found.file_grids(), strict=True):
        np.testing.assert_allclose(file_scale, scale, rtol=1e-6)
        assert file_zero == zero
    for kernels in KERNELS:
        steps = found.differences(kernels)
        assert np.abs(steps).max() <= 1, f"{kernels}: {np.abs(steps).max()} steps apart"
        apart, share = int((steps != 0).sum()), 1 - least_equal[kernels]
        # Small tensors may by chance hold more than their share of values near the middle between two steps.
        allowed = share * steps.size + 3 * (share * steps.size) ** 0.5
        assert apart <= allowed, f"{kernels}: {apart} of {steps.size} not equal, at most {allowed:.1f}"


def check(op: OneOp, draw: Draw, names: list[str], least_equal: Mapping[str, float] = MOSTLY) -> Golden:
    """`assert_golden` of a model that is calibrated on one random draw and answers another."""
    found = golden(op, draw.inputs(op.shapes, stream=1), draw.inputs(op.shapes, stream=2))
    assert_golden(found, names, least_equal)
    return found
