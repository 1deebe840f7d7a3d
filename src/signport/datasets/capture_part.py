"""One partition of a capture: its files are looked at, and the answers are written as one part.

This is the task that local processes and a cluster's workers carry out alike. What it is given and what it gives back
is plain JSON; what it finds lies in the capture's folder, which all of them share.
"""

import importlib
import json
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from signport.datasets.cache_columns import sample_table
from signport.datasets.sample import Sample, check_shape
from signport.errors import SignportError, first_line
from signport.files import atomic_file, read_json
from signport.landmarks.topology import topology_named
from signport.landmarks.worker_pool import Detectors, WorkerKind

Answer = dict[str, Any]

JOB_FILE = "job.json"
_STATUSES_KEY = b"signport.part"
# Those of a cluster's worker, which keeps them for a minute without work: the next partition mostly comes at once.
_OWN_DETECTORS = Detectors(keep_s=60)


@dataclass(frozen=True)
class Detection:
    """How files of one kind become samples; each kind's module has one, called `DETECTION`.

    Attributes:
        detector: The process that looks at files.
        found: The status of a file that gives a sample; any other status is the reason why it gives none.
        files: Number of files a partition, on average: so few that a kill costs no more than seconds.
        extractor: Options → the cache header's account of detector, version, models and options: everything that,
            apart from the file, decides an answer.
        sample: Makes the sample of a file's name, its answer and the options; class, group and source come later.
    """

    detector: WorkerKind
    found: str
    files: int
    extractor: Callable[[dict[str, Any]], dict[str, Any]]
    sample: Callable[[str, Answer, dict[str, Any]], Sample]


class Part(NamedTuple):
    """What is known of a finished partition without reading its landmarks.

    Attributes:
        statuses: The status of each file, in the order of the partition.
        frames: Number of frames in all files together.
        longest: Number of frames of the longest sample.
    """

    statuses: tuple[str, ...]
    frames: int
    longest: int

    def summary(self, key: str) -> dict[str, Any]:
        """What the capture's progress is told, as JSON."""
        return {"key": key, "statuses": dict(Counter(self.statuses)), "frames": self.frames}


@cache
def signport_version() -> str:
    """The installed signport's version; `unknown` where it is not installed as a distribution."""
    try:
        return metadata.version("signport")
    except metadata.PackageNotFoundError:
        return "unknown"


def detection_of(module: str) -> Detection:
    """The `DETECTION` of a module."""
    found = importlib.import_module(module).DETECTION
    assert isinstance(found, Detection)
    return found


def look_at_partition(
    job: dict[str, Any], partition: dict[str, Any], detectors: Detectors | None = None
) -> dict[str, Any]:
    """Looks at a partition's files and writes its part, unless that is there already.

    Args:
        job: `detection` (the module), `options`, `extractor`, `topology`, `signport` (version), `folder`, `source` and
            `token`; see `capture`.
        partition: `key` and `files`: name and path of each.
        detectors: Where detector processes come from; None takes those of this process, which ends them after a minute
            without work.

    Returns:
        `key`, `statuses` (status → number of files) and `frames`.

    Raises:
        SignportError: The folder is not shared, this machine's software differs, or the detector does not start.
    """
    check_place(job)
    path = part_path(job, partition["key"])
    if (part := read_part(path)) is None:
        detection = detection_of(job["detection"])
        paths = [place for _, place in partition["files"]]
        detectors = detectors or _OWN_DETECTORS
        answers = detectors.look(detection.detector, job["options"], paths, job["extractor"])
        check_place(job)  # a capture that ended meanwhile has taken its folder away
        part = write_part(job, partition, answers)
    return part.summary(partition["key"])


def check_place(job: dict[str, Any]) -> None:
    """Checks that this process sees what the capture's driver sees, and would answer as it would.

    Raises:
        SignportError: It does not.
    """
    host, folder = socket.gethostname(), Path(job["folder"])
    try:
        token = read_json(folder / JOB_FILE)["token"]
    except (SignportError, KeyError, TypeError):
        token = None
    shared = "keep images, videos and output on a file system that all workers share, at the same path"
    if token != job["token"]:
        raise SignportError(f"worker on {host}: does not see the capture's folder {folder}; {shared}")
    if not Path(job["source"]).exists():
        raise SignportError(f"worker on {host}: does not see {job['source']}; {shared}")
    _check_software(host, json.dumps(job, sort_keys=True))


@lru_cache(maxsize=8)
def _check_software(host: str, job_text: str) -> None:
    job = json.loads(job_text)
    try:
        here = {"signport": signport_version(), **detection_of(job["detection"]).extractor(job["options"])}
    except SignportError as error:
        raise SignportError(f"worker on {host}: {error}") from None
    there = {"signport": job["signport"], **job["extractor"]}
    for name, value in there.items():
        if here.get(name) != value:
            raise SignportError(
                f"worker on {host}: {name} is {here.get(name)!r}, but {value!r} where the capture was started; install "
                "the same versions everywhere"
            )


def part_path(job: dict[str, Any], key: str) -> Path:
    """Where the part of a partition lies."""
    return Path(job["folder"], f"part-{key}.parquet")


def write_part(job: dict[str, Any], partition: dict[str, Any], answers: Sequence[Answer]) -> Part:
    """Writes the part of a partition atomically.

    Raises:
        SignportError: Landmarks do not fit the topology, or the part cannot be written.
    """
    detection, topology = detection_of(job["detection"]), topology_named(job["topology"])
    samples = [
        detection.sample(name, answer, job["options"])
        for (name, _), answer in zip(partition["files"], answers, strict=True)
        if answer["status"] == detection.found
    ]
    for sample in samples:
        check_shape(sample, topology)
    part = Part(
        statuses=tuple(answer["status"] for answer in answers),
        frames=sum(answer.get("num_frames", 0) for answer in answers),
        longest=max((len(sample.landmarks) for sample in samples), default=0),
    )
    _store(part_path(job, partition["key"]), part, sample_table(samples))
    return part


def join_parts(job: dict[str, Any], partition: dict[str, Any], keys: Sequence[str]) -> Part:
    """Makes the part of a partition out of the parts of its pieces, in their order."""
    parts, tables = zip(*(read_rows(part_path(job, key)) for key in keys), strict=True)
    part = Part(
        statuses=tuple(status for one in parts for status in one.statuses),
        frames=sum(one.frames for one in parts),
        longest=max(one.longest for one in parts),
    )
    _store(part_path(job, partition["key"]), part, pa.concat_tables(tables))
    return part


def _store(path: Path, part: Part, table: pa.Table) -> None:
    with atomic_file(path) as temporary:
        table = table.replace_schema_metadata({_STATUSES_KEY: json.dumps(part).encode()})
        pq.write_table(table, temporary, compression="zstd", use_dictionary=False)


def read_part(path: Path) -> Part | None:
    """What a part says of itself; None if it is not there, or not whole."""
    try:
        return _part(pq.read_metadata(path).metadata)
    except (OSError, pa.ArrowInvalid, TypeError, KeyError, ValueError):
        return None


def read_rows(path: Path) -> tuple[Part, pa.Table]:
    """A part: what it says of itself, and its samples in the order of their ids, without class, group and source.

    Raises:
        SignportError: It is gone or damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            table = file.read(use_threads=False)
            return _part(table.schema.metadata), table.replace_schema_metadata(None)
    except (OSError, pa.ArrowInvalid) as error:
        path.unlink(missing_ok=True)  # a damaged one would be taken for finished again
        reason = first_line(error)
        raise SignportError(f"{path}: a finished part is gone or damaged ({reason}); start again to go on") from error


def _part(metadata: dict[bytes, bytes]) -> Part:
    statuses, frames, longest = json.loads(metadata[_STATUSES_KEY])
    return Part(tuple(statuses), frames, longest)
