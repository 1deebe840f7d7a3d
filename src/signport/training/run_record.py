"""What a run's folder says of a model: where it came from, which samples it got, and how well it does."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signport.datasets.cache import LandmarkCache
from signport.datasets.splits import PARTS, Split
from signport.models.registry import predict
from signport.training.metrics import Metrics, measure
from signport.training.recipe import Recipe
from signport.training.run import Run

if TYPE_CHECKING:
    import keras

PARAMETERS = "preprocess_params.npz"
_VERSIONED = ("signport", "tensorflow", "keras", "numpy", "mediapipe")


def first_record(folder: Path, recipe: Recipe, cache: LandmarkCache, parts: Split) -> dict[str, Any]:
    """What `run.json` says of a run before it is finished.

    Args:
        folder: The run's folder.
        recipe: Resolved.
        cache: What it is trained on, on disk; one inside `folder` is named relative to it.
        parts: Which of its samples the run got as what.
    """
    assert cache.path is not None  # whoever makes a run has written it
    path = cache.path.resolve()
    inside = path.is_relative_to(folder)
    return {
        "id": folder.name,
        "finished": False,
        "family": recipe.family,
        "recipe": recipe.name,
        "recipe_digest": recipe.digest,
        "seed": recipe.seed,
        "classes": list(cache.classes),
        "cache": {
            "path": str(path.relative_to(folder) if inside else path),
            "sha256": cache.digest,
            "samples": len(cache),
        },
        "split": {"by": parts.by, **{part: len(parts.rows(part)) for part in PARTS}},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _VERSIONED}},
    }


def sample_ids(cache: LandmarkCache, parts: Split) -> dict[str, Any]:
    """What `split.json` says: the sample ids of each part, and what the split went by."""
    ids = cache.sample_ids
    return {"by": parts.by, **{part: [ids[row] for row in parts.rows(part)] for part in PARTS}}


def held_back_metrics(run: Run, model: "keras.Model") -> tuple[dict[str, Any], Metrics, str]:
    """How a model does on the samples that it was not trained on.

    Returns:
        Part (`validation`, and `test` where there is one) → its figures, fit for JSON; the figures of the last of these
        parts, and that part's name.
    """
    entries = {}
    for part in ("validation", "test"):
        labels = run.labels(part)
        if len(labels):
            measured = measure(predict(model, run.inputs(part)), labels, run.classes)
            entries[part] = {
                "accuracy": measured.accuracy,
                "interval": list(measured.interval),
                **({"top5_accuracy": measured.top5} if measured.has_top5 else {}),
                "macro_f1": measured.macro.f1,
                "samples": measured.samples,
            }
            held_back = part
    return entries, measured, held_back
