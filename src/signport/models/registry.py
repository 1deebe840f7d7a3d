"""The families: everything the rest of the pipeline needs to know about a kind of model, in one entry each."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from signport.errors import SignportError
from signport.landmarks.mediapipe_runtime import quiet_native_log
from signport.models.gates import Gates

if TYPE_CHECKING:
    import keras

    from signport.datasets.cache import LandmarkCache


def _same(model: "keras.Model") -> "keras.Model":
    return model


def _nothing(_model: "keras.Model", _inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {}


@dataclass(frozen=True)
class Family:
    """A kind of model.

    Attributes:
        name: What recipes, runs and the command line call it.
        topology: The landmark layout it takes.
        config: Frozen dataclass of the model's settings: the recipe's `model` section.
        build: (config, number of classes) → compiled-free Keras model from raw inputs to class probabilities; its
            inputs are named, their names sort in the order of its signature.
        inputs: (cache, config) → the model's inputs by name, float32 (samples, …).
        adapt: Sets what a new model takes from its training inputs (name → float32 (samples, …)) before the first step,
            such as their mean; returns it by name, for `preprocess_params.npz`.
        deployed: Cuts the model that ships out of the model that was trained.
        output: What the shipped model answers: class probabilities or an embedding.
        formats: The formats that it is exported in, by their names in `export.convert.FORMATS`.
        gates: Tolerances of its exported files.
        fits_task: Whether its files go into a MediaPipe gesture bundle, and as what.
        describes: Input or output name → one sentence, for metadata and cards.
    """

    name: str
    topology: str
    config: type[Any]
    build: Callable[[Any, int], "keras.Model"]
    inputs: Callable[["LandmarkCache", Any], dict[str, np.ndarray]]
    adapt: Callable[["keras.Model", dict[str, np.ndarray]], dict[str, np.ndarray]] = _nothing
    deployed: Callable[["keras.Model"], "keras.Model"] = _same
    output: Literal["probabilities", "embedding"] = "probabilities"
    formats: tuple[str, ...] = ("float32", "float16", "dynamic", "int8")
    gates: Gates = field(default_factory=Gates)
    fits_task: Literal["head", "embedder"] | None = None
    describes: dict[str, str] = field(default_factory=dict)


# A family is one file that ends in `FAMILY = Family(...)`, and one line here.
_MODULES = {
    "mlp": "signport.models.mlp",
    "gesture_embedder": "signport.models.gesture_embedder",
    "gesture_head": "signport.models.gesture_head",
}


def family_names() -> tuple[str, ...]:
    """Names of all families, in the order in which they are documented."""
    return tuple(_MODULES)


def family_named(name: str) -> Family:
    """Returns a family; imports Keras.

    Raises:
        SignportError: There is no such family.
    """
    if name not in _MODULES:
        raise SignportError(f"family {name!r} is unknown; choose one of: {', '.join(_MODULES)}")
    with quiet_native_log():  # TensorFlow greets with errors about GPUs that nobody asked for
        family: Family = import_module(_MODULES[name]).FAMILY
    return family


def feed(model: "keras.Model", inputs: dict[str, np.ndarray]) -> Any:
    """`inputs` (name → array) in the form that this model takes: one array, or a list in the order of its inputs."""
    arrays = [inputs[tensor.name] for tensor in model.inputs]
    return arrays[0] if len(arrays) == 1 else arrays


def predict(model: "keras.Model", inputs: dict[str, np.ndarray], batch_size: int = 256) -> np.ndarray:
    """The model's answers, float32 (samples, …), without a progress bar."""
    answers: np.ndarray = model.predict(feed(model, inputs), batch_size=batch_size, verbose=0)
    return answers
