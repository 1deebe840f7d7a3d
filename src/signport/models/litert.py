"""Running a `.tflite` in this process with LiteRT, the reference runtime.

LiteRT verifies a file's structure before it takes it, but not its sense: a few files with a wrong operator or shape
crash its kernels, and the process with them. What comes from elsewhere is tried in a process of its own first, by
`require_runs`, which runs this module.
"""

import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from signport.errors import SignportError, first_line
from signport.landmarks.mediapipe_runtime import quiet_native_log

_LONGEST_RUN_S = 60
_MOST_VALUES = 1 << 24


class LiteRtModel:
    """A `.tflite` with batch 1, run sample by sample, as apps do.

    Attributes:
        input_shapes: Shape of every input, batch axis included, in the file's order.
        output_shape: Shape of the first output, batch axis included.
    """

    def __init__(self, source: Path | bytes):
        """Loads a model from a file or from memory.

        Raises:
            SignportError: The file is missing or is no TFLite model.
        """
        from ai_edge_litert.interpreter import Interpreter

        self._name = name = str(source) if isinstance(source, Path) else "model"
        if isinstance(source, Path) and not source.is_file():
            raise SignportError(f"{source}: no such .tflite file")
        try:
            content = source.read_bytes() if isinstance(source, Path) else source
            with quiet_native_log():
                self._interpreter = Interpreter(model_content=content, num_threads=1)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, IndexError) as error:
            raise SignportError(f"{name}: LiteRT cannot load it ({first_line(error)})") from error
        self._inputs = self._interpreter.get_input_details()
        self._output = self._interpreter.get_output_details()[0]
        self.input_shapes = [tuple(int(size) for size in detail["shape"]) for detail in self._inputs]
        self.output_shape = tuple(int(size) for size in self._output["shape"])

    def predict(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """Answers sample by sample.

        Args:
            inputs: One float32 array (samples, …) an input, in the file's order.

        Returns:
            float32 (samples, …), the first output.

        Raises:
            SignportError: LiteRT cannot run it.
        """
        answers = np.empty((len(inputs[0]), *self.output_shape[1:]), np.float32)
        try:
            for row in range(len(answers)):
                self._interpreter.reset_all_variables()
                for detail, values in zip(self._inputs, inputs, strict=True):
                    self._interpreter.set_tensor(detail["index"], values[row : row + 1])
                self._interpreter.invoke()
                answers[row] = self._interpreter.get_tensor(self._output["index"])[0]
        except (ValueError, RuntimeError, IndexError) as error:
            raise SignportError(f"{self._name}: LiteRT cannot run it ({first_line(error)})") from error
        return answers


def require_runs(content: bytes, name: str | Path) -> None:
    """Lets a process of its own load a `.tflite` and run it once on zeros, before this process does.

    Args:
        content: The `.tflite`.
        name: What the message calls it.

    Raises:
        SignportError: LiteRT refuses it, crashes on it, or does not come to an end.
    """
    try:
        ended = subprocess.run(
            [sys.executable, "-m", __name__], input=content, capture_output=True, check=False, timeout=_LONGEST_RUN_S
        )
    except subprocess.TimeoutExpired:
        raise SignportError(f"{name}: LiteRT needs more than {_LONGEST_RUN_S} s to run it; give another file") from None
    if ended.returncode < 0:
        why = f"signal {-ended.returncode}"
        raise SignportError(f"{name}: LiteRT crashes on it ({why}): damaged, or made to; give another file")
    if ended.returncode:
        lines = ended.stderr.decode(errors="replace").splitlines() or [f"exit status {ended.returncode}"]
        raise SignportError(f"{name}: {lines[-1].removeprefix('model: ')}")


def run_on_zeros(content: bytes) -> None:
    """Loads a `.tflite` and runs it once on zeros; raises as `LiteRtModel`."""
    model = LiteRtModel(content)
    if sum(math.prod(shape) for shape in model.input_shapes) > _MOST_VALUES:
        raise SignportError(f"model: takes inputs of shape {model.input_shapes}, more than any model of landmarks")
    model.predict([np.zeros(shape, np.float32) for shape in model.input_shapes])


def main() -> None:
    """Tries the model on standard input."""
    try:
        run_on_zeros(sys.stdin.buffer.read())
    except (SignportError, MemoryError) as error:
        print(str(error) or "it takes more memory than there is", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
