"""Trains a family on some hands, exports it, and asks the float model and the int8 file about others."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

import signport as sp
from signport.errors import SignportError
from signport.models import gesture_embedder
from signport.models.litert import LiteRtModel
from signport.models.registry import predict
from signport.training.run import Run

# An export is checked on held-back samples of its own source; the figures here are of other people.
SHARES = ("data.validation=0.1", "data.test=0.1", "logging.tensorboard=false")


def learn_and_ask(
    family: str, learned: sp.LandmarkCache, tested: sp.LandmarkCache, folder: Path, seed: int, bundle: Path
) -> dict[str, np.ndarray]:
    """Trains and exports a family, and asks the float model and the int8 file.

    Args:
        family: A recipe's name; `gesture_embedder` stands for itself with a gesture head trained on top.
        learned: Samples to learn from.
        tested: Samples to ask about.
        folder: Of the run; what is finished in it stays.
        seed: Of everything random.
        bundle: The `gesture_recognizer.task` whose embedder the family `gesture_head` builds on.

    Returns:
        Format, and what was done at test → class probabilities, float32 (samples, classes).
    """
    if family == "gesture_head":
        run = trained(family, learned, folder, seed, base_bundle=bundle)
        feeds = run.family.inputs(tested, run.config)
        return {"float": predict(run.model(), feeds), "int8": _int8(run).predict(list(feeds.values()))}
    if family == "gesture_embedder":
        embedder = trained(family, learned, folder, seed)
        own_int8 = _int8(embedder)
        head = trained("gesture_head", learned, folder.with_name(f"{folder.name}-head"), seed, embedder=embedder.path)
        feeds = head.family.inputs(tested, head.config)
        embeddings = own_int8.predict(list(gesture_embedder.inputs(tested).values()))
        return {"float": predict(head.model(), feeds), "int8": _int8(head).predict([embeddings])}
    run = trained(family, learned, folder, seed)
    model, file = run.model(), _int8(run)
    found = {}
    for variant, landmarks in _ways_to_ask(tested).items():
        found[f"float{variant}"] = np.mean([predict(model, {"landmarks": one}) for one in landmarks], axis=0)
        found[f"int8{variant}"] = np.mean([file.predict([one]) for one in landmarks], axis=0)
    return found


def _ways_to_ask(tested: sp.LandmarkCache) -> dict[str, list[np.ndarray]]:
    """What is done at test → landmarks whose answers are averaged, (samples, 21, 3) each."""
    raw = tested.landmarks
    ways = {"": [raw], " mirrored at test": [raw, mirrored(raw)]}
    sizes = tested.image_sizes
    if (sizes[:, 0] != sizes[:, 1]).any():
        in_widths = raw.copy()
        in_widths[..., 1] *= (sizes[:, 1] / np.maximum(sizes[:, 0], 1))[:, None]
        ways[" y in image widths at test"] = [in_widths]
    return ways


def mirrored(landmarks: np.ndarray) -> np.ndarray:
    """Image landmarks (samples, 21, 3) of the pictures' mirror images, float32: left hands become right ones."""
    return np.asarray(landmarks * [-1, 1, 1] + [1, 0, 0], np.float32)


def trained(
    family: str, cache: sp.LandmarkCache, folder: Path, seed: int, settings: tuple[str, ...] = (), **more: Any
) -> Run:
    """The run in this folder; one that was not finished begins anew."""
    try:
        return Run.open(folder)
    except SignportError:
        shutil.rmtree(folder, ignore_errors=True)
    overrides = [*SHARES, f"seed={seed}", *settings]
    return sp.train(family, cache, runs=folder.parent, name=folder.name, overrides=overrides, **more)


def _int8(run: Run) -> LiteRtModel:
    path = run.export_folder / "model_int8.tflite"
    if not path.is_file():
        sp.export_tflite(run)
    return LiteRtModel(path)
