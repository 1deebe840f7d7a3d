"""Hooks of the training loop that tell people how it goes: CSV, JSON, TensorBoard, Weights & Biases, a progress bar."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from signport.errors import SignportError
from signport.files import write_json, write_text
from signport.progress import progress_bar
from signport.training.loop import Hook, Moment
from signport.training.recipe import Recipe
from signport.training.settings import to_mapping


@contextmanager
def history_logs(folder: Path, recipe: Recipe, epochs_done: int) -> Iterator[list[Hook]]:
    """Opens every log that a recipe asks for, and closes them.

    Args:
        folder: The run's folder.
        recipe: Its recipe.
        epochs_done: Epochs of an earlier, interrupted training.

    Yields:
        Hooks for `loop.fit`.

    Raises:
        SignportError: Weights & Biases is asked for and not installed.
    """
    with ExitStack() as stack:
        hooks: list[Hook] = [lambda moment: write_history(folder, moment.history)]
        if recipe.logging.tensorboard:
            hooks.append(stack.enter_context(_tensorboard(folder / "tensorboard")))
        if recipe.logging.wandb:
            hooks.append(stack.enter_context(_wandb(folder, recipe)))
        hooks.append(stack.enter_context(_progress(folder.name, recipe.training.epochs, epochs_done)))
        yield hooks


def history_csv(history: Sequence[dict[str, float]]) -> str:
    """The history as CSV text: a header, then a row an epoch."""
    if not history:
        return ""
    sink = io.StringIO()
    writer = csv.DictWriter(sink, fieldnames=list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return sink.getvalue()


def write_history(folder: Path, history: Sequence[dict[str, float]]) -> None:
    """Writes a history as `history.csv` and, for other programs, as `history.json`: a list with an object an epoch."""
    write_text(folder / "history.csv", history_csv(history))
    write_json(folder / "history.json", list(history))


@contextmanager
def _progress(name: str, epochs: int, done: int) -> Iterator[Hook]:
    with progress_bar(f"train {name}", epochs, unit="epochs", done=done) as bar:

        def hook(moment: Moment) -> None:
            row, best = moment.history[-1], moment.history[moment.best_epoch - 1]
            parts = [f"loss {row['loss']:.3f}"]
            if "val_accuracy" in row:
                parts.append(f"val accuracy {row['val_accuracy']:.3f}")
                parts.append(f"best {best['val_accuracy']:.3f} in epoch {moment.best_epoch}")
            bar.advance(status=" · ".join(parts))

        yield hook


@contextmanager
def _tensorboard(folder: Path) -> Iterator[Hook]:
    import tensorflow as tf

    writer = tf.summary.create_file_writer(str(folder))

    def hook(moment: Moment) -> None:
        row = moment.history[-1]
        with writer.as_default(step=int(row["epoch"])):
            for name, value in row.items():
                if name != "epoch":
                    tf.summary.scalar(name, value)

    try:
        yield hook
    finally:
        writer.close()


def require_wandb() -> Any:
    """Imports Weights & Biases.

    Raises:
        SignportError: It is not installed; the message says how to.
    """
    try:
        import wandb
    except ImportError:
        raise SignportError("logging.wandb: true; wandb is not installed: pip install 'signport[wandb]'") from None
    return wandb


@contextmanager
def _wandb(folder: Path, recipe: Recipe) -> Iterator[Hook]:
    wandb = require_wandb()
    session = wandb.init(
        project=recipe.logging.wandb_project,
        name=folder.name,
        dir=str(folder),
        config=to_mapping(recipe),
        settings=wandb.Settings(silent=True),
    )

    def hook(moment: Moment) -> None:
        row = dict(moment.history[-1])
        session.log(row, step=int(row.pop("epoch")))

    try:
        yield hook
    finally:
        session.finish()
