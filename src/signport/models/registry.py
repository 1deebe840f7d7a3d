"""The families: everything the rest of the pipeline needs to know about a kind of model, in one entry each."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from signport.datasets.augmentation import Augmentation
from signport.errors import SignportError, require_known
from signport.landmarks.mediapipe_runtime import quiet_native_log
from signport.landmarks.topology import topology_named
from signport.models.gates import LSTM_GATES, MLP_GATES, SEQUENCE_GATES, Gates

if TYPE_CHECKING:
    import keras

    from signport.datasets.cache import LandmarkCache


# Of an inference step: hands fit by the hundreds; of 300 frames of a body, with some 20 times as many activations in a
# graph convolution, it is 39.
_LARGEST_BATCH, _SMALLEST_BATCH = 256, 8
_VALUES_A_STEP = 2**21


def _same(model: "keras.Model") -> "keras.Model":
    return model


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
        augmentation: Frozen dataclass of how training samples are augmented: the recipe's `data.augmentation` section.
            Its `variants(cache, seed)` are what an epoch goes over, its `on_the_fly(topology)` what happens to batches.
        adapt: Sets what a new model takes from its training inputs (name → float32 (samples, …)) before the first step,
            such as their mean; returns it by name, for `preprocess_params.npz`. None: it takes nothing.
        deployed: Cuts the model that ships out of the model that was trained.
        output: What the shipped model answers: class probabilities or an embedding.
        fits_task: Whether its files go into a MediaPipe gesture bundle, and as what.
        describes: Input or output name → one sentence, for metadata and cards.
    """

    name: str
    topology: str
    config: type[Any]
    build: Callable[[Any, int], "keras.Model"]
    inputs: Callable[["LandmarkCache", Any], dict[str, np.ndarray]]
    augmentation: type[Any] = Augmentation
    adapt: Callable[["keras.Model", dict[str, np.ndarray]], dict[str, np.ndarray]] | None = None
    deployed: Callable[["keras.Model"], "keras.Model"] = _same
    output: Literal["probabilities", "embedding"] = "probabilities"
    fits_task: Literal["head", "embedder"] | None = None
    describes: dict[str, str] = field(default_factory=dict)

    @property
    def gates(self) -> Gates:
        """Tolerances of its exported files."""
        return gates_of(self.name)


# A family is one file, `signport/models/<name>.py`, that ends in `FAMILY = Family(...)`, and one line here: the
# tolerances of its exported files, which judging them needs and Keras not.
_GATES = {
    "mlp": MLP_GATES,
    "gesture_embedder": Gates(),
    "gesture_head": Gates(),
    "lstm": LSTM_GATES,
    "transformer": SEQUENCE_GATES,
    "stgcn": SEQUENCE_GATES,
    "conv_transformer": SEQUENCE_GATES,
}


def family_names() -> tuple[str, ...]:
    """Names of all families, in the order in which they are documented."""
    return tuple(_GATES)


def gates_of(name: str) -> Gates:
    """A family's gates, without Keras.

    Raises:
        SignportError: There is no such family.
    """
    require_known("family", name, _GATES)
    return _GATES[name]


def family_named(name: str) -> Family:
    """Returns a family; imports Keras.

    Raises:
        SignportError: There is no such family.
    """
    require_known("family", name, _GATES)
    with quiet_native_log():  # TensorFlow greets with errors about GPUs that nobody asked for
        family: Family = import_module(f"signport.models.{name}").FAMILY
    return family


def feed(model: "keras.Model", inputs: dict[str, np.ndarray]) -> Any:
    """`inputs` (name → array) in the form that this model takes: one array, or a list in the order of its inputs."""
    arrays = [inputs[tensor.name] for tensor in model.inputs]
    return arrays[0] if len(arrays) == 1 else arrays


def inference_batch(model: "keras.Model") -> int:
    """Samples a step where nothing is learnt: many, but not so many that a long sequence's activations fill memory."""
    values = sum(math.prod(size or 1 for size in tensor.shape[1:]) for tensor in model.inputs)
    return int(min(_LARGEST_BATCH, max(_SMALLEST_BATCH, _VALUES_A_STEP // values)))


def predict(model: "keras.Model", inputs: dict[str, np.ndarray], batch_size: int | None = None) -> np.ndarray:
    """The model's answers, float32 (samples, …), without a progress bar; `inference_batch` at a time."""
    batch_size = batch_size or inference_batch(model)
    answers: np.ndarray = model.predict(feed(model, inputs), batch_size=batch_size, verbose=0)
    return answers


def check_topology(family: Family, cache: "LandmarkCache") -> str:
    """Checks that a family can take a cache's landmarks.

    A hand family takes its own layout; a body family any that has both hands and the shoulders: its other points count
    as missing where the cache has none.

    Returns:
        What is missing, as a sentence for people; empty if nothing is.

    Raises:
        SignportError: The family can't take them.
    """
    name = cache.path or "cache"
    if not topology_named(family.topology).is_body:
        if cache.header.topology != family.topology:
            raise SignportError(
                f"{name}: topology {cache.header.topology!r}, but family {family.name!r} takes {family.topology!r}; "
                "choose another recipe or other data"
            )
        return ""
    points = topology_named(family.topology).points
    missing = [point for point in points if point not in cache.topology.index]
    if needed := [point for point in missing if _is_needed(point)]:
        raise SignportError(
            f"{name}: topology {cache.header.topology!r} lacks {len(needed)} point(s) that family {family.name!r} "
            f"needs, such as {needed[0]!r}; capture or import it again as {family.topology}"
        )
    if not missing:
        return ""
    return (
        f"{len(missing)} of the {len(points)} points of {family.topology} are not in this cache "
        f"({cache.header.topology}) and count as missing, such as {missing[0]!r}"
    )


def _is_needed(point: str) -> bool:
    return point.startswith(("left_hand.", "right_hand.")) or point in ("pose.left_shoulder", "pose.right_shoulder")
