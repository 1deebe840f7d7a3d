"""The real clips, and what is known of their recording.

ilker: one signer, three signs, 60 clips each of 30 frames. Each sign was recorded in two sittings, clips 0–29 and
30–59: between them the camera or the chair moved (for `hello` the shoulders are .49 of the picture wide, then .41). In
a sitting one clip follows the other: the first frame of a clip still shows the end of the one before, so that a random
split puts neighbours on both sides. Here one sitting is learned from and the other tested, both ways. The signer
changes the hand, for some signs in every clip and for others in a few, so that a model may take the hand for the sign:
all methods learn from the clips and from their mirror images.

MSL-150: one signer, five signs, 11 to 20 clips. Its authors call part of the clips augmentations (rotation, pace,
noise) of others and do not say which. No frame of any clip is another's, as it is or moved and scaled; but within a
sign the shoulders stay within .02 picture widths of one place, while their tilt goes through 10 to 15 degrees without
much of a gap. So clips are kept together by tilt: one half of a sign's tilts is learned from and the other tested, both
ways. That holds back the nearest relatives of each clip, whether they are augmentations or takes. Each sign was
recorded at its own place in the picture, which alone tells signs apart; in shoulder widths from between the shoulders,
as all methods here get them, it does not. Five clips show a body in less than half of their frames (four are of
`doctor`) and are left out: they would be known by being empty.
"""

import re
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

import signport as sp
from signport.datasets.sample import Sample
from signport.landmarks.topology import POSE_HANDS_75

SITTING = 30
# Neighbours within a sitting, for cross-validation inside the training part.
BLOCK = 5
FEW = (2, 5)
SEEN = 0.5
MIRRORED = " mirrored"


@dataclass(frozen=True)
class Fold:
    """What is learned from, and what is tested.

    Attributes:
        name: Part of the run's name.
        train: Rows of the cache, int64, ascending.
        test: The same.
    """

    name: str
    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class SequenceTask:
    """A data set and how it is held back.

    Attributes:
        key: In names of runs.
        cache: The clips.
        groups: Per clip, what cross-validation inside a training part keeps together, int64 (samples,).
        folds: Seed → the folds; scores are over the test parts of all.
        formats: What is tested of each family: `float`, `int8`.
    """

    key: str
    cache: sp.LandmarkCache
    groups: np.ndarray
    folds: Callable[[int], list[Fold]]
    formats: tuple[str, ...] = ("float", "int8")


def sequence_tasks(data: Path, work: Path) -> dict[str, Callable[[], SequenceTask]]:
    """Name → what makes the task, in the order in which they are measured; caches are made when first needed."""
    tasks: dict[str, Callable[[], SequenceTask]] = {
        "ilker: one sitting to the other": partial(sittings, data, work),
        "MSL-150: one posture to another": partial(postures, data, work),
        "MSL-150: tables to videos": partial(videos, data, work),
    }
    for amount in FEW:
        name = f"ilker: one sitting to the other, {amount} clips a sign"
        tasks[name] = partial(sittings, data, work, amount)
    return tasks


def sittings(data: Path, work: Path, amount: int = 0) -> SequenceTask:
    """Learns from one sitting of ilker and its mirror images and tests the other, both ways.

    With an amount: from so many clips a sign of the first sitting, drawn anew by each seed; float only, for time.
    """
    clips = with_mirror_images(ilker(data, work))
    number = np.array([int(sample.removesuffix(MIRRORED).split("/")[1]) for sample in clips.sample_ids])
    row_of = {sample: row for row, sample in enumerate(clips.sample_ids)}
    image = np.array([row_of.get(sample + MIRRORED, -1) for sample in clips.sample_ids])
    both_ways = halves(np.where(image >= 0, number // SITTING, -1))

    def with_images(fold: Fold) -> Fold:
        return Fold(fold.name, np.sort(np.concatenate([fold.train, image[fold.train]])), fold.test)

    def folds(seed: int) -> list[Fold]:
        chosen = [drawn(both_ways[0], clips.labels, amount, seed)] if amount else both_ways
        return [with_images(fold) for fold in chosen]

    if amount:
        return SequenceTask(f"ilker{amount}", clips, number, folds, formats=("float",))
    return SequenceTask("ilker", clips, number // BLOCK, folds)


def postures(data: Path, work: Path) -> SequenceTask:
    """Learns from one half of MSL-150's tilts and tests the other, both ways."""
    clips = msl150(data, work)
    tilts = by_tilt(clips)
    folds = halves(tilts // 2)
    return SequenceTask("msl150", clips, tilts, lambda _seed: folds)


def videos(data: Path, work: Path) -> SequenceTask:
    """Learns from MSL-150's tables and reads five videos of the same signer with signport's own detector."""
    signs = msl150(data, work)
    path = work / "msl150-videos.parquet"
    if path.is_file():
        filmed = sp.LandmarkCache.read(path)
    else:
        with tempfile.TemporaryDirectory() as name:
            for video in sorted((data / "videos-msl150").glob("*.mp4")):
                place = Path(name) / video.stem.split("_")[0]
                place.mkdir()
                shutil.copy(video, place)
            filmed = sp.capture_videos(Path(name), path, topology="pose_hands_75", workers=2)
    clips = sp.merge_caches([signs, filmed])
    from_video = np.array([sample.endswith(".mp4") for sample in clips.sample_ids])
    groups = np.full(len(clips), -1)
    groups[~from_video] = by_tilt(signs)
    fold = Fold("videos", np.flatnonzero(~from_video), np.flatnonzero(from_video))
    return SequenceTask("msl150-videos", clips, groups, lambda _seed: [fold], formats=("float",))


def halves(part: np.ndarray) -> list[Fold]:
    """Two folds: part 0 learned from and part 1 tested, and the other way round."""
    rows = [np.flatnonzero(part == number) for number in (0, 1)]
    return [Fold(f"part{number}", rows[number], rows[1 - number]) for number in (0, 1)]


def drawn(fold: Fold, labels: np.ndarray, amount: int, seed: int) -> Fold:
    """A fold that learns from so many clips a sign, drawn by the seed, and tests the same as before."""
    random = np.random.default_rng([seed, amount, int(fold.train[0])])
    ours = labels[fold.train]
    rows = [random.choice(fold.train[ours == label], amount, replace=False) for label in np.unique(ours)]
    return Fold(f"{fold.name}-of{amount}", np.sort(np.concatenate(rows)), fold.test)


def by_tilt(clips: sp.LandmarkCache) -> np.ndarray:
    """Which quarter of its sign's clips each clip belongs to by the tilt of the shoulders: 0 to 3, int64 (samples,)."""
    index = POSE_HANDS_75.index
    values = clips.clips(POSE_HANDS_75)[..., :2]
    across = values[:, :, index["pose.left_shoulder"]] - values[:, :, index["pose.right_shoulder"]]
    tilt = np.nanmedian(np.arctan2(across[..., 1], across[..., 0]), axis=1)
    quarter = np.zeros(len(clips), np.int64)
    for label in np.unique(clips.labels):
        rows = np.flatnonzero(clips.labels == label)
        quarter[rows[np.argsort(tilt[rows], kind="stable")]] = np.arange(len(rows)) * 4 // len(rows)
    return quarter


def with_mirror_images(clips: sp.LandmarkCache) -> sp.LandmarkCache:
    """The clips, and each as its mirror image: left and right change places; ids end in `MIRRORED`."""
    other = {"left": "right", "right": "left"}
    names = [re.sub("left|right", lambda found: other[found[0]], name) for name in clips.topology.points]
    swapped = [clips.topology.index[name] for name in names]
    samples = []
    for row, (name, label) in enumerate(zip(clips.sample_ids, clips.labels, strict=True)):
        image = clips.clip(row)[:, swapped] * [-1, 1, 1] + [1, 0, 0]
        for suffix, values in (("", clips.clip(row)), (MIRRORED, image.astype(np.float32))):
            samples.append(Sample(name + suffix, clips.classes[label], values))
    return sp.LandmarkCache.from_samples(samples, replace(clips.header, skipped=()))


def ilker(data: Path, work: Path) -> sp.LandmarkCache:
    """Three signs of one person: pose and hands."""
    return _imported(data / "sequences-ilker" / "MP_Data.tar.xz", work / "ilker.parquet", "pose_hands_75")


def msl150(data: Path, work: Path) -> sp.LandmarkCache:
    """Five signs of one person: pose and hands; without the clips that hardly show a body."""
    clips = _imported(data / "sequences-msl150" / "sample_npy.tar.gz", work / "msl150.parquet", "pose_hands_75")
    nose = POSE_HANDS_75.index["pose.nose"]
    seen = np.mean(~np.isnan(clips.clips(POSE_HANDS_75)[:, :, nose, 0]), axis=1)
    return clips.take(seen >= SEEN)


def _imported(archive: Path, path: Path, topology: str) -> sp.LandmarkCache:
    if path.is_file():
        return sp.LandmarkCache.read(path)
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        (root,) = Path(folder).iterdir()
        return sp.import_frames(root, path, topology=topology, workers=2)
