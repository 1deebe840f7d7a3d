"""Faults that a file or an export can have, put in on purpose: every target has to notice each of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from signport.export.convert import FORMATS, convert_graph, frozen_graph
from signport.export.flatbuffer import read_model, write_model
from signport.export.metadata import ModelInfo, append_labels, finish, read_labels
from signport.landmarks.topology import topology_named
from signport.quantization.deploy import deploy_form
from signport.training.run import Run


def edited(content: bytes, change: Callable[[Any], None]) -> bytes:
    """A `.tflite` after a change to its model (a `ModelT`), labels and all."""
    model = read_model(content)
    change(model)
    return append_labels(write_model(model), read_labels(content))


def _last_product(model: Any) -> Any:
    """The last operator with weights: it makes the logits. A third input, -1 where there is none, is the bias."""
    return [one for one in model.subgraphs[0].operators if len(one.inputs) == 3][-1]


def _stored(model: Any, number: int) -> Any:
    """The stored tensor behind an operator's input: in float16 files a DEQUANTIZE stands between the two."""
    graph = model.subgraphs[0]
    made_by = {int(one.outputs[0]): one for one in graph.operators}
    while model.buffers[graph.tensors[number].buffer].data is None:
        number = int(made_by[number].inputs[0])
    return graph.tensors[number]


def scale_weights(model: Any) -> None:
    """Scales the last layer's weights by 1.05: by their values where they are float, else by their scales."""
    tensor = _stored(model, _last_product(model).inputs[1])
    buffer = model.buffers[tensor.buffer]
    if tensor.quantization is not None and tensor.quantization.scale is not None:
        tensor.quantization.scale = [float(scale) * 1.05 for scale in tensor.quantization.scale]
        return
    kind = {0: np.float32, 1: np.float16}[tensor.type]
    weights = np.frombuffer(bytes(buffer.data), kind) * kind(1.05)
    buffer.data = np.frombuffer(weights.astype(kind).tobytes(), np.uint8)


def permute_outputs(model: Any) -> None:
    """Moves every row of the last layer's weights and bias on by one: class 0 answers for class 1, and so on."""
    for number in (number for number in _last_product(model).inputs[1:] if number >= 0):
        tensor = _stored(model, number)
        buffer = model.buffers[tensor.buffer]
        rows = np.frombuffer(bytes(buffer.data), np.uint8).reshape(int(tensor.shape[0]), -1)
        buffer.data = np.roll(rows, 1, axis=0).ravel()
        quantization = tensor.quantization
        if quantization is not None and quantization.scale is not None and len(quantization.scale) > 1:
            quantization.scale = np.roll(quantization.scale, 1).tolist()


def shift_zero_point(model: Any) -> None:
    """Lets the last layer read its int8 input as if its zero point were one less: the classic off-by-one.

    Moving the number in the file would change nothing, because what writes the tensor goes by it too. A layer with the
    wrong zero point adds the sum of its weights to every product, so that is added to its bias.
    """
    graph = model.subgraphs[0]
    last = _last_product(model)
    weights, bias = (graph.tensors[number] for number in last.inputs[1:])
    rows = np.frombuffer(bytes(model.buffers[weights.buffer].data), np.int8).reshape(int(weights.shape[0]), -1)
    buffer = model.buffers[bias.buffer]
    kind = {4: np.int32, 8: np.int64}[len(buffer.data) // len(rows)]
    moved = np.frombuffer(bytes(buffer.data), kind) + rows.sum(axis=1, dtype=kind)
    buffer.data = np.frombuffer(moved.tobytes(), np.uint8)


def fed_differently(run: Path, fault: str) -> bytes:
    """The float32 file of a sequence family whose graph prepares its input wrongly.

    Args:
        run: The trained run.
        fault: `swapped hands`: the left hand stands where the right one belongs, and the other way round.
            `wrong normalization`: x is a tenth too long, as if it were divided by another image's width.
    """
    import keras

    trained = Run.open(run)
    model = deploy_form(trained.family.deployed(trained.model()))
    topology = topology_named(trained.family.topology)
    order = np.arange(topology.num_points)
    left, right = topology.part("left_hand"), topology.part("right_hand")
    order[left], order[right] = np.arange(right.start, right.stop), np.arange(left.start, left.stop)
    landmarks = keras.Input(model.inputs[0].shape[1:], name="landmarks")
    changed = {
        "swapped hands": keras.ops.take(landmarks, order, axis=2),
        "wrong normalization": landmarks * keras.ops.array([1.1, 1.0, 1.0]),
    }
    faulty = keras.Model(landmarks, model(changed[fault]))
    info = ModelInfo("faulty", "made up", [("landmarks", "")], ("probabilities", ""), trained.classes)
    return finish(convert_graph(frozen_graph(faulty, quantized=False), FORMATS["float32"]), info)
