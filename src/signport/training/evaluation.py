"""How well a run, or several together, recognize the samples of a landmark cache."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.errors import SignportError
from signport.files import check_writable
from signport.models.registry import check_topology, predict
from signport.training.metrics import Metrics, measure
from signport.training.reports import write_reports
from signport.training.run import Run

Part = Literal["auto", "all", "test"]


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        runs: Ids of the runs; the probabilities of several are averaged.
        data: The landmark cache's path, or `memory`.
        part: `test` if only the held-back part of the training cache was used, `validation` if that is empty, else
            `all`.
        notes: What the figures do and don't say.
        metrics: The figures.
        output: Where the reports are.
    """

    runs: tuple[str, ...]
    data: str
    part: Literal["all", "test", "validation"]
    notes: tuple[str, ...]
    metrics: Metrics
    output: Path

    @property
    def accuracy(self) -> float:
        """Share of right answers."""
        return self.metrics.accuracy

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson score interval of the accuracy."""
        return self.metrics.interval

    @property
    def top5(self) -> float:
        """Share of samples whose class is among the five likeliest."""
        return self.metrics.top5


def evaluate(
    runs: Run | str | Path | Sequence[Run | str | Path],
    data: LandmarkCache | str | Path,
    *,
    output: str | Path | None = None,
    part: Part = "auto",
    ignore_unknown: bool = False,
) -> Evaluation:
    """Evaluates a run, or several as an ensemble, and writes text, JSON and two pictures.

    A model is not flattered with samples it was trained on: of the cache that a run was trained on, only the part
    that was held back is used, unless `part` is `all`. A run that held back none (`data.test: 0`) is evaluated on the
    part that chose its best epoch, and a note says so.

    Args:
        runs: One run, or several whose class probabilities are averaged.
        data: Labelled samples.
        output: Folder of the reports; without one, `evaluation/` (or `ensemble/`) in the first run's folder.
        part: `test` for the part that the runs held back, `all` for every sample, `auto` for the first where `data` is
            the cache a run was trained on and for the second otherwise.
        ignore_unknown: Leave out samples of classes that the model does not know, instead of refusing them.

    Raises:
        SignportError: No samples, unknown classes, runs of different classes, or an output that can't be written.

    Examples:
        >>> evaluation = sp.evaluate("runs/mlp-001", "hands.parquet")
        >>> 0 < evaluation.accuracy <= 1
        True
    """
    if output is not None:
        check_writable(Path(output) / "results.json")
    entries = [runs] if isinstance(runs, Run | str | Path) else list(runs)
    if not entries:
        raise SignportError("nothing to evaluate; give at least one run")
    opened = [entry if isinstance(entry, Run) else Run.open(entry) for entry in entries]
    cache = data if isinstance(data, LandmarkCache) else LandmarkCache.read(data)
    missing = _check(opened, cache)
    name = str(cache.path or "memory")
    chosen, used, notes = _choose(opened, cache, part)
    chosen, more = _known(opened[0], chosen, name, ignore_unknown)
    if not len(chosen):
        raise SignportError(f"{name}: no sample to evaluate on")
    classes = opened[0].classes
    index = {label: number for number, label in enumerate(classes)}
    labels = np.array([index[label] for label in chosen.table["label"].to_pylist()], np.int64)
    probabilities = np.mean([_probabilities(run, chosen, classes) for run in opened], axis=0)
    if output is None:
        output = opened[0].path / ("evaluation" if len(opened) == 1 else "ensemble")
    evaluation = Evaluation(
        runs=tuple(run.id for run in opened),
        data=name,
        part=used,
        notes=(*missing, *notes, *more),
        metrics=measure(probabilities, labels, classes),
        output=Path(output),
    )
    write_reports(evaluation)
    return evaluation


def _check(runs: list[Run], cache: LandmarkCache) -> list[str]:
    """Checks that the runs can be asked, together, about this cache; returns what its landmarks lack."""
    for run in runs:
        if different := set(run.classes) ^ set(runs[0].classes):
            raise SignportError(
                f"runs {runs[0].id} and {run.id} don't share their classes ({', '.join(sorted(different))}), so they "
                "can't be one ensemble"
            )
    missing = [check_topology(run.family, cache) for run in runs]
    return [note for note in dict.fromkeys(missing) if note]


def _choose(
    runs: list[Run], cache: LandmarkCache, part: Part
) -> tuple[LandmarkCache, Literal["all", "test", "validation"], list[str]]:
    """The samples to evaluate on, what they are, and what is to be said about that."""
    trained_on_it = [run for run in runs if _is_training_cache(run, cache)]
    if part == "test" and not trained_on_it:
        raise SignportError(
            f"{cache.path or 'cache'}: not the cache that {runs[0].id} was trained on, so it has no test part; use "
            "part all (--part all)"
        )
    if part == "all" or not trained_on_it:
        seen = "training samples are among these: the figures flatter the model" if trained_on_it else ""
        return cache, "all", [seen] if seen else []
    rows = _common(trained_on_it, "test")
    no_test = not any(len(run.split().test) for run in trained_on_it)
    if part == "auto" and no_test and len(rows := _common(trained_on_it, "validation")):
        note = f"only the validation part ({len(rows)} of {len(cache)} samples), which chose the best epoch: flattering"
        return cache.take(rows), "validation", [f"{note}; no test part was held back (data.test: 0)"]
    if not len(rows):
        ids = ", ".join(run.id for run in trained_on_it)
        raise SignportError(
            f"{cache.path or 'cache'}: {ids} held back no test samples of it in common; evaluate on other data, or on "
            "samples they were trained on (--part all)"
        )
    held_back = "held back in training"
    if any("imported" in run.record for run in trained_on_it):
        held_back = "which an imported model may have been trained on, where it came from: the figures may flatter it"
    return cache.take(rows), "test", [f"only the test part ({len(rows)} of {len(cache)} samples), {held_back}"]


def _common(runs: list[Run], part: str) -> np.ndarray:
    """The rows that all runs have in a part, int64, ascending."""
    rows = runs[0].split().rows(part)
    for run in runs[1:]:
        rows = np.intersect1d(rows, run.split().rows(part))
    return rows


def _is_training_cache(run: Run, cache: LandmarkCache) -> bool:
    if cache.digest == run.cache_digest:
        return True
    # A cache that was only in memory has been written into the run, where its digest is the file's.
    in_run = cache.path is None and run.cache_path.exists()
    return in_run and _same_samples(cache, run.cache())


def _same_samples(one: LandmarkCache, other: LandmarkCache) -> bool:
    if one.header.topology != other.header.topology or one.classes != other.classes:
        return False
    if any(one.table[column] != other.table[column] for column in ("sample_id", "label", "group", "num_frames")):
        return False
    # Not as Arrow compares them: there, a missing landmark (NaN) is unlike itself.
    first, second = (cache.table["landmarks"].combine_chunks().flatten().to_numpy() for cache in (one, other))
    return np.array_equal(first, second, equal_nan=True)


def _known(run: Run, cache: LandmarkCache, name: str, ignore_unknown: bool) -> tuple[LandmarkCache, list[str]]:
    names = cache.table["label"].to_pylist()
    unknown = sorted(set(names) - set(run.classes))
    if not unknown:
        return cache, []
    if not ignore_unknown:
        raise SignportError(
            f"{name}: run {run.id} does not know the class(es) {', '.join(unknown)}; leave their samples out with "
            "--ignore-unknown"
        )
    known = np.array([label in run.classes for label in names], bool)
    return cache.take(known), [f"{(~known).sum()} samples of unknown classes left out: {', '.join(unknown)}"]


def _probabilities(run: Run, cache: LandmarkCache, classes: tuple[str, ...]) -> np.ndarray:
    """Class probabilities in the order of `classes`, float32 (samples, classes)."""
    answers = predict(run.model(), run.family.inputs(cache, run.config))
    return answers[:, [run.classes.index(name) for name in classes]]
