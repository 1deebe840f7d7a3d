import cv2
import numpy as np
import pytest


@pytest.mark.parametrize("classes", [12, 60])
def test_the_picture_of_a_training_shows_curves_and_answers(tmp_path, classes):
    from signport.training.metrics import measure
    from signport.training.plots import draw_results

    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), 5)
    names = tuple(f"sign{number}" for number in range(classes))
    metrics = measure(random.random((len(labels), classes)) + np.eye(classes)[labels], labels, names)
    columns = ("loss", "val_loss", "accuracy", "val_accuracy", "top5_accuracy", "val_top5_accuracy", "learning_rate")
    history = [{"epoch": number, **dict.fromkeys(columns, number / 9)} for number in range(1, 9)]
    draw_results(history, 3, metrics, tmp_path / "plain.png", "title", "test")
    with_norm = [{**row, "gradient_norm": 1.0} for row in history]
    draw_results(with_norm, 3, metrics, tmp_path / "norm.png", "title", "test")
    plain, norm = (cv2.imread(str(tmp_path / name)) for name in ("plain.png", "norm.png"))
    assert plain.shape == norm.shape
    middle = plain.shape[1] // 2
    assert all(0.01 < (half.min(axis=2) < 250).mean() < 0.9 for half in (plain[:, :middle], plain[:, middle:]))
    assert (plain != norm).any()
