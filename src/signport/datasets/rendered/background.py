"""What stands behind the hand: walls, rooms, clutter, the signer's own clothes; and what the camera does to it all."""

import cv2
import numpy as np


def make_background(rng: np.random.Generator, size: int) -> np.ndarray:
    """A random background, uint8 (size, size, 3) RGB, somewhat out of focus."""
    image = _wall(rng, size)
    kind = rng.integers(4)
    if kind == 1:
        image = _clutter(rng, image, int(rng.integers(3, 9)))
    elif kind == 2:
        image += 255 * _cloud(rng, size, cells=int(rng.integers(3, 9))) * rng.uniform(0.05, 0.22)
    elif kind == 3:
        image = _torso(rng, _clutter(rng, image, int(rng.integers(1, 5))))
    image = cv2.GaussianBlur(image, (0, 0), size / 256 * float(rng.uniform(0.8, 5)))
    return np.asarray(np.clip(image, 0, 255), np.uint8)


def photograph(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Exposure, white balance, blur and sensor noise: uint8 (size, size, 3) RGB to the same."""
    size = image.shape[0]
    blur = size / 256 * float(rng.uniform(0.15, 0.9))
    exposure = rng.uniform(0.78, 1.12) * rng.normal(1, 0.025, 3)
    gamma = rng.uniform(0.88, 1.15)
    noise = rng.uniform(0.5, 4.5)
    ramp = 255 * (np.arange(256) / 255) ** gamma
    table = np.clip(ramp[:, None] * exposure, 0, 255).astype(np.float32)
    developed = cv2.LUT(image, table[:, None, :].transpose(1, 0, 2).copy())
    developed = cv2.GaussianBlur(developed, (0, 0), blur)
    developed += np.float32(noise) * rng.standard_normal(image.shape, np.float32)
    return np.asarray(np.clip(developed + 0.5, 0, 255), np.uint8)


def _color(rng: np.random.Generator, low: float = 30, high: float = 235) -> np.ndarray:
    """A colour of a brightness between the limits, mostly dull as rooms are."""
    hue = rng.uniform(0.0, 1.0, 3)
    dull = rng.uniform(0.55, 1.0)
    return np.asarray(rng.uniform(low, high) * (dull + (1 - dull) * hue), np.float32)


def _wall(rng: np.random.Generator, size: int) -> np.ndarray:
    corners = np.stack([_color(rng)] * 4) * rng.uniform(0.8, 1.15, (4, 1))
    return np.asarray(
        cv2.resize(corners.reshape(2, 2, 3).astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
    )


def _cloud(rng: np.random.Generator, size: int, cells: int) -> np.ndarray:
    coarse = rng.uniform(-1, 1, (cells, cells, 1)) + 0.35 * rng.uniform(-1, 1, (cells, cells, 3))
    coarse = coarse.astype(np.float32)
    return np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC))


def _clutter(rng: np.random.Generator, image: np.ndarray, pieces: int) -> np.ndarray:
    """Furniture, windows, books: turned rectangles and discs."""
    size = image.shape[0]
    for _ in range(pieces):
        x, y = (float(value) for value in rng.uniform(-0.1, 1.1, 2) * size)
        width, height = (float(value) for value in rng.uniform(0.08, 0.7, 2) * size)
        color = tuple(float(value) for value in _color(rng))
        if rng.uniform() < 0.25:
            cv2.circle(image, (int(x), int(y)), int(width / 3), color, -1)
        else:
            corners = cv2.boxPoints(((x, y), (width, height), float(rng.normal(0, 8))))
            cv2.fillConvexPoly(image, np.round(corners).astype(np.int32), color)
    return image


def _torso(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Shoulders and chest of the signer, out of focus behind the hand; the head is above the picture."""
    size = image.shape[0]
    middle, top = rng.uniform(0.1, 0.9) * size, rng.uniform(-0.1, 0.45) * size
    half = rng.uniform(0.35, 0.6) * size
    outline = [
        (middle - half, 1.1 * size), (middle - half, top + 0.22 * size), (middle - 0.4 * half, top),
        (middle + 0.4 * half, top), (middle + half, top + 0.22 * size), (middle + half, 1.1 * size),
    ]  # fmt: skip
    color = tuple(float(value) for value in _color(rng))
    cv2.fillPoly(image, [np.round(outline).astype(np.int32)], color)
    return image
