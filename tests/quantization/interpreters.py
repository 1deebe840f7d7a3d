"""Running a `.tflite` sample by sample; as a script, with tflite-runtime, whose symbols and ai-edge-litert's clash.

The script reads names of folders, one a line. In each it finds `model.tflite` and `inputs.npz`; there it leaves
`outputs.npz`.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np


def answers(interpreter_type: Any, content: bytes, inputs: list[np.ndarray], **options: Any) -> list[np.ndarray]:
    """What a file with batch 1 answers.

    Args:
        interpreter_type: `Interpreter` of some runtime.
        content: The `.tflite`.
        inputs: float32 (samples, …) an input, in the file's order.
        options: For the interpreter.

    Returns:
        float32 (samples, …) an output, in the file's order.
    """
    interpreter = interpreter_type(model_content=content, num_threads=1, **options)
    interpreter.allocate_tensors()
    tensors = [detail["index"] for detail in interpreter.get_input_details()]
    outputs = [detail["index"] for detail in interpreter.get_output_details()]
    found: list[list[np.ndarray]] = [[] for _ in outputs]
    for sample in range(len(inputs[0])):
        for index, values in zip(tensors, inputs, strict=True):
            interpreter.set_tensor(index, values[sample : sample + 1])
        interpreter.invoke()
        for index, column in zip(outputs, found, strict=True):
            column.append(interpreter.get_tensor(index)[0])
    return [np.stack(column) for column in found]


def _serve() -> None:
    from tflite_runtime.interpreter import Interpreter

    for line in sys.stdin:
        folder = Path(line.strip())
        with np.load(folder / "inputs.npz", allow_pickle=False) as arrays:
            inputs = list(arrays.values())
        try:
            outputs = answers(Interpreter, (folder / "model.tflite").read_bytes(), inputs)
        except (RuntimeError, ValueError) as error:
            print(" ".join(str(error).split()), flush=True)
        else:
            np.savez(folder / "outputs.npz", *outputs)
            print("done", flush=True)


if __name__ == "__main__":
    _serve()
