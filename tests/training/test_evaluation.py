import json

import cv2
import numpy as np
import pytest
from tests.training.conftest import QUICK, made_up_cache

from signport.datasets.cache import LandmarkCache
from signport.errors import SignportError
from signport.models.registry import predict
from signport.training.evaluation import evaluate
from signport.training.metrics import wilson_interval
from signport.training.train import train


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """Hands of the same classes that the trained model gets wrong now and then."""
    return made_up_cache(noise=0.12, seed=7).write(tmp_path_factory.mktemp("noisy") / "noisy.parquet")


@pytest.fixture(scope="module")
def second(trained, tmp_path_factory):
    """Another run on the same cache, of another seed and so of another split."""
    overrides = [*QUICK, "seed=3", "training.epochs=3"]
    return train("mlp", trained.cache_path, runs=tmp_path_factory.mktemp("second"), overrides=overrides)


def _right(run, cache):
    return predict(run.model(), run.family.inputs(cache, run.config)).argmax(axis=1) == cache.labels


def test_other_data_is_evaluated_whole(trained, noisy, tmp_path):
    evaluation = evaluate(trained, noisy, output=tmp_path)
    right = _right(trained, noisy)
    assert 0 < right.mean() < 1
    assert evaluation.accuracy == pytest.approx(right.mean())
    assert evaluation.interval == wilson_interval(int(right.sum()), 120)
    assert (evaluation.part, evaluation.notes) == ("all", ())
    assert evaluation.top5 == 1.0


def test_of_the_training_cache_only_the_held_back_part_is_used(trained, tmp_path):
    evaluation = evaluate(trained.path, trained.cache_path, output=tmp_path)
    assert evaluation.part == "test"
    assert evaluation.metrics.samples == len(trained.split().test)
    assert evaluation.notes == (
        f"only the test part ({len(trained.split().test)} of 120 samples), held back in training",
    )
    everything = evaluate(trained, trained.cache_path, output=tmp_path, part="all")
    assert everything.metrics.samples == 120
    assert "flatter" in everything.notes[0]


def test_a_training_cache_in_memory_is_recognized_too(tmp_path):
    cache = made_up_cache()
    run = train("mlp", cache, runs=tmp_path, overrides=[*QUICK, "training.epochs=1"])
    assert evaluate(run, cache).part == "test"


def test_a_test_part_of_other_data_does_not_exist(trained, noisy, tmp_path):
    with pytest.raises(SignportError, match="has no test part"):
        evaluate(trained, noisy, output=tmp_path, part="test")


def test_an_ensemble_averages_probabilities(trained, second, noisy, tmp_path):
    evaluation = evaluate([trained, second.path], noisy, output=tmp_path)
    both = [predict(run.model(), run.family.inputs(noisy, run.config)) for run in (trained, second)]
    assert evaluation.accuracy == pytest.approx((np.mean(both, axis=0).argmax(axis=1) == noisy.labels).mean())
    assert evaluation.runs == (trained.id, second.id)
    assert "mean of probabilities" in (tmp_path / "results.txt").read_text()


def test_an_ensemble_is_tested_on_what_all_of_it_held_back(trained, second, tmp_path):
    common = np.intersect1d(trained.split().test, second.split().test)
    if len(common):
        assert evaluate([trained, second], trained.cache_path, output=tmp_path).metrics.samples == len(common)
    else:
        with pytest.raises(SignportError, match="held back no test samples of it in common"):
            evaluate([trained, second], trained.cache_path, output=tmp_path)


def test_runs_of_different_classes_are_no_ensemble(trained, noisy, tmp_path):
    other = train("mlp", made_up_cache(("A", "B", "D")), runs=tmp_path, overrides=[*QUICK, "training.epochs=1"])
    with pytest.raises(SignportError, match=r"don't share their classes \(C, D\)"):
        evaluate([trained, other], noisy)


def test_classes_in_another_order_are_the_same_classes(trained, tmp_path):
    forwards, backwards = made_up_cache(seed=4), made_up_cache(("C", "B", "A"), seed=4)
    assert evaluate(trained, backwards, output=tmp_path).accuracy > 0.9
    other = train("mlp", backwards, runs=tmp_path, overrides=QUICK)
    assert other.classes == ("C", "B", "A")
    assert evaluate([trained, other], forwards, output=tmp_path).accuracy > 0.9


def test_classes_that_the_model_does_not_know_are_named(trained, tmp_path):
    cache = made_up_cache(("A", "B", "X", "Y"), seed=4)
    with pytest.raises(SignportError, match=r"does not know the class\(es\) X, Y; leave .* --ignore-unknown"):
        evaluate(trained, cache, output=tmp_path)
    evaluation = evaluate(trained, cache, output=tmp_path, ignore_unknown=True)
    assert evaluation.metrics.samples == 80
    assert evaluation.notes == ("80 samples of unknown classes left out: X, Y",)
    with pytest.raises(SignportError, match="no sample to evaluate on"):
        evaluate(trained, made_up_cache(("X", "Y")), output=tmp_path, ignore_unknown=True)


def test_reports_say_what_was_measured(trained, noisy, tmp_path):
    evaluation = evaluate(trained, noisy, output=tmp_path / "reports")
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == [
        "confusion_matrix.png",
        "per_class_f1.png",
        "results.json",
        "results.txt",
    ]
    results = json.loads((tmp_path / "reports/results.json").read_text())
    assert results["accuracy"] == evaluation.accuracy
    assert results["interval"] == list(evaluation.interval)
    assert results["per_class"]["B"]["f1"] == evaluation.metrics.per_class["B"].f1
    assert results["macro"]["f1"] == evaluation.metrics.macro.f1
    assert results["confusion"] == evaluation.metrics.confusion.tolist()
    text = (tmp_path / "reports/results.txt").read_text()
    low, high = evaluation.interval
    assert f"{evaluation.accuracy:.2%} (95 % interval {low:.2%} to {high:.2%})" in text
    assert "commonest confusions" in text


def test_without_an_output_reports_go_into_the_run(tmp_path):
    run = train("mlp", made_up_cache(), runs=tmp_path, overrides=[*QUICK, "training.epochs=1"])
    assert evaluate(run, run.cache()).output == run.path / "evaluation"
    assert (run.path / "evaluation/results.txt").is_file()
    assert evaluate([run, run], run.cache()).output == run.path / "ensemble"


def test_pictures_are_large_enough_for_many_classes_and_not_blank(tmp_path):
    from signport.training.metrics import measure
    from signport.training.plots import draw_confusion, draw_f1

    classes = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    random = np.random.default_rng(0)
    labels = random.integers(0, 26, 1000)
    metrics = measure(random.dirichlet(np.ones(26), 1000) + 0.2 * np.eye(26)[labels], labels, classes)
    for draw, name in ((draw_confusion, "confusion.png"), (draw_f1, "f1.png")):
        draw(metrics, tmp_path / name, "title")
        picture = cv2.imread(str(tmp_path / name))
        assert min(picture.shape[:2]) >= 1000
        assert 0.02 < (picture.min(axis=2) < 250).mean() < 0.9


def test_another_topology_is_refused(trained, tmp_path, monkeypatch):
    from dataclasses import replace

    cache = made_up_cache()
    other = LandmarkCache(replace(cache.header, topology="foot"), cache.table)
    with pytest.raises(SignportError, match="topology 'foot', but family 'mlp' takes 'hand'"):
        evaluate(trained, other, output=tmp_path)


def test_a_run_without_a_test_part_is_evaluated_on_its_validation_part(tmp_path):
    from signport.export.reference import Reference

    cache = made_up_cache(groups=6)
    run = train("mlp", cache, runs=tmp_path, overrides=[*QUICK, "training.epochs=1", "data.test=0"])
    assert set(run.metrics) == {"best_epoch", "epochs", "validation"}
    evaluation = evaluate(run, cache)
    assert (evaluation.part, evaluation.metrics.samples) == ("validation", len(run.split().validation))
    assert "which chose the best epoch" in evaluation.notes[0]
    assert evaluation.accuracy == run.metrics["validation"]["accuracy"]
    with pytest.raises(SignportError, match="held back no test samples"):
        evaluate(run, cache, part="test")
    with pytest.raises(SignportError, match=r"held back no test samples \(data\.test: 0\), .* data\.test above 0"):
        Reference.of(run)


def test_very_many_classes_fit_on_pictures(tmp_path):
    from signport.training.metrics import measure
    from signport.training.plots import draw_confusion, draw_f1

    classes = tuple(f"gloss{number}" for number in range(700))
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(700), 2)
    metrics = measure(random.random((1400, 700)) + np.eye(700)[labels], labels, classes)
    for draw, name in ((draw_confusion, "confusion.png"), (draw_f1, "f1.png")):
        draw(metrics, tmp_path / name, "title")
        assert max(cv2.imread(str(tmp_path / name)).shape[:2]) <= 3600
