"""Layers kept in float or int16: the file answers like the simulation in every runtime, and is what it says it is."""

from dataclasses import dataclass
from functools import cache

import keras
import numpy as np
import pytest
from keras import layers
from tests.quantization.kernels import KERNELS, answers_of
from tests.quantization.one_op import converted

from signport.errors import SignportError
from signport.export.flatbuffer import float_islands, operators
from signport.export.kept import settle_kept
from signport.export.metadata import ModelInfo, finish
from signport.models.registry import predict
from signport.quantization.agreement import sqnr_db
from signport.quantization.calibration import calibrate
from signport.quantization.deploy import deploy_form
from signport.quantization.deploy_layer import DeployLayer
from signport.quantization.qat import simulate

RANDOM = np.random.default_rng(3)
DENSE = {"x": RANDOM.normal(size=(200, 12)).astype(np.float32)}
IMAGE = {"x": RANDOM.normal(size=(100, 5, 4, 3)).astype(np.float32)}


@cache
def dense_model() -> keras.Model:
    """Three dense layers with biases and logits of ordinary size."""
    keras.utils.set_random_seed(4)
    inputs = keras.Input((12,), name="x")
    x = layers.Dense(24, activation="relu", name="first", bias_initializer="random_normal")(inputs)
    x = layers.Dense(24, activation="relu", name="middle", bias_initializer="random_normal")(x)
    return keras.Model(inputs, layers.Dense(5, name="last", bias_initializer="random_normal")(x))


@cache
def convolutions() -> keras.Model:
    """Two convolutions, of which a residual addition reads both."""
    keras.utils.set_random_seed(5)
    inputs = keras.Input((5, 4, 3), name="x")
    first = layers.Conv2D(6, (3, 1), padding="same", name="first", bias_initializer="random_normal")(inputs)
    second = layers.Conv2D(6, (1, 1), padding="same", name="second", bias_initializer="random_normal")(first)
    return keras.Model(inputs, layers.Add(name="sum")([first, second]))


@dataclass(frozen=True)
class Kept:
    """A quantized model with layers that are kept."""

    deploy: keras.Model
    content: bytes
    simulated: np.ndarray
    step: float


def quantized(model: keras.Model, inputs: dict[str, np.ndarray], **keep: str) -> Kept:
    deploy = deploy_form(model, keep=keep)
    calibrate(deploy, inputs)
    last = deploy.layers[-1]
    grid = last.quantizer.grid() if isinstance(last, DeployLayer) else (1e-5, 0)
    content = finish(settle_kept(converted(deploy)), ModelInfo("m", "", [("x", "")], ("y", "")))
    return Kept(deploy, content, simulate(deploy, inputs), grid[0])


CASES = {
    "dense": [
        {"first": "float"},
        {"middle": "float"},
        {"last": "float"},
        {"first": "float", "middle": "float"},
        {"first": "int16"},
        {"middle": "int16"},
        {"last": "int16"},
        {"middle": "int16", "last": "int16"},
        {"middle": "int16", "last": "float"},
    ],
    "convolutions": [{"first": "int16"}, {"second": "int16"}, {"second": "float"}, {"sum": "float"}],
}


@pytest.mark.parametrize(
    ("model", "keep"),
    [
        pytest.param(model, keep, id=f"{model}-{'-'.join(f'{name}-{kind}' for name, kind in keep.items())}")
        for model, kept in CASES.items()
        for keep in kept
    ],
)
def test_every_runtime_answers_like_the_simulation(model, keep):
    build, inputs = {"dense": (dense_model, DENSE), "convolutions": (convolutions, IMAGE)}[model]
    found = quantized(build(), inputs, **keep)
    for kernels in KERNELS:
        answers = answers_of(kernels, found.content, [inputs["x"]])[0]
        # Runtimes that round in two steps land beside the simulation's step now and then.
        assert np.abs(answers - found.simulated).max() <= 0.03 * np.abs(found.simulated).max()
        assert sqnr_db(found.simulated, answers) >= 40, kernels


def types_of(content: bytes, name: str) -> list[tuple[str, ...]]:
    return [operator.inputs for operator in operators(content) if operator.name == name]


def test_a_layer_in_float_has_float_weights_and_its_neighbours_do_not():
    content = quantized(dense_model(), DENSE, middle="float").content
    assert types_of(content, "FULLY_CONNECTED") == [
        ("INT8", "INT8", "INT32"),
        ("FLOAT32", "FLOAT32", "FLOAT32"),
        ("INT8", "INT8", "INT32"),
    ]
    assert float_islands(content) == [["FULLY_CONNECTED"]]
    assert not types_of(content, "CAST")


def test_a_layer_in_int16_has_int8_weights_and_a_wide_bias():
    content = quantized(dense_model(), DENSE, middle="int16").content
    assert types_of(content, "FULLY_CONNECTED")[1] == ("INT16", "INT8", "INT64")
    assert not float_islands(content)


def test_what_no_int8_layer_reads_stays_as_it_was_kept():
    names = [operator.name for operator in operators(quantized(dense_model(), DENSE, last="float").content)]
    assert names[-2:] == ["DEQUANTIZE", "FULLY_CONNECTED"]
    both = quantized(dense_model(), DENSE, first="float", middle="float")
    assert [layer.answers_int8 for layer in both.deploy.layers if isinstance(layer, DeployLayer)] == [False, True, True]


@pytest.mark.parametrize("precision", ["float", "int16"])
def test_keeping_the_last_layer_brings_the_answer_nearer_to_float(precision):
    reference = predict(dense_model(), DENSE)
    alone = sqnr_db(reference, quantized(dense_model(), DENSE).simulated)
    assert sqnr_db(reference, quantized(dense_model(), DENSE, last=precision).simulated) > alone + 1


def test_all_layers_in_float_are_the_float_model():
    found = quantized(dense_model(), DENSE, first="float", middle="float", last="float")
    np.testing.assert_allclose(found.simulated, predict(dense_model(), DENSE), atol=1e-6)
    assert {operator.name for operator in operators(found.content)} == {"FULLY_CONNECTED"}


def test_an_input_that_only_layers_in_float_read_stays_in_float():
    names = [operator.name for operator in operators(quantized(dense_model(), DENSE, first="float").content)]
    assert names[:2] == ["FULLY_CONNECTED", "QUANTIZE"]


def test_saving_keeps_what_is_kept(tmp_path):
    found = quantized(dense_model(), DENSE, first="int16", last="float")
    found.deploy.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    np.testing.assert_array_equal(simulate(loaded, DENSE), found.simulated)


def test_an_unknown_layer_is_named_with_its_nearest():
    with pytest.raises(SignportError, match=r"quantization.keep: midle: no layer of that name .* 'middle'"):
        deploy_form(dense_model(), keep={"midle": "float"})


def test_a_layer_that_is_no_product_cannot_be_int16():
    with pytest.raises(SignportError, match=r"quantization.keep: sum: int16; .* write float"):
        deploy_form(convolutions(), keep={"sum": "int16"})


def test_a_bias_of_equal_numbers_is_scaled_a_channel_at_a_time():
    # TensorFlow's converter scales a constant of one number by the first channel's scale.
    inputs = keras.Input((12,), name="x")
    layer = layers.Dense(4, bias_initializer=keras.initializers.Constant(0.1))
    model = keras.Model(inputs, layer(inputs))
    layer.kernel.assign(np.asarray(layer.kernel) * np.array([1, 10, 0.1, 3]))
    found = quantized(model, DENSE)
    answers = answers_of(KERNELS[0], found.content, [DENSE["x"]])[0]
    assert np.abs(answers - found.simulated).max() <= 1.01 * found.step
