"""The sections of a recipe that all families share."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from signport.errors import require
from signport.training.schedule import Schedule


@dataclass(frozen=True)
class DataRecipe:
    """What is trained on.

    Attributes:
        cache: The landmark cache that is trained on where `--data` names none; empty for none.
        validation: Share of the samples that choose the best epoch, above 0 and below 1.
        test: Share of the samples that are held back for the final figures, 0 to below 1. Without any, the run can't be
            exported, because files are checked on them, and is evaluated on the validation part.
        split_by: `group` (a signer or recording is never on both sides), `label` (stratified random), or `auto`:
            by group where the cache knows groups.
        augmentation: How the training samples are augmented, an instance of the family's `augmentation` class.
    """

    cache: str = ""
    validation: float = 0.15
    test: float = 0.15
    split_by: Literal["auto", "group", "label"] = "auto"
    augmentation: Any = None

    def __post_init__(self) -> None:
        require(0 < self.validation < 1, "data.validation", self.validation, "above 0 and below 1")
        require(0 <= self.test < 1, "data.test", self.test, "at least 0 and below 1")
        require(self.validation + self.test < 1, "data.validation + data.test", self.validation + self.test, "below 1")


@dataclass(frozen=True)
class TrainingRecipe:
    """How the weights are found.

    Attributes:
        trainer: `signport`, or `model-maker`: the genuine MediaPipe Model Maker, for gesture heads. That one takes
            epochs, batch size, learning rate (times .99 an epoch), loss and the model's dropout from the recipe; it
            knows no weight decay, gradient clipping, label smoothing, class weights, schedule, monitor or early
            stopping.
        epochs: Most passes over the training samples.
        strategy: `single` trains on one device; `mirrored` on all GPUs of this machine; `multi_worker` on the devices
            of all workers that `TF_CONFIG` or SLURM names. It decides where, not what is computed: the weights differ
            by the order of float32 sums, and where there is dropout by its masks.
        batch_size: Samples a step, shared out among all replicas.
        learning_rate: Peak learning rate of AdamW.
        weight_decay: Decoupled weight decay of AdamW, a step, in learning rates.
        gradient_clip_norm: Gradients whose global L2 norm is larger are scaled down to it; 0 leaves them.
        label_smoothing: How much of the target is spread over all classes, 0 to below 1.
        loss: `cross_entropy` or `focal`.
        focal_gamma: Exponent of the focal loss (Lin et al. 2017, eq. 4).
        class_weights: `balanced` weighs each class by the inverse of its size; `none` counts samples alike.
        schedule: Learning rate over the epochs: `constant`, `plateau` or `cosine`.
        warmup_epochs: Epochs of a linear rise to the peak, with any schedule.
        plateau_factor: What `plateau` multiplies the learning rate by.
        plateau_patience: Epochs without a better `monitor` before it does so.
        monitor: What the best epoch is chosen by.
        early_stopping_patience: Epochs without a better `monitor` before training stops; 0 never stops early.
        checkpoint_every: Epochs between checkpoints.
        keep_checkpoints: How many of the numbered checkpoints stay, the newest ones; 0 keeps all.
    """

    trainer: Literal["signport", "model-maker"] = "signport"
    strategy: Literal["single", "mirrored", "multi_worker"] = "single"
    epochs: int = 60
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    gradient_clip_norm: float = 0.0
    label_smoothing: float = 0.0
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    focal_gamma: float = 2.0
    class_weights: Literal["balanced", "none"] = "balanced"
    schedule: Literal["constant", "plateau", "cosine"] = "cosine"
    warmup_epochs: int = 0
    plateau_factor: float = 0.5
    plateau_patience: int = 5
    monitor: Literal["val_loss", "val_accuracy"] = "val_loss"
    early_stopping_patience: int = 12
    checkpoint_every: int = 10
    keep_checkpoints: int = 3

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "checkpoint_every", "plateau_patience"):
            require(getattr(self, name) >= 1, f"training.{name}", getattr(self, name), "at least 1")
        for name in (
            "weight_decay",
            "gradient_clip_norm",
            "focal_gamma",
            "warmup_epochs",
            "early_stopping_patience",
            "keep_checkpoints",
        ):
            require(getattr(self, name) >= 0, f"training.{name}", getattr(self, name), "at least 0")
        require(self.learning_rate > 0, "training.learning_rate", self.learning_rate, "above 0")
        require(0 <= self.label_smoothing < 1, "training.label_smoothing", self.label_smoothing, "0 to below 1")
        require(0 < self.plateau_factor < 1, "training.plateau_factor", self.plateau_factor, "between 0 and 1")
        if self.trainer == "model-maker":
            whole = float(self.focal_gamma).is_integer()
            require(whole, "training.focal_gamma", self.focal_gamma, "a whole number with trainer: model-maker")
            require(self.strategy == "single", "training.strategy", self.strategy, "single with trainer: model-maker")

    def learning_rates(self) -> Schedule:
        """The learning rate over the epochs."""
        return Schedule(
            kind=self.schedule,
            peak=self.learning_rate,
            epochs=self.epochs,
            warmup_epochs=self.warmup_epochs,
            plateau_factor=self.plateau_factor,
            plateau_patience=self.plateau_patience,
        )


@dataclass(frozen=True)
class QuantizationRecipe:
    """How `signport export` makes the int8 model of a run.

    Attributes:
        engine: What quantizes: `signport`, or `tfmot`: tensorflow-model-optimization, for dense graphs.
        epochs: Epochs of distillation from the float model; 0 only calibrates.
        learning_rate: Of the distillation; a tenth of the training's or less, so that the model stays where it is.
        batch_size: Samples a step of it.
        calibration_samples: Training samples that the activation ranges are measured on.
        keep: Layers that are not to be int8, by name: `float`, or for dense layers and convolutions `int16`, which
            keeps int8 weights. `signport quantize debug` lists the names and what keeping each would win.
        weight_bits: 4 adds a file `int4`, made by signport's engine whatever makes int8: dense layers between the first
            and the last have weights of 4 bits. It runs in LiteRT and TensorFlow 2.19, not in tflite-runtime 2.14.
        low_bit_epochs: Epochs of distillation of the int4 model.
        low_bit_learning_rate: Of that distillation, at its start; it falls to 0. Far above int8's, because a weight has
            to move by a whole step to change anything, and these steps are 18 times as wide.
    """

    engine: Literal["signport", "tfmot"] = "signport"
    epochs: int = 3
    learning_rate: float = 1e-5
    batch_size: int = 64
    calibration_samples: int = 512
    keep: Mapping[str, Literal["float", "int16"]] = field(default_factory=dict)
    weight_bits: int = 8
    low_bit_epochs: int = 20
    low_bit_learning_rate: float = 3e-4

    def __post_init__(self) -> None:
        for name in ("epochs", "low_bit_epochs"):
            require(getattr(self, name) >= 0, f"quantization.{name}", getattr(self, name), "at least 0")
        for name in ("learning_rate", "low_bit_learning_rate"):
            require(getattr(self, name) > 0, f"quantization.{name}", getattr(self, name), "above 0")
        for name in ("batch_size", "calibration_samples"):
            require(getattr(self, name) >= 1, f"quantization.{name}", getattr(self, name), "at least 1")
        require(self.weight_bits in (4, 8), "quantization.weight_bits", self.weight_bits, "8 or 4")

    @property
    def low_bits(self) -> "QuantizationRecipe":
        """How the int4 model is distilled, where int8's settings are asked for."""
        return replace(self, epochs=self.low_bit_epochs, learning_rate=self.low_bit_learning_rate)


@dataclass(frozen=True)
class LoggingRecipe:
    """What is measured on the way, and where it is written besides `history.csv` and `history.json`.

    Attributes:
        gradient_norm: A column `gradient_norm`: the mean of the global L2 norm of each step's gradients, before any
            clipping. Model Maker does not tell it.
        tensorboard: Scalars for TensorBoard in the run's `tensorboard/`.
        wandb: Weights & Biases, if installed; `WANDB_MODE=offline` keeps it on this machine.
        wandb_project: The project there.
    """

    gradient_norm: bool = False
    tensorboard: bool = True
    wandb: bool = False
    wandb_project: str = "signport"
