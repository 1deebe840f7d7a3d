import numpy as np
import pytest
from tests.parity.faked_run import FRAMES, fused_lstm_file

from signport.export.check import Gate, judge, judge_graph, least_share
from signport.export.exporter import require_export
from signport.models.gates import Gates
from signport.quantization.agreement import compare


def answers(samples: int, flipped: int = 0, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Clear two-class answers, and the same with some samples turned around."""
    reference = np.tile(np.array([[0.9, 0.1]], np.float32), (samples, 1))
    answer = reference + np.array([[-noise, noise]], np.float32)
    answer[:flipped] = answer[:flipped, ::-1]
    return reference, answer


def broken(form: str, samples: int, flipped: int = 0, noise: float = 0.0, **more: float) -> list[str]:
    gates = judge(form, compare(*answers(samples, flipped, noise)), Gates(), **more)
    return [gate.name for gate in gates if not gate.passed]


def test_equal_answers_pass_every_gate():
    for form in ("float32", "float16", "dynamic", "int8"):
        assert broken(form, 300, accuracy_drop=0.0) == []


def test_float32_may_not_flip_one_clear_sample():
    assert "float32 agreement outside ties" in broken("float32", 10_000, flipped=1)


def test_errors_beyond_the_tolerance_break():
    assert broken("float32", 300, noise=2e-4) == ["float32 max abs error"]
    assert broken("float16", 300, noise=0.06) == ["float16 max abs error"]
    assert "dynamic 95th percentile of abs error" in broken("dynamic", 300, noise=0.06)


@pytest.mark.parametrize(("flipped", "breaks"), [(0, False), (5, False), (6, True), (60, True)])
def test_int8_agreement_is_judged_with_its_interval(flipped, breaks):
    assert ("int8 agreement" in broken("int8", 262, flipped=flipped)) == breaks


def test_the_interval_closes_with_more_samples():
    shares = [least_share(0.99, samples) for samples in (50, 500, 5_000, 50_000)]
    assert shares == sorted(shares)
    assert 0.989 < shares[-1] <= 0.99


def test_an_accuracy_drop_that_the_flips_cannot_explain_by_chance_breaks():
    assert "int8 accuracy drop" not in broken("int8", 262, flipped=2, accuracy_drop=2 / 262)
    assert "int8 accuracy drop" in broken("int8", 262, flipped=20, accuracy_drop=20 / 262)


@pytest.mark.parametrize("form", ["float32", "float16", "dynamic", "int8"])
def test_nan_never_passes(form):
    reference, answer = answers(50)
    answer[7, 0] = np.nan
    gates = judge(form, compare(reference, answer), Gates())
    assert gates
    assert not any(gate.passed for gate in gates)
    assert all(gate.to_json()["value"] is None for gate in gates)


@pytest.mark.parametrize("kind", ["most", "least"])
def test_a_gate_with_nan_is_broken(kind):
    assert not Gate("x", float("nan"), 0.5, kind).passed


def test_a_wrong_input_shape_and_float_islands_are_found(pipeline):
    int8, float32 = (require_export(pipeline.head, form) for form in ("int8", "float32"))
    assert all(gate.passed for gate in judge_graph("int8", int8, [(1, 128)]))
    wrong = judge_graph("int8", int8, [(1, 127)])
    assert [gate.name for gate in wrong if not gate.passed] == ["int8 inputs of the wrong shape"]
    islands = judge_graph("int8", float32, [(1, 128)])
    assert "int8 float islands" in [gate.name for gate in islands if not gate.passed]


def test_a_fused_lstm_passes_only_where_it_was_asked_for():
    content, shapes = fused_lstm_file(), [(1, FRAMES, 75, 3)]
    assert all(gate.passed for gate in judge_graph("float32", content, shapes, fused_lstm=True))
    broken = {gate.name: gate.value for gate in judge_graph("float32", content, shapes) if not gate.passed}
    assert broken == {"float32 variable tensors": 2, "float32 fused recurrent operators": 1}


def test_a_loop_and_a_resource_variable_break_even_with_the_fused_lstm():
    import tensorflow as tf

    class Counting(tf.Module):
        def __init__(self):
            self.calls = tf.Variable(0.0)

        @tf.function(input_signature=[tf.TensorSpec([1, 3], tf.float32)])
        def answer(self, values):
            self.calls.assign_add(1.0)
            return tf.while_loop(lambda i, _: i < 3, lambda i, v: (i + 1, tf.tanh(v)), [0, values])[1] + self.calls

    module = Counting()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.answer.get_concrete_function()], module)
    converter.experimental_enable_resource_variables = True
    content = converter.convert()
    for fused in (False, True):
        gates = judge_graph("float32", content, [(1, 3)], fused_lstm=fused)
        broken = [gate.name for gate in gates if not gate.passed]
        assert broken == ["float32 control-flow operators", "float32 variable tensors"]
