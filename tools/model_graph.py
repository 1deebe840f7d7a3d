"""A Keras model as a small graph for people: layers folded into boxes, repeated blocks kept once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import keras

from signport.models.preprocessing import Preprocessing

Kind = Literal["input", "preprocessing", "weights", "plain"]
# A layer that a recipe turned off.
_NO_DROPOUT = "dropout 0"
# These are written into the box of what they follow.
_FOLDED = ("BatchNormalization", "ReLU", "Dropout", "Softmax", "Activation")
_TITLES = {
    "BatchNormalization": "batch norm",
    "LayerNormalization": "layer norm",
    "ScaledDotProductAttention": "attention",
    "CausalDepthwiseConvolution": "depthwise conv",
    "InputLayer": "input",
    "ReLU": "ReLU",
    "LSTM": "LSTM",
}
# `block0_graph`, `block1a` and `stage0_block2_gate` say which repetition they belong to, outer one first.
_NUMBERED = re.compile(r"(?:^|_)[a-z]+(\d+)")


@dataclass
class Box:
    """One or more layers in a row.

    Attributes:
        name: The first layer's name: what `--keep` and `signport quantize debug` call it.
        lines: What the box says, a layer a line.
        kind: What the first layer is.
        shape: Of what comes out, without the batch.
        parents: Names of the boxes that it reads.
        blocks: What it is part of and which repetition of it, outer one first: (("stage", 0), ("stage0_block", 2)).
    """

    name: str
    lines: list[str]
    kind: Kind
    shape: tuple[int, ...]
    parents: list[str] = field(default_factory=list)
    blocks: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Graph:
    """What is drawn.

    Attributes:
        boxes: By name, each behind those that it reads.
        repeats: (Names of a block's boxes, how often the block comes), where that is more than once.
    """

    boxes: dict[str, Box]
    repeats: list[tuple[tuple[str, ...], int]]


def graph_of(model: keras.Model) -> Graph:
    """A model's boxes."""
    graph = Graph({box.name: box for box in _folded(_layers(model))}, [])
    for depth in (1, 0):
        graph = _once(graph, depth)
    return graph


def _layers(model: keras.Model) -> list[Box]:
    boxes = []
    for layer in model.layers:
        parents = [] if isinstance(layer, keras.layers.InputLayer) else [_maker(tensor) for tensor in _inputs(layer)]
        found = _NUMBERED.finditer(layer.name)
        blocks = tuple((layer.name[: number.start(1)], int(number[1])) for number in found)
        shape = tuple(int(size) for size in layer.output.shape[1:])
        boxes.append(Box(layer.name, [_title(layer)], _kind(layer), shape, list(dict.fromkeys(parents)), blocks))
    return boxes


def _inputs(layer: keras.layers.Layer) -> Iterable[Any]:
    # A mask travels beside the tensor that it belongs to; it is an edge too.
    return [tensor for node in layer._inbound_nodes for tensor in node.input_tensors]  # noqa: SLF001


def _maker(tensor: Any) -> str:
    return str(tensor._keras_history.operation.name)  # noqa: SLF001


def _kind(layer: keras.layers.Layer) -> Kind:
    if isinstance(layer, keras.layers.InputLayer):
        return "input"
    if isinstance(layer, Preprocessing):
        return "preprocessing"
    return "weights" if layer.weights else "plain"


def _title(layer: keras.layers.Layer) -> str:
    kind = type(layer).__name__
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).lower()
    title = _TITLES.get(kind, words)
    if kind in ("Dense", "LSTM"):
        return f"{title} {layer.units}"
    if kind == "Dropout":
        return f"dropout {layer.rate:g}".replace("0.", ".")
    if isinstance(layer, keras.layers.Conv2D):
        return f"conv {'×'.join(str(side) for side in layer.kernel_size)}, {layer.filters}"
    if hasattr(layer, "kernel_size"):
        return f"{title}, {layer.kernel_size}"
    return title


def _folded(boxes: list[Box]) -> list[Box]:
    """Writes layers without a choice of their own into the box that they follow."""
    into: dict[str, str] = {}
    readers = {box.name: sum(box.name in other.parents for other in boxes) for box in boxes}
    kept: dict[str, Box] = {}
    for box in boxes:
        parents = list(dict.fromkeys(into[parent] for parent in box.parents))
        alone = len(parents) == 1 and readers[box.parents[0]] == 1
        follows = any(box.lines[0].startswith(_TITLES.get(name, name.lower())) for name in _FOLDED)
        if alone and follows and kept[parents[0]].kind != "input":
            target = kept[parents[0]]
            target.lines += [line for line in box.lines if line != _NO_DROPOUT]
            into[box.name] = target.name
        else:
            box.parents = parents
            kept[box.name] = box
            into[box.name] = box.name
    return list(kept.values())


def _once(graph: Graph, depth: int) -> Graph:
    """Keeps one of several equal blocks in a row, and sends what read the last one to the one that stays."""
    blocks: dict[tuple[str, int], list[Box]] = {}
    for box in graph.boxes.values():
        if len(box.blocks) > depth:
            blocks.setdefault(box.blocks[depth], []).append(box)
    instead: dict[str, str] = {}
    counts: dict[tuple[str, int], int] = {}
    stays: tuple[str, int] | None = None
    before: list[Box] = []
    for key, members in blocks.items():
        follows = {box.name for box in before} & {parent for box in members for parent in box.parents}
        if stays is not None and follows and _looks(members) == _looks(blocks[stays]):
            instead.update({box.name: twin.name for box, twin in zip(members, blocks[stays], strict=True)})
            counts[stays] += 1
        else:
            stays = key
            counts[key] = 1
        before = members
    kept = {name: box for name, box in graph.boxes.items() if name not in instead}
    for box in kept.values():
        box.parents = list(dict.fromkeys(instead.get(parent, parent) for parent in box.parents))
    repeats = [(tuple(box.name for box in blocks[key]), count) for key, count in counts.items() if count > 1]
    return Graph(kept, [entry for entry in [*graph.repeats, *repeats] if entry[0][0] in kept])


def _looks(boxes: list[Box]) -> list[tuple[Any, ...]]:
    own = {box.name: place for place, box in enumerate(boxes)}
    return [(box.lines, box.shape, [own.get(parent) for parent in box.parents]) for box in boxes]
