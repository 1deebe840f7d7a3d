"""A job: a run's exported files and the golden vectors that every target must answer alike."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from signport.errors import SignportError
from signport.export.convert import FORMATS
from signport.export.export_folder import CARD_FILE, TASK_CARD_FILE, TASK_FILE, export_folder
from signport.export.golden import GOLDEN_FILE, IMAGES_FILE, Golden, read_golden
from signport.export.metadata import LABELS_FILE, read_labels
from signport.files import DAMAGED_ARRAY, read_json, read_object, sha256_bytes, sha256_file
from signport.landmarks.asset_bundle import (
    CANNED_CLASSIFIER,
    CUSTOM_CLASSIFIER,
    GESTURE_EMBEDDER,
    LANDMARKER,
    RECOGNIZER,
    read_bundle,
    require_models,
)
from signport.parity.figures import sample_weights


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
        expected: Format → float32 (samples, outputs): what LiteRT answered with that very file at its export.
        labels: int64 (samples,): class index, -1 where unknown.
        sample_ids: str (samples,): as in the run's cache; of an edge case, its name.
        edge: str (samples,): which edge case a sample is, "" for a real one.
        weights: float64 (samples,): how many samples of the test part each stands for, 0 for edge cases; see
            `sample_weights`.
        task: The `.task`, if there is one.
    """

    run: Path
    export: Path
    card: dict[str, Any]
    files: dict[str, Path]
    inputs: dict[str, np.ndarray]
    reference: np.ndarray
    expected: dict[str, np.ndarray]
    labels: np.ndarray
    sample_ids: np.ndarray
    edge: np.ndarray
    weights: np.ndarray
    task: TaskJob | None

    @cached_property
    def real(self) -> np.ndarray:
        """Bool (samples,): which samples are real ones of the test part, not edge cases."""
        return np.asarray(self.edge == "")

    @property
    def output(self) -> Literal["probabilities", "embedding"]:
        """What the model answers."""
        return "embedding" if self.card["output"] == "embedding" else "probabilities"

    @cached_property
    def scale(self) -> float:
        """What absolute errors are measured in: 1 for probabilities, the largest magnitude for embeddings."""
        return 1.0 if self.output == "probabilities" else float(np.abs(self.reference[self.real]).max())


def load_job(path: str | Path) -> Job:
    """Reads and checks what a run exported.

    Args:
        path: A run's folder, or a copied export folder.

    Raises:
        SignportError: Something is missing or damaged, or a file is not the one that `card.json` describes.
    """
    export = export_folder(path)
    card = _read_card(export / CARD_FILE)
    golden = read_golden(export)
    _check_golden(export / GOLDEN_FILE, card, golden)
    files = _verified_files(export, card)
    _check_labels(export, card, files)
    real = golden.edge == ""
    weights = np.zeros(len(real))
    weights[real] = sample_weights(golden.output[real], card.get("metrics", {}).get("test_samples"))
    return Job(
        run=export.parent if export.name == "export" else export,
        export=export,
        card=card,
        files=files,
        inputs={entry["name"]: golden.inputs[entry["name"]] for entry in card["inputs"]},
        reference=golden.output,
        expected=dict(golden.answers),
        labels=golden.labels,
        sample_ids=golden.sample_ids,
        edge=golden.edge,
        weights=weights,
        task=_load_task(export, tuple(card["classes"])),
    )


def _read_card(path: Path) -> dict[str, Any]:
    card = read_object(path)
    for key, kind in {"family": str, "output": str, "classes": list, "files": dict, "inputs": list}.items():
        if not isinstance(card.get(key), kind):
            raise SignportError(f"{path}: {key}: missing or of the wrong kind; run `signport export` again")
    if not card["files"] or not card["inputs"]:
        raise SignportError(f"{path}: files or inputs are empty; run `signport export` again")
    named = [("inputs", "name", one) for one in card["inputs"]]
    named += [("files", key, one) for one in card["files"].values() for key in ("file", "sha256")]
    for section, key, entry in named:
        if not isinstance(entry, dict) or not isinstance(entry.get(key), str):
            raise SignportError(f"{path}: {section}: {key}: missing or no text; run `signport export` again")
    if not all(isinstance(name, str) for name in card["classes"]) or not isinstance(card.get("metrics", {}), dict):
        raise SignportError(f"{path}: classes or metrics: of the wrong kind; run `signport export` again")
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


def _check_golden(path: Path, card: dict[str, Any], golden: Golden) -> None:
    again = "run `signport export` again"
    names = [entry["name"] for entry in card["inputs"]]
    if sorted(names) != sorted(golden.inputs):
        raise SignportError(
            f"{path}: holds inputs {', '.join(sorted(golden.inputs)) or 'none'}, {CARD_FILE} lists "
            f"{', '.join(names)}; {again}"
        )
    arrays = (*golden.inputs.values(), *golden.answers.values(), golden.output, golden.labels, golden.label_names)
    sizes = {len(values) if values.ndim else 0 for values in (*arrays, golden.edge)}
    if len(sizes) != 1 or 0 in sizes or golden.output.ndim != 2 or not (golden.edge == "").any():
        raise SignportError(f"{path}: empty, or its arrays differ in length; {again}")
    if missing := [form for form in card["files"] if form not in golden.answers]:
        raise SignportError(f"{path}: answer_{missing[0]}: missing, though {CARD_FILE} lists that format; {again}")
    if not np.isfinite(golden.output).all():
        raise SignportError(f"{path}: output holds NaN or infinity; the trained model is broken: train again")
    if card["output"] == "embedding":
        return
    if golden.output.shape[1] != len(card["classes"]):
        raise SignportError(
            f"{path}: output has {golden.output.shape[1]} columns, {CARD_FILE} has {len(card['classes'])} classes; "
            f"{again}"
        )
    for label, name in zip(golden.labels, golden.label_names, strict=True):
        here = card["classes"][label] if label < len(card["classes"]) else "none"
        if label >= 0 and here != name:
            raise SignportError(
                f"{path.parent / CARD_FILE}: classes: {label} is {here!r}, a golden sample of that class is labelled "
                f"{name!r}: labels are permuted; {again}"
            )


def _check_labels(export: Path, card: dict[str, Any], files: dict[str, Path]) -> None:
    """The class names inside every file and in `labels.txt` are the card's, in its order."""
    found = {path: read_labels(path.read_bytes()) for path in files.values()} if card["classes"] else {}
    listed = export / LABELS_FILE
    if card["classes"] and listed.is_file():
        found[listed] = listed.read_text(encoding="utf-8").splitlines()
    for path, labels in found.items():
        if list(labels) != card["classes"]:
            differs = next(
                (row for row, (a, b) in enumerate(zip(labels, card["classes"], strict=False)) if a != b),
                min(len(labels), len(card["classes"])),
            )
            raise SignportError(
                f"{path}: its labels are not those of {CARD_FILE}, from number {differs} on: stale, or permuted; "
                "run `signport export` again"
            )


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
    if CUSTOM_CLASSIFIER in models and tuple(read_labels(models[CUSTOM_CLASSIFIER])) != classes:
        raise SignportError(
            f"{path}: its custom head's labels are not those of {CARD_FILE}; run `signport bundle` again"
        )
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
    except DAMAGED_ARRAY as error:
        raise SignportError(f"{path}: damaged golden images ({error}); run `signport export` again") from error
    if len(indices) != count:
        raise SignportError(f"{path}: {count} images but {len(indices)} labels; run `signport export` again")
    return images, tuple(classes[index] if 0 <= index < len(classes) else "" for index in indices)
