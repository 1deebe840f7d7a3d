from dataclasses import replace
from importlib import resources

import pytest
import yaml

from signport.datasets.augmentation import Augmentation
from signport.errors import SignportError
from signport.models.mlp import MlpConfig
from signport.training.recipe import Recipe, load_recipe, recipe_names, with_overrides
from signport.training.recipe_sections import DataRecipe, TrainingRecipe
from signport.training.settings import to_mapping


def _write(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return path


def test_the_recipes_that_come_with_signport():
    names = ("conv_transformer", "gesture_embedder", "gesture_head", "lstm", "mlp", "mlp_v2", "stgcn", "transformer")
    assert recipe_names() == names
    assert load_recipe("mlp_v2").model == MlpConfig(version=2, hidden=(192, 192, 192), dropout=0.3, directions=True)
    assert load_recipe("gesture_head").training.loss == "focal"


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_names_every_key_with_a_comment_and_its_default(name):
    lines = (resources.files("signport.training") / "recipes" / f"{name}.yaml").read_text().splitlines()
    recipe = load_recipe(name)
    mapping = yaml.safe_load("\n".join(lines))
    assert {**to_mapping(recipe), "name": None} == {**mapping, "name": None}
    for line in lines[2:]:
        if line.strip() and not line.partition("#")[0].rstrip().endswith(":"):  # a key, not a section
            assert "(default " in line, line


def test_a_recipe_survives_being_written(tmp_path, monkeypatch):
    monkeypatch.delenv("HOME_OF_NOTHING", raising=False)
    recipe = load_recipe("mlp", ["model.hidden=[7, 5]", "logging.wandb_project=a $$HOME_OF_NOTHING b", "seed=4"])
    assert recipe.logging.wandb_project == "a $$HOME_OF_NOTHING b"
    again = load_recipe(_write(tmp_path, recipe.to_yaml()))
    assert again == recipe
    assert again.name == "mlp"
    assert again.digest == recipe.digest


def test_the_digest_is_of_what_decides_the_weights():
    recipe = load_recipe("mlp")
    same = load_recipe("mlp", ["device=cpu", "logging.tensorboard=false", "quantization.epochs=9"])
    assert same.digest == recipe.digest
    assert load_recipe("mlp", ["seed=1"]).digest != recipe.digest


def test_overrides_apply_in_order_and_take_their_field_s_type():
    changes = ["training.epochs=3", "training.epochs=5", "training.learning_rate=1e-2", "logging.tensorboard=false"]
    recipe = load_recipe("mlp", [*changes, "logging.wandb_project=123", "model.hidden=[8]"])
    assert recipe.training == TrainingRecipe(
        epochs=5, learning_rate=0.01, label_smoothing=recipe.training.label_smoothing
    )
    assert recipe.logging.tensorboard is False
    assert recipe.logging.wandb_project == "123"
    assert recipe.model.hidden == (8,)
    assert with_overrides(recipe, ["training.epochs=7"]).training.epochs == 7


def test_layers_to_keep_are_named_in_a_section_of_their_own(tmp_path):
    text = "family: mlp\nquantization:\n  keep:\n    logits: float\n    hidden0: int16\n"
    recipe = load_recipe(_write(tmp_path, text), ["quantization.keep.hidden1=float"])
    assert recipe.quantization.keep == {"logits": "float", "hidden0": "int16", "hidden1": "float"}
    written = _write(tmp_path, yaml.safe_dump(to_mapping(recipe)))
    assert load_recipe(written).quantization == recipe.quantization


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        ("[logits]", r"quantization\.keep: \['logits'\]; expected a section of names and values"),
        ("{logits: int4}", r"quantization\.keep\.logits: 'int4'; expected one of: float, int16"),
    ],
)
def test_what_cannot_be_kept_is_refused(tmp_path, keep, message):
    with pytest.raises(SignportError, match=message):
        load_recipe(_write(tmp_path, f"family: mlp\nquantization:\n  keep: {keep}\n"))


def test_environment_variables_are_expanded_and_typed(tmp_path, monkeypatch):
    monkeypatch.setenv("EPOCHS", "12")
    monkeypatch.setenv("TEAM", "42")
    text = "family: mlp\ntraining: {epochs: $EPOCHS}\nlogging: {wandb_project: 'team-${TEAM} $$5'}"
    recipe = load_recipe(_write(tmp_path, text))
    assert recipe.training.epochs == 12
    assert recipe.logging.wandb_project == "team-42 $5"


def test_an_undefined_variable_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("NOWHERE", raising=False)
    path = _write(tmp_path, "family: mlp\nlogging: {wandb_project: $NOWHERE}")
    with pytest.raises(SignportError, match=r"mine\.yaml: logging\.wandb_project: .*'NOWHERE' is not defined"):
        load_recipe(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training: {epoch: 3}", r"mine\.yaml: training\.epoch: unknown key; did you mean 'epochs'\?"),
        ("famly: x", r"mine\.yaml: famly: unknown key; did you mean 'family'\?"),
        ("model: {hiden: [3]}", r"mine\.yaml: model\.hiden: unknown key; did you mean 'hidden'\?"),
        ("training: {epochs: ten}", r"mine\.yaml: training\.epochs: 'ten'; expected a whole number"),
        ("training: {epochs: 2.5}", r"training\.epochs: 2\.5; expected a whole number"),
        ("training: {epochs: true}", r"training\.epochs: True; expected a whole number"),
        ("training: {learning_rate: fast}", r"training\.learning_rate: 'fast'; expected a number"),
        ("logging: {wandb: 1}", r"logging\.wandb: 1; expected true or false"),
        ("model: {hidden: [3, x]}", r"model\.hidden: \[3, 'x'\]; expected a list, each entry a whole number"),
        ("training: {loss: hinge}", r"training\.loss: 'hinge'; expected one of: cross_entropy, focal"),
        ("training: 3", r"training: 3; expected a section"),
        ("model: 3", r"model: 3; expected a section"),
        ("runs: ''", r"mine\.yaml: runs: ''; it must be a folder"),
        ("training: {keep_checkpoints: -1}", r"training\.keep_checkpoints: -1; it must be at least 0"),
        ("training: {gradient_clip_norm: -1}", r"training\.gradient_clip_norm: -1\.0; it must be at least 0"),
        ("training: {epochs: 0}", r"mine\.yaml: training\.epochs: 0; it must be at least 1"),
        ("training: {strategy: tpu}", r"training\.strategy: 'tpu'; expected one of: single, mirrored, multi_worker"),
        ("data: {validation: 0.6, test: 0.6}", r"data\.validation \+ data\.test"),
        ("data: {augmentation: {mirror: 2}}", r"data\.augmentation\.mirror: 2"),
    ],
)
def test_bad_recipes_are_refused_by_file_key_and_value(tmp_path, text, message):
    with pytest.raises(SignportError, match=message):
        load_recipe(_write(tmp_path, f"family: mlp\n{text}"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("training.epochs", "expected key=value"),
        ("training.epochs=ten", r"--set: training\.epochs: 'ten'; expected a whole number"),
        ("training.epoch=3", r"--set: training\.epoch: unknown key; did you mean 'epochs'"),
        ("seed.x=3", "'seed' is a value, not a section"),
    ],
)
def test_bad_overrides_are_refused(change, message):
    with pytest.raises(SignportError, match=message):
        load_recipe("mlp", [change])


def test_an_unknown_recipe_lists_the_known_ones():
    with pytest.raises(SignportError, match=r"'mpl': no such file; .*gesture_head, lstm, mlp, mlp_v2, stgcn"):
        load_recipe("mpl")


@pytest.mark.parametrize("text", ["- a\n- b", "a: [", "training: {}"])
def test_a_file_that_is_no_recipe_is_refused(tmp_path, text):
    with pytest.raises(SignportError, match=r"mine\.yaml"):
        load_recipe(_write(tmp_path, text))


def test_an_unknown_family_is_refused(tmp_path):
    with pytest.raises(SignportError, match="'lstmm' is unknown; choose one of: mlp"):
        load_recipe(_write(tmp_path, "family: lstmm"))


def test_the_digest_knows_no_places(tmp_path):
    changes = [
        "runs=elsewhere",
        "data.cache=hands.parquet",
        "training.keep_checkpoints=0",
        "training.strategy=mirrored",
        "logging.gradient_norm=true",
    ]
    assert load_recipe("mlp", changes).digest == load_recipe("mlp").digest
    assert load_recipe("mlp", ["training.gradient_clip_norm=1"]).digest != load_recipe("mlp").digest


def test_places_are_expanded(tmp_path, monkeypatch):
    path = _write(tmp_path, "family: mlp\nruns: $SCRATCH/runs\ndata: {cache: '${SCRATCH}/hands.parquet'}")
    monkeypatch.setenv("SCRATCH", "/scratch/me")
    recipe = load_recipe(path)
    assert (recipe.runs, recipe.data.cache) == ("/scratch/me/runs", "/scratch/me/hands.parquet")
    monkeypatch.delenv("SCRATCH")
    with pytest.raises(
        SignportError, match=r"mine\.yaml: runs: environment variable 'SCRATCH' is not defined"
    ) as raised:
        load_recipe(path)
    assert "\n" not in str(raised.value)


@pytest.fixture
def sequence_family(monkeypatch):
    """A family whose samples are augmented as sequences are."""
    from signport.datasets.sequence_augmentation import SequenceAugmentation
    from signport.models import mlp

    monkeypatch.setattr(mlp, "FAMILY", replace(mlp.FAMILY, augmentation=SequenceAugmentation))
    return SequenceAugmentation


def test_the_family_decides_how_samples_are_augmented(tmp_path, sequence_family):
    assert Recipe("mine", "mlp").data.augmentation == sequence_family()
    assert load_recipe(_write(tmp_path, "family: mlp")).data.augmentation == sequence_family()
    text = "family: mlp\ndata: {test: 0.2, augmentation: {noise: 0, rotation_strength: 5}}"
    recipe = load_recipe(_write(tmp_path, text), ["data.augmentation.mixup=0.7"])
    assert recipe.data.augmentation == sequence_family(noise=0.0, rotation_strength=5.0, mixup=0.7)
    assert recipe.data.test == 0.2
    assert load_recipe(_write(tmp_path, recipe.to_yaml())) == recipe
    assert with_overrides(recipe, ["seed=3"]).data == recipe.data


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{copies: 2}", r"mine\.yaml: data\.augmentation\.copies: unknown key; did you mean '\w+'\?"),
        ("{noize: 1}", r"mine\.yaml: data\.augmentation\.noize: unknown key; did you mean 'noise'\?"),
        ("{noise: much}", r"mine\.yaml: data\.augmentation\.noise: 'much'; expected a number"),
        ("{noise: 2}", r"mine\.yaml: data\.augmentation\.noise: 2\.0; it must be 0 to 1"),
        ("3", r"mine\.yaml: data\.augmentation: 3; expected a section of keys and values"),
    ],
)
def test_bad_augmentation_is_refused_by_file_key_and_value(tmp_path, sequence_family, text, message):
    with pytest.raises(SignportError, match=message):
        load_recipe(_write(tmp_path, f"family: mlp\ndata: {{augmentation: {text}}}"))


def test_augmentation_of_another_kind_is_refused(sequence_family):
    with pytest.raises(SignportError, match=r"data\.augmentation: Augmentation\(.*takes a SequenceAugmentation"):
        Recipe("mine", "mlp", data=DataRecipe(augmentation=Augmentation()))


def test_data_that_is_no_section_is_refused(tmp_path):
    with pytest.raises(SignportError, match=r"mine\.yaml: data: 3; expected a section of keys and values"):
        load_recipe(_write(tmp_path, "family: mlp\ndata: 3"))


def test_gates_of_a_recipe_only_get_stricter():
    recipe = load_recipe("mlp", ["gates.int8_agreement=0.995"])
    assert recipe.gates == {"int8_agreement": 0.995}
    assert recipe.digest == load_recipe("mlp").digest
    with pytest.raises(
        SignportError, match=r"gates\.int8_agreement=0\.5: gates only get stricter; give at least 0\.99"
    ):
        load_recipe("mlp", ["gates.int8_agreement=0.5"])
    with pytest.raises(SignportError, match=r"gates\.speed: no such gate"):
        load_recipe("mlp", ["gates.speed=1"])
