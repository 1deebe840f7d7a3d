"""An evaluation as text, JSON and pictures."""

from typing import TYPE_CHECKING

import numpy as np

from signport.files import write_json, write_text
from signport.training.metrics import ClassScore, Metrics
from signport.training.plots import draw_confusion, draw_f1

if TYPE_CHECKING:
    from signport.training.evaluation import Evaluation

_MOST_CONFUSIONS = 10


def write_reports(evaluation: "Evaluation") -> None:
    """Writes `results.txt`, `results.json`, `confusion_matrix.png` and `per_class_f1.png` into its output folder."""
    folder, metrics = evaluation.output, evaluation.metrics
    title = " + ".join(evaluation.runs)
    write_text(folder / "results.txt", results_text(evaluation))
    write_json(
        folder / "results.json",
        {
            "runs": list(evaluation.runs),
            "data": evaluation.data,
            "part": evaluation.part,
            "notes": list(evaluation.notes),
            **metrics.to_json(),
        },
    )
    draw_confusion(metrics, folder / "confusion_matrix.png", title)
    draw_f1(metrics, folder / "per_class_f1.png", title)


def results_text(evaluation: "Evaluation") -> str:
    """The evaluation as lines of text, with a table a class a row."""
    metrics = evaluation.metrics
    width = max(len("weighted average"), *(len(name) for name in metrics.classes))
    lines = [
        f"runs      {' + '.join(evaluation.runs)}" + (" (mean of probabilities)" if len(evaluation.runs) > 1 else ""),
        f"data      {evaluation.data}",
        f"samples   {metrics.samples} of {len(metrics.classes)} classes",
        *(f"note      {note}" for note in evaluation.notes),
        "",
        f"accuracy  {accuracy_text(metrics)}",
        *([f"top-5     {metrics.top5:.2%}"] if metrics.has_top5 else []),
        "",
        f"{'class':<{width}}  precision  recall      F1  support",
        *(_row(name, score, width) for name, score in metrics.per_class.items()),
        "",
        _row("macro average", metrics.macro, width),
        _row("weighted average", metrics.weighted, width),
    ]
    if confusions := _commonest_confusions(metrics):
        lines += ["", "commonest confusions", *confusions]
    return "\n".join(lines) + "\n"


def accuracy_text(metrics: Metrics) -> str:
    """Accuracy with its 95 % interval, for people."""
    low, high = metrics.interval
    return f"{metrics.accuracy:.2%} (95 % interval {low:.2%} to {high:.2%})"


def _row(name: str, score: ClassScore, width: int) -> str:
    return f"{name:<{width}}  {score.precision:9.3f}  {score.recall:6.3f}  {score.f1:6.3f}  {score.support:7d}"


def _commonest_confusions(metrics: Metrics) -> list[str]:
    wrong = metrics.confusion - np.diag(metrics.confusion.diagonal())
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_CONFUSIONS]
    pairs = [(int(index) // len(wrong), int(index) % len(wrong)) for index in order]
    return [
        f"{wrong[true, answer]:5d} × {metrics.classes[true]} taken for {metrics.classes[answer]}"
        for true, answer in pairs
        if wrong[true, answer]
    ]
