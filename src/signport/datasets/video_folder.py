"""Class folders or a list of videos (`DIR/<class>/**/clip.mp4`) → a landmark cache, with MediaPipe Holistic."""

import csv
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from signport.datasets.cache import LandmarkCache, Sample, Skipped
from signport.datasets.capture import Answer, Capture, Tally, capture_files, check_capture
from signport.datasets.class_folders import FileKind, FoundFile, find_files, refuse_repeated_classes
from signport.datasets.file_groups import file_groups
from signport.errors import SignportError
from signport.landmarks.holistic_detector import holistic_models_sha256
from signport.landmarks.mediapipe_runtime import mediapipe_version
from signport.landmarks.topology import topology_named
from signport.landmarks.video_worker import FOUND, ClipOptions, detect_clips
from signport.landmarks.worker_pool import decode_points

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
    groups: Mapping[str, str] | str | Path | None = None,
    group_regex: str | None = None,
    classes: Sequence[str] | None = None,
) -> LandmarkCache:
    """Finds pose, face and hands of the person in every video and writes them as a cache, a sample a video.

    What is finished stands in a journal beside the output (`OUT.parquet.partial/`) until the cache is written: started
    again after a kill, capture goes on where it was. The cache's bytes depend on the videos and the options alone, not
    on the number of workers nor on interruptions. Left and right are the person's own; a part that was not found is
    NaN, and a frame in which nothing was found stays, all NaN.

    Args:
        source: Holds one folder a class, each with videos (mp4, mov, avi, mkv, webm) at any depth; or a CSV file with
            the columns path (relative to the CSV file) and label, and perhaps signer.
        output: The cache to write, `*.parquet`.
        topology: The body layout that is wanted, such as `isl_136` or `holistic_543`.
        min_detection_confidence: Least score of the person and palm detectors, 0 to 1.
        workers: Number of processes.
        groups: Video name → signer or recording, or a CSV file with the columns file and group; None takes
            `DIR/groups.csv` if it is there, or the column signer of a CSV file. With none of these no group is known.
        group_regex: Takes the group from the video's name instead: a pattern with one capturing group.
        classes: The classes to read, in the order of their indices; None takes all, sorted by name.

    Returns:
        The cache. Its header's `skipped` lists the videos that gave no sample: unreadable, without a frame, cut short,
        missing, or without any landmark.

    Raises:
        SignportError: No videos, a class of which no video gives a sample, bad options, a list that doesn't fit, or an
            output that cannot be written.
    """
    source, output = Path(source), Path(output)
    check_capture(output, workers)
    options = ClipOptions(topology, min_detection_confidence)
    loose: list[Skipped] = []
    if source.is_file():
        videos, signers = _listed_videos(source, classes)
        groups = groups or signers or None
    else:
        videos, loose = find_files(source, _VIDEOS, classes)
    group_of = file_groups(source, [video.name for video in videos], groups, group_regex, item=_VIDEOS.item)
    points = topology_named(topology).num_points

    def sample(video: FoundFile, answer: Answer, place: str) -> Sample:
        rate = answer["frame_rate"]
        return Sample(
            sample_id=video.name,
            label=video.label,
            group=group_of.get(video.name),
            source=place,
            landmarks=decode_points(answer["landmarks"]).reshape(-1, points, 3),
            image_size=tuple(answer["image_size"]),
            frame_rate=float("nan") if rate is None else rate,
        )

    capture = Capture(
        title="capture videos",
        unit="videos",
        topology=topology,
        extractor={
            "name": "mediapipe holistic",
            "version": mediapipe_version(),
            "model_sha256": holistic_models_sha256(),
            "options": {"min_detection_confidence": min_detection_confidence, "topology": topology},
        },
        found=FOUND,
        detect=lambda paths: detect_clips(paths, options, workers),
        sample=sample,
        counted=_counted,
        advice="add videos that show a person or hands, or remove the class",
    )
    return capture_files(capture, source, videos, output, classes=classes, passed_over=loose)


def _counted(tally: Tally) -> str:
    skipped = tally.statuses.total() - tally.statuses[FOUND]
    return f"{tally.frames} frames · found {tally.statuses[FOUND]} · skipped {skipped}"


def _listed_videos(path: Path, classes: Sequence[str] | None) -> tuple[list[FoundFile], dict[str, str]]:
    """The videos that a CSV file lists, sorted by name, and their signers (empty if it has no such column).

    A video that is listed but not there is kept: capture will name it among what was skipped.
    """
    refuse_repeated_classes(classes)
    videos: list[FoundFile] = []
    signers: dict[str, str] = {}
    seen: dict[str, int] = {}
    for line, row in _list_rows(path):
        label, signer = row["label"], row.get("signer")
        place = Path(os.path.normpath(path.parent / row["path"]))
        name = Path(os.path.relpath(place, path.parent)).as_posix()
        if name in seen:
            raise SignportError(f"{path}: line {line}: path {name!r} stands in line {seen[name]} too; list it once")
        seen[name] = line
        if classes and label not in classes:
            continue
        videos.append(FoundFile.at(place, name, label))
        if signer is not None:
            signers[name] = signer
    there = Counter(video.label for video in videos)
    for label in classes or ():
        if not there[label]:
            raise SignportError(f"{path}: lists no video of class {label!r}; see its column label")
    if not videos:
        raise SignportError(f"{path}: lists no video; give a row a video, with the columns path and label")
    return sorted(videos, key=lambda video: video.name), signers


def _list_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
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
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SignportError(f"{path}: not readable as CSV ({error}); give a folder or a CSV file") from error
    for line, row in rows:
        for column in (*_LIST_COLUMNS, *(["signer"] if "signer" in columns else [])):
            if not row[column]:
                raise SignportError(f"{path}: line {line}: {column} is empty; fill it in or remove the row")
    return rows
