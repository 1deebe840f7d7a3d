"""What a live stream needs to know of an exported model: its card, read and checked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from signport.errors import SignportError, require_known
from signport.export.convert import FORMATS
from signport.export.export_folder import CARD_FILE, export_folder
from signport.export.live_frame import topology_of_size
from signport.files import read_json, sha256_bytes
from signport.landmarks.topology import Topology, topology_named
from signport.models.litert import LiteRtModel, require_runs

_LANDMARKS = "landmarks"
_HAND_PARTS = ("left_hand", "right_hand")


@dataclass(frozen=True)
class StreamCard:
    """A model that turns landmarks into class probabilities.

    Attributes:
        path: The `card.json`.
        classes: Class names in the order of the model's outputs.
        shape: Of its input: (1, frames, points, 3), or (1, points, 3) where it takes single frames.
        topology: Its landmark layout.
        clip_frames: How long the clips of its training data usually are; None if unknown.
        frame_rate: Their frames a second; None if unknown.
        digests: SHA-256 of the files that it describes.
    """

    path: Path
    classes: tuple[str, ...]
    shape: tuple[int, ...]
    topology: Topology
    clip_frames: int | None
    frame_rate: float | None
    digests: frozenset[str] = frozenset()

    @classmethod
    def read(cls, path: Path) -> "StreamCard":
        """Reads a `card.json`.

        Raises:
            SignportError: No card, or that of a model that a stream cannot feed.
        """
        card = read_json(path)
        try:
            inputs = [(entry["name"], tuple(int(size) for size in entry["shape"])) for entry in card["inputs"]]
            output, classes, name = card["output"], tuple(card["classes"]), card.get("topology")
            clip_frames, frame_rate = card.get("clip_frames"), card.get("frame_rate")
            digests = frozenset(str(entry.get("sha256")) for entry in card.get("files", {}).values())
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SignportError(f"{path}: no model card ({error!r}); run `signport export` again") from error
        if output != "probabilities" or [name for name, _ in inputs] != [_LANDMARKS]:
            takes = ", ".join(name for name, _ in inputs)
            raise SignportError(
                f"{path}: output: this model turns {takes} into {output}; a stream takes a model that turns "
                f"{_LANDMARKS} into probabilities"
            )
        shape = inputs[0][1]
        if len(shape) not in (3, 4) or shape[0] != 1 or shape[-1] != 3:
            raise SignportError(f"{path}: inputs: shape {list(shape)}; a stream takes [1, frames, points, 3]")
        topology = topology_named(name) if name else topology_of_size(shape[-2], f"{path}: inputs")
        return cls(path, classes, shape, topology, clip_frames, frame_rate, digests)

    @property
    def length(self) -> int:
        """Frames that the model takes."""
        return self.shape[1] if len(self.shape) == 4 else 1

    def hand_rows(self) -> np.ndarray:
        """Rows of the points that belong to a hand, int64."""
        if not self.topology.is_body:
            return np.arange(self.topology.num_points)
        return np.concatenate([np.arange(self.topology.num_points)[self.topology.part(name)] for name in _HAND_PARTS])

    def load(self, path: Path) -> LiteRtModel:
        """Loads the file that the card describes; one that it doesn't is tried in a process of its own before.

        Raises:
            SignportError: It is missing, damaged, or another model.
        """
        if path.is_file() and sha256_bytes(content := path.read_bytes()) not in self.digests:
            require_runs(content, path)
        model = LiteRtModel(path)
        if model.input_shapes != [self.shape] or model.output_shape != (1, len(self.classes)):
            raise SignportError(
                f"{path}: takes {model.input_shapes} and answers {model.output_shape}, but {self.path} says "
                f"{self.shape} and {len(self.classes)} classes; put the two of one export together"
            )
        return model


def model_file(source: Any, form: str) -> tuple[Path, Path]:
    """A model's `.tflite` and its card.

    Args:
        source: A run, its folder, a copy of its export folder, or a `.tflite` with its `card.json` beside it.
        form: The format, where it is not a `.tflite`.

    Raises:
        SignportError: Nothing was exported there, or there is no such format.
    """
    path = Path(getattr(source, "path", source))
    if path.suffix == ".tflite":
        return path, path.parent / CARD_FILE
    require_known("form", form, FORMATS)
    folder = export_folder(path)
    return folder / FORMATS[form].file_name, folder / CARD_FILE
