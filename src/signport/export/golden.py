"""Golden vectors: real inputs and the float model's answers, so that any device can be held to them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.errors import SignportError
from signport.files import DAMAGED_ARRAY, write_npz

GOLDEN_FILE = "golden.npz"
IMAGES_FILE = "golden_images.npz"
_INPUT, _ANSWER = "input_", "answer_"
_MOST_SAMPLES = 400
_LEAST_SAMPLES = 32
_MOST_BYTES = 16_000_000  # of inputs, uncompressed: 400 clips of 300 frames × 59 points would be 85 MB


@dataclass(frozen=True)
class Golden:
    """What any device is held to: inputs and what was answered to them. The sample axis comes first everywhere.

    Attributes:
        inputs: Input name → float32 (samples, …); NaN is a missing point.
        output: float32 (samples, outputs) of the Keras float model.
        labels: int64 (samples,): class index, -1 where unknown.
        sample_ids: str (samples,).
        label_names: str (samples,): the class in words, so that permuted classes show; "" where unknown.
        edge: str (samples,): which edge case it is, "" for a real sample of the test part.
        answers: Format → float32 (samples, outputs): what LiteRT answered with that file when it was exported.
    """

    inputs: Mapping[str, np.ndarray]
    output: np.ndarray
    labels: np.ndarray
    sample_ids: np.ndarray
    label_names: np.ndarray
    edge: np.ndarray
    answers: Mapping[str, np.ndarray] = field(default_factory=dict)


def golden_samples(inputs: dict[str, np.ndarray]) -> int:
    """How many samples golden vectors hold at most: 400, or as many as fit into 16 MB, but no fewer than 32.

    Args:
        inputs: Name → array (samples, …).

    Example:
        >>> golden_samples({"landmarks": np.zeros((1, 21, 3), np.float32)})
        400
        >>> golden_samples({"landmarks": np.zeros((1, 300, 59, 3), np.float32)})
        75
    """
    each: int = sum(values.dtype.itemsize * math.prod(values.shape[1:]) for values in inputs.values())
    return max(_LEAST_SAMPLES, min(_MOST_SAMPLES, _MOST_BYTES // each))


def worst_margin_rows(answers: np.ndarray, samples: int, seed: int) -> np.ndarray:
    """Which samples to keep: half those with the smallest margin between the two best classes, half at random.

    Args:
        answers: float32 (samples, outputs) of the float model.
        samples: How many to keep at most.
        seed: Of the random half.

    Returns:
        int64 row numbers, ascending.
    """
    if len(answers) <= samples:
        return np.arange(len(answers))
    ranked = np.sort(answers, axis=1)
    worst = np.argsort(ranked[:, -1] - ranked[:, -2], kind="stable")[: samples // 2]
    rest = np.setdiff1d(np.arange(len(answers)), worst)
    chosen = np.random.default_rng(seed).choice(rest, samples - len(worst), replace=False)
    return np.sort(np.concatenate([worst, chosen]))


def write_golden(folder: Path, golden: Golden) -> None:
    """Writes `golden.npz`: `input_<name>`, `output`, `label`, `sample_id`, `label_name`, `edge`, `answer_<format>`."""
    write_npz(
        folder / GOLDEN_FILE,
        {
            **{_INPUT + name: values for name, values in golden.inputs.items()},
            "output": golden.output,
            "label": golden.labels,
            "sample_id": golden.sample_ids.astype(np.str_),
            "label_name": golden.label_names.astype(np.str_),
            "edge": golden.edge.astype(np.str_),
            **{_ANSWER + form: values for form, values in golden.answers.items()},
        },
    )


def write_golden_images(folder: Path, cache: LandmarkCache, rows: np.ndarray, classes: tuple[str, ...]) -> int:
    """Writes `golden_images.npz`, the images behind some samples as PNG bytes, for bundles; returns their number.

    Images that are no longer there are left out; without any, nothing is written. PNG, because two runtimes' JPEG
    decoders differ by up to .47 px in landmarks (design §8).

    Args:
        folder: The export folder.
        cache: The cache of the samples; its `source` column is relative to its folder.
        rows: Row numbers in the cache.
        classes: The model's class names.
    """
    import cv2

    if cache.path is None:
        return 0
    sources, names = cache.table["source"].to_pylist(), cache.table["label"].to_pylist()
    images: dict[str, np.ndarray] = {}
    labels: list[int] = []
    for row in rows:
        path = cache.path.parent / sources[row]
        image = cv2.imread(str(path)) if path.is_file() else None
        if image is None:
            continue
        images[f"image_{len(labels)}"] = cv2.imencode(".png", image)[1].ravel()
        labels.append(classes.index(names[row]))
    if labels:
        write_npz(folder / IMAGES_FILE, {**images, "label": np.array(labels, np.int64)})
    return len(labels)


def read_golden(folder: Path) -> Golden:
    """Reads `golden.npz`.

    Raises:
        SignportError: The file is missing or is damaged.
    """
    path = folder / GOLDEN_FILE
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if bare := [name for name in arrays.files if not isinstance(arrays[name], np.ndarray)]:
                raise ValueError(f"{bare[0]} is no array")
            return Golden(
                inputs=_prefixed(arrays, _INPUT),
                output=arrays["output"],
                labels=arrays["label"].astype(np.int64),
                sample_ids=arrays["sample_id"],
                label_names=arrays["label_name"],
                edge=arrays["edge"],
                answers=_prefixed(arrays, _ANSWER),
            )
    except FileNotFoundError:
        raise SignportError(f"{path}: no such file; run `signport export` first") from None
    except DAMAGED_ARRAY as error:
        raise SignportError(f"{path}: damaged golden vectors ({error}); run `signport export` again") from error


def _prefixed(arrays: "np.lib.npyio.NpzFile", prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): arrays[name] for name in arrays.files if name.startswith(prefix)}
