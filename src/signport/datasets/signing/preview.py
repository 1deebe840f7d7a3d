"""Stick figures of clips as a short GIF or MP4; of made-up signs, and of any cache of body landmarks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from signport.errors import SignportError
from signport.files import atomic_file, check_writable
from signport.landmarks.topology import HAND, Topology
from signport.progress import track

if TYPE_CHECKING:
    from signport.datasets.cache import LandmarkCache

_SUFFIXES = (".gif", ".mp4")
_MOST_PANELS = 12
_SIDE = 360  # height of a panel in pixels; as wide as its clip's picture
_FINER = 2  # drawn so many times larger, then averaged down: smooth lines and joints
_FALLBACK_RATE, _FALLBACK_ASPECT = 25.0, 4 / 3

# RGB.
_BACKGROUND, _TRUNK, _LIMB, _FACE = (24, 27, 34), (44, 50, 62), (128, 140, 160), (196, 204, 216)
_HANDS = {"right_hand": (255, 158, 70), "left_hand": (72, 200, 210)}
_TEXT, _TEXT_FAINT = (232, 236, 242), (124, 132, 146)
# Of the pose model's points only these are drawn: where hands and face are found they are better told by those.
_ARMS = (("left_shoulder", "left_elbow", "left_wrist"), ("right_shoulder", "right_elbow", "right_wrist"))


@dataclass(frozen=True)
class _Panel:
    """One clip to draw: pixel places (frames, points, 2) of the finer canvas, NaN where missing."""

    places: np.ndarray
    topology: Topology
    width: int
    title: str
    subtitle: str


def check_preview_path(path: Path) -> None:
    """Checks, before any work is done, that a preview can be called so.

    Raises:
        SignportError: It ends in neither `.gif` nor `.mp4`.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise SignportError(f"{path}: a preview is a {' or '.join(_SUFFIXES)} file; call it {path.stem}.gif")
    check_writable(path)


def draw_preview(cache: "LandmarkCache", path: str | Path, samples: Sequence[str] = ()) -> Path:
    """Draws clips of a cache as stick figures, side by side (four to a row), in their own time.

    Args:
        cache: Sequences of a body layout.
        path: A `.gif` (repeats for ever) or `.mp4`.
        samples: Sample ids, at most 12; without any, the first clip.

    Returns:
        The path.

    Raises:
        SignportError: Another suffix, a sample that the cache lacks, too many of them, or a layout without a body.
    """
    path = Path(path)
    check_preview_path(path)
    panels, rate = _panels(cache, list(samples) or cache.sample_ids[:1])
    total = max(len(panel.places) for panel in panels)
    frames = list(track(_pictures(panels), "draw preview", total, unit="frames"))
    with atomic_file(path) as temporary:
        (_write_gif if path.suffix.lower() == ".gif" else _write_mp4)(temporary, frames, rate)
    return path


def _panels(cache: "LandmarkCache", samples: list[str]) -> tuple[list[_Panel], float]:
    where = cache.path or "cache"
    if not cache.topology.is_body:
        raise SignportError(f"{where}: topology {cache.topology.name!r} has no body to draw; give a cache of sequences")
    if not 1 <= len(samples) <= _MOST_PANELS:
        raise SignportError(f"{where}: {len(samples)} samples to draw; give 1 to {_MOST_PANELS}")
    row_of = {sample_id: row for row, sample_id in enumerate(cache.sample_ids)}
    for sample in samples:
        if sample not in row_of:
            raise SignportError(f"{where}: no sample {sample!r}; its first one is {cache.sample_ids[0]!r}")
    rows = [row_of[sample] for sample in samples]
    rate = float(cache.frame_rates[rows[0]])
    return [_panel(cache, row) for row in rows], rate if np.isfinite(rate) and rate > 0 else _FALLBACK_RATE


def _panel(cache: "LandmarkCache", row: int) -> _Panel:
    wide, high = cache.image_sizes[row]
    aspect = wide / high if wide and high else _FALLBACK_ASPECT
    side = _SIDE * _FINER
    width = 2 * round(_SIDE * aspect / 2)
    places = cache.clip(row)[..., :2] * [width * _FINER, side]
    label = cache.classes[cache.labels[row]]
    return _Panel(places, cache.topology, width, label, cache.sample_ids[row].removeprefix(f"{label}/"))


def _pictures(panels: list[_Panel]) -> Iterator[np.ndarray]:
    """Frames of the preview, uint8 (height, width, 3) RGB; a clip that has ended waits for the longest."""
    columns = min(4, len(panels)) if len(panels) != 4 else 2
    for frame in range(max(len(panel.places) for panel in panels)):
        drawn = [_draw(panel, min(frame, len(panel.places) - 1)) for panel in panels]
        width = max(picture.shape[1] for picture in drawn)
        while len(drawn) % columns:
            drawn.append(np.full((_SIDE, width, 3), _BACKGROUND, np.uint8))
        drawn = [_widened(picture, width) for picture in drawn]
        yield np.vstack([np.hstack(drawn[start : start + columns]) for start in range(0, len(drawn), columns)])


def _widened(picture: np.ndarray, width: int) -> np.ndarray:
    canvas = np.full((len(picture), width, 3), _BACKGROUND, np.uint8)
    canvas[:, : picture.shape[1]] = picture
    return canvas


def _draw(panel: _Panel, frame: int) -> np.ndarray:
    import cv2

    canvas = np.full((_SIDE * _FINER, panel.width * _FINER, 3), _BACKGROUND, np.uint8)
    places = panel.places[frame]
    _draw_body(canvas, panel.topology, places)
    _draw_face(canvas, panel.topology, places)
    for part, color in _HANDS.items():
        _draw_hand(canvas, places[panel.topology.part(part)], color)
    picture = cv2.resize(canvas, (panel.width, _SIDE), interpolation=cv2.INTER_AREA)
    counter = f"{frame + 1}/{len(panel.places)}" + ("" if np.isfinite(places).any() else "  no landmarks")
    font, smooth = cv2.FONT_HERSHEY_SIMPLEX, cv2.LINE_AA
    cv2.putText(picture, panel.title, (14, 28), font, 0.62, _TEXT, 1, smooth)
    cv2.putText(picture, panel.subtitle, (14, 48), font, 0.4, _TEXT_FAINT, 1, smooth)
    left = panel.width - 14 - cv2.getTextSize(counter, font, 0.4, 1)[0][0]
    cv2.putText(picture, counter, (left, 28), font, 0.4, _TEXT_FAINT, 1, smooth)
    return np.asarray(picture)


def _draw_body(canvas: np.ndarray, topology: Topology, places: np.ndarray) -> None:
    import cv2

    at = {name.removeprefix("pose."): places[row] for name, row in topology.index.items() if name.startswith("pose.")}
    # Layouts without hips still get shoulders and arms.
    outline = [
        at.get(name, np.full(2, np.nan)) for name in ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
    ]
    if np.isfinite(outline).all():
        cv2.fillPoly(canvas, [_pixel(np.array(outline))], _TRUNK, cv2.LINE_AA)
        cv2.polylines(canvas, [_pixel(np.array(outline))], True, _TRUNK, 20, cv2.LINE_AA)
    shoulders = np.array(outline[:2])
    mouth = np.array([at.get("mouth_left", np.full(2, np.nan)), at.get("mouth_right", np.full(2, np.nan))]).mean(axis=0)
    middle = shoulders.mean(axis=0)
    _line(canvas, [middle, middle + 0.62 * (mouth - middle)], _LIMB, 13)
    _line(canvas, list(shoulders), _LIMB, 9)
    _draw_head(canvas, at)
    for names in _ARMS:
        _line(canvas, [at[name] for name in names if name in at], _LIMB, 9)


def _draw_head(canvas: np.ndarray, at: dict[str, np.ndarray]) -> None:
    """An oval from ear to ear, turned as the head is."""
    import cv2

    if not {"left_ear", "right_ear", "nose"} <= set(at):
        return
    left, right, nose = at["left_ear"], at["right_ear"], at["nose"]
    if not np.isfinite([left, right, nose]).all():
        return
    across = left - right
    half = float(np.linalg.norm(across)) / 2
    angle = float(np.degrees(np.arctan2(across[1], across[0])))
    middle = 0.5 * (left + right) / 2 + 0.5 * nose
    axes = (round(1.08 * half), round(1.42 * half))
    cv2.ellipse(canvas, tuple(_pixel(middle)), axes, angle, 0, 360, _TRUNK, -1, cv2.LINE_AA)
    cv2.ellipse(canvas, tuple(_pixel(middle)), axes, angle, 0, 360, _LIMB, 3, cv2.LINE_AA)
    for name in ("left_eye", "right_eye"):
        if name in at:
            _line(canvas, [at[name], at[name]], _FACE, 6)


def _draw_face(canvas: np.ndarray, topology: Topology, places: np.ndarray) -> None:
    face = topology.part("face")
    for start, end in topology.edges:
        if face.start <= min(start, end) and max(start, end) < face.stop:
            _line(canvas, [places[start], places[end]], _FACE, 2)


def _draw_hand(canvas: np.ndarray, places: np.ndarray, color: tuple[int, int, int]) -> None:
    import cv2

    if not len(places) or not np.isfinite(places).any():
        return
    size = float(np.linalg.norm(places[9] - places[0]))  # wrist to middle knuckle
    thick = int(np.clip(0.085 * size, 3, 10))
    for start, end in HAND.edges:
        _line(canvas, [places[start], places[end]], color, thick)
    for place in places[np.isfinite(places).all(axis=1)]:
        cv2.circle(canvas, tuple(_pixel(place)), round(0.75 * thick), color, -1, cv2.LINE_AA)


def _line(canvas: np.ndarray, places: list[np.ndarray], color: tuple[int, int, int], thick: int) -> None:
    import cv2

    if len(places) > 1 and np.isfinite(places).all():
        cv2.polylines(canvas, [_pixel(np.array(places))], False, color, thick, cv2.LINE_AA)


def _pixel(places: np.ndarray) -> np.ndarray:
    # Guesses may lie anywhere; OpenCV's fixed-point drawing does not.
    pixels: np.ndarray = np.clip(np.round(places), -20_000, 20_000).astype(np.int32)
    return pixels


def _write_gif(path: Path, frames: list[np.ndarray], rate: float) -> None:
    from PIL import Image

    palette = Image.new("P", (1, 1))
    palette.putpalette(_palette())
    images = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    # A GIF counts in hundredths of a second, and browsers slow down what is faster than two of them.
    delay = max(2, round(100 / rate)) * 10
    images[0].save(path, "GIF", save_all=True, append_images=images[1:], duration=delay, loop=0, optimize=False)


def _palette() -> list[int]:
    """Every colour on its way into both grounds, RGB by RGB: one palette for all frames, which thin lines share in."""
    colors = np.array([_LIMB, _FACE, _TEXT, _TEXT_FAINT, *_HANDS.values()])
    shares = np.linspace(0, 1, 17)[1:, None, None]
    mixed = [shares * colors + (1 - shares) * np.array(ground) for ground in (_BACKGROUND, _TRUNK)]
    entries = np.concatenate([[_BACKGROUND, _TRUNK], *(mix.reshape(-1, 3) for mix in mixed)])
    return [int(value) for value in np.round(entries).ravel()]


def _write_mp4(path: Path, frames: list[np.ndarray], rate: float) -> None:
    import cv2

    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
    if not writer.isOpened():
        raise SignportError(f"{path}: this OpenCV cannot write MP4; choose a .gif")
    for frame in frames:
        writer.write(frame[..., ::-1].copy())
    writer.release()
