"""Capture of images and clips against a plain loop over MediaPipe in one process; start and writing count for both."""

import csv
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from processes import HERE, PYTHON, SIGNPORT, clock, in_turns, raw, run, times_faster, times_less_work, work
from table import Found, Row

# So many files that work outweighs start.
IMAGES, CLIPS = 300, 5
CLASSES = 2


def measure(places: Any) -> Found:
    """Images a second and clips a second, one and two processes."""
    folder = places.scratch("capture")
    found = Found()
    photos = sorted((places.data / "photos-open-fingers" / "images").glob("*.jpg"))
    what = "photographs of 800 × 600"
    if not photos:
        photos, what = drawn_hands(places, 250), "drawn hands of 256 × 256"
    _images(found, repeated(photos, IMAGES, folder / "images"), what, places.rounds)
    clips = sorted((places.data / "videos-msl150").glob("*.mp4"))
    if clips:
        _clips(found, repeated(clips, CLIPS, folder / "clips"), places.rounds)
    else:
        found.notes.append(f"Clips: skipped, for there are none in {places.data / 'videos-msl150'}.")
    return found


def drawn_hands(places: Any, count: int) -> list[Path]:
    """Drawn hands in `places.work`, drawn when first asked for."""
    import signport as sp

    folder = places.work / "drawn"
    if not folder.is_dir():
        sp.render_hands(folder, "asl22", per_class=-(-count // 22), seed=0, workers=2)
    # Every class gets its share, whatever the count.
    return sorted(folder.glob("*/*.png"), key=lambda path: (path.name, path.parent.name))[:count]


def repeated(files: list[Path], count: int, folder: Path) -> list[Path]:
    """`count` links to the files, in turn, in class folders of equal size."""
    links = []
    for number in range(count):
        source = files[number % len(files)]
        link = folder / f"class{number % CLASSES}" / f"{number:05d}{source.suffix}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(source.resolve())
        links.append(link)
    return links


def hand_model(folder: Path) -> Path:
    """The models of the installed wheel, as the bundle that tutorials download."""
    from signport.landmarks.hand_detector import hand_landmarker_task

    path = folder / "hand_landmarker.task"
    path.write_bytes(hand_landmarker_task())
    return path


def _images(found: Found, images: list[Path], what: str, rounds: int) -> None:
    folder = images[0].parents[1]
    model = hand_model(folder.parent)
    plain = [PYTHON, HERE / "plain_images.py", model, folder.parent / "plain.npz", *images]
    ours = ["capture", "images", folder, folder.parent / "images.parquet"]
    _compare(found, "images", len(images), f"{len(images)} {what}, HandLandmarker", plain, ours, rounds)


def _clips(found: Found, clips: list[Path], rounds: int) -> None:
    import cv2

    folder = clips[0].parents[2]
    with (folder / "clips.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label"))
        rows.writerows((clip.relative_to(folder), clip.parent.name) for clip in clips)
    frames = sum(int(cv2.VideoCapture(str(clip)).get(cv2.CAP_PROP_FRAME_COUNT)) for clip in clips)
    plain = [PYTHON, HERE / "plain_videos.py", folder / "plain.npz", *clips]
    ours = ["capture", "video", folder / "clips.csv", folder / "clips.parquet", "--topology", "holistic_543"]
    how = f"{len(clips)} clips, {frames} frames of 1280 × 720, Holistic"
    _compare(found, "clip frames", frames, how, plain, ours, rounds)


def _compare(found: Found, unit: str, count: int, how: str, plain: Iterable[Any], ours: list[Any], rounds: int) -> None:
    commands = {f"{workers} workers": [*SIGNPORT, *ours, "--workers", workers] for workers in (1, 2)}
    commands = {"plain loop": list(plain), **commands}
    turns = in_turns({name: partial(run, command) for name, command in commands.items()}, rounds)
    found.raw[unit] = raw(turns)
    found.rows.append(
        Row(
            f"capture, {unit} a processor second",
            f"{count / work(turns, 'plain loop'):.1f} (loop over MediaPipe)",
            f"{count / work(turns, '1 workers'):.1f}",
            times_less_work(turns, "plain loop", "1 workers"),
            f"{how}; start and writing count",
        )
    )
    for workers in (1, 2):
        way = f"{workers} workers"
        found.rows.append(
            Row(
                f"capture, {unit} a second by the clock, {workers} process{'es' * (workers > 1)}",
                f"{count / clock(turns, 'plain loop'):.1f}",
                f"{count / clock(turns, way):.1f}",
                times_faster(turns, "plain loop", way),
                f"the same; {os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}",
            )
        )
