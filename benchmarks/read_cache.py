"""Reading clips from a cache against reading them from their own files: `python benchmarks/read_cache.py`.

Makes clips of 40 to 60 frames, writes them in each format that is read, imports each, and then times, in turn within
one run, the cache (`LandmarkCache.read` and `clips`) and the same clips from their files, through signport's own
readers; both give the same array (clips, 60, points, 3), which is checked. A ratio is taken within a round; the table
shows the median round and the spread. Files are read as often as caches, so both come from the page cache.
"""

import argparse
import contextlib
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

import signport as sp
from signport.datasets.clip_files import read_clip
from signport.datasets.frame_files import read_frames
from signport.datasets.landmark_rows import PointTable, read_parquet_clip
from signport.datasets.sequence_layout import LAYOUTS
from signport.landmarks.frame_indices import frame_indices
from signport.landmarks.topology import ISL_136, POSE_HANDS_75, Topology

FRAMES = 60
# A file a frame takes a disk block of 4 KB and more: a quarter of the clips tells as much.
FRAME_FILES_SHARE = 0.25


def made_up_clips(count: int, topology: Topology) -> list[np.ndarray]:
    """Points that wander, hands that get lost: float32 (frames, points, 3), 40 to 60 frames each."""
    random = np.random.default_rng(0)
    clips = []
    for _ in range(count):
        frames = int(random.integers(40, FRAMES + 1))
        steps = random.normal(0, 0.004, (frames, topology.num_points, 3))
        clip = (random.uniform(0.2, 0.8, (topology.num_points, 3)) + np.cumsum(steps, axis=0)).astype(np.float32)
        for part, share in (("left_hand", 0.4), ("right_hand", 0.2)):
            clip[random.random(frames) < share, topology.part(part)] = np.nan
        clips.append(clip)
    return clips


def write_clip_files(folder: Path, clips: list[np.ndarray]) -> None:
    for number, clip in enumerate(clips):
        np.save(folder / f"{number % 20:02}" / f"{number:05}.npy", np.nan_to_num(clip).reshape(len(clip), -1))


def write_frame_files(folder: Path, clips: list[np.ndarray]) -> None:
    """As the tutorials write them: float64, zeros for a hand that was not found."""
    for number, clip in enumerate(clips):
        sequence = folder / f"{number % 20:02}" / f"{number:05}"
        sequence.mkdir()
        for frame, points in enumerate(np.nan_to_num(clip).astype(np.float64)):
            np.save(sequence / f"{frame}.npy", points.ravel())


def write_parquet_clips(folder: Path, clips: list[np.ndarray]) -> None:
    """As WLASL's landmarks come without the face: a row a landmark and frame."""
    parts, indices, seen = [], [], {}
    for name in POSE_HANDS_75.points:
        part = name.split(".")[0]
        parts.append(part)
        indices.append(seen.setdefault(part, 0))
        seen[part] += 1
    lines = ["path,sign,sequence_id"]
    for number, clip in enumerate(clips):
        name = f"{number % 20:02}/{number:05}.parquet"
        values = clip.reshape(-1, 3).astype(np.float64)
        columns = {
            "type": parts * len(clip),
            "landmark_index": indices * len(clip),
            "frame": np.repeat(np.arange(len(clip)), POSE_HANDS_75.num_points),
            **{axis: values[:, column] for column, axis in enumerate("xyz")},
            "visibility": np.ones(len(values)),
        }
        pq.write_table(pa.table(columns), folder / name)
        lines.append(f"{name},sign {number % 20:02},{number}")
    (folder / "train.csv").write_text("\n".join(lines) + "\n")


def from_files(paths: list[Path], read: Callable[[Path], np.ndarray], points: int) -> np.ndarray:
    """What `LandmarkCache.clips` gives, read from the clips' own files."""
    clips = np.full((len(paths), FRAMES, points, 3), np.nan, np.float32)
    for row, path in enumerate(paths):
        clip = read(path)
        picked = clip[frame_indices(len(clip), FRAMES)]
        clips[row, : len(picked)] = picked
    return clips


def from_cache(path: Path) -> np.ndarray:
    return sp.LandmarkCache.read(path).clips(frames=FRAMES)


def timed(read: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    start = time.perf_counter()
    clips = read()
    return time.perf_counter() - start, clips


def formats() -> dict[str, tuple]:
    """Name → topology, share of the clips, writer, importer, pattern of a clip's path, reader of one clip."""
    isl, pose_hands, points = LAYOUTS["isl_136"], LAYOUTS["pose_hands_75"], PointTable.of(POSE_HANDS_75)
    return {
        "clip files (T, 408)": (
            ISL_136, 1.0, write_clip_files, sp.import_clips, "*/*.npy", lambda path: isl.landmarks(read_clip(path)),
        ),
        "parquet clips": (
            POSE_HANDS_75, 1.0, write_parquet_clips,
            lambda folder, output: sp.import_parquet(folder, output, topology="pose_hands_75"),
            "*/*.parquet", lambda path: read_parquet_clip(path, points),
        ),
        "frame files (225)": (
            POSE_HANDS_75, FRAME_FILES_SHARE, write_frame_files, sp.import_frames, "*/*",
            lambda path: pose_hands.landmarks(read_frames(path)),
        ),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--work", type=Path, help="folder for about 600 MB of clips [default: a temporary one]")
    options = parser.parse_args()
    table = Table(title="seconds to read clips, from their files and from a cache")
    for column in ("format", "clips", "points", "MB", "cache MB", "s", "cache s", "ratio (spread)"):
        table.add_column(column, justify="left" if column == "format" else "right", no_wrap=True)
    with tempfile.TemporaryDirectory(dir=options.work) as work:
        for name, (topology, share, write, read_in, pattern, read) in formats().items():
            folder, cache = Path(work) / "clips", Path(work) / "clips.parquet"
            for label in range(20):
                (folder / f"{label:02}").mkdir(parents=True)
            clips = made_up_clips(int(options.clips * share), topology)
            write(folder, clips)
            with contextlib.redirect_stderr(io.StringIO()):
                read_in(folder, cache)
            paths = sorted(folder.glob(pattern))
            rounds = []
            for _ in range(options.rounds):
                slow, one = timed(lambda paths=paths, read=read, n=topology.num_points: from_files(paths, read, n))
                fast, other = timed(lambda cache=cache: from_cache(cache))
                np.testing.assert_array_equal(one, other)
                rounds.append((slow / fast, slow, fast))
            ratios = [ratio for ratio, _, _ in rounds]
            megabytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
            table.add_row(
                name, str(len(clips)), str(topology.num_points),
                f"{megabytes:.0f}", f"{cache.stat().st_size / 1e6:.0f}",
                f"{median(slow for _, slow, _ in rounds):.2f}", f"{median(fast for *_, fast in rounds):.2f}",
                f"{median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})",
            )  # fmt: skip
            for path in sorted(folder.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
