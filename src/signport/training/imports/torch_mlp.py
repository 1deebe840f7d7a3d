"""`signport import torch-mlp`: the state dict of a PyTorch MLP → a run of family `mlp`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.errors import SignportError
from signport.models.mlp import MlpConfig, build
from signport.training.imports.answers import Answers
from signport.training.imports.imported_run import imported_run
from signport.training.imports.labels import class_names
from signport.training.imports.layers import Dense, Layer, Norm, fold
from signport.training.imports.source import naming, source_record
from signport.training.imports.state_dict import mlp_layers
from signport.training.imports.torch_file import TorchFile, read_torch_file
from signport.training.recipe import load_recipe
from signport.training.run import Run

Features = Literal["hand84", "hand63"]
_FEATURES, _COORDINATES = 84, 63
_MEANS = ("input_mean", "feature_mean", "features_mean", "scaler_mean", "mean")
_DEVIATIONS = ("input_std", "feature_std", "features_std", "scaler_scale", "scaler_std", "std")
_AGAIN = "read the old table with `signport import npz` or `import csv`, and `signport train mlp`"


def import_torch_mlp(
    path: str | Path,
    data: LandmarkCache | str | Path,
    *,
    labels: Sequence[str] | str | Path | None = None,
    features: Features | None = None,
    norm: Literal["before", "after"] | None = None,
    answers: str | Path | None = None,
    name: str | None = None,
    runs: str | Path = "runs",
    torch_python: str | Path | None = None,
) -> Run:
    """Brings over an MLP that was trained with PyTorch: Linear, perhaps BatchNorm1d, ReLU and Dropout, layer by layer.

    Batch normalizations before a ReLU are kept, others and an input standardization (`input_mean`, `input_std` in the
    checkpoint) are folded into the next layer, so the run answers what the original answers. A state dict does not say
    which activation a model has; it is taken for ReLU, and `answers` shows whether that is right.

    Args:
        path: A state dict, or a checkpoint that holds one, as `torch.save` writes it since torch 1.6.
        data: Landmarks of hands, with samples of every class: an export calibrates and checks its files on them.
        labels: Class names in the order of the outputs: a sequence, names with commas between, or a text (one a line)
            or JSON file. None takes the checkpoint's.
        features: What the model takes: `hand84`, signport's features; `hand63`, their 63 coordinates alone. None takes
            84 numbers for the first, and refuses other widths.
        norm: Where normalizations stand, where the layers' names don't tell: `before` or `after` the ReLU.
        answers: npz of `inputs`, landmarks (samples, 21, 3), and `outputs`, what the original model answered to them
            (samples, classes): probabilities or logits. The import is refused unless it answers the same.
        name: The run's name; None for `torch-mlp-NNN`.
        runs: The folder of all runs.
        torch_python: A Python that has torch; None takes this one.

    Returns:
        The run, ready for `evaluate`, `export_tflite` and, when exported, `check_parity` and the service.

    Raises:
        SignportError: A file that is unsafe or no such model, classes that don't fit, other features, other answers.

    Examples:
        >>> run = sp.import_torch_mlp("best_model.pt", "hands.parquet", labels="A,B,C,None")  # doctest: +SKIP
        >>> sp.export_tflite(run)  # doctest: +SKIP
    """
    path = Path(path)
    expected = None if answers is None else Answers.read(Path(answers))
    held = read_torch_file(path, torch_python)
    classes = class_names(labels, held.values, path)
    with naming(path):
        layers = _onto_features(_standardized(mlp_layers(held.tensors, norm), held), features)
        model, config = _model(layers, len(classes))
    agreement = None if expected is None else expected.require(model, (-1, 21, 3))
    recipe = replace(load_recipe("mlp"), name="torch-mlp", model=config)
    source = source_record(path, "torch-mlp", read_by=f"torch {held.torch}", answers=agreement)
    return imported_run(recipe, model, classes, data, source, runs=runs, name=name)


def _standardized(layers: list[Layer], held: TorchFile) -> list[Layer]:
    """The layers behind the standardization that a checkpoint holds, if it holds one."""
    mean, deviation = (_vector(held.values, names) for names in (_MEANS, _DEVIATIONS))
    if mean is None and deviation is None:
        return layers
    width = _width(layers)
    mean = np.zeros(width) if mean is None else mean
    deviation = np.ones(width) if deviation is None else deviation
    if mean.shape != (width,) or deviation.shape != (width,) or not (deviation > 0).all():
        raise SignportError(
            f"its standardization has {mean.size} means and {deviation.size} deviations, not {width} positive ones each"
        )
    return [Norm.standardizing(mean, deviation), *layers]


def _vector(values: Mapping[str, Any], names: Sequence[str]) -> np.ndarray | None:
    value = next((values[name] for name in names if isinstance(values.get(name), list)), None)
    return None if value is None else np.asarray(value, np.float64).ravel()


def _width(layers: Sequence[Layer]) -> int:
    return next(len(layer.kernel) for layer in layers if isinstance(layer, Dense))


def _onto_features(layers: list[Layer], features: Features | None) -> list[Layer]:
    """The layers on signport's 84 features, normalizations folded where the family has no place for them."""
    inner = range(1, len(layers) - 1)
    folded = fold(layers, lambda number: number in inner and isinstance(layers[number - 1], Dense))
    first = folded[0]
    assert isinstance(first, Dense)  # nothing else is left of what mlp_layers() answers
    width = len(first.kernel)
    wanted = {None: _FEATURES, "hand84": _FEATURES, "hand63": _COORDINATES}[features]
    if width == _COORDINATES and features is None:
        raise SignportError(
            "takes 63 numbers; if they are counted from the wrist and divided by the largest distance from it, say "
            f"--features hand63; if they are anything else, {_AGAIN}"
        )
    if width != wanted:
        raise SignportError(f"takes {width} numbers, which are not signport's {wanted} features of a hand; {_AGAIN}")
    if width == _COORDINATES:
        kernel = np.concatenate([first.kernel, np.zeros((_FEATURES - width, first.kernel.shape[1]), np.float32)])
        folded[0] = replace(first, kernel=kernel)
    return folded


def _model(layers: Sequence[Layer], num_classes: int) -> tuple[keras.Model, MlpConfig]:
    """The family's model with these weights, and the settings that build it."""
    dense = [layer for layer in layers if isinstance(layer, Dense)]
    *hidden, logits = (len(layer.bias) for layer in dense)
    if logits != num_classes:
        raise SignportError(f"answers with {logits} classes, but there are {num_classes} names; give --labels for all")
    config = MlpConfig(hidden=tuple(hidden))
    model = build(config, num_classes)
    for number, layer in enumerate(dense):
        target = model.get_layer("logits" if number == len(hidden) else f"hidden{number}")
        target.set_weights([layer.kernel, layer.bias])
    norms = _norms(layers)
    for number in range(len(hidden)):
        target = model.get_layer(f"hidden{number}_norm")
        norm = norms.get(number, Norm.identity(hidden[number], target.epsilon)).with_epsilon(target.epsilon)
        target.set_weights([norm.gamma, norm.beta, norm.mean, norm.variance])
    return model, config


def _norms(layers: Sequence[Layer]) -> dict[int, Norm]:
    """Number of a hidden layer → the normalization that is left behind it."""
    found: dict[int, Norm] = {}
    hidden = -1
    for layer in layers:
        hidden += isinstance(layer, Dense)
        if isinstance(layer, Norm):
            found[hidden] = layer
    return found
