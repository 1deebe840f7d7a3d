import csv
import json
import shutil

import numpy as np
import pyarrow as pa
import pytest
import yaml
from tests.free_port import free_addresses
from tests.training.conftest import QUICK, made_up_cache

from signport.datasets.cache import LandmarkCache
from signport.datasets.splits import Split
from signport.errors import SignportError
from signport.files import sha256_file
from signport.models.registry import predict
from signport.training.checkpoint import load_checkpoint
from signport.training.run import Run
from signport.training.train import train


def test_a_run_holds_everything_of_a_training(trained):
    files = {path.relative_to(trained.path).as_posix() for path in trained.path.rglob("*") if path.is_file()}
    assert files == {
        "checkpoints/best.keras",
        "checkpoints/epoch-002.keras",
        "checkpoints/epoch-004.keras",
        "checkpoints/epoch-006.keras",
        "checkpoints/last.keras",
        "history.csv",
        "history.json",
        "model.keras",
        "recipe.yaml",
        "results.png",
        "run.json",
        "split.json",
    }
    record = json.loads((trained.path / "run.json").read_text())
    assert record["versions"].keys() == {"python", "signport", "tensorflow", "keras", "numpy", "mediapipe"}
    assert record["cache"]["sha256"] == sha256_file(trained.cache_path)
    assert record["split"]["by"] == "group"
    assert sum(record["split"][part] for part in ("train", "validation", "test")) == 120
    assert yaml.safe_load((trained.path / "recipe.yaml").read_text())["training"]["epochs"] == 6
    assert (trained.path / "results.png").read_bytes().startswith(b"\x89PNG")


def test_the_history_has_a_row_an_epoch(trained):
    with (trained.path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    assert set(rows[0]) == {"epoch", "learning_rate", "loss", "accuracy", "val_loss", "val_accuracy"}
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    best = trained.metrics["best_epoch"]
    assert float(rows[best - 1]["val_loss"]) == min(float(row["val_loss"]) for row in rows)


def test_the_model_is_that_of_the_best_epoch_and_its_figures_are_true(trained):
    model = trained.model()
    best, state = load_checkpoint(trained.checkpoints / "best.keras")
    assert state.epoch == trained.metrics["best_epoch"]
    for mine, theirs in zip(model.get_weights(), best.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for part in ("validation", "test"):
        right = predict(model, trained.inputs(part)).argmax(axis=1) == trained.labels(part)
        assert trained.metrics[part]["accuracy"] == pytest.approx(right.mean())
        assert trained.metrics[part]["samples"] == len(right)
    assert trained.metrics["test"]["accuracy"] > 0.9


def test_no_signer_is_on_both_sides(trained):
    signers = [set(trained.part(part).groups) for part in ("train", "validation", "test")]
    assert sum(map(len, signers)) == len(set.union(*signers)) == 6


def test_the_same_seed_gives_the_same_files_and_another_gives_others(trained, tmp_path):
    again = train("mlp", trained.cache_path, runs=tmp_path, name="quick", overrides=QUICK)
    for name in ("model.keras", "checkpoints/last.keras", "history.csv", "split.json", "recipe.yaml", "results.png"):
        assert (again.path / name).read_bytes() == (trained.path / name).read_bytes(), name
    other = train("mlp", trained.cache_path, runs=tmp_path, overrides=[*QUICK, "seed=1", "training.epochs=2"])
    assert (other.path / "model.keras").read_bytes() != (trained.path / "model.keras").read_bytes()


def test_a_start_that_was_killed_before_it_began_is_taken_over_only_when_asked(trained, tmp_path):
    husk = tmp_path / "quick"
    (husk / "checkpoints").mkdir(parents=True)
    (husk / "recipe.yaml").write_text("half")
    options = {"runs": tmp_path, "name": "quick", "overrides": [*QUICK, "training.epochs=1"]}
    with pytest.raises(
        SignportError, match=r"ended before it began; delete the folder, or start again with --restarted"
    ):
        train("mlp", trained.cache_path, **options)
    (husk / "mine.txt").write_text("")
    with pytest.raises(SignportError, match="exists already; choose another --name"):
        train("mlp", trained.cache_path, **options, restarted=True)
    (husk / "mine.txt").unlink()
    assert train("mlp", trained.cache_path, **options, restarted=True).metrics["epochs"] == 1


def test_a_second_training_with_other_workers_needs_a_process_of_its_own(trained, monkeypatch):
    (address,) = free_addresses(1)
    cluster = {"cluster": {"worker": [address]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    with pytest.raises(SignportError, match=rf"^worker 0 \({address}\): .*TensorFlow was used in this process before"):
        train("mlp", trained.cache_path, overrides=[*QUICK, "training.strategy=multi_worker"])


def test_transfer_copies_all_but_the_logits_of_other_classes(trained, tmp_path):
    cache = made_up_cache(("A", "B", "C", "D"), per_class=10)
    run = train(
        "mlp",
        cache,
        runs=tmp_path,
        overrides=[*QUICK, "training.epochs=1", "training.learning_rate=1e-12", "training.weight_decay=0"],
        init_from=trained.path,
    )
    assert run.record["init_from"]["run"] == str(trained.path)
    assert run.record["init_from"]["new"] == ["logits/kernel", "logits/bias"]
    mine, theirs = (entry.model().get_layer("hidden0").get_weights() for entry in (run, trained))
    for one, other in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_transfer_to_the_same_classes_copies_everything(trained, tmp_path):
    run = train("mlp", trained.cache(), runs=tmp_path, overrides=[*QUICK, "training.epochs=1"], init_from=trained.path)
    assert run.record["init_from"]["new"] == []
    assert run.record["init_from"]["copied"] == 8
    assert run.split().test.tolist() == trained.split().test.tolist()


def test_transfer_from_another_family_is_refused(trained, tmp_path):
    with pytest.raises(SignportError, match="a run of family 'mlp', but the recipe trains 'gesture_embedder'"):
        train("gesture_embedder", trained.cache(), runs=tmp_path, init_from=trained.path)


def test_transfer_that_copies_nothing_is_refused_and_leaves_no_run(trained, tmp_path):
    with pytest.raises(SignportError, match="no weight of that run fits"):
        train("mlp", made_up_cache(("A", "B")), runs=tmp_path, overrides=["model.hidden=[9]"], init_from=trained.path)
    assert list(tmp_path.iterdir()) == []


def test_the_embedder_is_trained_as_a_classifier(tmp_path):
    run = train("gesture_embedder", made_up_cache(), runs=tmp_path, overrides=QUICK)
    assert run.metrics["test"]["accuracy"] > 0.9
    assert run.family.deployed(run.model()).output_shape == (None, 128)


def test_a_gesture_head_keeps_its_own_copy_of_the_embedder(random_embedder, tmp_path):
    overrides = [change for change in QUICK if "hidden" not in change]
    run = train("gesture_head", made_up_cache(), runs=tmp_path / "runs", overrides=overrides, embedder=random_embedder)
    assert run.recipe.model.embedder == "base/gesture_embedder.tflite"
    assert (run.path / "base/gesture_embedder.tflite").read_bytes() == random_embedder.read_bytes()
    assert run.model().count_params() == 512 + 129 * 3
    before = run.inputs("test")["embedding"]
    random_embedder.unlink()
    moved = tmp_path / "elsewhere"
    shutil.move(run.path, moved)
    np.testing.assert_array_equal(Run.open(moved).inputs("test")["embedding"], before)


def test_run_names_count_up_and_a_taken_one_is_refused(tmp_path):
    overrides = [*QUICK, "training.epochs=1"]
    cache = made_up_cache(per_class=8)
    runs = [train("mlp", cache, runs=tmp_path, overrides=overrides).id for _ in range(2)]
    assert runs == ["mlp-001", "mlp-002"]
    with pytest.raises(SignportError, match="mlp-002: exists already"):
        train("mlp", cache, runs=tmp_path, name="mlp-002", overrides=overrides)
    with pytest.raises(SignportError, match="one folder name"):
        train("mlp", cache, runs=tmp_path, name="a/b", overrides=overrides)


def test_a_runs_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(SignportError, match="runs"):
        train("mlp", made_up_cache(), runs=tmp_path / "runs")


def test_a_cache_without_world_landmarks_is_refused_by_the_embedder_and_leaves_no_run(tmp_path):
    cache = made_up_cache()
    column = cache.table.schema.get_field_index("world_landmarks")
    field = cache.table.schema.field(column)
    table = cache.table.set_column(column, field, pa.nulls(len(cache), field.type))
    with pytest.raises(SignportError, match="world landmarks, which the gesture embedder needs"):
        train("gesture_embedder", LandmarkCache(cache.header, table), runs=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_one_class_is_too_few(tmp_path):
    with pytest.raises(SignportError, match="a classifier needs at least two"):
        train("mlp", made_up_cache(("A",)), runs=tmp_path)


def test_a_recipe_can_name_its_cache_and_its_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("SCRATCH", str(tmp_path))
    made_up_cache(per_class=8).write(tmp_path / "hands.parquet")
    other = made_up_cache(per_class=9).write(tmp_path / "other.parquet")
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("family: mlp\nruns: $SCRATCH/runs\ndata: {cache: $SCRATCH/hands.parquet}")
    overrides = [*QUICK, "training.epochs=1"]
    run = train(recipe, overrides=overrides)
    assert run.path == (tmp_path / "runs/mine-001").resolve()
    assert run.cache_path == (tmp_path / "hands.parquet").resolve()
    run = train(recipe, other, runs=tmp_path / "there", overrides=overrides)
    assert run.path == (tmp_path / "there/mine-001").resolve()
    assert run.cache_digest == other.digest


def test_training_without_data_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SignportError, match=r"--data CACHE is missing, and recipe mlp names none \(data\.cache\)"):
        train("mlp")
    with pytest.raises(SignportError, match=r"gone\.parquet: no such landmark cache"):
        train("mlp", overrides=["data.cache=gone.parquet"])
    assert list(tmp_path.iterdir()) == []


def test_a_split_that_is_given_is_the_one_that_is_used(tmp_path):
    cache = made_up_cache(per_class=4)
    parts = Split(np.array([0, 1, 4, 5, 8, 9]), np.array([2, 6, 10]), np.array([3, 7, 11]), by="label")
    run = train("mlp", cache, runs=tmp_path, overrides=[*QUICK, "training.epochs=1"], parts=parts)
    for part in ("train", "validation", "test"):
        assert Run.open(run.path).split().rows(part).tolist() == parts.rows(part).tolist()
    assert run.record["metrics"]["test"]["samples"] == 3


@pytest.mark.parametrize(
    ("train_rows", "test_rows", "wrong"),
    [([0, 4, 8], [4, 9], "test row 4 is a training or"), ([0, 4], [9], "no training row of class 'C'")],
)
def test_a_split_that_cannot_be_is_refused(tmp_path, train_rows, test_rows, wrong):
    parts = Split(np.array(train_rows), np.array(train_rows), np.array(test_rows), by="label")
    with pytest.raises(SignportError, match=wrong):
        train("mlp", made_up_cache(per_class=4), runs=tmp_path, parts=parts)
    assert not list(tmp_path.iterdir())
