"""The process in which the genuine Model Maker runs: `python -m signport.training.model_maker_child JOB_DIR`.

`signport.training.model_maker` starts it. It reads `job.json` and `data.npz` and writes `weights.npz` and
`history.json`, all in JOB_DIR; its last line of output says what went wrong. Keras 3 must not be imported here.
"""

import importlib
import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np

from signport.files import write_json

WEIGHTS = ("gamma", "beta", "moving_mean", "moving_variance", "kernel", "bias")
# Keras' own default for BatchNormalization, which Model Maker leaves as it is.
EPSILON = 1e-3
# Says on standard output, with JSON behind it, that an epoch is over; everything else there is Keras' own talk.
EPOCH_DONE = "signport: epoch done"
_LAYERS = ["InputLayer", "BatchNormalization", "ReLU", "Dropout", "Dense"]


def _import_gesture_recognizer(folders: list[str]) -> types.ModuleType:
    """Imports Model Maker's gesture recognizer without running its root package's `__init__`."""
    root = types.ModuleType("mediapipe_model_maker")
    root.__path__ = folders
    sys.modules[root.__name__] = root
    return importlib.import_module("mediapipe_model_maker.python.vision.gesture_recognizer")


def _train(job: Path) -> None:
    settings = json.loads((job / "job.json").read_text(encoding="utf-8"))
    with np.load(job / "data.npz", allow_pickle=False) as arrays:
        data = dict(arrays)
    genuine = _import_gesture_recognizer(settings["package"])
    import tensorflow as tf

    tf.keras.utils.set_random_seed(settings["seed"])
    tf.config.experimental.enable_op_determinism()
    label_names = settings["label_names"]

    def dataset(part: str, order: np.ndarray) -> Any:
        one_hot = tf.one_hot(data[f"{part}_labels"][order], len(label_names))
        pairs = tf.data.Dataset.from_tensor_slices((data[f"{part}_embeddings"][order], one_hot))
        return genuine.Dataset(pairs, label_names, len(order))

    def told(_epoch: int, logs: dict[str, float]) -> None:
        print(f"\n{EPOCH_DONE} {json.dumps({name: float(value) for name, value in logs.items()})}", flush=True)

    class Reporting(genuine.GestureRecognizer):  # type: ignore[name-defined, misc]
        """The genuine one, which also says when an epoch is over."""

        def _get_callbacks(self) -> list[Any]:
            return [*super()._get_callbacks(), tf.keras.callbacks.LambdaCallback(on_epoch_end=told)]

    recognizer = Reporting.create(
        dataset("training", np.random.default_rng(settings["seed"]).permutation(len(data["training_labels"]))),
        dataset("validation", np.arange(len(data["validation_labels"]))),
        genuine.GestureRecognizerOptions(
            model_options=genuine.ModelOptions(dropout_rate=settings["dropout"]),
            hparams=genuine.HParams(
                learning_rate=settings["learning_rate"],
                batch_size=settings["batch_size"],
                epochs=settings["epochs"],
                gamma=settings["gamma"],
                shuffle=True,
                export_dir=str(job / "model_maker"),
            ),
        ),
    )
    _write_weights(job, recognizer._model, recognizer._history.history, data["validation_embeddings"])  # noqa: SLF001


def _write_weights(job: Path, model: Any, history: dict[str, list[float]], validation: np.ndarray) -> None:
    layers = [type(layer).__name__ for layer in model.layers]
    if layers != _LAYERS or model.layers[1].epsilon != EPSILON:
        raise RuntimeError(f"this Model Maker builds another head than signport knows: {' → '.join(layers)}")
    weights = dict(zip(WEIGHTS, [*model.layers[1].get_weights(), *model.layers[4].get_weights()], strict=True))
    if not all(np.isfinite(values).all() for values in weights.values()):
        raise RuntimeError("the weights became NaN or infinite; lower the learning rate")
    answers = model.predict(validation, verbose=0)
    np.savez(job / "weights.npz", validation_probabilities=answers, **weights)
    readable = {name: [float(value) for value in values] for name, values in history.items()}
    write_json(job / "history.json", readable)


def main() -> None:
    """Entry point of the child; its last line says what went wrong."""
    try:
        _train(Path(sys.argv[1]))
    except Exception as error:  # noqa: BLE001 (whatever it is, the parent turns it into one line)
        print(f"\n{type(error).__name__}: {' '.join(str(error).split())}", flush=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
