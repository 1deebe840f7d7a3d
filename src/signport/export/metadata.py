"""TFLite metadata: names, author, version and labels inside the file itself, where MediaPipe looks for them.

Schema: MediaPipe's `metadata_schema.fbs`, from the installed wheel. Labels are a ZIP archive appended to the model, as
MediaPipe's own metadata writer does it, but with fixed times, so that the same model gives the same bytes.
"""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from signport.export.compact import compact
from signport.export.flatbuffer import (
    get_metadata,
    name_tensors,
    read_model,
    refusing_damaged,
    set_metadata,
    write_model,
)
from signport.files import DAMAGED_ZIP, ZIP_EPOCH
from signport.landmarks.mediapipe_runtime import import_mediapipe

METADATA_NAME = "TFLITE_METADATA"
_IDENTIFIER = b"M001"
LABELS_FILE = "labels.txt"
# What says of itself that it has more is damaged, or wants to fill the memory.
_MOST_LABEL_BYTES, _MOST_TENSORS = 1 << 24, 256


@dataclass(frozen=True)
class ModelInfo:
    """What a `.tflite` says of itself.

    Attributes:
        name: The model's name.
        description: One sentence.
        inputs: (name, description) of every input, in order.
        output: (name, description) of the output.
        labels: Class names; empty for an embedder.
        version: Of the model.
        author: Who made it.
        score_threshold: Classes below it are not reported by MediaPipe; None for a file that is no bundle's head.
    """

    name: str
    description: str
    inputs: Sequence[tuple[str, str]]
    output: tuple[str, str]
    labels: Sequence[str] = ()
    version: str = "1"
    author: str = "signport"
    score_threshold: float | None = None


def finish(content: bytes, info: ModelInfo) -> bytes:
    """A converted `.tflite` with float softmax, named inputs and output, a signature, metadata and labels, made small.

    Args:
        content: The converter's output, without appended files.
        info: What the file is to say.
    """
    model = read_model(content, info.name)
    float_softmax(model)
    name_tensors(model, [name for name, _ in info.inputs], info.output[0])
    model.description = info.description.encode()
    set_metadata(model, METADATA_NAME, _pack(info))
    compact(model)
    return append_labels(write_model(model), info.labels)


def append_labels(content: bytes, labels: Sequence[str]) -> bytes:
    """Appends `labels.txt`, one label a line, to a `.tflite`; without labels nothing is appended."""
    if not labels:
        return content
    stream = io.BytesIO(content)
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(LABELS_FILE, ZIP_EPOCH), "\n".join(labels) + "\n")
    return stream.getvalue()


def read_labels(content: bytes) -> list[str]:
    """The labels inside a `.tflite`; empty where it has none, or where the archive that holds them is damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if LABELS_FILE not in archive.namelist() or archive.getinfo(LABELS_FILE).file_size > _MOST_LABEL_BYTES:
                return []
            return archive.read(LABELS_FILE).decode().splitlines()
    except DAMAGED_ZIP:
        return []


@refusing_damaged()
def describe(content: bytes) -> dict[str, Any]:
    """The metadata of a `.tflite` as plain values; empty where it has none.

    Raises:
        SignportError: They are damaged.
    """
    packed = get_metadata(content, METADATA_NAME)
    if packed is None:
        return {}
    info = _schema().ModelMetadata.GetRootAsModelMetadata(bytearray(packed), 0)
    graph = info.SubgraphMetadata(0)
    inputs = range(min(graph.InputTensorMetadataLength(), _MOST_TENSORS))
    outputs = range(min(graph.OutputTensorMetadataLength(), _MOST_TENSORS))
    return {
        "name": _text(info.Name()),
        "description": _text(info.Description()),
        "version": _text(info.Version()),
        "author": _text(info.Author()),
        "inputs": [_text(graph.InputTensorMetadata(i).Name()) for i in inputs],
        "outputs": [_text(graph.OutputTensorMetadata(i).Name()) for i in outputs],
        "labels": read_labels(content),
    }


def _schema() -> Any:
    """MediaPipe's generated code for its metadata schema."""
    import_mediapipe()
    from mediapipe.tasks.metadata import metadata_schema_py_generated

    return metadata_schema_py_generated


def _text(value: bytes | str | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""


def _pack(info: ModelInfo) -> bytes:
    schema = _schema()
    graph = schema.SubGraphMetadataT()
    graph.inputTensorMetadata = [_tensor(name, description) for name, description in info.inputs]
    output = _tensor(*info.output)
    if info.labels:
        labels = schema.AssociatedFileT()
        labels.name = LABELS_FILE
        labels.description = "Class names, one a line, in the order of the scores."
        labels.type = schema.AssociatedFileType.TENSOR_AXIS_LABELS
        output.associatedFiles = [labels]
    if info.score_threshold is not None:
        options = schema.ScoreThresholdingOptionsT()
        options.globalScoreThreshold = info.score_threshold
        unit = schema.ProcessUnitT()
        unit.optionsType, unit.options = schema.ProcessUnitOptions.ScoreThresholdingOptions, options
        output.processUnits = [unit]
    graph.outputTensorMetadata = [output]
    model = schema.ModelMetadataT()
    model.name, model.description, model.version, model.author = info.name, info.description, info.version, info.author
    model.minParserVersion = "1.0.0"
    model.subgraphMetadata = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def _tensor(name: str, description: str) -> Any:
    schema = _schema()
    content = schema.ContentT()
    content.contentPropertiesType = schema.ContentProperties.FeatureProperties
    content.contentProperties = schema.FeaturePropertiesT()
    tensor = schema.TensorMetadataT()
    tensor.name, tensor.description, tensor.content = name, description, content
    return tensor


def float_softmax(model: Any) -> None:
    """Turns a final SOFTMAX (int8) → DEQUANTIZE into DEQUANTIZE → SOFTMAX (float), in place, if there is one.

    The converter always quantizes a softmax behind a quantized tensor; an int8 softmax knows 256 probabilities only
    and XNNPACK leaves it out of its graph.
    """
    graph = model.subgraphs[0]
    if len(graph.operators) < 2:
        return
    softmax, dequantize = graph.operators[-2:]
    codes = [model.operatorCodes[operator.opcodeIndex].builtinCode for operator in (softmax, dequantize)]
    if codes != [schema.BuiltinOperator.SOFTMAX, schema.BuiltinOperator.DEQUANTIZE]:
        return
    logits, probabilities, output = softmax.inputs[0], softmax.outputs[0], dequantize.outputs[0]
    between = graph.tensors[probabilities]
    between.type, between.quantization, between.name = schema.TensorType.FLOAT32, None, b"logits"
    dequantize.inputs, dequantize.outputs = [logits], [probabilities]
    softmax.inputs, softmax.outputs = [probabilities], [output]
    graph.operators[-2:] = [dequantize, softmax]
