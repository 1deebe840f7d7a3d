"""How samples lie in a cache's Parquet file, column by column."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from signport.datasets.sample import Sample

SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("label", pa.string()),
        ("group", pa.string()),
        ("source", pa.string()),
        ("num_frames", pa.int32()),
        ("landmarks", pa.list_(pa.float32())),
        ("world_landmarks", pa.list_(pa.float32())),
        ("handedness", pa.float32()),
        ("image_width", pa.int32()),
        ("image_height", pa.int32()),
        ("frame_rate", pa.float32()),
    ]
)
# Columns that caches of earlier versions lack, and what stands in for them.
ADDED_COLUMNS = {"frame_rate": float("nan")}
# The columns whose values repeat. Coordinates hardly do: a dictionary of them doubles the time to write and the size of
# a small cache.
REPEATED_COLUMNS = ("label", "group")
# 2 MiB of landmarks: whoever writes row group by row group needs no more memory for a million samples than for some
# thousands, and Arrow, which counts a list's values in 32 bits, is far from its end.
_VALUES_IN_A_GROUP = 2**19


def sample_table(samples: Sequence[Sample]) -> pa.Table:
    """Samples as rows of `SCHEMA`, column by column: a dictionary a row takes many times as long for sequences."""
    columns = {
        "sample_id": [sample.sample_id for sample in samples],
        "label": [sample.label for sample in samples],
        "group": [sample.group for sample in samples],
        "source": [sample.source for sample in samples],
        "num_frames": [len(sample.landmarks) for sample in samples],
        "landmarks": _lists([sample.landmarks for sample in samples]),
        "world_landmarks": _lists([sample.world_landmarks for sample in samples]),
        "handedness": [sample.handedness for sample in samples],
        "image_width": [sample.image_size[0] for sample in samples],
        "image_height": [sample.image_size[1] for sample in samples],
        "frame_rate": [sample.frame_rate for sample in samples],
    }
    return pa.table(columns, schema=SCHEMA)


def _lists(arrays: Sequence[np.ndarray | None]) -> pa.ChunkedArray:
    """Arrays of numbers as a column of lists of float32, in chunks of no more values than Arrow can count."""
    sizes = [0 if array is None else array.size for array in arrays]
    bounds, values_in_chunk = [0], 0
    for row, size in enumerate(sizes):
        if values_in_chunk and values_in_chunk + size > _VALUES_IN_A_GROUP:
            bounds.append(row)
            values_in_chunk = 0
        values_in_chunk += size
    chunks = []
    for start, end in zip(bounds, [*bounds[1:], len(arrays)], strict=True):
        part = arrays[start:end]
        values = [
            np.zeros(0, np.float32),
            *(np.asarray(array, np.float32).ravel() for array in part if array is not None),
        ]
        offsets = np.concatenate([[0], np.cumsum(sizes[start:end])]).astype(np.int32)
        missing = np.array([array is None for array in part], bool)
        chunks.append(pa.ListArray.from_arrays(offsets, np.concatenate(values), mask=pa.array(missing)))
    return pa.chunked_array(chunks, pa.list_(pa.float32()))


def rows_in_a_group(values: int) -> int:
    """How many rows a row group may have where the longest has so many values."""
    return max(1, _VALUES_IN_A_GROUP // max(1, values))
