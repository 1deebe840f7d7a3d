"""Pictures of trainings and evaluations."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.axes
import matplotlib.figure
import matplotlib.ticker
import numpy as np

from signport.files import atomic_file
from signport.training.metrics import TOP, Metrics

_BLUE, _ORANGE, _GREY = "#2a6fbb", "#d9772b", "#8a8f98"
_INK = "#1d2733"
# Class names longer than this stand upright below the confusion matrix.
_LONG_NAME = 4
# Cells below half a percent stay empty: they would read 0.
_SMALLEST_SHOWN_SHARE = 0.005
_DARK_SHARE = 0.55
# Side of a confusion matrix's cell, and of the largest picture, in inches; with more classes cells get smaller.
_CELL, _MARGIN, _LARGEST_SIDE = 0.36, 2.6, 24.0
_RESULTS_MATRIX = 5.0
_POINTS_AN_INCH = 72
_SMALLEST_FONT = 4.0
# More classes than this are not shown one by one: beside the curves, and as bars.
_MOST_CELLS, _MOST_BARS = 40, 60
_MOST_NAMED = 12


def _save(figure: matplotlib.figure.Figure, path: Path) -> None:
    # Without the version in the metadata, the same picture has the same bytes.
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150, metadata={"Software": None}, facecolor="white")


def draw_results(
    history: Sequence[dict[str, float]], best_epoch: int, metrics: Metrics, path: Path, title: str, part: str
) -> None:
    """Draws how a training went, and what came of it.

    Left: loss, accuracy (with top-5) and learning rate (with the gradient norm) over the epochs, the best one marked.
    Right: the confusion matrix of the best epoch, or with many classes how many of them are recognized how well.

    Args:
        history: A row an epoch; columns that it lacks are not drawn.
        best_epoch: Its number, from 1.
        metrics: Of the best epoch's model.
        path: The PNG.
        title: Headline.
        part: What the metrics were measured on: `test` or `validation`.
    """
    figure = matplotlib.figure.Figure(figsize=(13.5, 7.5), layout="constrained")
    figure.suptitle(title, fontsize=13, fontweight="bold")
    grid = figure.add_gridspec(3, 2, width_ratios=(1, 1.15))
    loss, accuracy, rate = (figure.add_subplot(grid[row, 0]) for row in range(3))
    _draw_curves(loss, history, {"loss": "-"}, "loss")
    names = {"accuracy": "-", f"top{TOP}_accuracy": "--"}
    _draw_curves(
        accuracy, history, names, f"accuracy (dashed: top-{TOP})" if f"top{TOP}_accuracy" in history[0] else "accuracy"
    )
    accuracy.set_ylim(top=1.01)
    _draw_rate(rate, history)
    for axes in (loss, accuracy, rate):
        axes.axvline(best_epoch, color=_GREY, linestyle=":", label=f"best epoch: {best_epoch}")
    loss.legend(loc="upper right", fontsize=9, edgecolor="none")
    held_back = figure.add_subplot(grid[:, 1])
    low, high = metrics.interval
    held_back.set_title(
        f"{part} part: accuracy {metrics.accuracy:.1%} ({low:.1%} to {high:.1%})"
        + (f", top-{TOP} {metrics.top5:.1%}" if metrics.has_top5 else "")
        + f", {metrics.samples} samples",
        fontsize=11,
    )
    if len(metrics.classes) <= _MOST_CELLS:
        _draw_matrix(held_back, metrics, _RESULTS_MATRIX / len(metrics.classes))
    else:
        _draw_recalls(held_back, metrics)
    _save(figure, path)


def _draw_curves(
    axes: matplotlib.axes.Axes, history: Sequence[dict[str, float]], styles: dict[str, str], title: str
) -> None:
    """Draws columns and their `val_` twins; styles: column → line style."""
    for name, style in styles.items():
        for column, colour, label in (
            (name, _ORANGE, "training (augmented, with dropout)"),
            (f"val_{name}", _BLUE, "validation"),
        ):
            if column in history[0]:
                values = [row[column] for row in history]
                axes.plot(_epochs(history), values, style, color=colour, label=label if style == "-" else None)
    axes.set_title(title, fontsize=11)
    _tidy(axes)


def _draw_rate(axes: matplotlib.axes.Axes, history: Sequence[dict[str, float]]) -> None:
    axes.plot(_epochs(history), [row["learning_rate"] for row in history], color=_INK)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("epoch")
    _tidy(axes)
    if "gradient_norm" not in history[0]:
        axes.set_title("learning rate", fontsize=11)
        return
    axes.set_title("learning rate; gradient norm (green, right)", fontsize=11)
    right = axes.twinx()
    right.plot(_epochs(history), [row["gradient_norm"] for row in history], color="#3a8f5c", linewidth=1.2)
    right.set_ylim(bottom=0)
    right.spines[["top", "left"]].set_visible(False)


def _epochs(history: Sequence[dict[str, float]]) -> list[float]:
    return [row["epoch"] for row in history]


def _tidy(axes: matplotlib.axes.Axes) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True))


def _draw_recalls(axes: matplotlib.axes.Axes, metrics: Metrics) -> None:
    """Draws the recall of all classes, the worst first, and names the worst."""
    known = [(score.recall, name) for name, score in metrics.per_class.items() if score.support]
    known.sort(key=lambda entry: entry[0])
    recalls = [recall for recall, _ in known]
    axes.fill_between(range(1, len(known) + 1), recalls, step="mid", color=_BLUE, alpha=0.85, linewidth=0)
    axes.axhline(metrics.macro.recall, color=_ORANGE, linestyle=":")
    axes.set_xlim(0.5, len(known) + 0.5)
    axes.set_ylim(0, 1.01)
    axes.set_xlabel(f"the {len(known)} classes that have samples, the worst first")
    axes.set_ylabel("recall of a class")
    _tidy(axes)
    lines = [f"mean recall {metrics.macro.recall:.0%} (dotted)", "", "the worst:"]
    lines += [f"{recall:4.0%}  {name}" for recall, name in known[:_MOST_NAMED]]
    box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none"}
    axes.text(
        0.02, 0.98, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=8.5, color=_INK, bbox=box
    )  # fmt: skip


def _draw_matrix(axes: matplotlib.axes.Axes, metrics: Metrics, cell: float) -> None:
    """Draws a confusion matrix with cells of so many inches; names and numbers only where they can be read."""
    count = len(metrics.classes)
    shares = metrics.confusion / np.maximum(metrics.confusion.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    cell_points = cell * _POINTS_AN_INCH
    name_size, number_size = min(10.0, 0.8 * cell_points), min(7.5, 0.29 * cell_points)
    if name_size >= _SMALLEST_FONT:
        long_names = max(len(name) for name in metrics.classes) > _LONG_NAME
        axes.set_xticks(range(count), metrics.classes, rotation=90 if long_names else 0, fontsize=name_size)
        axes.set_yticks(range(count), metrics.classes, fontsize=name_size)
        axes.set_xticks(np.arange(count + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(count + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="#e6e8eb", linewidth=0.6)
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("answer")
    axes.set_ylabel("true class")
    axes.spines[:].set_visible(False)
    if number_size >= _SMALLEST_FONT:
        for row, column in np.argwhere(shares >= _SMALLEST_SHOWN_SHARE):
            # In percent, because two digits are what fits a cell.
            share = shares[row, column]
            colour = "white" if share > _DARK_SHARE else _INK
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=number_size, color=colour)
    bar = axes.figure.colorbar(image, ax=axes, fraction=0.035, pad=0.02)
    bar.set_label("% of the true class")
    bar.set_ticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "25", "50", "75", "100"])
    bar.outline.set_visible(False)


def draw_confusion(metrics: Metrics, path: Path, title: str) -> None:
    """Draws the confusion matrix: of each true class (row), the share that got each answer (column)."""
    count = len(metrics.classes)
    side = min(_LARGEST_SIDE, max(5.5, _MARGIN + _CELL * count))
    figure = matplotlib.figure.Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    _draw_matrix(axes, metrics, (side - _MARGIN) / count)
    low, high = metrics.interval
    axes.set_title(
        f"{title}\naccuracy {metrics.accuracy:.1%} ({low:.1%} to {high:.1%}), {metrics.samples} samples", fontsize=11
    )
    _save(figure, path)


def draw_f1(metrics: Metrics, path: Path, title: str) -> None:
    """Draws each class's F1 as a bar, the worst on top (only those, if there are many), the macro average as a line."""
    known = [(name, score) for name, score in metrics.per_class.items() if score.support]
    known.sort(key=lambda entry: -entry[1].f1)
    shown = known[-_MOST_BARS:]
    figure = matplotlib.figure.Figure(figsize=(7.5, max(3.0, 1.4 + 0.26 * len(shown))), layout="constrained")
    axes = figure.subplots()
    scores = [score.f1 for _, score in shown]
    below = [score < metrics.macro.f1 for score in scores]
    axes.barh(range(len(shown)), scores, color=[_ORANGE if low else _BLUE for low in below], height=0.72)
    axes.axvline(metrics.macro.f1, color=_GREY, linestyle=":", linewidth=1.5)
    axes.set_yticks(range(len(shown)), [f"{name} ({score.support})" for name, score in shown])
    for position, value in enumerate(scores):
        axes.text(1.015, position, f"{value:.2f}", va="center", fontsize=8, color=_INK)
    axes.set_xlim(0, 1.07)
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.set_xlabel("F1; class (samples); orange is below the macro average")
    those = f", the {len(shown)} worst of {len(known)} classes" if len(shown) < len(known) else ""
    axes.set_title(f"{title}: macro F1 {metrics.macro.f1:.3f}{those}", fontsize=11)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    _save(figure, path)
