"""Pictures of trainings and evaluations."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.figure

from signport.files import atomic_file

_BLUE, _ORANGE, _GREY = "#2a6fbb", "#d9772b", "#8a8f98"


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
