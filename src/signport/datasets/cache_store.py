"""A cache's rows on disk: one Parquet file, or a folder of them; opened at once, read when they are asked for.

A folder (`signs.parquet/`) holds `part-00000.parquet` and so on, in the order of their samples, and the header in
`_header.json`, a name that readers of Parquet data sets pass over.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from signport.datasets.cache_columns import ADDED_COLUMNS, REPEATED_COLUMNS, SCHEMA
from signport.errors import SignportError
from signport.files import atomic_file, atomic_folder, read_json, sha256_file, write_json

HEADER_FILE = "_header.json"
_HEADER_KEY = b"signport"
# 64 row groups of 2 MiB of landmarks and more: a file that is worth opening, and still a small piece of work.
_GROUPS_IN_A_PART = 64


@dataclass(frozen=True)
class StoredRows:
    """Rows that lie on disk.

    Attributes:
        path: The Parquet file, or the folder of several.
        header: The cache's header, as JSON.
        files: The opened Parquet files, in the order of their samples.
    """

    path: Path
    header: dict[str, Any]
    files: tuple[pq.ParquetFile, ...]

    @property
    def num_rows(self) -> int:
        return sum(int(file.metadata.num_rows) for file in self.files)

    def read(self) -> pa.Table:
        """All rows, a chunk a row group; columns that an earlier version did not write are filled in.

        In one thread: for two columns of numbers, `pyarrow.parquet.read_table`'s threads take two to three times as
        long.

        Raises:
            SignportError: The file is damaged.
        """
        groups = list(self._row_groups())
        table = pa.concat_tables(groups) if groups else self.files[0].read()
        for name, value in ADDED_COLUMNS.items():
            if name not in table.schema.names:
                table = table.append_column(SCHEMA.field(name), pa.array([value] * table.num_rows, pa.float32()))
        return table

    def label_counts(self) -> Counter[str]:
        """Number of rows a class, without reading anything else of them."""
        counts: Counter[str] = Counter()
        for group in self._row_groups(["label"]):
            counts.update(_counts(group))
        return counts

    def _row_groups(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        for file in self.files:
            for number in range(file.num_row_groups):
                try:
                    yield file.read_row_group(number, columns=columns, use_threads=False)
                except (pa.ArrowInvalid, OSError) as error:
                    raise SignportError(f"{self.path}: damaged ({str(error).splitlines()[0]})") from error


def open_rows(path: Path) -> StoredRows:
    """Opens a cache's file, or folder of files, without reading its rows.

    Raises:
        SignportError: There is none, or it is no landmark cache.
    """
    if path.is_dir():
        return _open_folder(path)
    if not path.is_file():
        raise SignportError(f"{path}: no such landmark cache; make one with `signport capture` or `signport import`")
    file = _open_file(path)
    metadata = file.schema_arrow.metadata or {}
    if _HEADER_KEY not in metadata or not _has_columns(file):
        raise SignportError(f"{path}: a Parquet file, but not a signport landmark cache; use `signport import`")
    return StoredRows(path, json.loads(metadata[_HEADER_KEY]), (file,))


def stored_digest(path: Path) -> str:
    """SHA-256 of a cache's file; of a folder, that of its header, which lists those of its parts."""
    return sha256_file(path / HEADER_FILE if path.is_dir() else path)


def _open_folder(path: Path) -> StoredRows:
    if not (path / HEADER_FILE).is_file():
        raise SignportError(f"{path}: a folder without {HEADER_FILE}, so no landmark cache; use `signport import`")
    header = read_json(path / HEADER_FILE)
    files = []
    for part in header["parts"]:
        if not (path / part["file"]).is_file():
            raise SignportError(f"{path / part['file']}: this part of the cache is gone; put it back or capture again")
        file = _open_file(path / part["file"])
        if not _has_columns(file) or file.metadata.num_rows != part["samples"]:
            raise SignportError(f"{path / part['file']}: not the part that {HEADER_FILE} tells of; capture again")
        files.append(file)
    return StoredRows(path, header, tuple(files))


def _open_file(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, memory_map=True)
    except (pa.ArrowInvalid, OSError) as error:
        raise SignportError(f"{path}: not a Parquet file ({str(error).splitlines()[0]})") from error


def _has_columns(file: pq.ParquetFile) -> bool:
    names = file.schema_arrow.names
    return bool([*names, *(name for name in ADDED_COLUMNS if name not in names)] == SCHEMA.names)


def write_rows(path: Path, header: dict[str, Any], groups: Iterable[pa.Table], *, partitioned: bool = False) -> None:
    """Writes a cache atomically, a row group after the other.

    Args:
        path: The file, or the folder, to write.
        header: The cache's header, as JSON.
        groups: The row groups, each of one chunk, in the order of sample ids.
        partitioned: Whether to write a folder of Parquet files.

    Raises:
        SignportError: It cannot be written. What stood at `path` is untouched.
    """
    counts: Counter[str] = Counter()

    def counted() -> Iterator[pa.Table]:
        for group in groups:
            counts.update(_counts(group))
            yield group

    def readable() -> dict[str, Any]:
        per_class = {name: counts[name] for name in header["classes"]}
        return {**header, "samples": counts.total(), "per_class": per_class}

    if not partitioned:
        with atomic_file(path) as temporary:
            schema = SCHEMA.with_metadata({_HEADER_KEY: json.dumps(header, ensure_ascii=False).encode()})
            _write_file(temporary, schema, counted())
            # Inside the context: a disk that fills up here leaves the earlier cache as it was.
            write_json(path.with_suffix(".json"), readable())
        return
    with atomic_folder(path) as folder:
        parts = list(_write_parts(folder, counted()))
        write_json(folder / HEADER_FILE, {**readable(), "parts": parts})


def _write_parts(folder: Path, groups: Iterator[pa.Table]) -> Iterator[dict[str, Any]]:
    number = 0
    while some := list(islice(groups, 1)):
        path = folder / f"part-{number:05d}.parquet"
        samples = _write_file(path, SCHEMA, chain(some, islice(groups, _GROUPS_IN_A_PART - 1)))
        yield {"file": path.name, "samples": samples, "sha256": sha256_file(path)}
        number += 1


def _write_file(path: Path, schema: pa.Schema, groups: Iterable[pa.Table]) -> int:
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd", use_dictionary=list(REPEATED_COLUMNS)) as writer:
        for group in groups:
            writer.write_table(group.replace_schema_metadata(schema.metadata), row_group_size=max(1, group.num_rows))
            rows += group.num_rows
    return rows


def regrouped(tables: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Tables of any length → row groups of `rows` rows each but the last, each of one chunk; at least one."""
    held: list[pa.Table] = [SCHEMA.empty_table()]
    for table in tables:
        held.append(table)
        while sum(one.num_rows for one in held) >= rows:
            joined = pa.concat_tables(held)
            yield joined.slice(0, rows).combine_chunks()
            held = [joined.slice(rows)]
            if not held[0].num_rows:
                held = []
    if held:
        yield pa.concat_tables(held).combine_chunks()


def _counts(table: pa.Table) -> dict[str, int]:
    return {one["values"]: one["counts"] for one in pc.value_counts(table["label"]).to_pylist()}
