"""A job: a run's exported files and the golden vectors that every target must answer alike."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from signport.errors import SignportError
from signport.export.app_resources import CARD_FILE, TASK_CARD_FILE, TASK_FILE, export_folder
from signport.export.convert import FORMATS
from signport.export.golden import DAMAGED, GOLDEN_FILE, IMAGES_FILE, read_golden
from signport.files import read_json, sha256_bytes, sha256_file
from signport.landmarks.asset_bundle import (
    CANNED_CLASSIFIER,
    GESTURE_EMBEDDER,
    LANDMARKER,
    RECOGNIZER,
    read_bundle,
    require_models,
)


@dataclass(frozen=True)
class TaskJob:
    """A `.task` and the images it is asked about.

    Attributes:
        path: The bundle.
        card: Content of `bundle.json`.
        images: PNG files; empty where the run has none.
        labels: Class name that each image shows, `` where unknown.
    """

    path: Path
    card: dict[str, Any]
    images: tuple[bytes, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """What a target runs.

    Attributes:
        run: Folder that reports are written to.
        export: Folder of the exported files.
        card: Content of `card.json`.
        files: Format → file, in the order of the formats.
        inputs: Input name → float32 (samples, …), in the order of the model's signature.
        reference: float32 (samples, outputs): the Keras float model's answers.
        labels: int64 (samples,): class index, -1 where unknown.
        weights: float64 (samples,): how many samples of the test part each stands for; see `sample_weights`.
        task: The `.task`, if there is one.
    """

    run: Path
    export: Path
    card: dict[str, Any]
    files: dict[str, Path]
    inputs: dict[str, np.ndarray]
    reference: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    task: TaskJob | None

    @property
    def output(self) -> Literal["probabilities", "embedding"]:
        """What the model answers."""
        return "embedding" if self.card["output"] == "embedding" else "probabilities"

    @cached_property
    def scale(self) -> float:
        """What absolute errors are measured in: 1 for probabilities, the largest magnitude for embeddings."""
        return 1.0 if self.output == "probabilities" else float(np.abs(self.reference).max())


def load_job(path: str | Path) -> Job:
    """Reads and checks what a run exported.

    Args:
        path: A run's folder, or a copied export folder.

    Raises:
        SignportError: Something is missing or damaged, or a file is not the one that `card.json` describes.
    """
    export = export_folder(path)
    card = _read_card(export / CARD_FILE)
    inputs, reference, labels = read_golden(export)
    _check_golden(export / GOLDEN_FILE, card, inputs, reference, labels)
    run = export.parent if export.name == "export" else export
    return Job(
        run=run,
        export=export,
        card=card,
        files=_verified_files(export, card),
        inputs={entry["name"]: inputs[entry["name"]] for entry in card["inputs"]},
        reference=reference,
        labels=labels.astype(np.int64),
        weights=sample_weights(reference, card.get("metrics", {}).get("test_samples")),
        task=_load_task(export, tuple(card["classes"])),
    )


def _read_card(path: Path) -> dict[str, Any]:
    card: dict[str, Any] = read_json(path)
    for key, kind in {"family": str, "output": str, "classes": list, "files": dict, "inputs": list}.items():
        if not isinstance(card, dict) or not isinstance(card.get(key), kind):
            raise SignportError(f"{path}: {key}: missing or of the wrong kind; run `signport export` again")
    if not card["files"] or not card["inputs"]:
        raise SignportError(f"{path}: files or inputs are empty; run `signport export` again")
    return card


def _verified_files(export: Path, card: dict[str, Any]) -> dict[str, Path]:
    if unknown := [form for form in card["files"] if form not in FORMATS]:
        raise SignportError(
            f"{export / CARD_FILE}: files: format {unknown[0]!r} is unknown; it can be {', '.join(FORMATS)}"
        )
    files = {}
    for form in (form for form in FORMATS if form in card["files"]):
        entry = card["files"][form]
        path = export / Path(entry["file"]).name
        check_digest(path, entry["sha256"], export / CARD_FILE, "export")
        files[form] = path
    return files


def check_digest(path: Path, expected: str, card: Path, verb: str) -> None:
    """Refuses a file that is not the one its card describes.

    Args:
        path: The file.
        expected: SHA-256 in the card.
        card: The card, for the message.
        verb: The command that writes both.

    Raises:
        SignportError: Missing or different.
    """
    if not path.is_file():
        raise SignportError(f"{path}: no such file, though {card.name} lists it; run `signport {verb}` again")
    found = sha256_file(path)
    if found != expected:
        raise SignportError(
            f"{path}: sha256 is {found[:12]}…, {card.name} says {str(expected)[:12]}…: stale or changed since; "
            f"run `signport {verb}` again"
        )


def _check_golden(
    path: Path, card: dict[str, Any], inputs: dict[str, np.ndarray], reference: np.ndarray, labels: np.ndarray
) -> None:
    names = [entry["name"] for entry in card["inputs"]]
    if sorted(names) != sorted(inputs):
        raise SignportError(
            f"{path}: holds inputs {', '.join(sorted(inputs)) or 'none'}, {CARD_FILE} lists {', '.join(names)}; "
            "run `signport export` again"
        )
    sizes = {len(values) for values in (*inputs.values(), reference, labels)}
    if len(sizes) != 1 or 0 in sizes or reference.ndim != 2:
        raise SignportError(f"{path}: empty, or its arrays differ in length; run `signport export` again")
    if card["output"] != "embedding" and reference.shape[1] != len(card["classes"]):
        raise SignportError(
            f"{path}: output has {reference.shape[1]} columns, {CARD_FILE} has {len(card['classes'])} classes; "
            "run `signport export` again"
        )
    if not np.isfinite(reference).all():
        raise SignportError(f"{path}: output holds NaN or infinity; the trained model is broken: train again")


def sample_weights(reference: np.ndarray, test_samples: int | None) -> np.ndarray:
    """How many samples of the test part each golden sample stands for.

    Half of the golden samples are those whose two best classes are closest (see `export.golden.worst_margin_rows`),
    exactly where models disagree. Counted as they are, they would make any quantized file look twice as bad as it is;
    weighted like this, shares over the golden samples estimate shares over the test part without bias.

    Args:
        reference: float32 (samples, outputs).
        test_samples: Size of the test part; None, or not more than there are golden samples: all weigh 1.

    Returns:
        float64 (samples,).
    """
    weights = np.ones(len(reference))
    worst = len(reference) // 2
    if not isinstance(test_samples, int) or test_samples <= len(reference) or reference.shape[1] < 2:
        return weights
    ranked = np.sort(reference, axis=1)
    easier = np.argsort(ranked[:, -1] - ranked[:, -2], kind="stable")[worst:]
    weights[easier] = (test_samples - worst) / len(easier)
    return weights


def _load_task(export: Path, classes: tuple[str, ...]) -> TaskJob | None:
    path = export / TASK_FILE
    if not path.is_file():
        return None
    card = read_json(export / TASK_CARD_FILE)
    if not isinstance(card, dict) or not isinstance(card.get("files"), dict):
        raise SignportError(f"{export / TASK_CARD_FILE}: files: missing; run `signport bundle` again")
    check_digest(path, card.get("sha256", ""), export / TASK_CARD_FILE, "bundle")
    models = task_models(path)
    for name, digest in card["files"].items():
        found = models.get(f"{name}.tflite")
        if found is None or sha256_bytes(found) != digest:
            raise SignportError(f"{path}: {name} is not the one in {TASK_CARD_FILE}; run `signport bundle` again")
    images, labels = _read_images(export / IMAGES_FILE, classes)
    return TaskJob(path, card, images, labels)


def task_models(path: Path) -> dict[str, bytes]:
    """Every model of a gesture bundle by its file name, out of both nested bundles.

    Raises:
        SignportError: No bundle, or one that lacks a part.
    """
    entries = read_bundle(path)
    require_models(entries, (RECOGNIZER, LANDMARKER), path)
    models: dict[str, bytes] = {}
    for name in (LANDMARKER, RECOGNIZER):
        models |= read_bundle(entries[name], name=f"{path}: {name}")
    require_models(models, (GESTURE_EMBEDDER, CANNED_CLASSIFIER), f"{path}: {RECOGNIZER}")
    return models


def _read_images(path: Path, classes: tuple[str, ...]) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
    if not path.is_file():
        return (), ()
    try:
        with np.load(path, allow_pickle=False) as arrays:
            count = sum(name.startswith("image_") for name in arrays.files)
            images = tuple(arrays[f"image_{number}"].tobytes() for number in range(count))
            indices = [int(index) for index in arrays["label"]]
    except DAMAGED as error:
        raise SignportError(f"{path}: damaged golden images ({error}); run `signport export` again") from error
    if len(indices) != count:
        raise SignportError(f"{path}: {count} images but {len(indices)} labels; run `signport export` again")
    return images, tuple(classes[index] if 0 <= index < len(classes) else "" for index in indices)
