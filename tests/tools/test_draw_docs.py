import importlib
import json
import sys
from pathlib import Path

import keras
import matplotlib.image
import pytest

from signport.models.registry import family_named
from signport.training.recipe import load_recipe, recipe_names

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture(scope="module")
def tool():
    """Imports a tool as its own folder's scripts do."""
    sys.path.insert(0, str(TOOLS))
    yield importlib.import_module
    sys.path.remove(str(TOOLS))


def model_of(name: str) -> keras.Model:
    recipe = load_recipe(name)
    return family_named(recipe.family).build(recipe.model, 5)


@pytest.mark.parametrize(
    ("name", "repeats"),
    [("mlp", []), ("mlp_v2", [2]), ("transformer", [4]), ("stgcn", [3]), ("conv_transformer", [3, 2])],
)
def test_equal_blocks_in_a_row_are_drawn_once(tool, name, repeats):
    graph = tool("model_graph").graph_of(model_of(name))
    assert [count for _, count in graph.repeats] == repeats
    assert all(names[0] in graph.boxes for names, _ in graph.repeats)


def test_layers_of_other_sizes_are_not_drawn_as_one(tool):
    graph = tool("model_graph").graph_of(model_of("mlp"))
    assert [graph.boxes[f"hidden{number}"].lines[0] for number in range(2)] == ["dense 512", "dense 256"]


def test_a_dropout_that_is_off_is_not_drawn(tool):
    boxes = tool("model_graph").graph_of(model_of("conv_transformer")).boxes.values()
    assert "dropout 0" not in {line for box in boxes for line in box.lines}


@pytest.mark.parametrize("name", recipe_names())
def test_every_box_is_reached_and_reads_only_boxes(tool, name):
    model = model_of(name)
    boxes = tool("model_graph").graph_of(model).boxes
    assert {parent for box in boxes.values() for parent in box.parents} < set(boxes)
    assert [name for name, box in boxes.items() if not box.parents] == [tensor.name for tensor in model.inputs]
    assert set(boxes) <= {layer.name for layer in model.layers}


def test_a_picture_of_a_graph_is_written(tool, tmp_path):
    path = tool("draw_graph").draw_graph(model_of("mlp_v2"), tmp_path / "graph.png")
    picture = matplotlib.image.imread(path)
    assert picture.shape[0] > picture.shape[1]
    assert len({tuple(pixel) for pixel in picture.reshape(-1, picture.shape[-1])}) > 4


def test_a_card_is_shortened_and_stays_json(tool):
    draw_docs = tool("draw_docs")
    entry = {"accuracy": 0.96051, "sqnr_db": 34.47111, "top1": 1.0, "cosine": 0.9}
    card = {
        **dict.fromkeys(("name", "family", "topology", "output", "preprocessing"), "x"),
        "classes": list("ABCDEFG"),
        "inputs": [{"name": "landmarks", "shape": [1, 21, 3]}],
        "outputs": [],
        "files": {"int8": {"file": "model_int8.tflite", "sha256": "a" * 64, "bytes": 1}},
        "metrics": {"test_samples": 3, "int8": entry, "float_accuracy": None},
        "gates": [{"name": "int8 agreement", "value": 1.0, "bound": 0.99, "kind": "least", "passed": True}] * 9,
        "versions": {"signport": "0.1.0"},
    }
    short = json.loads(draw_docs._lines(draw_docs.short_card(card)))
    assert short["classes"] == ["A", "B", "C", "D", "… 3 more"]
    assert short["files"]["int8"]["sha256"] == "a" * 12 + "…"
    assert short["metrics"] == {"test_samples": 3, "int8": {"accuracy": 0.9605, "sqnr_db": 34.4711, "top1": 1.0}}
    assert short["gates"][-1] == "… 5 more"


def test_the_page_of_commands_has_every_option(tool):
    page = tool("command_reference").page()
    for words in ("## signport capture images", "## signport parity compare", "`--min-detection-confidence", "`--lstm"):
        assert words in page
    assert "signport parity check" not in page
