"""Parquet clips (a file a video, a row a landmark, as WLASL's and Kaggle ISLR's landmarks come) → a landmark cache."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import Skipped
from signport.datasets.cache_store import check_cache_path
from signport.datasets.gloss_map import GlossMap, read_gloss_map, read_rows
from signport.datasets.landmark_rows import PointTable, read_parquet_clip
from signport.datasets.sequence_import import Clip, ImportOptions, import_sequences
from signport.errors import SignportError
from signport.files import sha256_file
from signport.landmarks.topology import HOLISTIC_543, Topology, topology_named

TABLE_FILE = "train.csv"
GLOSS_MAP_FILES = ("gloss_map.csv", "sign_to_prediction_index_map.json")
GROUP_COLUMNS = ("participant_id", "signer_id")
_NOT_MAPPED = "gloss not in the gloss map"


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

    Examples:
        >>> cache = sp.import_parquet("wlasl", "signs.parquet", topology="isl_136")
        >>> cache.classes
        ('book', 'drink')
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
