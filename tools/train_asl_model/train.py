"""Trains a `gesture_recognizer.task` from class folders of images, with signport's trainer or the genuine Model Maker.

python tools/train_asl_model/train.py --data_dir data --output_dir out --base-bundle gesture_recognizer.task
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from signport.errors import SignportError
from signport.files import write_bytes

if TYPE_CHECKING:
    from signport.datasets.cache import LandmarkCache
    from signport.training.evaluation import Evaluation
    from signport.training.recipe import Recipe
    from signport.training.run import Run

BACKGROUND = "None"
BUNDLE = "gesture_recognizer.task"
TRAINERS = ("signport", "model-maker")
SHARES = ("data.validation=0.1", "data.test=0.1")
# Where the app that this bundle is for keeps its models.
APP_MODELS = Path("core/mediapipe/src/jvmMain/resources/models")


@dataclass(frozen=True)
class Settings:
    """How the gesture heads are trained.

    Attributes:
        trainer: `signport` or `model-maker`.
        epochs: Passes over the training samples.
        batch_size: Samples a step.
        learning_rate: Of the first epoch.
        seed: Of the split, the first weights, the order of samples and the drawn hands.
        workers: Processes that find hands.
        canned_per_class: Hands drawn for each of MediaPipe's canned gestures where there is no base bundle.
    """

    trainer: str = TRAINERS[0]
    epochs: int = 30
    batch_size: int = 32
    learning_rate: float = 0.005
    seed: int = 42
    workers: int = 1
    canned_per_class: int = 60


@dataclass(frozen=True)
class Trained:
    """What `train_asl_model` made.

    Attributes:
        bundle: The `gesture_recognizer.task`.
        run: The gesture head's run.
        evaluation: Of its test part.
        in_app: The app's copy of the bundle; None where there is no such folder.
        seconds: Stage → seconds.
    """

    bundle: Path
    run: "Run"
    evaluation: "Evaluation"
    in_app: Path | None
    seconds: dict[str, float] = field(default_factory=dict)


def train_asl_model(
    data_dir: Path,
    output_dir: Path,
    settings: Settings,
    *,
    base_bundle: Path | None = None,
    app: Path | None = None,
) -> Trained:
    """Finds the hands, trains, exports and evaluates a gesture head, and bundles it.

    Args:
        data_dir: Class folders of images, `None` among them.
        output_dir: Gets `landmarks.parquet`, `runs/` and `gesture_recognizer.task`.
        settings: How to train.
        base_bundle: A `gesture_recognizer.task` whose embedder, canned classifier and hand detector are used; without
            one, an embedder is trained on the images, and a canned classifier on drawn hands.
        app: The folder of an app; its models folder, if it has one, gets the bundle.

    Raises:
        GateError: An exported file differs too much from the model that was trained.
        SignportError: The images, the base bundle, the settings or the output folder cannot be used.
    """
    from signport.datasets.image_folder import capture_images
    from signport.landmarks.mediapipe_runtime import quiet_native_log

    _require_background(data_dir)
    with quiet_native_log():  # TensorFlow greets with errors about GPUs that nobody asked for
        from signport.export.bundle import bundle
        from signport.training.evaluation import evaluate

    recipe = _checked_recipe(settings, base_bundle)
    seconds: dict[str, float] = {}
    canned = embedder = None
    with _stage("capture", seconds):
        # Kaggle's images are cut tightly around the hand, and the palm detector misses many without a border.
        cache = capture_images(data_dir, output_dir / "landmarks.parquet", workers=settings.workers)
    if base_bundle is None:
        with _stage("embedder", seconds):
            drawn = _draw_canned_gestures(output_dir, settings)
            embedder = _embedder(cache, output_dir, settings)
            canned = _head(replace(recipe, name="canned_head"), drawn, output_dir, embedder=embedder)
    with _stage("train and export", seconds):
        run = _head(recipe, cache, output_dir, base_bundle=base_bundle, embedder=embedder)
    with _stage("evaluate and bundle", seconds):
        evaluation = evaluate(run, cache, part="test", output=output_dir / "evaluation")
        path = bundle(run, canned=canned, output=output_dir / BUNDLE).path
    return Trained(path, run, evaluation, _copy_to_app(path, app), seconds)


@contextmanager
def _stage(name: str, seconds: dict[str, float]) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start


def _require_background(data_dir: Path) -> None:
    """Checks, before minutes of work, that there is the class `None`, which MediaPipe needs."""
    try:
        names = [entry.name for entry in data_dir.iterdir() if entry.is_dir()]
    except OSError as error:
        raise SignportError(f"{data_dir}: {error.strerror}; make --data_dir with prepare_data.py") from None
    if BACKGROUND not in names:
        near = [name for name in names if name.lower() == BACKGROUND.lower()]
        remedy = f"rename {near[0]!r}" if near else "add images of hands that make no gesture of yours"
        raise SignportError(f"{data_dir}: no class folder {BACKGROUND!r}, spelled exactly so; {remedy}")


def _checked_recipe(settings: Settings, base_bundle: Path | None) -> "Recipe":
    """The gesture heads' recipe; what cannot be is refused here, before minutes of work."""
    from signport.models.registry import family_named
    from signport.training.base_models import base_models
    from signport.training.recipe import load_recipe
    from signport.training.trainers import check_trainer

    recipe = load_recipe(
        "gesture_head",
        [
            "name=asl_head",
            f"seed={settings.seed}",
            f"training.trainer={settings.trainer}",
            f"training.epochs={settings.epochs}",
            f"training.batch_size={settings.batch_size}",
            f"training.learning_rate={settings.learning_rate}",
            # Model Maker's rate hardly falls, and it has no augmentation: so both trainers do the same with the same.
            "training.schedule=constant",
            "data.augmentation.copies=0",
            *SHARES,
        ],
    )
    check_trainer(recipe, None)
    if base_bundle is not None:
        base_models(family_named(recipe.family), "", base_bundle, None)
    return recipe


def _head(
    recipe: "Recipe",
    cache: "LandmarkCache",
    output_dir: Path,
    *,
    base_bundle: Path | None = None,
    embedder: "Run | None" = None,
) -> "Run":
    """A gesture head, trained and exported; its run is `output_dir/runs/NAME-NNN`."""
    from signport.export.exporter import export
    from signport.training.train import train

    own = None if embedder is None else embedder.path
    run = train(recipe, cache, runs=output_dir / "runs", base_bundle=base_bundle, embedder=own)
    export(run)
    return run


def _draw_canned_gestures(output_dir: Path, settings: Settings) -> "LandmarkCache":
    from signport.datasets.rendered import render_hands

    hands = render_hands(
        output_dir / f"canned_gestures_{settings.canned_per_class}_{settings.seed}",
        classes="canned",
        per_class=settings.canned_per_class,
        seed=settings.seed,
        workers=settings.workers,
    )
    assert hands.cache is not None
    return hands.cache


def _embedder(cache: "LandmarkCache", output_dir: Path, settings: Settings) -> "Run":
    """An embedder, trained and exported; the head on it holds back what it held back."""
    from signport.export.exporter import export
    from signport.training.train import train

    overrides = [f"seed={settings.seed}", *SHARES]
    run = train("gesture_embedder", cache, runs=output_dir / "runs", overrides=overrides)
    export(run)
    return run


def _copy_to_app(bundle: Path, app: Path | None) -> Path | None:
    if app is None or not (app / APP_MODELS).is_dir():
        return None
    write_bytes(app / APP_MODELS / BUNDLE, bundle.read_bytes())
    return app / APP_MODELS / BUNDLE


def _print_report(trained: Trained, app: Path | None) -> None:
    from signport.training.reports import accuracy_text, results_text

    print(results_text(trained.evaluation))
    size = trained.bundle.stat().st_size
    lines = {
        "accuracy": f"{accuracy_text(trained.evaluation.metrics)}, float model, test part",
        "parameters": f"{trained.run.model().count_params()}",
        "seconds": ", ".join(f"{name} {seconds:.0f}" for name, seconds in trained.seconds.items()),
        "bundle": f"{trained.bundle} ({size:,} bytes)",
        "run": f"{trained.run.path}",
        "results": f"{trained.evaluation.output / 'results.txt'}",
    }
    if app is not None:
        missing = f"not copied: there is no folder {app / APP_MODELS}"
        lines["app"] = missing if trained.in_app is None else f"copied to {trained.in_app}"
    for name, text in lines.items():
        print(f"{name:<11} {text}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="train.py",
        description="Trains a gesture_recognizer.task from class folders of images.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data_dir", type=Path, required=True, help="class folders", default=argparse.SUPPRESS)
    parser.add_argument("--output_dir", type=Path, required=True, help="folder to write", default=argparse.SUPPRESS)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.005, help="learning rate of the first epoch")
    parser.add_argument("--trainer", choices=TRAINERS, default=TRAINERS[0])
    parser.add_argument("--base-bundle", type=Path, help="a gesture_recognizer.task whose embedder is used")
    parser.add_argument("--app", type=Path, help="folder of the app that gets the bundle")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1), help="processes that find hands")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point. Exit status: 0 fine, 1 an exported file is not good enough, 2 bad input, 130 interrupted."""
    # As the `signport` command sets them, for the same figures and the same quiet; a user's own setting wins.
    for name, value in (("TF_CPP_MIN_LOG_LEVEL", "3"), ("GLOG_minloglevel", "2")):
        os.environ.setdefault(name, value)
    options = _parser().parse_args(arguments)
    settings = Settings(options.trainer, options.epochs, options.batch_size, options.lr, options.seed, options.workers)
    try:
        trained = train_asl_model(
            options.data_dir, options.output_dir, settings, base_bundle=options.base_bundle, app=options.app
        )
    except (SignportError, OSError) as error:
        print(f"train: error: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_status if isinstance(error, SignportError) else SignportError.exit_status
    except KeyboardInterrupt:
        print("train: interrupted; the same command goes on with the hands found so far", file=sys.stderr)
        return 130
    _print_report(trained, options.app)
    return 0


if __name__ == "__main__":
    sys.exit(main())
