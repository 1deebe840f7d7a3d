import numpy as np
import pytest
from tests.parity.faked_run import fresh_run

from signport.parity.figures import (
    mcnemar,
    mean_steps,
    output_step,
    steps_apart,
    weighted_accuracy,
    weighted_agreement,
)
from signport.quantization.agreement import compare


def _softmax(logits):
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)


def test_steps_are_counted_through_softmax():
    random = np.random.default_rng(0)
    logits = random.integers(-40, 40, (200, 6)) * 0.1
    one = logits + 0.1 * random.integers(-1, 2, logits.shape)
    assert steps_apart(_softmax(logits), _softmax(logits), 0.1, "probabilities") == 0
    assert 0 < steps_apart(_softmax(logits), _softmax(one), 0.1, "probabilities") <= 1
    far = logits.copy()
    far[3, 2] += 0.4
    assert steps_apart(_softmax(logits), _softmax(far), 0.1, "probabilities") == pytest.approx(2, abs=0.01)


def test_steps_of_an_embedding_are_its_own():
    values = np.zeros((2, 3), np.float32)
    moved = values.copy()
    moved[1, 1] = 0.15
    assert steps_apart(values, moved, 0.05, "embedding") == pytest.approx(3)


def test_vanishing_probabilities_do_not_count_as_steps():
    a = np.array([[1.0, 0.0, 1e-30]], np.float32)
    b = np.array([[1.0, 1e-35, 0.0]], np.float32)
    assert steps_apart(a, b, 0.1, "probabilities") == 0


def test_the_step_is_that_of_the_int8_logits(tmp_path_factory, tmp_path):
    export = fresh_run(tmp_path_factory, tmp_path) / "export"
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(export / "model_int8.tflite"))
    (dense,) = (op for op in interpreter._get_ops_details() if op["op_name"] == "FULLY_CONNECTED")
    details = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    step = output_step((export / "model_int8.tflite").read_bytes())
    assert step == pytest.approx(details[int(dense["outputs"][0])]["quantization"][0])
    assert output_step((export / "model_float32.tflite").read_bytes()) is None


def test_equal_weights_change_nothing():
    random = np.random.default_rng(1)
    a, b = random.dirichlet(np.ones(4), (2, 500)).astype(np.float32)
    plain, weighted = compare(a, b), weighted_agreement(a, b, "probabilities", np.ones(500))
    assert weighted.top1 == pytest.approx(plain.top1)
    assert weighted.sqnr_db == pytest.approx(plain.sqnr_db)
    assert weighted.p95_abs == pytest.approx(plain.p95_abs, abs=0.02)
    assert weighted.max_abs == plain.max_abs


def test_weights_count_samples():
    reference = np.array([[0.9, 0.1], [0.6, 0.4]], np.float32)
    answer = np.array([[0.9, 0.1], [0.4, 0.6]], np.float32)
    assert weighted_agreement(reference, answer, "probabilities", np.array([3.0, 1.0])).top1 == 0.75
    found = weighted_accuracy(answer, np.array([0, 0]), np.array([3.0, 1.0]))
    assert found.value == 0.75
    assert found.low < 0.75 < found.high
    assert weighted_accuracy(answer, np.array([-1, -1]), np.ones(2)) is None


def test_nan_is_never_finite():
    answer = np.array([[np.nan, 1.0]], np.float32)
    assert not weighted_agreement(np.array([[0.0, 1.0]], np.float32), answer, "probabilities", np.ones(1)).finite


def test_roundings_cancel_in_the_mean_and_a_moved_zero_point_does_not():
    random = np.random.default_rng(0)
    logits = random.normal(size=(400, 5))
    rounded = logits + 0.1 * random.integers(-1, 2, logits.shape)
    moved = logits + 0.1 * np.array([1, 0, 0, 0, 0])
    assert mean_steps(_softmax(logits), _softmax(rounded), 0.1, "probabilities") < 0.15
    assert mean_steps(_softmax(logits), _softmax(moved), 0.1, "probabilities") == pytest.approx(0.8, abs=1e-3)
    assert mean_steps(logits.astype(np.float32), moved.astype(np.float32), 0.1, "embedding") == pytest.approx(
        1, abs=1e-3
    )


def test_mcnemar_counts_who_alone_is_right():
    labels = np.array([0, 0, 0, 0, 1, 1, -1])
    floating = np.eye(2, dtype=np.float32)[[0, 0, 0, 1, 1, 0, 0]]
    file = np.eye(2, dtype=np.float32)[[1, 1, 1, 0, 1, 0, 1]]
    found = mcnemar(floating, file, labels)
    assert (found.float_only, found.file_only) == (3, 1)
    assert found.p_value == pytest.approx(0.625)  # 2 · (1 + 4) / 2⁴
    assert mcnemar(floating, floating, labels).p_value == 1
    assert mcnemar(floating, file, np.full(7, -1)) is None
    many = mcnemar(np.eye(2)[np.zeros(12, int)], np.eye(2)[np.ones(12, int)], np.zeros(12, int))
    assert many.p_value == pytest.approx(2 / 2**12)
