"""`signport import keras-lstm`: `action.h5` and `preprocess_params.npz` → a run of family `lstm`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import keras
import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.datasets.sequence_layout import LAYOUTS
from signport.errors import SignportError
from signport.landmarks.topology import POSE_HANDS_75
from signport.models.lstm import LstmConfig, build
from signport.training.imports.answers import Answers
from signport.training.imports.imported_run import imported_run
from signport.training.imports.labels import class_names
from signport.training.imports.layers import Dense, Layer, Lstm, Norm, fold
from signport.training.imports.legacy_h5 import read_legacy_h5
from signport.training.imports.lstm_layers import lstm_layers
from signport.training.imports.source import naming, source_record
from signport.training.recipe import load_recipe
from signport.training.run import Run

Activation = Literal["tanh", "relu"]
_LAYOUT = LAYOUTS["pose_hands_75"]
_HANDS = 2 * 21 * 3
_FRAMES = 30
_AGAIN = (
    "read its clips with `signport import frames DIR signs.parquet`, and `signport train lstm --data signs.parquet`"
)
_WHY_NOT = {
    258: "the pose's visibility among them, which signport's landmarks do not have",
    1662: "the pose's visibility and 468 face points among them, which family lstm does not take",
    1629: "468 face points among them, which family lstm does not take",
}


def import_keras_lstm(
    path: str | Path,
    data: LandmarkCache | str | Path,
    *,
    params: str | Path | None = None,
    labels: Sequence[str] | str | Path | None = None,
    activation: Activation | None = None,
    frames: int | None = None,
    answers: str | Path | None = None,
    name: str | None = None,
    runs: str | Path = "runs",
) -> Run:
    """Brings over an LSTM of body landmarks that was trained with Keras 2: any number of LSTM and Dense layers.

    Its numbers a frame must be 225 (33 pose, 21 left and 21 right hand points, each x, y, z) or 126 (the hands alone).
    Points that were not found count as 0, as such projects store them. Batch normalizations are folded, but for one
    behind the first LSTM; so the run answers what the original answers.

    Args:
        path: HDF5 of `model.save`, or of Keras 2's `model.save_weights`.
        data: Clips of body landmarks with samples of every class: an export calibrates and checks its files on them.
        params: npz of `mean` and `std`, by which the original project standardized its vectors: a number each a value
            of a frame, or of all frames alike; it may hold the class names too. None: they were not standardized.
        labels: Class names in the order of the outputs: a sequence, names with commas between, or a text (one a line)
            or JSON file. None takes those in `params`.
        activation: Of the LSTMs, where the file holds weights only.
        frames: Length of a clip, where the file holds weights only; None for 30.
        answers: npz of `inputs`, clips as the original project stores them (samples, frames, numbers), before any
            standardization, and `outputs`, what the original answered (samples, classes). The import is refused unless
            it answers the same.
        name: The run's name; None for `keras-lstm-NNN`.
        runs: The folder of all runs.

    Returns:
        The run, ready for `evaluate`, `export_tflite` and, when exported, `check_parity` and the service.

    Raises:
        SignportError: No such file or model, numbers that signport's landmarks don't hold, classes that don't fit, or
            other answers.

    Examples:
        >>> run = sp.import_keras_lstm("action.h5", "signs.parquet", params="preprocess_params.npz")  # doctest: +SKIP
        >>> sp.export_tflite(run)  # doctest: +SKIP
    """
    path = Path(path)
    expected = None if answers is None else Answers.read(Path(answers))
    held = {} if params is None else _arrays(Path(params))
    stored = read_legacy_h5(path)
    with naming(path):
        layers = lstm_layers(stored, activation)
        width = _width(layers)
    mean, deviation = _standardization(held, width, params)
    names = {key: value.tolist() for key, value in held.items() if value.ndim == 1 and value.dtype.kind == "U"}
    classes = class_names(labels, names, path)
    if frames is not None and stored.frames not in (None, frames):
        raise SignportError(f"--frames {frames}: {path} says {stored.frames}; leave it out")
    clip_frames = stored.frames or frames or _FRAMES
    with naming(path):
        model, config = _model(layers, clip_frames, len(classes), mean, deviation)
    agreement = None if expected is None else expected.require(model, (-1, clip_frames, width), _landmarks)
    recipe = replace(load_recipe("lstm"), name="keras-lstm", model=config)
    source = source_record(path, "keras-lstm", read_by="h5py", answers=agreement)
    body = model.get_layer("body")
    parameters = {"mean": np.asarray(body.mean), "std": np.asarray(body.deviation)}
    return imported_run(recipe, model, classes, data, source, runs=runs, name=name, parameters=parameters)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {}
            for name in arrays.files:
                try:
                    found[name] = arrays[name]
                except ValueError:
                    if name in ("mean", "std"):
                        raise
                    continue  # an array of Python objects, such as class names: never loaded, and --labels gives them
            return found
    except Exception as error:  # NumPy raises what zip, zlib and its own parser raise
        raise SignportError(f"--params {path}: not an npz of mean and std ({error})") from error


def _standardization(
    held: dict[str, np.ndarray], width: int, params: str | Path | None
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each number of a frame, float32 (width,)."""
    if params is None:
        return np.zeros(width, np.float32), np.ones(width, np.float32)
    found = []
    for key in ("mean", "std"):
        if key not in held:
            raise SignportError(f"--params {params}: no array {key!r}; it holds {', '.join(held) or 'nothing'}")
        values = np.asarray(held[key], np.float32)
        if values.size not in (1, width) or not np.isfinite(values).all():
            raise SignportError(
                f"--params {params}: {key} has shape {values.shape}; expected {width} numbers, one for each of a frame"
            )
        found.append(np.broadcast_to(values.ravel(), (width,)).copy())
    if not (found[1] > 0).all():
        raise SignportError(f"--params {params}: std has {(found[1] <= 0).sum()} values that are not above 0")
    return found[0], found[1]


def _landmarks(clips: np.ndarray) -> np.ndarray:
    """Clips as the original stores them, float32 (samples, frames, width) → landmarks (samples, frames, 75, 3)."""
    samples, frames, width = clips.shape
    whole = np.zeros((samples, frames, _LAYOUT.width), np.float32)
    whole[:, :, _LAYOUT.width - width :] = clips
    landmarks = _LAYOUT.landmarks(whole.reshape(-1, _LAYOUT.width))
    return landmarks.reshape(samples, frames, POSE_HANDS_75.num_points, 3)


def _width(layers: Sequence[Layer]) -> int:
    """Numbers a frame, if signport's landmarks hold them."""
    width = next(len(layer.kernel) for layer in layers if isinstance(layer, Lstm))
    if width not in (_LAYOUT.width, _HANDS):
        why = _WHY_NOT.get(width, "which are not 225 of pose and hands, nor 126 of the hands")
        raise SignportError(f"takes {width} numbers a frame, {why}; {_AGAIN}")
    return width


def _model(
    layers: Sequence[Layer], frames: int, num_classes: int, mean: np.ndarray, deviation: np.ndarray
) -> tuple[keras.Model, LstmConfig]:
    """The family's model with these weights, and the settings that build it."""
    first = next(number for number, layer in enumerate(layers) if isinstance(layer, Lstm))
    folded = fold(layers, lambda number: number == first + 1)
    lstms = [layer for layer in folded if isinstance(layer, Lstm)]
    dense = [layer for layer in folded if isinstance(layer, Dense)]
    hidden = [len(layer.bias) for layer in dense[:-1]]
    if len(dense[-1].bias) != num_classes:
        raise SignportError(
            f"answers with {len(dense[-1].bias)} classes, but there are {num_classes} names; give --labels for all"
        )
    config = LstmConfig(
        frames=frames,
        units=tuple(layer.units for layer in lstms),
        activation=lstms[0].activation,
        hidden=hidden[0],
        dense=tuple(hidden[1:]),
        l2=0.0,
        coordinate_system="image",
        masking=False,
        missing="zero",
    )
    model = build(config, num_classes)
    _set_body(model, mean, deviation)
    for number, layer in enumerate(lstms):
        kernel = layer.kernel if number else _onto_all_points(layer.kernel)
        model.get_layer(f"lstm{number}").set_weights([kernel, layer.recurrent, layer.bias])
    target = model.get_layer("norm")
    kept = next((layer for layer in folded if isinstance(layer, Norm)), Norm.identity(lstms[0].units, target.epsilon))
    kept = kept.with_epsilon(target.epsilon)
    target.set_weights([kept.gamma, kept.beta, kept.mean, kept.variance])
    for number, one in enumerate(dense[:-1]):
        model.get_layer(f"hidden{number or ''}").set_weights([one.kernel, one.bias])
    model.get_layer("logits").set_weights([dense[-1].kernel, dense[-1].bias])
    return model, config


def _set_body(model: keras.Model, mean: np.ndarray, deviation: np.ndarray) -> None:
    """Gives the standardization its values; points that the original does not take keep mean 0 and deviation 1."""
    absent = _LAYOUT.width - len(mean)
    body = model.get_layer("body")
    shape = (POSE_HANDS_75.num_points, 3)
    body.mean.assign(np.concatenate([np.zeros(absent, np.float32), mean]).reshape(shape))
    body.deviation.assign(np.concatenate([np.ones(absent, np.float32), deviation]).reshape(shape))


def _onto_all_points(kernel: np.ndarray) -> np.ndarray:
    """A kernel of the hands' numbers, with rows of 0 for the pose's before them."""
    absent = np.zeros((_LAYOUT.width - len(kernel), kernel.shape[1]), np.float32)
    return np.concatenate([absent, kernel])
