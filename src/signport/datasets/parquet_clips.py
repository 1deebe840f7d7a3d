"""Parquet clips (a file a video, a row a landmark, as WLASL's and Kaggle ISLR's landmarks come) → a landmark cache."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from signport.datasets.cache import LandmarkCache, Skipped, check_cache_path
from signport.datasets.gloss_map import GlossMap, read_gloss_map, read_rows
from signport.datasets.sequence_import import (
    EMPTY,
    MAX_FRAMES,
    NO_FILE,
    UNREADABLE,
    Clip,
    ImportOptions,
    SkipClipError,
    import_sequences,
    refuse_infinite,
    with_landmark,
)
from signport.errors import SignportError
from signport.files import sha256_file
from signport.landmarks.topology import HOLISTIC_543, Topology, topology_named

TABLE_FILE = "train.csv"
GLOSS_MAP_FILES = ("gloss_map.csv", "sign_to_prediction_index_map.json")
GROUP_COLUMNS = ("participant_id", "signer_id")
_NOT_MAPPED = "gloss not in the gloss map"
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


def import_parquet(
    folder: str | Path,
    output: str | Path,
    *,
    table: str | Path | None = None,
    gloss_map: str | Path | None = None,
    only_mapped: bool = False,
    topology: str | None = None,
    groups: Mapping[str, str] | str | Path | None = None,
    group_regex: str | None = None,
    classes: Sequence[str] | None = None,
    frame_rate: float | None = None,
    workers: int = 1,
) -> LandmarkCache:
    """Reads clips with a Parquet file each, listed by a table, and writes them as a cache.

    A file has a row a landmark and frame, in any order, with the columns `type` (pose, face, left_hand, right_hand),
    `landmark_index`, `frame`, `x`, `y` and `z`; others, such as `visibility` and `row_id`, are not read. A landmark
    without a row, or without numbers, is missing, and so is a frame whose number is missing between the first and the
    last. The ten iris points of a refined face mesh are left out.

    Args:
        folder: Holds the table and, below it, the Parquet files.
        output: The cache to write, `*.parquet`.
        table: CSV with the columns `path` (of a Parquet file, below `folder`) and `sign`, and perhaps `participant_id`
            (or `signer_id`), which is the group; others, such as `sequence_id`, are not read. None takes
            `DIR/train.csv`.
        gloss_map: What the signs are called and in which order the classes come; see `read_gloss_map`. None takes
            `DIR/gloss_map.csv` or Kaggle's `DIR/sign_to_prediction_index_map.json`, if there; without one the table's
            signs are the classes, sorted.
        only_mapped: Leave out the table's rows whose sign is not in the gloss map, which is an error otherwise.
        topology: Keep the points of this topology only, such as `isl_136`; None keeps all, `holistic_543`.
        groups: Clip's `path` → signer or recording, or a CSV file with the columns file and group; instead of the
            table's participants.
        group_regex: Takes the group from the clip's `path` instead: a pattern with one capturing group.
        classes: The glosses to read, in the order of their indices; None takes all.
        frame_rate: Frames a second, if known.
        workers: Number of threads that read.

    Returns:
        The cache; a sample is called by its `path`. Its header's `skipped` lists the clips that are not there or cannot
        be read, and the classes with fewer than 2 clips, which are left out.

    Raises:
        SignportError: No table, a column that is missing, an unknown gloss, type or landmark, an infinite value,
            groups that do not fit, or an output that cannot be written.
    """
    folder, output = Path(folder), Path(output)
    check_cache_path(output)
    options = ImportOptions(groups, group_regex, classes, frame_rate, workers)
    table = folder / TABLE_FILE if table is None else Path(table)
    glosses = _gloss_map(folder, gloss_map)
    if only_mapped and glosses is None:
        raise SignportError(f"{folder}: only mapped glosses are wanted, but there is no gloss map; give --gloss-map")
    clips, skipped = listed_clips(folder, table, glosses, only_mapped=only_mapped)
    kept = _body_topology(topology)
    extractor = {
        "name": "parquet clips",
        "version": None,
        "model_sha256": None,
        "options": {
            "folder": folder.name,
            "table": table.name,
            "table_sha256": sha256_file(table),
            "gloss_map": None if glosses is None else glosses.path.name,
        },
    }
    return import_sequences(
        folder,
        output,
        clips,
        partial(read_parquet_clip, table=PointTable.of(kept)),
        topology=kept,
        extractor=extractor,
        options=options,
        skipped=skipped,
        class_order=None if glosses is None else glosses.glosses,
    )


def listed_clips(
    folder: Path, table: Path, glosses: GlossMap | None, *, only_mapped: bool
) -> tuple[list[Clip], list[Skipped]]:
    """Reads the table of clips.

    Returns:
        The clips, and those left out because their gloss is not in the map.

    Raises:
        SignportError: No such column, an empty cell, a path listed twice, or an unknown gloss.
    """
    rows, columns = read_rows(table)
    for name in ("path", "sign"):
        if name not in columns:
            raise SignportError(
                f"{table}: no column {name!r} (it has {', '.join(columns)}); expected path, sign, sequence_id, and "
                "perhaps participant_id"
            )
        for number, row in enumerate(rows, 1):
            if not row[name]:
                raise SignportError(f"{table}: row {number} has no {name}; fill it in or remove the row")
    if not rows:
        raise SignportError(f"{table}: lists no clip; give a row a clip")
    group_column = next((name for name in GROUP_COLUMNS if name in columns), None)
    signs = [row["sign"] for row in rows]
    labels: list[str | None] = list(signs) if glosses is None else glosses.glosses_of(signs)
    clips, skipped, seen = [], [], set()
    for number, (row, label) in enumerate(zip(rows, labels, strict=True), 1):
        name = row["path"].replace("\\", "/")
        if name in seen:
            raise SignportError(f"{table}: row {number}: {name} is listed twice; remove one of the rows")
        seen.add(name)
        if label is not None:
            group = row[group_column] or None if group_column else None
            clips.append(Clip(name, label, folder / name, group))
        elif only_mapped:
            skipped.append(Skipped(name, None, _NOT_MAPPED))
        elif glosses is not None:
            raise SignportError(
                f"{table}: row {number}: sign {row['sign']!r} is not in {glosses.path} ({glosses.some()}); add it, "
                "correct it, or leave such clips out with --only-mapped"
            )
    if not clips and glosses is not None:
        raise SignportError(
            f"{table}: no sign of it is in {glosses.path} ({glosses.some()}); give the map of this table"
        )
    return clips, skipped


def read_parquet_clip(path: Path, table: "PointTable") -> np.ndarray:
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


def _gloss_map(folder: Path, given: str | Path | None) -> GlossMap | None:
    if given is not None:
        return read_gloss_map(Path(given))
    there = [folder / name for name in GLOSS_MAP_FILES if (folder / name).is_file()]
    return read_gloss_map(there[0]) if there else None


def _body_topology(name: str | None) -> Topology:
    topology = HOLISTIC_543 if name is None else topology_named(name)
    if not topology.is_body:
        raise SignportError(
            f"topology {name!r} has no body parts; choose upper_59, pose_hands_75, isl_136 or holistic_543"
        )
    return topology


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
    except (pa.ArrowException, OSError) as error:
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
