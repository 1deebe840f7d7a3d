"""The layers of a model that is brought over, as plain weights, and the folding of what a family has no place for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from signport.errors import SignportError


@dataclass(frozen=True)
class Norm:
    """Batch normalization at inference: x · factor + offset.

    Attributes:
        gamma: float (channels,).
        beta: float (channels,).
        mean: Moving mean, float (channels,).
        variance: Moving variance, float (channels,).
        epsilon: What is added to the variance.
    """

    gamma: np.ndarray
    beta: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float

    def __post_init__(self) -> None:
        shapes = {np.shape(values) for values in (self.gamma, self.beta, self.mean, self.variance)}
        if len(shapes) > 1 or self.mean.ndim != 1 or not self.epsilon >= 0 or not (self.variance >= 0).all():
            raise SignportError("a batch normalization whose values do not fit each other, or with a negative variance")

    @property
    def factor(self) -> np.ndarray:
        """float64 (channels,)."""
        return np.asarray(self.gamma / np.sqrt(self.variance.astype(np.float64) + self.epsilon))

    @property
    def offset(self) -> np.ndarray:
        """float64 (channels,)."""
        return np.asarray(self.beta - self.mean * self.factor)

    def with_epsilon(self, epsilon: float) -> "Norm":
        """The same normalization, where a framework adds another epsilon: only gamma changes."""
        wanted = self.factor * np.sqrt(self.variance.astype(np.float64) + epsilon)
        return replace(self, gamma=wanted.astype(np.float32), epsilon=epsilon)

    @classmethod
    def standardizing(cls, mean: np.ndarray, deviation: np.ndarray) -> "Norm":
        """(x - mean) / deviation, float (channels,) each."""
        ones = np.ones(len(mean))
        return cls(1.0 / deviation.astype(np.float64), np.zeros(len(mean)), mean, ones, 0.0)

    @classmethod
    def identity(cls, channels: int, epsilon: float) -> "Norm":
        """One that changes nothing, for a family that has a normalization where the original has none."""
        ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
        return cls(ones, zeros, zeros, ones, 0.0).with_epsilon(epsilon)


@dataclass(frozen=True)
class Dense:
    """x · kernel + bias.

    Attributes:
        kernel: float32 (inputs, units).
        bias: float32 (units,).
    """

    kernel: np.ndarray
    bias: np.ndarray

    def __post_init__(self) -> None:
        if self.kernel.ndim != 2 or self.bias.shape != self.kernel.shape[1:]:
            raise SignportError(f"a dense layer of weights {self.kernel.shape} and bias {self.bias.shape}")

    def behind(self, factor: np.ndarray, offset: np.ndarray) -> "Dense":
        """The layer that takes x and answers what this one does to x · factor + offset."""
        bias = self.bias + offset @ self.kernel
        return Dense((self.kernel * factor[:, None]).astype(np.float32), bias.astype(np.float32))

    def before(self, norm: Norm) -> "Dense":
        """The layer that answers what `norm` makes of this one's answer."""
        kernel, bias = self.kernel * norm.factor, self.bias * norm.factor + norm.offset
        return Dense(kernel.astype(np.float32), bias.astype(np.float32))


@dataclass(frozen=True)
class Lstm:
    """An LSTM, gates in Keras's order: input, forget, candidate, output.

    Attributes:
        kernel: float32 (inputs, 4 · units).
        recurrent: float32 (units, 4 · units).
        bias: float32 (4 · units,).
        activation: Of candidate and cell.
    """

    kernel: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray
    activation: Literal["tanh", "relu"] = "tanh"

    def __post_init__(self) -> None:
        shapes, gates = [self.kernel.shape, self.recurrent.shape, self.bias.shape], 4 * len(self.recurrent)
        if self.kernel.ndim != 2 or shapes != [(len(self.kernel), gates), (len(self.recurrent), gates), (gates,)]:
            raise SignportError(f"an LSTM of weights {', '.join(map(str, shapes))}")

    @property
    def units(self) -> int:
        """Size of the state."""
        return len(self.recurrent)

    def behind(self, factor: np.ndarray, offset: np.ndarray) -> "Lstm":
        """As `Dense.behind`."""
        bias = self.bias + offset @ self.kernel
        kernel = (self.kernel * factor[:, None]).astype(np.float32)
        return replace(self, kernel=kernel, bias=bias.astype(np.float32))


@dataclass(frozen=True)
class Relu:
    """max(x, 0)."""


Layer = Norm | Dense | Lstm | Relu


def fold(layers: Sequence[Layer], keeps: Callable[[int], bool]) -> list[Layer]:
    """Folds normalizations into the dense layer before them, else into the next layer with weights.

    Args:
        layers: From the input to the logits.
        keeps: Number of a normalization in `layers` → whether it stays.

    Raises:
        SignportError: One that has neither.
    """
    folded: list[Layer] = []
    waiting: tuple[np.ndarray, np.ndarray] | None = None
    for number, layer in enumerate(layers):
        if isinstance(layer, Norm) and keeps(number) and waiting is None:
            folded.append(layer)
        elif isinstance(layer, Norm):
            if folded and isinstance(folded[-1], Dense) and waiting is None:
                folded[-1] = folded[-1].before(layer)
            elif waiting is None:
                waiting = layer.factor, layer.offset
            else:
                waiting = waiting[0] * layer.factor, waiting[1] * layer.factor + layer.offset
        elif waiting is None:
            folded.append(layer)
        elif isinstance(layer, Relu):
            raise SignportError("a normalization stands right before a ReLU, with no layer before it to fold it into")
        else:
            folded.append(layer.behind(*waiting))
            waiting = None
    if waiting is not None:
        raise SignportError("a normalization stands at the end, with no layer to fold it into")
    return folded
