"""One Parquet file of landmarks, a row a landmark and frame, → the landmarks of a clip."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from signport.datasets.sequence_import import (
    EMPTY,
    MAX_FRAMES,
    NO_FILE,
    UNREADABLE,
    SkipClipError,
    refuse_infinite,
    with_landmark,
)
from signport.errors import SignportError
from signport.landmarks.topology import HOLISTIC_543, Topology

# What is read → the columns that may hold it: the names of the published formats, and those of WLASL's own extractor.
_COLUMNS = {
    "type": ("type", "body_part"),
    "landmark_index": ("landmark_index",),
    "frame": ("frame", "frame_id"),
    "x": ("x",),
    "y": ("y",),
    "z": ("z",),
}
_PARTS = ("pose", "face", "left_hand", "right_hand")
# With refine_landmarks, MediaPipe's face mesh has 10 iris points behind the 468 that every layout draws from.
_IRIS_POINTS = 10


@dataclass(frozen=True)
class PointTable:
    """Where each row of a file goes.

    Attributes:
        topology: The layout that is filled.
        first: Part → where its landmarks start in `points`.
        sizes: Part → number of its landmarks.
        points: int64; `first[part] + landmark_index` → point of the topology, -1 for none.
        parts: Where each part lies in the topology.
    """

    topology: Topology
    first: dict[str, int]
    sizes: dict[str, int]
    points: np.ndarray
    parts: tuple[slice, ...]

    @classmethod
    def of(cls, topology: Topology) -> "PointTable":
        """The table of a body layout."""
        first, sizes = {}, {}
        points: list[int] = []
        for part in _PARTS:
            names = HOLISTIC_543.points[HOLISTIC_543.part(part)]
            first[part] = len(points)
            points += [topology.index.get(name, -1) for name in names]
            points += [-1] * (_IRIS_POINTS if part == "face" else 0)
            sizes[part] = len(points) - first[part]
        return cls(topology, first, sizes, np.array(points), tuple(topology.part(part) for part in _PARTS))


def read_parquet_clip(path: Path, table: PointTable) -> np.ndarray:
    """Reads one clip.

    Args:
        path: The Parquet file.
        table: Which landmarks are kept, and where.

    Returns:
        float32 (frames from the first number to the last, points, 3), NaN where missing.

    Raises:
        SkipClipError: Not there, damaged, without rows or landmarks, or with two rows for one landmark.
        SignportError: No such column, or an unknown type, landmark or frame number.
    """
    rows = _read_columns(path)
    if not rows.num_rows:
        raise SkipClipError(EMPTY)
    frames = _whole_numbers(path, "frame", rows["frame"])
    first = int(frames.min())
    count = int(frames.max()) - first + 1
    if count > MAX_FRAMES:
        raise SignportError(
            f"{path}: frames {first} to {first + count - 1}; a clip has at most {MAX_FRAMES}, correct it"
        )
    points = _points(path, rows, table)
    kept = points >= 0
    size = table.topology.num_points
    place = (frames[kept] - first) * size + points[kept]
    if len(place) and np.bincount(place).max() > 1:
        raise SkipClipError("landmark given twice")
    landmarks: np.ndarray = np.full((count * size, 3), np.nan, np.float32)
    for axis, name in enumerate("xyz"):
        values = _numbers(path, name, rows[name])
        refuse_infinite(path, values)
        landmarks[place, axis] = values[kept]
    landmarks = landmarks.reshape(count, size, 3)
    for part in table.parts:
        of_part = landmarks[:, part]
        of_part[(of_part == 0).all(axis=(1, 2))] = np.nan  # zeros for a part that was not found, as other formats have
    return with_landmark(landmarks)


def _read_columns(path: Path) -> pa.Table:
    """The columns that are needed, by the names of `_COLUMNS`."""
    try:
        with pq.ParquetFile(path) as file:
            there = file.schema_arrow.names
            columns = {}
            for wanted, names in _COLUMNS.items():
                found = next((name for name in names if name in there), None)
                if found is None:
                    raise SignportError(
                        f"{path}: no column {wanted!r} (it has {', '.join(there)}); expected {', '.join(_COLUMNS)}"
                    )
                columns[wanted] = found
            table = file.read(columns=list(columns.values()), use_threads=False)
    except FileNotFoundError:
        raise SkipClipError(NO_FILE) from None
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:  # names may be no UTF-8
        raise SkipClipError(UNREADABLE) from error
    return table.select(list(columns.values())).rename_columns(list(columns))


def _points(path: Path, rows: pa.Table, table: PointTable) -> np.ndarray:
    """Point of the topology of each row, int64 (rows,); -1 for a landmark that it lacks."""
    index = _whole_numbers(path, "landmark_index", rows["landmark_index"])
    types = rows["type"].combine_chunks().dictionary_encode()
    if types.null_count:
        raise SignportError(f"{path}: column type has empty cells; expected {', '.join(_PARTS)}")
    names = types.dictionary.to_pylist()
    if unknown := [name for name in names if name not in _PARTS]:
        raise SignportError(f"{path}: type {unknown[0]!r} is unknown; expected {', '.join(_PARTS)}")
    codes = types.indices.to_numpy()
    size = np.array([table.sizes[name] for name in names])[codes]
    wrong = np.flatnonzero((index < 0) | (index >= size))
    if len(wrong):
        part = names[codes[wrong[0]]]
        raise SignportError(
            f"{path}: landmark_index {index[wrong[0]]} of {part}, which has {table.sizes[part]} points; correct it"
        )
    return np.asarray(table.points[np.array([table.first[name] for name in names])[codes] + index])


def _numbers(path: Path, name: str, column: pa.ChunkedArray) -> np.ndarray:
    """A column as numbers; an empty cell is NaN."""
    values = column.to_numpy()
    if values.dtype.kind not in "fiu":
        raise SignportError(f"{path}: column {name} has type {column.type}; it needs numbers")
    return np.asarray(values)


def _whole_numbers(path: Path, name: str, column: pa.ChunkedArray) -> np.ndarray:
    values = _numbers(path, name, column)
    if values.dtype.kind == "f" and not (np.isfinite(values) & (values == np.round(values))).all():
        row = int(np.flatnonzero(~(np.isfinite(values) & (values == np.round(values))))[0])
        raise SignportError(f"{path}: column {name} is {values[row]} in row {row}; it needs whole numbers")
    return values.astype(np.int64)
