"""Draws what each augmentation does to single hands, at the strength that recipes have by default."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from small_png import write_small

from signport.datasets.augmentation import Augmentation, augment
from signport.datasets.cache import LandmarkCache
from signport.errors import SignportError
from signport.landmarks.topology import HAND

LABELS = ("A", "B", "L", "V", "W", "Y")
GREY, INK = "#c3c8d0", "#1d2733"
COLOURS = ("#4a5361", "#d9772b", "#3f9c46", "#2a8fa8", "#3f63c4", "#b0479a")
OFF = {"mirror": 0.0, "rotation_degrees": 0.0, "tilt_degrees": 0.0, "scale": 0.0, "image_shape": 1.0, "noise": 0.0}
ROWS = {
    "mirror": ("Mirror", "becomes the other hand\n(of {:.0%} of the copies)", {"mirror": 1.0}),
    "rotation_degrees": ("Rotation", "in the image plane,\nabout the wrist (±{:.0f}°)", {}),
    "tilt_degrees": ("Tilt", "out of the image plane,\nabout either axis (±{:.0f}°)", {}),
    "scale": ("Scale", "width and height, each\nby its own factor (±{:.0%})", {}),
    "image_shape": ("Image shape", "in an image of 1:{0:g}\nto {0:g}:1", {}),
    "noise": ("Noise", "each point by itself\n({:.0%} of the hand)", {}),
}
# A draw that shows well what it does.
SEED = 4


def draw_hand_augmentation(cache: LandmarkCache, path: Path) -> Path:
    """Draws the picture: a column a hand, a row an augmentation, the hand as it was in grey.

    Raises:
        SignportError: The cache holds no single hands of the classes that are drawn.
    """
    if missing := [label for label in LABELS if label not in cache.classes]:
        raise SignportError(f"{cache.path}: no class {missing[0]!r}; render the hands of asl22")
    rows = [int(np.flatnonzero(cache.labels == cache.classes.index(label))[0]) for label in LABELS]
    hands = cache.take(np.array(rows))
    figure = Figure(figsize=(11, 12.6))
    grid = figure.subplots(1 + len(ROWS), len(LABELS), gridspec_kw={"wspace": 0.02, "hspace": 0.02})
    figure.subplots_adjust(left=0.19, right=0.99, top=0.95, bottom=0.01)
    defaults = Augmentation()
    shown = [("As it is", "21 landmarks, as\nMediaPipe gives them", hands)]
    for name, (title, text, more) in ROWS.items():
        value = getattr(defaults, name)
        settings = Augmentation(copies=1, **{**OFF, name: value, **more})
        shown.append((title, text.format(value), augment(hands, settings, np.random.default_rng(SEED))))
    for axes, (title, text, changed) in zip(grid, shown, strict=True):
        for column, one in enumerate(axes):
            if changed is not hands:
                _draw_hand(one, hands.landmarks[column], is_before=True)
            _draw_hand(one, changed.landmarks[column], is_before=False)
            _frame(one, hands.landmarks[column], changed.landmarks[column])
        axes[0].text(-1.1, 0.62, title, transform=axes[0].transAxes, fontsize=12, weight="bold", color=INK)
        axes[0].text(-1.1, 0.52, text, transform=axes[0].transAxes, fontsize=9, va="top", color="#5b6675")
    for one, label in zip(grid[0], LABELS, strict=True):
        one.set_title(label, fontsize=12, color=INK)
    return write_small(figure, path, dpi=110)


def _draw_hand(axes: Axes, points: np.ndarray, *, is_before: bool) -> None:
    lines = [points[[start, end], :2] for start, end in HAND.edges]
    colours = [GREY if is_before else COLOURS[(end + 3) // 4 if start else 0] for start, end in HAND.edges]
    width = 1.4 if is_before else 2.2
    axes.add_collection(LineCollection(lines, colors=colours, linewidths=width, capstyle="round"))


def _frame(axes: Axes, *hands: np.ndarray) -> None:
    places = np.concatenate([hand[:, :2] for hand in hands])
    middle, side = (places.min(axis=0) + places.max(axis=0)) / 2, 0.58 * np.ptp(places, axis=0).max()
    axes.set_xlim(middle[0] - side, middle[0] + side)
    axes.set_ylim(middle[1] + side, middle[1] - side)
    axes.set_aspect("equal")
    axes.set_axis_off()
