import inspect
import json

import pytest
from tests.export.app.exported_run import exported_run, read_card, write_card

from signport.errors import SignportError
from signport.export.app.run_model import HEAD_THRESHOLD, STREAM_THRESHOLD, RunModel


@pytest.fixture
def run(tmp_path):
    return exported_run(tmp_path / "mlp-001")


@pytest.fixture
def head(tmp_path):
    return exported_run(tmp_path / "head-001", "gesture_head", task=True)


def _read(run):
    return RunModel.read(run / "export")


def test_the_bundle_is_chosen_first_then_int8_then_float16(run, head, tmp_path):
    assert _read(head).chosen([]) == ["task"]
    assert _read(run).chosen([]) == ["int8"]
    assert _read(exported_run(tmp_path / "clips", "lstm", forms=("float32", "float16"))).chosen([]) == ["float16"]
    assert _read(head).chosen(["int8", "task", "int8"]) == ["int8", "task"]


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("int2", "--format int2: unknown; choose from: task, float32"),
        ("int4", "has no int4 file .*; run `signport export --int4` again"),
        ("task", "has no task file .*; run `signport bundle` again"),
    ],
)
def test_a_form_that_the_run_lacks_is_named(run, form, message):
    with pytest.raises(SignportError, match=message):
        _read(run).chosen([form])


def test_labels_and_card_lie_beside_what_they_describe(head):
    contents = _read(head).contents(["task", "int8"])
    assert list(contents) == [
        "gesture_recognizer.task",
        "gesture_head/model_int8.tflite",
        "labels.txt",
        "card.json",
        "gesture_head/labels.txt",
        "gesture_head/card.json",
    ]
    assert contents["labels.txt"] == contents["gesture_head/labels.txt"] == b"A\nB\nNone\n"
    assert contents["gesture_head/card.json"] == (head / "export/card.json").read_bytes()
    card = json.loads(contents["card.json"])
    assert card == {**read_card(head), "bundle": json.loads((head / "export/bundle.json").read_text())}


def test_the_threshold_is_the_bundles_or_that_of_what_shows_scores(run, head, tmp_path):
    from signport import Stream
    from signport.export import exporter

    assert _read(head).threshold(["task"]) == 0.25
    assert _read(head).threshold(["int8"]) == HEAD_THRESHOLD == exporter._SCORE_THRESHOLD
    default = inspect.signature(Stream).parameters["threshold"].default
    assert _read(run).threshold(["int8"]) == STREAM_THRESHOLD == default
    assert _read(exported_run(tmp_path / "e", "gesture_embedder", classes=())).threshold(["int8"]) is None


@pytest.mark.parametrize("name", ["model_int8.tflite", "gesture_recognizer.task"])
def test_a_file_that_is_not_its_cards_is_refused(head, name):
    (head / "export" / name).write_bytes(b"something else")
    with pytest.raises(SignportError, match=f"{name}: sha256 is .*stale or changed"):
        _read(head).contents(["task", "int8"])


@pytest.mark.parametrize("family", ["../../etc", "/etc", "", "a/b", ".", "Mlp"])
def test_a_card_cannot_lead_out_of_the_models_folder(run, family):
    write_card(run, {**read_card(run), "family": family})
    with pytest.raises(SignportError, match="is no family's name"):
        _read(run)


@pytest.mark.parametrize("key", ["name", "family", "classes", "inputs", "outputs", "files"])
def test_a_damaged_card_is_one_clear_error(run, key):
    for damaged in ({k: v for k, v in read_card(run).items() if k != key}, {**read_card(run), key: None}):
        write_card(run, damaged)
        with pytest.raises(SignportError, match=r"card\.json: "):
            _read(run)
        exported_run(run)
    write_card(run, ["no", "card"])
    with pytest.raises(SignportError, match=r"card\.json: no model card"):
        _read(run)


def test_labels_that_are_not_the_cards_are_refused(run):
    (run / "export/labels.txt").write_text("A\nB\n")
    with pytest.raises(SignportError, match=r"labels\.txt: its labels are not the 3 of card\.json"):
        _read(run)
    (run / "export/labels.txt").unlink()
    with pytest.raises(SignportError, match=r"labels\.txt: no such file"):
        _read(run)


@pytest.mark.parametrize(
    ("bundle", "message"),
    [
        (None, r"bundle\.json: no such file, but there is a gesture_recognizer\.task"),
        ([], "that is no bundle"),
        ({"sha256": "0"}, "score_threshold None: that is no bundle"),
        ({"sha256": "0", "score_threshold": 1.5}, r"score_threshold 1\.5: that is no bundle"),
        ({"sha256": "0", "score_threshold": 0.5, "labels": ["X"]}, "its 1 labels are not the 3"),
    ],
)
def test_a_bundle_that_is_not_this_exports_is_refused(head, bundle, message):
    path = head / "export/bundle.json"
    path.unlink() if bundle is None else path.write_text(json.dumps(bundle))
    with pytest.raises(SignportError, match=message):
        _read(head)
