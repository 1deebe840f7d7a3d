"""What every capture does around its detector: files to partitions, progress, what was skipped, the cache at the end.

The files are listed on disk and cut into partitions. Whoever carries them out, processes of this machine or the workers
of a Dask cluster, runs the same task (`capture_part.look_at_partition`) and writes a part each; a part that is there is
never made again. At the end the parts are joined row group by row group. Nobody holds more than a few partitions.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_columns import rows_in_a_group
from signport.datasets.cache_header import CacheHeader, Skipped
from signport.datasets.cache_store import check_cache_path, regrouped, write_rows
from signport.datasets.capture_executor import Executor, LocalProcesses
from signport.datasets.capture_folder import CaptureFolder
from signport.datasets.capture_manifest import Manifest, Partition
from signport.datasets.capture_merge import Findings, gather, sample_tables
from signport.datasets.capture_part import detection_of, signport_version
from signport.datasets.class_folders import FoundFile
from signport.datasets.file_groups import GroupRule
from signport.errors import SignportError
from signport.landmarks.topology import topology_named
from signport.progress import progress_bar


@dataclass
class Tally:
    """How far a capture has come.

    Attributes:
        statuses: Number of files by status.
        frames: Number of frames in them.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    frames: int = 0

    def add(self, summary: dict[str, Any]) -> int:
        """Counts a finished partition in, and says how many files it has."""
        self.statuses.update(summary["statuses"])
        self.frames += summary["frames"]
        return sum(summary["statuses"].values())


@dataclass(frozen=True)
class Capture:
    """One way to get landmarks out of files.

    Attributes:
        title: What the progress bar says: `capture hands`.
        unit: What a file is, in the plural: `images`.
        topology: Name of the landmark layout.
        detection: The module whose `DETECTION` looks at a file.
        options: What its detector is started with, as JSON.
        counted: Says in a few words how far things have come.
        advice: What the user can do about a class that comes out empty.
    """

    title: str
    unit: str
    topology: str
    detection: str
    options: dict[str, Any]
    counted: Callable[[Tally], str]
    advice: str


@dataclass(frozen=True)
class Inputs:
    """The files of a capture.

    Attributes:
        source: Where they were found: a folder that holds one folder a class, or a list of files.
        files: The files, in any order.
        rule: What tells their groups; None leaves them as they are.
        classes: The classes to read, in the order of their indices; None takes all, sorted.
        passed_over: Inputs that are not even looked at, for the header.
    """

    source: Path
    files: Iterable[FoundFile]
    rule: GroupRule | None = None
    classes: Sequence[str] | None = None
    passed_over: Sequence[Skipped] = ()


@dataclass(frozen=True)
class Target:
    """Where a capture is carried out, and where it goes.

    Attributes:
        output: The cache to write.
        partitioned: Whether it is to be a folder of Parquet files.
        workers: Number of processes of this machine.
        cluster: Address of a Dask scheduler, whose workers look at the files instead.

    Raises:
        SignportError: `output` is no name for such a cache, `workers` is less than 1, or both workers and a cluster are
            given.
    """

    output: Path
    partitioned: bool = False
    workers: int = 1
    cluster: str | None = None

    def __post_init__(self) -> None:
        check_cache_path(self.output, partitioned=self.partitioned)
        if self.workers < 1:
            raise SignportError(f"workers is {self.workers}; give 1 or more")
        if self.cluster is not None and self.workers > 1:
            raise SignportError(f"workers is {self.workers}, but a cluster has its own; leave workers out")

    def executor(self) -> Executor:
        """Who carries it out.

        Raises:
            SignportError: The cluster cannot be reached, or doesn't fit.
        """
        if self.cluster is None:
            return LocalProcesses(self.workers)
        from signport.datasets.capture_cluster import DaskCluster

        return DaskCluster(self.cluster)


def capture_files(capture: Capture, inputs: Inputs, target: Target) -> LandmarkCache:
    """Looks at every file and writes what was found as a cache.

    What is finished stands in a folder beside the output (`OUT.parquet.partial/`) until the cache is written. A file
    that kills the process that looks at it is listed among what was skipped.

    Args:
        capture: What to do with a file.
        inputs: The files.
        target: Where to do it, and where to write.

    Raises:
        SignportError: A class comes out empty, a detector doesn't start, or the output cannot be written.
    """
    output, source = target.output, inputs.source
    detection = detection_of(capture.detection)
    extractor = detection.extractor(capture.options)
    with (
        CaptureFolder(output.with_name(output.name + ".partial")) as folder,
        Manifest(folder.path / "files.sqlite", source.absolute()) as manifest,
    ):
        manifest.add(inputs.files, inputs.rule, inputs.classes)
        job = folder.begin(
            detection=capture.detection,
            options=capture.options,
            extractor=extractor,
            topology=capture.topology,
            signport=signport_version(),
            source=str(source.absolute()),
        )

        def partitions() -> Iterator[Partition]:
            return manifest.partitions(detection.files, [capture.detection, extractor])

        counts = manifest.counts()
        _carry_out(capture, target, job, partitions(), sum(counts.values()))
        findings = gather(job, partitions(), detection.found)
        _refuse_empty_classes(capture, source, counts, findings)
        header = CacheHeader(
            capture.topology,
            tuple(inputs.classes or counts),
            extractor,
            tuple(sorted([*findings.skipped, *inputs.passed_over], key=lambda entry: entry.source)),
        )
        values = findings.longest * topology_named(capture.topology).num_points * 3
        tables = sample_tables(job, partitions(), detection.found, output.absolute())
        write_rows(output, header.to_json(), regrouped(tables, rows_in_a_group(values)), partitioned=target.partitioned)
    return LandmarkCache.read(output)


def _carry_out(
    capture: Capture, target: Target, job: dict[str, Any], partitions: Iterator[Partition], total: int
) -> None:
    tally = Tally()
    tasks = (
        {"key": partition.key, "files": [[file.name, str(file.path)] for file in partition.files]}
        for partition in partitions
    )
    with target.executor() as executor, progress_bar(capture.title, total, unit=capture.unit) as bar:
        bar.advance(0, f"{capture.counted(tally)} · {executor.state}")
        with closing(executor.run(job, tasks)) as summaries:
            for summary in summaries:
                bar.advance(tally.add(summary), f"{capture.counted(tally)} · {executor.state}")


def _refuse_empty_classes(capture: Capture, source: Path, counts: dict[str, int], findings: Findings) -> None:
    lost = Counter(entry.label for entry in findings.skipped)
    empty = [name for name, total in counts.items() if total == lost[name]]
    if empty:
        why = ", ".join(f"{count} x {reason}" for reason, count in findings.skipped_of(empty[0]).most_common())
        others = f" (the same in: {', '.join(empty[1:])})" if empty[1:] else ""
        place = source / empty[0] if source.is_dir() else source
        raise SignportError(f"{place}: class {empty[0]!r} comes out empty, {why}{others}; {capture.advice}")
