"""`signport bundle`: an exported gesture head → a `gesture_recognizer.task` that MediaPipe loads.

Two nested bundles: `hand_landmarker.task` (palm detector, landmark model) and `hand_gesture_recognizer.task` (embedder,
canned classifier, custom classifier). MediaPipe asks the custom classifier first and turns to the canned one where the
custom one says `None` or stays under its threshold; so a threshold of 0 would hide the canned gestures.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signport.errors import SignportError, first_line, require_known
from signport.export.export_folder import TASK_CARD_FILE, TASK_FILE
from signport.export.exporter import require_export
from signport.export.metadata import ModelInfo, describe, finish, read_labels
from signport.export.stream import BACKGROUND
from signport.files import sha256_bytes, write_bytes, write_json
from signport.landmarks.asset_bundle import (
    CANNED_CLASSIFIER,
    CUSTOM_CLASSIFIER,
    GESTURE_EMBEDDER,
    LANDMARKER,
    RECOGNIZER,
    bundle_bytes,
    read_bundle,
)
from signport.landmarks.hand_detector import hand_landmarker_task
from signport.landmarks.mediapipe_runtime import import_mediapipe, quiet_native_log
from signport.models.gesture_embedder import EMBEDDING_SIZE
from signport.models.litert import LiteRtModel
from signport.training import base_models
from signport.training.run import Run

_EMBEDDERS = {"float32": base_models.EMBEDDER, "int8": base_models.EMBEDDER_INT8}


@dataclass(frozen=True)
class Bundled:
    """What `bundle` made.

    Attributes:
        path: The bundle.
        card: Content of `bundle.json`: digests, what is inside, the score threshold.
    """

    path: Path
    card: dict[str, Any]


def bundle(
    run: Run | str | Path,
    *,
    head: str = "int8",
    embedder: str = "float32",
    canned: Run | str | Path | None = None,
    score_threshold: float = 0.5,
    output: str | Path | None = None,
) -> Bundled:
    """Writes a MediaPipe gesture bundle.

    Args:
        run: An exported `gesture_head` run, or its folder.
        head: Format of the custom classifier, one of the export formats.
        embedder: `float32` or `int8`; the latter where signport's own embedder was used.
        canned: An exported `gesture_head` run on MediaPipe's canned gestures with the same embedder. Not needed with
            Google's embedder, which brings its own.
        score_threshold: Custom classes below it are not reported, 0 to 1.
        output: The bundle's path; None is `export/gesture_recognizer.task` in the run.

    Raises:
        SignportError: A part is missing, or the parts do not fit each other.

    Examples:
        >>> bundled = sp.bundle("runs/head", canned="runs/canned_head", embedder="int8")  # doctest: +SKIP
        >>> bundled.path.name  # doctest: +SKIP
        'gesture_recognizer.task'
    """
    run = run if isinstance(run, Run) else Run.open(run)
    if run.family.fits_task != "head":
        raise SignportError(
            f"{run.path}: family {run.family.name!r} is no gesture head; only gesture_head runs make a .task"
        )
    if not 0 <= score_threshold <= 1:
        raise SignportError(f"score threshold {score_threshold}: it must lie between 0 and 1")
    models = {
        GESTURE_EMBEDDER: _embedder(run, embedder),
        CANNED_CLASSIFIER: _canned(run, canned, head),
        CUSTOM_CLASSIFIER: _with_threshold(require_export(run, head), run, score_threshold),
    }
    own_landmarker = run.path / base_models.HAND_LANDMARKER
    landmarker = own_landmarker.read_bytes() if own_landmarker.is_file() else hand_landmarker_task()
    content = bundle_bytes({LANDMARKER: landmarker, RECOGNIZER: bundle_bytes(models)})
    _check_loads(content)
    path = Path(output) if output else run.export_folder / TASK_FILE
    write_bytes(path, content)
    card = {
        "file": path.name,
        "sha256": sha256_bytes(content),
        "bytes": len(content),
        "head": head,
        "embedder": embedder,
        "score_threshold": score_threshold,
        "labels": read_labels(models[CUSTOM_CLASSIFIER]),
        "canned_labels": read_labels(models[CANNED_CLASSIFIER]),
        "files": {
            name.removesuffix(".tflite"): sha256_bytes(model)
            for name, model in {**read_bundle(landmarker), **models}.items()
        },
    }
    write_json(path.with_name(TASK_CARD_FILE) if output is None else path.with_suffix(".json"), card)
    return Bundled(path, card)


def _embedder(run: Run, form: str) -> bytes:
    require_known("embedder format", form, _EMBEDDERS)
    path = run.path / _EMBEDDERS[form]
    if not path.is_file():
        raise SignportError(
            f"{path}: the run has no {form} embedder; train the head with --embedder RUN of signport's own"
        )
    return path.read_bytes()


def _canned(run: Run, canned: Run | str | Path | None, head: str) -> bytes:
    given = run.path / base_models.CANNED_CLASSIFIER
    if canned is None:
        if given.is_file():
            return given.read_bytes()
        raise SignportError(
            f"{run.path}: MediaPipe requires a canned classifier for this embedder; train and export a gesture_head"
            " on rendered canned gestures with the same --embedder, and name its run with --canned"
        )
    canned = canned if isinstance(canned, Run) else Run.open(canned)
    if _embedder(canned, "float32") != _embedder(run, "float32"):
        raise SignportError(f"{canned.path}: the canned head was trained on another embedder than {run.path}")
    return require_export(canned, head)


def _with_threshold(head: bytes, run: Run, score_threshold: float) -> bytes:
    """The head with its score threshold; refused where its labels do not fit its output."""
    model, labels = LiteRtModel(head), read_labels(head)
    if model.input_shapes != [(1, EMBEDDING_SIZE)] or model.output_shape != (1, len(labels)):
        raise SignportError(
            f"{run.path}: head takes {model.input_shapes} and answers {model.output_shape} for {len(labels)} labels; "
            f"a gesture head takes [(1, {EMBEDDING_SIZE})] and has one label an output; export it again"
        )
    if BACKGROUND not in labels:
        raise SignportError(
            f"{run.path}: no class is called {BACKGROUND!r}, MediaPipe's background; train with a {BACKGROUND!r} class "
            "of hands that make no sign, or everything is one of the signs"
        )
    told = describe(head)
    info = ModelInfo(
        name=told["name"],
        description=told["description"],
        inputs=[(name, run.family.describes.get(name, "")) for name in told["inputs"]],
        output=(told["outputs"][0], "Probability of each gesture, in the order of the labels."),
        labels=labels,
        version=told["version"],
        score_threshold=score_threshold,
    )
    return finish(head, info)


def _check_loads(content: bytes) -> None:
    """Lets MediaPipe load the bundle and answer to an empty image."""
    import numpy as np

    mp = import_mediapipe()
    tasks = mp.tasks
    options = tasks.vision.GestureRecognizerOptions(base_options=tasks.BaseOptions(model_asset_buffer=content))
    try:
        with quiet_native_log(), tasks.vision.GestureRecognizer.create_from_options(options) as recognizer:
            recognizer.recognize(mp.Image(mp.ImageFormat.SRGB, np.zeros((64, 64, 3), np.uint8)))
    except (RuntimeError, ValueError) as error:
        raise SignportError(f"MediaPipe refuses the bundle: {first_line(error)}") from error
