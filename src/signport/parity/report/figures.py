"""What a parity report's charts show, computed from raw answers: error histograms, reliability, the worst samples."""

import math
from dataclasses import dataclass

import numpy as np

from signport.landmarks.topology import TOPOLOGIES, Topology
from signport.parity.job import Job
from signport.parity.judgement import REFERENCE, FileResult, RuntimeResult
from signport.training.metrics import wilson_interval

BINS_A_DECADE = 4


@dataclass(frozen=True)
class ErrorHistogram:
    """Absolute errors of single outputs, counted in bins of equal width on a logarithmic axis.

    Attributes:
        first_decade: Exponent (base 10) where the first bin begins.
        counts: Number of outputs in each of the bins, `BINS_A_DECADE` to a decade.
        exact: Outputs without any error.
        not_finite: Outputs that are NaN or infinite.
        median: Median error, the exact ones counted; NaN where no output is finite.
        largest: Largest error; NaN where no output is finite.
    """

    first_decade: int
    counts: tuple[int, ...]
    exact: int
    not_finite: int
    median: float
    largest: float


@dataclass(frozen=True)
class ConfidenceBin:
    """Answers whose best score lies within one tenth.

    Attributes:
        low: Lower end of the bin.
        samples: How many answers are in it.
        confidence: Their mean best score, weighted.
        accuracy: Share of right ones, weighted.
        accuracy_low: Lower end of its 95 % interval.
        accuracy_high: Upper end.
        weight: Their part of all weight, 0 to 1.
    """

    low: float
    samples: int
    confidence: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    weight: float


@dataclass(frozen=True)
class Pictured:
    """A file's answers of one runtime.

    Attributes:
        result: The runtime.
        file: The file in it.
        output: float32 (samples, outputs) of the real samples.
    """

    result: RuntimeResult
    file: FileResult
    output: np.ndarray

    @property
    def where(self) -> str:
        """In words, such as `int8 in desktop ai-edge-litert`."""
        return f"{self.file.form} in {self.result.target} {self.result.answers.runtime}"


def error_histogram(reference: np.ndarray, output: np.ndarray, decades: tuple[int, int]) -> ErrorHistogram:
    """Counts the absolute errors of all outputs of all samples.

    Args:
        reference: float32 (samples, outputs).
        output: The same of the file.
        decades: Exponents where the axis begins and ends; what lies beyond is counted in the outermost bins.
    """
    errors = np.abs(output.astype(np.float64) - reference)
    errors = errors[np.isfinite(errors)]
    edges = np.arange(decades[0] * BINS_A_DECADE, decades[1] * BINS_A_DECADE + 1) / BINS_A_DECADE
    inexact = np.log10(errors[errors > 0])
    counts, _ = np.histogram(np.clip(inexact, edges[0], edges[-1]), edges)
    nan = float("nan")
    return ErrorHistogram(
        first_decade=decades[0],
        counts=tuple(int(count) for count in counts),
        exact=int((errors == 0).sum()),
        not_finite=output.size - errors.size,
        median=float(np.median(errors)) if errors.size else nan,
        largest=float(errors.max()) if errors.size else nan,
    )


def error_decades(reference: np.ndarray, outputs: list[np.ndarray]) -> tuple[int, int]:
    """Whole decades that hold all errors but exact ones and those below 1e-10: (first, last), at least two apart."""
    found = [np.abs(output.astype(np.float64) - reference) for output in outputs]
    errors = np.concatenate([one[np.isfinite(one) & (one > 1e-10)] for one in found]) if found else np.zeros(0)
    if not errors.size:
        return -8, 0
    low, high = math.floor(math.log10(errors.min())), math.ceil(math.log10(errors.max()))
    return min(low, high - 2), high


def reliability(answers: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> list[ConfidenceBin]:
    """Confidence against accuracy in tenths of the best score (Guo et al. 2017, "On Calibration of Modern Neural
    Networks"), with Wilson's interval at each bin's effective sample size.

    Args:
        answers: float32 (samples, classes); samples that are not finite are left out.
        labels: int64 (samples,), -1 where unknown: left out.
        weights: float64 (samples,), how many samples each stands for.

    Returns:
        The bins that are not empty, the lowest first.
    """  # noqa: D205  the paper's title is long
    known = (labels >= 0) & np.isfinite(answers).all(axis=1)
    answers, labels, weights = answers[known], labels[known], weights[known]
    if not len(answers):
        return []
    scores, right = answers.max(axis=1), answers.argmax(axis=1) == labels
    tenths = np.clip((scores * 10).astype(int), 0, 9)
    bins = []
    for tenth in np.unique(tenths):
        chosen = tenths == tenth
        weight = weights[chosen]
        share = float((weight * right[chosen]).sum() / weight.sum())
        effective = max(1, round(float(weight.sum() ** 2 / np.square(weight).sum())))
        low, high = wilson_interval(round(share * effective), effective)
        bins.append(
            ConfidenceBin(
                low=float(tenth) / 10,
                samples=int(chosen.sum()),
                confidence=float((weight * scores[chosen]).sum() / weight.sum()),
                accuracy=share,
                accuracy_low=min(low, share),
                accuracy_high=max(high, share),
                weight=float(weight.sum() / weights.sum()),
            )
        )
    return bins


def calibration_error(bins: list[ConfidenceBin]) -> float:
    """Expected calibration error: the mean gap between confidence and accuracy, each bin weighted by its answers."""
    return sum(one.weight * abs(one.confidence - one.accuracy) for one in bins)


def pictured(job: Job, results: list[RuntimeResult]) -> list[Pictured]:
    """Every answer of the right shape, of the real samples only, in the report's order."""
    return [
        Pictured(result, file, file.answer.output[job.real])
        for result in results
        for file in result.files.values()
        if file.answer.output is not None and file.answer.output.shape == job.reference.shape
    ]


def chosen_errors(found: list[Pictured], most: int) -> list[Pictured]:
    """Whose errors are drawn: each format in the reference runtime (or the first that ran it), then what is broken."""
    first: dict[str, Pictured] = {}
    for one in sorted(found, key=lambda one: (one.result.target, one.result.answers.runtime) != REFERENCE):
        first.setdefault(one.file.form, one)
    shown = list(first.values())
    others = [one for one in found if one not in shown and not one.file.passed]
    return [one for one in found if one in shown] + others[: max(0, most - len(shown))]


def chosen_worst(job: Job, found: list[Pictured], most: int) -> list[Pictured]:
    """Whose worst samples are drawn: of each format that broke a gate the answers furthest off, else the furthest."""
    reference = job.reference[job.real]
    ranked = sorted(found, key=lambda one: -float(sample_errors(reference, one.output).max()))
    broken: dict[str, Pictured] = {}
    for one in ranked:
        if not one.file.passed:
            broken.setdefault(one.file.form, one)
    return list(broken.values())[:most] or ranked[:1]


def sample_errors(reference: np.ndarray, output: np.ndarray) -> np.ndarray:
    """Largest absolute error of each sample, float64 (samples,); infinite where an output is not finite."""
    errors = np.abs(output.astype(np.float64) - reference).max(axis=1)
    return np.where(np.isfinite(errors), errors, np.inf)


def worst_rows(reference: np.ndarray, output: np.ndarray, most: int) -> np.ndarray:
    """Rows of the samples that are furthest off, the worst first; those without any error are left out."""
    errors = sample_errors(reference, output)
    ranked = np.argsort(-errors, kind="stable")[:most]
    return np.asarray(ranked[errors[ranked] > 0])


def landmark_input(job: Job) -> tuple[np.ndarray, Topology] | None:
    """The input that can be drawn: float32 (samples, frames, points, 3) and its layout; None where there is none.

    A hand of the image (`hand`) comes before one in metres (`world_hand`), for it stands first in the signature.
    """
    stated = TOPOLOGIES.get(str(job.card.get("topology")))
    layouts = [stated] if stated else []
    for values in job.inputs.values():
        if values.ndim not in (3, 4) or values.shape[-1] != 3:
            continue
        for layout in [*layouts, *TOPOLOGIES.values()]:
            if layout.num_points == values.shape[-2]:
                frames = values if values.ndim == 4 else values[:, None]
                return frames[job.real], layout
    return None
