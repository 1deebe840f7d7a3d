"""A canary for LiteRT.js on several threads: a small int8 BATCH_MATMUL whose answer follows from integers alone.

Measured: LiteRT.js 2.5.3's build with threads answers int8 BATCH_MATMUL wrongly on two threads, and rightly on one, as
soon as its right factor has 32 columns or more, zero point 0 and no transposition (then XNNPACK takes it): .9 of a
probability in a transformer and an ST-GCN. Files that hold such an operator are run there only behind a right answer to
this model, so that they run again as soon as LiteRT.js is mended.
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from signport.export.flatbuffer import builtin_code, read_model, write_model

LEFT, RIGHT = "left", "right"
_SIZE = 32
_SAMPLES = 3
_SCALE = 2.0**-4
_TERMS = 8  # of a sum that are not 0
_LARGEST = 15  # so that no sum leaves int8: 8 · 15 < 127


def canary_inputs() -> dict[str, np.ndarray]:
    """float32 `left` (3, 1, 32) of -1, 0 and 1 scales, and `right` (3, 32, 32) of -15 to 15 scales."""
    random = np.random.default_rng(0)
    left = np.zeros((_SAMPLES, 1, _SIZE))
    left[..., :_TERMS] = random.choice((-1, 1), (_SAMPLES, 1, _TERMS))
    left = random.permuted(left, axis=-1)
    right = random.integers(-_LARGEST, _LARGEST + 1, (_SAMPLES, _SIZE, _SIZE))
    return {LEFT: (left * _SCALE).astype(np.float32), RIGHT: (right * _SCALE).astype(np.float32)}


def canary_answer() -> np.ndarray:
    """float32 (3, 32): the product; with the output's scale the square of the inputs', int8 holds it exactly."""
    inputs = canary_inputs()
    return np.asarray((inputs[LEFT] @ inputs[RIGHT])[:, 0], np.float32)


def canary_file() -> bytes:
    """The `.tflite`: QUANTIZE both inputs, BATCH_MATMUL, DEQUANTIZE."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.description = 3, "signport canary for LiteRT.js on threads"
    model.subgraphs, model.operatorCodes, model.buffers = [graph], [], [schema.BufferT()]
    graph.tensors, graph.operators = [], []
    factors = []
    for name, shape in ((LEFT, (1, 1, _SIZE)), (RIGHT, (1, _SIZE, _SIZE))):
        source = _tensor(graph, name, shape, None)
        factors.append(_operator(model, "QUANTIZE", 1, [source], _tensor(graph, f"{name}_int8", shape, _SCALE)))
    shape = (1, 1, _SIZE)
    product = _operator(model, "BATCH_MATMUL", 2, factors, _tensor(graph, "product_int8", shape, _SCALE**2))
    graph.operators[-1].builtinOptions = schema.BatchMatMulOptionsT()
    graph.operators[-1].builtinOptionsType = schema.BuiltinOptions.BatchMatMulOptions
    output = _operator(model, "DEQUANTIZE", 2, [product], _tensor(graph, "product", shape, None))
    graph.inputs, graph.outputs = [0, 2], [output]
    return write_model(model)


def _tensor(graph: schema.SubGraphT, name: str, shape: tuple[int, ...], scale: float | None) -> int:
    tensor = schema.TensorT()
    tensor.name, tensor.shape = name, list(shape)
    tensor.type = schema.TensorType.FLOAT32 if scale is None else schema.TensorType.INT8
    if scale is not None:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [0]
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _operator(model: schema.ModelT, name: str, version: int, inputs: list[int], output: int) -> int:
    code, operator = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = getattr(schema.BuiltinOperator, name)
    code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
    model.operatorCodes.append(code)
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = inputs, [output]
    model.subgraphs[0].operators.append(operator)
    return output


def needs_canary(content: bytes) -> bool:
    """Whether a file multiplies two int8 tensors, neither of them a weight of FULLY_CONNECTED."""
    model = read_model(content)
    return any(
        builtin_code(model, operator) == schema.BuiltinOperator.BATCH_MATMUL
        and graph.tensors[operator.inputs[1]].type == schema.TensorType.INT8
        for graph in model.subgraphs
        for operator in graph.operators
    )
