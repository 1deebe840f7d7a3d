"""tensorflow-model-optimization as a second engine, and as a check on ours."""

import os
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
from tests.models.test_families import CASES, built, samples, trained

from signport.errors import SignportError
from signport.export.check import judge, judge_graph, judge_simulation
from signport.export.convert import FORMATS, QUANTIZED, convert
from signport.export.metadata import ModelInfo, finish
from signport.models.litert import LiteRtModel
from signport.models.registry import family_named, predict
from signport.quantization import qat
from signport.quantization.agreement import compare
from signport.quantization.engines import engine_named
from signport.quantization.fake_quant import Phase, in_phase
from signport.quantization.tfmot_engine import fine_tune
from signport.training.recipe_sections import QuantizationRecipe

DENSE = ["mlp residual", "gesture_embedder", "gesture_head"]  # with every kind of layer that the twin has
CALIBRATED = QuantizationRecipe(epochs=0)


def untrained(case):
    """A new model whose batch normalizations have something to do."""
    keras.utils.set_random_seed(11)
    model, random = built(case), np.random.default_rng(11)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for variable in (layer.gamma, layer.moving_variance):
                variable.assign(random.uniform(0.5, 2, variable.shape))
            for variable in (layer.beta, layer.moving_mean):
                variable.assign(random.normal(0, 0.3, variable.shape))
    return family_named(CASES[case][0]).deployed(model)


@pytest.fixture(scope="module")
def residual():
    return untrained("mlp residual")


@pytest.fixture(scope="module")
def fine_tuned(residual):
    """(quantized, TFMOT's model, held-back samples) after two epochs."""
    (train, _), (test, _) = samples(residual, 256), samples(residual, 100, seed=4)
    settings = QuantizationRecipe(epochs=2, learning_rate=1e-4)
    return *fine_tune(residual, train, test, settings, seed=0), test


def ours(deploy, inputs):
    """The logits, less their mean, or the embedding, by our simulation."""
    with in_phase(Phase.SIMULATE):
        return predict(keras.Model(deploy.inputs, qat.signal_model(deploy).output), inputs)


def theirs(twin, inputs, deploy):
    """The same by TFMOT's."""
    answer = twin.model.predict(predict(twin.head, inputs), verbose=0)
    return answer if qat.softmax_layer(deploy) is None else answer - answer.mean(axis=1, keepdims=True)


def assert_equal(deploy, twin, inputs):
    """To float32's last digits, far below a quantization step."""
    np.testing.assert_allclose(ours(deploy, inputs), theirs(twin, inputs, deploy), rtol=0, atol=1e-5)


@pytest.mark.parametrize("case", DENSE)
def test_its_simulation_of_a_calibrated_graph_is_ours(case):
    model = untrained(case)
    (train, _), (test, _) = samples(model, 256), samples(model, 300, seed=4)
    mine = qat.quantize(model, train, test, CALIBRATED, seed=0)
    _, twin = fine_tune(model, train, test, CALIBRATED, seed=0)
    assert_equal(mine.deploy, twin, test)


def test_weights_and_ranges_are_read_back_whole(fine_tuned):
    quantized, twin, test = fine_tuned
    weights = twin.model.get_weights()
    before = ours(quantized.deploy, test)
    random = np.random.default_rng(5)
    twin.model.set_weights([weight * random.uniform(1, 1.3) for weight in weights])
    twin.settle()
    twin.read_back()
    assert np.abs(ours(quantized.deploy, test) - before).max() > 0.1 * np.abs(before).max()
    assert_equal(quantized.deploy, twin, test)
    twin.model.set_weights(weights)
    twin.read_back()
    np.testing.assert_array_equal(ours(quantized.deploy, test), before)


def test_it_trains_and_the_best_candidate_wins(fine_tuned):
    quantized, twin, test = fine_tuned
    assert [candidate.epoch for candidate in quantized.candidates] == [0, 1, 2]
    assert len({candidate.sqnr_db for candidate in quantized.candidates}) == 3
    assert quantized.chosen.rank >= quantized.candidates[0].rank
    assert quantized.engine == "tfmot"
    assert_equal(quantized.deploy, twin, test)


@pytest.mark.slow
def test_its_int8_file_passes_the_familys_gates(tmp_path):
    _, residual = trained("mlp residual")
    family = family_named(CASES["mlp residual"][0])
    (train, _), (test, _) = samples(residual, 512), samples(residual, 300, seed=4)
    quantized = engine_named("tfmot")(residual, train, test, QuantizationRecipe(epochs=1), 0)
    quantized.deploy.save(tmp_path / QUANTIZED)
    convert(family.name, tmp_path, ["int8"])
    info = ModelInfo("m", "d", [(tensor.name, "") for tensor in residual.inputs], (family.output, ""))
    content = finish((tmp_path / FORMATS["int8"].file_name).read_bytes(), info)
    answers = LiteRtModel(content).predict([test[tensor.name] for tensor in residual.inputs])
    gates = judge_graph("int8", content, [(1, *tensor.shape[1:]) for tensor in residual.inputs])
    gates += judge("int8", compare(predict(residual, test), answers), family.gates)
    gates += judge_simulation("int8", compare(qat.simulate(quantized.deploy, test), answers), family.gates)
    assert not [str(gate) for gate in gates if not gate.passed]
    assert {"int8 SQNR (dB)", "int8 agreement", "int8 agreement with its simulation"} <= {gate.name for gate in gates}


def test_a_graph_that_is_not_dense_is_refused_by_a_layers_name():
    model = built("transformer", layers=1)
    inputs, _ = samples(model, 8)
    with pytest.raises(SignportError, match=r"engine tfmot is for dense graphs.* layer '\w+'.*use engine signport"):
        engine_named("tfmot")(model, inputs, inputs, CALIBRATED, 0)


def test_a_layer_that_is_kept_in_float_is_refused_by_its_name(residual):
    inputs, _ = samples(residual, 8)
    layer = next(layer.name for layer in residual.layers if isinstance(layer, keras.layers.Dense))
    with pytest.raises(SignportError, match=f"engine tfmot is for dense graphs in int8, and layer '{layer}'"):
        engine_named("tfmot")(residual, inputs, inputs, replace(CALIBRATED, keep={layer: "float"}), 0)


def test_child_processes_keep_keras_3(fine_tuned):
    assert "TF_USE_LEGACY_KERAS" not in os.environ


def test_without_the_toolkit_the_error_says_what_to_install(residual, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_model_optimization", None)
    monkeypatch.delitem(sys.modules, "signport.quantization.tfmot_twin", raising=False)
    inputs, _ = samples(residual, 8)
    with pytest.raises(SignportError, match="pip install tensorflow-model-optimization"):
        engine_named("tfmot")(residual, inputs, inputs, CALIBRATED, 0)


def test_an_unknown_engine_is_refused():
    with pytest.raises(SignportError, match="'tflite' is unknown; choose signport or tfmot"):
        engine_named("tflite")
