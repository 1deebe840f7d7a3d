"""Class folders or a list of videos (`DIR/<class>/**/clip.mp4`) → a landmark cache, with MediaPipe Holistic."""

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signport.datasets.cache import LandmarkCache
from signport.datasets.capture import Capture, Inputs, Tally, Target, capture_files
from signport.datasets.capture_part import Answer, Detection
from signport.datasets.class_folders import FileKind, FoundFile, find_files, refuse_repeated_classes
from signport.datasets.file_groups import group_rule
from signport.datasets.sample import Sample
from signport.errors import SignportError
from signport.landmarks.holistic_detector import holistic_models_sha256
from signport.landmarks.mediapipe_runtime import mediapipe_version
from signport.landmarks.topology import topology_named
from signport.landmarks.video_worker import DETECTOR, FOUND, ClipOptions
from signport.landmarks.worker_pool import decode_points

if TYPE_CHECKING:
    from signport.datasets.cache_header import Skipped

VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm")
_VIDEOS = FileKind("video", VIDEO_SUFFIXES)
_LIST_COLUMNS = ("path", "label")


def capture_videos(
    source: str | Path,
    output: str | Path,
    *,
    topology: str = "isl_136",
    min_detection_confidence: float = 0.5,
    workers: int = 1,
    cluster: str | None = None,
    partitioned: bool = False,
    groups: Mapping[str, str] | str | Path | None = None,
    group_regex: str | None = None,
    classes: Sequence[str] | None = None,
) -> LandmarkCache:
    """Finds pose, face and hands of the person in every video and writes them as a cache, a sample a video.

    What is finished stands beside the output (`OUT.parquet.partial/`) until the cache is written: started again after a
    kill, capture goes on where it was. The cache's bytes depend on the videos and the options alone, not on the number
    of workers, on a cluster or on interruptions. Left and right are the person's own; a part that was not found is NaN,
    and a frame in which nothing was found stays, all NaN.

    Args:
        source: Holds one folder a class, each with videos (mp4, mov, avi, mkv, webm) at any depth; or a CSV file with
            the columns path (relative to the CSV file) and label, and perhaps signer.
        output: The cache to write, `*.parquet`.
        topology: The body layout that is wanted, such as `isl_136` or `holistic_543`.
        min_detection_confidence: Least score of the person and palm detectors, 0 to 1.
        workers: Number of processes.
        cluster: Address of a Dask scheduler (`tcp://HOST:8786`, `tls://HOST:8786`), whose workers look at the videos
            instead; see `capture_cluster`, also for whom to trust.
        partitioned: Whether to write a folder of Parquet files instead of one file.
        groups: Video name → signer or recording, or a CSV file with the columns file and group; None takes
            `DIR/groups.csv` if it is there, or the column signer of a CSV file. With none of these no group is known.
        group_regex: Takes the group from the video's name instead: a pattern with one capturing group.
        classes: The classes to read, in the order of their indices; None takes all, sorted by name.

    Returns:
        The cache. Its header's `skipped` lists the videos that gave no sample: unreadable, without a frame, cut short,
        missing, without any landmark, or deadly to the detector.

    Raises:
        SignportError: No videos, a class of which no video gives a sample, bad options, a list that doesn't fit, an
            output that cannot be written, or a cluster that cannot be used.

    Examples:
        >>> cache = sp.capture_videos("videos", "signs.parquet", workers=2)  # doctest: +SKIP
        >>> cache.clip(0).shape  # doctest: +SKIP
        (52, 136, 3)
    """
    source = Path(source)
    target = Target(Path(output), partitioned, workers, cluster)
    options = ClipOptions(topology, min_detection_confidence)
    refuse_repeated_classes(classes)
    loose: list[Skipped] = []
    if source.is_file():
        videos = _listed_videos(source, classes)
    else:
        videos, loose = find_files(source, _VIDEOS, classes)
    rule = group_rule(source, groups or None, group_regex, item=_VIDEOS.item)
    capture = Capture(
        title="capture videos",
        unit="videos",
        topology=topology,
        detection=__name__,
        options=asdict(options),
        counted=_counted,
        advice="add videos that show a person or hands, or remove the class",
    )
    return capture_files(capture, Inputs(source, videos, rule, classes, loose), target)


def _extractor(options: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": "mediapipe holistic",
        "version": mediapipe_version(),
        "model_sha256": holistic_models_sha256(),
        "options": {name: options[name] for name in ("min_detection_confidence", "topology")},
    }


def _sample(name: str, answer: Answer, options: dict[str, Any]) -> Sample:
    points = topology_named(options["topology"]).num_points
    rate = answer["frame_rate"]
    return Sample(
        sample_id=name,
        label="",
        landmarks=decode_points(answer["landmarks"]).reshape(-1, points, 3),
        image_size=tuple(answer["image_size"]),
        frame_rate=float("nan") if rate is None else rate,
    )


# A clip takes seconds: it is a piece of work by itself.
DETECTION = Detection(DETECTOR, found=FOUND, files=1, extractor=_extractor, sample=_sample)


def _counted(tally: Tally) -> str:
    skipped = tally.statuses.total() - tally.statuses[FOUND]
    return f"{tally.frames} frames · found {tally.statuses[FOUND]} · skipped {skipped}"


def _listed_videos(path: Path, classes: Sequence[str] | None) -> Iterator[FoundFile]:
    """The videos that a CSV file lists; also one that is not there, for capture to name it among what was skipped.

    Yields all, whatever the classes: a path that stands there twice is an error even if one of the two isn't wanted.
    """
    there = set()
    for line, row in _list_rows(path):
        there.add(row["label"])
        place = Path(os.path.normpath(path.parent / row["path"]))
        name = Path(os.path.relpath(place, path.parent)).as_posix()
        yield FoundFile.at(place, name, row["label"], row.get("signer"), line)
    for label in classes or ():
        if label not in there:
            raise SignportError(f"{path}: lists no video of class {label!r}; see its column label")
    if not there:
        raise SignportError(f"{path}: lists no video; give a row a video, with the columns path and label")


def _list_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells by column, of a list whose every row is filled in."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            columns = reader.fieldnames or []
            if not set(_LIST_COLUMNS) <= set(columns):
                raise SignportError(
                    f"{path}: columns are {', '.join(columns) or 'none'}; a list of videos needs path and label, and "
                    "perhaps signer"
                )
            for row in reader:
                for column in (*_LIST_COLUMNS, *(["signer"] if "signer" in columns else [])):
                    if not row[column]:
                        raise SignportError(
                            f"{path}: line {reader.line_num}: {column} is empty; fill it in or remove the row"
                        )
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SignportError(f"{path}: not readable as CSV ({error}); give a folder or a CSV file") from error
