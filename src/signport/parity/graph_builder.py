"""Small `.tflite` graphs made by hand, operator by operator: models whose answers are known beforehand."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from signport.export.flatbuffer import write_model


@dataclass
class GraphBuilder:
    """A graph in the making.

    Attributes:
        description: What the file says of itself.
        model: As the schema has it.
    """

    description: str
    model: Any = field(default_factory=schema.ModelT)

    def __post_init__(self) -> None:
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = [], []
        self.model.version, self.model.description = 3, self.description
        self.model.subgraphs, self.model.operatorCodes, self.model.buffers = [graph], [], [schema.BufferT()]

    def tensor(
        self, shape: tuple[int, ...], kind: int, *, scale: Any = None, zero: int = 0, axis: int = 0, data: Any = None
    ) -> int:
        """Adds a tensor, a constant if it has data, and returns its index."""
        tensors = self.model.subgraphs[0].tensors
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = f"t{len(tensors)}", list(shape), kind
        if scale is not None:
            scales = np.atleast_1d(np.asarray(scale, np.float32))
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = scales
            tensor.quantization.zeroPoint = np.full(len(scales), zero, np.int64)
            tensor.quantization.quantizedDimension = axis
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        tensors.append(tensor)
        return len(tensors) - 1

    def add(self, name: str, inputs: list[int], output: int, *, version: int = 1, options: Any = None) -> int:
        """Adds an operator and returns its output."""
        code, operator = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
        self.model.operatorCodes.append(code)
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = inputs, [output]
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.model.subgraphs[0].operators.append(operator)
        return output

    def reshape(self, tensor: int, shape: tuple[int, ...]) -> int:
        """The same values in another shape."""
        source = self.model.subgraphs[0].tensors[tensor]
        old = source.quantization
        scale, zero = (None, 0) if old is None else (old.scale, int(old.zeroPoint[0]))
        output = self.tensor(shape, source.type, scale=scale, zero=zero)
        wanted = self.tensor((len(shape),), schema.TensorType.INT32, data=np.array(shape, np.int32))
        options = schema.ReshapeOptionsT()
        options.newShape = list(shape)
        return self.add("RESHAPE", [tensor, wanted], output, options=options)

    def finish(self, inputs: dict[str, int], output: int) -> bytes:
        """The file: input name → tensor, and the tensor that it answers."""
        graph = self.model.subgraphs[0]
        for name, tensor in inputs.items():
            graph.tensors[tensor].name = name
        graph.inputs, graph.outputs = list(inputs.values()), [output]
        return write_model(self.model)
