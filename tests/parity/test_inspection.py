import zipfile

import numpy as np
import pytest
from tests.parity.faked_run import CLASSES, add_task, fresh_run

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader, Skipped
from signport.datasets.sample import Sample
from signport.errors import SignportError
from signport.landmarks.asset_bundle import bundle_bytes, read_bundle
from signport.parity.inspection import inspect
from signport.parity.inspection_text import print_inspection


@pytest.fixture
def run(tmp_path_factory, tmp_path):
    return fresh_run(tmp_path_factory, tmp_path)


def test_a_model_shows_tensors_operators_metadata_and_labels(run, capsys):
    found = inspect(run / "export/model_int8.tflite")
    assert found["inputs"] == [{"name": "landmarks", "shape": [1, 21, 3], "dtype": "float32", "quantization": None}]
    assert found["outputs"][0]["shape"] == [1, len(CLASSES)]
    assert found["operators"]["FULLY_CONNECTED (INT8)"] == 1
    assert found["custom_operators"] == {}
    assert found["metadata"]["name"] == "faked"
    assert tuple(found["labels"]) == CLASSES
    print_inspection(found)
    shown = capsys.readouterr().out
    assert "FULLY_CONNECTED (INT8)" in shown
    assert found["sha256"] in shown


def test_flex_operators_are_flagged(tmp_path, capsys):
    import tensorflow as tf

    function = tf.function(tf.math.erf, input_signature=[tf.TensorSpec([1, 3], tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    path = tmp_path / "flex.tflite"
    path.write_bytes(converter.convert())
    found = inspect(path)
    assert found["custom_operators"] == {"FlexErf": 1}
    print_inspection(found)
    assert "FlexErf" in capsys.readouterr().out


def test_a_bundle_shows_nested_models_and_no_problem(run, capsys):
    add_task(run, [np.zeros((8, 8, 3), np.uint8)], [-1])
    found = inspect(run / "export/gesture_recognizer.task")
    assert found["bundle"] == "gesture_recognizer"
    assert found["problems"] == []
    nested = {entry["name"]: entry for entry in found["entries"]}["hand_gesture_recognizer.task"]["bundle"]["entries"]
    assert {entry["name"] for entry in nested} == {
        "gesture_embedder.tflite",
        "canned_gesture_classifier.tflite",
        "custom_gesture_classifier.tflite",
    }
    assert all(entry["stored"] and entry["aligned"] for entry in nested)
    assert next(e for e in nested if e["name"].startswith("custom"))["model"]["labels"] == list(CLASSES)
    print_inspection(found)
    assert "custom_gesture_classifier.tflite" in capsys.readouterr().out


def test_a_bundle_tells_what_mediapipe_would_refuse(run, tmp_path, capsys):
    model = (run / "export/model_int8.tflite").read_bytes()
    nested = bundle_bytes({"gesture_embedder.tflite": model})
    path = tmp_path / "bad.task"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("hand_gesture_recognizer.task", nested)
    found = inspect(path)
    text = "\n".join(found["problems"])
    assert "holds no hand_landmarker.task" in text
    assert "hand_gesture_recognizer.task: holds no canned_gesture_classifier.tflite" in text
    assert "hand_gesture_recognizer.task is compressed" in text
    print_inspection(found)
    assert "problem: " in capsys.readouterr().out
    assert list(read_bundle(path)) == ["hand_gesture_recognizer.task"]


@pytest.mark.parametrize("keep", [9, 40, 1000, -30])
def test_a_truncated_model_is_one_line(run, tmp_path, keep):
    path = tmp_path / "cut.tflite"
    path.write_bytes((run / "export/model_float32.tflite").read_bytes()[: keep if keep > 0 else None])
    if keep < 0:
        path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2])
    with pytest.raises(SignportError, match=r"cut\.tflite: ") as raised:
        inspect(path)
    assert "\n" not in str(raised.value)


def test_a_truncated_bundle_and_other_files_are_one_line(run, tmp_path):
    add_task(run, [np.zeros((8, 8, 3), np.uint8)], [-1])
    path = tmp_path / "cut.task"
    whole = (run / "export/gesture_recognizer.task").read_bytes()
    for missing in (1, 100, 1000, 5000, len(whole) // 2, len(whole) - 20):
        path.write_bytes(whole[:-missing])
        with pytest.raises(SignportError, match=r"cut\.task: a damaged zip archive"):
            inspect(path)
    (tmp_path / "notes.txt").write_text("hello, world")
    with pytest.raises(SignportError, match=r"notes\.txt: no \.tflite"):
        inspect(tmp_path / "notes.txt")
    with pytest.raises(SignportError, match="no such file"):
        inspect(tmp_path / "nowhere")
    with pytest.raises(SignportError, match=r"neither run\.json nor"):
        inspect(tmp_path)


def test_a_cache_shows_in_short(tmp_path, capsys):
    samples = [Sample(f"A/{n}", "A", np.zeros((1, 21, 3), np.float32)) for n in range(3)]
    extractor = {"name": "mediapipe hand_landmarker", "version": "0.10.21", "model_sha256": "f" * 64, "options": {}}
    header = CacheHeader("hand", ("A",), extractor, [Skipped("A/x.png", "A", "no hand")])
    LandmarkCache.from_samples(samples, header).write(tmp_path / "hands.parquet")
    found = inspect(tmp_path / "hands.parquet")
    assert (found["kind"], found["samples"], found["skipped"]) == ("cache", 3, {"no hand": 1})
    print_inspection(found)
    assert "3 samples of 1 classes" in capsys.readouterr().out


def test_a_run_shows_how_far_it_has_come(run, capsys):
    found = inspect(run)
    assert found["export"]["family"] == "mlp"
    assert (found["training"], found["bundle"], found["parity"]) == (None, None, None)
    print_inspection(found)
    shown = capsys.readouterr().out
    assert "faked-001 (mlp), 4 classes" in shown
    assert "parity: none yet" in shown
