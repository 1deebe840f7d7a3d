"""Activation ranges from real samples, before any training."""

import keras
import numpy as np
import tensorflow as tf

from signport.models.registry import feed, inference_batch
from signport.quantization.fake_quant import Phase, activation_quantizers, in_phase


def calibrate(deploy: keras.Model, inputs: dict[str, np.ndarray]) -> None:
    """Sets every activation range of a deploy model to the extremes seen on real samples, in place.

    Args:
        deploy: A deploy model.
        inputs: Name → float32 (samples, …): a representative dataset of the training part.

    Raises:
        ValueError: A range came out NaN or infinite.
    """
    for quantizer in activation_quantizers(deploy):
        quantizer.low.assign(0.0)
        quantizer.high.assign(0.0)
    samples, size = len(next(iter(inputs.values()))), inference_batch(deploy)
    with in_phase(Phase.CALIBRATE):
        observe = tf.function(lambda batch: deploy(batch, training=False), autograph=False)
        for start in range(0, samples, size):
            observe(feed(deploy, {name: values[start : start + size] for name, values in inputs.items()}))
    for quantizer in activation_quantizers(deploy):
        if not np.isfinite([float(quantizer.low), float(quantizer.high)]).all():
            raise ValueError(f"{quantizer.path}: calibration met NaN or infinity")


def representative(inputs: dict[str, np.ndarray], samples: int, seed: int) -> dict[str, np.ndarray]:
    """A random subset of at most `samples` samples, in their order; the same for the same seed."""
    total = len(next(iter(inputs.values())))
    rows = np.sort(np.random.default_rng(seed).permutation(total)[:samples])
    return {name: values[rows] for name, values in inputs.items()}
