"""The end of a capture: its parts, read one after the other, become a cache."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from signport.datasets.cache_columns import SCHEMA
from signport.datasets.cache_header import Skipped
from signport.datasets.capture_manifest import Partition
from signport.datasets.capture_part import part_path, read_part, read_rows
from signport.datasets.class_folders import FoundFile
from signport.errors import SignportError


@dataclass
class Findings:
    """What the finished parts hold, without their landmarks.

    Attributes:
        skipped: The files that gave no sample.
        longest: Number of frames of the longest sample.
    """

    skipped: list[Skipped] = field(default_factory=list)
    longest: int = 1

    def skipped_of(self, label: str) -> Counter[str]:
        """How many files of a class gave no sample, by reason, the most frequent first."""
        return Counter(entry.reason for entry in self.skipped if entry.label == label)


def gather(job: dict[str, Any], partitions: Iterable[Partition], found: str) -> Findings:
    """Sums up the parts.

    Args:
        job: The job that wrote them.
        partitions: All partitions.
        found: The status of a file that gave a sample.

    Raises:
        SignportError: A part is gone.
    """
    findings = Findings()
    for partition in partitions:
        path = part_path(job, partition.key)
        part = read_part(path)
        if part is None:
            raise SignportError(f"{path}: a finished part is gone; start again to go on from here")
        findings.longest = max(findings.longest, part.longest)
        for file, status in zip(partition.files, part.statuses, strict=True):
            if status != found:
                findings.skipped.append(Skipped(file.name, file.label, status))
    return findings


def sample_tables(job: dict[str, Any], partitions: Iterable[Partition], found: str, output: Path) -> Iterator[pa.Table]:
    """The rows of the cache, part by part, in the order of sample ids.

    Args:
        job: The job that wrote the parts.
        partitions: All partitions, in the order of their files' names.
        found: The status of a file that gave a sample.
        output: The cache; `source` becomes relative to its folder.
    """
    for partition in partitions:
        part, table = read_rows(part_path(job, partition.key))
        files = [file for file, status in zip(partition.files, part.statuses, strict=True) if status == found]
        known = {
            "label": [file.label for file in files],
            "group": [file.group for file in files],
            "source": [_place(file, output) for file in files],
        }
        for name, values in known.items():
            column = SCHEMA.get_field_index(name)
            table = table.set_column(column, SCHEMA.field(column), pa.array(values, SCHEMA.field(column).type))
        yield table


def _place(file: FoundFile, output: Path) -> str:
    return Path(os.path.relpath(file.path, output.parent)).as_posix()
