"""Classification metrics with their uncertainty."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from signport.errors import SignportError

# Two-sided 95 % quantile of the normal distribution.
_Z = 1.959963984540054
# Top-5 accuracy says something where there are more classes than that.
TOP = 5


@dataclass(frozen=True)
class ClassScore:
    """How one class, or an average over classes, is recognized.

    Attributes:
        precision: Share of the answers of this class that are right; 0 if there are none.
        recall: Share of its samples that are recognized; 0 if there are none.
        f1: Harmonic mean of the two.
        support: Its samples.
    """

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Metrics:
    """What a classifier does on labelled samples.

    Attributes:
        classes: Class names in index order.
        accuracy: Share of right answers.
        interval: 95 % Wilson score interval of the accuracy.
        top5: Share of samples whose class is among the five likeliest (all of them, with fewer classes).
        per_class: Class name → score.
        macro: Mean over the classes that have samples, each counting alike.
        weighted: Mean over the same, by their samples.
        confusion: int64 (classes, classes): rows are true classes, columns answers.
    """

    classes: tuple[str, ...]
    accuracy: float
    interval: tuple[float, float]
    top5: float
    per_class: dict[str, ClassScore]
    macro: ClassScore
    weighted: ClassScore
    confusion: np.ndarray

    @property
    def samples(self) -> int:
        return int(self.confusion.sum())

    @property
    def has_top5(self) -> bool:
        """Whether there are enough classes for `top5` to say something."""
        return len(self.classes) > TOP

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "samples": self.samples, "confusion": self.confusion.tolist()}


def wilson_interval(right: int, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927, score interval without continuity correction); (0, 1) for no samples.

    Example:
        >>> [round(bound, 3) for bound in wilson_interval(90, 100)]
        [0.826, 0.945]
    """
    if not count:
        return 0.0, 1.0
    share = right / count
    centre = share + _Z**2 / (2 * count)
    reach = _Z * math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    scale = 1 + _Z**2 / count
    return max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale)


def measure(probabilities: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> Metrics:
    """Measures a classifier's answers.

    Args:
        probabilities: float (samples, classes).
        labels: int (samples,), true classes.
        classes: Class names.

    Raises:
        SignportError: An answer is NaN or infinite.
    """
    count = len(labels)
    if broken := int((~np.isfinite(probabilities).all(axis=1)).sum()):
        raise SignportError(
            f"{broken} of {count} answers are NaN or infinite, so nothing can be measured; look at their landmarks "
            "with `signport cache`, or train again with a lower learning rate"
        )
    answers = probabilities.argmax(axis=1)
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (labels, answers), 1)
    right = int(confusion.trace())
    likeliest = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
    per_class = _class_scores(confusion, classes)
    present = [score for score in per_class.values() if score.support]
    return Metrics(
        classes=classes,
        accuracy=right / count if count else 0.0,
        interval=wilson_interval(right, count),
        top5=float((likeliest == labels[:, None]).any(axis=1).mean()) if count else 0.0,
        per_class=per_class,
        macro=_average(present, [1] * len(present)),
        weighted=_average(present, [score.support for score in present]),
        confusion=confusion,
    )


def _class_scores(confusion: np.ndarray, classes: tuple[str, ...]) -> dict[str, ClassScore]:
    scores = {}
    for index, name in enumerate(classes):
        right, answered, support = (
            int(value) for value in (confusion[index, index], confusion[:, index].sum(), confusion[index].sum())
        )
        precision = right / answered if answered else 0.0
        recall = right / support if support else 0.0
        f1 = 2 * right / (answered + support) if answered + support else 0.0
        scores[name] = ClassScore(precision, recall, f1, support)
    return scores


def _average(scores: list[ClassScore], weights: list[int]) -> ClassScore:
    support = sum(score.support for score in scores)
    if not support:
        return ClassScore(0.0, 0.0, 0.0, 0)
    precision, recall, f1 = (
        float(np.average([getattr(score, name) for score in scores], weights=weights))
        for name in ("precision", "recall", "f1")
    )
    return ClassScore(precision, recall, f1, support)
