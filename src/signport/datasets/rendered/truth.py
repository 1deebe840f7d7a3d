"""What is true about rendered pictures, and how close MediaPipe comes to it."""

import csv
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.datasets.rendered.pictures import Drawing, image_name
from signport.files import write_bytes, write_text

GROUPS, TRUTH = "groups.csv", "truth.npz"
# A detection counts as wrong where its joints lie, on average, further than this from the true ones, in palm lengths.
# MediaPipe's own idea of where a joint sits differs from the bones' ends by about 0.07.
WRONG_BEYOND = 0.3


def write_tables(folder: Path, drawing: Drawing) -> dict[str, np.ndarray]:
    """Writes `groups.csv` and `truth.npz`, both worked out from the arguments alone.

    Returns:
        What `truth.npz` holds, a row a picture: `files`, `labels`, `shapes` (the handshape; differs from the label for
        `None`), `signers`, `left`, `joint_angles` float32 (n, 21) in degrees as `HandPose.vector`, `view_angles` (n, 3)
        yaw, pitch and roll, `joints` (n, 21, 3) pixels with depth towards the camera, `palm_length` (n,) pixels.
    """
    scenes = [drawing.scene(*task) for task in drawing.tasks()]
    names = [image_name(*task) for task in drawing.tasks()]
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


def compare(cache: LandmarkCache, truth: dict[str, np.ndarray]) -> "Agreement":
    """How far the landmarks that were found lie from the true joints."""
    row = {name: number for number, name in enumerate(truth["files"].tolist())}
    rows = [row[sample_id] for sample_id in cache.sample_ids]
    found = cache.landmarks[:, :, :2] * cache.image_sizes[:, None, :]
    distances = np.linalg.norm(found - truth["joints"][rows, :, :2], axis=2).mean(axis=1)
    errors = distances / truth["palm_length"][rows]
    return Agreement(errors, float(np.median(errors)), float(np.mean(errors > WRONG_BEYOND)))


@dataclass(frozen=True)
class Agreement:
    """Found against true joints, in palm lengths.

    Attributes:
        errors: (samples,) mean distance over a hand's joints, in cache order.
        median: Of `errors`.
        wrong_share: Share of `errors` beyond `WRONG_BEYOND`.
    """

    errors: np.ndarray
    median: float
    wrong_share: float


def npz_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """A compressed .npz whose bytes depend on the arrays alone."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), entry.getvalue(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
