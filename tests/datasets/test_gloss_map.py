import json

import pytest

from signport.datasets.gloss_map import read_gloss_map
from signport.errors import SignportError


def test_glosses_come_in_the_order_of_their_indices(tmp_path):
    path = tmp_path / "gloss_map.csv"
    path.write_text("label,gloss\n10,book\n9,ice cream\n0,drink\n")
    glosses = read_gloss_map(path)
    assert glosses.glosses == ("drink", "ice cream", "book")
    assert glosses.glosses_of(["book", "ice cream", "tree"]) == ["book", "ice cream", None]
    assert glosses.glosses_of(["0", "10", "3"]) == ["drink", "book", None]


def test_glosses_that_are_numbers_are_not_taken_for_indices(tmp_path):
    path = tmp_path / "gloss_map.csv"
    path.write_text("gloss,label\n1,0\n0,1\n")
    assert read_gloss_map(path).glosses_of(["0", "1"]) == ["0", "1"]


@pytest.mark.parametrize("content", [{"hello": 1, "bye": 0}, {"1": "hello", "0": "bye"}])
def test_json_maps_are_read_both_ways_round(tmp_path, content):
    path = tmp_path / "sign_to_prediction_index_map.json"
    path.write_text(json.dumps(content))
    assert read_gloss_map(path).glosses == ("bye", "hello")


def test_a_map_without_indices_has_the_order_of_its_rows(tmp_path):
    path = tmp_path / "glosses.csv"
    path.write_text("\ufeffsign\nwhy\nbecause\n")
    assert read_gloss_map(path).glosses == ("why", "because")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; give a CSV table with a header"),
        ("id,meaning\n0,book\n", "no column gloss or sign or word or name; its columns are id, meaning"),
        ("gloss,label\n", "holds no gloss"),
        ("gloss,label\nbook,0\nbook,1\n", "gloss 'book' occurs twice"),
        ("gloss,label\nbook,0\ntree,0\n", "index '0' stands for 'book' and 'tree'"),
        ("gloss,label\n,0\n", "the gloss of index '0' is empty"),
        ("gloss,label\nbook,0,1\n", "line 2 has 3 cells, the header 2"),
    ],
)
def test_a_map_that_does_not_fit_is_refused(tmp_path, text, message):
    path = tmp_path / "gloss_map.csv"
    path.write_text(text)
    with pytest.raises(SignportError, match=rf"gloss_map\.csv: {message}"):
        read_gloss_map(path)


def test_json_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "map.json"
    path.write_text('{"hello": [1]}')
    with pytest.raises(SignportError, match=r"map\.json: not a JSON object of glosses and indices"):
        read_gloss_map(path)
    with pytest.raises(SignportError, match=r"gone\.csv: no such file"):
        read_gloss_map(tmp_path / "gone.csv")
