"""Which layers get fewer bits, what that does to their weights, and that fine-tuning wins back what it costs."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

from signport.errors import SignportError
from signport.models.registry import predict
from signport.quantization.agreement import compare
from signport.quantization.deploy import deploy_form
from signport.quantization.fake_quant import Phase, in_phase, quantized_weight
from signport.quantization.low_bits import low_bit_layers, lower_weight_bits
from signport.quantization.qat import quantize, simulate
from signport.training.recipe_sections import QuantizationRecipe

NAMES = ("first", "second", "third", "last")


def dense_model(names: tuple[str, ...] = NAMES) -> keras.Model:
    """Classifies 8 numbers into 4, through 24 units a layer."""
    keras.utils.set_random_seed(4)
    x = inputs = keras.Input((8,), name="x")
    for name in names[:-1]:
        x = layers.Dense(24, activation="relu", name=name)(x)
    logits = layers.Dense(4, name=names[-1])(x)
    return keras.Model(inputs, layers.Softmax(name="softmax")(logits), name="small")


def bits(deploy: keras.Model, names: tuple[str, ...] = NAMES) -> list[int]:
    return [deploy.get_layer(name).weight_bits for name in names]


def test_the_layers_between_the_first_and_the_last_get_4_bits():
    deploy = deploy_form(dense_model())
    assert low_bit_layers(deploy) == ()
    assert lower_weight_bits(deploy) == low_bit_layers(deploy) == ("second", "third")
    assert bits(deploy) == [8, 4, 4, 8]


def test_the_first_and_the_last_get_4_bits_where_asked():
    deploy = deploy_form(dense_model())
    assert lower_weight_bits(deploy, edges=4) == NAMES


@pytest.mark.parametrize("precision", ["float", "int16"])
def test_layers_that_are_kept_are_passed_over(precision):
    deploy = deploy_form(dense_model(), keep={"second": precision})
    assert lower_weight_bits(deploy) == ("third",)
    assert bits(deploy) == [8, 8, 4, 8]


def test_a_kept_first_layer_is_still_the_first():
    deploy = deploy_form(dense_model(), keep={"first": "float"})
    assert lower_weight_bits(deploy) == ("second", "third")


def test_a_model_without_layers_between_is_refused():
    with pytest.raises(SignportError, match=r"quantization.weight_bits: 4; small has no dense layer .* set 8"):
        lower_weight_bits(deploy_form(dense_model(("first", "last"))))
    with pytest.raises(SignportError, match="no dense layer in int8 between"):
        lower_weight_bits(deploy_form(dense_model(("first", "second", "last")), keep={"second": "float"}))


def test_saving_keeps_the_bits(tmp_path):
    deploy = deploy_form(dense_model())
    lower_weight_bits(deploy)
    deploy.save(tmp_path / "m.keras")
    assert bits(keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)) == [8, 4, 4, 8]


def test_what_is_simulated_is_what_is_exported():
    deploy = deploy_form(dense_model())
    kernel = deploy.get_layer("second").kernel
    with in_phase(Phase.SIMULATE):
        simulated = np.asarray(quantized_weight(kernel, 4))
    with in_phase(Phase.EXPORT):
        exported = np.asarray(quantized_weight(kernel, 4))
    np.testing.assert_allclose(simulated, exported, rtol=1e-6, atol=1e-9)
    steps = exported / (np.abs(np.asarray(kernel)).max(axis=0) / 7)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-5)
    assert np.abs(steps).max() == pytest.approx(7)


@pytest.fixture(scope="module")
def trained():
    """A model that has learned which of four hidden numbers is the largest; and inputs of three parts."""
    random = np.random.default_rng(0)
    parts = [{"x": random.normal(size=(size, 8)).astype(np.float32)} for size in (2048, 256, 512)]
    mixing = random.normal(size=(8, 4))
    model = dense_model(("first", "second", "third", "fourth", "last"))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(parts[0]["x"], (np.tanh(parts[0]["x"]) @ mixing).argmax(1), epochs=10, batch_size=64, verbose=0)
    return model, parts


def quantized(trained, epochs: int):
    model, (training, validation, _) = trained
    settings = replace(QuantizationRecipe(), epochs=epochs, learning_rate=1e-3)
    keras.utils.set_random_seed(1)
    return quantize(model, training, validation, settings, 0, weight_bits=4)


def test_fine_tuning_wins_back_what_4_bits_cost(trained):
    model, (_, _, test) = trained
    reference = predict(model, test)
    calibrated, tuned = quantized(trained, 0), quantized(trained, 4)
    ptq, qat = (compare(reference, simulate(found.deploy, test)).sqnr_db for found in (calibrated, tuned))
    assert qat > ptq + 2
    assert tuned.chosen.epoch > 0
    assert tuned.candidates[0].sqnr_db == pytest.approx(calibrated.candidates[0].sqnr_db)
