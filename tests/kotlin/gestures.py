"""What MediaPipe's recognizer says to hands, for the tests of the Kotlin `GestureTask`."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tests.drawn_hands import drawn_hand

from signport.export.export_folder import TASK_FILE
from signport.export.metadata import ModelInfo, finish, read_labels
from signport.files import write_bytes
from signport.landmarks.asset_bundle import (
    CANNED_CLASSIFIER,
    CUSTOM_CLASSIFIER,
    GESTURE_EMBEDDER,
    LANDMARKER,
    RECOGNIZER,
    bundle_bytes,
)
from signport.landmarks.hand_detector import hand_landmarker_task
from signport.landmarks.mediapipe_runtime import import_mediapipe, quiet_native_log
from signport.models.gates import Gates
from signport.parity.figures import output_step
from signport.parity.job import task_models
from signport.parity.task_scores import decoded
from signport.training import base_models

GESTURES_FILE = "gestures.txt"
_EMBEDDERS = {"float32": base_models.EMBEDDER, "int8": base_models.EMBEDDER_INT8}
_CANNED = ("Open_Palm", "None", "Victory", "ILoveYou", "Thumb_Up", "Thumb_Down", "Closed_Fist", "Pointing_Up")


def write_gestures(folder: Path, run: Path, form: str) -> None:
    """Makes a bundle of a gesture head's run and writes what MediaPipe says to drawn hands with it.

    The canned classifier is the head under other names. Thresholds are set so that some hands are the custom
    classifier's, some the canned one's, and some nobody's.

    Args:
        folder: Where to write `export/gesture_recognizer.task` and `reference/gestures.txt`, see `write_answers`.
        run: An exported `gesture_head` run on an embedder of signport's own.
        form: `float32` or `int8`, of embedder and heads.
    """
    pictures = [
        np.rot90(drawn_hand(spread=spread)[:, ::side], turns)
        for spread in (0.6, 0.9, 1.2, 1.5)
        for side in (1, -1)
        for turns in range(4)
    ]
    embedder = (run / _EMBEDDERS[form]).read_bytes()
    head = (run / f"export/model_{form}.tflite").read_bytes()
    task = folder / "export" / TASK_FILE
    task.parent.mkdir(parents=True, exist_ok=True)
    everything = _bundle(embedder, head, custom=0.0, canned=0.0)
    seen = _answers(everything, pictures)
    low, high = (round(float(value), 3) for value in np.percentile([hand.score for hand in seen if hand], (20, 60)))
    write_bytes(task, _bundle(embedder, head, custom=high, canned=low))
    bound = _bound(task)
    hands = [
        told or replace(hand, label="-", score="-")
        for hand, told in zip(seen, _answers(task.read_bytes(), pictures), strict=True)
        if hand and all(abs(hand.score - threshold) > bound for threshold in (low, high))
    ]
    _write(folder, bound, hands)


def write_image_gestures(folder: Path, export: Path) -> None:
    """Writes what MediaPipe says to an export's golden images with its bundle; nothing where it has no bundle.

    Args:
        folder: Where to write; see `write_answers`.
        export: An export folder.
    """
    task, images = export / TASK_FILE, export / "golden_images.npz"
    if not task.is_file() or not images.is_file():
        return
    with np.load(images, allow_pickle=False) as arrays:
        content = [arrays[name] for name in sorted(arrays.files) if name.startswith("image_")]
    pictures = [decoded(one.tobytes()) for one in content]
    # Turned over, most hands are no gesture at all, or one that no class is sure of.
    turned = [np.rot90(picture, turns) for picture in pictures for turns in (1, 2)]
    write_answers(folder, task, [*pictures, *turned])


def write_answers(folder: Path, task: Path, pictures: Iterable[np.ndarray]) -> None:
    """Writes what MediaPipe says to images, the bundle being as it ships, with a threshold of 0.5.

    `reference/gestures.txt` has lines whose fields are set apart by tabs. First `bound`, how far scores may differ:
    0.001, the gate of `.task` files, or half a step of an int8 head's logits, as MediaPipe's kernels may round an
    embedding to the neighbour of what the reference kernels round it to (see `signport.parity.task_judgement`). Then
    for each hand label and score (or `-`, where all classes are below their thresholds), P(left hand), image width and
    height, 63 numbers of landmarks, 63 of world landmarks. Hands within the bound of a threshold are left out.

    Args:
        folder: Where to write.
        task: A gesture bundle.
        pictures: RGB, uint8 (height, width, 3).
    """
    bound = _bound(task)
    hands = [hand for hand in _answers(task.read_bytes(), pictures) if hand and abs(hand.score - 0.5) > bound]
    _write(folder, bound, hands)


@dataclass(frozen=True)
class _Hand:
    """What MediaPipe says to one; `left` is P(left hand), `size` the image's width and height."""

    label: str
    score: float | str
    left: float
    size: tuple[int, int]
    points: tuple[np.float32, ...]


def _answers(task: bytes, pictures: Iterable[np.ndarray]) -> list[_Hand | None]:
    """The first hand of each image; None where there is none, or no gesture: MediaPipe then reports no hand either."""
    mp = import_mediapipe()
    vision = mp.tasks.vision
    options = vision.GestureRecognizerOptions(base_options=mp.tasks.BaseOptions(model_asset_buffer=task))
    found: list[_Hand | None] = []
    with quiet_native_log(), vision.GestureRecognizer.create_from_options(options) as recognizer:
        for picture in pictures:
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
            result = recognizer.recognize(image)
            if not result.gestures or not result.gestures[0]:
                found.append(None)
                continue
            gesture, side = result.gestures[0][0], result.handedness[0][0]
            left = side.score if side.category_name == "Left" else 1.0 - side.score
            points = [*result.hand_landmarks[0], *result.hand_world_landmarks[0]]
            numbers = tuple(np.float32(value) for point in points for value in (point.x, point.y, point.z))
            size = (picture.shape[1], picture.shape[0])
            found.append(_Hand(gesture.category_name, gesture.score, left, size, numbers))
    return found


def _write(folder: Path, bound: float, hands: Iterable[_Hand]) -> None:
    lines = [f"bound\t{bound}"]
    lines += ["\t".join(map(str, (one.label, one.score, one.left, *one.size, *one.points))) for one in hands]
    path = folder / "reference" / GESTURES_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, ("\n".join(lines) + "\n").encode())


def _bundle(embedder: bytes, head: bytes, *, custom: float, canned: float) -> bytes:
    labels = read_labels(head)
    models = {
        GESTURE_EMBEDDER: embedder,
        CANNED_CLASSIFIER: _labelled(head, _CANNED[: len(labels)], canned),
        CUSTOM_CLASSIFIER: _labelled(head, labels, custom),
    }
    return bundle_bytes({LANDMARKER: hand_landmarker_task(), RECOGNIZER: bundle_bytes(models)})


def _labelled(head: bytes, labels: Iterable[str], threshold: float) -> bytes:
    names = {"inputs": [("embedding", "")], "output": ("probabilities", "")}
    return finish(head, ModelInfo("head", "A head.", labels=tuple(labels), score_threshold=threshold, **names))


def _bound(task: Path) -> float:
    models = task_models(task)
    steps = [output_step(models[name]) for name in (CUSTOM_CLASSIFIER, CANNED_CLASSIFIER) if name in models]
    return max(Gates().task_max_abs, *((step or 0.0) / 2 for step in steps))
