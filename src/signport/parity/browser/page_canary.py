"""A canary for LiteRT.js on several threads: a small int8 BATCH_MATMUL whose answer follows from integers alone.

Measured: LiteRT.js 2.5.3's build with threads answers int8 BATCH_MATMUL wrongly on two threads, and rightly on one, as
soon as its right factor has 32 columns or more, zero point 0 and no transposition (then XNNPACK takes it): .9 of a
probability in a transformer and an ST-GCN. Files that hold such an operator are run there only behind a right answer to
this model, so that they run again as soon as LiteRT.js is mended.
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from signport.export.flatbuffer import builtin_code, read_model
from signport.parity.graph_builder import GraphBuilder

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
    graph, kind = GraphBuilder("signport canary for LiteRT.js on threads"), schema.TensorType
    sources, factors = {}, []
    for name, shape in ((LEFT, (1, 1, _SIZE)), (RIGHT, (1, _SIZE, _SIZE))):
        sources[name] = graph.tensor(shape, kind.FLOAT32)
        factors.append(graph.add("QUANTIZE", [sources[name]], graph.tensor(shape, kind.INT8, scale=_SCALE)))
    product = graph.tensor((1, 1, _SIZE), kind.INT8, scale=_SCALE**2)
    graph.add("BATCH_MATMUL", factors, product, version=2, options=schema.BatchMatMulOptionsT())
    output = graph.tensor((1, 1, _SIZE), kind.FLOAT32)
    return graph.finish(sources, graph.add("DEQUANTIZE", [product], output, version=2))


def needs_canary(content: bytes) -> bool:
    """Whether a file multiplies two int8 tensors, neither of them a weight of FULLY_CONNECTED."""
    model = read_model(content)
    return any(
        builtin_code(model, operator) == schema.BuiltinOperator.BATCH_MATMUL
        and graph.tensors[operator.inputs[1]].type == schema.TensorType.INT8
        for graph in model.subgraphs
        for operator in graph.operators
    )
