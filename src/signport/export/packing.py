"""Weights of 4 bits in a `.tflite`: what TensorFlow's converter leaves as INT8 becomes INT4, two to a byte.

The converter knows no 4-bit weights for FULLY_CONNECTED. A kernel that was fine-tuned at 4 bits reaches it as constants
on 15 levels, k · max|w| / 7, and comes back as int8 numbers round(k · 127 / 7). Any tensor whose numbers are all of
these loses nothing in 4 bits, and no other tensor is touched.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from signport.export.flatbuffer import builtin_code, read_model, replace_constant, use_version, write_model

_LEVELS = np.arange(-7, 8)
_INT8_LEVELS = np.round(_LEVELS * (127 / 7)).astype(np.int8)
_FULLY_CONNECTED = schema.BuiltinOperator.FULLY_CONNECTED
# Of FULLY_CONNECTED with int8 activations and int4 weights (TensorFlow Lite, `op_version.cc`).
_INT4_VERSION = 10


def pack_int4(content: bytes) -> bytes:
    """Stores every FULLY_CONNECTED kernel of a converted `.tflite` in 4 bits that loses nothing by it.

    The int32 biases, whose scale is the kernel's times the input's, move to the new scale, each by at most half a step
    of it, which is far below a step of the output.
    """
    model = read_model(content)
    for graph in model.subgraphs:
        kinds = [builtin_code(model, operator) == _FULLY_CONNECTED for operator in graph.operators]
        fully_connected = [operator for operator, dense in zip(graph.operators, kinds, strict=True) if dense]
        others = {
            int(i) for operator, dense in zip(graph.operators, kinds, strict=True) if not dense for i in operator.inputs
        }
        done: set[int] = set()
        for operator in fully_connected:
            kernel = int(operator.inputs[1])
            if kernel not in done and (kernel in others or not _pack(model, graph.tensors[kernel])):
                continue
            use_version(model, operator, _INT4_VERSION)
            bias = int(operator.inputs[2]) if len(operator.inputs) > 2 else -1
            for index in {kernel, bias} - done:
                if index >= 0:
                    _widen_steps(model, graph.tensors[index])
            done |= {kernel, bias}
    return write_model(model)


def int4_tensors(content: bytes) -> int:
    """How many tensors of a `.tflite` are stored in 4 bits."""
    graphs = read_model(content).subgraphs
    return sum(tensor.type == schema.TensorType.INT4 for graph in graphs for tensor in graph.tensors)


def _pack(model: Any, tensor: Any) -> bool:
    """Makes a constant INT8 tensor INT4 if that loses nothing, and says whether it did; its scales stay as they are."""
    data = model.buffers[tensor.buffer].data
    if tensor.type != schema.TensorType.INT8 or data is None:
        return False
    numbers = np.asarray(data, np.uint8).view(np.int8)
    if not np.isin(numbers, _INT8_LEVELS).all():
        return False
    levels = _LEVELS[np.searchsorted(_INT8_LEVELS, numbers)]
    nibbles = np.append(levels, 0)[: len(levels) + len(levels) % 2].astype(np.int8) & 0xF
    replace_constant(model, tensor, (nibbles[0::2] | nibbles[1::2] << 4).astype(np.uint8))
    tensor.type = schema.TensorType.INT4
    return True


def _widen_steps(model: Any, tensor: Any) -> None:
    """Takes a kernel's or a bias's scales from max|w| / 127 to max|w| / 7, and a bias's numbers along."""
    scale = np.asarray(tensor.quantization.scale, np.float64)
    tensor.quantization.scale = (scale * (127 / 7)).astype(np.float32)
    if tensor.type == schema.TensorType.INT32:
        numbers = np.asarray(model.buffers[tensor.buffer].data, np.uint8).view(np.int32)
        replace_constant(model, tensor, np.round(numbers * (7 / 127)).astype(np.int32))
