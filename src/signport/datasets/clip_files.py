"""Clip files (one `(frames, width)` .npy a video, labelled by folder or by `file_to_label.json`) → a landmark cache."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import Skipped
from signport.datasets.cache_store import check_cache_path
from signport.datasets.sequence_import import EMPTY, NO_FILE, Clip, ImportOptions, SkipClipError, list_folder, read_npy
from signport.datasets.vector_clips import import_vectors
from signport.errors import SignportError
from signport.files import read_json, write_json

LABELS_FILE = "file_to_label.json"
_EXPECTED = f"DIR/<label>/<clip>.npy, or .npy files and {LABELS_FILE}"


def import_clips(
    folder: str | Path,
    output: str | Path,
    *,
    labels: str | Path | None = None,
    write_labels: bool = False,
    topology: str | None = None,
    layout: str | None = None,
    groups: Mapping[str, str] | str | Path | None = None,
    group_regex: str | None = None,
    classes: Sequence[str] | None = None,
    frame_rate: float | None = None,
    workers: int = 1,
) -> LandmarkCache:
    """Reads clips with a file a clip and writes them as a cache.

    A file holds an array (frames, width) with a width that `sequence_layout.LAYOUTS` knows: 408 (33 pose, 21 left and
    21 right hand and 61 face points: `isl_136`), 225, 226, 258, 1629, 1662; or (frames, points, 3). Arrays of 543
    points come in two orders, MediaPipe's (pose, face, hands) and Kaggle's (face, left hand, pose, right hand); which
    it is shows where nose, eyes, mouth and wrists, found by two parts each, coincide. A part that is all zeros was not
    found.

    Args:
        folder: Holds the .npy files, at any depth.
        output: The cache to write, `*.parquet`.
        labels: JSON object, file → label; a file is called by its path below `folder`, its name, or its name without
            `.npy`. Files that it does not name are not read. None takes `DIR/file_to_label.json` if it is there, else
            the topmost folder of each file is its label.
        write_labels: Write the labels taken from the folders to `DIR/file_to_label.json`.
        topology: Keep the points of this topology only; None keeps what the format holds.
        layout: Name of the vectors' layout; None finds it by their width.
        groups: Clip's path below `folder` → signer or recording, or a CSV file with the columns file and group; None
            takes `DIR/groups.csv` if it is there.
        group_regex: Takes the group from that path instead: a pattern with one capturing group.
        classes: The labels to read, in the order of their indices; None takes all, sorted by name.
        frame_rate: Frames a second, if known.
        workers: Number of threads that read.

    Returns:
        The cache; a sample is called by its path below `folder`. Its header's `skipped` lists the clips that could not
        be read, and the classes with fewer than 2 clips, which are left out.

    Raises:
        SignportError: No clips, labels that fit no file or more than one, an unknown or uneven width, an infinite
            value, groups that do not fit, or an output that cannot be written.

    Examples:
        >>> for label, clip in itertools.product(["hello", "thanks"], range(2)):
        ...     Path("clips", label).mkdir(parents=True, exist_ok=True)
        ...     np.save(f"clips/{label}/{clip}.npy", np.full((30, 408), 0.5))
        >>> sp.import_clips("clips", "signs.parquet").per_class()
        {'hello': 2, 'thanks': 2}
    """
    folder, output = Path(folder), Path(output)
    check_cache_path(output)
    options = ImportOptions(groups, group_regex, classes, frame_rate, workers)
    files = _npy_files(folder)
    table = Path(labels) if labels is not None else folder / LABELS_FILE
    if labels is not None or table.is_file():
        clips, skipped = _clips_by_table(folder, files, table)
    else:
        clips, skipped = _clips_by_folder(folder, files)
        if write_labels:
            write_json(table, {clip.name: clip.label for clip in clips})
    return import_vectors(
        folder,
        output,
        clips,
        read_clip,
        what="clip files",
        layout=layout,
        topology=topology,
        options=options,
        skipped=skipped,
    )


def read_clip(path: Path) -> np.ndarray:
    """Reads one clip.

    Returns:
        (frames, width) numbers.

    Raises:
        SkipClipError: It cannot be read, or is empty.
        SignportError: Its array has one axis or none, or an infinite value.
    """
    values = read_npy(path)
    if not values.size:
        raise SkipClipError(EMPTY)
    if values.ndim not in (2, 3):
        raise SignportError(f"{path}: shape {values.shape}; expected (frames, numbers) or (frames, points, 3)")
    return values.reshape(len(values), -1)


def _npy_files(folder: Path) -> list[str]:
    list_folder(folder, _EXPECTED)
    names = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        names += [
            Path(parent, name).relative_to(folder).as_posix()
            for name in files
            if name.lower().endswith(".npy") and not name.startswith(".")
        ]
    if not names:
        raise SignportError(f"{folder}: holds no .npy file; expected {_EXPECTED}")
    return sorted(names)


def _clips_by_folder(folder: Path, files: Sequence[str]) -> tuple[list[Clip], list[Skipped]]:
    clips = [Clip(name, name.split("/")[0], folder / name) for name in files if "/" in name]
    if not clips:
        raise SignportError(f"{folder}: {len(files)} clips, but nothing tells their labels; expected {_EXPECTED}")
    return clips, [Skipped(name, None, "not in a class folder") for name in files if "/" not in name]


def _clips_by_table(folder: Path, files: Sequence[str], table: Path) -> tuple[list[Clip], list[Skipped]]:
    """Clips that a table of labels names; what it names in vain is passed over."""
    by_key: dict[str, list[str]] = {}
    for name in files:
        path = Path(name)
        for key in {name, name[: -len(".npy")], path.name, path.stem}:
            by_key.setdefault(key, []).append(name)
    labels: dict[str, str] = {}
    skipped = []
    for key, label in _read_labels(table).items():
        fitting = by_key.get(Path(key).as_posix(), [])
        if len(fitting) > 1:
            raise SignportError(
                f"{table}: {key!r} could be {fitting[0]} or {fitting[1]}; name files by their path below {folder}"
            )
        if not fitting:
            skipped.append(Skipped(key, label, NO_FILE))
        elif labels.setdefault(fitting[0], label) != label:
            raise SignportError(
                f"{table}: {fitting[0]} is labelled {labels[fitting[0]]!r} and {label!r}; give each file one label"
            )
    if not labels:
        raise SignportError(
            f"{table}: none of its {len(skipped)} entries names a file of {folder}, such as {files[0]!r}; "
            "correct the names"
        )
    return [Clip(name, labels[name], folder / name) for name in files if name in labels], skipped


def _read_labels(table: Path) -> dict[str, str]:
    content = read_json(table)
    if not isinstance(content, dict) or not content:
        raise SignportError(f'{table}: not a JSON object of file names and labels; give {{"clip.npy": "label", …}}')
    labels = {}
    for key, label in content.items():
        if isinstance(label, bool) or not isinstance(label, str | int) or not str(label).strip():
            raise SignportError(f"{table}: the label of {key!r} is {label!r}; give a name or a whole number")
        labels[key] = str(label)
    return labels
