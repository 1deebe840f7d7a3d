"""One float graph → files by every quantizer there is, in a process of its own.

Run as `python -m signport.export.baseline_convert FAMILY FOLDER WAY…`. In the folder are `floating.keras`, the deploy
form of the float model; for ways that fine-tune, `<way>.keras`; `calibration.npz`, samples that ranges are measured on;
and `head.json`, the names of the layers before the first quantized one. Writes `<way>.tflite`, or `<way>.txt`, which
says why not. So all of them start from the same folded graph and the same samples.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from signport.export.convert import FLOATING, FORMATS, MEMORY_LIMIT_BYTES, convert_graph, frozen_graph
from signport.export.flatbuffer import name_tensors, read_model, write_model
from signport.export.kept import settle_kept

CALIBRATION, HEAD, FUSED = "calibration.npz", "head.json", "fused.keras"
_INSTALL = "skipped: pip install 'signport[baselines]'"
_REASON_LENGTH = 200
# Of all ways of a run together; the longest seen, a full-size ST-GCN's, is a tenth of it.
_TIME_LIMIT_SECONDS = 3600
# Keras numbers a layer's scope when a model is called again: `features_1/sub` is an operation of the layer `features`.
_NUMBER = re.compile(r"_\d+$")
# Where in TensorFlow's or the graph's source it happened: `<unknown>:0: error: loc(…): `, `kernels/add.cc:87 `.
_SOURCE_PLACE = re.compile(r"<unknown>:\d+: |\berror: |\bloc\(.*\): |\S*\.(?:cc|h|py):\d+:? ")
_TELLING = re.compile(r"error|fatal|failed|abort|terminat|memory|not ", re.IGNORECASE)


def convert_ways(family: str, folder: Path, ways: Sequence[str]) -> dict[str, bytes | str]:
    """Makes every way's file from a folder as described above.

    A converter that aborts, or never ends, takes down its process only: that way gets its last words, and the next ones
    a new process.

    Returns:
        Way → the file, or one line that says why there is none.
    """
    made: dict[str, bytes | str] = {}
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    while pending := [way for way in ways if way not in made]:
        command = [sys.executable, "-m", "signport.export.baseline_convert", family, str(folder), *pending]
        end = _end_of(command, environment)
        for way in pending:
            if (folder / f"{way}.tflite").is_file():
                made[way] = (folder / f"{way}.tflite").read_bytes()
            elif (folder / f"{way}.txt").is_file():
                made[way] = (folder / f"{way}.txt").read_text(encoding="utf-8")
            else:
                made[way] = end
                break
    return made


def _end_of(command: list[str], environment: dict[str, str]) -> str:
    """Runs a converter's process and says in one line how it ended."""
    try:
        child = subprocess.run(
            command, capture_output=True, text=True, env=environment, check=False, timeout=_TIME_LIMIT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"the converter was stopped after {_TIME_LIMIT_SECONDS} s"
    return one_line(f"the converter ended with status {child.returncode}: {_last_words(child.stderr)}")


def _last_words(stderr: str) -> str:
    """The last line that says something: stack traces from C++ and warnings come after what went wrong."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    return (telling or lines or ["no message"])[-1]


def one_line(message: str) -> str:
    """A converter's message, of which the first line says what is wrong, cut to what a table bears."""
    lines = [_SOURCE_PLACE.sub("", line.strip()) for line in message.strip().splitlines() if line.strip()]
    words = lines[0] if lines else "no message"
    return words if len(words) <= _REASON_LENGTH else f"{words[: _REASON_LENGTH - 1]}…"


class _Source:
    """What all ways start from."""

    def __init__(self, family: str, folder: Path):
        from signport.models.registry import family_named

        family_named(family)  # registers the layers of its head
        self.folder = folder
        with np.load(folder / CALIBRATION, allow_pickle=False) as arrays:
            self.samples = {name: arrays[name] for name in arrays.files}
        self.head: list[str] = json.loads((folder / HEAD).read_text(encoding="utf-8"))

    @cache  # noqa: B019  lives as long as the process
    def graph(self, file: str, quantized: bool = False) -> tuple[Any, Any]:
        """A saved deploy model, as the converter takes it."""
        import keras

        import signport.quantization.layers  # noqa: F401  registers the layers that the file names

        return frozen_graph(keras.saving.load_model(self.folder / file, compile=False, safe_mode=True), quantized)

    @cache  # noqa: B019
    def float32(self, file: str) -> bytes:
        """A float graph as a `.tflite` whose inputs carry their names."""
        model = read_model(convert_graph(self.graph(file), FORMATS["float32"]))
        name_tensors(model, list(self.samples), "output")
        return write_model(model)

    def rows(self) -> Iterator[list[np.ndarray]]:
        """The calibration samples one by one, in the order of the graph's inputs."""
        for row in range(len(next(iter(self.samples.values())))):
            yield [values[row : row + 1] for values in self.samples.values()]

    def head_tensors(self, file: str) -> list[str]:
        """Names of the tensors that a float graph's head computes."""
        graph = read_model(self.float32(file)).subgraphs[0]
        names = [graph.tensors[operator.outputs[0]].name.decode() for operator in graph.operators]
        return [name for name in names if self._is_of_head(name)]

    def _is_of_head(self, tensor: str) -> bool:
        """Whether all operations that were fused into a tensor (`model/layer/op;…`) belong to layers of the head."""
        layers = [part.split("/")[1] for part in tensor.split(";") if "/" in part]
        return bool(layers) and all(one in self.head or _NUMBER.sub("", one) in self.head for one in layers)


def _float(form: str, file: str = FLOATING) -> Callable[[_Source], bytes]:
    return lambda source: convert_graph(source.graph(file), FORMATS[form])


def _trained(way: str) -> Callable[[_Source], bytes]:
    return lambda source: settle_kept(convert_graph(source.graph(f"{way}.keras", quantized=True), FORMATS["int8"]))


def _converter(source: _Source, file: str) -> Any:
    """TensorFlow's post-training quantizer: all that it can in int8."""
    import tensorflow as tf

    function, tracking = source.graph(file)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], tracking)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = source.rows
    return converter


def _whole_graph(source: _Source) -> bytes:
    content: bytes = _converter(source, FLOATING).convert()
    return content


def _float_head(file: str) -> Callable[[_Source], bytes]:
    """The head in float, as ours: the selective quantization of TensorFlow's debugger."""

    def make(source: _Source) -> bytes:
        import tensorflow as tf

        debugging = tf.lite.experimental
        options = debugging.QuantizationDebugOptions(denylisted_nodes=source.head_tensors(file))
        debugger = debugging.QuantizationDebugger(
            converter=_converter(source, file), debug_dataset=source.rows, debug_options=options
        )
        return bytes(debugger.get_nondebug_quantized_model())

    return make


def _sixteen_bits(source: _Source) -> bytes:
    """int16 activations, int8 weights; the converter knows no float head here."""
    import tensorflow as tf

    converter = _converter(source, FLOATING)
    sixteen = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    converter.target_spec.supported_ops = [sixteen, tf.lite.OpsSet.TFLITE_BUILTINS]
    content: bytes = converter.convert()
    return content


def _ai_edge(activation_bits: int | None) -> Callable[[_Source], bytes]:
    """ai-edge-quantizer: int8 weights, activations in `activation_bits` with head and edges in float, or dynamic."""

    def make(source: _Source) -> bytes:
        from ai_edge_quantizer import algorithm_manager, calibrator, qtyping, quantizer, recipe_manager

        recipe, operations = recipe_manager.RecipeManager(), qtyping.TFLOperationName
        if activation_bits is None:
            recipe.add_dynamic_config(".*", operations.ALL_SUPPORTED, 8)
            return bytes(
                _quantized(quantizer.Quantizer(source.float32(FLOATING), recipe.get_quantization_recipe()), None)
            )
        recipe.add_static_config(".*", operations.ALL_SUPPORTED, activation_bits, 8)
        in_float = {"algorithm_key": algorithm_manager.AlgorithmName.NO_QUANTIZE}
        recipe.add_quantization_config(".*", operations.INPUT, **in_float)
        recipe.add_quantization_config(".*", operations.OUTPUT, **in_float)
        if names := source.head_tensors(FLOATING):
            head = "|".join(f"^{re.escape(name)};?$" for name in names)
            recipe.add_quantization_config(head, operations.ALL_SUPPORTED, **in_float)
        edge = quantizer.Quantizer(source.float32(FLOATING), recipe.get_quantization_recipe())
        samples = [dict(zip(source.samples, row, strict=True)) for row in source.rows()]
        # The other mode, which keeps all tensors, reads tensors of an unrolled LSTM that XNNPACK never allocates.
        mode = calibrator.CalibrationMode.CALIBRATION_PROFILER_BASED
        return _quantized(edge, edge.calibrate({"serving_default": samples}, num_threads=1, mode=mode))

    return make


def _quantized(edge: Any, ranges: Any) -> bytes:
    return inline_buffers(bytes(edge.quantize(ranges).quantized_model))


def inline_buffers(content: bytes) -> bytes:
    """A `.tflite` with its constants inside the flatbuffer.

    ai-edge-quantizer puts those of some models behind it (schema.fbs, `Buffer.offset`), which is for files above 2 GB,
    and whoever packs the model anew leaves them there.
    """
    model = read_model(content)
    outside = [buffer for buffer in model.buffers if buffer.size]
    for buffer in outside:
        buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
        buffer.offset = buffer.size = 0
    return write_model(model) if outside else content


_MAKERS: dict[str, Callable[[_Source], bytes]] = {
    "float32": _float("float32"),
    "float16": _float("float16"),
    "dynamic": _float("dynamic"),
    "ptq_whole": _whole_graph,
    "ptq": _float_head(FLOATING),
    "ptq_16x8": _sixteen_bits,
    "ai_edge_dynamic": _ai_edge(None),
    "ai_edge": _ai_edge(8),
    "ai_edge_16x8": _ai_edge(16),
    "calibrated": _trained("calibrated"),
    "qat": _trained("qat"),
    "tfmot": _trained("tfmot"),
    "fused_float32": _float("float32", FUSED),
    "fused_ptq": _float_head(FUSED),
}


def _main(family: str, folder: str, *ways: str) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    make_ways(_Source(family, Path(folder)), ways)


def make_ways(source: _Source, ways: Sequence[str]) -> None:
    """Writes each way's file, or why there is none."""
    for way in ways:
        try:
            content = _MAKERS[way](source)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "ai_edge_quantizer":
                raise
            (source.folder / f"{way}.txt").write_text(_INSTALL, encoding="utf-8")
        # Converters raise whatever they like; the report carries its first line and goes on.
        except Exception as error:  # noqa: BLE001
            words = one_line(str(error).strip() or type(error).__name__)
            (source.folder / f"{way}.txt").write_text(words, encoding="utf-8")
        else:
            (source.folder / f"{way}.tflite").write_bytes(content)


if __name__ == "__main__":
    _main(*sys.argv[1:])
