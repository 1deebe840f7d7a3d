"""Quantization-aware training: calibrate, then fine-tune the int8 simulation towards the float model.

The float model is the teacher: the student is pulled to the teacher's logits (or embeddings), not to the labels, and
with a low learning rate, because any fine-tuning drifts from the float model and hard labels make it drift further
(design §6). The calibrated model before the first step is a candidate like every epoch's, and ships unless one of them
agrees with float on more held-back samples, or is nearer to it by half a decibel. So this can only end level with
post-training quantization, or above it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import keras
import numpy as np
from keras import ops

from signport.files import finite
from signport.models.registry import feed, predict
from signport.quantization.agreement import sqnr_db
from signport.quantization.calibration import calibrate, representative
from signport.quantization.deploy import deploy_form
from signport.quantization.deploy_layer import Precision
from signport.quantization.fake_quant import Phase, freeze_ranges, in_phase
from signport.quantization.low_bits import lower_weight_bits

# What fine-tuning has to win over calibration alone, where both agree with float on the same share of samples: whoever
# leaves the trained weights for less gets another model for nothing.
_WORTH_DB = 0.5
# The last part of the epochs runs with frozen ranges, so that weights settle on the grid that ships.
_FROZEN_SHARE = 1 / 3


class Settings(Protocol):
    """What this needs of a recipe's `quantization` section."""

    @property
    def epochs(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def calibration_samples(self) -> int: ...
    @property
    def keep(self) -> Mapping[str, Precision]: ...


@dataclass(frozen=True)
class Candidate:
    """An int8 simulation on the validation part, against the float model.

    Attributes:
        epoch: Epochs of fine-tuning; 0 is calibration alone, that is post-training quantization.
        agreement: Top-1 agreement with the float model; NaN for embeddings.
        sqnr_db: Of the logits (embeddings), in dB.
    """

    epoch: int
    agreement: float
    sqnr_db: float

    @classmethod
    def of(cls, epoch: int, answer: np.ndarray, reference: np.ndarray, *, classes: bool) -> "Candidate":
        """A candidate by its answer and the float model's: centred logits, or embeddings without classes."""
        same = float((answer.argmax(1) == reference.argmax(1)).mean()) if classes else float("nan")
        return cls(epoch, same, sqnr_db(reference, answer))

    @property
    def rank(self) -> tuple[float, float]:
        """Sorts candidates from worst to best."""
        return (0.0 if np.isnan(self.agreement) else self.agreement, self.sqnr_db)


@dataclass
class Selection:
    """All candidates so far, by epoch, and the one that is to ship.

    Attributes:
        candidates: The first is calibration alone.
        chosen: The best of those that beat calibration by more agreement, or by half a decibel; else calibration.
    """

    candidates: list[Candidate] = field(default_factory=list)
    chosen: Candidate | None = None

    def takes(self, candidate: Candidate) -> bool:
        """Adds a candidate and says whether it is to ship, as things stand."""
        self.candidates.append(candidate)
        start = self.candidates[0]
        gain = (candidate.rank[0] - start.rank[0], candidate.sqnr_db - start.sqnr_db)
        better = self.chosen is None or (candidate.rank > self.chosen.rank and gain >= (0.0, _WORTH_DB))
        if better:
            self.chosen = candidate
        return better


@dataclass(frozen=True)
class Quantized:
    """The result of quantization.

    Attributes:
        deploy: The deploy model that answers like the int8 file in `Phase.SIMULATE`.
        candidates: All candidates, by epoch.
        chosen: The one whose weights and ranges `deploy` has.
        engine: What simulated and fine-tuned.
    """

    deploy: keras.Model
    candidates: tuple[Candidate, ...]
    chosen: Candidate
    engine: str = "signport"

    @classmethod
    def of(cls, deploy: keras.Model, selection: Selection, engine: str = "signport") -> "Quantized":
        """A deploy model that has the weights and ranges of a selection's chosen candidate."""
        assert selection.chosen is not None
        return cls(deploy, tuple(selection.candidates), selection.chosen, engine)

    def to_json(self) -> dict[str, Any]:
        def plain(candidate: Candidate) -> dict[str, Any]:
            return {**asdict(candidate), "agreement": finite(candidate.agreement), "sqnr_db": finite(candidate.sqnr_db)}

        candidates = [plain(candidate) for candidate in self.candidates]
        return {"engine": self.engine, "chosen": plain(self.chosen), "candidates": candidates}


def relative_noise(teacher: Any, student: Any) -> Any:
    """Σ (student - teacher)² / Σ teacher² over a batch: the SQNR turned upside down, as a loss."""
    return ops.sum(ops.square(student - teacher)) / (ops.sum(ops.square(teacher)) + keras.config.epsilon())


def quantize(
    model: keras.Model,
    training: dict[str, np.ndarray],
    validation: dict[str, np.ndarray],
    settings: Settings,
    seed: int,
    *,
    weight_bits: int = 8,
    edge_bits: int = 8,
) -> Quantized:
    """Calibrates and fine-tunes the deploy form of a float model.

    Args:
        model: The trained float model that ships.
        training: Inputs of the training part, name → float32 (samples, …).
        validation: Inputs of the validation part; candidates are ranked on it.
        settings: Epochs, batch size, learning rate, number of calibration samples, layers that are not to be int8.
        seed: Of the calibration subset and the batch order.
        weight_bits: Of dense layers' weights, but those of the first and the last; below 8, the learning rate falls to
            0 along a cosine.
        edge_bits: Of the weights of these two, if `weight_bits` is below 8.

    Returns:
        The best candidate.

    Raises:
        SignportError: The model has no layer that fewer bits are for, or none that is to be kept.
    """
    deploy = deploy_form(model, keep=settings.keep)
    if weight_bits < 8:
        lower_weight_bits(deploy, weight_bits, edges=edge_bits)
    calibrate(deploy, representative(training, settings.calibration_samples, seed))
    teacher, student = signal_model(model), signal_model(deploy)
    targets, reference = predict(teacher, training), predict(teacher, validation)
    classes = softmax_layer(model) is not None

    selection, best = Selection(), list[np.ndarray]()

    def consider(epoch: int) -> None:
        if selection.takes(Candidate.of(epoch, predict(student, validation), reference, classes=classes)):
            best[:] = [np.array(variable) for variable in deploy.variables]

    with in_phase(Phase.SIMULATE):
        consider(0)
        optimizer = _optimizer(settings, len(targets), decays=weight_bits < 8)
        # Variables that a first step would make cost a second tracing of it.
        optimizer.build(student.trainable_variables)
        student.compile(optimizer=optimizer, loss=relative_noise, jit_compile=False)
        for epoch in range(1, settings.epochs + 1):
            freeze_ranges(deploy, frozen=epoch > settings.epochs * (1 - _FROZEN_SHARE))
            rows = np.random.default_rng([seed, epoch]).permutation(len(targets))
            batch = feed(student, {name: values[rows] for name, values in training.items()})
            student.fit(batch, targets[rows], batch_size=settings.batch_size, shuffle=False, verbose=0)
            consider(epoch)
    for variable, value in zip(deploy.variables, best, strict=True):
        variable.assign(value)
    freeze_ranges(deploy)
    return Quantized.of(deploy, selection)


def simulate(deploy: keras.Model, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """What the int8 file will answer, float32 (samples, outputs), by the simulation.

    Args:
        deploy: A calibrated deploy model.
        inputs: Name → float32 (samples, …).
    """
    with in_phase(Phase.SIMULATE):
        # A new model, because one that has predicted before keeps the graph of the phase that it was in.
        return predict(keras.Model(deploy.inputs, deploy.outputs), inputs)


def _optimizer(settings: Settings, samples: int, *, decays: bool) -> keras.optimizers.Optimizer:
    rate: Any = settings.learning_rate
    if decays:
        steps = settings.epochs * -(-samples // settings.batch_size)
        rate = keras.optimizers.schedules.CosineDecay(rate, max(steps, 1))
    return keras.optimizers.Adam(rate)


def softmax_layer(model: keras.Model) -> keras.layers.Layer | None:
    """The softmax that a classifier ends in; None for an embedder."""
    return next((layer for layer in model.layers if isinstance(layer, keras.layers.Softmax)), None)


def signal_model(model: keras.Model) -> keras.Model:
    """The model up to what is compared: its logits, centred, because softmax forgets their mean, or its embedding."""
    softmax = softmax_layer(model)
    if softmax is None:
        return keras.Model(model.inputs, model.output)
    logits = softmax.input
    return keras.Model(model.inputs, logits - ops.mean(logits, axis=-1, keepdims=True))
