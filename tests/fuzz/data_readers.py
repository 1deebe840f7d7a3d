"""Readers of landmark tables, caches and clips, and of the lists that belong to them."""

import contextlib
import json
from pathlib import Path

import numpy as np
from tests.fuzz import seeds
from tests.fuzz.scratch import scratch

from signport.errors import SignportError


def npz(path: Path) -> None:
    from signport.datasets.npz_table import import_npz

    import_npz(path, path.with_suffix(".parquet"))


def clip(path: Path) -> None:
    from signport.datasets.clip_files import read_clip
    from signport.datasets.sequence_import import with_landmark
    from signport.datasets.sequence_layout import layout_for

    values = read_clip(path)
    with_landmark(layout_for([values], path).landmarks(values))


def frames(path: Path) -> None:
    from signport.datasets.frame_files import read_frames

    read_frames(path.parent)


def csv(path: Path) -> None:
    from signport.datasets.csv_table import import_csv

    import_csv(path, path.with_suffix(".parquet"))


def cache(path: Path) -> None:
    from signport.datasets.cache import LandmarkCache
    from signport.datasets.cache_summary import summarize

    found = LandmarkCache.read(path)
    json.dumps(summarize(found))
    for read in (
        lambda: found.labels,
        lambda: found.landmarks,
        lambda: found.world_landmarks,
        lambda: found.handedness,
        lambda: found.image_sizes,
        lambda: found.frame_rates,
        lambda: found.clips(frames=4),
        lambda: found.take(np.arange(1)).landmarks,
    ):
        with contextlib.suppress(SignportError):
            read()


def header(content: bytes) -> None:
    """A header in a file's own metadata, and as that of a partitioned cache."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from signport.datasets.cache_columns import SCHEMA

    folder = scratch() / "partitioned.parquet"
    folder.mkdir(exist_ok=True)
    (folder / "_header.json").write_bytes(content)
    (folder / "part-00000.parquet").write_bytes(seeds.cache_parquet()[0])
    table = pq.read_table(pa.BufferReader(seeds.cache_parquet()[0])).cast(SCHEMA)
    pq.write_table(table.replace_schema_metadata({b"signport": content}), scratch() / "header.parquet")
    for path in (folder, scratch() / "header.parquet"):
        with contextlib.suppress(SignportError):
            cache(path)


def parquet_clip(path: Path) -> None:
    from signport.datasets.landmark_rows import PointTable, read_parquet_clip
    from signport.landmarks.topology import HOLISTIC_543

    read_parquet_clip(path, PointTable.of(HOLISTIC_543))


def labels_json(path: Path) -> None:
    from signport.datasets.clip_files import _read_labels
    from signport.datasets.gloss_map import read_gloss_map

    for read in (read_gloss_map, _read_labels):
        with contextlib.suppress(SignportError):
            read(path)


def small_tables(path: Path) -> None:
    """CSV files that name files, groups and signs: each reader gets each."""
    from signport.datasets.file_groups import file_groups
    from signport.datasets.gloss_map import read_gloss_map
    from signport.datasets.parquet_clips import listed_clips
    from signport.datasets.video_folder import _listed_videos

    for read in (
        read_gloss_map,
        lambda path: file_groups(path.parent, ["A/1.png"], path),
        lambda path: list(_listed_videos(path, None)),
        lambda path: listed_clips(path.parent, path, None, only_mapped=False),
    ):
        with contextlib.suppress(SignportError):
            read(path)
