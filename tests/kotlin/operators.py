"""Files of single int8 operators with random numbers, and what LiteRT's reference kernels make of them.

For the tests of the Kotlin library: exported models use few shapes, scales and zero points, these many.
"""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from tests.kotlin.operator_graph import SAMPLES, OperatorGraph, tied_product, tied_ratio

_TYPE = schema.TensorType
_NONE, _RELU, _RELU_N1_TO_1, _RELU6 = range(4)
_SAME, _VALID = range(2)
_EVERY = np.arange(-128, 128)


def write_operators(folder: Path) -> None:
    """Writes `<kind>/export/model_<format>.tflite` and `<kind>/reference/<format>.trace` for each kind of operator.

    Args:
        folder: Where to write; made if it is missing. The same bytes each time.
    """
    for fill in (_pairs, _tables, _products, _convolutions, _matrices, _reductions, _softmax, _floats, _ties):
        operators = OperatorGraph(f"int8 {fill.__name__[1:]}")
        fill(operators)
        operators.write(folder / f"operators{fill.__name__}", "int8")
    for fill in (_hybrid_products, _hybrid_convolutions):
        operators = OperatorGraph(f"dynamic {fill.__name__[1:]}")
        fill(operators)
        operators.write(folder / f"operators{fill.__name__}", "dynamic")


def _pairs(operators: OperatorGraph) -> None:
    """Elementwise operators of two tensors: scales apart, zero points at both ends, broadcasts, activations."""
    options = {"ADD": schema.AddOptionsT, "SUB": schema.SubOptionsT, "MUL": schema.MulOptionsT}
    scales = [(0.02, -128, 0.03, 127, 0.05, -7), (0.5, 3, 0.0007, -90, 0.25, 127), (0.1, 0, 0.1, 0, 0.004, 0)]
    shapes = [((1, 5, 67), (1, 5, 67)), ((1, 3, 1, 5), (1, 1, 7, 5)), ((1, 4, 9), (1, 1, 1)), ((1, 2, 3, 4), (1, 4))]
    for number, (name, (first, second)) in enumerate(product(options, shapes)):
        a, a_zero, b, b_zero, out, out_zero = scales[number % 3]
        chosen = options[name]()
        chosen.fusedActivationFunction = number % 4
        inputs = [operators.stored(first, a, a_zero), operators.stored(second, b, b_zero)]
        shape = np.broadcast_shapes(first, second)
        operators.graph.add(name, inputs, operators.int8(shape, out, out_zero), version=2, options=chosen)
    for name, (first, second) in product(("MAXIMUM", "MINIMUM"), shapes):
        inputs = [operators.stored(first, 0.3, -5), operators.stored(second, 0.3, -5)]
        shape = np.broadcast_shapes(first, second)
        chosen = schema.MaximumMinimumOptionsT()
        operators.graph.add(name, inputs, operators.int8(shape, 0.3, -5), version=2, options=chosen)
    joined = [operators.stored((1, 3, size), 0.3, -5) for size in (1, 4, 2)]
    chosen = schema.ConcatenationOptionsT()
    chosen.axis = -1
    operators.graph.add("CONCATENATION", joined, operators.int8((1, 3, 7), 0.3, -5), version=2, options=chosen)
    for zero in (-128, 0, 5):
        inputs = [operators.stored((1, 3, 1, 4), 0.3, zero), operators.constants([[0, 0], [16, 0], [0, 1], [0, 0]])]
        output = operators.int8((1, 19, 2, 4), 0.3, zero)
        operators.graph.add("PAD", inputs, output, version=2, options=schema.PadOptionsT())


def _tables(operators: OperatorGraph) -> None:
    """Operators of one int8 each, of which every one is tried, in both directions."""
    shape = (1, 256)

    def every(scale: float, zero: int, least: int = -128) -> int:
        return operators.stored(shape, scale, zero, np.tile(np.maximum(_EVERY, least), (SAMPLES, 1)))

    for scale, zero in [(0.0004, 0), (0.0117, -128), (0.031, 127), (0.0625, 5), (0.25, -60), (3.0, 17)]:
        operators.graph.add("LOGISTIC", [every(scale, zero)], operators.int8(shape, 1 / 256, -128), version=2)
        operators.graph.add("TANH", [every(scale, zero)], operators.int8(shape, 1 / 128, 0), version=2)
    for scale, zero, out, out_zero in [(0.02, -128, 0.05, 127), (0.3, 17, 0.0071, -128), (0.011, 4, 0.0110001, 3)]:
        for name in ("RELU", "RELU6", "QUANTIZE"):
            operators.graph.add(name, [every(scale, zero)], operators.int8(shape, out, out_zero), version=2)
    for scale, zero, out, out_zero in [(0.009, -128, 0.061, -128), (0.12, -128, 0.0018, -128), (7.0, -3, 0.003, 40)]:
        operators.graph.add("RSQRT", [every(scale, zero, zero)], operators.int8(shape, out, out_zero), version=2)


def _products(operators: OperatorGraph) -> None:
    """Fully connected: one scale or one a channel, no bias, activations, multipliers above 1, sums that saturate."""
    cases = [
        # rows, depth, outputs, whether each output has a scale, output scale, zero points, activation, whether biased
        # Small sums by about a quarter: where one rounding and two differ most.
        ((1, 20), 2, 60, True, 0.0009, (0, 5), _NONE, False),
        ((1, 20), 2, 60, False, 0.0009, (0, 5), _NONE, False),
        ((1,), 7, 5, False, 0.3, (3, -7), _NONE, True),
        ((1,), 7, 5, True, 0.3, (3, -7), _NONE, True),
        ((1, 6), 129, 33, True, 0.9, (-128, 127), _NONE, False),
        ((1, 6), 129, 33, False, 0.9, (127, -128), _RELU, True),
        ((1, 2, 3), 16, 8, True, 0.05, (-60, 0), _RELU6, True),
        ((1, 2, 3), 16, 8, False, 0.05, (10, 0), _RELU_N1_TO_1, True),
        ((1, 9), 1, 1, True, 0.0004, (0, 12), _NONE, True),
        ((1, 9), 3, 2, False, 0.0004, (0, 12), _NONE, False),
        ((1, 9), 3, 64, True, 0.00002, (0, 0), _NONE, True),
        ((1, 9), 3, 64, False, 0.00002, (0, 0), _NONE, True),
    ]
    for rows, depth, outputs, per_channel, scale, (zero, out_zero), activation, biased in cases:
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction, options.keepNumDims = activation, True
        scales = _scales(operators, outputs, per_channel)
        values = operators.near(zero, (*rows, depth)) if depth == 2 else None
        inputs = [operators.stored((*rows, depth), 0.017, zero, values), operators.weights((outputs, depth), scales, 0)]
        inputs.append(operators.bias(0.017 * scales, outputs) if biased else -1)
        output = operators.int8((*rows, outputs), scale, out_zero)
        operators.graph.add("FULLY_CONNECTED", inputs, output, version=5, options=options)


def _scales(operators: OperatorGraph, count: int, per_channel: bool) -> Any:
    return operators.random.uniform(0.0005, 0.02, count) if per_channel else 0.0071


def _convolutions(operators: OperatorGraph) -> None:
    """2-D convolutions, whole and depthwise: paddings, strides, dilations, zero points at both ends."""
    cases = [
        # height, width, filter, stride, dilation, padding, zero points, activation, whether each output has a scale
        (20, 20, (1, 1), (1, 1), (1, 1), _VALID, (0, 5), _NONE, True),
        (6, 5, (3, 3), (1, 1), (1, 1), _SAME, (127, -128), _NONE, True),
        (7, 4, (2, 3), (2, 1), (1, 1), _SAME, (-128, 9), _RELU, True),
        (8, 9, (3, 2), (1, 2), (2, 3), _SAME, (-20, 0), _RELU6, True),
        (8, 9, (3, 2), (2, 3), (2, 1), _VALID, (5, 127), _NONE, False),
        (4, 3, (1, 1), (1, 1), (1, 1), _VALID, (0, -3), _NONE, True),
        (5, 6, (5, 6), (1, 1), (1, 1), _VALID, (33, 0), _RELU_N1_TO_1, True),
    ]
    for (height, width, taps, strides, dilations, padding, zeros, activation, per_channel), copies in product(
        cases, (0, 1, 3)
    ):
        channels, outs = (5, 11) if copies == 0 else (6, 6 * copies)
        options = schema.Conv2DOptionsT() if copies == 0 else schema.DepthwiseConv2DOptionsT()
        options.strideH, options.strideW = strides
        options.dilationHFactor, options.dilationWFactor = dilations
        options.padding, options.fusedActivationFunction = padding, activation
        if copies:
            options.depthMultiplier = copies
        scales = _scales(operators, outs, per_channel)
        weights = operators.weights((1, *taps, outs) if copies else (outs, *taps, channels), scales, 3 if copies else 0)
        values = operators.near(zeros[0], (1, height, width, channels)) if height == 20 else None
        source = operators.stored((1, height, width, channels), 0.02, zeros[0], values)
        inputs = [source, weights, operators.bias(0.02 * scales, outs)]
        shape = (
            1,
            _windows(height, 0, taps, strides, dilations, padding),
            _windows(width, 1, taps, strides, dilations, padding),
        )
        output = operators.int8((*shape, outs), 0.0009 if height == 20 else 0.06, zeros[1])
        operators.graph.add("DEPTHWISE_CONV_2D" if copies else "CONV_2D", inputs, output, version=3, options=options)


def _windows(size: int, axis: int, taps: Any, strides: Any, dilations: Any, padding: int) -> int:
    spanned = 1 if padding == _SAME else (taps[axis] - 1) * dilations[axis] + 1
    return (size - spanned) // strides[axis] + 1


def _matrices(operators: OperatorGraph) -> None:
    """Products of two computed matrices: either turned, batches that broadcast, zero points at both ends."""
    batches = [((1,), (1,)), ((1, 3), (1, 3)), ((1, 2, 1), (1, 1, 3))]
    for (turns_left, turns_right), (left, right) in product(product((False, True), repeat=2), batches):
        rows, depth, columns = 5, 9, 7
        options = schema.BatchMatMulOptionsT()
        options.adjX, options.adjY = turns_left, turns_right
        first = operators.stored(
            (*left, *((depth, rows) if turns_left else (rows, depth))), 0.02, -128 if turns_left else 5
        )
        second = operators.stored(
            (*right, *((columns, depth) if turns_right else (depth, columns))), 0.03, 127 if turns_right else -1
        )
        output = operators.int8((*np.broadcast_shapes(left, right), rows, columns), 0.17, 12)
        operators.graph.add("BATCH_MATMUL", [first, second], output, version=4, options=options)
    first = operators.stored((1, 30, 2), 0.02, 7, operators.near(7, (1, 30, 2)))
    second = operators.stored((1, 2, 50), 0.03, -4)
    output = operators.int8((1, 30, 50), 0.0031, 12)
    operators.graph.add("BATCH_MATMUL", [first, second], output, version=4, options=schema.BatchMatMulOptionsT())


def _reductions(operators: OperatorGraph) -> None:
    """means, largest and smallest over several axes: counts that are powers of two and not, scales apart."""
    shape = (1, 5, 8, 3)
    for number, (axes, keeps) in enumerate(
        product([(1,), (-1,), (1, 2), (0, 3), (2, 1, 3), (0, 1, 2, 3)], (False, True))
    ):
        options = schema.ReducerOptionsT()
        options.keepDims = keeps
        reduced = {axis % 4 for axis in axes}
        made = tuple(1 if at in reduced else size for at, size in enumerate(shape) if keeps or at not in reduced)
        inputs = [operators.stored(shape, 0.03, (-128, 127, 9)[number % 3]), operators.axes(*axes)]
        output = operators.int8(made, (0.03, 0.009, 0.4)[number % 3], (-128, 127, -40)[number % 3])
        operators.graph.add("MEAN", inputs, output, version=2, options=options)
        for name in ("REDUCE_MAX", "REDUCE_MIN"):
            inputs = [operators.stored(shape, 0.03, 4), operators.axes(*axes)]
            operators.graph.add(name, inputs, operators.int8(made, 0.03, 4), version=2, options=options)


def _softmax(operators: OperatorGraph) -> None:
    """Softmax of several lengths, scales and betas."""
    for shape, scale, beta in product([(1, 1), (1, 4, 48), (1, 3, 2, 5), (1, 255)], (0.0041, 0.11, 0.9), (1.0, 0.3)):
        options = schema.SoftmaxOptionsT()
        options.beta = beta
        output = operators.int8(shape, 1 / 256, -128)
        operators.graph.add("SOFTMAX", [operators.stored(shape, scale, 5)], output, version=2, options=options)


def _floats(operators: OperatorGraph) -> None:
    """float32 to int8, at and around each half, far outside, at both zeros; and back."""
    halves = np.arange(-150, 150) + 0.5
    around = np.concatenate([np.nextafter(np.float32(halves), np.float32(end)) for end in (-np.inf, np.inf)])
    # Not beyond int32: what C++ makes of that depends on the processor.
    far = [-1e6, -300.0, 300.0, 1e6, 2.0**30, -(2.0**30), -0.0, 1e-45]
    steps = np.concatenate([halves, around, far]).astype(np.float32)
    for scale, zero in [(1.0, 0), (0.25, -128), (0.045, 127), (0.0071, -3)]:
        source = operators.floats(np.tile(steps * np.float32(scale), (SAMPLES, 1)))
        stored = operators.graph.add("QUANTIZE", [source], operators.int8((1, len(steps)), scale, zero))
        output = operators.graph.tensor((1, len(steps)), _TYPE.FLOAT32)
        operators.graph.add("DEQUANTIZE", [stored], output, version=2)


def _ties(operators: OperatorGraph) -> None:
    """Scales by which half of all answers are halves, or just not: it depends on where float is left for double."""
    left, right, out = tied_product(operators.random)
    shape, single = (1, 40, 1), np.float32
    for name in ("MUL", "BATCH_MATMUL"):
        options = schema.MulOptionsT() if name == "MUL" else schema.BatchMatMulOptionsT()
        first = operators.stored(shape, left, 3, operators.near(3, shape))
        second = operators.stored((1, 1, 1), right, -4, np.array([-7, -3, 1, 5])[:, None, None] - 4)
        operators.graph.add(name, [first, second], operators.int8(shape, out, 1), version=4, options=options)
    for scales in (single(right), np.full(9, right, single)):
        inputs = [operators.stored(shape, left, 3, operators.near(3, shape)), operators.weights((9, 1), scales, 0), -1]
        options = schema.FullyConnectedOptionsT()
        options.keepNumDims = True
        output = operators.int8((1, 40, 9), out, 1)
        operators.graph.add("FULLY_CONNECTED", inputs, output, version=5, options=options)
    image = (1, 4, 10, 1)
    for name, options in (
        ("CONV_2D", schema.Conv2DOptionsT()),
        ("DEPTHWISE_CONV_2D", schema.DepthwiseConv2DOptionsT()),
    ):
        options.strideH = options.strideW = 1
        depthwise = name != "CONV_2D"
        if depthwise:
            options.depthMultiplier = 9
        weights = operators.weights(
            (1, 1, 1, 9) if depthwise else (9, 1, 1, 1), np.full(9, right, single), 3 * depthwise
        )
        source = operators.stored(image, left, 3, operators.near(3, image))
        inputs = [source, weights, operators.bias(np.full(9, left * right), 9, 5)]
        operators.graph.add(name, inputs, operators.int8((1, 4, 10, 9), out, 1), version=3, options=options)
    narrow, wide = tied_ratio(operators.random)
    every = np.tile(_EVERY, (SAMPLES, 1))
    for name in ("RELU", "QUANTIZE"):
        source = operators.stored((1, 256), wide, 3, every)
        operators.graph.add(name, [source], operators.int8((1, 256), narrow, 1), version=2)
    for name in ("ADD", "SUB"):
        inputs = [operators.stored((1, 256), wide, 3, every), operators.stored((1, 1), wide, 3)]
        options = getattr(schema, f"{name.title()}OptionsT")()
        operators.graph.add(name, inputs, operators.int8((1, 256), narrow, 1), version=2, options=options)
    source = operators.stored((1, 256, 1), wide, 3, every[..., None])
    output = operators.int8((1, 256), narrow, 1)
    operators.graph.add("MEAN", [source, operators.axes(2)], output, version=2, options=schema.ReducerOptionsT())


def _real(operators: OperatorGraph, *shape: int) -> int:
    """A float32 input: random, of one sign, all zeros, and just short of half a step."""
    values = operators.random.normal(0, 2, (SAMPLES, *shape))
    values[1], values[2] = np.abs(values[1]), 0
    # Steps of 1 and the zero point 38, beside which a float32 no longer tells this from a half.
    values[3, ..., :3] = -166, 89, 0.499999
    return operators.floats(values)


def _hybrid_products(operators: OperatorGraph) -> None:
    """float32 by int8 weights, the inputs brought to int8 row by row."""
    for number, (outputs, asymmetric, per_channel) in enumerate(product((3, 8), (False, True), (False, True))):
        options = schema.FullyConnectedOptionsT()
        options.asymmetricQuantizeInputs, options.keepNumDims = asymmetric, True
        options.fusedActivationFunction = number % 3
        depth = 13 + number
        weights = operators.weights((outputs, depth), _scales(operators, outputs, per_channel), 0)
        inputs = [_real(operators, 3, depth), weights, -1]
        if number % 3:
            bias = operators.random.normal(0, 1, outputs).astype(np.float32)
            inputs[2] = operators.graph.tensor((outputs,), _TYPE.FLOAT32, data=bias)
        output = operators.graph.tensor((1, 3, outputs), _TYPE.FLOAT32)
        operators.graph.add("FULLY_CONNECTED", inputs, output, version=9, options=options)


def _hybrid_convolutions(operators: OperatorGraph) -> None:
    """float32 images by int8 filters, whole and depthwise, the images brought to int8 one by one."""
    cases = product((_SAME, _VALID), (1, 2), (1, 2))
    for (number, (padding, stride, dilation)), copies in product(enumerate(cases), (0, 1, 2)):
        height, width, channels, taps = 7, 6, 3, (3, 2)
        outs = channels * copies or 5
        options = schema.DepthwiseConv2DOptionsT() if copies else schema.Conv2DOptionsT()
        options.strideH = options.strideW = stride
        options.dilationHFactor = options.dilationWFactor = dilation
        options.padding, options.fusedActivationFunction = padding, number % 4
        if copies:
            options.depthMultiplier = copies
        scales = _scales(operators, outs, True)
        weights = operators.weights((1, *taps, outs) if copies else (outs, *taps, channels), scales, 3 if copies else 0)
        bias = operators.graph.tensor(
            (outs,), _TYPE.FLOAT32, data=operators.random.normal(0, 1, outs).astype(np.float32)
        )
        rows, columns = (
            _windows(size, axis, taps, (stride, stride), (dilation, dilation), padding)
            for axis, size in enumerate((height, width))
        )
        output = operators.graph.tensor((1, rows, columns, outs), _TYPE.FLOAT32)
        inputs = [_real(operators, height, width, channels), weights, bias]
        name, version = ("DEPTHWISE_CONV_2D", 6) if copies else ("CONV_2D", 5)
        operators.graph.add(name, inputs, output, version=version, options=options)
