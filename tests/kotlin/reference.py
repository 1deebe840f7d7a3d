"""What LiteRT's reference kernels make of an exported file, tensor by tensor, for the tests of the Kotlin library."""

import struct
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from signport.export.flatbuffer import builtin_code, read_model, write_model

MAGIC = b"SPT1"
_STORED = {np.float32: "<f4", np.int32: "<i4", np.int64: "<i8", np.int8: "i1", np.uint8: "u1", np.bool_: "?"}
# float32 has no fraction left here, so adding it rounds half to even, as ROUND does, for all below 2^22.
_ROUNDS = np.float32(3 << 22)


def write_trace(path: Path, model: Path, inputs: dict[str, np.ndarray]) -> None:
    """Writes the inputs and every tensor that is computed from them, by LiteRT's reference kernels.

    The file is little-endian: `SPT1`, int32 samples, int32 tensors, the tensors' numbers (int32, inputs first), then
    for each sample the elements of each tensor, in the type that the graph gives it.

    Args:
        path: The file to write.
        model: A `.tflite`.
        inputs: Input name → float32 (samples, …).
    """
    content = model.read_bytes()
    graph = read_model(content).subgraphs[0]
    interpreter = Interpreter(
        model_content=_without_round(content),
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    details = {one["name"]: one["index"] for one in interpreter.get_input_details()}
    widened = schema.TensorType.FLOAT16
    computed = [
        int(number)
        for operator in graph.operators
        if graph.tensors[operator.inputs[0]].type != widened
        for number in operator.outputs
    ]
    numbers = [*details.values(), *computed]
    samples = len(next(iter(inputs.values())))
    parts = [MAGIC, struct.pack(f"<{2 + len(numbers)}i", samples, len(numbers), *numbers)]
    for sample in range(samples):
        for name, values in inputs.items():
            interpreter.set_tensor(details[name], values[sample : sample + 1])
        interpreter.invoke()
        for number in numbers:
            values = interpreter.get_tensor(number)
            parts.append(np.ascontiguousarray(values, _STORED[values.dtype.type]).tobytes())
    path.write_bytes(b"".join(parts))


def _without_round(content: bytes) -> bytes:
    """The same model with ROUND as an addition and a subtraction: there is no reference kernel for it."""
    model = read_model(content)
    graph = model.subgraphs[0]
    if all(builtin_code(model, operator) != schema.BuiltinOperator.ROUND for operator in graph.operators):
        return content
    constant = _new_tensor(model, graph, [], _ROUNDS.tobytes())
    operators = []
    for operator in graph.operators:
        if builtin_code(model, operator) != schema.BuiltinOperator.ROUND:
            operators.append(operator)
            continue
        source, target = operator.inputs[0], operator.outputs[0]
        between = _new_tensor(model, graph, list(graph.tensors[source].shape), None)
        operators.append(_binary(model, schema.BuiltinOperator.ADD, source, constant, between))
        operators.append(_binary(model, schema.BuiltinOperator.SUB, between, constant, target))
    graph.operators = operators
    for code in model.operatorCodes:
        if code.builtinCode == schema.BuiltinOperator.ROUND:  # of no operator any more, and still looked for
            code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.ADD
    return write_model(model)


def _new_tensor(model, graph, shape: list[int], content: bytes | None) -> int:
    buffer, tensor = schema.BufferT(), schema.TensorT()
    buffer.data = np.frombuffer(content, np.uint8) if content else None
    model.buffers.append(buffer)
    tensor.shape, tensor.type, tensor.name = shape, schema.TensorType.FLOAT32, f"added {len(graph.tensors)}"
    tensor.buffer = len(model.buffers) - 1
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _binary(model, builtin: int, first: int, second: int, result: int):
    code, operator = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = 1
    model.operatorCodes.append(code)
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = [int(first), int(second)], [int(result)]
    options = schema.AddOptionsT() if builtin == schema.BuiltinOperator.ADD else schema.SubOptionsT()
    operator.builtinOptions = options
    kind = schema.BuiltinOptions
    operator.builtinOptionsType = kind.AddOptions if builtin == schema.BuiltinOperator.ADD else kind.SubOptions
    return operator
