from pathlib import Path

import pytest
from tests.training.conftest import QUICK, made_up_cache

from signport.errors import SignportError
from signport.landmarks.asset_bundle import bundle_bytes, read_bundle
from signport.models.registry import family_named
from signport.training.base_models import base_models
from signport.training.train import train

GOOGLES = Path(__file__).parents[2].parent / "shared/data/models/gesture_recognizer.task"
HEAD = family_named("gesture_head")


def _task(path, recognizer):
    path.write_bytes(
        bundle_bytes({"hand_landmarker.task": b"hands", "hand_gesture_recognizer.task": bundle_bytes(recognizer)})
    )
    return path


def test_a_bundle_gives_embedder_canned_classifier_and_hand_landmarker(tmp_path):
    models = {"gesture_embedder.tflite": b"embedder", "canned_gesture_classifier.tflite": b"canned"}
    assert base_models(HEAD, "", _task(tmp_path / "g.task", models), None) == {
        "base/gesture_embedder.tflite": b"embedder",
        "base/canned_gesture_classifier.tflite": b"canned",
        "base/hand_landmarker.task": b"hands",
    }


@pytest.mark.skipif(not GOOGLES.is_file(), reason=f"{GOOGLES} is not here (Google's model, never copied)")
def test_a_head_is_trained_on_googles_embedder(tmp_path):
    overrides = [change for change in QUICK if "hidden" not in change]
    run = train("gesture_head", made_up_cache(), runs=tmp_path, overrides=overrides, base_bundle=GOOGLES)
    recognizer = read_bundle(read_bundle(GOOGLES)["hand_gesture_recognizer.task"])
    for name in ("gesture_embedder.tflite", "canned_gesture_classifier.tflite"):
        assert (run.path / "base" / name).read_bytes() == recognizer[name]
    assert run.metrics["test"]["accuracy"] > 0.8


def test_an_exported_run_gives_its_float_file_and_its_int8_file_if_there(tmp_path):
    run = train("gesture_embedder", made_up_cache(), runs=tmp_path, overrides=[*QUICK, "training.epochs=1"])
    with pytest.raises(SignportError, match=f"not exported; run `signport export {run.path}` first"):
        base_models(HEAD, "", None, run.path)
    run.export_folder.mkdir()
    (run.export_folder / "model_float32.tflite").write_bytes(b"float")
    assert base_models(HEAD, "", None, run.path) == {"base/gesture_embedder.tflite": b"float"}
    (run.export_folder / "model_int8.tflite").write_bytes(b"int8")
    assert base_models(HEAD, "", None, run.path) == {
        "base/gesture_embedder.tflite": b"float",
        "base/gesture_embedder_int8.tflite": b"int8",
    }


def test_a_run_of_another_family_is_no_embedder(trained):
    with pytest.raises(SignportError, match="a run of family 'mlp', not of an embedder"):
        base_models(HEAD, "", None, trained.path)


def test_a_head_without_an_embedder_says_how_to_give_one():
    with pytest.raises(SignportError, match=r"needs an embedder; give --base-bundle gesture_recognizer\.task"):
        base_models(HEAD, "", None, None)


def test_two_embedders_are_one_too_many(tmp_path):
    with pytest.raises(SignportError, match="both name an embedder; give one"):
        base_models(HEAD, "", tmp_path / "a.task", tmp_path / "b.tflite")


def test_other_families_take_none(tmp_path):
    assert base_models(family_named("mlp"), "", None, None) == {}
    with pytest.raises(SignportError, match=r"--base-bundle .*a\.task: family 'mlp' takes no embedder"):
        base_models(family_named("mlp"), "", tmp_path / "a.task", None)


def test_a_bundle_that_is_cut_short_or_lacks_a_model_is_refused(tmp_path):
    whole = _task(tmp_path / "g.task", {"gesture_embedder.tflite": b"embedder"})
    with pytest.raises(SignportError, match=r"holds no canned_gesture_classifier\.tflite"):
        base_models(HEAD, "", whole, None)
    whole.write_bytes(whole.read_bytes()[:60])
    with pytest.raises(SignportError, match="cut short"):
        base_models(HEAD, "", whole, None)


def test_an_embedder_file_that_is_missing_or_no_model_leaves_no_run(tmp_path):
    with pytest.raises(SignportError, match=r"none\.tflite: cannot read this embedder"):
        train("gesture_head", made_up_cache(), runs=tmp_path / "runs", embedder=tmp_path / "none.tflite")
    (tmp_path / "text.tflite").write_text("hello")
    with pytest.raises(SignportError, match="not a TFLite model"):
        train("gesture_head", made_up_cache(), runs=tmp_path / "runs", embedder=tmp_path / "text.tflite")
    assert list((tmp_path / "runs").glob("*")) == []
