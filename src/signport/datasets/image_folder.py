"""Class folders of images (`DIR/<class>/**/image.jpg`) → a landmark cache, with MediaPipe's hand detector."""

import csv
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signport.datasets.cache import CacheHeader, LandmarkCache, Sample, Skipped, check_cache_path
from signport.datasets.capture_journal import CaptureJournal
from signport.errors import SignportError
from signport.files import sha256_bytes
from signport.landmarks.hand_detector import hand_landmarker_task
from signport.landmarks.hand_worker import FOUND, NO_HAND, UNREADABLE, DetectionOptions, decode_points, detect_files
from signport.landmarks.mediapipe_runtime import mediapipe_version
from signport.progress import progress_bar

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
GROUPS_FILE = "groups.csv"
_NOT_IN_A_CLASS = "not in a class folder"


@dataclass(frozen=True)
class FoundImage:
    """An image of a class.

    Attributes:
        name: Path relative to the folder that was read, with forward slashes.
        label: The class: the topmost folder of `name`.
        path: Where the file is.
        stamp: (size in bytes, modification time in nanoseconds): another stamp means other content.
    """

    name: str
    label: str
    path: Path
    stamp: tuple[int, int]


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
    check_cache_path(output)
    if workers < 1:
        raise SignportError(f"workers is {workers}; give 1 or more")
    images, loose = find_images(folder, classes)
    group_of = image_groups(folder, [image.name for image in images], groups, group_regex)
    options = DetectionOptions(min_detection_confidence, border, None if model is None else str(model))
    extractor = {
        "name": "mediapipe hand_landmarker",
        "version": mediapipe_version(),
        "model_sha256": sha256_bytes(hand_landmarker_task(model)),
        "options": {"min_detection_confidence": min_detection_confidence, "border": border},
    }
    with CaptureJournal(output.with_name(output.name + ".partial"), extractor) as journal:
        answers = _detect(images, options, workers, journal)
        skipped = [
            Skipped(image.name, image.label, answers[image.name]["status"])
            for image in images
            if answers[image.name]["status"] != FOUND
        ]
        _refuse_empty_classes(folder, images, skipped)
        header = CacheHeader(
            "hand",
            tuple(classes) if classes else tuple(sorted({image.label for image in images})),
            extractor,
            tuple(sorted([*skipped, *loose], key=lambda entry: entry.source)),
        )
        samples = [
            _sample(image, answers[image.name], group_of.get(image.name), output.parent)
            for image in images
            if answers[image.name]["status"] == FOUND
        ]
        cache = LandmarkCache.from_samples(samples, header).write(output)
        journal.remove()
    return cache


def _detect(
    images: list[FoundImage], options: DetectionOptions, workers: int, journal: CaptureJournal
) -> dict[str, dict[str, Any]]:
    """Answers of `detect_files` by image name: from the journal, and for the rest from the detector."""
    answers = {image.name: known for image in images if (known := journal.known(image.name, image.stamp)) is not None}
    rest = [image for image in images if image.name not in answers]
    counts = Counter(answer["status"] for answer in answers.values())
    with progress_bar("capture hands", len(images), unit="images", done=len(answers)) as bar:
        bar.advance(0, _counted(counts))
        for index, answer in detect_files([image.path for image in rest], options, workers):
            image = rest[index]
            journal.add(image.name, image.stamp, answer)
            answers[image.name] = answer
            counts[answer["status"]] += 1
            bar.advance(1, _counted(counts))
    return answers


def _counted(counts: Counter[str]) -> str:
    return f"found {counts[FOUND]} · no hand {counts[NO_HAND]} · unreadable {counts[UNREADABLE]}"


def _sample(image: FoundImage, answer: dict[str, Any], group: str | None, beside: Path) -> Sample:
    return Sample(
        sample_id=image.name,
        label=image.label,
        group=group,
        source=Path(os.path.relpath(image.path, beside)).as_posix(),
        landmarks=decode_points(answer["landmarks"])[None],
        world_landmarks=decode_points(answer["world_landmarks"])[None],
        handedness=answer["handedness"],
        image_size=tuple(answer["image_size"]),
    )


def _refuse_empty_classes(folder: Path, images: list[FoundImage], skipped: list[Skipped]) -> None:
    total = Counter(image.label for image in images)
    lost = Counter(entry.label for entry in skipped)
    empty = [name for name in sorted(total) if total[name] == lost[name]]
    if empty:
        reasons = Counter(entry.reason for entry in skipped if entry.label == empty[0])
        why = ", ".join(f"{count} x {reason}" for reason, count in reasons.most_common())
        others = f" (the same in: {', '.join(empty[1:])})" if empty[1:] else ""
        raise SignportError(
            f"{folder / empty[0]}: class {empty[0]!r} comes out empty, {why}{others}; "
            "add images that show a hand, widen tight crops with --border 0.25, or remove the class"
        )


def find_images(folder: Path, classes: Sequence[str] | None = None) -> tuple[list[FoundImage], list[Skipped]]:
    """Lists the images of class folders.

    Args:
        folder: Holds one folder a class; names that start with a dot are passed over.
        classes: The class folders to list; None lists all.

    Returns:
        The images sorted by name, and the images that lie in no class folder.

    Raises:
        SignportError: No such folder, no class folder, a class folder without an image, or an unknown class.
    """
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise SignportError(
            f"{folder}: {error.strerror}; give a folder that holds one folder of images a class"
        ) from None
    folders = {entry.name: entry for entry in entries if entry.is_dir()}
    loose = [entry.name for entry in entries if entry.is_file() and _is_image(entry.name)]
    if not folders:
        found = f"{len(loose)} images and no folder" if loose else "nothing"
        raise SignportError(f"{folder}: holds {found}; images are read from class folders, {folder}/<class>/image.jpg")
    if twice := [name for name, count in Counter(classes or ()).items() if count > 1]:
        raise SignportError(f"class {twice[0]!r} is named twice; name each class once")
    for name in classes or ():
        if name not in folders:
            raise SignportError(f"{folder}: no class folder {name!r}; there are: {', '.join(folders)}")
    images = []
    for label in classes or folders:
        of_class = _images_below(folder, folders[label])
        if not of_class:
            raise SignportError(
                f"{folders[label]}: holds no image ({', '.join(IMAGE_SUFFIXES)}); add some or remove the folder"
            )
        images += of_class
    images.sort(key=lambda image: image.name)
    return images, [Skipped(name, None, _NOT_IN_A_CLASS) for name in loose]


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def _images_below(folder: Path, class_folder: Path) -> list[FoundImage]:
    images = []
    for parent, folders, files in os.walk(class_folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for file in filter(_is_image, files):
            path = Path(parent, file)
            name = path.relative_to(folder).as_posix()
            try:
                name.encode()
                stat = path.stat()
            except UnicodeEncodeError:
                raise SignportError(f"{name!r}: this file name is not UTF-8; rename it") from None
            except OSError:  # a broken link; the detector will find it unreadable
                stamp = (0, 0)
            else:
                stamp = (stat.st_size, stat.st_mtime_ns)
            images.append(FoundImage(name, class_folder.name, path, stamp))
    return images


def image_groups(
    folder: Path,
    names: Sequence[str],
    groups: Mapping[str, str] | str | Path | None = None,
    group_regex: str | None = None,
) -> dict[str, str]:
    """Says which signer or recording each image belongs to; see `capture_images` for where that comes from.

    Returns:
        Image name → group, of all images or, where nothing tells the groups, of none.

    Raises:
        SignportError: An image has no group although groups are given: it could sit on both sides of a split.
    """
    if group_regex is not None:
        return _groups_by_regex(names, group_regex)
    if groups is None:
        if not (folder / GROUPS_FILE).is_file():
            return {}
        groups = folder / GROUPS_FILE
    title = "groups" if isinstance(groups, Mapping) else str(groups)
    known = groups if isinstance(groups, Mapping) else _read_groups(Path(groups))
    for name in names:
        if name not in known:
            raise SignportError(f"{title}: no group for image {name!r}; add it, or give --group-regex instead")
    return {name: known[name] for name in names}


def _groups_by_regex(names: Sequence[str], group_regex: str) -> dict[str, str]:
    try:
        pattern = re.compile(group_regex)
    except re.error as error:
        raise SignportError(f"group regex {group_regex!r} is no regular expression ({error})") from None
    if pattern.groups != 1:
        raise SignportError(f"group regex {group_regex!r} has {pattern.groups} capturing groups; it needs exactly one")
    found = {}
    for name in names:
        match = pattern.search(name)
        if match is None or match[1] is None:
            raise SignportError(f"group regex {group_regex!r} does not match image {name!r}; widen the pattern")
        found[name] = match[1]
    return found


def _read_groups(path: Path) -> dict[str, str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"file", "group"} <= set(rows.fieldnames or ()):
                raise SignportError(f"{path}: columns are {rows.fieldnames}; it needs the columns file and group")
            known = {row["file"]: row["group"] for row in rows}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SignportError(f"{path}: not readable as CSV ({error})") from error
    for name, group in known.items():
        if not group:
            raise SignportError(f"{path}: image {name!r} has an empty group; fill it in or remove the row")
    return known
