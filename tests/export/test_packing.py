"""Weights packed into 4 bits: nothing is lost, and the file answers like the simulation wherever it runs."""

from functools import cache

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from keras import layers
from tests.quantization.kernels import KERNELS, OLD, answers_of
from tests.quantization.one_op import converted

from signport.export.flatbuffer import builtin_code, operators, read_model, replace_constant, write_model
from signport.export.metadata import ModelInfo, finish
from signport.export.packing import int4_tensors, pack_int4
from signport.quantization.calibration import calibrate
from signport.quantization.deploy import deploy_form
from signport.quantization.fake_quant import snap_to_grid
from signport.quantization.low_bits import lower_weight_bits
from signport.quantization.qat import simulate

INPUTS = {"x": np.random.default_rng(3).normal(size=(200, 13)).astype(np.float32)}
INFO = ModelInfo("m", "", [("x", "")], ("y", ""))
RUNS_INT4 = [kernels for kernels in KERNELS if kernels != OLD]


def deployed(units: int) -> keras.Model:
    """Three dense layers, calibrated, the middle one (13 inputs) with weights of 4 bits."""
    keras.utils.set_random_seed(4)
    inputs = keras.Input((13,), name="x")
    x = layers.Dense(13, activation="relu", name="first", bias_initializer="random_normal")(inputs)
    x = layers.Dense(units, activation="relu", name="middle", bias_initializer="random_normal")(x)
    deploy = deploy_form(keras.Model(inputs, layers.Dense(5, name="last", bias_initializer="random_normal")(x)))
    lower_weight_bits(deploy)
    calibrate(deploy, INPUTS)
    return deploy


@cache
def example(units: int = 21) -> tuple[keras.Model, bytes]:
    """The model, and what the converter makes of it."""
    deploy = deployed(units)
    return deploy, converted(deploy)


def dense_tensors(content: bytes, place: int) -> list[schema.TensorT]:
    """The inputs at one place of all FULLY_CONNECTED."""
    model = read_model(content)
    graph = model.subgraphs[0]
    dense = [one for one in graph.operators if builtin_code(model, one) == schema.BuiltinOperator.FULLY_CONNECTED]
    return [graph.tensors[operator.inputs[place]] for operator in dense]


def dense_versions(content: bytes) -> list[int]:
    """Versions of all FULLY_CONNECTED."""
    model = read_model(content)
    codes = [model.operatorCodes[operator.opcodeIndex] for operator in model.subgraphs[0].operators]
    return [code.version for code in codes if code.builtinCode == schema.BuiltinOperator.FULLY_CONNECTED]


def stored(content: bytes, tensor: schema.TensorT) -> np.ndarray:
    """A constant's bytes, uint8."""
    return np.asarray(read_model(content).buffers[tensor.buffer].data, np.uint8)


def dequantized(content: bytes, tensor: schema.TensorT) -> np.ndarray:
    """A kernel in float64 (output channels, inputs), unpacked here as the schema says: low four bits first."""
    data = stored(content, tensor)
    if tensor.type == schema.TensorType.INT4:
        halves = np.stack([data & 0xF, data >> 4], axis=1).ravel()[: np.prod(tensor.shape)].astype(np.int8)
        numbers = np.where(halves > 7, halves - 16, halves)
    else:
        numbers = data.view(np.int8)
    return numbers.reshape(tensor.shape) * np.asarray(tensor.quantization.scale, np.float64)[:, None]


def same_constants(one: bytes, other: bytes, place: int, layer: int) -> bool:
    """Whether an input of the n-th FULLY_CONNECTED is stored alike in two files."""
    a, b = dense_tensors(one, place)[layer], dense_tensors(other, place)[layer]
    scales = np.array_equal(a.quantization.scale, b.quantization.scale)
    return scales and a.type == b.type and np.array_equal(stored(one, a), stored(other, b))


@pytest.mark.parametrize("units", [20, 21], ids=["even", "odd"])
def test_packed_weights_are_the_simulations(units):
    deploy, content = example(units)
    packed = pack_int4(content)
    kernel = dense_tensors(packed, 1)[1]
    assert kernel.type == schema.TensorType.INT4
    assert len(stored(packed, kernel)) == (13 * units + 1) // 2
    wanted = snap_to_grid(np.asarray(deploy.get_layer("middle").kernel), 4).T
    np.testing.assert_allclose(dequantized(packed, kernel), wanted, rtol=1e-6, atol=1e-9)
    # Straight from the converter they are not: its 127 steps are no multiple of 7.
    unpacked = dequantized(content, dense_tensors(content, 1)[1])
    assert np.abs(unpacked - wanted).max() > 1e-3 * np.abs(wanted).max()


def test_kernels_off_the_15_levels_are_untouched():
    _, content = example()
    packed = pack_int4(content)
    assert int4_tensors(packed) == 1
    for layer in (0, 2):
        assert same_constants(content, packed, 1, layer)
        assert same_constants(content, packed, 2, layer)
    assert [one.inputs[1] for one in operators(packed) if one.name == "FULLY_CONNECTED"] == ["INT8", "INT4", "INT8"]
    before, after = dense_versions(content), dense_versions(packed)
    assert after == [before[0], 10, before[2]]  # which runtimes that know no 4 bits refuse by


def test_one_number_off_the_levels_keeps_the_kernel_in_8_bits():
    model = read_model(example()[1])
    graph = model.subgraphs[0]
    kernel = graph.tensors[graph.operators[2].inputs[1]]
    numbers = np.asarray(model.buffers[kernel.buffer].data, np.uint8).copy()
    numbers[numbers == 18] = 19
    replace_constant(model, kernel, numbers)
    changed = write_model(model)
    assert int4_tensors(changed) == int4_tensors(pack_int4(changed)) == 0


def test_biases_move_by_half_a_new_step_at_most():
    _, content = example()
    packed = pack_int4(content)
    before, after = (dense_tensors(one, 2)[1] for one in (content, packed))
    old, new = (
        stored(one, tensor).view(np.int32) * np.asarray(tensor.quantization.scale, np.float64)
        for one, tensor in ((content, before), (packed, after))
    )
    steps = np.asarray(after.quantization.scale, np.float64)
    assert (np.abs(new - old) <= (0.5 + 1e-3) * steps).all()
    source = read_model(packed).subgraphs[0]
    scale_in = source.tensors[source.operators[2].inputs[0]].quantization.scale[0]
    np.testing.assert_allclose(steps, scale_in * dense_tensors(packed, 1)[1].quantization.scale, rtol=1e-5)


@pytest.mark.parametrize("kernels", RUNS_INT4)
@pytest.mark.parametrize("units", [20, 21], ids=["even", "odd"])
def test_a_packed_file_answers_like_the_simulation(kernels, units):
    deploy, content = example(units)
    answers = answers_of(kernels, finish(pack_int4(content), INFO), [INPUTS["x"]])[0]
    step, _ = deploy.get_layer("last").quantizer.grid()
    apart = np.abs(np.round((answers - simulate(deploy, INPUTS)) / step))
    # Coarser biases move values by up to a tenth of a step, so some near the middle between two steps fall elsewhere.
    assert apart.max() <= 1
    assert (apart > 0).mean() <= 0.1


@pytest.mark.skipif(OLD not in KERNELS, reason="tflite-runtime is not installed")
def test_tflite_runtime_refuses_a_scale_a_channel_in_4_bits():
    _, content = example()
    assert len(answers_of(OLD, content, [INPUTS["x"]])[0]) == len(INPUTS["x"])
    with pytest.raises(AssertionError, match="kTfLiteInt8"):
        answers_of(OLD, pack_int4(content), [INPUTS["x"]])


def test_the_finished_file_is_smaller_by_half_the_kernel():
    _, content = example(200)
    saved = len(finish(content, INFO)) - len(finish(pack_int4(content), INFO))
    assert saved >= 13 * 200 / 2 - 80  # an operator version of its own, and padding


def shared(content: bytes, place: int, *, by: int) -> bytes:
    """The file with the second FULLY_CONNECTED's input at `place` also that of another."""
    model = read_model(content)
    dense = model.subgraphs[0].operators[1:4]
    dense[by].inputs[place] = dense[1].inputs[place]
    return write_model(model)


def test_a_kernel_of_two_layers_is_packed_once():
    # 13 units, so that the kernel fits the first layer too.
    content = shared(example(13)[1], 1, by=0)
    packed = pack_int4(content)
    assert int4_tensors(packed) == 1
    assert [one.inputs[1] for one in operators(packed) if one.name == "FULLY_CONNECTED"] == ["INT4", "INT4", "INT8"]
    old, new = (dense_tensors(one, 1)[0].quantization.scale for one in (content, packed))
    np.testing.assert_allclose(new, old * (127 / 7), rtol=1e-6)
    answers = [answers_of(kernels, packed, [INPUTS["x"]])[0] for kernels in RUNS_INT4]
    assert np.abs(answers[0] - answers[-1]).max() < 0.05 * np.abs(answers[0]).max()


def test_a_bias_that_an_8_bit_layer_reads_too_stays_in_its_steps():
    content = shared(example(13)[1], 2, by=0)
    packed = pack_int4(content)
    assert same_constants(content, packed, 2, 0)
    assert not same_constants(content, packed, 2, 1)


def test_a_kernel_that_is_read_as_anything_else_is_untouched():
    model = read_model(example(13)[1])
    graph = model.subgraphs[0]
    graph.operators[3].inputs[0] = graph.operators[2].inputs[1]
    content = write_model(model)
    assert int4_tensors(pack_int4(content)) == 0


def test_packing_twice_changes_nothing():
    packed = finish(pack_int4(example()[1]), INFO)
    assert finish(pack_int4(packed), INFO) == packed
