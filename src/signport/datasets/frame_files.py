"""Frame files (`DIR/<action>/<sequence>/<number>.npy`, one vector a frame) → a landmark cache."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import Skipped
from signport.datasets.cache_store import check_cache_path
from signport.datasets.sequence_import import (
    EMPTY,
    MAX_FRAMES,
    Clip,
    ImportOptions,
    SkipClipError,
    list_folder,
    read_npy,
)
from signport.datasets.vector_clips import import_vectors
from signport.errors import SignportError

_EXPECTED = "DIR/<action>/<sequence>/<number>.npy, one file a frame"
_NUMBERED = re.compile(r"\D*(\d+)\D*\.npy", re.IGNORECASE)


def import_frames(
    folder: str | Path,
    output: str | Path,
    *,
    topology: str | None = None,
    layout: str | None = None,
    groups: Mapping[str, str] | str | Path | None = None,
    group_regex: str | None = None,
    classes: Sequence[str] | None = None,
    frame_rate: float | None = None,
    workers: int = 1,
) -> LandmarkCache:
    """Reads sequences with a file a frame and writes them as a cache.

    A frame is a vector of 225 numbers (33 pose, 21 left and 21 right hand points, each x, y, z), 258 (the pose with
    visibility), 1662 (also 468 face points, before the hands), 226 (25 pose points with visibility, then the hands), or
    any other that `sequence_layout.LAYOUTS` knows. Frames are taken in the order of their numbers; a number that is
    missing between the first and the last is a missing frame, and stays one. A part that is all zeros was not found.

    Args:
        folder: Holds one folder an action, each with one folder a sequence, each with numbered .npy files.
        output: The cache to write, `*.parquet`.
        topology: Keep the points of this topology only, such as `pose_hands_75`; None keeps what the format holds.
        layout: Name of the vectors' layout; None finds it by their width.
        groups: Sequence (`action/sequence`) → signer or recording, or a CSV file with the columns file and group; None
            takes `DIR/groups.csv` if it is there.
        group_regex: Takes the group from `action/sequence` instead: a pattern with one capturing group.
        classes: The actions to read, in the order of their indices; None takes all, sorted by name.
        frame_rate: Frames a second, if known.
        workers: Number of threads that read.

    Returns:
        The cache; a sample is called `action/sequence`. Its header's `skipped` lists the sequences that could not be
        read and the actions with fewer than 2 sequences, which are left out.

    Raises:
        SignportError: No frame files, a file without a number, an unknown or uneven width, an infinite value, groups
            that do not fit, or an output that cannot be written.

    Examples:
        >>> for action, sequence, frame in itertools.product(["hello", "thanks"], range(2), range(30)):
        ...     folder = Path("MP_Data", action, str(sequence))
        ...     folder.mkdir(parents=True, exist_ok=True)
        ...     np.save(folder / f"{frame}.npy", np.full(225, 0.5))
        >>> cache = sp.import_frames("MP_Data", "signs.parquet")
        >>> cache.topology.name, cache.clip(0).shape
        ('pose_hands_75', (30, 75, 3))
    """
    folder, output = Path(folder), Path(output)
    check_cache_path(output)
    options = ImportOptions(groups, group_regex, classes, frame_rate, workers)
    clips, skipped = find_sequences(folder)
    return import_vectors(
        folder,
        output,
        clips,
        read_frames,
        what="frame files",
        layout=layout,
        topology=topology,
        options=options,
        skipped=skipped,
    )


def find_sequences(folder: Path) -> tuple[list[Clip], list[Skipped]]:
    """Lists the sequences of a folder of frame files, by name.

    Returns:
        The sequences, and what lies where a sequence should.

    Raises:
        SignportError: No such folder, or no sequence in it.
    """
    clips, skipped = [], []
    for action in list_folder(folder, _EXPECTED):
        if not action.is_dir():
            continue
        for sequence in list_folder(action, _EXPECTED):
            name = f"{action.name}/{sequence.name}"
            if sequence.is_dir():
                clips.append(Clip(name, action.name, sequence))
            elif sequence.suffix.lower() == ".npy":
                skipped.append(Skipped(name, action.name, "not in a sequence folder"))
    if not clips:
        raise SignportError(f"{folder}: no sequence folder; expected {_EXPECTED} (`import clips` reads a file a clip)")
    return clips, skipped


def read_frames(folder: Path) -> np.ndarray:
    """Reads the frame files of one sequence.

    Returns:
        float32 (frames from the first number to the last, width), NaN for a missing frame.

    Raises:
        SkipClipError: No frame file, or one that cannot be read.
        SignportError: A file without a number, one number twice, numbers too far apart, or vectors of several widths.
    """
    files = _numbered(folder)
    if not files:
        raise SkipClipError(EMPTY)
    first, last = min(files), max(files)
    if last - first >= MAX_FRAMES:
        raise SignportError(
            f"{files[last]}: frame {last}, while the sequence starts at {first}; remove the file that is no frame of it"
        )
    width = 0
    values = np.empty((0, 0), np.float32)
    for number in sorted(files):
        try:
            vector = read_npy(files[number]).ravel()
        except SkipClipError as reason:
            raise SkipClipError(f"frame file: {reason}") from reason
        if not width:
            width = len(vector)
            values = np.full((last - first + 1, width), np.nan, np.float32)
        if len(vector) != width:
            raise SignportError(
                f"{files[number]}: {len(vector)} numbers, but {files[first].name} has {width}; give frames of one width"
            )
        values[number - first] = vector
    return values


def _numbered(folder: Path) -> dict[int, Path]:
    files: dict[int, Path] = {}
    for path in list_folder(folder, "one .npy file a frame"):
        if path.suffix.lower() != ".npy":
            continue
        match = _NUMBERED.fullmatch(path.name)
        if match is None:
            raise SignportError(
                f"{path}: not numbered; frame files are called by their number, such as 0.npy or frame_12.npy"
            )
        number = int(match[1])
        if number in files:
            raise SignportError(f"{path}: frame {number} is there twice, the other is {files[number].name}; remove one")
        files[number] = path
    return files
