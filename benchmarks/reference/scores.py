"""What has been measured: kept in one JSON file, so that a stopped `make reference` goes on where it was."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, pstdev
from typing import Any

from signport.errors import SignportError
from signport.files import read_json, write_json

FORMATS = ("float", "int8", "")


@dataclass(frozen=True)
class Score:
    """One accuracy.

    Attributes:
        task: What is told apart, and what it was learned from, such as `letters: table to photographs`.
        method: A model family, or a scikit-learn classifier.
        format: `float`, `int8` (the exported file), or empty for scikit-learn.
        seed: Of the weights, the augmentation and, where the task says so, the split.
        accuracy: Top-1, 0 to 1.
        samples: How many were tested.
        variant: What else was done, such as `mirrored at test`; empty for the method as it comes.
    """

    task: str
    method: str
    format: str
    seed: int
    accuracy: float
    samples: int
    variant: str = ""

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise SignportError(f"format {self.format!r} is unknown; choose one of: {', '.join(map(repr, FORMATS))}")
        if not 0 <= self.accuracy <= 1:
            raise SignportError(f"{self.task}, {self.method}: accuracy {self.accuracy}; it must be 0 to 1")

    @property
    def key(self) -> tuple[str, str, str, int, str]:
        """What no two scores share."""
        return self.task, self.method, self.format, self.seed, self.variant


@dataclass(frozen=True)
class Summary:
    """Scores of one method over the seeds.

    Attributes:
        mean: Their mean.
        spread: Their standard deviation.
        samples: How many samples each was tested on.
        seeds: How many scores there are.
    """

    mean: float
    spread: float
    samples: int
    seeds: int

    def __str__(self) -> str:
        return f"{self.mean:.3f}" + (f" ± {self.spread:.3f}" if self.seeds > 1 else "")


class Scores:
    """All scores, on disk.

    Args:
        path: The JSON file; made with the first score.
        only: Tasks whose names lack this text are not wanted.
    """

    def __init__(self, path: str | Path, only: str = "") -> None:
        self.path, self.only = Path(path), only
        self._by_key = self._read()

    def __iter__(self) -> Iterator[Score]:
        return iter(self._by_key.values())

    def wants(self, task: str) -> bool:
        """Whether this task was asked for."""
        return self.only in task

    def has(self, task: str, method: str, format: str, seed: int, variant: str = "") -> bool:  # noqa: A002
        """Whether this has been measured."""
        return (task, method, format, seed, variant) in self._by_key

    def add(self, *scores: Score) -> None:
        """Keeps scores in place of earlier ones of the same key; they are on disk when this returns."""
        with self._alone():
            self._by_key = self._read()  # another process may have added some
            self._by_key.update({score.key: score for score in scores})
            write_json(self.path, [asdict(score) for score in self])

    def forget(self) -> None:
        """Forgets the scores of all wanted tasks."""
        with self._alone():
            self._by_key = {key: score for key, score in self._read().items() if not self.wants(score.task)}
            write_json(self.path, [asdict(score) for score in self])

    def tasks(self) -> list[str]:
        """Names of the wanted tasks that have scores, in the order they were first measured."""
        return [task for task in dict.fromkeys(score.task for score in self) if self.wants(task)]

    def summaries(self, task: str) -> dict[tuple[str, str], dict[str, Summary]]:
        """Of one task: (method, variant) → format → its scores over the seeds; scikit-learn's come last."""
        found: dict[tuple[str, str], dict[str, list[Score]]] = {}
        for score in self:
            if score.task == task:
                found.setdefault((score.method, score.variant), {}).setdefault(score.format, []).append(score)
        ordered = sorted(found.items(), key=lambda entry: "" in entry[1])
        return {row: {name: _summary(scores) for name, scores in formats.items()} for row, formats in ordered}

    def _read(self) -> dict[tuple[str, str, str, int, str], Score]:
        if not self.path.exists():
            return {}
        try:
            scores = [Score(**entry) for entry in read_json(self.path)]
        except TypeError as error:
            raise SignportError(f"{self.path}: holds no scores ({error}); run with --fresh") from None
        return {score.key: score for score in scores}

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)


def best_baseline(summaries: Mapping[Any, dict[str, Summary]]) -> float | None:
    """The highest mean of scikit-learn's classifiers; None where none was measured."""
    return max((formats[""].mean for formats in summaries.values() if "" in formats), default=None)


def as_they_come(summaries: dict[tuple[str, str], dict[str, Summary]]) -> dict[str, dict[str, Summary]]:
    """Method → its summaries by format, without those of anything else that was done (variants)."""
    return {method: formats for (method, variant), formats in summaries.items() if not variant}


def most_tested(summaries: Mapping[Any, dict[str, Summary]]) -> int:
    """The most samples that any method of a task was tested on."""
    return max(one.samples for formats in summaries.values() for one in formats.values())


def markdown(scores: Scores) -> str:
    """One table a task: a row a method, float and int8 as mean ± standard deviation over the seeds.

    The last column says how far int8 (or float, where there is no int8) stands above the best scikit-learn classifier.
    """
    blocks = []
    for task in scores.tasks():
        summaries = scores.summaries(task)
        bar = best_baseline(summaries)
        lines = [f"### {task}", "", "| method | float | int8 | samples | above scikit-learn |", "|---|---|---|---|---|"]
        for (method, variant), formats in summaries.items():
            name = f"{method}, {variant}" if variant else method
            samples = "–".join(str(count) for count in sorted({one.samples for one in formats.values()}))
            deciding = formats.get("int8", formats.get("float"))
            above = f"{deciding.mean - bar:+.3f}" if deciding is not None and bar is not None else ""
            shown = formats.get("float", formats.get("")), formats.get("int8")
            cells = [str(one) if one is not None else "" for one in shown]
            lines.append(f"| {name} | {cells[0]} | {cells[1]} | {samples} | {above} |")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def overview(scores: Scores) -> str:
    """One table of all tasks: the best scikit-learn classifier, then every family's int8 file, the best first.

    A family without an int8 figure shows its float one; what was done besides (variants) is left to `markdown`.
    """
    lines = ["| task | tested | best of scikit-learn | models, in int8 |", "|---|---|---|---|"]
    for task in scores.tasks():
        summaries = scores.summaries(task)
        methods = as_they_come(summaries)
        peers = {method: formats[""] for method, formats in methods.items() if "" in formats}
        ours = {
            method: formats["int8" if "int8" in formats else "float"]
            for method, formats in methods.items()
            if "" not in formats
        }
        lines.append(f"| {task} | {most_tested(summaries)} | {_ranked(peers, 1)} | {_ranked(ours)} |")
    return "\n".join(lines)


def _ranked(summaries: dict[str, Summary], most: int | None = None) -> str:
    best_first = sorted(summaries.items(), key=lambda entry: -entry[1].mean)
    return "<br>".join(f"{method} {one}" for method, one in best_first[:most])


def _summary(scores: list[Score]) -> Summary:
    values = [score.accuracy for score in scores]
    return Summary(mean(values), pstdev(values), max(score.samples for score in scores), len(values))
