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
from signport.files import atomic_file, atomic_folder, check_writable, read_json, sha256_file, write_json

HEADER_FILE = "_header.json"
_HEADER_KEY = b"signport"
# What Arrow raises for a Parquet file that is damaged, or of columns that it does not know.
DAMAGED = (pa.ArrowException, OSError, ValueError, KeyError, MemoryError, OverflowError)
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
        try:
            table = pa.concat_tables(groups) if groups else self.files[0].read()
            for name, value in ADDED_COLUMNS.items():
                if name not in table.schema.names:
                    table = table.append_column(SCHEMA.field(name), pa.array([value] * table.num_rows, pa.float32()))
            return table.cast(SCHEMA.with_metadata(table.schema.metadata))
        except DAMAGED as error:
            raise SignportError(f"{self.path}: damaged ({_reason(error)})") from error

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
                except DAMAGED as error:
                    raise SignportError(f"{self.path}: damaged ({_reason(error)})") from error


def check_cache_path(path: Path, *, partitioned: bool = False) -> None:
    """Checks, before any work is done, that a cache can be called so.

    Raises:
        SignportError: The name does not end in `.parquet`, something else than such a cache has that name, or nothing
            can be written there.
    """
    if path.suffix != ".parquet":
        raise SignportError(f"{path}: a cache is a .parquet file; call it {path.name}.parquet")
    if partitioned and path.is_file():
        raise SignportError(f"{path}: is a file, and a partitioned cache is a folder; choose another output")
    if partitioned and path.is_dir() and not (path / HEADER_FILE).is_file() and any(path.iterdir()):
        raise SignportError(f"{path}: is a folder, but no landmark cache; choose another output")
    if not partitioned and path.is_dir():
        raise SignportError(f"{path}: is a folder; give the path of a .parquet file")
    check_writable(path)


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
    try:
        header = json.loads(metadata[_HEADER_KEY])
    except (ValueError, RecursionError) as error:
        raise SignportError(f"{path}: the cache's header is damaged ({_reason(error)}); capture it again") from error
    return StoredRows(path, header, (file,))


def stored_digest(path: Path) -> str:
    """SHA-256 of a cache's file; of a folder, that of its header, which lists those of its parts."""
    return sha256_file(path / HEADER_FILE if path.is_dir() else path)


def _open_folder(path: Path) -> StoredRows:
    if not (path / HEADER_FILE).is_file():
        raise SignportError(f"{path}: a folder without {HEADER_FILE}, so no landmark cache; use `signport import`")
    header = read_json(path / HEADER_FILE)
    files = []
    for part in _parts(header, path / HEADER_FILE):
        if not (path / part["file"]).is_file():
            raise SignportError(f"{path / part['file']}: this part of the cache is gone; put it back or capture again")
        file = _open_file(path / part["file"])
        if not _has_columns(file) or file.metadata.num_rows != part["samples"]:
            raise SignportError(f"{path / part['file']}: not the part that {HEADER_FILE} tells of; capture again")
        files.append(file)
    return StoredRows(path, header, tuple(files))


def _parts(header: Any, path: Path) -> list[dict[str, Any]]:
    parts = header.get("parts") if isinstance(header, dict) else None
    if not isinstance(parts, list) or not parts:
        raise SignportError(f"{path}: parts: missing or empty; this is not the header of a landmark cache")
    for part in parts:
        name = part.get("file") if isinstance(part, dict) else None
        if not isinstance(name, str) or Path(name).name != name or not name.isprintable():
            raise SignportError(f"{path}: parts: {name!r} is no file of this folder; capture it again")
        if not isinstance(part.get("samples"), int):
            raise SignportError(f"{path}: parts: {name}: samples: missing, or no number; capture it again")
    return parts


def _open_file(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, memory_map=True)
    except DAMAGED as error:
        raise SignportError(f"{path}: not a Parquet file ({_reason(error)})") from error


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:160]


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
