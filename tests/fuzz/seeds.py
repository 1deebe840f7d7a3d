"""Small valid files of every format that signport reads, made by signport's own writers where it has one."""

import csv
import io
import json
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader, Skipped
from signport.datasets.sample import Sample
from signport.landmarks.asset_bundle import (
    CANNED_CLASSIFIER,
    CUSTOM_CLASSIFIER,
    GESTURE_EMBEDDER,
    LANDMARKER,
    RECOGNIZER,
    bundle_bytes,
)

_RANDOM = np.random.default_rng(0)


@cache
def tflite() -> list[bytes]:
    """A dense layer with a softmax, in float and with int8 weights, named, described and labelled."""
    from ai_edge_litert import schema_py_generated as schema

    from signport.export.metadata import ModelInfo, finish
    from signport.parity.graph_builder import GraphBuilder

    files = []
    for labels in (("A", "B", "C"), ()):
        graph = GraphBuilder("dense")
        kind = schema.TensorType
        given, answer = graph.tensor((1, 4), kind.FLOAT32), graph.tensor((1, 3), kind.FLOAT32)
        scale = {"scale": [0.1, 0.2, 0.3]} if labels else {}
        values = np.arange(12, dtype=np.int8 if labels else np.float32)
        kernel = graph.tensor((3, 4), kind.INT8 if labels else kind.FLOAT32, data=values, **scale)
        bias = graph.tensor((3,), kind.FLOAT32, data=np.ones(3, np.float32))
        dense = graph.tensor((1, 3), kind.FLOAT32)
        options = schema.FullyConnectedOptionsT()
        graph.add("FULLY_CONNECTED", [given, kernel, bias], dense, version=3 if labels else 1, options=options)
        softmax = schema.SoftmaxOptionsT()
        softmax.beta = 1.0
        graph.add("SOFTMAX", [dense], answer, options=softmax)
        info = ModelInfo("dense", "A small model.", [("landmarks", "x")], ("probabilities", "y"), labels)
        files.append(finish(graph.finish({"landmarks": given}, answer), info))
    return files


@cache
def task() -> list[bytes]:
    """A gesture bundle with its two nested ones, and a hand landmarker."""
    model = tflite()[0]
    landmarker = bundle_bytes({"hand_detector.tflite": model, "hand_landmarks_detector.tflite": model})
    recognizer = bundle_bytes(dict.fromkeys((GESTURE_EMBEDDER, CANNED_CLASSIFIER, CUSTOM_CLASSIFIER), model))
    return [bundle_bytes({LANDMARKER: landmarker, RECOGNIZER: recognizer}), landmarker]


def _saved(save, *arrays, **named) -> bytes:
    stream = io.BytesIO()
    save(stream, *arrays, **named)
    return stream.getvalue()


@cache
def npz() -> list[bytes]:
    """Tables of hands: float landmarks with names, compressed landmarks without z with indices and groups."""
    points = _RANDOM.random((3, 63)).astype(np.float32)
    labels = np.array(["A", "B", "B"])
    return [
        _saved(np.savez, features=points, labels=labels),
        _saved(
            np.savez_compressed,
            X=points.astype(np.float64)[:, :42],
            y=np.array([0, 1, 1]),
            classes=np.array(["A", "B"]),
            groups=np.array([7, 8, 8]),
        ),
    ]


@cache
def npy() -> list[bytes]:
    """A clip, a frame, and what must not be loaded."""
    return [
        _saved(np.save, _RANDOM.random((2, 225)).astype(np.float32)),
        _saved(np.save, np.asfortranarray(_RANDOM.random((2, 21, 3)).astype(">f8"))),
        _saved(np.save, np.arange(258, dtype=np.int16)),
        _saved(np.save, np.array([{}], object)),
    ]


@cache
def csv_table() -> list[bytes]:
    """Tables of hands, with a header and without."""
    row = [f"{value:.3f}" for value in _RANDOM.random(63)]
    header = [f"{axis}{point}" for point in range(21) for axis in "xyz"]
    first, second = io.StringIO(), io.StringIO()
    csv.writer(first).writerows([[*header, "label"], [*row, "A"], [*row, "B"]])
    csv.writer(second, delimiter=";").writerows([["A", *row[:42]], ["B", *row[:42]]])
    return [first.getvalue().encode(), second.getvalue().encode()]


def _cache() -> LandmarkCache:
    def hand(number: int) -> Sample:
        points = _RANDOM.random((1, 21, 3)).astype(np.float32)
        return Sample(
            f"A/{number}", "AB"[number % 2], points, "s1", f"{number}.png", points if number else None, 0.5, (64, 48)
        )

    header = CacheHeader("hand", ("A", "B"), {"name": "table"}, (Skipped("x.png", "A", "no hand"),))
    return LandmarkCache.from_samples([hand(number) for number in range(4)], header)


@cache
def cache_parquet() -> list[bytes]:
    """A landmark cache of hands."""
    with tempfile.TemporaryDirectory() as folder:
        _cache().write(Path(folder, "hands.parquet"))
        return [Path(folder, "hands.parquet").read_bytes()]


@cache
def cache_header() -> list[bytes]:
    """The header of a cache, and that of a partitioned one."""
    header = _cache().header.to_json()
    parts = [{"file": "part-00000.parquet", "samples": 4, "sha256": "0"}]
    return [json.dumps(header).encode(), json.dumps({**header, "parts": parts}).encode()]


@cache
def parquet_clip() -> list[bytes]:
    """A clip of two frames in rows, as WLASL and Kaggle ISLR have them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = {
        "frame": pa.array([1, 1, 2, 2], pa.int16()),
        "type": ["pose", "left_hand", "pose", "left_hand"],
        "landmark_index": pa.array([0, 1, 0, 1], pa.int16()),
        **{axis: pa.array([0.1, 0.2, None, 0.4], pa.float64()) for axis in "xyz"},
    }
    files = []
    for options in ({}, {"compression": "none", "use_dictionary": False}):
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(rows), sink, **options)
        files.append(sink.getvalue().to_pybytes())
    return files


@cache
def pictures() -> list[bytes]:
    """One picture in every format that is read."""
    import cv2

    picture = _RANDOM.integers(0, 256, (12, 16, 3)).astype(np.uint8)
    return [cv2.imencode(suffix, picture)[1].tobytes() for suffix in (".png", ".jpg", ".webp", ".bmp", ".tiff")]


@cache
def videos() -> list[bytes]:
    """A clip of six frames as MP4 and as AVI."""
    import cv2

    found = []
    for suffix, codec in ((".mp4", "mp4v"), (".avi", "MJPG")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"clip{suffix}")
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 25, (32, 32))
            for value in range(6):
                writer.write(np.full((32, 32, 3), 40 * value, np.uint8))
            writer.release()
            found.append(path.read_bytes())
    return found


@cache
def multipart() -> list[bytes]:
    """An upload."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    return [head + pictures()[0][:40] + b"\r\n--b--\r\n", head + b"x\r\n" + head + b"y\r\n--b--\r\n"]


@cache
def checkpoint() -> list[bytes]:
    """The part of a checkpoint that tells where its training stood, in its archive."""
    import zipfile

    state = {"family": "mlp", "recipe_digest": "0", "classes": ["A"], "history": [{"epoch": 1, "loss": 0.5}]}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("signport.json", json.dumps(state))
    return [stream.getvalue()]


@cache
def golden() -> list[bytes]:
    """Golden vectors."""
    from signport.export.golden import GOLDEN_FILE, Golden, write_golden

    ones, names, edge = np.ones((2, 3), np.float32), np.array(["A", "B"]), np.array(["", "nan"])
    with tempfile.TemporaryDirectory() as folder:
        write_golden(
            Path(folder),
            Golden({"landmarks": ones}, ones[:, :2], np.arange(2), names, names, edge, {"int8": ones[:, :2]}),
        )
        return [Path(folder, GOLDEN_FILE).read_bytes()]
