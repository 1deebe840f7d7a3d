"""Keras models in HDF5, as Keras 2 wrote them: configuration and weights, read without building anything from them.

Keras's own reader of this format rebuilds Lambda layers, that is code, even in safe mode before 3.11.3 (CVE-2025-9905).
So this reads the JSON and the arrays, and knows no class at all.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from signport.errors import SignportError

_LARGEST_WEIGHT = 2**26  # values; an LSTM of 1,024 units on 1,662 numbers has 11 million
_MOST_FRAMES = 1000  # each is a step of the unrolled graph
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class StoredLayer:
    """A layer of a file.

    Attributes:
        name: Its name.
        kind: Its class, such as `LSTM`; told from its weights where the file holds nothing else.
        config: Its settings; none where the file holds weights only.
        weights: Own name, such as `kernel` → float32 array.
    """

    name: str
    kind: str
    config: dict[str, Any]
    weights: dict[str, np.ndarray]


@dataclass(frozen=True)
class StoredModel:
    """What a file holds.

    Attributes:
        layers: In order.
        whole: Whether it says how they are built, or holds their weights only.
        frames: Length of a clip; None if the file does not say it.
    """

    layers: tuple[StoredLayer, ...]
    whole: bool
    frames: int | None


def read_legacy_h5(path: Path) -> StoredModel:
    """Reads `model.save('action.h5')`, or `model.save_weights('action.h5')` of Keras 2.

    Raises:
        SignportError: Not such a file, not a Sequential model, or a damaged one.
    """
    _check_magic(path)
    try:
        with h5py.File(path, "r") as file:
            whole = "model_config" in file.attrs
            weights = _weights(_member(file, "model_weights", path) if whole else file, path)
            if not whole:
                found = tuple(StoredLayer(name, _kind(own), {}, own) for name, own in weights.items() if own)
                return StoredModel(found, whole=False, frames=None)
            layers = _configured(json.loads(_text(file.attrs["model_config"])), weights, path)
            return StoredModel(layers, whole=True, frames=_frames(layers, path))
    except (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise SignportError(f"{path}: not a Keras model in HDF5, or damaged ({error}); save it again") from error


def _check_magic(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(len(_HDF5_MAGIC))
    except FileNotFoundError:
        raise SignportError(f"{path}: no such file; give the .h5 file of a Keras model") from None
    if magic != _HDF5_MAGIC:
        raise SignportError(f"{path}: not HDF5; in the old project: model.save('action.h5') with Keras 2 or 3")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _weights(group: h5py.Group, path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Layer → its weights by their own names, in the file's order."""
    if "layer_names" not in group.attrs:
        raise SignportError(
            f"{path}: weights as Keras 3 writes them; save the whole model in the old project: model.save('action.h5')"
        )
    return {name: _layer_weights(group, name, path) for name in map(_text, group.attrs["layer_names"])}


def _layer_weights(group: h5py.Group, layer: str, path: Path) -> dict[str, np.ndarray]:
    found = {}
    for name in map(_text, _member(group, layer, path).attrs["weight_names"]):
        stored = _member(group, f"{layer}/{name}", path)
        if stored.external is not None or stored.is_virtual or stored.size > _LARGEST_WEIGHT:
            raise SignportError(f"{path}: {layer}/{name}: {stored.shape}, too large or kept in another file; not read")
        values = np.asarray(stored[()], np.float32)
        if not np.isfinite(values).all():
            raise SignportError(f"{path}: {layer}/{name}: holds NaN or infinity; take a file from before it broke")
        found[name.rsplit("/", 1)[-1].split(":")[0]] = values
    return found


def _member(group: h5py.Group, name: str, path: Path) -> Any:
    """A group or dataset, without following links into other files."""
    at: Any = group
    for part in name.split("/"):
        if not isinstance(at.get(part, getlink=True), h5py.HardLink):
            raise SignportError(f"{path}: {name}: a link, not data; such files are not read")
        at = at[part]
    return at


def _configured(
    model: dict[str, Any], weights: dict[str, dict[str, np.ndarray]], path: Path
) -> tuple[StoredLayer, ...]:
    if model["class_name"] != "Sequential":
        raise SignportError(f"{path}: a {model['class_name']} model; only Sequential ones can be brought over")
    config = model["config"]
    entries: Sequence[dict[str, Any]] = config["layers"] if isinstance(config, dict) else config
    return tuple(
        StoredLayer(
            str(entry["config"]["name"]),
            str(entry["class_name"]),
            dict(entry["config"]),
            weights.get(str(entry["config"]["name"]), {}),
        )
        for entry in entries
    )


def _kind(weights: dict[str, np.ndarray]) -> str:
    names = set(weights)
    if {"gamma", "beta", "moving_mean", "moving_variance"} & names:
        return "BatchNormalization"
    if "recurrent_kernel" in names:
        units = len(weights["recurrent_kernel"])
        return "LSTM" if weights["recurrent_kernel"].shape == (units, 4 * units) else "a recurrent layer"
    return "Dense" if "kernel" in names and weights["kernel"].ndim == 2 else f"a layer with {', '.join(sorted(names))}"


def _frames(layers: Sequence[StoredLayer], path: Path) -> int | None:
    for layer in layers:
        shape = layer.config.get("batch_input_shape") or layer.config.get("batch_shape")
        if shape is not None and len(shape) == 3 and shape[1] is not None:
            if not 1 <= shape[1] <= _MOST_FRAMES:
                raise SignportError(f"{path}: clips of {shape[1]} frames; signport takes 1 to {_MOST_FRAMES}")
            return int(shape[1])
    return None
