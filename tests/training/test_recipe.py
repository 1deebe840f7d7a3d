from importlib import resources

import pytest
import yaml

from signport.errors import SignportError
from signport.models.mlp import MlpConfig
from signport.training.recipe import TrainingRecipe, load_recipe, recipe_names, with_overrides
from signport.training.settings import to_mapping


def _write(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return path


def test_the_recipes_that_come_with_signport():
    assert recipe_names() == ("gesture_embedder", "gesture_head", "mlp", "mlp_v2")
    assert load_recipe("mlp_v2").model == MlpConfig(version=2, hidden=(192, 192, 192), dropout=0.3)
    assert load_recipe("gesture_head").training.loss == "focal"


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_names_every_key_with_a_comment_and_its_default(name):
    lines = (resources.files("signport.training") / "recipes" / f"{name}.yaml").read_text().splitlines()
    recipe = load_recipe(name)
    mapping = yaml.safe_load("\n".join(lines))
    assert {**to_mapping(recipe), "name": None} == {**mapping, "name": None}
    for line in lines[2:]:
        if line.strip() and not line.rstrip().endswith(":"):
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
        ("training: {epochs: 0}", r"mine\.yaml: training\.epochs: 0; it must be at least 1"),
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
    with pytest.raises(SignportError, match=r"'mpl': no such file; .*gesture_embedder, gesture_head, mlp, mlp_v2"):
        load_recipe("mpl")


@pytest.mark.parametrize("text", ["- a\n- b", "a: [", "training: {}"])
def test_a_file_that_is_no_recipe_is_refused(tmp_path, text):
    with pytest.raises(SignportError, match=r"mine\.yaml"):
        load_recipe(_write(tmp_path, text))


def test_an_unknown_family_is_refused(tmp_path):
    with pytest.raises(SignportError, match="'lstmm' is unknown; choose one of: mlp"):
        load_recipe(_write(tmp_path, "family: lstmm"))
