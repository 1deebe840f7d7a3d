"""Weights of 4 bits in a `.tflite`: what TensorFlow's converter leaves as INT8 becomes INT4, two to a byte.

The converter knows no 4-bit weights for FULLY_CONNECTED. A kernel that was fine-tuned at 4 bits reaches it as constants
on 15 levels, k · max|w| / 7, and comes back as int8 numbers round(k · 127 / 7). Any kernel whose numbers are all of
these loses nothing in 4 bits, and no other tensor is touched.
"""

import copy
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from signport.export.flatbuffer import builtin_code, read_model, replace_constant, use_version, write_model

_LEVELS = np.arange(-7, 8)
_INT8_LEVELS = np.round(_LEVELS * (127 / 7)).astype(np.int8)
_WIDER = 127 / 7  # a step of 4 bits in steps of 8
# Of FULLY_CONNECTED with int8 activations and int4 weights (TensorFlow Lite, `op_version.cc`).
_INT4_VERSION = 10
_KERNEL, _BIAS = 1, 2  # places among the inputs of FULLY_CONNECTED


def pack_int4(content: bytes) -> bytes:
    """Stores every kernel of FULLY_CONNECTED in int8 in 4 bits that loses nothing by it.

    The int32 biases, whose scale is the kernel's times the input's, move to the new scale, each by at most half a step
    of it, which is far below a step of the output. The 8-bit constants stay behind unused: `compact.compact` drops
    them.

    Args:
        content: A `.tflite` as converted.
    """
    model = read_model(content)
    for graph in model.subgraphs:
        dense = [operator for operator in graph.operators if _is_int8_dense(model, graph, operator)]
        uses = [int(index) for operator in graph.operators for index in operator.inputs]
        kernels = [int(operator.inputs[_KERNEL]) for operator in dense]
        # A kernel that anything else reads, as one that is gathered from, has to stay as it is.
        alone = [kernel for kernel in dict.fromkeys(kernels) if uses.count(kernel) == kernels.count(kernel)]
        packed = {kernel for kernel in alone if _pack(model, graph.tensors[kernel])}
        in_int4 = [operator for operator in dense if int(operator.inputs[_KERNEL]) in packed]
        for operator in in_int4:
            use_version(model, operator, _INT4_VERSION)
        _widen_biases(model, graph, in_int4)
    return write_model(model)


def int4_tensors(content: bytes) -> int:
    """How many tensors of a `.tflite` are stored in 4 bits."""
    graphs = read_model(content).subgraphs
    return sum(tensor.type == schema.TensorType.INT4 for graph in graphs for tensor in graph.tensors or ())


def _is_int8_dense(model: Any, graph: Any, operator: Any) -> bool:
    """Whether it is a FULLY_CONNECTED whose input and kernel are INT8; a layer kept in int16 has 8-bit weights."""
    if builtin_code(model, operator) != schema.BuiltinOperator.FULLY_CONNECTED:
        return False
    return all(graph.tensors[index].type == schema.TensorType.INT8 for index in operator.inputs[: _KERNEL + 1])


def _pack(model: Any, tensor: Any) -> bool:
    """Makes a constant INT8 tensor INT4 if that loses nothing, in place; whether it did."""
    data = model.buffers[tensor.buffer].data
    if data is None or np.any(tensor.quantization.zeroPoint):
        return False
    numbers = np.asarray(data, np.uint8).view(np.int8)
    if not np.isin(numbers, _INT8_LEVELS).all():
        return False
    levels = _LEVELS[np.searchsorted(_INT8_LEVELS, numbers)]
    # Of a byte, the low four bits come first; an odd number of values leaves the last byte's high ones 0.
    nibbles = np.append(levels, [0] * (len(levels) % 2)).astype(np.int8) & 0xF
    replace_constant(model, tensor, (nibbles[0::2] | nibbles[1::2] << 4).astype(np.uint8))
    tensor.type = schema.TensorType.INT4
    tensor.quantization.scale = _widened(tensor.quantization.scale)
    return True


def _widen_biases(model: Any, graph: Any, operators: list[Any]) -> None:
    """Gives operators with 4-bit kernels biases in the steps of these; one that others read too stays beside it."""
    biased = [operator for operator in operators if len(operator.inputs) > _BIAS and operator.inputs[_BIAS] >= 0]
    ours = [int(operator.inputs[_BIAS]) for operator in biased]
    uses = [int(index) for operator in graph.operators for index in operator.inputs]
    wider: dict[int, int] = {}
    for bias in dict.fromkeys(ours):
        tensor = copy.deepcopy(graph.tensors[bias])
        numbers = np.asarray(model.buffers[tensor.buffer].data, np.uint8).view(np.int32)
        replace_constant(model, tensor, np.round(numbers / _WIDER).astype(np.int32))
        tensor.quantization.scale = _widened(tensor.quantization.scale)
        if uses.count(bias) == ours.count(bias):
            graph.tensors[bias], wider[bias] = tensor, bias
        else:
            graph.tensors.append(tensor)
            wider[bias] = len(graph.tensors) - 1
    for operator, bias in zip(biased, ours, strict=True):
        operator.inputs[_BIAS] = wider[bias]


def _widened(scale: np.ndarray) -> np.ndarray:
    """Steps of 8 bits → steps of 4 bits, float32 (output channels,)."""
    return np.asarray(np.asarray(scale, np.float64) * _WIDER, np.float32)
