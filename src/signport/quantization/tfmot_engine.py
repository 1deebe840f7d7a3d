"""Quantization-aware training by tensorflow-model-optimization, for dense graphs: a second engine, and a check on ours.

TFMOT simulates int8 and trains; what it is given, what it is pulled to and how the winner is chosen are as in
`quantization.qat`: our calibrated ranges, the float model's centred logits (or embeddings), agreement on held-back
samples. Unlike ours it freezes no ranges at the end: they follow the batches by a moving average of decay .999.

Its result is read back into the deploy model, whose simulation is then TFMOT's to the last bit, and one converter path
writes the int8 file of either engine. TFMOT's own model can't take that path: TensorFlow 2.19's converter refuses its
dense kernels with a scale an output channel ("'tfl.transpose' op has mismatched quantized axes").
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from signport.errors import SignportError
from signport.models.registry import inference_batch, predict
from signport.quantization.calibration import calibrate, representative
from signport.quantization.deploy import deploy_form
from signport.quantization.qat import (
    Candidate,
    Quantized,
    Selection,
    Settings,
    relative_noise,
    signal_model,
    softmax_layer,
)

if TYPE_CHECKING:
    from signport.quantization.tfmot_twin import Twin

_LEGACY_KERAS = "TF_USE_LEGACY_KERAS"


@contextlib.contextmanager
def _environment_kept() -> Iterator[None]:
    """Takes back the switch to tf-keras that importing TFMOT sets for every child process."""
    before = os.environ.get(_LEGACY_KERAS)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_LEGACY_KERAS, None)
        else:
            os.environ[_LEGACY_KERAS] = before


def quantize(
    model: keras.Model,
    training: dict[str, np.ndarray],
    validation: dict[str, np.ndarray],
    settings: Settings,
    seed: int,
) -> Quantized:
    """As `qat.quantize`, with TFMOT's simulation and TFMOT's training.

    Raises:
        SignportError: The graph is not dense; the message names a layer that is not. Or TFMOT is not installed.
    """
    quantized, _ = fine_tune(model, training, validation, settings, seed)
    return quantized


def fine_tune(
    model: keras.Model,
    training: dict[str, np.ndarray],
    validation: dict[str, np.ndarray],
    settings: Settings,
    seed: int,
) -> "tuple[Quantized, Twin]":
    """`quantize`, and the TFMOT model that its result was read from."""
    with _environment_kept():
        try:
            import tf_keras

            from signport.quantization.tfmot_twin import Twin, dense_part
        except ModuleNotFoundError as error:
            raise SignportError(
                f"engine tfmot: the Python module {error.name!r} is not installed; "
                "pip install tensorflow-model-optimization tf-keras, or use engine signport"
            ) from error

    deploy = deploy_form(model, keep=settings.keep)
    dense_part(deploy)  # refuses other graphs before time is spent on them
    calibrate(deploy, representative(training, settings.calibration_samples, seed))
    twin = Twin(deploy)
    teacher, classes = signal_model(model), softmax_layer(model) is not None
    targets, reference = predict(teacher, training), predict(teacher, validation)
    features, held_back = predict(twin.head, training), predict(twin.head, validation)

    selection, best = Selection(), list[np.ndarray]()

    def consider(epoch: int) -> None:
        twin.settle()
        raw = twin.model.predict(held_back, batch_size=inference_batch(twin.head), verbose=0)
        answer = np.asarray(_centred(raw, classes))
        if selection.takes(Candidate.of(epoch, answer, reference, classes=classes)):
            best[:] = twin.model.get_weights()

    consider(0)
    twin.model.compile(optimizer=tf_keras.optimizers.Adam(settings.learning_rate), loss=_noise_of(classes))
    for epoch in range(1, settings.epochs + 1):
        rows = np.random.default_rng([seed, epoch]).permutation(len(targets))
        batch = {"batch_size": settings.batch_size, "shuffle": False, "verbose": 0}
        twin.model.fit(features[rows], targets[rows], **batch)
        consider(epoch)
    twin.model.set_weights(best)
    twin.read_back()
    return Quantized.of(deploy, selection, engine="tfmot"), twin


def _centred(answer: Any, classes: bool) -> Any:
    """Logits less their mean, which softmax forgets; embeddings as they are."""
    return answer - keras.ops.mean(answer, axis=-1, keepdims=True) if classes else answer


def _noise_of(classes: bool) -> Callable[[Any, Any], Any]:
    def relative_noise_of_signal(teacher: Any, student: Any) -> Any:
        return relative_noise(teacher, _centred(student, classes))

    return relative_noise_of_signal
