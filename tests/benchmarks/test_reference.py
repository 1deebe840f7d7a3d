"""`make reference`, as far as it needs neither data nor training: scores, scikit-learn, tables, the picture."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.datasets.made_up_clips import made_up_clip

from signport.datasets.cache import LandmarkCache
from signport.datasets.cache_header import CacheHeader
from signport.datasets.sample import Sample
from signport.errors import SignportError
from signport.landmarks.topology import POSE_HANDS_75

FOLDER = Path(__file__).parents[2] / "benchmarks" / "reference"


@pytest.fixture
def parts(monkeypatch):
    """Modules that import each other by plain names, as they do where the folder is run."""
    monkeypatch.syspath_prepend(str(FOLDER))
    names = ("scores", "baselines", "plot", "sequence_data")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield {name: importlib.import_module(name) for name in names}
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def scores(parts, tmp_path):
    score, kept = parts["scores"].Score, parts["scores"].Scores(tmp_path / "reference.json")
    for seed, accuracy in enumerate((0.8, 0.9)):
        kept.add(score("letters", "mlp", "float", seed, accuracy, 100), score("letters", "mlp", "int8", seed, 0.8, 100))
    kept.add(score("letters", "SVM", "", 0, 0.75, 100))
    return kept


def test_another_process_finds_every_score_that_was_added(parts, scores):
    again = parts["scores"].Scores(scores.path)
    assert list(again) == list(scores)
    assert again.has("letters", "mlp", "int8", 1)
    assert not again.has("letters", "mlp", "int8", 2)
    assert not again.has("letters", "mlp", "int8", 1, "mirrored at test")


def test_two_that_measure_at_once_lose_nothing(parts, scores):
    other = parts["scores"].Scores(scores.path)
    scores.add(parts["scores"].Score("digits", "mlp", "float", 0, 0.5, 10))
    other.add(parts["scores"].Score("digits", "lstm", "float", 0, 0.6, 10))
    assert {score.method for score in parts["scores"].Scores(scores.path) if score.task == "digits"} == {"mlp", "lstm"}


def test_a_score_takes_the_place_of_an_earlier_one(parts, scores):
    scores.add(parts["scores"].Score("letters", "SVM", "", 0, 0.5, 100))
    assert [score.accuracy for score in scores if score.method == "SVM"] == [0.5]


def test_fresh_forgets_only_the_tasks_that_are_wanted(parts, scores):
    scores.add(parts["scores"].Score("digits", "mlp", "float", 0, 0.5, 10))
    parts["scores"].Scores(scores.path, only="digits").forget()
    assert parts["scores"].Scores(scores.path).tasks() == ["letters"]


@pytest.mark.parametrize("wrong", [{"format": "fp16"}, {"accuracy": 1.2}])
def test_a_score_that_cannot_be_is_refused(parts, wrong):
    right = {"task": "letters", "method": "mlp", "format": "float", "seed": 0, "accuracy": 0.5, "samples": 1}
    with pytest.raises(SignportError, match=str(next(iter(wrong.values())))):
        parts["scores"].Score(**{**right, **wrong})


def test_a_file_of_something_else_says_so(parts, tmp_path):
    (tmp_path / "other.json").write_text(json.dumps([{"speed": 1}]))
    with pytest.raises(SignportError, match=r"other\.json: holds no scores"):
        parts["scores"].Scores(tmp_path / "other.json")


def test_the_table_shows_means_spreads_and_the_distance_to_the_best_baseline(parts, scores):
    lines = parts["scores"].markdown(scores).splitlines()
    assert lines[0] == "### letters"
    assert lines[-2:] == ["| mlp | 0.850 ± 0.050 | 0.800 ± 0.000 | 100 | +0.050 |", "| SVM | 0.750 |  | 100 |  |"]


def test_the_overview_ranks_the_models_as_they_come_and_names_the_best_baseline(parts, scores):
    score = parts["scores"].Score
    scores.add(
        score("letters", "kNN", "", 0, 0.5, 100),
        score("letters", "mlp_v2", "float", 0, 0.9, 100),
        score("letters", "mlp", "int8", 0, 0.99, 100, "mirrored at test"),
    )
    *_, row = parts["scores"].overview(scores).splitlines()
    assert row == "| letters | 100 | SVM 0.750 | mlp_v2 0.900<br>mlp 0.800 ± 0.000 |"


def test_baselines_learn_what_can_be_learned(parts):
    random = np.random.default_rng(0)
    labels, groups = np.tile([0, 1, 2], 10), np.repeat(np.arange(6), 5)
    features = np.eye(3)[labels] * 4 + random.normal(size=(30, 3)) * 0.3
    found = parts["baselines"].baseline_scores(features[:20], labels[:20], features[20:], labels[20:], groups[:20])
    assert list(found) == ["kNN", "logistic regression", "SVM", "random forest"]
    assert min(found.values()) == 1


def test_baselines_do_without_tuning_where_a_class_has_one_recording(parts):
    features, labels = np.array([[0.0, 1], [1, 0], [0, 1.1]]), np.array([0, 1, 0])
    found = parts["baselines"].tuned(features, labels, groups=np.array(["a", "b", "a"]))
    assert all(np.isnan(model.best_score_) for model in found.values())
    assert found["logistic regression"].predict([[0.0, 1]]) == [0]


def test_tasks_and_learning_curves_are_drawn(parts, scores, tmp_path):
    import matplotlib.image

    for amount, accuracy in ((1, 0.5), (2, 0.7)):
        task = f"signs, {amount} recording{'s' if amount > 1 else ''} a sign"
        scores.add(parts["scores"].Score(task, "lstm", "int8", 0, accuracy, 10))
    parts["plot"].draw(scores, tmp_path / "reference.png")
    picture = matplotlib.image.imread(tmp_path / "reference.png")[..., :3]
    blue, orange = np.array([0x2A, 0x6F, 0xBB]) / 255, np.array([0xD9, 0x77, 0x2B]) / 255
    for colour in (blue, orange):
        assert (np.abs(picture - colour).max(axis=-1) < 0.02).sum() > 20


def test_neither_half_is_learned_from_and_tested_at_once(parts):
    folds = parts["sequence_data"].halves(np.array([0, 1, 1, 0, 1]))
    assert [(fold.train.tolist(), fold.test.tolist()) for fold in folds] == [([0, 3], [1, 2, 4]), ([1, 2, 4], [0, 3])]


def test_few_clips_are_drawn_of_every_sign_by_the_seed_and_the_test_stays(parts):
    labels = np.repeat([0, 1, 2], 20)
    fold = parts["sequence_data"].Fold("part0", np.arange(0, 60, 2), np.arange(1, 60, 2))
    one, same, other = (parts["sequence_data"].drawn(fold, labels, 4, seed) for seed in (0, 0, 1))
    assert np.bincount(labels[one.train]).tolist() == [4, 4, 4]
    assert set(one.train) <= set(fold.train)
    assert one.train.tolist() == same.train.tolist() != other.train.tolist()
    assert one.test.tolist() == fold.test.tolist()


def test_clips_are_ordered_by_the_tilt_of_their_shoulders(parts):
    degrees = np.radians([8, 0, 2, -5, 3, 1, 9, -7])
    samples = []
    for number, angle in enumerate(degrees):
        clip = made_up_clip(POSE_HANDS_75, 6, 4 + number % 3)
        for side, way in (("left", 1), ("right", -1)):
            clip[:, POSE_HANDS_75.index[f"pose.{side}_shoulder"], :2] = 0.5 + way * np.array(
                [0.1 * np.cos(angle), 0.1 * np.sin(angle)]
            )
        samples.append(Sample(f"sign/{number}", "sign", clip))
    cache = LandmarkCache.from_samples(samples, CacheHeader(POSE_HANDS_75.name, ("sign",)))
    quarters = parts["sequence_data"].by_tilt(cache)
    assert quarters.tolist() == [3, 1, 2, 0, 2, 1, 3, 0]


def test_a_mirror_image_has_the_other_hand_on_the_other_side(parts):
    clip = made_up_clip(POSE_HANDS_75, 6, 6)
    clip[:, POSE_HANDS_75.part("left_hand")] = np.nan
    cache = LandmarkCache.from_samples([Sample("sign/1", "sign", clip)], CacheHeader(POSE_HANDS_75.name, ("sign",)))
    both = parts["sequence_data"].with_mirror_images(cache)
    assert both.sample_ids == ["sign/1", "sign/1 mirrored"]
    image, index = both.clip(1), POSE_HANDS_75.index
    assert np.isnan(image[:, POSE_HANDS_75.part("right_hand")]).all()
    np.testing.assert_allclose(image[:, index["pose.left_wrist"], 0], 1 - clip[:, index["pose.right_wrist"], 0], 1e-6)
    np.testing.assert_array_equal(image[:, index["pose.nose"], 1:], clip[:, index["pose.nose"], 1:])


def test_the_table_alone_measures_nothing(scores):
    command = [sys.executable, FOLDER, "--table", "--only", "letters", "--results", scores.path]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "\n### letters\n" in found.stdout


def test_data_that_is_not_there_is_one_line_and_status_2(scores, tmp_path):
    command = [sys.executable, FOLDER, "--data", tmp_path, "--results", scores.path]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert found.stderr.startswith(f"error: {tmp_path}: lacks landmarks-asl-ai")
    assert len(found.stderr.splitlines()) == 1
