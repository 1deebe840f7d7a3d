"""A canary for an emulator: small models whose answers follow from integers alone.

Before the emulator judges a run's files it answers these: where it is wrong, it is not the files' fault. All scales are
powers of two, so that q = round(sum · multiplier) + zero point, clamped (TFLite 8-bit quantization specification),
needs no more than integers; and all sums leave 2 when divided by 4, so that no quotient is a tie, nor half of one:
every correct kernel gives the same integers, however it rounds and even if it rounds twice, as gemmlowp's does. For
that, input values leave 1 when divided by 4, and biases make up for what the weights add up to.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.lib.stride_tricks import sliding_window_view

from signport.parity.graph_builder import GraphBuilder

INPUT = "x"
SAMPLES = 3
# One input for all models, in sizes that are no multiple of 8 or 16: kernels have remainders to deal with.
_SIZE = 540
_IMAGE = (1, 6, 6, 15)
_ROWS = (36, 15)
_FACTORS = ((2, 15, 18), (2, 18, 15))
_IN_SCALE, _IN_ZERO = 2.0**-5, 3
_OUT_ZERO = -5
_KIND = schema.TensorType


@dataclass(frozen=True)
class Canary:
    """A model and what it has to answer.

    Attributes:
        content: The `.tflite`; input `x`, float32 (1, 540).
        expected: float32 (samples, outputs).
        tolerance: How far an answer may be off; 0 where integers decide.
    """

    content: bytes
    expected: np.ndarray
    tolerance: float | np.ndarray = 0.0


def canary_inputs() -> np.ndarray:
    """float32 (3, 540): multiples of the input's scale that int8 can hold."""
    return (_integers() * _IN_SCALE).astype(np.float32)


def canaries() -> dict[str, Canary]:
    """Name → model: the integer kernels that our files live by, and the float × int8 one of dynamic-range files."""
    return {
        "fully_connected": _fully_connected((1, _SIZE), 40, seed=1),
        "fully_connected_rows": _fully_connected(_ROWS, 24, seed=2),
        "conv_2d": _convolution(21, seed=3),
        "depthwise_conv_2d": _depthwise(seed=4),
        "batch_matmul": _batch_matmul(),
        "dynamic_fully_connected": _dynamic(40, seed=5),
    }


def _integers() -> np.ndarray:
    """int64 (3, 540): quantized values less zero point, -127, -123 … 121."""
    return np.random.default_rng(0).integers(-32, 31, (SAMPLES, _SIZE)) * 4 + 1


def _weights(shape: tuple[int, ...], axis: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """int8 weights, int32 biases, and a channel's exponent of the scale, -7 to -5."""
    random = np.random.default_rng(seed)
    kernel, channels = random.integers(-127, 128, shape), shape[axis]
    weight_sums = np.moveaxis(kernel, axis, 0).reshape(channels, -1).sum(axis=1)
    bias = random.integers(-250, 250, channels) * 4 + (2 - weight_sums) % 4
    return kernel, bias, -7 + np.arange(channels) % 3


def _quantized_input(graph: GraphBuilder) -> tuple[int, int]:
    source = graph.tensor((1, _SIZE), _KIND.FLOAT32)
    quantized = graph.tensor((1, _SIZE), _KIND.INT8, scale=_IN_SCALE, zero=_IN_ZERO)
    return source, graph.add("QUANTIZE", [source], quantized)


def _finish(graph: GraphBuilder, source: int, quantized: int) -> bytes:
    shape = tuple(graph.model.subgraphs[0].tensors[quantized].shape)
    return _as_row(graph, source, graph.add("DEQUANTIZE", [quantized], graph.tensor(shape, _KIND.FLOAT32)))


def _as_row(graph: GraphBuilder, source: int, output: int) -> bytes:
    """The file, its output reshaped to a row."""
    size = int(np.prod(graph.model.subgraphs[0].tensors[output].shape))
    return graph.finish({INPUT: source}, graph.reshape(output, (1, size)))


def _answer(sums: np.ndarray, exponent: Any, out_scale: float) -> np.ndarray:
    """What sums of scale 2^exponent give in int8, dequantized, a row a sample."""
    quotient = sums * (2.0**exponent / out_scale)
    assert np.all(sums % 4 == 2), "a tie, or half of one: another way to round would be as right"
    quantized = np.clip(np.round(quotient) + _OUT_ZERO, -128, 127)
    answer: np.ndarray = ((quantized - _OUT_ZERO) * out_scale).reshape(SAMPLES, -1).astype(np.float32)
    return answer


def _layer(
    name: str, shape: tuple[int, ...], kernel: np.ndarray, axis: int, bias: np.ndarray, exponent: np.ndarray,
    out: tuple[tuple[int, ...], float], options: Any,
) -> bytes:  # fmt: skip
    """A layer with a scale a channel, from the input in `shape` to int8 of a shape and scale."""
    graph = GraphBuilder("signport canary")
    source, quantized = _quantized_input(graph)
    scale = 2.0**exponent
    inputs = [
        graph.reshape(quantized, shape),
        graph.tensor(kernel.shape, _KIND.INT8, scale=scale, axis=axis, data=kernel.astype(np.int8)),
        graph.tensor(bias.shape, _KIND.INT32, scale=scale * _IN_SCALE, data=bias.astype(np.int32)),
    ]
    output = graph.tensor(out[0], _KIND.INT8, scale=out[1], zero=_OUT_ZERO)
    return _finish(graph, source, graph.add(name, inputs, output, version=5 if name[0] == "F" else 3, options=options))


def _fully_connected(shape: tuple[int, int], units: int, seed: int) -> Canary:
    kernel, bias, exponent = _weights((units, shape[1]), 0, seed)
    out_scale = 1.0 if shape[1] > 100 else 0.25
    content = _layer(
        "FULLY_CONNECTED", shape, kernel, 0, bias, exponent,
        ((shape[0], units), out_scale), schema.FullyConnectedOptionsT(),
    )  # fmt: skip
    sums = _integers().reshape(SAMPLES, *shape) @ kernel.T + bias
    return Canary(content, _answer(sums, exponent + np.log2(_IN_SCALE), out_scale))


def _convolution(channels: int, seed: int) -> Canary:
    kernel, bias, exponent = _weights((channels, 3, 3, _IMAGE[3]), 0, seed)
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
    content = _layer("CONV_2D", _IMAGE, kernel, 0, bias, exponent, ((1, 4, 4, channels), 0.5), options)
    sums = np.einsum("nhwcij,oijc->nhwo", _windows(), kernel) + bias
    return Canary(content, _answer(sums, exponent + np.log2(_IN_SCALE), 0.5))


def _depthwise(seed: int) -> Canary:
    kernel, bias, exponent = _weights((1, 3, 3, _IMAGE[3]), 3, seed)
    options = schema.DepthwiseConv2DOptionsT()
    options.padding = schema.Padding.VALID
    options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = options.depthMultiplier = 1
    content = _layer("DEPTHWISE_CONV_2D", _IMAGE, kernel, 3, bias, exponent, ((1, 4, 4, _IMAGE[3]), 0.25), options)
    sums = np.einsum("nhwcij,ijc->nhwc", _windows(), kernel[0]) + bias
    return Canary(content, _answer(sums, exponent + np.log2(_IN_SCALE), 0.25))


def _windows() -> np.ndarray:
    """int64 (samples, height, width, channels, 3, 3): what a 3 × 3 kernel sees."""
    image = _integers().reshape(SAMPLES, *_IMAGE[1:])
    return sliding_window_view(sliding_window_view(image, 3, axis=1), 3, axis=2)


def _batch_matmul() -> Canary:
    graph = GraphBuilder("signport canary")
    source, quantized = _quantized_input(graph)
    inputs, out_scale = [graph.reshape(quantized, shape) for shape in _FACTORS], 0.5
    output = graph.tensor((2, 15, 15), _KIND.INT8, scale=out_scale, zero=_OUT_ZERO)
    graph.add("BATCH_MATMUL", inputs, output, version=2, options=schema.BatchMatMulOptionsT())
    left, right = (_integers().reshape(SAMPLES, *shape) for shape in _FACTORS)
    return Canary(_finish(graph, source, output), _answer(left @ right, 2 * np.log2(_IN_SCALE), out_scale))


def _dynamic(units: int, seed: int) -> Canary:
    """Its input is quantized on the way, by at most half of a 255th of the input's range; that is the tolerance."""
    kernel, bias, exponent = _weights((units, _SIZE), 0, seed)
    scale = (2.0**exponent).astype(np.float32)
    graph = GraphBuilder("signport canary")
    source, output = graph.tensor((1, _SIZE), _KIND.FLOAT32), graph.tensor((1, units), _KIND.FLOAT32)
    inputs = [
        source,
        graph.tensor(kernel.shape, _KIND.INT8, scale=scale, data=kernel.astype(np.int8)),
        graph.tensor(bias.shape, _KIND.FLOAT32, data=bias.astype(np.float32)),
    ]
    options = schema.FullyConnectedOptionsT()
    options.asymmetricQuantizeInputs = True
    graph.add("FULLY_CONNECTED", inputs, output, version=12, options=options)
    expected = (canary_inputs() @ (kernel * scale[:, None]).T + bias).astype(np.float32)
    step = np.ptp(canary_inputs(), axis=1, keepdims=True) / 255
    return Canary(_as_row(graph, source, output), expected, step / 2 * np.abs(kernel * scale[:, None]).sum(axis=1))
