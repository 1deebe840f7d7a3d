"""Every family through the same checks: a new family is a new line in `CASES`."""

import keras
import numpy as np
import pytest

from signport.export.check import judge_graph
from signport.export.convert import FORMATS, convert
from signport.export.metadata import ModelInfo, finish
from signport.models.litert import LiteRtModel
from signport.models.registry import family_named, family_names, feed, predict
from signport.quantization.agreement import compare
from signport.quantization.deploy import deploy_form, largest_difference
from signport.quantization.fake_quant import Phase, in_phase
from signport.quantization.qat import quantize
from signport.training.recipe import QuantizationRecipe

CLASSES = 5
CASES = {
    "mlp": ("mlp", {}),
    "mlp residual": ("mlp", {"version": 2, "hidden": (64, 64, 64)}),
    "gesture_embedder": ("gesture_embedder", {"hidden": (64,)}),
    "gesture_head": ("gesture_head", {}),
}


def samples(count: int, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Inputs of every family, made from one noisy handshape a class, and the classes."""
    shapes = np.random.default_rng(99).normal(size=(CLASSES, 21, 3))
    rng = np.random.default_rng(seed)
    labels = rng.integers(CLASSES, size=count)
    hands = (shapes[labels] + rng.normal(scale=0.15, size=(count, 21, 3))).astype(np.float32)
    projection = np.random.default_rng(98).normal(size=(63, 128)) / 8
    inputs = {
        "landmarks": hands * 0.1 + 0.5,
        "hand": hands,
        "handedness": rng.random((count, 1), np.float32),
        "world_hand": hands[..., ::-1].copy(),
        "embedding": (hands.reshape(count, -1) @ projection).astype(np.float32),
    }
    return inputs, labels


def trained(case: str) -> tuple[keras.Model, keras.Model]:
    """A family's model after a few steps, and the part that ships."""
    keras.utils.set_random_seed(7)
    name, settings = CASES[case]
    family = family_named(name)
    model = family.build(family.config(**settings), CLASSES)
    inputs, labels = samples(512)
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(feed(model, inputs), labels, epochs=12, batch_size=64, verbose=0)
    return model, family.deployed(model)


@pytest.fixture(scope="module", params=CASES)
def case(request):
    model, shipped = trained(request.param)
    return family_named(CASES[request.param][0]), model, shipped


def test_every_family_has_a_case():
    assert {name for name, _ in CASES.values()} == set(family_names())


def test_it_learns(case):
    _, model, _ = case
    inputs, labels = samples(256, seed=1)
    assert (predict(model, inputs).argmax(1) == labels).mean() > 0.9


def test_saving_and_loading_changes_nothing(case, tmp_path):
    _, model, _ = case
    inputs, _ = samples(16, seed=2)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(predict(model, inputs), predict(loaded, inputs))


def test_inputs_are_named_in_the_order_of_the_signature(case):
    family, model, _ = case
    names = [tensor.name for tensor in model.inputs]
    assert names == sorted(names)
    assert set(names) <= set(family.describes)


def test_the_deploy_form_equals_the_trained_model(case):
    _, _, shipped = case
    inputs, _ = samples(128, seed=3)
    scale = max(1.0, float(np.abs(predict(shipped, inputs)).max()))
    assert largest_difference(shipped, deploy_form(shipped), inputs) <= 1e-5 * scale


def test_exported_files_answer_like_the_model_and_int8_like_its_simulation(case, tmp_path):
    family, _, shipped = case
    (train, _), (test, _) = samples(512), samples(200, seed=4)
    quantized = quantize(shipped, train, samples(128, seed=5)[0], QuantizationRecipe(epochs=2), seed=0)
    assert quantized.chosen.rank == max(candidate.rank for candidate in quantized.candidates)
    deploy_form(shipped).save(tmp_path / "floating.keras")
    quantized.deploy.save(tmp_path / "quantized.keras")
    convert(tmp_path / "floating.keras", tmp_path / "quantized.keras", tmp_path)

    reference = predict(shipped, test)
    with in_phase(Phase.SIMULATE):
        simulated = predict(keras.Model(quantized.deploy.inputs, quantized.deploy.outputs), test)
    inputs = [(tensor.name, "") for tensor in shipped.inputs]
    shapes = [(1, *tensor.shape[1:]) for tensor in shipped.inputs]
    answers = {}
    for form in FORMATS.values():
        content = finish((tmp_path / form.file_name).read_bytes(), ModelInfo("m", "d", inputs, (family.output, "")))
        assert all(gate.passed for gate in judge_graph(form.name, content, shapes))
        answers[form.name] = LiteRtModel(content).predict([test[name] for name, _ in inputs])
    scale = max(1.0, float(np.abs(reference).max()))
    assert np.abs(answers["float32"] - reference).max() <= 1e-5 * scale
    assert np.abs(answers["float16"] - reference).max() <= 0.01 * scale
    assert compare(reference, answers["int8"], family.output).sqnr_db >= family.gates.int8_sqnr_db
    # Kernels round once more than the simulation does, so a value may land on the neighbouring step.
    simulation = compare(simulated, answers["int8"], family.output)
    assert simulation.sqnr_db >= 40
    assert not simulation.top1 < 0.99


@pytest.mark.parametrize("edge", ["missing", "zero", "huge", "tiny"])
def test_odd_inputs_give_numbers(case, edge):
    _, _, shipped = case
    inputs, _ = samples(4)
    values = {"missing": np.nan, "zero": 0.0, "huge": 1e20, "tiny": 1e-20}
    odd = {name: np.full_like(array, values[edge]) for name, array in inputs.items() if name != "embedding"}
    if "embedding" in [tensor.name for tensor in shipped.inputs]:
        pytest.skip("an embedding comes from an embedder, not from a camera")
    assert np.isfinite(predict(shipped, odd)).all()


def test_missing_points_stand_at_the_wrist():
    model = family_named("mlp").build(family_named("mlp").config(), CLASSES)
    hand = samples(1)[0]["landmarks"]
    missing, filled = hand.copy(), hand.copy()
    missing[0, 8] = np.nan
    filled[0, 8] = hand[0, 0]
    np.testing.assert_allclose(predict(model, {"landmarks": missing}), predict(model, {"landmarks": filled}), atol=1e-6)


@pytest.mark.parametrize("classes", [2, 20, 22])
def test_the_gesture_head_has_model_makers_parameter_count(classes):
    family = family_named("gesture_head")
    assert family.build(family.config(), classes).count_params() == 512 + 129 * classes
