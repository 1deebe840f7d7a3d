"""The space that signs are made in: paths, palm orientations, and how one rotation becomes another.

Everything is told for the right hand in its signer's frame, in centimetres: +x to the signer's left (so a right hand's
+x is towards the body's middle), +y up, +z to whom one signs to. A left hand does the same in the mirror.
"""

import numpy as np

from signport.datasets.signing.lexicon import CLOSED_PATHS, NO_PATH

# Directions of the fingers (along the hand) and of the palm. The second is made perpendicular to the first.
_ORIENTATIONS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "out": ((0.1, 1.0, 0.1), (0.0, -0.1, 1.0)),
    "in": ((0.65, 0.75, 0.1), (0.15, 0.0, -1.0)),
    "side up": ((0.25, 0.95, 0.2), (1.0, 0.0, -0.1)),
    "side": ((0.3, 0.45, 0.85), (1.0, -0.1, 0.0)),
    "down": ((0.55, 0.1, 0.8), (0.0, -1.0, 0.1)),
    "up": ((0.35, 0.1, 0.9), (0.0, 1.0, -0.1)),
    "hanging": ((0.05, -1.0, 0.1), (1.0, 0.0, -0.2)),
    "folded": ((0.85, -0.35, 0.2), (0.1, -0.1, -1.0)),
}


def _frame(fingers: tuple[float, float, float], palm: tuple[float, float, float]) -> np.ndarray:
    along = np.array(fingers) / np.linalg.norm(fingers)
    out = np.array(palm) - np.dot(palm, along) * along
    out /= np.linalg.norm(out)
    return np.stack([np.cross(along, out), along, out], axis=1)


ORIENTATIONS: dict[str, np.ndarray] = {name: _frame(*axes) for name, axes in _ORIENTATIONS.items()}
"""Name → float64 (3, 3), which turns `signport.datasets.rendered.skeleton`'s hand frame into the signer's."""


def path(kind: str, phase: np.ndarray) -> np.ndarray:
    """Where a path leads, around the middle of the ground that it covers.

    Args:
        kind: `lexicon.OPEN_PATHS`, `CLOSED_PATHS` or `NO_PATH`.
        phase: Float (frames,): 0 at the path's start, 1 at its end; a closed path goes round once in each 1.

    Returns:
        Float (frames, 3) in units of the path's size.
    """
    places = np.zeros((len(phase), 3))
    if kind in CLOSED_PATHS:
        angle = 2 * np.pi * phase
        places[:, 0 if kind == "circle" else 2] = 0.45 * np.sin(angle)
        places[:, 1] = 0.45 * np.cos(angle)
    elif kind != NO_PATH:
        corners = np.array(_CORNERS[kind])
        at = np.clip(phase, 0, 1) * (len(corners) - 1)
        for axis in range(3):
            places[:, axis] = np.interp(at, np.arange(len(corners)), corners[:, axis])
    return places


_BEND = np.linspace(0, np.pi, 13)
_CORNERS: dict[str, list[tuple[float, float, float]]] = {
    "down": [(0, 0.5, 0), (0, -0.5, 0)],
    "away": [(0, -0.1, -0.5), (0, 0.1, 0.5)],
    "aside": [(0.5, 0, 0), (-0.5, 0, 0)],
    "arc": [(0.5 * np.cos(angle), 0.75 * np.sin(angle) - 0.4, 0) for angle in _BEND],
    "corner": [(0.4, 0.4, 0), (0.4, -0.4, 0), (-0.4, -0.4, 0)],
    "zigzag": [(0.5, 0.4, 0), (-0.5, 0.13, 0), (0.5, -0.13, 0), (-0.5, -0.4, 0)],
}


def between(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Rotations on the shortest way from one to another (Shoemake 1985, spherical linear interpolation).

    Args:
        first: Float (..., 3, 3).
        second: Float (..., 3, 3).
        share: Float (frames,), 0 at `first` and 1 at `second`.

    Returns:
        Float (frames, 3, 3).
    """
    start, end = np.broadcast_arrays(quaternion(first), quaternion(second))
    dot = np.sum(start * end, axis=-1, keepdims=True)
    end, dot = np.where(dot < 0, -end, end), np.abs(dot)
    angle = np.arccos(np.clip(dot, -1, 1))
    share = share[:, None]
    # Nearly equal rotations: the sine vanishes, and straight interpolation is as good.
    near = angle < 1e-4
    sine = np.where(near, 1.0, np.sin(angle))
    mixed = (
        np.where(near, 1 - share, np.sin((1 - share) * angle) / sine) * start
        + np.where(near, share, np.sin(share * angle) / sine) * end
    )
    return matrix(mixed)


def quaternion(rotation: np.ndarray) -> np.ndarray:
    """Unit quaternions (w, x, y, z) of rotation matrices (..., 3, 3), by the largest component (Shepperd 1978)."""
    m = rotation
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    # Each row holds the quaternion times four times one of its components; the longest row is the safest to divide.
    rows = np.stack(
        [
            np.stack(
                [
                    1 + trace,
                    m[..., 2, 1] - m[..., 1, 2],
                    m[..., 0, 2] - m[..., 2, 0],
                    m[..., 1, 0] - m[..., 0, 1],
                ],
                axis=-1,
            ),
            *(_imaginary_row(m, trace, axis) for axis in range(3)),
        ],
        axis=-2,
    )
    lengths = np.linalg.norm(rows, axis=-1)
    best = np.take_along_axis(rows, lengths.argmax(axis=-1)[..., None, None], axis=-2)[..., 0, :]
    unit: np.ndarray = best / np.linalg.norm(best, axis=-1, keepdims=True)
    return unit


def _imaginary_row(m: np.ndarray, trace: np.ndarray, i: int) -> np.ndarray:
    j, k = (i + 1) % 3, (i + 2) % 3
    row = np.empty((*m.shape[:-2], 4))
    row[..., 0] = m[..., k, j] - m[..., j, k]
    row[..., 1 + i] = 1 - trace + 2 * m[..., i, i]
    row[..., 1 + j] = m[..., i, j] + m[..., j, i]
    row[..., 1 + k] = m[..., i, k] + m[..., k, i]
    return row


def matrix(quaternions: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) of quaternions (w, x, y, z), which need not have length 1."""
    w, x, y, z = np.moveaxis(quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def turn(axis_angles: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3) in radians."""
    angle = np.linalg.norm(axis_angles, axis=-1, keepdims=True)
    half = np.sinc(angle / (2 * np.pi)) / 2  # sin(angle / 2) / angle, and 1/2 at 0
    return matrix(np.concatenate([np.cos(angle / 2), axis_angles * half], axis=-1))
