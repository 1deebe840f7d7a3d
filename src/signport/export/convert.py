"""Deploy model → TFLite files, in a process of its own.

TensorFlow's converter logs from C++, can abort, and has been seen to run away with memory; a child process turns each
of these into one line. Run as `python -m signport.export.convert FLOAT.keras QUANTIZED.keras FOLDER`.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signport.errors import SignportError

_MEMORY_LIMIT_BYTES = 24 << 30  # of address space, which TensorFlow maps freely; a runaway conversion passes it


@dataclass(frozen=True)
class Format:
    """One exported file.

    Attributes:
        name: As in `model_<name>.tflite`.
        quantized: Whether the graph carries fake quantization (full int8) or is in float.
        optimize: Whether the converter optimizes for size.
        float16: Whether weights are stored as float16.
    """

    name: str
    quantized: bool = False
    optimize: bool = False
    float16: bool = False

    @property
    def file_name(self) -> str:
        return f"model_{self.name}.tflite"


FORMATS = {
    form.name: form
    for form in (
        Format("float32"),
        Format("float16", optimize=True, float16=True),
        Format("dynamic", optimize=True),
        Format("int8", quantized=True, optimize=True),
    )
}


def convert(floating: Path, quantized: Path, folder: Path) -> None:
    """Writes `model_<format>.tflite` for every format into `folder`.

    Args:
        floating: The saved deploy form (`.keras`) of the float model.
        quantized: The saved deploy model (`.keras`) that was calibrated and fine-tuned.
        folder: An existing folder.

    Raises:
        SignportError: The converter failed; the message carries its last words.
    """
    command = [sys.executable, "-m", "signport.export.convert", str(floating), str(quantized), str(folder)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    child = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if child.returncode:
        words = (child.stderr.strip() or child.stdout.strip() or "no message").splitlines()[-1]
        raise SignportError(f"{quantized}: TensorFlow's converter failed with status {child.returncode}: {words}")


def _concrete_function(model: Any, quantized: bool) -> Any:
    """The model as a frozen graph with batch 1, weights and ranges as constants."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    from signport.quantization.fake_quant import Phase, in_phase

    signature = [tf.TensorSpec([1, *tensor.shape[1:]], tf.float32, name=tensor.name) for tensor in model.inputs]

    def answer(*inputs: Any) -> Any:
        return model(inputs[0] if len(inputs) == 1 else list(inputs), training=False)

    with in_phase(Phase.EXPORT if quantized else Phase.FLOAT):
        function = tf.function(answer, input_signature=signature, autograph=False).get_concrete_function()
    return convert_variables_to_constants_v2(function, lower_control_flow=False)


def _convert_one(function: Any, form: Format) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    if form.optimize:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if form.optimize and not form.quantized:
        # Dynamic-range weights per channel are FULLY_CONNECTED version 12, which tflite-runtime 2.14 does not load.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # noqa: SLF001
    if form.float16:
        converter.target_spec.supported_types = [tf.float16]
    content: bytes = converter.convert()
    return content


def _main(floating: str, quantized: str, folder: str) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT_BYTES, _MEMORY_LIMIT_BYTES))
    import keras

    import signport.models.gesture_embedder
    import signport.quantization.layers  # noqa: F401  registers the layers that the files name

    functions = {
        wanted: _concrete_function(keras.saving.load_model(path, compile=False, safe_mode=True), wanted)
        for wanted, path in ((False, floating), (True, quantized))
    }
    for form in FORMATS.values():
        (Path(folder) / form.file_name).write_bytes(_convert_one(functions[form.quantized], form))


if __name__ == "__main__":
    _main(*sys.argv[1:])
