"""npz tables of hand landmarks or features → a landmark cache."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_store import check_cache_path
from signport.datasets.tables import POINTS, points_from_columns, refuse_cell, sorted_classes, write_table
from signport.errors import SignportError
from signport.files import DAMAGED_ARRAY
from signport.landmarks.topology import HAND

_COORDINATES_3D = 3 * POINTS
_COORDINATES_2D = 2 * POINTS
_FEATURES = _COORDINATES_3D + len(HAND.edges)
# Tables are often stored rounded; a wrong edge order or a wrong scale is off by far more than this.
_EDGE_TOLERANCE = 1e-3

# Of all arrays, unpacked: a few million hands. Compressed, a thousandth of that can say that it holds so much.
_MOST_BYTES = 1 << 30
_NPY_MAGIC, _ZIP_MAGIC = b"\x93NUMPY", b"PK"
_FEATURE_KEYS = ("features", "X")
_LABEL_KEYS = ("labels", "y")
_NAME_KEYS = ("label_names", "classes")
_GROUP_KEYS = ("groups", "group")


def import_npz(
    path: str | Path,
    output: str | Path,
    *,
    features_key: str | None = None,
    labels_key: str | None = None,
    names_key: str | None = None,
    group_key: str | None = None,
    image_size: tuple[int, int] | None = None,
) -> LandmarkCache:
    """Reads an npz table of hands and writes it as a cache of topology `hand`.

    Features are one of: (rows, 84), the wrist-centred coordinates of 21 points, each (x, y, z) scaled by the largest
    distance from the wrist, then the 21 edge lengths in the order of `topology.HAND.edges`, which are checked against
    the coordinates; (rows, 63) or (rows, 21, 3), landmarks; (rows, 42) or (rows, 21, 2), landmarks without z, which
    becomes NaN. Labels are class names, or integers that count in the label names (or stand for themselves).

    Args:
        path: The npz file; pickled objects in it are never loaded.
        output: The cache to write, `*.parquet`.
        features_key: Array with the features; None takes `features` or `X`.
        labels_key: Array with the labels, (rows,); None takes `labels` or `y`.
        names_key: Array with the class names in the order of their indices; None takes `label_names` or `classes`,
            if there.
        group_key: Array with each row's signer or recording; None takes `groups` or `group`, if there.
        image_size: Width and height in pixels of the images behind the landmarks. MediaPipe gives x in image widths and
            y in image heights, so without their shape nobody can turn a hand; None counts as square.

    Returns:
        The cache; its sample ids and sources name the table's rows, counted from 0.

    Raises:
        SignportError: An array is missing or of the wrong shape or kind, a label is NaN, empty or out of range, a
            coordinate is not finite, or edge lengths disagree with the coordinates.

    Examples:
        >>> features = np.random.default_rng(0).random((8, 63))
        >>> np.savez("table.npz", features=features, labels=["A", "B"] * 4)
        >>> sp.import_npz("table.npz", "table.parquet").per_class()
        {'A': 4, 'B': 4}
    """
    path = Path(path)
    check_cache_path(Path(output))
    arrays = _NpzArrays(path)
    features_key = arrays.key("features", features_key, _FEATURE_KEYS)
    labels_key = arrays.key("labels", labels_key, _LABEL_KEYS)
    names_key = arrays.optional_key("label names", names_key, _NAME_KEYS)
    group_key = arrays.optional_key("groups", group_key, _GROUP_KEYS)
    landmarks = _landmarks(path, features_key, arrays[features_key])
    names = None if names_key is None else _texts(path, names_key, arrays[names_key])
    labels, classes = _npz_labels(path, labels_key, arrays[labels_key], names)
    groups = None if group_key is None else _texts(path, group_key, arrays[group_key])
    for key, values in ((labels_key, labels), (group_key, groups)):
        if values is not None and len(values) != len(landmarks):
            raise SignportError(
                f"{path}: {key} has {len(values)} entries, but {features_key} has {len(landmarks)} rows; "
                "give arrays of the same table"
            )
    return write_table(
        path, Path(output), landmarks, labels=labels, classes=classes, groups=groups, image_size=image_size
    )


class _NpzArrays:
    """The arrays of an npz file, without pickle."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open("rb") as file:
                magic = file.read(len(_NPY_MAGIC))
            if not magic.startswith((_ZIP_MAGIC, _NPY_MAGIC)):
                raise SignportError(f"{path}: not an npz file (it starts with {magic!r}); give an npz table")
            loaded = np.load(path, allow_pickle=False)
        except FileNotFoundError:
            raise SignportError(f"{path}: no such file; give an npz table") from None
        except DAMAGED_ARRAY as error:
            reason = str(error).partition("\n")[0]
            raise SignportError(f"{path}: not an npz file ({reason}); give an npz table") from error
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise SignportError(f"{path}: a single array, not an npz table; save features and labels with numpy.savez")
        if (size := sum(entry.file_size for entry in loaded.zip.infolist())) > _MOST_BYTES:
            raise SignportError(
                f"{path}: says that it holds {size:,} bytes; at most {_MOST_BYTES:,} are read, give several tables"
            )
        self._arrays = loaded

    def optional_key(self, what: str, key: str | None, defaults: Sequence[str]) -> str | None:
        if key is not None and key not in self._arrays.files:
            raise SignportError(f"{self._path}: no array {key!r} for the {what}; it holds {self._there()}")
        return key if key is not None else next((name for name in defaults if name in self._arrays.files), None)

    def key(self, what: str, key: str | None, defaults: Sequence[str]) -> str:
        found = self.optional_key(what, key, defaults)
        if found is None:
            raise SignportError(
                f"{self._path}: no array {' or '.join(defaults)} for the {what} (it holds {self._there()}); "
                "name the array to take"
            )
        return found

    def __getitem__(self, key: str) -> np.ndarray:
        try:
            values = self._arrays[key]
        except DAMAGED_ARRAY as error:
            if "allow_pickle" in str(error):
                raise SignportError(
                    f"{self._path}: {key} is an array of Python objects, which are never loaded from a file; "
                    "save it again as numbers or as fixed-width strings (array.astype(str))"
                ) from None
            reason = " ".join(str(error).split())[:160]
            raise SignportError(f"{self._path}: {key} is damaged ({reason}); get the file again") from error
        if not isinstance(values, np.ndarray):
            raise SignportError(f"{self._path}: {key} is no array; save it with numpy.savez")
        return values

    def _there(self) -> str:
        return ", ".join(self._arrays.files) or "nothing"


def _landmarks(path: Path, key: str, values: np.ndarray) -> np.ndarray:
    """Features of any of the layouts that are read → float32 (rows, 21 points, 3)."""
    if values.dtype.kind not in "fiu":
        raise SignportError(f"{path}: {key} has type {values.dtype}; it needs numbers")
    if values.ndim == 3 and values.shape[1:] in ((POINTS, 3), (POINTS, 2)):
        values = values.reshape(len(values), POINTS * values.shape[2])
    widths = (_FEATURES, _COORDINATES_3D, _COORDINATES_2D)
    if values.ndim != 2 or values.shape[1] not in widths:
        raise SignportError(
            f"{path}: {key} has shape {values.shape}; expected (rows, 84) features, (rows, 63) landmarks, "
            "or (rows, 42) landmarks without z"
        )
    values = values.astype(np.float32)
    if bad := np.argwhere(~np.isfinite(values)).tolist():
        row, column = bad[0]
        refuse_cell(path, f"row {row}", f"{key}[{column}]", float(values[row, column]), "a finite number")
    if values.shape[1] == _FEATURES:
        _check_edge_lengths(path, key, values)
    return points_from_columns(values[:, :_COORDINATES_3D])


def _check_edge_lengths(path: Path, key: str, features: np.ndarray) -> None:
    """The last 21 features say nothing new, but they do tell whether the first 63 mean what they are taken for."""
    points = features[:, :_COORDINATES_3D].reshape(-1, POINTS, 3)
    start, end = np.array(HAND.edges).T
    lengths = np.linalg.norm(points[:, end] - points[:, start], axis=2)
    error = np.abs(lengths - features[:, _COORDINATES_3D:])
    if error.max(initial=0.0) > _EDGE_TOLERANCE:
        row, edge = np.argwhere(error > _EDGE_TOLERANCE)[0].tolist()
        column = _COORDINATES_3D + edge
        raise SignportError(
            f"{path}: row {row}, {key}[{column}] is {features[row, column]:.4f}, but edge {HAND.edges[edge]} of its "
            f"coordinates measures {lengths[row, edge]:.4f}; give features of this order, or the 63 coordinates alone"
        )


def _texts(path: Path, key: str, values: np.ndarray) -> list[str]:
    """A one-dimensional array of strings or integers as text."""
    if values.ndim != 1 or values.dtype.kind not in "USiu":
        raise SignportError(f"{path}: {key} has shape {values.shape} and type {values.dtype}; it needs a list of names")
    try:
        texts = [value.decode() if isinstance(value, bytes) else str(value) for value in values.tolist()]
        "".join(texts).encode()
    except ValueError as error:
        raise SignportError(f"{path}: {key} holds text that is no UTF-8 ({error}); save it again") from error
    return texts


def _npz_labels(path: Path, key: str, values: np.ndarray, names: list[str] | None) -> tuple[list[str], list[str]]:
    """Labels as class names, and the class names in order."""
    if values.ndim != 1:
        raise SignportError(f"{path}: {key} has shape {values.shape}; it needs one label a row")
    if names is not None and len(set(names)) < len(names):
        raise SignportError(f"{path}: label name {Counter(names).most_common(1)[0][0]!r} occurs twice; name each once")
    if values.dtype.kind == "f":
        values = _whole_labels(path, key, values)
    labels = _texts(path, key, values)
    if names is not None and values.dtype.kind in "iu":
        for row, index in enumerate(values.tolist()):
            if not 0 <= index < len(names):
                refuse_cell(path, f"row {row}", key, index, f"an index into the {len(names)} label names")
        labels = [names[index] for index in values.tolist()]
    for row, label in enumerate(labels):
        if not label.strip() or label.strip().lower() == "nan":
            refuse_cell(path, f"row {row}", key, label, "a label")
        if names is not None and label not in names:
            refuse_cell(path, f"row {row}", key, label, f"one of the label names {', '.join(names)}")
    return labels, names if names is not None else sorted_classes(labels)


def _whole_labels(path: Path, key: str, values: np.ndarray) -> np.ndarray:
    whole: Any = np.isfinite(values) & (values == np.round(values))
    if not whole.all():
        row = int(np.flatnonzero(~whole)[0])
        refuse_cell(path, f"row {row}", key, float(values[row]), "a label (a whole number or a name)")
    return values.astype(np.int64)
