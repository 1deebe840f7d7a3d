"""What flows through a `.tflite`: the output of every operator for a few golden samples, kept beside the files.

With that on record it can be told later, of any file and without the trained model, at which operator it stops being
the file that was exported.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from signport.errors import SignportError
from signport.files import DAMAGED_ARRAY, write_npz

TENSORS_FILE = "tensors.npz"
SAMPLES = 2
_VALUES = 32


@dataclass(frozen=True)
class GraphTensor:
    """The first output of one operator.

    Attributes:
        index: The operator's number in the graph.
        operator: Its name, such as `FULLY_CONNECTED`.
        shape: Of the tensor, batch axis included.
        scale: Of its grid; 0 for a float tensor.
        values: float32 (samples, values): the whole tensor, flat and dequantized.
    """

    index: int
    operator: str
    shape: tuple[int, ...]
    scale: float
    values: np.ndarray

    def outline(self) -> np.ndarray:
        """float32 (samples, 34): mean, root mean square, and 32 values spread evenly over the tensor."""
        wide = self.values.astype(np.float64)
        places = np.linspace(0, wide.shape[1] - 1, _VALUES).round().astype(int)
        sums = np.stack([wide.mean(axis=1), np.sqrt(np.square(wide).mean(axis=1))], axis=1)
        return np.asarray(np.concatenate([sums, wide[:, places]], axis=1), np.float32)


def graph_tensors(content: bytes, inputs: Mapping[str, np.ndarray], samples: int = SAMPLES) -> list[GraphTensor]:
    """Runs a file in LiteRT's own kernels (no delegate keeps tensors) and takes every operator's first output.

    Args:
        content: The `.tflite`.
        inputs: Input name → float32 (samples, …).
        samples: How many of the first samples to run.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=content,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    details = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    nodes = interpreter._get_ops_details()  # noqa: SLF001  there is no public way
    outputs = [int(node["outputs"][0]) for node in nodes]
    values: list[list[np.ndarray]] = [[] for _ in outputs]
    for row in range(min(samples, len(next(iter(inputs.values()))))):
        interpreter.reset_all_variables()
        for detail in interpreter.get_input_details():
            interpreter.set_tensor(detail["index"], inputs[detail["name"]][row : row + 1])
        interpreter.invoke()
        for place, tensor in enumerate(outputs):
            values[place].append(_dequantized(interpreter.get_tensor(tensor), details[tensor]["quantization"]))
    return [
        GraphTensor(
            index=number,
            operator=node["op_name"],
            shape=tuple(int(size) for size in details[tensor]["shape"]),
            scale=float(details[tensor]["quantization"][0]),
            values=np.stack(values[number]),
        )
        for number, (node, tensor) in enumerate(zip(nodes, outputs, strict=True))
    ]


def _dequantized(values: np.ndarray, grid: tuple[float, int]) -> np.ndarray:
    flat = values.ravel().astype(np.float32)
    scale, zero_point = grid
    return (flat - np.float32(zero_point)) * np.float32(scale) if scale else flat


def write_outlines(folder: Path, files: Mapping[str, bytes], inputs: Mapping[str, np.ndarray]) -> None:
    """Writes `tensors.npz`: format → float32 (operators, samples, 34), every operator's `GraphTensor.outline`."""
    found = {form: [tensor.outline() for tensor in graph_tensors(content, inputs)] for form, content in files.items()}
    write_npz(folder / TENSORS_FILE, {form: np.stack(outlines) for form, outlines in found.items()})


def read_outlines(folder: Path, form: str) -> np.ndarray | None:
    """The outlines of a file, float32 (operators, samples, 34); None where they were not kept.

    Raises:
        SignportError: The file is damaged.
    """
    path = folder / TENSORS_FILE
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return np.asarray(arrays[form]) if form in arrays.files else None
    except DAMAGED_ARRAY as error:
        raise SignportError(f"{path}: damaged ({error}); run `signport export` again") from error
