import pytest
from tests.models.test_families import built, samples

from signport.errors import SignportError
from signport.export.latency import Latency, _summary, paired_latency


def test_a_ratio_is_taken_within_a_round():
    """The machine was four times as slow in the second round; that is no file's fault."""
    assert _summary([5.0, 20.0, 6.0], [10.0, 40.0, 10.0]) == Latency(6.0, 0.5, 0.5, 0.6)


def test_every_file_has_a_turn_every_round(tmp_path):
    import tensorflow as tf

    model = built("gesture_head")
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    inputs = {tensor.name: samples(model, 4)[0][tensor.name] for tensor in model.inputs}
    found = paired_latency({"float32": content, "same": content}, inputs, tmp_path, rounds=3)
    assert list(found) == ["float32", "same"]
    assert (found["float32"].ratio, found["float32"].lowest, found["float32"].highest) == (1, 1, 1)
    assert found["same"].lowest <= found["same"].ratio <= found["same"].highest
    assert found["same"].median_us > 0


def test_a_file_that_does_not_load_is_one_line(tmp_path):
    with pytest.raises(SignportError, match=r"^timing broken failed with status 1: .+$"):
        paired_latency({"broken": b"no model"}, {}, tmp_path, rounds=1)
