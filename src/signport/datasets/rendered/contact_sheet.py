"""The contact sheet: some pictures of every class with the landmarks that were found drawn on them."""

from pathlib import Path

import cv2
import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.datasets.rendered.handshapes import NONE
from signport.errors import SignportError
from signport.landmarks.topology import HAND

_TILE, _GAP, _HEADING, _PICTURES, _COLUMNS = 148, 4, 30, 4, 3
_PAPER, _INK, _FAINT, _ALARM = (250, 249, 246), (40, 42, 46), (130, 130, 128), (205, 60, 50)
# Palm, then thumb to pinky.
_COLORS = ((235, 235, 235), (255, 176, 59), (120, 220, 110), (70, 200, 235), (120, 150, 255), (240, 120, 215))


def draw_contact_sheet(
    folder: Path, cache: LandmarkCache, truth: dict[str, np.ndarray], rates: dict[str, float]
) -> np.ndarray:
    """Lays out the first pictures of each class, found or not.

    Args:
        folder: What `truth["files"]` is relative to.
        cache: The landmarks that were found.
        truth: As `truth.write_tables` returns it.
        rates: Class → share of its pictures with a hand found.

    Returns:
        uint8 (height, width, 3) RGB.
    """
    found = dict(zip(cache.sample_ids, cache.landmarks[:, :, :2], strict=True))
    cells = []
    for label, rate in rates.items():
        rows = np.flatnonzero(truth["labels"] == label)[:_PICTURES]
        tiles = []
        for row in rows:
            name = str(truth["files"][row])
            caption = str(truth["shapes"][row]) if label == NONE else ""
            tiles.append(_tile(folder / name, truth["joints"][row, :, :2], found.get(name), caption))
        cells.append(_cell(label, rate, tiles))
    while len(cells) % _COLUMNS:
        cells.append(np.full_like(cells[0], _PAPER))
    grid = [np.concatenate(cells[first : first + _COLUMNS], axis=1) for first in range(0, len(cells), _COLUMNS)]
    return _headed(np.concatenate(grid, axis=0), float(np.mean(list(rates.values()))), len(truth["files"]))


def _headed(grid: np.ndarray, overall: float, pictures: int) -> np.ndarray:
    margin = 3 * _GAP
    sheet = np.full((grid.shape[0] + 44 + margin, grid.shape[1] + 2 * margin, 3), _PAPER, np.uint8)
    sheet[44 : 44 + grid.shape[0], margin : margin + grid.shape[1]] = grid
    text = f"{pictures} rendered hands, MediaPipe finds {overall:.1%}"
    cv2.putText(sheet, text, (margin + _GAP, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.7, _INK, 1, cv2.LINE_AA)
    return sheet


def _cell(label: str, rate: float, tiles: list[np.ndarray]) -> np.ndarray:
    width = _PICTURES * (_TILE + _GAP) + 3 * _GAP
    cell = np.full((_HEADING + _TILE + 2 * _GAP, width, 3), _PAPER, np.uint8)
    (text_width, _), _ = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, 0.65, 2)
    cv2.putText(cell, label, (_GAP, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.65, _INK, 2, cv2.LINE_AA)
    percent = f"{rate:.0%} found"
    cv2.putText(cell, percent, (_GAP + text_width + 12, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.48, _FAINT, 1, cv2.LINE_AA)
    for number, tile in enumerate(tiles):
        left = _GAP + number * (_TILE + _GAP)
        cell[_HEADING : _HEADING + _TILE, left : left + _TILE] = tile
    return cell


def _tile(path: Path, joints: np.ndarray, points: np.ndarray | None, caption: str) -> np.ndarray:
    """The part of a picture around its hand; `points` (21, 2) are in picture widths, `joints` (21, 2) in pixels."""
    image = cv2.imread(str(path))
    if image is None:
        raise SignportError(f"{path}: not readable as an image; delete it and render again")
    size = image.shape[0]
    low, high = joints.min(axis=0), joints.max(axis=0)
    side = min(int(1.6 * (high - low).max()), size)
    left, top = np.clip((low + high - side) // 2, 0, size - side).astype(int)
    image = image[top : top + side, left : left + side, ::-1]
    tile = np.ascontiguousarray(cv2.resize(image, (_TILE, _TILE), interpolation=cv2.INTER_AREA))
    if points is None:
        cv2.rectangle(tile, (0, 0), (_TILE - 1, _TILE - 1), _ALARM, 3)
        caption = f"{caption} no hand found".strip()
    else:
        _draw_landmarks(tile, (points * size - (left, top)) * (_TILE / side))
    if caption:
        place = (5, _TILE - 7)
        cv2.putText(tile, caption, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(tile, caption, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return tile


def _draw_landmarks(tile: np.ndarray, points: np.ndarray) -> None:
    shift = 4  # cv2 takes fixed-point coordinates with this many fractional bits
    pixels = np.round(points * 2**shift).astype(int)
    for start, end in HAND.edges:
        # An edge has the colour of the finger that it leads along; edges between fingers are the palm's.
        color = _COLORS[_finger(end) if _finger(start) in (0, _finger(end)) and start else 0]
        cv2.line(tile, pixels[start].tolist(), pixels[end].tolist(), color, 1, cv2.LINE_AA, shift)
    for number, point in enumerate(pixels):
        cv2.circle(tile, point.tolist(), 2 * 2**shift, _COLORS[_finger(number)], -1, cv2.LINE_AA, shift)


def _finger(point: int) -> int:
    """0 for the wrist, 1 to 5 for thumb to pinky."""
    return (point + 3) // 4
