"""LiteRT's CompiledModel, the successor of the Interpreter, behind those of the Interpreter's methods that we use."""

from typing import Any

import numpy as np
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.options import CpuOptions, Options

_SIGNATURE = 0


class Interpreter:
    """A `.tflite` compiled for the CPU."""

    def __init__(self, model_path: str, num_threads: int) -> None:
        options = Options(cpu_options=CpuOptions(num_threads=num_threads))
        self._model = CompiledModel.from_file(model_path, options=options)
        signature = self._model.get_signature_by_index(_SIGNATURE)
        key = signature["key"]
        self._inputs = _details(signature["inputs"], self._model.get_input_tensor_details(key))
        self._outputs = _details(signature["outputs"], self._model.get_output_tensor_details(key))
        self._in, self._out = (
            self._model.create_input_buffers(_SIGNATURE),
            self._model.create_output_buffers(_SIGNATURE),
        )

    def allocate_tensors(self) -> None:
        """Compiling has done it."""

    def reset_all_variables(self) -> None:
        """A compiled model has no state: it refuses files with variable tensors."""

    def get_input_details(self) -> list[dict[str, Any]]:
        """Name, shape, dtype and index of every input, in the order of the signature."""
        return self._inputs

    def get_output_details(self) -> list[dict[str, Any]]:
        """The same of every output."""
        return self._outputs

    def set_tensor(self, index: int, values: np.ndarray) -> None:
        """Copies an input, batch axis included."""
        self._in[index].write(values)

    def invoke(self) -> None:
        """Runs the model."""
        self._model.run_by_index(_SIGNATURE, self._in, self._out)

    def get_tensor(self, index: int) -> np.ndarray:
        """A copy of an output, batch axis included."""
        detail = self._outputs[index]
        values: np.ndarray = self._out[index].read(int(np.prod(detail["shape"])), detail["dtype"])
        return values.reshape(detail["shape"])


def _details(names: list[str], told: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"name": name, "index": index, "shape": told[name]["shape"], "dtype": np.dtype(told[name]["dtype"]).type}
        for index, name in enumerate(names)
    ]
