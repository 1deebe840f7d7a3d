"""Figures of a parity report: agreement and accuracy over the test part, and int8 answers counted in steps."""

import math
import sys
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from signport.export.flatbuffer import builtin_code, read_model
from signport.quantization.agreement import Agreement, centred_logits, compare
from signport.training.metrics import wilson_interval

# Below this a float32 probability's logarithm is rounding, and the size of a step in it cannot be told.
_SMALLEST_PROBABILITY = 1e-20


@dataclass(frozen=True)
class Accuracy:
    """Share of right answers.

    Attributes:
        value: 0 to 1, weighted.
        low: Lower end of the 95 % interval.
        high: Upper end.
        samples: Labelled samples that it rests on.
    """

    value: float
    low: float
    high: float
    samples: int


def weighted_accuracy(answers: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Accuracy | None:
    """Accuracy over weighted samples, with Wilson's interval at the effective sample size (Kish: (Σw)² / Σw²).

    Args:
        answers: float32 (samples, classes).
        labels: int64 (samples,), -1 where unknown.
        weights: float64 (samples,).

    Returns:
        None where no sample has a label.
    """
    known = labels >= 0
    if not known.any():
        return None
    weight = weights[known]
    share = float((weight * (answers[known].argmax(axis=1) == labels[known])).sum() / weight.sum())
    effective = round(float(weight.sum() ** 2 / np.square(weight).sum()))
    low, high = wilson_interval(round(share * effective), effective)
    return Accuracy(share, low, high, int(known.sum()))


@dataclass(frozen=True)
class McNemar:
    """McNemar's exact test: whether two models that answered the same samples are right equally often.

    Attributes:
        float_only: Samples that only the float model answers right.
        file_only: Samples that only the file answers right.
        p_value: Two-sided; the chance of so uneven a split, or a more uneven one, if both were equally good.
    """

    float_only: int
    file_only: int
    p_value: float


def mcnemar(reference: np.ndarray, answers: np.ndarray, labels: np.ndarray) -> McNemar | None:
    """McNemar's test (Psychometrika 12, 1947) with exact binomial probabilities; every golden sample counts once.

    Args:
        reference: float32 (samples, classes) of the float model.
        answers: The same of the file.
        labels: int64 (samples,), -1 where unknown.

    Returns:
        None where no sample has a label.
    """
    from scipy.stats import binomtest

    known = labels >= 0
    if not known.any():
        return None
    floating, file = (values[known].argmax(axis=1) == labels[known] for values in (reference, answers))
    lost, won = int((floating & ~file).sum()), int((file & ~floating).sum())
    p_value = float(binomtest(lost, lost + won, 0.5).pvalue) if lost + won else 1.0
    return McNemar(lost, won, p_value)


def share_interval(right: int, count: int) -> dict[str, Any]:
    """A plain share with its 95 % interval, for JSON."""
    low, high = wilson_interval(right, count)
    return {"value": right / count if count else None, "low": low, "high": high, "samples": count}


def weighted_agreement(
    reference: np.ndarray, answer: np.ndarray, output: Literal["probabilities", "embedding"], weights: np.ndarray
) -> Agreement:
    """`compare`, where top-1 agreement, the 95th percentile and SQNR weigh each sample by what it stands for.

    The largest error and agreement outside ties are held over every sample alike: there the worst counts.

    Raises:
        ValueError: The shapes differ.
    """
    found = compare(reference, answer, output)
    if not found.finite:
        return found
    signal, noisy = reference.astype(np.float64), answer.astype(np.float64)
    worst, top1 = np.abs(signal - noisy).max(axis=1), found.top1
    if output == "probabilities":
        top1 = float((weights * (signal.argmax(axis=1) == noisy.argmax(axis=1))).sum() / weights.sum())
        signal, noisy = centred_logits(reference), centred_logits(answer)
    power = float((weights * np.square(signal).sum(axis=1)).sum())
    noise = float((weights * np.square(signal - noisy).sum(axis=1)).sum())
    return replace(
        found,
        top1=top1,
        p95_abs=_weighted_quantile(worst, weights, 0.95),
        sqnr_db=10 * math.log10(max(power, sys.float_info.min) / noise) if noise else float("inf"),
    )


def _weighted_quantile(values: np.ndarray, weights: np.ndarray, quantile: float) -> float:
    """The smallest value that is not below `quantile` of the weight."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(int(np.searchsorted(reached, quantile)), len(values) - 1)])


def output_step(content: bytes) -> float | None:
    """Scale of the int8 tensor that a file's float output is computed from, or the scale that one in int16 would have.

    What reaches an int16 tensor has been int8 on its way, so that runtimes differ by int8's steps there too.

    Returns:
        The scale where the graph ends in DEQUANTIZE, or in DEQUANTIZE and a float SOFTMAX; None otherwise.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = read_model(content)
    graph = model.subgraphs[0]
    made_by = {int(operator.outputs[0]): operator for operator in graph.operators}
    tensor = int(graph.outputs[0])
    for expected in (schema.BuiltinOperator.SOFTMAX, schema.BuiltinOperator.DEQUANTIZE):
        operator = made_by.get(tensor)
        if operator is None:
            return None
        found = builtin_code(model, operator)
        if found != expected and expected == schema.BuiltinOperator.DEQUANTIZE:
            return None
        if found == expected:
            tensor = int(operator.inputs[0])
    quantization = graph.tensors[tensor].quantization
    if quantization is None or quantization.scale is None or len(quantization.scale) != 1:
        return None
    finer = 256 if graph.tensors[tensor].type == schema.TensorType.INT16 else 1
    return float(quantization.scale[0]) * finer


def steps_apart(a: np.ndarray, b: np.ndarray, step: float, output: Literal["probabilities", "embedding"]) -> float:
    """The least number of quantization steps by which any logit (or embedding value) of two answers can differ.

    Softmax forgets a constant, so of logits only differences are known: if every logit moved by at most k steps, no
    log-probability ratio moved by more than 2k.

    Args:
        a: float32 (samples, outputs).
        b: The same of another runtime.
        step: Scale of the int8 tensor.
        output: What the numbers are.

    Returns:
        Steps, rounded to thousandths: float32 cannot tell more.
    """
    if output == "embedding":
        return round(float(np.abs(a.astype(np.float64) - b).max()) / step, 3)
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.log(a.astype(np.float64)) - np.log(b.astype(np.float64))
    moved[(a < _SMALLEST_PROBABILITY) | (b < _SMALLEST_PROBABILITY)] = np.nan
    spread = np.nanmax(moved, axis=1) - np.nanmin(moved, axis=1)
    return round(float(spread.max()) / (2 * step), 3)


def mean_steps(a: np.ndarray, b: np.ndarray, step: float, output: Literal["probabilities", "embedding"]) -> float:
    """By how many quantization steps the logits (embedding values) of two answers differ in the mean over the samples.

    Kernels that round the other way now and then differ in both directions; an output that has moved the same way in
    every sample is a fault: a zero point, a bias, a scale.

    Args:
        a: float32 (samples, outputs).
        b: The same of another runtime.
        step: Scale of the int8 tensor.
        output: What the numbers are; of probabilities, centred logits are compared.

    Returns:
        Steps of the output that moved most.
    """
    values = (centred_logits(a), centred_logits(b)) if output == "probabilities" else (a.astype(np.float64), b)
    return round(float(np.abs((values[0] - values[1]).mean(axis=0)).max()) / step, 3)


def sample_weights(reference: np.ndarray, test_samples: int | None) -> np.ndarray:
    """How many samples of the test part each golden sample stands for.

    Half of the golden samples are those whose two best classes are closest (see `export.golden.worst_margin_rows`),
    exactly where models disagree. Counted as they are, they would make any quantized file look twice as bad as it is;
    weighted like this, shares over the golden samples estimate shares over the test part without bias.

    Args:
        reference: float32 (samples, outputs).
        test_samples: Size of the test part; None, or not more than there are golden samples: all weigh 1.

    Returns:
        float64 (samples,).
    """
    weights = np.ones(len(reference))
    worst = len(reference) // 2
    if not isinstance(test_samples, int) or test_samples <= len(reference) or reference.shape[1] < 2:
        return weights
    ranked = np.sort(reference, axis=1)
    easier = np.argsort(ranked[:, -1] - ranked[:, -2], kind="stable")[worst:]
    weights[easier] = (test_samples - worst) / len(easier)
    return weights
