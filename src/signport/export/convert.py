"""Deploy model → TFLite files, in a process of its own.

TensorFlow's converter logs from C++, can abort, and has been seen to run away with memory; a child process turns each
of these into one line. Run as `python -m signport.export.convert FAMILY FOLDER FORMAT…` with `floating.keras` and, for
quantized formats, `quantized.keras` in the folder.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signport.errors import SignportError
from signport.export.kept import settle_kept
from signport.export.packing import pack_int4

# What `convert` reads.
FLOATING, QUANTIZED, LOW_BITS = "floating.keras", "quantized.keras", "low_bits.keras"
MEMORY_LIMIT_BYTES = 24 << 30  # of address space, which TensorFlow maps freely; a runaway conversion passes it


@dataclass(frozen=True)
class Format:
    """One exported file.

    Attributes:
        name: As in `model_<name>.tflite`.
        quantized: Whether the graph carries fake quantization (full int8) or is in float.
        optimize: Whether the converter optimizes for size.
        float16: Whether weights are stored as float16.
        weight_bits: Of the weights of dense layers, where the graph is quantized.
    """

    name: str
    quantized: bool = False
    optimize: bool = False
    float16: bool = False
    weight_bits: int = 8

    @property
    def file_name(self) -> str:
        return f"model_{self.name}.tflite"

    @property
    def source(self) -> str:
        """The saved model that it is made from."""
        if not self.quantized:
            return FLOATING
        return QUANTIZED if self.weight_bits == 8 else LOW_BITS

    @property
    def optional(self) -> bool:
        """Whether it is made for recipes that ask for it only, and not by every runtime understood."""
        return self.weight_bits < 8

    @property
    def command(self) -> str:
        """What makes it."""
        return f"signport export --{self.name}" if self.optional else "signport export"


FORMATS = {
    form.name: form
    for form in (
        Format("float32"),
        Format("float16", optimize=True, float16=True),
        Format("dynamic", optimize=True),
        Format("int8", quantized=True, optimize=True),
        Format("int4", quantized=True, optimize=True, weight_bits=4),
    )
}
ALWAYS = tuple(name for name, form in FORMATS.items() if not form.optional)


def convert(family: str, folder: Path, formats: Sequence[str] = ALWAYS) -> None:
    """Writes `model_<format>.tflite` for every format into `folder`.

    Args:
        family: Name of the kind of model.
        folder: Holds `floating.keras`, the saved deploy form of the float model, and, where a format is quantized,
            `quantized.keras`, the saved deploy model that was calibrated and fine-tuned, or for int4 `low_bits.keras`.
        formats: Names in `FORMATS`.

    Raises:
        SignportError: The converter failed; the message carries its last words.
    """
    command = [sys.executable, "-m", "signport.export.convert", family, str(folder), *formats]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    child = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if child.returncode:
        words = (child.stderr.strip() or child.stdout.strip() or "no message").splitlines()[-1]
        raise SignportError(f"{family}: TensorFlow's converter failed with status {child.returncode}: {words}")
    for form in (FORMATS[name] for name in formats if FORMATS[name].quantized):
        path = folder / form.file_name
        content = settle_kept(path.read_bytes())
        path.write_bytes(pack_int4(content) if form.weight_bits == 4 else content)


def frozen_graph(model: Any, quantized: bool) -> tuple[Any, Any]:
    """The model as a function with batch 1, weights and ranges as constants; and what tracks variables still in it."""
    import keras
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    from signport.quantization.fake_quant import Phase, constant, in_phase
    from signport.quantization.layers.recurrent import FusedLstm

    signature = [tf.TensorSpec([1, *tensor.shape[1:]], tf.float32, name=tensor.name) for tensor in model.inputs]
    # Freezing, which folds best, would also write out the function that the converter fuses.
    fused = [layer for layer in model.layers if isinstance(layer, FusedLstm)]
    for layer in fused:
        layer.settle()
    values = [(variable, constant(variable)) for variable in model.variables] if fused else []

    def answer(*inputs: Any) -> Any:
        with keras.StatelessScope(state_mapping=values):
            return model(inputs[0] if len(inputs) == 1 else list(inputs), training=False)

    with in_phase(Phase.EXPORT if quantized else Phase.FLOAT):
        function = tf.function(answer, input_signature=signature, autograph=False).get_concrete_function()
    if fused:
        return function, model
    return convert_variables_to_constants_v2(function, lower_control_flow=False), None


def convert_graph(graph: tuple[Any, Any], form: Format) -> bytes:
    """What TensorFlow's converter makes of a `frozen_graph`."""
    import tensorflow as tf

    function, tracking = graph
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], tracking)
    if form.optimize:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if form.optimize and not form.quantized:
        # Dynamic-range weights per channel are FULLY_CONNECTED version 12, which tflite-runtime 2.14 does not load.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # noqa: SLF001
    if form.float16:
        converter.target_spec.supported_types = [tf.float16]
    content: bytes = converter.convert()
    return content


def _main(family: str, folder: str, *formats: str) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    # Keras imports them where it finds them, for wrappers and plots that a converter has no use for: 2 s an export.
    sys.modules.update(dict.fromkeys(("sklearn", "matplotlib")))  # type: ignore[arg-type]
    import keras

    import signport.quantization.layers  # noqa: F401  registers the layers that the files name
    from signport.models.registry import family_named

    family_named(family)
    graphs: dict[str, tuple[Any, Any]] = {}
    for form in (FORMATS[name] for name in formats):
        if form.source not in graphs:
            model = keras.saving.load_model(Path(folder) / form.source, compile=False, safe_mode=True)
            graphs[form.source] = frozen_graph(model, form.quantized)
        (Path(folder) / form.file_name).write_bytes(convert_graph(graphs[form.source], form))


if __name__ == "__main__":
    _main(*sys.argv[1:])
