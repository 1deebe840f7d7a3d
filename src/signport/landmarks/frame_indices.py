"""Which frames of a clip a model sees that takes fewer."""

import numpy as np


def frame_indices(available: int, wanted: int) -> np.ndarray:
    """Which frames stand for a sequence where at most `wanted` fit: all, or as many spread evenly from end to end.

    Returns:
        int64, ascending, without repetition; `min(available, wanted)` of them.

    Example:
        >>> frame_indices(5, 3), frame_indices(2, 3)
        (array([0, 2, 4]), array([0, 1]))
    """
    if available <= wanted:
        return np.arange(available)
    return np.asarray(np.round(np.linspace(0, available - 1, wanted)), np.int64)
