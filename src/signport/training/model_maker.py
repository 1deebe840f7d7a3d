"""Trains a gesture head with the genuine MediaPipe Model Maker, in a process of its own.

`mediapipe_model_maker` needs Keras 2 behind `tf.keras` (`TF_USE_LEGACY_KERAS=1`), which a process that has Keras 3
loaded cannot switch to, and its root package imports text and object tasks whose dependencies no longer install. So
the parent writes a job (JSON and npz), starts `python -m signport.training.model_maker_child JOB_DIR`, and reads the
weights back.

What Model Maker 0.2.1.4 does, read from its source (`vision/gesture_recognizer/gesture_recognizer.py`):

* head: BatchNormalization (momentum .99, epsilon 1e-3) → ReLU → Dropout (.05) → Dense (Glorot uniform, zero bias,
  softmax) on a 128-d embedding; no weight decay; 512 + 129·C parameters, 256 of them the moving statistics;
* loss: focal, mean over the batch of -(1 - p)^gamma · log p of the true class, p clipped to [1e-7, 1 - 1e-7]; gamma 2;
* optimizer: Adam (.9, .999, 1e-7); learning rate · .99^epoch; defaults: rate .001, batch 2, 10 epochs;
* each epoch drops the samples that fill no batch; the shuffle buffer holds only three batches, so rows are shuffled
  here once more, as its `Dataset.from_folder` does;
* the weights of the last epoch count, not the best. It goes on from checkpoints it finds, so each job has its own
  empty folder.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from signport.errors import SignportError
from signport.files import read_json, write_json
from signport.training.model_maker_child import EPOCH_DONE, EPSILON, WEIGHTS

EMBEDDING_SIZE = 128
# NumPy and TensorFlow add up in different orders; more than this means other weights or another head.
_LARGEST_DIFFERENCE = 1e-4


@dataclass(frozen=True)
class HeadWeights:
    """A trained gesture head: BatchNorm → ReLU → Dense → softmax.

    Attributes:
        gamma: BatchNorm scale, float32 (128,).
        beta: BatchNorm offset, float32 (128,).
        moving_mean: float32 (128,).
        moving_variance: float32 (128,).
        kernel: float32 (128, classes).
        bias: float32 (classes,).
        epsilon: What BatchNorm adds to the variance.
        history: Name (`loss`, `val_categorical_accuracy`, …) → value of each epoch.
    """

    gamma: np.ndarray
    beta: np.ndarray
    moving_mean: np.ndarray
    moving_variance: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray
    epsilon: float
    history: dict[str, list[float]]

    @property
    def num_parameters(self) -> int:
        """512 + 129 · classes."""
        return sum(getattr(self, name).size for name in WEIGHTS)

    def probabilities(self, embeddings: np.ndarray) -> np.ndarray:
        """What the head answers.

        Args:
            embeddings: float32 (samples, 128).

        Returns:
            float32 (samples, classes).
        """
        scale = self.gamma / np.sqrt(self.moving_variance + self.epsilon)
        active = np.maximum((embeddings - self.moving_mean) * scale + self.beta, 0.0)
        logits = active @ self.kernel + self.bias
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        answers: np.ndarray = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
        return answers


def train_head_with_model_maker(
    embeddings: np.ndarray,
    labels: np.ndarray,
    label_names: Sequence[str],
    validation: tuple[np.ndarray, np.ndarray],
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    gamma: int = 2,
    dropout: float = 0.05,
    seed: int = 42,
    workdir: str | Path | None = None,
    on_epoch: Callable[[dict[str, float]], None] | None = None,
) -> HeadWeights:
    """Trains a gesture head with `mediapipe_model_maker`; the same arguments give the same weights.

    Args:
        embeddings: float32 (samples, 128), what the gesture embedder answers.
        labels: int (samples,), indices into `label_names`.
        label_names: Class names.
        validation: Embeddings and labels that are only measured, in the same form.
        epochs: Passes over the samples.
        batch_size: Samples a step, at most as many as there are.
        learning_rate: Adam's rate in the first epoch; Model Maker multiplies it by .99 an epoch.
        gamma: The focal loss's exponent; 0 is cross-entropy.
        dropout: Share of activations dropped in training, 0 to 1.
        seed: Of the order of samples, the first weights and the dropout.
        workdir: Where `model_maker.log`, all that Model Maker said, is kept; None keeps nothing.
        on_epoch: Called after each epoch with what Model Maker measured: `loss`, `val_loss`, `lr`, ….

    Returns:
        The weights after the last epoch.

    Raises:
        SignportError: Model Maker is not installed, an argument does not fit, or the training failed.
    """
    folders = require_model_maker()
    label_names = list(label_names)
    data = {
        **_checked("training", embeddings, labels, len(label_names)),
        **_checked("validation", *validation, len(label_names)),
    }
    settings = {
        "package": folders,
        "label_names": label_names,
        "epochs": int(epochs),
        "batch_size": int(batch_size),
        "learning_rate": float(learning_rate),
        "gamma": int(gamma),
        "dropout": float(dropout),
        "seed": int(seed),
    }
    _check_settings(settings, len(data["training_labels"]))
    with _job_folder(workdir) as (job, log):
        write_json(job / "job.json", settings)
        np.savez(job / "data.npz", **data)
        _run_child(job, log, on_epoch)
        weights, answers = _read_weights(job)
    return _verified(weights, answers, data["validation_embeddings"], len(label_names))


def require_model_maker() -> list[str]:
    """Where the package lies, without importing it.

    Raises:
        SignportError: It is not installed; the message says how to.
    """
    spec = importlib.util.find_spec("mediapipe_model_maker")
    if spec is None or not spec.submodule_search_locations or importlib.util.find_spec("official") is None:
        missing = "tf-models-official" if spec else "mediapipe-model-maker"
        raise SignportError(
            f"{missing} is not installed; run `uv sync --group model-maker` in signport's folder (pip cannot install "
            "it beside TensorFlow 2.19), or train with trainer signport"
        )
    return list(spec.submodule_search_locations)


def _checked(part: str, embeddings: np.ndarray, labels: np.ndarray, num_classes: int) -> dict[str, np.ndarray]:
    embeddings, labels = np.asarray(embeddings, np.float32), np.asarray(labels)
    if embeddings.ndim != 2 or embeddings.shape[1] != EMBEDDING_SIZE or not len(embeddings):
        raise SignportError(f"{part} embeddings have shape {embeddings.shape}; give (samples, {EMBEDDING_SIZE})")
    if not np.isfinite(embeddings).all():
        row = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))[0]
        raise SignportError(f"{part} embeddings hold NaN or infinity in row {row}; remove this sample")
    if labels.shape != (len(embeddings),) or not np.issubdtype(labels.dtype, np.integer):
        raise SignportError(
            f"{part} labels are {labels.dtype} of shape {labels.shape}; give one integer for each of "
            f"{len(embeddings)} embeddings"
        )
    wrong = labels[(labels < 0) | (labels >= num_classes)]
    if len(wrong):
        raise SignportError(f"{part} label {wrong[0]} is no class index; there are {num_classes} label names")
    return {f"{part}_embeddings": embeddings, f"{part}_labels": labels.astype(np.int64)}


def _check_settings(settings: dict[str, Any], num_samples: int) -> None:
    rules: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
        ("label_names", lambda names: len(names) >= 2, "name at least two classes"),
        ("epochs", lambda epochs: epochs >= 1, "give 1 or more"),
        ("batch_size", lambda size: 1 <= size <= num_samples, f"give 1 to {num_samples}, the number of samples"),
        ("learning_rate", lambda rate: 0 < rate < float("inf"), "give a positive number"),
        ("gamma", lambda gamma: gamma >= 0, "give 0 or more"),
        ("dropout", lambda share: 0 <= share < 1, "give at least 0 and less than 1"),
    )
    for name, holds, remedy in rules:
        if not holds(settings[name]):
            raise SignportError(f"{name} is {settings[name]}; {remedy}")


@contextmanager
def _job_folder(workdir: str | Path | None) -> Iterator[tuple[Path, Path]]:
    """Yields an empty folder for the job, which goes afterwards, and the path of the log."""
    place = None if workdir is None else Path(workdir).resolve()
    try:
        if place is not None:
            place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".model-maker-", dir=place) as folder:
            yield Path(folder), (place or Path(folder)) / "model_maker.log"
    except OSError as error:
        raise SignportError(
            f"{error.filename or place or tempfile.gettempdir()}: cannot write ({error.strerror}); "
            "free space or choose a folder you can write to"
        ) from error


def _run_child(job: Path, log: Path, on_epoch: Callable[[dict[str, float]], None] | None) -> None:
    import signport

    source = str(Path(signport.__file__).parents[1])
    environment = {
        **os.environ,
        "TF_USE_LEGACY_KERAS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        # The head is too small to gain from a GPU, and sums come out the same on every CPU run.
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONPATH": os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")])),
        "PYTHONUNBUFFERED": "1",
    }
    # -P: a folder called `official` where the user stands must not be taken for the package of that name.
    command = [sys.executable, "-P", "-m", "signport.training.model_maker_child", str(job)]
    last = ""
    with (
        log.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=job,
            env=environment,
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                file.write(line)
                last = line.strip() or last
                if on_epoch is not None and line.startswith(EPOCH_DONE):
                    on_epoch(json.loads(line.removeprefix(EPOCH_DONE)))
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        where = f"; the whole log is {log}" if log.parent != job else ""
        raise SignportError(
            f"Model Maker failed (exit status {process.returncode}): {last or 'it said nothing'}{where}"
        )


def _read_weights(job: Path) -> tuple[HeadWeights, np.ndarray]:
    history = read_json(job / "history.json")
    with np.load(job / "weights.npz", allow_pickle=False) as arrays:
        weights = HeadWeights(**{name: arrays[name] for name in WEIGHTS}, epsilon=EPSILON, history=history)
        return weights, arrays["validation_probabilities"]


def _verified(weights: HeadWeights, answers: np.ndarray, embeddings: np.ndarray, num_classes: int) -> HeadWeights:
    """Checks that the weights mean here what they meant to Model Maker."""
    if weights.num_parameters != 4 * EMBEDDING_SIZE + (EMBEDDING_SIZE + 1) * num_classes:
        raise SignportError(f"Model Maker gave a head of {weights.num_parameters} parameters for {num_classes} classes")
    difference = np.abs(weights.probabilities(embeddings) - answers).max()
    if not difference <= _LARGEST_DIFFERENCE:  # also true of NaN
        raise SignportError(f"Model Maker's head answers otherwise here, by {difference:.2g}; report this as a bug")
    return weights
