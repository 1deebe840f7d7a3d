"""Clips a second of video capture against one process: `python benchmarks/capture_video.py [--videos DIR]`.

Each round measures in turn a plain loop (one process, OpenCV and MediaPipe Holistic and nothing else, written below),
`signport capture video` with one process and with several; a ratio is taken within the round. Both start-up and writing
the cache are counted. Ratios are what counts on a machine that others use too; where others keep all cores busy,
the processor seconds a clip tell better whether a second process pays.
"""

import argparse
import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from signport.datasets.video_folder import VIDEO_SUFFIXES

# What a first script of one's own looks like; a process of its own, so that it pays for its start as capture does.
_PLAIN_LOOP = """
import sys
import cv2, mediapipe, numpy as np
clips = []
for path in sys.argv[2:]:
    video, frames = cv2.VideoCapture(path), []
    with mediapipe.solutions.holistic.Holistic() as holistic:
        while True:
            read, frame = video.read()
            if not read:
                break
            found = holistic.process(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
            row = []
            for part, points in (("pose", 33), ("face", 468), ("left_hand", 21), ("right_hand", 21)):
                marks = getattr(found, part + "_landmarks")
                row += [[np.nan] * 3] * points if marks is None else [(p.x, p.y, p.z) for p in marks.landmark]
            frames.append(row)
    clips.append(np.array(frames, np.float32))
np.savez_compressed(sys.argv[1], *clips)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=Path, default=Path("../shared/data/videos-msl150"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--repeats", type=int, default=4, help="how often each video is read, so that work outweighs start"
    )
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    videos = sorted(path for path in options.videos.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
    if not videos:
        raise SystemExit(f"{options.videos}: no videos there; give a folder of videos with --videos DIR")

    with tempfile.TemporaryDirectory() as folder:
        clips = _links(videos, options.repeats, Path(folder))
        ways = {
            "plain loop": lambda: _plain(clips, Path(folder)),
            "1 process": lambda: _capture(Path(folder), 1),
            f"{options.workers} processes": lambda: _capture(Path(folder), options.workers),
        }
        rounds = [{name: _measured(way) for name, way in ways.items()} for _ in range(options.rounds)]

    counted = f"{len(clips)} clips ({len(videos)} videos × {options.repeats})"
    print(f"{counted}, {os.cpu_count()} cores, {options.rounds} rounds")
    for name in ways:
        rate = median(len(clips) / one[name][0] for one in rounds)
        spent = median(one[name][1] / len(clips) for one in rounds)
        print(f"  {name:<12} {rate:6.2f} clips/s, {spent:5.2f} processor seconds a clip")
    several = f"{options.workers} processes"
    for name, base in ((several, "1 process"), (several, "plain loop"), ("1 process", "plain loop")):
        ratios = sorted(one[base][0] / one[name][0] for one in rounds)
        print(f"  {name} against {base}: {median(ratios):.2f} times the clips/s ({ratios[0]:.2f} to {ratios[-1]:.2f})")


def _links(videos: list[Path], repeats: int, folder: Path) -> list[Path]:
    """Each video under `repeats` names, and a list of them."""
    clips = []
    with (folder / "videos.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("path", "label"))
        for repeat in range(repeats):
            for number, video in enumerate(videos):
                link = folder / f"{number}_{repeat}{video.suffix}"
                link.symlink_to(video.resolve())
                rows.writerow((link.name, f"sign{number}"))
                clips.append(link)
    return clips


def _measured(way: Callable[[], None]) -> tuple[float, float]:
    """Seconds on the clock, and seconds that all processors together worked on it."""
    start, spent = time.perf_counter(), _processor_seconds()
    way()
    return time.perf_counter() - start, _processor_seconds() - spent


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _plain(clips: list[Path], folder: Path) -> None:
    _run("-c", _PLAIN_LOOP, str(folder / "plain.npz"), *map(str, clips))


def _capture(folder: Path, workers: int) -> None:
    code = "from signport.cli.main import main; main()"
    arguments = ("capture", "video", str(folder / "videos.csv"), str(folder / "clips.parquet"))
    _run("-c", code, *arguments, "--topology", "holistic_543", "--workers", str(workers))


def _run(*arguments: str) -> None:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)


if __name__ == "__main__":
    main()
