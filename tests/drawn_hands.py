"""An open hand, drawn with circles and a polygon, that MediaPipe really detects: images for tests that need no data."""

import math
from pathlib import Path

import cv2
import numpy as np

_SKIN, _EDGE, _BACKGROUND = (225, 172, 140), (170, 115, 90), (70, 95, 80)
_SUPERSAMPLING = 4
_TONES = (
    (1.0, _EDGE),
    (0.86, tuple((edge + 2 * skin) // 3 for edge, skin in zip(_EDGE, _SKIN, strict=True))),
    (0.62, _SKIN),
)
# (x, y) of the knuckle, length, and angle from upright in degrees, in image sizes.
_FINGERS = ((0.415, 0.5, 0.24, -14), (0.475, 0.475, 0.27, -3), (0.54, 0.485, 0.25, 8), (0.6, 0.52, 0.19, 20))
_PALM = ((0.4, 0.5), (0.6, 0.52), (0.6, 0.7), (0.55, 0.82), (0.45, 0.82), (0.4, 0.68))


def drawn_hand(size: int = 160, spread: float = 1.0) -> np.ndarray:
    """An open hand, thumb on the left: RGB uint8 (size, size, 3).

    Args:
        size: Width and height in pixels.
        spread: Factor on the angles between the fingers; each value gives another image.
    """
    pixels = size * _SUPERSAMPLING
    image = np.full((pixels, pixels, 3), _BACKGROUND, np.uint8)
    _limb(image, (0.5, 1.05), (0.5, 0.8), 0.085, 0.08)
    for x, y, length, degrees in _FINGERS:
        angle = math.radians(degrees * spread)
        _limb(image, (x, y), (x + length * math.sin(angle), y - length * math.cos(angle)), 0.036, 0.027)
    _limb(image, (0.44, 0.7), (0.29, 0.52), 0.05, 0.032)
    palm = np.array(_PALM) * pixels
    for scale, (_, tone) in zip((1.12, 1.06, 1.0), _TONES, strict=True):
        centre = palm.mean(axis=0)
        cv2.fillConvexPoly(image, ((palm - centre) * scale + centre).astype(int), tone, cv2.LINE_AA)
    smooth = cv2.GaussianBlur(image, (0, 0), 0.9 * _SUPERSAMPLING)
    return cv2.resize(smooth, (size, size), interpolation=cv2.INTER_AREA)


def _limb(
    image: np.ndarray, start: tuple[float, float], end: tuple[float, float], width: float, end_width: float
) -> None:
    for scale, tone in _TONES:
        for along in np.linspace(0, 1, 60):
            centre = [int((a + (b - a) * along) * len(image)) for a, b in zip(start, end, strict=True)]
            radius = int((width + (end_width - width) * along) * scale * len(image))
            cv2.circle(image, centre, radius, tone, -1, cv2.LINE_AA)


def write_image(path: Path, image: np.ndarray) -> Path:
    """Writes an RGB image in the format of the path's ending, and makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[:, :, ::-1])
    return path


def hand_folder(folder: Path, images: int, classes: tuple[str, ...] = ("A", "B"), first: int = 0) -> Path:
    """Class folders with `images` drawn hands each, all different, starting with the `first`."""
    for place, name in enumerate(classes):
        for number in range(first, first + images):
            spread = 0.7 + 0.01 * (number * len(classes) + place)
            write_image(folder / name / f"hand{number:02d}.png", drawn_hand(spread=spread))
    return folder
