"""A run's folder as `signport export` and `signport bundle` leave it, made in seconds from small untrained models.

The classifier knows four prototypes by construction: its answers have clear margins, so that every gate passes until a
test puts a fault in.
"""

import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from signport.export.convert import FORMATS
from signport.export.edge_cases import edge_cases
from signport.export.golden import Golden, write_golden
from signport.export.metadata import ModelInfo, finish
from signport.files import sha256_bytes, write_json, write_text
from signport.landmarks.asset_bundle import bundle_bytes, read_bundle
from signport.landmarks.hand_detector import hand_landmarker_task
from signport.landmarks.topology import topology_named
from signport.models.litert import LiteRtModel
from signport.parity import desktop

CLASSES = ("None", "A", "B", "C")
CANNED = ("None", "Closed_Fist", "Open_Palm")
SAMPLES = 60
FRAMES = 12
CLIP_FORMATS = ("float32", "float16", "dynamic")


def fresh_run(tmp_path_factory, tmp_path: Path) -> Path:
    """A copy of the faked run, which is built once a session."""
    original = tmp_path_factory.getbasetemp() / "faked-run"
    if not original.is_dir():
        building = tmp_path_factory.mktemp("building") / "run"
        _build(building / "export")
        building.rename(original)
    return Path(shutil.copytree(original, tmp_path / "run"))


def fresh_clip_run(tmp_path_factory, tmp_path: Path) -> Path:
    """A copy of a faked run of a sequence model, (12, 75, 3) landmarks with missing frames, without int8."""
    original = tmp_path_factory.getbasetemp() / "faked-clip-run"
    if not original.is_dir():
        building = tmp_path_factory.mktemp("building-clips") / "run"
        _build_clips(building / "export")
        building.rename(original)
    return Path(shutil.copytree(original, tmp_path / "clip-run"))


def clips(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """float32 (count, 12, 75, 3) padded with NaN, classes, and numbers of frames; hands drop out now and then."""
    random = np.random.default_rng(seed)
    labels, lengths = np.arange(count) % len(CLASSES), random.integers(4, FRAMES + 1, count)
    values = (_clip_prototypes()[labels][:, None] + random.normal(0, 0.1, (count, FRAMES, 75, 3))).astype(np.float32)
    values[random.random((count, FRAMES)) < 0.15, 33:] = np.nan
    values[np.arange(FRAMES) >= lengths[:, None]] = np.nan
    return values, labels, lengths


@cache
def fused_lstm_file() -> bytes:
    """A float32 file with the fused LSTM operator, which keeps its state between calls; input (1, 12, 75, 3)."""
    import tensorflow as tf
    import tf_keras

    tf_keras.utils.set_random_seed(3)
    landmarks = tf_keras.Input((FRAMES, 75, 3))
    hidden = tf_keras.layers.LSTM(8)(tf_keras.layers.Reshape((FRAMES, 225))(landmarks))
    model = tf_keras.Model(landmarks, tf_keras.layers.Dense(len(CLASSES), activation="softmax")(hidden))

    def answer(landmarks):
        return model(tf.where(tf.math.is_nan(landmarks), 0.0, landmarks), training=False)

    return _converted({"landmarks": (FRAMES, 75, 3)}, answer, ("probabilities", CLASSES), trackable=model)


def reseal(run: Path, form: str, content: bytes) -> None:
    """Replaces an exported file and its digest in the card: a faulty export, not a tampered one."""
    from signport.files import read_json

    card = read_json(run / "export/card.json")
    (run / "export" / card["files"][form]["file"]).write_bytes(content)
    card["files"][form] |= {"sha256": sha256_bytes(content), "bytes": len(content)}
    write_json(run / "export/card.json", card)


def add_task(run: Path, images: list[np.ndarray], labels: list[int]) -> None:
    """Adds a bundle of random embedder and heads, and golden images (RGB)."""
    import cv2

    random = np.random.default_rng(5)
    shapes = {"hand": (21, 3), "handedness": (1,), "world_hand": (21, 3)}
    weights = {name: random.normal(0, 0.3, (int(np.prod(shape)), 128)) for name, shape in shapes.items()}
    models = {
        "gesture_embedder.tflite": _converted(shapes, lambda *inputs: _dense_sum(inputs, weights), ("embedding", ())),
        "canned_gesture_classifier.tflite": _head(CANNED, random),
        "custom_gesture_classifier.tflite": _head(CLASSES, random),
    }
    landmarker = hand_landmarker_task()
    task = bundle_bytes({"hand_landmarker.task": landmarker, "hand_gesture_recognizer.task": bundle_bytes(models)})
    (run / "export/gesture_recognizer.task").write_bytes(task)
    digests = {Path(n).stem: sha256_bytes(c) for n, c in {**read_bundle(landmarker), **models}.items()}
    card = {"file": "gesture_recognizer.task", "sha256": sha256_bytes(task), "head": "float32", "embedder": "float32"}
    write_json(run / "export/bundle.json", {**card, "score_threshold": 0.5, "files": digests})
    pngs = {f"image_{n}": cv2.imencode(".png", image[..., ::-1])[1].ravel() for n, image in enumerate(images)}
    np.savez(run / "export/golden_images.npz", **pngs, label=np.array(labels, np.int64))


def _build(export: Path) -> None:
    random = np.random.default_rng(0)
    prototypes = random.normal(0, 1, (len(CLASSES), 63)).astype(np.float32)
    labels = np.arange(SAMPLES) % len(CLASSES)
    inputs = (prototypes[labels] + random.normal(0, 0.2, (SAMPLES, 63))).astype(np.float32).reshape(-1, 21, 3)
    scaled = (prototypes.T * 0.1).astype(np.float32)

    def answer(landmarks):
        import tensorflow as tf

        return tf.nn.softmax(tf.matmul(tf.reshape(landmarks, [1, 63]), scaled))

    export.mkdir(parents=True)
    files = {}
    for form in (form for form in FORMATS.values() if not form.optional):
        representative = inputs if form.quantized else None
        content = _converted(
            {"landmarks": (21, 3)}, answer, ("probabilities", CLASSES), form, representative=representative
        )
        (export / form.file_name).write_bytes(content)
        files[form.name] = {"file": form.file_name, "sha256": sha256_bytes(content), "bytes": len(content)}
    _write_golden(export, "hand", inputs, labels, lambda values: _softmax(values.reshape(-1, 63) @ scaled))
    write_text(export / "labels.txt", "".join(f"{name}\n" for name in CLASSES))
    card = {
        "name": "faked-001",
        "family": "mlp",
        "output": "probabilities",
        "classes": list(CLASSES),
        "inputs": [{"name": "landmarks", "shape": [1, 21, 3], "dtype": "float32", "description": ""}],
        "outputs": [{"name": "probabilities", "shape": [1, len(CLASSES)], "dtype": "float32", "description": ""}],
        "files": files,
        "metrics": {"test_samples": SAMPLES},
    }
    write_json(export / "card.json", card)


def _write_golden(export: Path, topology: str, inputs: np.ndarray, labels: np.ndarray, reference) -> None:
    """Real samples, edge cases, and what LiteRT answers to both with each file; NaN is no edge case of the hands'."""
    cases = edge_cases({"landmarks": inputs}, topology_named(topology))
    if topology == "hand":
        del cases["all missing"]
    odd = np.concatenate([case["landmarks"] for case in cases.values()])
    values = np.concatenate([inputs, odd])
    paths = {form.name: export / form.file_name for form in FORMATS.values()}
    golden = Golden(
        inputs={"landmarks": values},
        output=reference(values),
        labels=np.concatenate([labels, np.full(len(cases), -1)]),
        sample_ids=np.array([*(f"sample-{row:02d}" for row in range(len(inputs))), *cases]),
        label_names=np.array([*(CLASSES[label] for label in labels), *[""] * len(cases)]),
        edge=np.array([*[""] * len(inputs), *cases]),
        answers={form: LiteRtModel(path).predict([values]) for form, path in paths.items() if path.is_file()},
    )
    write_golden(export, golden)


def _clip_prototypes() -> np.ndarray:
    return np.random.default_rng(7).normal(0, 1, (len(CLASSES), 75, 3)).astype(np.float32)


def _build_clips(export: Path) -> None:
    """The mean of what was found, then one dense layer."""
    inputs, labels, _ = clips(SAMPLES, seed=1)
    weights = (_clip_prototypes().reshape(len(CLASSES), -1).T * 0.05).astype(np.float32)

    def answer(landmarks):
        import tensorflow as tf

        found = tf.equal(landmarks, landmarks)
        total = tf.reduce_sum(tf.where(found, landmarks, tf.zeros_like(landmarks)), axis=1)
        mean = total / tf.maximum(tf.reduce_sum(tf.cast(found, tf.float32), axis=1), 1.0)
        return tf.nn.softmax(tf.matmul(tf.reshape(mean, [1, 225]), weights))

    def reference(values):
        count = np.isfinite(values).sum(axis=1).astype(np.float32)
        mean = np.nansum(values, axis=1, dtype=np.float32) / np.maximum(count, 1)
        return _softmax(mean.reshape(len(values), -1) @ weights)

    export.mkdir(parents=True)
    files = {}
    for form in (FORMATS[name] for name in CLIP_FORMATS):
        content = _converted({"landmarks": (FRAMES, 75, 3)}, answer, ("probabilities", CLASSES), form)
        (export / form.file_name).write_bytes(content)
        files[form.name] = {"file": form.file_name, "sha256": sha256_bytes(content), "bytes": len(content)}
    _write_golden(export, "pose_hands_75", inputs, labels, reference)
    card = {
        "name": "faked-clips-001",
        "family": "lstm",
        "topology": "pose_hands_75",
        "output": "probabilities",
        "classes": list(CLASSES),
        "inputs": [{"name": "landmarks", "shape": [1, FRAMES, 75, 3], "dtype": "float32", "description": ""}],
        "outputs": [{"name": "probabilities", "shape": [1, len(CLASSES)], "dtype": "float32", "description": ""}],
        "files": files,
        "metrics": {"test_samples": SAMPLES},
    }
    write_json(export / "card.json", card)


def _softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)


def _dense_sum(inputs, weights):
    import tensorflow as tf

    flat = [tf.reshape(tensor, [1, -1]) for tensor in inputs]
    return tf.add_n([tf.matmul(x, w.astype(np.float32)) for x, w in zip(flat, weights.values(), strict=True)])


def _head(labels: tuple[str, ...], random: np.random.Generator) -> bytes:
    weights = random.normal(0, 0.2, (128, len(labels))).astype(np.float32)

    def answer(embedding):
        import tensorflow as tf

        return tf.nn.softmax(tf.matmul(embedding, weights))

    return _converted({"embedding": (128,)}, answer, ("probabilities", labels), threshold=0.5)


def _converted(
    shapes, answer, output, form=FORMATS["float32"], *, representative=None, threshold=None, trackable=None
) -> bytes:
    import tensorflow as tf

    signature = [tf.TensorSpec([1, *shape], tf.float32, name=name) for name, shape in shapes.items()]
    function = tf.function(answer, input_signature=signature, autograph=False).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], trackable)
    if form.optimize:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if form.float16:
        converter.target_spec.supported_types = [tf.float16]
    if representative is not None:
        converter.representative_dataset = lambda: ([sample[None]] for sample in representative)
    if form.name == "dynamic":
        # FULLY_CONNECTED with per-channel dynamic range (version 12) is too new for tflite-runtime 2.14.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    name, labels = output
    inputs = [(entry, "") for entry in shapes]
    info = ModelInfo("faked", "made up", inputs, (name, ""), labels, score_threshold=threshold)
    return finish(converter.convert(), info)


def without_runtime(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Takes a runtime off the desktop target, for the length of a test; the order of the others stays."""
    others = {runtime: remedy for runtime, remedy in desktop._RUNTIMES.items() if runtime != name}
    monkeypatch.setattr(desktop, "_RUNTIMES", others)
