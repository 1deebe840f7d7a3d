import io
import json
import shutil
import zipfile

import pytest

from signport.errors import SignportError
from signport.export.bundle import bundle
from signport.export.exporter import require_export
from signport.export.metadata import read_labels
from signport.files import sha256_bytes, sha256_file
from signport.landmarks.asset_bundle import read_bundle
from signport.models.litert import LiteRtModel


def nested(path):
    outer = read_bundle(path)
    return {name: read_bundle(content) for name, content in outer.items()}


def test_the_bundle_has_google_s_layout(pipeline):
    assert {name: sorted(models) for name, models in nested(pipeline.bundled.path).items()} == {
        "hand_landmarker.task": ["hand_detector.tflite", "hand_landmarks_detector.tflite"],
        "hand_gesture_recognizer.task": [
            "canned_gesture_classifier.tflite", "custom_gesture_classifier.tflite", "gesture_embedder.tflite",
        ],
    }  # fmt: skip


def test_every_entry_is_stored_and_aligned(pipeline):
    def check(content):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                assert entry.compress_type == zipfile.ZIP_STORED
                with archive.open(entry) as file:
                    data = file.read()
                assert content.index(data, entry.header_offset) % 4 == 0
                if entry.filename.endswith(".task"):
                    check(data)

    check(pipeline.bundled.path.read_bytes())


def test_the_card_names_the_models_by_their_digests(pipeline):
    card = json.loads((pipeline.head.export_folder / "bundle.json").read_text())
    inside = nested(pipeline.bundled.path)["hand_gesture_recognizer.task"]
    assert card["sha256"] == sha256_file(pipeline.bundled.path)
    for name, content in inside.items():
        assert card["files"][name.removesuffix(".tflite")] == sha256_bytes(content)


@pytest.mark.parametrize("head", ["float32", "float16", "int8"])
@pytest.mark.parametrize("embedder", ["float32", "int8"])
def test_every_head_fits_every_embedder(pipeline, tmp_path, head, embedder):
    path = bundle(pipeline.head, head=head, embedder=embedder, canned=pipeline.canned, output=tmp_path / "g.task").path
    inside = nested(path)["hand_gesture_recognizer.task"]
    assert read_labels(inside["custom_gesture_classifier.tflite"]) == ["A", "B", "C", "None"]
    assert read_labels(inside["canned_gesture_classifier.tflite"]) == ["None", "Open_Palm", "Victory"]
    assert LiteRtModel(inside["gesture_embedder.tflite"]).output_shape == (1, 128)


def test_bundling_twice_gives_the_same_bytes(pipeline, tmp_path):
    again = bundle(pipeline.head, canned=pipeline.canned, output=tmp_path / "again.task")
    assert again.path.read_bytes() == pipeline.bundled.path.read_bytes()


def test_own_embedder_without_a_canned_head_is_refused_with_the_way_out(pipeline):
    with pytest.raises(SignportError, match="--canned"):
        bundle(pipeline.head)


def test_an_embedder_is_no_head(pipeline):
    with pytest.raises(SignportError, match="no gesture head"):
        bundle(pipeline.embedder)


def test_heads_on_different_embedders_do_not_mix(pipeline, tmp_path):
    other = tmp_path / "canned"
    shutil.copytree(pipeline.canned.path, other)
    shutil.copy(pipeline.embedder.export_folder / "model_float16.tflite", other / "base" / "gesture_embedder.tflite")
    with pytest.raises(SignportError, match="another embedder"):
        bundle(pipeline.head, canned=other)


@pytest.mark.parametrize("threshold", [-0.1, 1.5])
def test_a_threshold_outside_0_to_1_is_refused(pipeline, threshold):
    with pytest.raises(SignportError, match="between 0 and 1"):
        bundle(pipeline.head, canned=pipeline.canned, score_threshold=threshold)


def test_the_threshold_is_in_the_head(pipeline, tmp_path):
    inside = nested(
        bundle(pipeline.head, canned=pipeline.canned, score_threshold=0.75, output=tmp_path / "g.task").path
    )["hand_gesture_recognizer.task"]
    assert inside["custom_gesture_classifier.tflite"] != require_export(pipeline.head, "int8")
