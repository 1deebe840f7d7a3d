import numpy as np
import pytest

from signport.errors import SignportError
from signport.export.exporter import require_export
from signport.export.flatbuffer import get_metadata, operator_counts, operators, read_model, set_metadata, write_model
from signport.export.golden import golden_samples, worst_margin_rows
from signport.export.metadata import ModelInfo, append_labels, describe, finish, read_labels
from signport.models.litert import LiteRtModel


@pytest.fixture
def content(pipeline):
    return require_export(pipeline.head, "int8")


def test_rewriting_changes_no_answer(content):
    values = [np.random.default_rng(0).normal(size=(20, 128)).astype(np.float32)]
    rewritten = write_model(read_model(content))
    np.testing.assert_array_equal(LiteRtModel(rewritten).predict(values), LiteRtModel(content).predict(values))
    assert operators(rewritten) == operators(content)


def test_weights_stay_aligned_for_the_kernels(content):
    rewritten = write_model(read_model(content))
    for buffer in read_model(rewritten).buffers:
        if buffer.data is not None and len(buffer.data) >= 512:
            assert rewritten.index(bytes(buffer.data)) % 16 == 0


def test_metadata_is_read_back_and_replaced(content):
    model = read_model(content)
    set_metadata(model, "note", b"first")
    set_metadata(model, "note", b"second")
    assert get_metadata(write_model(model), "note") == b"second"
    assert get_metadata(content, "note") is None


def test_finishing_twice_is_finishing_once(content):
    told = describe(content)
    info = ModelInfo(told["name"], told["description"], [("embedding", "e")], ("probabilities", "p"), told["labels"])
    once = finish(content, info)
    assert finish(once, info) == once


def test_labels_survive_outside_ascii(content):
    labels = ["Ä", "café", "手", "None"]
    assert read_labels(append_labels(write_model(read_model(content)), labels)) == labels


@pytest.mark.parametrize("broken", [b"", b"nothing like it", b"\x00\x00\x00\x00TFL2" + bytes(64)])
def test_what_is_no_model_is_refused_in_one_line(broken):
    with pytest.raises(SignportError, match="not a TFLite model"):
        read_model(broken, "broken.tflite")


def test_golden_vectors_of_long_clips_are_fewer():
    def fit(*shape):
        return golden_samples({"landmarks": np.zeros((1, *shape), np.float32)})

    assert fit(21, 3) == fit(30, 75, 3) == 400
    assert 32 < fit(300, 59, 3) < fit(60, 136, 3) < 400
    assert fit(300, 59, 3) * 300 * 59 * 3 * 4 <= 16e6
    assert fit(3000, 543, 3) == 32


def test_operators_without_an_output_are_counted(content):
    model = read_model(content)
    model.subgraphs[0].operators[-1].outputs = np.array([], np.int32)
    assert operator_counts(write_model(model))["SOFTMAX"] == 1


def test_half_of_the_golden_samples_are_the_ones_nearest_to_a_tie():
    answers = np.full((100, 3), 0.1, np.float32)
    answers[:, 0] = np.linspace(0.3, 0.9, 100)
    answers[:, 1] = 0.25
    rows = worst_margin_rows(answers, 20, seed=0)
    assert len(np.unique(rows)) == 20
    assert set(range(10)) <= set(rows)
    assert set(rows) - set(range(20))
