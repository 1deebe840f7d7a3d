"""Class folders of images (`DIR/<class>/**/image.jpg`) → a landmark cache, with MediaPipe's hand detector."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from signport.datasets.cache import LandmarkCache, Sample
from signport.datasets.capture import Answer, Capture, Tally, capture_files, check_capture
from signport.datasets.class_folders import FileKind, FoundFile, find_files
from signport.datasets.file_groups import file_groups
from signport.files import sha256_bytes
from signport.landmarks.hand_detector import hand_landmarker_task
from signport.landmarks.hand_worker import FOUND, NO_HAND, DetectionOptions, detect_files
from signport.landmarks.mediapipe_runtime import mediapipe_version
from signport.landmarks.worker_pool import UNREADABLE, decode_points

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
_IMAGES = FileKind("image", IMAGE_SUFFIXES)


def capture_images(
    folder: str | Path,
    output: str | Path,
    *,
    min_detection_confidence: float = 0.5,
    workers: int = 1,
    border: float | str = 0.0,
    groups: Mapping[str, str] | str | Path | None = None,
    group_regex: str | None = None,
    model: str | Path | None = None,
    classes: Sequence[str] | None = None,
) -> LandmarkCache:
    """Finds the hand in every image of class folders and writes the landmarks as a cache of topology `hand`.

    What is finished stands in a journal beside the output (`OUT.parquet.partial/`) until the cache is written: started
    again after a kill, capture goes on where it was. The cache's bytes depend on the images and the options alone, not
    on the number of workers nor on interruptions.

    Args:
        folder: Holds one folder a class, each with images (jpg, jpeg, png, webp, bmp) at any depth.
        output: The cache to write, `*.parquet`.
        min_detection_confidence: Least score of the palm detector, 0 to 1.
        workers: Number of processes.
        border: How much each image is widened before detection by repeating its edge, as a fraction of the image on
            each side (crops that end at the fingertips need .25); `auto` retries with .25 where nothing was found.
        groups: Image name → signer or recording, or a CSV file with the columns file and group; None takes
            `DIR/groups.csv` if it is there.
        group_regex: Takes the group from the image name instead: a pattern with one capturing group.
        model: A `hand_landmarker.task` or `gesture_recognizer.task`; None takes the installed MediaPipe wheel's models.
        classes: The class folders to read, in the order of their indices; None takes all, sorted by name.

    Returns:
        The cache. Its header's `skipped` lists the images without a hand and the unreadable ones.

    Raises:
        SignportError: No images, a class without a detected hand, bad options, or an output that cannot be written.
    """
    folder, output = Path(folder), Path(output)
    check_capture(output, workers)
    images, loose = find_files(folder, _IMAGES, classes)
    group_of = file_groups(folder, [image.name for image in images], groups, group_regex)
    options = DetectionOptions(min_detection_confidence, border, None if model is None else str(model))

    def sample(image: FoundFile, answer: Answer, source: str) -> Sample:
        return Sample(
            sample_id=image.name,
            label=image.label,
            group=group_of.get(image.name),
            source=source,
            landmarks=decode_points(answer["landmarks"])[None],
            world_landmarks=decode_points(answer["world_landmarks"])[None],
            handedness=answer["handedness"],
            image_size=tuple(answer["image_size"]),
        )

    capture = Capture(
        title="capture hands",
        unit="images",
        topology="hand",
        extractor={
            "name": "mediapipe hand_landmarker",
            "version": mediapipe_version(),
            "model_sha256": sha256_bytes(hand_landmarker_task(model)),
            "options": {"min_detection_confidence": min_detection_confidence, "border": border},
        },
        found=FOUND,
        detect=lambda paths: detect_files(paths, options, workers),
        sample=sample,
        counted=_counted,
        advice="add images that show a hand, widen tight crops with --border 0.25, or remove the class",
    )
    return capture_files(capture, folder, images, output, classes=classes, passed_over=loose)


def _counted(tally: Tally) -> str:
    counts = tally.statuses
    return f"found {counts[FOUND]} · no hand {counts[NO_HAND]} · unreadable {counts[UNREADABLE]}"
