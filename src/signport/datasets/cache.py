"""LandmarkCache: the one format between whatever found the landmarks and whatever trains on them.

A cache is one Parquet file (zstd), a row a sample; its header is JSON in the file's own metadata, so that the two can
never come apart, and is written once more beside it (`hands.parquet` → `hands.json`) for people to read. A cache of
very many samples can be a folder of such files instead; see `cache_store`.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from signport.datasets.cache_columns import SCHEMA, rows_in_a_group, sample_table
from signport.datasets.cache_header import CacheHeader
from signport.datasets.cache_rows import require_rows_fit
from signport.datasets.cache_store import StoredRows, check_cache_path, open_rows, regrouped, stored_digest, write_rows
from signport.datasets.sample import Sample, check_shape
from signport.errors import SignportError
from signport.landmarks.frame_indices import frame_indices
from signport.landmarks.topology import Topology, topology_named


class LandmarkCache:
    """Samples with landmarks of one topology.

    A cache on disk is opened at once and read when its rows are first asked for.

    Examples:
        >>> cache = sp.LandmarkCache.read("hands.parquet")
        >>> cache.classes
        ('A', 'B', 'C', 'None')
        >>> cache.landmarks.shape[1:]
        (21, 3)
        >>> len(cache.take(np.arange(10)).write("few.parquet"))
        10
    """

    def __init__(self, header: CacheHeader, rows: pa.Table | StoredRows, path: Path | None = None) -> None:
        self.header = header
        self.path = path
        self._rows = rows

    @classmethod
    def from_samples(cls, samples: Sequence[Sample], header: CacheHeader) -> "LandmarkCache":
        """Builds a cache in memory, sorted by sample id.

        Raises:
            SignportError: A class has no sample, a label is unknown, two samples share an id, or landmarks are not
                (frames, points, 3) of the topology.
        """
        for sample in samples:
            check_shape(sample, topology_named(header.topology))
        ordered = sorted(samples, key=lambda sample: sample.sample_id)
        counts = Counter(sample.label for sample in ordered)
        for name in header.classes:
            if not counts[name]:
                reasons = Counter(skipped.reason for skipped in header.skipped if skipped.label == name)
                why = ", ".join(f"{count} x {reason}" for reason, count in reasons.most_common()) or "no input"
                raise SignportError(f"class {name!r} comes out empty ({why}); add samples of it or remove the class")
        if unknown := sorted(set(counts) - set(header.classes)):
            raise SignportError(f"label {unknown[0]!r} is not among the cache's classes: {', '.join(header.classes)}")
        twice, times = Counter(sample.sample_id for sample in ordered).most_common(1)[0] if ordered else ("", 1)
        if times > 1:
            raise SignportError(f"sample id {twice!r} occurs twice; ids must be unique")
        return cls(header, sample_table(ordered))

    @classmethod
    def read(cls, path: str | Path) -> "LandmarkCache":
        """Opens a cache: a Parquet file, or a folder of them.

        Raises:
            SignportError: No such file, or not a cache of this version.
        """
        path = Path(path)
        rows = open_rows(path)
        return cls(CacheHeader.from_json(rows.header, path), rows, path)

    def write(self, path: str | Path, *, partitioned: bool = False) -> "LandmarkCache":
        """Writes the cache and its readable header atomically; the same samples give the same bytes.

        Args:
            path: The file to write, or the folder.
            partitioned: Whether to write a folder of Parquet files.

        Returns:
            The cache at its new place.
        """
        path = Path(path)
        check_cache_path(path, partitioned=partitioned)
        longest = int(self.num_frames.max(initial=1)) * self.topology.num_points * 3
        groups = regrouped([self.table], rows_in_a_group(longest))
        write_rows(path, self.header.to_json(), groups, partitioned=partitioned)
        return LandmarkCache(self.header, self.table, path)

    @cached_property
    def table(self) -> pa.Table:
        """The rows, columns as in `cache_columns.SCHEMA`."""
        if not isinstance(self._rows, StoredRows):
            return self._rows
        table = self._rows.read()
        require_rows_fit(table, self.header, self._rows.path)
        return table

    def __len__(self) -> int:
        return int(self._rows.num_rows)

    @property
    def topology(self) -> Topology:
        return topology_named(self.header.topology)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.header.classes

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file (of a folder: of its header), or of header and columns of a cache in memory."""
        if self.path is not None:
            return stored_digest(self.path)
        import hashlib

        digest = hashlib.sha256(json.dumps(self.header.to_json()).encode())
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, SCHEMA) as writer:
            writer.write_table(self.table.replace_schema_metadata(None))
        digest.update(sink.getvalue())
        return digest.hexdigest()

    @cached_property
    def sample_ids(self) -> list[str]:
        return list(self.table["sample_id"].to_pylist())

    @cached_property
    def labels(self) -> np.ndarray:
        """Class indices, int64 (samples,)."""
        index = {name: number for number, name in enumerate(self.classes)}
        return np.array([index[name] for name in self.table["label"].to_pylist()], np.int64)

    @cached_property
    def groups(self) -> list[str | None]:
        """Signer or recording of each sample, None where unknown."""
        return list(self.table["group"].to_pylist())

    @cached_property
    def landmarks(self) -> np.ndarray:
        """float32 (samples, points, 3) of a cache whose samples are single frames; NaN where missing."""
        return self._frames("landmarks")

    @cached_property
    def world_landmarks(self) -> np.ndarray:
        """float32 (samples, points, 3) in metres; all NaN for a sample without them."""
        return self._frames("world_landmarks")

    @cached_property
    def handedness(self) -> np.ndarray:
        """MediaPipe's probability of a left hand, float32 (samples,); NaN if unknown."""
        return np.asarray(self.table["handedness"].to_numpy(), np.float32)

    @cached_property
    def image_sizes(self) -> np.ndarray:
        """(width, height) in pixels, int32 (samples, 2); 0 if unknown."""
        return np.stack([self.table["image_width"].to_numpy(), self.table["image_height"].to_numpy()], axis=1)

    @cached_property
    def num_frames(self) -> np.ndarray:
        """Number of frames of each sample, int64 (samples,)."""
        return np.asarray(self.table["num_frames"].to_numpy(), np.int64)

    @cached_property
    def frame_rates(self) -> np.ndarray:
        """Frames a second of each sample, float32 (samples,); NaN if unknown."""
        return np.asarray(self.table["frame_rate"].to_numpy(), np.float32)

    def clip(self, row: int) -> np.ndarray:
        """All frames of one sample, float32 (frames, points, 3), NaN where missing; read-only, without a copy."""
        chunk = int(np.searchsorted(self._starts, row, side="right")) - 1
        start, end = self._offsets[row : row + 2] - self._offsets[self._starts[chunk]]
        values = self._chunks[chunk][start:end]
        return np.asarray(values.reshape(-1, self.topology.num_points, 3))

    def clips(self, topology: Topology | None = None, frames: int | None = None) -> np.ndarray:
        """All samples as sequences of one length and layout.

        Args:
            topology: The layout that is wanted, picked out of the cache's by point names; None keeps the cache's. A
                point that the cache's layout lacks is NaN.
            frames: The length that is wanted; longer samples are thinned out by `frame_indices`, shorter ones end in
                missing frames. None takes the longest sample's.

        Returns:
            float32 (samples, frames, points, 3), NaN where missing.

        Raises:
            SignportError: The two layouts have no point in common.
        """
        wanted = topology or self.topology
        frames = frames or int(self.num_frames.max(initial=1))
        columns = np.array(wanted.indices_in(self.topology))
        if (columns < 0).all():
            raise SignportError(
                f"{self.path or 'cache'}: topology {self.topology.name!r} has no point of {wanted.name!r}; capture or "
                f"import it again as {wanted.name}"
            )
        same = wanted.points == self.topology.points
        clips: np.ndarray = np.full((len(self), frames, wanted.num_points, 3), np.nan, np.float32)
        for row in range(len(self)):
            picked = self.clip(row)[frame_indices(int(self.num_frames[row]), frames)]
            clips[row, : len(picked)] = picked if same else picked[:, columns]
        if not same:
            clips[:, :, columns < 0] = np.nan
        return clips

    @cached_property
    def _chunks(self) -> list[np.ndarray]:
        """The values of each chunk: joined they would be a copy, and Arrow's lists end at 2^31 values."""
        return [chunk.flatten().to_numpy() for chunk in self.table["landmarks"].chunks]

    @cached_property
    def _starts(self) -> np.ndarray:
        """The first row of each chunk, and the number of rows."""
        return np.cumsum([0, *(len(chunk) for chunk in self.table["landmarks"].chunks)])

    @cached_property
    def _offsets(self) -> np.ndarray:
        return np.asarray(np.concatenate([[0], np.cumsum(self.num_frames)]) * self.topology.num_points * 3)

    def _frames(self, column: str) -> np.ndarray:
        if len(self) and self.num_frames.max() > 1:
            raise SignportError(f"{self.path or 'cache'}: holds sequences, but this family takes single frames")
        values = np.full((len(self), self.topology.num_points, 3), np.nan, np.float32)
        chunks = self.table[column].combine_chunks()
        valid = np.asarray(chunks.is_valid())
        values[valid] = chunks.flatten().to_numpy().reshape(-1, *values.shape[1:])
        return values

    def take(self, rows: np.ndarray) -> "LandmarkCache":
        """The cache of the samples at `rows` (int, or a Boolean mask), in cache order; the header stays."""
        rows = np.asarray(rows)
        indices = np.flatnonzero(rows) if rows.dtype == bool else np.sort(rows)
        return LandmarkCache(replace(self.header, skipped=()), self.table.take(pa.array(indices)))

    def per_class(self) -> dict[str, int]:
        """Number of samples a class, in class order."""
        stored = isinstance(self._rows, StoredRows) and "table" not in vars(self)
        counts = self._rows.label_counts() if stored else Counter(self.table["label"].to_pylist())
        return {name: counts[name] for name in self.classes}
