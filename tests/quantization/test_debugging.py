"""What int8 costs by tensor and by layer: against numbers worked out by hand, and with faults put in on purpose."""

import keras
import numpy as np
import pytest
from keras import layers

from signport.models.lstm import LstmConfig
from signport.models.lstm import build as build_lstm
from signport.models.registry import predict
from signport.models.transformer import TransformerConfig
from signport.models.transformer import build as build_transformer
from signport.quantization.agreement import sqnr_db
from signport.quantization.calibration import calibrate
from signport.quantization.debugging import Diagnosis, diagnose
from signport.quantization.deploy import deploy_form
from signport.quantization.qat import signal_model, simulate

X = np.random.default_rng(0).normal(size=(192, 8)).astype(np.float32)
X[:, 7] = 0  # an input that never says anything
FRAMES, MASKED = 4, 2  # of ten of twenty clips


def classifier() -> keras.Model:
    """Four classes by two hidden layers."""
    keras.utils.set_random_seed(2)
    inputs = keras.Input((8,), name="x")
    x = layers.Dense(24, activation="relu", name="first")(inputs)
    x = layers.Dense(24, activation="relu", name="second")(x)
    return keras.Model(inputs, layers.Softmax(name="softmax")(layers.Dense(4, name="logits")(x)))


def calibrated(model: keras.Model, inputs: np.ndarray = X, **keep: str) -> keras.Model:
    deploy = deploy_form(model, keep=keep)
    calibrate(deploy, {model.inputs[0].name: inputs})
    return deploy


def diagnosed(deploy: keras.Model, model: keras.Model, inputs: np.ndarray = X) -> Diagnosis:
    """The diagnosis with the float model's own answers as labels."""
    named = {model.inputs[0].name: inputs}
    return diagnose(deploy, model, named, predict(model, named).argmax(axis=1))


def on_grid(x: np.ndarray, low: float, high: float) -> tuple[np.ndarray, float, int]:
    """Values on an asymmetric int8 grid, its scale and zero point, after the specification."""
    scale = (high - low) / 255
    zero_point = round(-128 - low / scale)
    return (np.clip(np.round(x / scale) + zero_point, -128, 127) - zero_point) * scale, scale, zero_point


def clips(model: keras.Model) -> np.ndarray:
    """Twenty random clips, of which ten lack their last frames."""
    values = np.random.default_rng(3).uniform(0.2, 0.8, (20, *model.inputs[0].shape[1:])).astype(np.float32)
    values[:10, FRAMES - MASKED :] = np.nan
    return values


def db(signal: np.ndarray, noise: np.ndarray) -> float:
    return 10 * np.log10(np.square(signal).sum() / np.square(noise).sum())


def simulated(deploy: keras.Model, model: keras.Model, inputs: np.ndarray) -> tuple[float, object]:
    """Agreement with the float model, and SQNR, of the simulation as the exporter runs it."""
    named = {model.inputs[0].name: inputs}
    answers, reference = np.log(simulate(deploy, named)), predict(signal_model(model), named)
    same = (answers.argmax(axis=1) == reference.argmax(axis=1)).mean()
    centred = answers - answers.mean(axis=1, keepdims=True)
    return same, pytest.approx(sqnr_db(reference, centred), abs=0.05)


def test_figures_of_one_layer_are_those_worked_out_by_hand():
    keras.utils.set_random_seed(4)
    inputs = keras.Input((8,), name="x")
    model = keras.Model(inputs, layers.Dense(3, name="only", bias_initializer="normal")(inputs))
    found = diagnosed(calibrated(model), model)

    kernel, bias = (np.asarray(weight, np.float64) for weight in model.get_weights())
    x = X.astype(np.float64)
    floating = x @ kernel + bias
    steps = np.abs(kernel).max(axis=0) / 127
    stored = np.round(kernel / steps) * steps
    read, read_scale, read_zero = on_grid(x, x.min(), x.max())
    before = read @ stored + bias
    after, scale, zero_point = on_grid(before, floating.min(), floating.max())

    output = found.tensor("only", "output")
    assert (output.zero_point, output.values, output.unread) == (zero_point, floating.size, 0)
    assert output.scale == pytest.approx(scale, rel=1e-5)
    assert output.rmse_steps == pytest.approx(np.sqrt(np.square(after - floating).mean()) / scale, rel=1e-2)
    assert output.own_rmse_steps == pytest.approx(np.sqrt(np.square(after - before).mean()) / scale, rel=1e-2)
    assert output.sqnr_db == pytest.approx(db(floating, after - floating), abs=0.1)
    assert output.own_sqnr_db == pytest.approx(db(before, after - before), abs=0.1)
    cosine = (floating * after).sum() / np.linalg.norm(floating) / np.linalg.norm(after)
    assert 1 - output.cosine == pytest.approx(1 - cosine, rel=0.05)
    # With three outputs no direction is left out, so what each error does to the answer is exact.
    assert output.answer_sqnr_db == pytest.approx(db(floating, after - before), abs=0.1)

    taken = found.tensor("x_quantized", "x_quantized")
    assert (taken.zero_point, taken.scale) == (read_zero, pytest.approx(read_scale, rel=1e-5))
    assert taken.answer_sqnr_db == pytest.approx(db(floating, (read - x) @ kernel), abs=0.1)
    weight = found.tensor("only", "kernel")
    assert (weight.kind, weight.zero_point, weight.scale) == ("weight", 0, pytest.approx(steps.max(), rel=1e-5))
    assert weight.sqnr_db == pytest.approx(db(kernel, stored - kernel), abs=0.1)
    assert weight.answer_sqnr_db == pytest.approx(db(floating, x @ (stored - kernel)), abs=0.1)
    worst = min(db(kernel[:, channel], (stored - kernel)[:, channel]) for channel in range(3))
    assert weight.worst_channel_sqnr_db == pytest.approx(worst, abs=0.1)

    layer = found.layer("only")
    alone, _, _ = on_grid(x @ stored + bias, floating.min(), floating.max())
    assert layer.alone.sqnr_db == pytest.approx(db(floating, alone - floating), abs=0.1)
    assert layer.kept.sqnr_db > 120  # with the only layer that reads it in float, the input is too
    assert found.layer("x_quantized").kept is None
    assert np.isnan([found.accuracy, found.int8.agreement, layer.kept.agreement]).all()


def widen_the_logits(deploy: keras.Model) -> None:
    quantizer = deploy.get_layer("logits").quantizer
    quantizer.low.assign(quantizer.low * 50)
    quantizer.high.assign(quantizer.high * 50)


def spoil_a_kernel(deploy: keras.Model) -> None:
    kernel = np.array(deploy.get_layer("first").kernel)
    kernel[7] = 200 * np.abs(kernel).max()  # of the input that is always 0: the float answer stays what it is
    deploy.get_layer("first").kernel.assign(kernel)


@pytest.mark.parametrize(
    ("spoil", "layer", "tensor"), [(widen_the_logits, "logits", "output"), (spoil_a_kernel, "first", "kernel")]
)
def test_a_spoilt_layer_ranks_first_and_keeping_it_in_float_restores_the_agreement(spoil, layer, tensor):
    model = classifier()
    deploy = calibrated(model)
    assert diagnosed(deploy, model).int8.agreement >= 0.98
    spoil(deploy)
    found = diagnosed(deploy, model)
    assert found.int8.agreement < 0.9
    assert (found.tensors[0].layer, found.tensors[0].name) == (layer, tensor)
    assert found.layers[0].layer == layer
    assert found.layers[0].noise > 0.9 * sum(other.noise for other in found.layers)
    assert found.layers[0].kept.agreement >= 0.98
    assert all(other.kept.agreement < 0.9 for other in found.layers[1:] if other.kept)


def test_a_range_that_is_too_wide_inside_ranks_first_but_stays_when_its_layer_is_kept():
    model = classifier()
    deploy = calibrated(model)
    quantizer = deploy.get_layer("second").quantizer
    quantizer.high.assign(quantizer.high * 50)
    found = diagnosed(deploy, model)
    assert (found.tensors[0].layer, found.layers[0].layer) == ("second", "second")
    assert found.tensors[0].clipped == 0
    # `logits` reads it in int8, on the same grid.
    assert found.layers[0].kept.sqnr_db == pytest.approx(found.int8.sqnr_db, abs=3)


def test_clipped_is_the_share_of_values_beyond_the_grid():
    model = classifier()
    deploy = calibrated(model)
    first = deploy.get_layer("first")
    kernel, bias = np.asarray(first.kernel, np.float64), np.asarray(first.bias)
    steps = np.abs(kernel).max(axis=0) / 127
    read, _, _ = on_grid(X.astype(np.float64), X.min(), X.max())
    before = np.maximum(read @ (np.round(kernel / steps) * steps) + bias, 0)
    high = float(np.quantile(before, 0.9))
    assert diagnosed(deploy, model).tensor("first", "output").clipped < 0.001
    first.quantizer.high.assign(high)
    found = diagnosed(deploy, model)
    expected = float((before > high + 0.5 * high / 255).mean())
    assert found.tensor("first", "output").clipped == pytest.approx(expected, abs=1e-3)
    assert 0.05 < expected < 0.11
    assert found.tensors[0].layer == "first"


def test_what_keeping_a_layer_is_said_to_give_is_what_the_recipe_key_gives():
    model = classifier()
    found = diagnosed(calibrated(model), model)
    for name in ("first", "second", "logits"):
        kept = diagnosed(calibrated(model, **{name: "float"}), model)
        assert kept.int8.sqnr_db == pytest.approx(found.layer(name).kept.sqnr_db, abs=1e-3)
        assert name not in [layer.layer for layer in kept.layers if layer.kept is not None]
        assert not [tensor for tensor in kept.tensors if (tensor.layer, tensor.kind) == (name, "weight")]


@pytest.mark.parametrize("keep", [{}, {"second": "float"}, {"second": "int16"}])
def test_the_simulation_is_the_one_that_ships_and_the_model_stays_as_it_was(keep):
    model = classifier()
    deploy = calibrated(model, **keep)
    before = [np.array(variable) for variable in deploy.variables]
    config = deploy.get_config()
    found = diagnosed(deploy, model)
    assert all(np.array_equal(one, np.array(two)) for one, two in zip(before, deploy.variables, strict=True))
    assert deploy.get_config() == config
    assert (found.int8.agreement, found.int8.sqnr_db) == simulated(deploy, model, X)


def test_the_steps_of_an_lstm_are_one_tensor_with_one_scale():
    keras.utils.set_random_seed(0)
    model = build_lstm(LstmConfig(frames=FRAMES, units=(4, 4, 4), hidden=4), 3)
    values = clips(model)
    deploy = calibrated(model, values)
    found = diagnosed(deploy, model, values)
    cell = found.tensor("lstm0", "cell")
    assert round(cell.values / (1 - cell.unread)) == len(values) * FRAMES * 4
    assert (found.int8.agreement, found.int8.sqnr_db) == simulated(deploy, model, values)
    assert {tensor.name for tensor in found.tensors if tensor.kind == "weight" and tensor.layer == "lstm1"} == {
        "kernel",
        "recurrent_kernel",
    }


def test_values_of_masked_frames_are_left_out_because_nothing_reads_them():
    keras.utils.set_random_seed(0)
    model = build_transformer(TransformerConfig(frames=FRAMES, hidden=8, heads=2, layers=1), 3)
    values = clips(model)
    deploy = calibrated(model, values)
    found = diagnosed(deploy, model, values)
    masked = 10 * MASKED / (20 * FRAMES)
    scores = found.tensor("layer0_attention", "scores")
    assert found.tensor("layer0_attention_value", "output").unread == pytest.approx(masked)
    assert scores.unread > masked
    assert scores.clipped < 0.01
    positions = found.tensor("positions", "positions")
    stored = np.asarray(deploy.get_layer("positions").positions)
    scale = (max(0, stored.max()) - min(0, stored.min())) / 255
    assert (positions.scale, positions.zero_point) == (
        pytest.approx(scale, rel=1e-5),
        round(-128 - min(0, stored.min()) / scale),
    )
