"""Class folders of images (`DIR/<class>/**/image.jpg`) → a landmark cache, with MediaPipe's hand detector."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from signport.datasets.cache import LandmarkCache
from signport.datasets.capture import Capture, Inputs, Tally, Target, capture_files
from signport.datasets.capture_part import Answer, Detection
from signport.datasets.class_folders import FileKind, find_files
from signport.datasets.file_groups import group_rule
from signport.datasets.sample import Sample
from signport.files import sha256_bytes
from signport.landmarks.hand_detector import hand_landmarker_task
from signport.landmarks.hand_worker import DETECTOR, FOUND, NO_HAND, DetectionOptions
from signport.landmarks.mediapipe_runtime import mediapipe_version
from signport.landmarks.worker_pool import UNREADABLE, decode_points

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
_IMAGES = FileKind("image", IMAGE_SUFFIXES)
_COUNTED = (FOUND, NO_HAND, UNREADABLE)


def capture_images(
    folder: str | Path,
    output: str | Path,
    *,
    min_detection_confidence: float = 0.5,
    workers: int = 1,
    cluster: str | None = None,
    partitioned: bool = False,
    border: float | str = "auto",
    groups: Mapping[str, str] | str | Path | None = None,
    group_regex: str | None = None,
    model: str | Path | None = None,
    classes: Sequence[str] | None = None,
) -> LandmarkCache:
    """Finds the hand in every image of class folders and writes the landmarks as a cache of topology `hand`.

    What is finished stands beside the output (`OUT.parquet.partial/`) until the cache is written: started again after a
    kill, capture goes on where it was. The cache's bytes depend on the images and the options alone, not on the number
    of workers, on a cluster or on interruptions.

    Args:
        folder: Holds one folder a class, each with images (jpg, jpeg, png, webp, bmp) at any depth.
        output: The cache to write, `*.parquet`.
        min_detection_confidence: Least score of the palm detector, 0 to 1.
        workers: Number of processes.
        cluster: Address of a Dask scheduler (`tcp://HOST:8786`, `tls://HOST:8786`), whose workers look at the images
            instead; see `capture_cluster`, also for whom to trust.
        partitioned: Whether to write a folder of Parquet files instead of one file.
        border: How much each image is widened before detection by repeating its edge, as a fraction of the image on
            each side; `auto` tries without and retries with .25, which crops that end at the fingertips need, where
            nothing was found.
        groups: Image name → signer or recording, or a CSV file with the columns file and group; None takes
            `DIR/groups.csv` if it is there.
        group_regex: Takes the group from the image name instead: a pattern with one capturing group.
        model: A `hand_landmarker.task` or `gesture_recognizer.task`; None takes the installed MediaPipe wheel's models.
        classes: The class folders to read, in the order of their indices; None takes all, sorted by name.

    Returns:
        The cache. Its header's `skipped` lists the images without a hand, the unreadable ones, and those that killed
        the detector.

    Raises:
        SignportError: No images, a class without a detected hand, bad options, an output that cannot be written, or a
            cluster that cannot be used.

    Examples:
        >>> cache = sp.capture_images("photos", "photos.parquet", classes=["A", "B"])
        >>> cache.per_class()
        {'A': 2, 'B': 2}
        >>> [skipped.source for skipped in cache.header.skipped]
        []
    """
    folder = Path(folder)
    target = Target(Path(output), partitioned, workers, cluster)
    images, loose = find_files(folder, _IMAGES, classes)
    rule = group_rule(folder, groups, group_regex)
    options = DetectionOptions(min_detection_confidence, border, None if model is None else str(Path(model).absolute()))
    capture = Capture(
        title="capture hands",
        unit="images",
        topology="hand",
        detection=__name__,
        options=asdict(options),
        counted=_counted,
        advice="add images that show a hand, widen tight crops more with --border 0.5, or remove the class",
    )
    return capture_files(capture, Inputs(folder, images, rule, classes, loose), target)


def _extractor(options: dict[str, Any]) -> dict[str, Any]:
    model = options["model"]
    return {
        "name": "mediapipe hand_landmarker",
        "version": mediapipe_version(),
        "model_sha256": sha256_bytes(hand_landmarker_task(model)),
        "options": {name: value for name, value in options.items() if name != "model"},
    }


def _sample(name: str, answer: Answer, _options: dict[str, Any]) -> Sample:
    return Sample(
        sample_id=name,
        label="",
        landmarks=decode_points(answer["landmarks"])[None],
        world_landmarks=decode_points(answer["world_landmarks"])[None],
        handedness=answer["handedness"],
        image_size=tuple(answer["image_size"]),
    )


# 16 images are less than a second of one process.
DETECTION = Detection(DETECTOR, found=FOUND, files=16, extractor=_extractor, sample=_sample)


def _counted(tally: Tally) -> str:
    counts = tally.statuses
    rest = {status: count for status, count in sorted(counts.items()) if status not in _COUNTED}
    others = "".join(f" · {status} {count}" for status, count in rest.items())
    return f"found {counts[FOUND]} · no hand {counts[NO_HAND]} · unreadable {counts[UNREADABLE]}{others}"
