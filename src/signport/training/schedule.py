"""Learning rate and early stopping as pure functions of what happened so far, so that there is no state to lose."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Schedule:
    """The learning rate over the epochs.

    Attributes:
        kind: `constant`; `plateau`, which falls when the monitored value stalls; `cosine`, which falls to 0 (Loshchilov
            and Hutter 2017, eq. 5, one cycle).
        peak: The highest rate.
        epochs: Epochs of the whole training.
        warmup_epochs: Epochs of a linear rise to the peak.
        plateau_factor: What a plateau multiplies the rate by.
        plateau_patience: Epochs without a better value that make a plateau.
    """

    kind: Literal["constant", "plateau", "cosine"] = "constant"
    peak: float = 1e-3
    epochs: int = 1
    warmup_epochs: int = 0
    plateau_factor: float = 0.5
    plateau_patience: int = 5

    def rate(self, epoch: int, values: Sequence[float]) -> float:
        """The learning rate of an epoch.

        Args:
            epoch: From 0.
            values: The monitored value of each epoch before it, lower being better.

        Example:
            >>> Schedule(peak=1.0, warmup_epochs=4).rate(0, [])
            0.25
        """
        if epoch < self.warmup_epochs:
            return self.peak * (epoch + 1) / self.warmup_epochs
        if self.kind == "cosine":
            done = (epoch - self.warmup_epochs) / max(1, self.epochs - self.warmup_epochs)
            return self.peak * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
        if self.kind == "plateau":
            return self.peak * self.plateau_factor ** self._plateaus(values)
        return self.peak

    def _plateaus(self, values: Sequence[float]) -> int:
        best, waited, plateaus = math.inf, 0, 0
        for value in values:
            waited = 0 if value < best else waited + 1
            best = min(best, value)
            if waited >= self.plateau_patience:
                plateaus, waited = plateaus + 1, 0
        return plateaus


def best_epoch(values: Sequence[float]) -> int:
    """Index of the lowest value, the first of equals; -1 without any."""
    return min(range(len(values)), key=values.__getitem__, default=-1)


def has_stalled(values: Sequence[float], patience: int) -> bool:
    """Whether the last `patience` values brought nothing better; never with a patience of 0."""
    return patience > 0 and len(values) - 1 - best_epoch(values) >= patience
