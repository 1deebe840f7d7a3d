"""Clips of vectors, one a frame, whether each frame has a file or each clip: what both readers have in common."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import Skipped
from signport.datasets.sequence_import import Clip, ImportOptions, SkipClipError, import_sequences, with_landmark
from signport.datasets.sequence_layout import SequenceLayout, columns_of, layout_for, layout_named
from signport.errors import SignportError

# Clips that are looked at to tell two layouts of one width apart.
_LOOKED_AT = 8


def import_vectors(
    folder: Path,
    output: Path,
    clips: Sequence[Clip],
    read_values: Callable[[Path], np.ndarray],
    *,
    what: str,
    layout: str | None,
    topology: str | None,
    options: ImportOptions,
    skipped: Sequence[Skipped] = (),
) -> LandmarkCache:
    """Reads clips of vectors of one width and writes them as a cache.

    Args:
        folder: What is read.
        output: The cache to write.
        clips: The clips.
        read_values: Path of a clip → (frames, width) numbers, NaN for a missing frame; raises as `import_sequences`
            has it.
        what: Name of the format, for the cache's header.
        layout: Name of the vectors' layout; None finds it by their width.
        topology: Name of the topology to keep; None keeps the layout's own.
        options: What is common to all readers.
        skipped: Inputs that were passed over before.

    Raises:
        SignportError: A width that is not known, or not the same in all files, and as `import_sequences`.
    """
    found = _layout(folder, clips, read_values, layout)
    kept, columns = columns_of(topology, found)
    extractor = {
        "name": what,
        "version": None,
        "model_sha256": None,
        "options": {"folder": folder.name, "layout": found.name, "numbers_a_frame": found.width},
    }
    read = partial(_landmarks, read_values=read_values, layout=found, columns=columns)
    return import_sequences(
        folder, output, clips, read, topology=kept, extractor=extractor, options=options, skipped=skipped
    )


def _layout(
    folder: Path, clips: Sequence[Clip], read_values: Callable[[Path], np.ndarray], name: str | None
) -> SequenceLayout:
    """The layout named, or that of the first clips that can be read."""
    if name is not None:
        return layout_named(name)
    looked_at: list[np.ndarray] = []
    first, reason = folder, "holds no clip"
    for clip in clips:
        try:
            values = read_values(clip.path)
        except SkipClipError as error:
            reason = f"{clip.name}: {error}"
            continue
        if not looked_at:
            first = clip.path
        elif values.shape[1] != looked_at[0].shape[1]:
            raise SignportError(
                f"{clip.path}: {values.shape[1]} numbers a frame, but {first} has {looked_at[0].shape[1]}; "
                "import files of one width at a time"
            )
        looked_at.append(values)
        if len(looked_at) == _LOOKED_AT:
            break
    if not looked_at:
        raise SignportError(
            f"{folder}: none of {len(clips)} clips can be read (the last is {reason}); give .npy files of numbers"
        )
    return layout_for(looked_at, first)


def _landmarks(
    path: Path, *, read_values: Callable[[Path], np.ndarray], layout: SequenceLayout, columns: np.ndarray | None
) -> np.ndarray:
    values = read_values(path)
    if values.shape[1] != layout.width:
        raise SignportError(
            f"{path}: {values.shape[1]} numbers a frame; expected {layout.width}, as layout {layout.name} has; "
            "remove the file, or import files of one width at a time"
        )
    landmarks = layout.landmarks(values)
    return with_landmark(landmarks if columns is None else landmarks[:, columns])
