"""What the original model answered, to hold a model that was brought over to it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from signport.errors import SignportError
from signport.models.registry import predict

# Of probabilities; float32 sums in another order move them by 1e-6, another activation or another feature by far more.
_TOLERANCE = 1e-4
# An LSTM with relu can be so steep that the original itself, its inputs rounded the other way, answers further off.
_ROUNDINGS = 10
_ROUNDING = 1e-3


@dataclass(frozen=True)
class Answers:
    """Inputs and the original model's outputs.

    Attributes:
        path: The file.
        inputs: float32 (samples, …), as the original project captured them.
        outputs: Probabilities, float32 (samples, classes).
    """

    path: Path
    inputs: np.ndarray
    outputs: np.ndarray

    @classmethod
    def read(cls, path: Path) -> "Answers":
        """Reads an npz of `inputs` and `outputs`; logits become probabilities.

        Raises:
            SignportError: Not such a file.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                inputs, outputs = (np.asarray(arrays[name], np.float32) for name in ("inputs", "outputs"))
        except Exception as error:  # NumPy raises what zip, zlib and its own parser raise
            raise SignportError(
                f"--answers {path}: not an npz of inputs and outputs ({error}); numpy.savez(path, inputs=…, outputs=…)"
            ) from error
        if outputs.ndim != 2 or len(outputs) != len(inputs) or not len(outputs) or not np.isfinite(outputs).all():
            raise SignportError(
                f"--answers {path}: inputs {inputs.shape} and outputs {outputs.shape}; give a row of finite outputs "
                "(samples, classes) for each input"
            )
        return cls(path, inputs, _probabilities(outputs))

    def require(
        self, model: keras.Model, shape: tuple[int, ...], landmarks: Callable[[np.ndarray], np.ndarray] = np.asarray
    ) -> dict[str, Any]:
        """Checks that a model answers the same.

        Args:
            model: From raw landmarks to probabilities, with one input.
            shape: Of the inputs, the first entry -1.
            landmarks: Inputs in that shape → what the model takes.

        Returns:
            `samples`, `largest_difference` of probabilities, and `median_difference`, over samples, of the largest in
            each.

        Raises:
            SignportError: It doesn't, or inputs and outputs are of another shape.
        """
        if self.inputs[0].size != np.prod(shape[1:]) or self.outputs.shape[1] != model.output.shape[1]:
            raise SignportError(
                f"--answers {self.path}: inputs {self.inputs.shape} and outputs {self.outputs.shape}; this model takes "
                f"(samples, {', '.join(map(str, shape[1:]))}) and answers with {model.output.shape[1]} classes"
            )
        name, taken = model.inputs[0].name, landmarks(self.inputs.reshape(shape))
        answered = predict(model, {name: taken})
        difference = np.abs(answered - self.outputs)
        rounded = predict(model, {name: taken * _one_step(taken.shape)})
        allowed = _TOLERANCE + _ROUNDINGS * np.abs(rounded - answered).max(axis=1)
        if (difference.max(axis=1) > allowed).any():
            same = (answered.argmax(axis=1) == self.outputs.argmax(axis=1)).mean()
            raise SignportError(
                f"--answers {self.path}: the imported model is another one: it differs by up to {difference.max():.2g} "
                f"in sample {difference.max(axis=1).argmax()} and has the same best class on {same:.1%}; activations, "
                "the place of normalizations, features or their order are not what they were taken for"
            )
        return {
            "samples": len(answered),
            "largest_difference": float(difference.max()),
            "median_difference": float(np.median(difference.max(axis=1))),
        }


def _one_step(shape: tuple[int, ...]) -> np.ndarray:
    """Factors that move float32 numbers by one step, up or down."""
    signs = np.random.default_rng(0).choice(np.array([-1, 1], np.float32), shape)
    return np.asarray(1 + signs * np.finfo(np.float32).eps)


def _probabilities(outputs: np.ndarray) -> np.ndarray:
    if (outputs >= 0).all() and (np.abs(outputs.sum(axis=1) - 1) < _ROUNDING).all():
        return outputs
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)
