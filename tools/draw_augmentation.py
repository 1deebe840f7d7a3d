"""Draws what each augmentation does to a clip: `python tools/draw_augmentation.py CACHE OUT.png`.

A row an augmentation, at the strength that recipes have by default: the clip as it was in grey, what became of it in
colour, as stick figures at a few moments and as the height of both wrists over all frames. The picture in the README is
of a rendered sign:

    signport render signs --classes 6 --signers 2 --takes 1 signs.parquet
    python tools/draw_augmentation.py signs.parquet docs/augmentation.png --sample sign_03/signer_01/take_0
"""

import argparse
import io
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import Image

from signport.datasets.cache import LandmarkCache
from signport.datasets.sequence_augmentation import CLIP_TRANSFORMS, SequenceAugmentation
from signport.errors import SignportError
from signport.files import atomic_file
from signport.landmarks.topology import Topology

FRAMES = 60
MOMENTS = (3, 11, 19, 27, 35, 43, 51)
# Of each augmentation, a draw that shows well what it does: for most, one near its limit.
SEEDS = {"time_warp": 9, "noise": 2, "rotation": 2, "scaling": 4, "masking": 4, "temporal_shift": 1, "mixup": 4}
COLOURS_IN_FILE = 96
# What lies below the picture is a guess, and says nothing.
LEGS = ("knee", "ankle", "heel", "foot")
GREY, BODY_COLOUR, INK = "#c3c8d0", "#4a5361", "#1d2733"
HAND_COLOURS = {"left_hand": "#d9772b", "right_hand": "#2a6fbb"}
TEXTS = {
    "time_warp": ("Time warp", "faster or slower, as a whole\nand within the clip (±{:.0%})"),
    "noise": ("Noise", "each point by itself\n({:.0%} of the shoulder width)"),
    "rotation": ("Rotation", "in the image plane, about the\nmiddle of the shoulders (±{:.0f}°)"),
    "scaling": ("Scaling", "width and height, each\nby its own factor (±{:.0%})"),
    "masking": ("Masking", "a span of frames, a hand, or\nsome points go missing (≤ {:.0%})"),
    "temporal_shift": ("Temporal shift", "later or earlier in\nthe window (±{:.0%})"),
    "mixup": ("Mixup", "blended with another clip,\ntargets included (α = {:g})"),
}


def augmented(name: str, clips: np.ndarray, topology: Topology) -> np.ndarray:
    """The first of the clips after one augmentation, float32 (frames, points, 3)."""
    import tensorflow as tf

    off = {**dict.fromkeys((*CLIP_TRANSFORMS, "mixup"), 0.0), name: 1.0}
    augment = SequenceAugmentation(**off).on_the_fly(topology)
    if augment is None:
        raise AssertionError("an augmentation with a probability of 1 is on")
    targets = np.eye(len(clips), dtype=np.float32)
    seed = tf.constant([SEEDS[name], 0], tf.int64)
    return np.asarray(augment({"landmarks": clips}, targets, None, seed)[0]["landmarks"].numpy()[0])


def edges(topology: Topology) -> list[tuple[int, int]]:
    """Edges without those of the legs."""
    return [pair for pair in topology.edges if not any(leg in topology.points[end] for end in pair for leg in LEGS)]


def draw_figures(axes: Axes, clip: np.ndarray, topology: Topology, step: float, *, is_before: bool) -> None:
    """Stick figures side by side, one a moment, `step` apart."""
    segments: dict[str, list[Any]] = {}
    for place, frame in enumerate(MOMENTS):
        points = clip[frame, :, :2] + [place * step, 0]
        for start, end in edges(topology):
            if np.isfinite(points[[start, end]]).all():
                segments.setdefault(topology.points[end].split(".")[0], []).append(points[[start, end]])
    for part, lines in segments.items():
        colour = GREY if is_before else HAND_COLOURS.get(part, BODY_COLOUR)
        width = 0.7 if part == "face" else 1.1
        axes.add_collection(LineCollection(lines, colors=colour, linewidths=width, capstyle="round"))


def draw_wrists(axes: Axes, clip: np.ndarray, topology: Topology, *, is_before: bool) -> None:
    """Height of both wrists over the frames; where there is a gap, nothing was found."""
    for part, colour in HAND_COLOURS.items():
        height = -clip[:, topology.index[f"pose.{part.removesuffix('_hand')}_wrist"], 1]
        axes.plot(height, color=GREY if is_before else colour, linewidth=2.8 if is_before else 1.3)


def draw_row(axes: tuple[Axes, Axes], clips: list[np.ndarray], topology: Topology, step: float) -> None:
    """One row: the clip before (grey), and after."""
    figures, wrists = axes
    for number, clip in enumerate(clips):
        is_before = number + 1 < len(clips)
        draw_figures(figures, clip, topology, step, is_before=is_before)
        draw_wrists(wrists, clip, topology, is_before=is_before)
    figures.set_axis_off()
    wrists.set_xlim(0, FRAMES - 1)
    wrists.set_yticks([])
    for frame in MOMENTS:
        wrists.axvline(frame, color="#eef0f3", linewidth=1, zorder=0)
    wrists.spines[["top", "right", "left"]].set_visible(False)
    wrists.spines["bottom"].set_color(GREY)
    wrists.tick_params(labelbottom=False, length=0)


def draw(cache: LandmarkCache, sample: str | None, path: Path) -> None:
    """Draws the picture.

    Raises:
        SignportError: The cache holds no bodies, or no such sample.
    """
    topology = cache.topology
    if not topology.is_body:
        raise SignportError(f"{cache.path}: topology {topology.name!r}; give a cache of body sequences")
    if sample is not None and sample not in cache.sample_ids:
        raise SignportError(f"--sample {sample!r}: {cache.path} has none such; for example {cache.sample_ids[0]!r}")
    row = 0 if sample is None else cache.sample_ids.index(sample)
    other = int(np.flatnonzero(cache.labels != cache.labels[row])[0])
    # The other one's neighbour in the batch is the first again: `mixup` blends each sample with the next.
    clips = np.stack([cache.clips(frames=FRAMES)[index] for index in (row, other)])

    drawn = sorted({index for pair in edges(topology) for index in pair})
    places = clips[0][:, drawn, :2]
    (left, top), (right, bottom) = np.nanmin(places, axis=(0, 1)), np.nanmax(places, axis=(0, 1))
    margin = 0.07 * (bottom - top)
    step = right - left + 2 * margin

    figure = Figure(figsize=(13, 11))
    rows = figure.subplots(1 + len(TEXTS), 2, width_ratios=(2.1, 1), gridspec_kw={"wspace": 0.03, "hspace": 0.06})
    figure.subplots_adjust(left=0.185, right=0.985, top=0.96, bottom=0.03)
    titles = [("As it is", f"{cache.classes[cache.labels[row]]},\n{cache.num_frames[row]} frames")]
    shown = [[clips[0]]]
    for name, (heading, text) in TEXTS.items():
        titles.append((heading, text.format(getattr(SequenceAugmentation(), f"{name}_strength"))))
        shown.append([clips[0], augmented(name, clips, topology)])
    for axes, title, versions in zip(rows, titles, shown, strict=True):
        draw_row(tuple(axes), versions, topology, step)
        axes[0].set_xlim(left - margin, left - margin + len(MOMENTS) * step)
        axes[0].set_ylim(bottom + margin, top - margin)
        axes[0].set_aspect("equal")
        axes[1].set_ylim(-bottom - margin, -top + margin)
        label(figure, axes[0], *title)
    rows[0][0].set_title("at seven moments: before in grey, after in colour", fontsize=11, color=INK)
    rows[0][1].set_title("height of the left and the right wrist", fontsize=11, color=INK)
    rows[-1][1].set_xlabel(f"the {FRAMES} frames of the window; lines mark the moments", fontsize=9, color=INK)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110, metadata={"Software": None}, facecolor="white")
    with atomic_file(path) as temporary, Image.open(picture) as image:
        image.convert("RGB").quantize(COLOURS_IN_FILE).save(temporary, format="png", optimize=True)


def label(figure: Figure, axes: Axes, title: str, text: str) -> None:
    """What a row shows, at its left."""
    box = axes.get_position()
    figure.text(0.015, box.y1 - 0.028, title, fontsize=13, fontweight="bold", color=INK, va="center")
    figure.text(0.015, box.y1 - 0.043, text, fontsize=9.5, color=BODY_COLOUR, va="top", linespacing=1.35)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("cache", type=Path, help="a landmark cache of body sequences")
    parser.add_argument("output", type=Path, help="the picture, .png")
    parser.add_argument("--sample", help="id of the clip; the cache's first by default")
    arguments = parser.parse_args()
    try:
        draw(LandmarkCache.read(arguments.cache), arguments.sample, arguments.output)
    except SignportError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
