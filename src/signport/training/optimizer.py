"""What a model is compiled with: the optimizer and the metrics, the same for whatever is trained or distilled."""

from functools import partial
from typing import Any

import keras
import tensorflow as tf

from signport.training.metrics import TOP
from signport.training.replicas import SampleMetrics


@keras.saving.register_keras_serializable("signport")
class AdamW(keras.optimizers.AdamW):
    """AdamW that decays neither biases nor batch normalization, where decay would fight what they are there for.

    A class, because an optimizer that is loaded from a checkpoint can't be told any more what not to decay.

    Args:
        sum_gradient_norms: Whether it adds up the global L2 norm of each step's gradients, before any clipping, in
            `gradient_norms`; who reads the sum sets it back to 0.
        options: Those of `keras.optimizers.AdamW`.
    """

    def __init__(self, *, sum_gradient_norms: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
        self.sum_gradient_norms = sum_gradient_norms

    def build(self, variables: list[Any]) -> None:
        if self.built:
            return
        super().build(variables)
        if self.sum_gradient_norms:
            self.gradient_norms = self.add_variable(shape=(), name="gradient_norms")

    def apply(self, grads: list[Any], trainable_variables: list[Any] | None = None) -> None:
        if self.sum_gradient_norms:
            self.gradient_norms.assign_add(tf.linalg.global_norm(grads))
        super().apply(grads, trainable_variables)

    def _all_reduce_sum_gradients(self, grads_and_vars: list[Any]) -> list[Any]:
        # Keras would sum over replicas here, after each has clipped its own; `ReplicaSteps` has done so before.
        return grads_and_vars

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **({"sum_gradient_norms": True} if self.sum_gradient_norms else {})}


def compile_model(
    model: keras.Model,
    loss: keras.losses.Loss,
    *,
    learning_rate: float,
    weight_decay: float = 0.0,
    gradient_clip_norm: float = 0.0,
    gradient_norm: bool = False,
) -> None:
    """Compiles a model with `AdamW` for `fit`, in the form in which checkpoints restore it.

    Args:
        model: Its output is (batch, outputs); with more than five of them, top-5 accuracy is measured too.
        loss: What is minimised.
        learning_rate: Of the optimizer, until `fit` sets it.
        weight_decay: Decoupled, a step, in learning rates.
        gradient_clip_norm: Gradients whose global L2 norm is larger are scaled down to it; 0 leaves them.
        gradient_norm: Whether the history gets the mean of that norm.
    """
    optimizer = AdamW(
        name="adamw",  # Keras would number it, and checkpoints of the same training would differ
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        global_clipnorm=gradient_clip_norm or None,
        sum_gradient_norms=gradient_norm,
    )
    # Variables that a first step would make cost a second tracing of it.
    optimizer.build(model.trainable_variables)
    metrics = [keras.metrics.CategoricalAccuracy(name="accuracy")]
    if model.output_shape[-1] > TOP:
        metrics.append(keras.metrics.TopKCategoricalAccuracy(TOP, name=f"top{TOP}_accuracy"))
    model.compile(optimizer=optimizer, loss=loss, metrics=metrics, jit_compile=False)


def sample_metrics(model: keras.Model) -> SampleMetrics:
    """What `compile_model` measures besides the loss, for steps that Keras does not take."""
    metrics: SampleMetrics = {"accuracy": keras.metrics.categorical_accuracy}
    if model.output_shape[-1] > TOP:
        metrics[f"top{TOP}_accuracy"] = partial(keras.metrics.top_k_categorical_accuracy, k=TOP)
    return metrics
