"""`render_hands`: class folders of drawn hands, what is true about them, and what MediaPipe makes of them."""

import csv
import io
import os
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from signport.datasets.rendered.handshapes import vocabulary
from signport.errors import SignportError
from signport.files import atomic_file, read_json, write_bytes, write_json, write_text
from signport.progress import track

if TYPE_CHECKING:
    from signport.datasets.cache import LandmarkCache
    from signport.datasets.rendered.scene import Scene

MANIFEST, GROUPS, TRUTH, LANDMARKS, SHEET = (
    "render.json", "groups.csv", "truth.npz", "landmarks.parquet", "contact_sheet.png",
)  # fmt: skip
# Raise it when the same arguments begin to give other pictures: folders of an older drawing are then not mixed with new.
DRAWING_VERSION = 1
_MIN_SIZE, _MAX_SIZE = 64, 1024
_MIN_CONFIDENCE = 0.5
# A detection counts as wrong where its joints lie, on average, further than this from the true ones. Unit: the length
# of the palm. MediaPipe's own idea of where a joint sits differs from the bones' by about 0.07.
WRONG_BEYOND = 0.3


@dataclass(frozen=True)
class RenderedHands:
    """What `render_hands` made.

    Attributes:
        folder: Holds `<class>/<signer>_<index>.png`, `groups.csv`, `truth.npz`, `render.json` and, if detected,
            `landmarks.parquet` and `contact_sheet.png`.
        cache: Landmarks that MediaPipe found, of topology `hand`; None without detection.
        detection_rates: Class → share of its images with a hand found, 0 to 1; empty without detection.
        landmark_error: Median over images of the mean distance between found and true joints, in palm lengths; NaN
            without detection.
        wrong_share: Share of the found hands whose mean distance exceeds `WRONG_BEYOND`; NaN without detection.
    """

    folder: Path
    cache: "LandmarkCache | None"
    detection_rates: dict[str, float]
    landmark_error: float = float("nan")
    wrong_share: float = float("nan")

    @property
    def overall_rate(self) -> float:
        """Share of all images with a hand found; NaN without detection."""
        return float(np.mean(list(self.detection_rates.values()))) if self.detection_rates else float("nan")


@dataclass(frozen=True)
class Drawing:
    """The arguments that pictures depend on."""

    classes: str
    per_class: int
    seed: int
    size: int

    def tasks(self) -> list[tuple[str, int]]:
        """(class, index) of every picture."""
        return [(label, index) for label in vocabulary(self.classes) for index in range(self.per_class)]

    def scene(self, label: str, index: int) -> "Scene":
        from signport.datasets.rendered.scene import make_scene

        return make_scene(self.classes, label, index, self.seed, self.size)


def render_hands(
    output: str | Path,
    classes: str = "asl22",
    per_class: int = 60,
    seed: int = 0,
    size: int = 256,
    workers: int = 1,
    detect: bool = True,
) -> RenderedHands:
    """Draws labelled hands and finds their landmarks with MediaPipe's HandLandmarker.

    The pictures depend on classes, per_class, seed and size alone; picture i of a class is the same whatever per_class.
    An interrupted run, started again with the same arguments, goes on and ends with the same files.

    Args:
        output: Folder for the class folders and tables; new, or of an earlier run with the same arguments.
        classes: Vocabulary: `asl22`, `letters`, `digits` or `canned`.
        per_class: Images a class. From 20 on, every made-up signer shows every class.
        seed: Of everything random.
        size: Side of the square images in pixels.
        workers: Number of processes that draw and detect.
        detect: Whether to find landmarks and draw the contact sheet.

    Returns:
        The folder, the landmark cache and the detection rate of each class.

    Raises:
        SignportError: A bad argument, a folder that holds something else, or a class in which no hand was found.
    """
    drawing = _checked(Drawing(classes, per_class, seed, size), workers)
    folder = Path(output)
    _open_folder(folder, drawing)
    drawn = _draw_missing(folder, drawing, workers)
    truth = _write_tables(folder, drawing)
    if not detect:
        return RenderedHands(folder, None, {})
    return _detect(folder, drawing, truth, workers, fresh=drawn > 0)


def image_name(label: str, index: int, signer: str) -> str:
    """Path of a picture below the output folder, such as `A/signer03_00023.png`."""
    return f"{label}/{signer}_{index:05d}.png"


def _checked(drawing: Drawing, workers: int) -> Drawing:
    vocabulary(drawing.classes)
    if not _MIN_SIZE <= drawing.size <= _MAX_SIZE:
        raise SignportError(f"size is {drawing.size}; give {_MIN_SIZE} to {_MAX_SIZE} pixels")
    for name, value, least in (("per_class", drawing.per_class, 1), ("seed", drawing.seed, 0), ("workers", workers, 1)):
        if value < least:
            raise SignportError(f"{name} is {value}; give {least} or more")
    return drawing


def _arguments(drawing: Drawing) -> dict[str, Any]:
    return {
        "vocabulary": drawing.classes,
        "per_class": drawing.per_class,
        "seed": drawing.seed,
        "size": drawing.size,
        "drawing_version": DRAWING_VERSION,
    }


def _open_folder(folder: Path, drawing: Drawing) -> None:
    """Claims a new folder, or makes sure that an old one was made with the same arguments."""
    if folder.exists() and not folder.is_dir():
        raise SignportError(f"{folder}: a file, not a folder; choose another output")
    manifest = folder / MANIFEST
    wanted = _arguments(drawing)
    if manifest.exists():
        found = read_json(manifest)
        for name, value in wanted.items():
            old = found.get(name) if isinstance(found, dict) else None
            if old != value:
                raise SignportError(
                    f"{folder}: was rendered with {name} {old!r}, not {value!r}; choose another folder or delete it"
                )
    elif folder.is_dir() and any(folder.iterdir()):
        raise SignportError(f"{folder}: holds other files and no {MANIFEST}; choose another folder or empty it")
    else:
        write_json(manifest, {**wanted, "classes": list(vocabulary(drawing.classes))})


def _draw_missing(folder: Path, drawing: Drawing, workers: int) -> int:
    """Draws the pictures that are not there yet; returns how many."""
    from signport.datasets.rendered.signer import signer_name

    missing = [
        (label, index)
        for label, index in drawing.tasks()
        if not (folder / image_name(label, index, signer_name(index))).exists()
    ]
    if not missing:
        return 0
    batches = [missing[start : start + 8] for start in range(0, len(missing), 8)]
    jobs = [(folder, drawing, batch) for batch in batches]
    done = (batch for batch in _run(jobs, min(workers, len(jobs))))
    steps = (step for count in done for step in range(count))
    for _ in track(steps, "draw hands", len(missing), unit="images"):
        pass
    return len(missing)


def _run(jobs: list[tuple[Path, Drawing, list[tuple[str, int]]]], workers: int) -> Iterator[int]:
    if workers == 1:
        yield from map(_draw_batch, jobs)
        return
    # Not fork: TensorFlow and MediaPipe may already run threads in this process.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_draw_batch, jobs)


def _draw_batch(job: tuple[Path, Drawing, list[tuple[str, int]]]) -> int:
    """Draws and writes a few pictures; runs in a worker process."""
    import cv2

    folder, drawing, tasks = job
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for label, index in tasks:
            scene = drawing.scene(label, index)
            path = folder / image_name(label, index, scene.signer.name)
            _write_whole(path, encode_png(scene.draw()))
    finally:
        cv2.setNumThreads(threads)
    return len(tasks)


def encode_png(image: np.ndarray) -> bytes:
    """PNG of uint8 (height, width, 3) RGB. Camera noise hardly compresses, so the fastest level is taken."""
    import cv2

    return bytes(cv2.imencode(".png", image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1])


def _write_whole(path: Path, content: bytes) -> None:
    """Like `files.write_bytes`, without its fsync: a picture lost in a power cut is drawn again."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise SignportError(
            f"{path}: cannot write ({error.strerror}); free space or choose a folder you can write to"
        ) from error


def _write_tables(folder: Path, drawing: Drawing) -> dict[str, np.ndarray]:
    """Writes `groups.csv` and `truth.npz`, both worked out from the arguments; returns the truth."""
    scenes = [drawing.scene(label, index) for label, index in drawing.tasks()]
    names = [image_name(scene.label, index, scene.signer.name) for scene, (_, index) in zip(scenes, drawing.tasks(), strict=True)]
    truth = {
        "files": np.array(names),
        "labels": np.array([scene.label for scene in scenes]),
        "shapes": np.array([scene.shape for scene in scenes]),
        "signers": np.array([scene.signer.name for scene in scenes]),
        "left": np.array([scene.view.left for scene in scenes]),
        "joint_angles": np.array([scene.pose.vector() for scene in scenes], np.float32),
        "view_angles": np.array([scene.angles for scene in scenes], np.float32),
        "joints": np.array([scene.joints() for scene in scenes], np.float32),
        "palm_length": np.array([scene.palm_length() for scene in scenes], np.float32),
    }
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(("file", "group"))
    rows.writerows(sorted(zip(names, truth["signers"].tolist(), strict=True)))
    write_text(folder / GROUPS, table.getvalue())
    write_bytes(folder / TRUTH, npz_bytes(truth))
    return truth


def npz_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """A compressed .npz whose bytes depend on the arrays alone (NumPy's own carries no dates either, but says nothing)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), entry.getvalue(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
