"""Running a `.tflite` in this process with LiteRT, the reference runtime."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from signport.errors import SignportError
from signport.landmarks.mediapipe_runtime import quiet_native_log


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

        name = str(source) if isinstance(source, Path) else "model"
        if isinstance(source, Path) and not source.is_file():
            raise SignportError(f"{source}: no such .tflite file")
        try:
            content = source.read_bytes() if isinstance(source, Path) else source
            with quiet_native_log():
                self._interpreter = Interpreter(model_content=content, num_threads=1)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise SignportError(f"{name}: LiteRT cannot load it ({str(error).splitlines()[0]})") from error
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
        """
        answers = np.empty((len(inputs[0]), *self.output_shape[1:]), np.float32)
        for row in range(len(answers)):
            self._interpreter.reset_all_variables()
            for detail, values in zip(self._inputs, inputs, strict=True):
                self._interpreter.set_tensor(detail["index"], values[row : row + 1])
            self._interpreter.invoke()
            answers[row] = self._interpreter.get_tensor(self._output["index"])[0]
        return answers
