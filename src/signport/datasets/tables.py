"""Tables of hand landmarks or features, in npz or CSV files → a landmark cache."""

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader
from signport.datasets.sample import Sample
from signport.errors import SignportError
from signport.files import sha256_file
from signport.landmarks.topology import HAND

POINTS = HAND.num_points


def write_table(
    path: Path,
    output: Path,
    landmarks: np.ndarray,
    *,
    labels: Sequence[str],
    classes: Sequence[str],
    groups: Sequence[str] | None,
    image_size: tuple[int, int] | None = None,
) -> LandmarkCache:
    """Writes the rows of a table as a cache.

    Args:
        path: The table's file: it names samples and sources.
        output: The cache to write.
        landmarks: float32 (rows, 21 points, 3).
        labels: Class name of each row.
        classes: Class names in the order of their indices.
        groups: Signer or recording of each row, or None.
        image_size: Width and height in pixels of the images behind the landmarks, None if unknown.

    Raises:
        SignportError: No rows, a class without a row, or the output cannot be written.
    """
    if not len(landmarks):
        raise SignportError(f"{path}: holds no rows; give a table with at least one hand")
    if image_size is not None and min(image_size) < 1:
        raise SignportError(f"image size is {image_size[0]}x{image_size[1]}; give pixels, such as 1280x720")
    digits = len(str(len(landmarks) - 1))
    samples = [
        Sample(
            sample_id=f"{path.stem}/{row:0{digits}d}",
            label=labels[row],
            group=None if groups is None else groups[row],
            source=f"{path.name}:{row}",
            landmarks=landmarks[row][None],
            image_size=image_size or (0, 0),
        )
        for row in range(len(landmarks))
    ]
    extractor = {
        "name": f"{path.suffix[1:].lower()} table",
        "version": None,
        "model_sha256": None,
        "options": {"file": path.name, "sha256": sha256_file(path), **_size_option(image_size)},
    }
    try:
        cache = LandmarkCache.from_samples(samples, CacheHeader("hand", tuple(classes), extractor))
    except SignportError as error:
        raise SignportError(f"{path}: {error}") from error
    return cache.write(output)


def _size_option(image_size: tuple[int, int] | None) -> dict[str, list[int]]:
    return {} if image_size is None else {"image_size": list(image_size)}


def refuse_cell(path: Path, row: str, column: object, value: object, expected: str) -> NoReturn:
    """Raises the error of a table's cell.

    Raises:
        SignportError: Always; it names the file, the row (`row 7` or `line 8`), the column and the value.
    """
    raise SignportError(f"{path}: {row}, column {column}: {value!r} is not {expected}; correct it or remove the row")


def sorted_classes(labels: Sequence[str]) -> list[str]:
    """The distinct labels: numbers by value, anything else by name."""
    distinct = set(labels)
    if all(label.isdecimal() for label in distinct):
        return sorted(distinct, key=lambda label: (int(label), label))
    return sorted(distinct)


def points_from_columns(values: np.ndarray) -> np.ndarray:
    """(rows, 63) or (rows, 42) columns, point by point → float32 (rows, 21 points, 3); z is NaN where there is none."""
    points = np.full((len(values), POINTS, 3), np.nan, np.float32)
    axes = values.shape[1] // POINTS
    points[:, :, :axes] = values.reshape(len(values), POINTS, axes)
    return points
