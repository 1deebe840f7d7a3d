"""What the readers of sequences share: from files on disk, one clip each, to a landmark cache.

What stops an import and what only costs a clip is the same in every reader. An error, because the whole set is likely
to be meant or laid out otherwise: nothing to read, a width or column that is not known or differs from file to file, a
label, gloss or group that is missing or unknown, an infinite coordinate. A skipped clip, named in the cache's header,
because the other clips are none the worse for it: a file that is damaged, gone, empty, holds Python objects or no
landmark at all; and the clips of a class of which fewer than two are left.
"""

import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader, Skipped
from signport.datasets.file_groups import file_groups
from signport.datasets.sample import Sample
from signport.datasets.tables import sorted_classes
from signport.errors import SignportError
from signport.files import DAMAGED_ARRAY
from signport.landmarks.topology import Topology
from signport.progress import progress_bar

MIN_SAMPLES = 2
# Frame numbers further apart than this (11 minutes at 30 frames a second) are no clip, but a stray file.
MAX_FRAMES = 20_000
UNREADABLE = "unreadable"
PYTHON_OBJECTS = "Python objects"
NO_NUMBERS = "no numbers"
EMPTY = "empty"
NO_LANDMARK = "no landmark"
NO_FILE = "no such file"
_TOO_FEW = "class of fewer than 2 samples"
_NPY_MAGIC = b"\x93NUMPY"


class SkipClipError(Exception):
    """A clip that cannot be read; the message is the reason."""


@dataclass(frozen=True)
class Clip:
    """A clip on disk.

    Attributes:
        name: Path relative to the folder that is read, with forward slashes: the sample id.
        label: Class name.
        path: The file, or the folder of frame files.
        group: Signer or recording, None if unknown.
    """

    name: str
    label: str
    path: Path
    group: str | None = None


@dataclass(frozen=True)
class ImportOptions:
    """What every reader of sequences takes.

    Attributes:
        groups: Clip name → signer or recording, or a CSV file with the columns file and group; None takes
            `DIR/groups.csv` if it is there.
        group_regex: Takes the group from the clip name instead: a pattern with one capturing group.
        classes: The classes to read, in the order of their indices; None takes all.
        frame_rate: Frames a second, NaN if unknown.
        workers: Number of threads that read; the result does not depend on it.
    """

    groups: Mapping[str, str] | str | Path | None = None
    group_regex: str | None = None
    classes: Sequence[str] | None = None
    frame_rate: float | None = None
    workers: int = 1

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise SignportError(f"workers is {self.workers}; give 1 or more")
        if self.frame_rate is not None and not 0 < self.frame_rate < float("inf"):
            raise SignportError(f"frame rate is {self.frame_rate}; give frames a second, such as 30")
        if twice := [name for name, count in Counter(self.classes or ()).items() if count > 1]:
            raise SignportError(f"class {twice[0]!r} is named twice; name each class once")


def import_sequences(
    folder: Path,
    output: Path,
    clips: Sequence[Clip],
    read: Callable[[Path], np.ndarray],
    *,
    topology: Topology,
    extractor: dict[str, Any],
    options: ImportOptions,
    skipped: Sequence[Skipped] = (),
    class_order: Sequence[str] | None = None,
) -> LandmarkCache:
    """Reads clips and writes them as a cache.

    Args:
        folder: What was read, for messages and groups.
        output: The cache to write.
        clips: The clips, each with a name of its own.
        read: Path of a clip → float32 (frames, points, 3) of `topology`, NaN where missing; raises `SkipClipError` for
            a clip that gives no sample, and `SignportError` for what stops the import.
        topology: The layout that `read` returns.
        extractor: As in `CacheHeader`.
        options: What is common to all readers.
        skipped: Inputs that were passed over before.
        class_order: Classes in the order of their indices, with or without samples; None sorts them.

    Returns:
        The cache. Classes with fewer than 2 samples are not in it; its header's `skipped` names them, and every clip
        that gave no sample.

    Raises:
        SignportError: Groups that do not fit, an unknown class, no class with 2 samples, or what `read` raises.
    """
    clips = _of_classes(folder, clips, options.classes)
    group_of = _groups(folder, clips, options)
    order = list(options.classes or class_order or sorted_classes([clip.label for clip in clips]))
    samples: list[Sample] = []
    passed_over = list(skipped)
    with progress_bar("import clips", len(clips), unit="clips") as bar:
        for clip, answer in zip(clips, _in_order(read, clips, options.workers), strict=True):
            if isinstance(answer, SkipClipError):
                passed_over.append(Skipped(clip.name, clip.label, str(answer)))
            else:
                samples.append(_sample(clip, answer, group_of.get(clip.name), options.frame_rate, output.parent))
            bar.advance(1, f"skipped {len(passed_over)}" if passed_over else None)
    samples, too_few = _drop_small_classes(samples, order)
    passed_over = sorted([*passed_over, *too_few], key=lambda entry: (entry.source, entry.reason))
    there = {sample.label for sample in samples}
    if not there:
        raise SignportError(
            f"{folder}: no class has {MIN_SAMPLES} clips ({_reasons(passed_over)}); {_remedy(passed_over)}"
        )
    header = CacheHeader(topology.name, tuple(name for name in order if name in there), extractor, tuple(passed_over))
    return LandmarkCache.from_samples(samples, header).write(output)


def removed_classes(cache: LandmarkCache) -> list[str]:
    """Names of the classes that an import removed because fewer than 2 of their clips could be read."""
    labels = {entry.label for entry in cache.header.skipped if entry.reason == _TOO_FEW and entry.label is not None}
    return sorted_classes(sorted(labels)) if labels else []


def read_npy(path: Path) -> np.ndarray:
    """Reads an array of finite or missing numbers; pickled objects are never loaded.

    Raises:
        SkipClipError: Not there, damaged, of Python objects or of text.
        SignportError: An infinite value.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(_NPY_MAGIC)) != _NPY_MAGIC:
                raise SkipClipError(UNREADABLE)
            file.seek(0)
            values: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
    except FileNotFoundError:
        raise SkipClipError(NO_FILE) from None
    except DAMAGED_ARRAY as error:
        raise SkipClipError(PYTHON_OBJECTS if "Object arrays" in str(error) else UNREADABLE) from error
    if values.dtype.kind not in "fiu":
        raise SkipClipError(NO_NUMBERS)
    refuse_infinite(path, values)
    return values


def refuse_infinite(path: Path, values: np.ndarray) -> None:
    """Checks that no value is infinite, nor becomes so as float32.

    Raises:
        SignportError: One is; it names the file, the place and the value.
    """
    with np.errstate(over="ignore"):
        infinite = np.isinf(values.astype(np.float32, copy=False))
    if infinite.any():
        place = tuple(np.argwhere(infinite)[0].tolist())
        raise SignportError(
            f"{path}: value {list(place)} is {values[place]}; give a finite coordinate, or nan for a missing point"
        )


def with_landmark(landmarks: np.ndarray) -> np.ndarray:
    """Returns the clip as it is, if it has any frame with any landmark.

    Raises:
        SkipClipError: It has none.
    """
    if not len(landmarks):
        raise SkipClipError(EMPTY)
    if np.isnan(landmarks).all():
        raise SkipClipError(NO_LANDMARK)
    return landmarks


def list_folder(folder: Path, expected: str) -> list[Path]:
    """What a folder holds, by name; names that start with a dot are passed over.

    Raises:
        SignportError: It is not there, or no folder.
    """
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise SignportError(f"{folder}: {error.strerror}; give a folder that holds {expected}") from None


def _of_classes(folder: Path, clips: Sequence[Clip], classes: Sequence[str] | None) -> list[Clip]:
    if not clips:
        raise SignportError(f"{folder}: holds no clip")
    if classes is None:
        return list(clips)
    there = {clip.label for clip in clips}
    for name in classes:
        if name not in there:
            known = ", ".join(sorted_classes(sorted(there))[:20])
            raise SignportError(f"{folder}: no clip of class {name!r}; the classes are: {known}")
    return [clip for clip in clips if clip.label in set(classes)]


def _groups(folder: Path, clips: Sequence[Clip], options: ImportOptions) -> dict[str, str]:
    given = options.groups is not None or options.group_regex is not None
    if not given and any(clip.group is not None for clip in clips):
        return {clip.name: clip.group for clip in clips if clip.group is not None}
    return file_groups(folder, [clip.name for clip in clips], options.groups, options.group_regex, item="clip")


def _in_order(
    read: Callable[[Path], np.ndarray], clips: Sequence[Clip], workers: int
) -> Iterator[np.ndarray | SkipClipError]:
    """Reads the clips in several threads, a few ahead of what is asked for, and yields them in their order."""

    def answer(clip: Clip) -> np.ndarray | SkipClipError:
        try:
            return read(clip.path)
        except SkipClipError as reason:
            return reason

    if workers == 1:
        yield from map(answer, clips)
        return
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[np.ndarray | SkipClipError]] = deque()
        try:
            for clip in clips:
                ahead.append(pool.submit(answer, clip))
                if len(ahead) > 4 * workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _sample(clip: Clip, landmarks: np.ndarray, group: str | None, frame_rate: float | None, beside: Path) -> Sample:
    return Sample(
        sample_id=clip.name,
        label=clip.label,
        group=group,
        source=Path(os.path.relpath(clip.path, beside)).as_posix(),
        landmarks=landmarks,
        frame_rate=float("nan") if frame_rate is None else frame_rate,
    )


def _drop_small_classes(samples: list[Sample], order: Sequence[str]) -> tuple[list[Sample], list[Skipped]]:
    """One sample cannot be on both sides of a split; and a class that has none would be one no model can learn."""
    counts = Counter(sample.label for sample in samples)
    kept = [sample for sample in samples if counts[sample.label] >= MIN_SAMPLES]
    dropped = [Skipped(each.sample_id, each.label, _TOO_FEW) for each in samples if counts[each.label] < MIN_SAMPLES]
    return kept, [*dropped, *(Skipped(name, name, _TOO_FEW) for name in order if not counts[name])]


def _reasons(skipped: Sequence[Skipped]) -> str:
    counts = Counter(entry.reason for entry in skipped)
    return ", ".join(f"{count} x {reason}, first {_first(skipped, reason)}" for reason, count in counts.most_common())


def _first(skipped: Sequence[Skipped], reason: str) -> str:
    return next(entry.source for entry in skipped if entry.reason == reason)


def _remedy(skipped: Sequence[Skipped]) -> str:
    if any(entry.reason == PYTHON_OBJECTS for entry in skipped):
        return "save the arrays again as numbers: numpy.save(path, array.astype('float32'), allow_pickle=False)"
    return "add clips, two a class or more"
