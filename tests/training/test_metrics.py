import numpy as np
import pytest
from sklearn.metrics import classification_report, confusion_matrix, top_k_accuracy_score

from signport.errors import SignportError
from signport.training.metrics import measure, wilson_interval


def test_figures_agree_with_scikit_learn():
    random = np.random.default_rng(0)
    classes = tuple("ABCDEFGH")
    labels = np.concatenate([np.arange(8), random.integers(0, 8, 300)])
    probabilities = random.dirichlet(np.ones(8), len(labels)) + 0.3 * np.eye(8)[labels]
    metrics = measure(probabilities, labels, classes)
    answers = probabilities.argmax(axis=1)
    report = classification_report(labels, answers, target_names=classes, output_dict=True)
    np.testing.assert_array_equal(metrics.confusion, confusion_matrix(labels, answers))
    assert metrics.accuracy == pytest.approx(report["accuracy"])
    assert metrics.top5 == pytest.approx(top_k_accuracy_score(labels, probabilities, k=5))
    ours = {**metrics.per_class, "macro avg": metrics.macro, "weighted avg": metrics.weighted}
    for name, score in ours.items():
        theirs = report[name]
        expected = [theirs["precision"], theirs["recall"], theirs["f1-score"], theirs["support"]]
        assert [score.precision, score.recall, score.f1, score.support] == pytest.approx(expected), name


def test_classes_without_samples_do_not_count_in_averages():
    metrics = measure(np.eye(3)[[0, 0, 1]], np.array([0, 0, 1]), ("A", "B", "C"))
    assert metrics.macro.f1 == 1.0
    assert metrics.per_class["C"].support == 0
    assert metrics.accuracy == 1.0


def test_interval_agrees_with_published_values():
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_answers_that_are_not_finite_are_never_measured():
    probabilities = np.eye(3)
    probabilities[1, 2] = np.nan
    with pytest.raises(SignportError, match="1 of 3 answers are NaN or infinite"):
        measure(probabilities, np.arange(3), ("A", "B", "C"))
