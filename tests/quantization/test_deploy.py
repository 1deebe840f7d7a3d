import keras
import numpy as np
import pytest
from keras import layers

from signport.errors import SignportError
from signport.models.registry import predict
from signport.quantization.deploy import deploy_form, largest_difference
from signport.quantization.fake_quant import activation_quantizers


def normalization(units: int, seed: int = 0) -> layers.BatchNormalization:
    """A batch normalization that has seen something."""
    rng = np.random.default_rng(seed)
    layer = layers.BatchNormalization()
    layer.build((None, units))
    layer.set_weights(
        [rng.uniform(-2, 2, units), rng.normal(size=units), rng.normal(size=units), rng.uniform(0.2, 3, units)]
    )
    return layer


def model_of(*stack: layers.Layer) -> keras.Model:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((16,), name="x")
    x = inputs
    for layer in stack:
        x = layer(x)
    return keras.Model(inputs, x)


VALUES = {"x": np.random.default_rng(5).normal(size=(64, 16)).astype(np.float32)}


@pytest.mark.parametrize(
    "stack",
    [
        lambda: [layers.Dense(8)],
        lambda: [layers.Dense(8, activation="relu")],
        lambda: [layers.Dense(8, use_bias=False)],
        lambda: [layers.Dense(8), layers.ReLU()],
        lambda: [layers.Dense(8), normalization(8)],
        lambda: [layers.Dense(8), normalization(8), layers.ReLU(), layers.Dropout(0.5)],
        lambda: [normalization(16)],
        lambda: [normalization(16), layers.ReLU(), layers.Dense(4), layers.Softmax()],
        lambda: [layers.Dense(8, activation="relu"), normalization(8)],
    ],
)
def test_each_rewrite_equals_the_layers_it_stands_for(stack):
    model = model_of(*stack())
    assert largest_difference(model, deploy_form(model), VALUES) <= 1e-5


def test_normalization_is_folded_into_the_dense_layer_before_it():
    deploy = deploy_form(model_of(layers.Dense(8), normalization(8), layers.ReLU()))
    assert [type(layer).__name__ for layer in deploy.layers] == ["InputLayer", "ActivationQuantizer", "FakeQuantDense"]


def test_what_two_layers_use_is_not_folded():
    inputs = keras.Input((16,), name="x")
    shared = layers.Dense(8)(inputs)
    model = keras.Model(inputs, layers.Add()([shared, normalization(8)(shared)]))
    deploy = deploy_form(model)
    assert largest_difference(model, deploy, VALUES) <= 1e-5
    assert "FakeQuantAffine" in [type(layer).__name__ for layer in deploy.layers]


def test_the_trained_model_keeps_its_weights():
    model = model_of(layers.Dense(8), normalization(8), layers.ReLU())
    before = predict(model, VALUES)
    deploy = deploy_form(model)
    for variable in deploy.trainable_variables:
        variable.assign(variable * 2)
    np.testing.assert_array_equal(predict(model, VALUES), before)


def test_every_activation_has_one_range():
    model = model_of(layers.Dense(8), normalization(8), layers.ReLU(), layers.Dense(4), layers.Softmax())
    assert len(activation_quantizers(deploy_form(model))) == 3  # input, hidden, logits


@pytest.mark.parametrize(
    ("stack", "named"),
    [
        (lambda: [layers.Dense(4), layers.LeakyReLU(name="leaky")], "leaky"),
        (lambda: [layers.Dense(4, activation="gelu", name="smooth")], "smooth"),
        (lambda: [layers.ReLU(name="alone")], "alone"),
    ],
)
def test_a_layer_that_does_not_quantize_is_refused_by_name(stack, named):
    with pytest.raises(SignportError, match=named):
        deploy_form(model_of(*stack()))
