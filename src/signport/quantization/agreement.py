"""How well two models answer alike: the figures that candidates, export checks and parity reports are judged by."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

# Below this a float32 probability's logarithm says more about rounding than about the model.
_SMALLEST_PROBABILITY = 1e-20
# Two classes closer than this are a tie; which of them comes first is chance (design §7).
TIE = 1e-5


@dataclass(frozen=True)
class Agreement:
    """An answer compared with its reference, over samples of shape (samples, outputs).

    Attributes:
        samples: Number of samples.
        finite: Whether the answer holds no NaN and no infinity; if it does, every other figure is NaN.
        max_abs: Largest absolute error.
        p95_abs: 95th percentile, over samples, of each sample's largest absolute error.
        mean_abs: Mean absolute error.
        rmse: Root of the mean squared error.
        sqnr_db: Signal-to-quantization-noise ratio in dB, 10·log10(Σ reference² / Σ error²), of the embeddings, or of
            the centred logits (for probabilities: log p less its mean over the classes, which is the same).
        cosine: Mean cosine of answer and reference.
        kl: Mean Kullback-Leibler divergence of the answer from the reference, in nats; NaN for embeddings.
        top1: Share of samples with the same top class; NaN for embeddings.
        top1_clear: The same over the samples whose reference has no tie (margin above 1e-5).
        top5: Share of samples whose reference's top class is among the answer's best five; NaN for embeddings.
    """

    samples: int
    finite: bool
    max_abs: float
    p95_abs: float
    mean_abs: float
    rmse: float
    sqnr_db: float
    cosine: float
    kl: float
    top1: float
    top1_clear: float
    top5: float


def centred_logits(probabilities: np.ndarray) -> np.ndarray:
    """The logits behind softmax probabilities (samples, classes), up to the constant that softmax forgets; float64."""
    logs = np.log(np.maximum(probabilities.astype(np.float64), _SMALLEST_PROBABILITY))
    return np.asarray(logs - logs.mean(axis=-1, keepdims=True))


def sqnr_db(reference: np.ndarray, answer: np.ndarray) -> float:
    """10·log10(Σ reference² / Σ (reference - answer)²); infinite for equal arrays."""
    noise = float(np.square(reference.astype(np.float64) - answer).sum())
    signal = float(np.square(reference.astype(np.float64)).sum())
    return float("inf") if noise == 0 else 10 * float(np.log10(max(signal, float(np.finfo(float).tiny)) / noise))


def compare(
    reference: np.ndarray, answer: np.ndarray, output: Literal["probabilities", "embedding"] = "probabilities"
) -> Agreement:
    """Compares two models' answers to the same inputs.

    Args:
        reference: float32 (samples, outputs), of the float model.
        answer: The same of the other model.
        output: What the numbers are; embeddings have no classes.

    Raises:
        ValueError: The shapes differ.
    """
    if reference.shape != answer.shape:
        raise ValueError(f"shapes differ: reference {reference.shape}, answer {answer.shape}")
    nan = float("nan")
    if not np.isfinite(answer).all():
        return Agreement(len(answer), False, *[nan] * 10)
    a, b = reference.astype(np.float64), answer.astype(np.float64)
    error = np.abs(a - b)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    kl = top1 = top1_clear = top5 = nan
    signal, noisy = a, b
    if output == "probabilities":
        signal, noisy = centred_logits(a), centred_logits(b)
        log_a, log_b = (np.log(np.maximum(p, _SMALLEST_PROBABILITY)) for p in (a, b))
        kl = float((a * (log_a - log_b)).sum(axis=1).mean())
        best = a.argmax(axis=1)
        same = best == b.argmax(axis=1)
        top5 = float((np.argsort(-b, axis=1, kind="stable")[:, :5] == best[:, None]).any(axis=1).mean())
        ranked = np.sort(a, axis=1)
        clear = ranked[:, -1] - ranked[:, -2] > TIE
        top1, top1_clear = float(same.mean()), float(same[clear].mean()) if clear.any() else 1.0
    return Agreement(
        samples=len(a),
        finite=True,
        max_abs=float(error.max()),
        p95_abs=float(np.quantile(error.max(axis=1), 0.95)),
        mean_abs=float(error.mean()),
        rmse=float(np.sqrt(np.square(error).mean())),
        sqnr_db=sqnr_db(signal, noisy),
        cosine=float(((a * b).sum(axis=1) / np.maximum(norms, np.finfo(float).tiny)).mean()),
        kl=kl,
        top1=top1,
        top1_clear=top1_clear,
        top5=top5,
    )
