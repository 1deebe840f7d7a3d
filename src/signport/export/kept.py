"""Layers that are kept in float or int16, in a `.tflite`: what TensorFlow's converter makes of them, put right.

Two things stand in the way of every runtime. `fake_quant.apart` leaves a cast to float64 and back, without which the
converter would make the layer int8 all the same; and biases of products with int16 activations come out as int32, which
tflite-runtime 2.14 refuses and of which CONV_2D makes rubbish in LiteRT 2.3. The specification's int64 runs in all.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from signport.export.flatbuffer import builtin_code, read_model, replace_constant, use_version, write_model

_PRODUCTS = frozenset({schema.BuiltinOperator.FULLY_CONNECTED, schema.BuiltinOperator.CONV_2D})
# Of FULLY_CONNECTED and CONV_2D with int16 activations and int64 biases (TensorFlow Lite, `op_version.cc`).
_INT16_VERSION = 4


def settle_kept(content: bytes) -> bytes:
    """Drops the casts of `fake_quant.apart` and widens the biases of int16 products; other files come out as they were.

    Args:
        content: A converted `.tflite`, quantized or not.
    """
    model = read_model(content)
    changed = [_drop_casts(graph, model) for graph in model.subgraphs]
    changed += [_widen_biases(graph, model) for graph in model.subgraphs]
    return write_model(model) if any(changed) else content


def _drop_casts(graph: Any, model: Any) -> bool:
    """Takes out CAST to float64 → CAST to float32, which change nothing; whether there were any."""
    made = {int(operator.outputs[0]): operator for operator in graph.operators if len(operator.outputs)}
    instead: dict[int, int] = {}
    dropped: list[Any] = []
    for operator in graph.operators:
        source = int(operator.inputs[0]) if len(operator.inputs) else -1
        if builtin_code(model, operator) != schema.BuiltinOperator.CAST or source not in made:
            continue
        first = made[source]
        types = [graph.tensors[index].type for index in (first.inputs[0], source, operator.outputs[0])]
        if types == [schema.TensorType.FLOAT32, schema.TensorType.FLOAT64, schema.TensorType.FLOAT32]:
            start = int(first.inputs[0])
            instead[int(operator.outputs[0])] = instead.get(start, start)
            dropped += [first, operator]
    graph.operators = [operator for operator in graph.operators if not any(operator is one for one in dropped)]
    for operator in graph.operators:
        operator.inputs = [instead.get(int(index), int(index)) for index in operator.inputs]
    graph.outputs = [instead.get(int(index), int(index)) for index in graph.outputs]
    return bool(dropped)


def _widen_biases(graph: Any, model: Any) -> bool:
    """Makes int32 biases of products with int16 inputs int64; whether there were any."""
    products = [operator for operator in graph.operators if builtin_code(model, operator) in _PRODUCTS]
    wide = [operator for operator in products if graph.tensors[operator.inputs[0]].type == schema.TensorType.INT16]
    for operator in products if wide else ():
        # The converter gives all operators of a kind the newest version that any of them needs.
        use_version(model, operator, _INT16_VERSION)
    for operator in wide:
        if hasattr(operator.builtinOptions, "quantizedBiasType"):
            operator.builtinOptions.quantizedBiasType = schema.TensorType.FLOAT32  # the default: as the kernel has it
        bias = graph.tensors[operator.inputs[2]] if len(operator.inputs) > 2 and operator.inputs[2] >= 0 else None
        if bias is not None and bias.type == schema.TensorType.INT32:
            numbers = np.asarray(model.buffers[bias.buffer].data, np.uint8).view(np.int32)
            replace_constant(model, bias, numbers.astype(np.int64))
            bias.type = schema.TensorType.INT64
    return bool(wide)
