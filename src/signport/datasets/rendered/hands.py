"""`render_hands`: class folders of drawn hands, what is true about them, and what MediaPipe makes of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from signport.datasets.rendered.handshapes import vocabulary
from signport.errors import SignportError
from signport.files import read_json, write_bytes, write_json

if TYPE_CHECKING:
    from signport.datasets.cache import LandmarkCache
    from signport.datasets.rendered.pictures import Drawing

MANIFEST, LANDMARKS, SHEET = "render.json", "landmarks.parquet", "contact_sheet.png"
# Raise it when the same arguments begin to give other pictures, so that old and new ones are never mixed.
DRAWING_VERSION = 1
_MIN_SIZE, _MAX_SIZE = 64, 1024
_MIN_CONFIDENCE = 0.5


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
        wrong_share: Share of the found hands whose mean distance exceeds
            `truth.WRONG_BEYOND`; NaN without detection.
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


def render_hands(
    output: str | Path,
    classes: str = "asl22",
    *,
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

    Examples:
        >>> hands = sp.render_hands("rendered", classes="digits", per_class=1, size=128)
        >>> hands.cache.topology.name
        'hand'
    """
    from signport.datasets.rendered.pictures import Drawing, draw_missing
    from signport.datasets.rendered.truth import write_tables

    drawing = Drawing(classes, per_class, seed, size)
    _check(drawing, workers)
    folder = Path(output)
    _open_folder(folder, drawing)
    drawn = draw_missing(folder, drawing, workers)
    truth = write_tables(folder, drawing)
    if not detect:
        return RenderedHands(folder, None, {})
    return _detect(folder, drawing, truth, workers, fresh=drawn > 0)


def _check(drawing: "Drawing", workers: int) -> None:
    vocabulary(drawing.classes)
    if not _MIN_SIZE <= drawing.size <= _MAX_SIZE:
        raise SignportError(f"size is {drawing.size}; give {_MIN_SIZE} to {_MAX_SIZE} pixels")
    for name, value, least in (("per_class", drawing.per_class, 1), ("seed", drawing.seed, 0), ("workers", workers, 1)):
        if value < least:
            raise SignportError(f"{name} is {value}; give {least} or more")


def _arguments(drawing: "Drawing") -> dict[str, Any]:
    return {
        "vocabulary": drawing.classes,
        "per_class": drawing.per_class,
        "seed": drawing.seed,
        "size": drawing.size,
        "drawing_version": DRAWING_VERSION,
    }


def _open_folder(folder: Path, drawing: "Drawing") -> None:
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


def _detect(
    folder: Path, drawing: "Drawing", truth: dict[str, np.ndarray], workers: int, *, fresh: bool
) -> RenderedHands:
    """Landmarks, contact sheet and the report in `render.json`; what an earlier run finished is kept."""
    from signport.datasets.cache import LandmarkCache
    from signport.datasets.image_folder import capture_images
    from signport.datasets.rendered.contact_sheet import draw_contact_sheet
    from signport.datasets.rendered.pictures import encode_png
    from signport.datasets.rendered.truth import compare

    classes = vocabulary(drawing.classes)
    landmarks, sheet = folder / LANDMARKS, folder / SHEET
    if fresh or not landmarks.exists():
        # A sheet of an earlier run is an image too, but none to capture.
        sheet.unlink(missing_ok=True)
        # Without a second look, so that the rates are those of an app, which looks at a picture once.
        cache = capture_images(
            folder, landmarks, min_detection_confidence=_MIN_CONFIDENCE, workers=workers, border=0.0, classes=classes
        )
    else:
        cache = LandmarkCache.read(landmarks)
    rates = {label: found / drawing.per_class for label, found in cache.per_class().items()}
    agreement = compare(cache, truth)
    report = {
        **_arguments(drawing),
        "classes": list(classes),
        "detection_rates": rates,
        "overall_rate": float(np.mean(list(rates.values()))),
        "landmark_error": {"unit": "palm lengths", "median": agreement.median, "wrong_share": agreement.wrong_share},
    }
    write_json(folder / MANIFEST, report)
    if not sheet.exists():
        write_bytes(sheet, encode_png(draw_contact_sheet(folder, cache, truth, rates)))
    return RenderedHands(folder, cache, rates, agreement.median, agreement.wrong_share)
