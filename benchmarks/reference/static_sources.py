"""Single hands from several sources: photographs of real people, a landmark table of another, and drawn hands."""

import csv
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

import signport as sp
from signport.errors import SignportError

LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
DIGITS = tuple("0123456789")
# What Google's canned gestures call a hand with so many open fingers; three and four have no name.
OPEN_FINGERS = {"0-hand": "Closed_Fist", "1-hand": "Pointing_Up", "2-hand": "Victory", "5-hand": "Open_Palm"}
CANNED = ("None", "Closed_Fist", "Open_Palm", "Pointing_Up", "Thumb_Down", "Thumb_Up", "Victory", "ILoveYou")
# The table does not say how its camera's pictures were shaped. Of 4:3, 16:9 and square it is 16:9 in which the bones of
# the palm keep their lengths best from sample to sample (spread .10, against .13 and .17); no label was looked at.
TABLE_IMAGE_SIZE = (1280, 720)
# Neighbours are frames of one webcam recording: to train on, one of ten says as much; 40 of a letter, as are drawn.
TABLE_STEP = 10
DRAWN_PER_CLASS = {"letters": 40, "canned": 100}
FOLDS = 3
# A number as in IMG_4170.JPG.
_SHOT = re.compile(r"IMG_(\d+)")
# Students sign 0 to 9 in turn: the digit that falls by so much, or a camera that was put away, starts the next one.
_LEAST_FALL, _PAUSE = 4, 50


class StaticSources:
    """Caches of the sources, made when first asked for and kept in the work folder.

    Args:
        data: The folder of real data.
        work: Where caches stay.
    """

    def __init__(self, data: Path, work: Path) -> None:
        self.data, self.work = data, work
        work.mkdir(parents=True, exist_ok=True)

    @property
    def bundle(self) -> Path:
        """Google's gesture recognizer."""
        return self.data / "models" / "gesture_recognizer.task"

    def table(self) -> sp.LandmarkCache:
        """Letters of one person, in front of a webcam."""
        path = self.work / "table.parquet"
        source = self.data / "landmarks-asl-ai" / "asl-ai.npz"
        return _kept(path) or sp.import_npz(source, path, image_size=TABLE_IMAGE_SIZE)

    def thinned_table(self) -> sp.LandmarkCache:
        """One of ten samples of the table."""
        return self.table().take(np.arange(0, len(self.table()), TABLE_STEP))

    def letters(self) -> sp.LandmarkCache:
        """Photographs of another person's letters."""
        path = self.work / "letters.parquet"
        return _kept(path) or sp.capture_images(self.data / "photos-asl-letters", path, workers=2)

    def digits(self) -> sp.LandmarkCache:
        """Photographs of students' digits; groups are the students, in the order in which they came."""
        path, folder = self.work / "digits.parquet", self.data / "photos-asl-digits"
        names = [f"{digit}/{file.name}" for digit in DIGITS for file in sorted((folder / digit).glob("IMG_*"))]
        return _kept(path) or sp.capture_images(folder, path, workers=2, classes=DIGITS, groups=students(names))

    def open_fingers(self) -> sp.LandmarkCache:
        """Frames with none, one, two or five open fingers, under the names of Google's canned gestures."""
        path, folder = self.work / "open-fingers.parquet", self.work / "open-fingers"
        if found := _kept(path):
            return found
        shutil.rmtree(folder, ignore_errors=True)
        source = self.data / "photos-open-fingers"
        with (source / "labels.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                if row["class"] in OPEN_FINGERS:
                    target = folder / OPEN_FINGERS[row["class"]] / row["filename"]
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(source / "images" / row["filename"], target)
        return sp.capture_images(folder, path, workers=2)

    def drawn(self, vocabulary: str, classes: tuple[str, ...]) -> sp.LandmarkCache:
        """Drawn hands of many made-up people, found by MediaPipe."""
        folder = self.work / f"drawn-{vocabulary}"
        rendered = sp.render_hands(folder, vocabulary, per_class=DRAWN_PER_CLASS[vocabulary], workers=2).cache
        assert rendered is not None  # none comes of detect=False only
        part = rendered.take(np.isin(rendered.table["label"].to_pylist(), classes))
        return sp.LandmarkCache(replace(part.header, classes=classes), part.table)


def students(names: list[str]) -> dict[str, str]:
    """Photograph (`<digit>/IMG_<number>.JPG`) → student.

    File numbers count a camera's shots. Sorted by them, the digits run 0 to 9 again and again (126 of 138 runs are
    exactly that; the others lack or repeat some): each run is a student.
    """
    shots = sorted((int(_SHOT.findall(name)[0]), int(name.split("/")[0]), name) for name in names)
    student, found = 0, {}
    for place, (number, digit, name) in enumerate(shots):
        if place:
            before, last, _ = shots[place - 1]
            student += last - digit >= _LEAST_FALL or number - before > _PAUSE
        found[name] = f"student {student:03d}"
    return found


def fold_of(cache: sp.LandmarkCache, fold: int) -> tuple[sp.LandmarkCache, sp.LandmarkCache]:
    """The students of all other folds, and those of this one: neighbours, should one have come twice in a row."""
    names = sorted({group for group in cache.groups if group is not None})
    number = {name: place * FOLDS // len(names) for place, name in enumerate(names)}
    held_back = np.array([number[str(group)] == fold % FOLDS for group in cache.groups])
    return cache.take(~held_back), cache.take(held_back)


def _kept(path: Path) -> sp.LandmarkCache | None:
    try:
        return sp.LandmarkCache.read(path) if path.is_file() else None
    except SignportError:
        return None
