"""Where TensorFlow works, and that it works the same each time."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

from signport.errors import SignportError


def seed_everything(seed: int) -> None:
    """Makes what follows depend on `seed` only, on the same kind of machine."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def require_gpu(device: str) -> None:
    """Raises a `SignportError` where `gpu` is asked for and TensorFlow sees none."""
    if device == "gpu" and not tf.config.list_physical_devices("GPU"):
        raise SignportError("device: gpu; TensorFlow sees no GPU on this machine; use auto or cpu")


@contextmanager
def on_device(device: str) -> Iterator[None]:
    """Runs its body on `cpu`, on `gpu`, or (`auto`) where TensorFlow likes.

    Raises:
        SignportError: `gpu` was asked for and TensorFlow sees none.
    """
    require_gpu(device)
    if device == "auto":
        yield
    else:
        with tf.device(f"/{device.upper()}:0"):
            yield
