"""Every family through the same checks: a new family is a new line in `CASES`."""

from pathlib import Path

import keras
import numpy as np
import pytest

from signport.export.check import judge_graph, judge_simulation
from signport.export.convert import ALWAYS, FLOATING, FORMATS, QUANTIZED, convert
from signport.export.metadata import ModelInfo, finish
from signport.models.litert import LiteRtModel
from signport.models.registry import Family, family_named, family_names, feed, predict
from signport.quantization.agreement import compare
from signport.quantization.deploy import deploy_form, largest_difference
from signport.quantization.qat import quantize, simulate
from signport.training.recipe_sections import QuantizationRecipe

CLASSES = 5
CASES = {
    "mlp": ("mlp", {}),
    "mlp residual": ("mlp", {"version": 2, "hidden": (64, 64, 64)}),
    "gesture_embedder": ("gesture_embedder", {"hidden": (64,)}),
    "gesture_head": ("gesture_head", {}),
    "lstm": ("lstm", {"frames": 12, "units": (24, 16, 16), "hidden": 16, "l2": 0.001}),
    "transformer": ("transformer", {"frames": 12, "hidden": 32, "heads": 4, "layers": 2, "dropout": 0.1}),
    "stgcn": ("stgcn", {"frames": 12, "blocks": 2, "channels": 24, "dropout": 0.0}),
    "conv_transformer": (
        "conv_transformer",
        {"frames": 12, "hidden": 32, "stages": 1, "blocks": 2, "kernel": 5, "drop_path": 0.1, "dropout": 0.1},
    ),
}
SEQUENCES = [name for name, (family, _) in CASES.items() if family_named(family).topology != "hand"]


def built(case: str, **changes: object) -> keras.Model:
    """A new model of a case."""
    name, settings = CASES[case]
    family = family_named(name)
    return family.build(family.config(**{**settings, **changes}), CLASSES)


def samples(model: keras.Model, count: int, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Inputs of a model, made from one noisy handshape or movement a class, and the classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(CLASSES, size=count)
    if model.inputs[0].name == "landmarks" and len(model.inputs[0].shape) == 4:
        return {"landmarks": clips(model.inputs[0].shape[1:], labels, rng)}, labels
    shapes = np.random.default_rng(99).normal(size=(CLASSES, 21, 3))
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


def clips(shape: tuple[int, ...], labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bodies that move along one path a class: some frames and points are missing, and clips differ in length."""
    frames, points, _ = shape
    fixed = np.random.default_rng(97)
    body = fixed.uniform(0.3, 0.7, size=(points, 3))
    body[11], body[12] = (0.6, 0.4, 0), (0.4, 0.4, 0)  # shoulders, in every body layout
    ends = fixed.normal(scale=0.1, size=(CLASSES, 2, 1, 3)) + fixed.normal(scale=0.05, size=(CLASSES, 2, points, 3))
    share = np.linspace(0, 1, frames)[:, None, None]
    path = ends[labels, 0][:, None] * (1 - share) + ends[labels, 1][:, None] * share
    moved = body + path + rng.normal(scale=0.01, size=(len(labels), *shape))
    moved[:, :, 11:13] = body[11:13] + rng.normal(scale=0.002, size=(len(labels), 1, 1, 3))
    moved[rng.random(moved.shape[:3]) < 0.05] = np.nan
    moved[rng.random(moved.shape[:2]) < 0.05] = np.nan
    moved[np.arange(frames) >= rng.integers(frames - 4, frames + 1, len(labels))[:, None]] = np.nan
    return moved.astype(np.float32)


def trained(case: str) -> tuple[keras.Model, keras.Model]:
    """A family's model after a few steps, and the part that ships."""
    keras.utils.set_random_seed(7)
    family, model = family_named(CASES[case][0]), built(case)
    inputs, labels = samples(model, 512)
    if family.adapt is not None:
        family.adapt(model, inputs)
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
    inputs, labels = samples(model, 256, seed=1)
    assert (predict(model, inputs).argmax(1) == labels).mean() > 0.9


@pytest.mark.parametrize("name", CASES)
def test_one_training_step_lowers_the_loss(name):
    keras.utils.set_random_seed(3)
    model = built(name)
    inputs, labels = samples(model, 64)
    if (adapt := family_named(CASES[name][0]).adapt) is not None:
        adapt(model, inputs)
    # Dropout off, so that the loss before and after are of the same function.
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    model.compile(keras.optimizers.SGD(1e-2), "sparse_categorical_crossentropy", jit_compile=False)
    before, after = (float(model.train_on_batch(feed(model, inputs), labels)) for _ in range(2))
    assert after < before


def test_it_answers_with_one_row_a_sample(case):
    family, _, shipped = case
    inputs, _ = samples(shipped, 3)
    answers = predict(shipped, inputs)
    assert answers.dtype == np.float32
    assert answers.shape == (3, *shipped.output_shape[1:])
    if family.output == "probabilities":
        assert answers.shape[1] == CLASSES
        np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)


def test_saving_and_loading_changes_nothing(case, tmp_path):
    _, model, _ = case
    inputs, _ = samples(model, 16, seed=2)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    # Convolutions add in an order that depends on the threads.
    np.testing.assert_allclose(predict(model, inputs), predict(loaded, inputs), rtol=0, atol=1e-6)


def test_inputs_are_named_in_the_order_of_the_signature(case):
    family, model, _ = case
    names = [tensor.name for tensor in model.inputs]
    assert names == sorted(names)
    assert set(names) <= set(family.describes)


def test_the_deploy_form_equals_the_trained_model(case):
    _, _, shipped = case
    inputs, _ = samples(shipped, 128, seed=3)
    scale = max(1.0, float(np.abs(predict(shipped, inputs)).max()))
    assert largest_difference(shipped, deploy_form(shipped), inputs) <= 1e-5 * scale


def exported(family: Family, shipped: keras.Model, quantized: keras.Model, folder: Path) -> dict[str, bytes]:
    """A model's files by format, each judged for what it is made of."""
    deploy_form(shipped).save(folder / FLOATING)
    quantized.save(folder / QUANTIZED)
    convert(family.name, folder)
    info = ModelInfo("m", "d", [(tensor.name, "") for tensor in shipped.inputs], (family.output, ""))
    contents = {form: finish((folder / FORMATS[form].file_name).read_bytes(), info) for form in ALWAYS}
    for form, content in contents.items():
        gates = judge_graph(form, content, [(1, *tensor.shape[1:]) for tensor in shipped.inputs])
        assert not [str(gate) for gate in gates if not gate.passed]
    return contents


def test_exported_files_answer_like_the_model_and_int8_like_its_simulation(case, tmp_path):
    family, _, shipped = case
    (train, _), (test, _) = samples(shipped, 512), samples(shipped, 200, seed=4)
    quantized = quantize(shipped, train, samples(shipped, 128, seed=5)[0], QuantizationRecipe(epochs=2), seed=0)
    assert quantized.chosen.rank >= quantized.candidates[0].rank
    contents = exported(family, shipped, quantized.deploy, tmp_path)
    inputs = [test[tensor.name] for tensor in shipped.inputs]
    answers = {form: LiteRtModel(content).predict(inputs) for form, content in contents.items()}

    reference = predict(shipped, test)
    scale = max(1.0, float(np.abs(reference).max()))
    assert np.abs(answers["float32"] - reference).max() <= 1e-5 * scale
    assert np.abs(answers["float16"] - reference).max() <= 0.01 * scale
    assert compare(reference, answers["dynamic"], family.output).sqnr_db >= family.gates.dynamic_sqnr_db
    assert compare(reference, answers["int8"], family.output).sqnr_db >= family.gates.int8_sqnr_db
    simulation = compare(simulate(quantized.deploy, test), answers["int8"], family.output)
    assert not [str(gate) for gate in judge_simulation("int8", simulation, family.gates) if not gate.passed]


@pytest.mark.parametrize("edge", ["missing", "zero", "huge", "tiny"])
def test_odd_inputs_give_numbers(case, edge):
    _, _, shipped = case
    inputs, _ = samples(shipped, 4)
    values = {"missing": np.nan, "zero": 0.0, "huge": 1e20, "tiny": 1e-20}
    odd = {name: np.full_like(array, values[edge]) for name, array in inputs.items() if name != "embedding"}
    if "embedding" in [tensor.name for tensor in shipped.inputs]:
        pytest.skip("an embedding comes from an embedder, not from a camera")
    assert np.isfinite(predict(shipped, odd)).all()


def test_missing_points_stand_at_the_wrist():
    model = built("mlp")
    hand = samples(model, 1)[0]["landmarks"]
    missing, filled = hand.copy(), hand.copy()
    missing[0, 8] = np.nan
    filled[0, 8] = hand[0, 0]
    np.testing.assert_allclose(predict(model, {"landmarks": missing}), predict(model, {"landmarks": filled}), atol=1e-6)


@pytest.mark.parametrize("classes", [2, 20, 22])
def test_the_gesture_head_has_model_makers_parameter_count(classes):
    family = family_named("gesture_head")
    assert family.build(family.config(), classes).count_params() == 512 + 129 * classes
