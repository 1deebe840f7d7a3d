"""`signport inspect`: what is inside a `.tflite`, a `.task`, a landmark cache or a run."""

import io
import struct
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from signport.errors import SignportError
from signport.files import read_object, sha256_bytes
from signport.landmarks import asset_bundle
from signport.landmarks.asset_bundle import read_bundle

# Bundle → the models that MediaPipe refuses to start without.
_REQUIRED = {
    "gesture_recognizer": (asset_bundle.LANDMARKER, asset_bundle.RECOGNIZER),
    "hand_landmarker": ("hand_detector.tflite", "hand_landmarks_detector.tflite"),
    "hand_gesture_recognizer": (asset_bundle.GESTURE_EMBEDDER, asset_bundle.CANNED_CLASSIFIER),
}
_ALIGNMENT = 4
_LOCAL_HEADER = struct.Struct("<26xHH")  # name and extra lengths (APPNOTE.TXT, 4.3.7)


def inspect(path: str | Path) -> dict[str, Any]:
    """Describes a file or a run's folder.

    Args:
        path: A `.tflite`, a `.task`, a landmark cache (`.parquet`), a run's folder or an export folder.

    Returns:
        `kind` (`model`, `bundle`, `cache`, `run`), `path`, and what there is to say of that kind, fit for JSON.

    Raises:
        SignportError: Missing, damaged, or none of these.
    """
    path = Path(path)
    if not path.exists():
        raise SignportError(f"{path}: no such file or folder; give a .tflite, .task, .parquet or a run's folder")
    if path.is_dir():
        return {"kind": "run", "path": str(path), **_run(path)}
    with path.open("rb") as file:
        head = file.read(8)
    if path.suffix == ".parquet" or head[:4] == b"PAR1":
        return {"kind": "cache", "path": str(path), **_cache(path)}
    content = path.read_bytes()
    sealed = {"bytes": len(content), "sha256": sha256_bytes(content)}
    if head[4:8] == b"TFL3" or path.suffix == ".tflite":
        return {"kind": "model", "path": str(path), **sealed, **describe_model(content, str(path))}
    if head.startswith((b"PK", b"\0")) or path.suffix in {".task", ".zip"}:
        return {"kind": "bundle", "path": str(path), **sealed, **describe_bundle(content, str(path), path.stem)}
    raise SignportError(f"{path}: no .tflite, .task, landmark cache or run; give one of these")


def describe_model(content: bytes, title: str) -> dict[str, Any]:
    """Tensors, operators, metadata and labels of a `.tflite`.

    Raises:
        SignportError: Not a TFLite model, or a damaged one.
    """
    from signport.export.flatbuffer import operator_counts, operators, read_model, refusing_damaged
    from signport.export.metadata import describe, read_labels

    with refusing_damaged(title):
        model = read_model(content, title)
        graph = model.subgraphs[0]
        told = describe(content)
        custom = Counter(operator.name for operator in operators(content) if operator.custom)
        return {
            "inputs": [_tensor(graph.tensors[index]) for index in graph.inputs],
            "outputs": [_tensor(graph.tensors[index]) for index in graph.outputs],
            "operators": operator_counts(content),
            "custom_operators": dict(custom),
            "description": (model.description or b"").decode(errors="replace"),
            "metadata": {name: value for name, value in told.items() if name != "labels"},
            "labels": read_labels(content),
        }


def _tensor(tensor: Any) -> dict[str, Any]:
    from ai_edge_litert import schema_py_generated as schema

    types = {value: name for name, value in vars(schema.TensorType).items() if not name.startswith("_")}
    scale = tensor.quantization.scale if tensor.quantization is not None else None
    quantization = None
    if scale is not None and len(scale):
        quantization = {"scale": float(scale[0]), "zero_point": int(tensor.quantization.zeroPoint[0])}
    return {
        "name": (tensor.name or b"").decode(errors="replace"),
        "shape": [int(size) for size in (tensor.shape if tensor.shape is not None else [])],
        "dtype": types[tensor.type].lower(),
        "quantization": quantization,
    }


def describe_bundle(content: bytes, title: str, kind: str) -> dict[str, Any]:
    """Entries of a `.task`, nested ones included, and what MediaPipe would refuse.

    Raises:
        SignportError: Not a zip archive, or a damaged one.
    """
    models = read_bundle(content, name=title)
    if set(models) & set(_REQUIRED["gesture_recognizer"]):
        kind = "gesture_recognizer"
    required = _REQUIRED.get(kind, ())
    problems = [f"{title}: holds no {name}, which MediaPipe requires" for name in required if name not in models]
    entries = []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
    for info in infos:
        name, model = info.filename, models[info.filename]
        entry: dict[str, Any] = {"name": name, "bytes": len(model), "sha256": sha256_bytes(model)}
        entry["stored"] = info.compress_type == zipfile.ZIP_STORED
        entry["aligned"] = _data_offset(content, info) % _ALIGNMENT == 0
        if not entry["stored"]:
            problems.append(f"{title}: {name} is compressed; MediaPipe reads stored entries only")
        if not entry["aligned"]:
            problems.append(f"{title}: {name} is not aligned to {_ALIGNMENT} bytes, as Google's bundles are")
        inside = f"{title}: {name}"
        if name.endswith(".task"):
            entry["bundle"] = describe_bundle(model, inside, Path(name).stem)
            problems += entry["bundle"].pop("problems")
        elif name.endswith(".tflite"):
            entry["model"] = describe_model(model, inside)
        entries.append(entry)
    return {"bundle": kind, "entries": entries, "problems": problems}


def _data_offset(content: bytes, info: zipfile.ZipInfo) -> int:
    name_length, extra_length = _LOCAL_HEADER.unpack_from(content, info.header_offset)
    return int(info.header_offset + _LOCAL_HEADER.size + name_length + extra_length)


def _cache(path: Path) -> dict[str, Any]:
    from signport.datasets.cache import LandmarkCache
    from signport.datasets.cache_summary import summarize

    return summarize(LandmarkCache.read(path))


def _run(path: Path) -> dict[str, Any]:
    """What a run's folder holds, as far as it has come."""
    export = path / "export" if (path / "export").is_dir() else path
    card, record = export / "card.json", path / "run.json"
    if not card.is_file() and not record.is_file():
        raise SignportError(f"{path}: neither run.json nor export/card.json; give a run's folder")
    found: dict[str, Any] = {"training": None, "recipe": None, "export": None, "bundle": None, "parity": None}
    if record.is_file():
        training = read_object(record)
        found["training"] = {key: training.get(key) for key in ("finished", "classes", "cache", "metrics", "versions")}
        found["recipe"] = (
            (path / "recipe.yaml").read_text(encoding="utf-8") if (path / "recipe.yaml").is_file() else None
        )
    if card.is_file():
        exported = read_object(card)
        found["export"] = {
            key: exported.get(key) for key in ("name", "family", "output", "classes", "files", "metrics")
        }
    if (export / "bundle.json").is_file():
        found["bundle"] = read_object(export / "bundle.json")
    if (path / "parity" / "parity.json").is_file():
        report = read_object(path / "parity" / "parity.json")
        found["parity"] = {key: report.get(key) for key in ("status", "created", "broken", "skipped")}
    return found
