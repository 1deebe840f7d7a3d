"""Clips through training and evaluation, with a family of their own that is quick to train."""

from dataclasses import replace

import pytest
from tests.run_cli import run_cli
from tests.training.tiny_sequence import FAMILY, made_up_clips, tiny_family

from signport.errors import SignportError
from signport.models.registry import check_topology, family_named, inference_batch
from signport.training.evaluation import evaluate
from signport.training.recipe import Recipe, with_overrides
from signport.training.recipe_sections import TrainingRecipe
from signport.training.train import train

__all__ = ["tiny_family"]  # a fixture

QUICK = TrainingRecipe(epochs=3, batch_size=16, learning_rate=0.01, checkpoint_every=2)
SETTINGS = ("logging.tensorboard=false", "data.augmentation.copies=0")


def _recipe(*overrides):
    return with_overrides(Recipe("tiny", "tiny", training=QUICK), [*SETTINGS, *overrides])


def test_clips_are_trained_on_and_evaluated(tiny_family, tmp_path):
    cache = made_up_clips().write(tmp_path / "clips.parquet")
    run = train(_recipe(), cache, runs=tmp_path)
    assert run.metrics["test"]["accuracy"] > 0.9
    evaluation = evaluate(run, cache, output=tmp_path / "out")
    assert (evaluation.part, evaluation.accuracy) == ("test", run.metrics["test"]["accuracy"])


def test_clips_in_memory_are_recognized_as_what_a_run_was_trained_on(tiny_family, tmp_path):
    cache = made_up_clips()  # with missing points, and NaN is unlike itself
    run = train(_recipe("training.epochs=1"), cache, runs=tmp_path)
    assert evaluate(run, cache).part == "test"
    assert evaluate(run, made_up_clips(seed=1)).part == "all"


def test_a_cache_of_another_body_layout_is_taken_by_name(tiny_family, tmp_path, capsys):
    note = "16 of the 75 points of pose_hands_75 are not in this cache (upper_59) and count as missing"
    upper = made_up_clips("upper_59")
    run = train(_recipe("training.epochs=1"), upper, runs=tmp_path)
    assert f"signport: note: {note}" in capsys.readouterr().err
    assert run.inputs("test")["landmarks"].shape[2] == 75
    assert evaluate(run, upper).notes[0].startswith(note)
    assert not any("points" in text for text in evaluate(run, made_up_clips("isl_136")).notes)


@pytest.mark.parametrize(("wanted", "given", "missing"), [("isl_136", "pose_hands_75", 61), ("upper_59", "isl_136", 0)])
def test_what_a_body_layout_lacks_is_counted(wanted, given, missing):
    said = check_topology(replace(FAMILY, topology=wanted), made_up_clips(given, per_class=1))
    assert said.startswith(f"{missing} of the 136 points of {wanted} are not in this cache") if missing else said == ""


def test_a_cache_without_hands_and_shoulders_is_refused(tiny_family, tmp_path):
    from tests.training.conftest import made_up_cache

    with pytest.raises(
        SignportError, match=r"'hand' lacks 44 point\(s\) that family 'tiny' needs, such as 'pose.left_s"
    ):
        train(_recipe(), made_up_cache(), runs=tmp_path / "runs")
    with pytest.raises(SignportError, match="topology 'upper_59', but family 'mlp' takes 'hand'"):
        check_topology(family_named("mlp"), made_up_clips("upper_59", per_class=1))
    assert not (tmp_path / "runs").exists()


def test_a_notice_does_not_stop_the_command_line(tiny_family, tmp_path, monkeypatch, capsys):
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text("family: tiny\ntraining: {epochs: 1, batch_size: 16}")
    clips = made_up_clips("upper_59").write(tmp_path / "clips.parquet").path
    settings = [part for change in SETTINGS for part in ("--set", change)]
    assert run_cli(monkeypatch, "train", recipe, "--data", clips, "--runs", tmp_path / "runs", *settings) == 0
    assert capsys.readouterr().err.count("signport: note: 16 of the 75 points") == 1


def test_long_sequences_are_answered_in_smaller_batches():
    import keras

    def model(*shape):
        landmarks = keras.Input(shape, name="landmarks")
        return keras.Model(landmarks, keras.layers.Flatten()(landmarks))

    batches = [inference_batch(model(*shape)) for shape in ((21, 3), (30, 75, 3), (300, 59, 3), (9000, 543, 3))]
    assert batches == [256, 256, 39, 8]
