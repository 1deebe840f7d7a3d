"""Pictures of trainings and evaluations."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.figure
import numpy as np

from signport.files import atomic_file
from signport.training.metrics import Metrics

_BLUE, _ORANGE, _GREY = "#2a6fbb", "#d9772b", "#8a8f98"
# Class names longer than this stand upright below the confusion matrix.
_LONG_NAME = 4
# Cells below half a percent stay empty: they would read 0.
_SMALLEST_SHOWN_SHARE = 0.005
_DARK_SHARE = 0.55


def _save(figure: matplotlib.figure.Figure, path: Path) -> None:
    # Without the version in the metadata, the same picture has the same bytes.
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150, metadata={"Software": None}, facecolor="white")


def draw_history(history: Sequence[dict[str, float]], best_epoch: int, path: Path, title: str) -> None:
    """Draws loss and accuracy over the epochs, training and validation, with the best epoch marked."""
    figure = matplotlib.figure.Figure(figsize=(10, 4), layout="constrained")
    figure.suptitle(title, fontsize=12, fontweight="bold")
    epochs = [row["epoch"] for row in history]
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        axes.plot(epochs, [row[name] for row in history], color=_ORANGE, label="training (augmented, with dropout)")
        axes.plot(epochs, [row[f"val_{name}"] for row in history], color=_BLUE, label="validation")
        axes.axvline(best_epoch, color=_GREY, linestyle=":", label=f"best epoch: {best_epoch}")
        axes.set_xlabel("epoch")
        axes.set_title(name)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if name == "accuracy":
            axes.set_ylim(top=1.01)
            axes.legend(loc="lower right", frameon=False)
    _save(figure, path)


def draw_confusion(metrics: Metrics, path: Path, title: str) -> None:
    """Draws the confusion matrix: of each true class (row), the share that got each answer (column)."""
    count = len(metrics.classes)
    support = metrics.confusion.sum(axis=1, keepdims=True)
    shares = metrics.confusion / np.maximum(support, 1)
    side = max(5.5, 2.6 + 0.36 * count)
    figure = matplotlib.figure.Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    long_names = max(len(name) for name in metrics.classes) > _LONG_NAME
    axes.set_xticks(range(count), metrics.classes, rotation=90 if long_names else 0)
    axes.set_yticks(range(count), metrics.classes)
    axes.set_xticks(np.arange(count + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(count + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#e6e8eb", linewidth=0.6)
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("answer")
    axes.set_ylabel("true class")
    low, high = metrics.interval
    axes.set_title(
        f"{title}\naccuracy {metrics.accuracy:.1%} ({low:.1%} to {high:.1%}), {metrics.samples} samples", fontsize=11
    )
    for (row, column), share in np.ndenumerate(shares):
        if share >= _SMALLEST_SHOWN_SHARE:
            # In percent, because two digits are what fits a cell.
            colour = "white" if share > _DARK_SHARE else "#1d2733"
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=7.5, color=colour)
    bar = figure.colorbar(image, ax=axes, fraction=0.035, pad=0.02)
    bar.set_label("% of the true class")
    bar.set_ticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "25", "50", "75", "100"])
    bar.outline.set_visible(False)
    axes.spines[:].set_visible(False)
    _save(figure, path)


def draw_f1(metrics: Metrics, path: Path, title: str) -> None:
    """Draws each class's F1 as a bar, the worst on top, with the macro average as a line."""
    known = [(name, score) for name, score in metrics.per_class.items() if score.support]
    known.sort(key=lambda entry: -entry[1].f1)
    figure = matplotlib.figure.Figure(figsize=(7.5, max(3.0, 1.4 + 0.26 * len(known))), layout="constrained")
    axes = figure.subplots()
    scores = [score.f1 for _, score in known]
    below = [score < metrics.macro.f1 for score in scores]
    axes.barh(range(len(known)), scores, color=[_ORANGE if low else _BLUE for low in below], height=0.72)
    axes.axvline(metrics.macro.f1, color=_GREY, linestyle=":", linewidth=1.5)
    axes.set_yticks(range(len(known)), [f"{name} ({score.support})" for name, score in known])
    for position, value in enumerate(scores):
        axes.text(1.015, position, f"{value:.2f}", va="center", fontsize=8, color="#1d2733")
    axes.set_xlim(0, 1.07)
    axes.set_ylim(-0.6, len(known) - 0.4)
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.set_xlabel("F1; class (samples); orange is below the macro average")
    axes.set_title(f"{title}: macro F1 {metrics.macro.f1:.3f}", fontsize=11)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    _save(figure, path)
