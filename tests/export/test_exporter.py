import json
import shutil

import numpy as np
import pytest

from signport.errors import GateError, SignportError
from signport.export.convert import ALWAYS
from signport.export.exporter import export, require_export
from signport.export.flatbuffer import operators
from signport.export.golden import read_golden
from signport.export.metadata import describe
from signport.files import sha256_file
from signport.models.gates import Gates
from signport.models.litert import LiteRtModel
from signport.models.registry import predict
from signport.training.run import Run


def test_the_card_tells_the_truth_about_the_files(pipeline):
    for run in (pipeline.embedder, pipeline.head):
        card = json.loads((run.export_folder / "card.json").read_text())
        assert set(card["files"]) == set(ALWAYS)
        for entry in card["files"].values():
            path = run.export_folder / entry["file"]
            assert (sha256_file(path), path.stat().st_size) == (entry["sha256"], entry["bytes"])
        assert all(gate["passed"] for gate in card["gates"])


def test_golden_answers_are_the_trained_models_own(pipeline):
    golden = read_golden(pipeline.head.export_folder)
    np.testing.assert_allclose(predict(pipeline.head.model(), golden.inputs), golden.output, atol=1e-6)
    real = golden.edge == ""
    assert len(golden.labels) == len(golden.output) == len(pipeline.head.split().test) + 1
    assert golden.edge[~real].tolist() == ["all zeros"]
    assert [pipeline.head.classes[label] for label in golden.labels[real]] == golden.label_names[real].tolist()


def test_every_file_answers_like_the_golden_vectors(pipeline):
    golden = read_golden(pipeline.head.export_folder)
    for form, tolerance in {"float32": 1e-5, "float16": 0.01, "dynamic": 0.1, "int8": 0.1}.items():
        answers = LiteRtModel(require_export(pipeline.head, form)).predict([golden.inputs["embedding"]])
        assert np.abs(answers - golden.output).max() <= tolerance, form
        np.testing.assert_array_equal(golden.answers[form], answers)


def test_the_int8_file_is_int8_inside_and_float_at_the_edges(pipeline):
    found = operators(require_export(pipeline.head, "int8"))
    assert [operator.name for operator in found] == [
        "QUANTIZE", "MUL", "ADD", "FULLY_CONNECTED", "DEQUANTIZE", "SOFTMAX",
    ]  # fmt: skip
    assert found[0].inputs == ("FLOAT32",)
    assert found[-1].outputs == ("FLOAT32",)


def test_files_say_what_they_are(pipeline):
    told = describe(require_export(pipeline.head, "int8"))
    assert told["labels"] == ["A", "B", "C", "None"]
    assert told["inputs"] == ["embedding"]
    assert told["author"] == "signport"
    assert describe(require_export(pipeline.embedder, "float32"))["inputs"] == ["hand", "handedness", "world_hand"]


@pytest.mark.slow
def test_exporting_again_gives_the_same_bytes(pipeline, tmp_path):
    copy = tmp_path / "gesture_head"  # the name that it was exported under stands in the files
    shutil.copytree(pipeline.head.path, copy)
    before = {path.name: sha256_file(path) for path in (copy / "export").iterdir()}
    export(copy)
    after = {path.name: sha256_file(path) for path in (copy / "export").iterdir()}
    assert after == {name: digest for name, digest in before.items() if name in after}
    assert set(before) - set(after) == {"gesture_recognizer.task", "bundle.json"}  # a bundle of the old export


@pytest.mark.slow
def test_a_layer_that_is_kept_is_in_the_card_and_in_float_in_the_file(pipeline, tmp_path):
    copy = tmp_path / "head"
    shutil.copytree(pipeline.head.path, copy)
    card = export(copy, keep={"logits": "float"}).card
    assert card["quantization"]["keep"] == {"logits": "float"}
    assert (
        card["metrics"]["int8"]["sqnr_db"]
        > json.loads((pipeline.head.export_folder / "card.json").read_text())["metrics"]["int8"]["sqnr_db"]
    )
    found = operators(require_export(Run.open(copy), "int8"))
    assert [operator.inputs[0] for operator in found if operator.name == "FULLY_CONNECTED"] == ["FLOAT32"]


@pytest.mark.slow
def test_a_broken_gate_names_itself_and_keeps_the_earlier_export(pipeline, tmp_path, monkeypatch):
    copy = tmp_path / "head"
    shutil.copytree(pipeline.head.path, copy)
    before = {path.name: sha256_file(path) for path in (copy / "export").iterdir()}
    monkeypatch.setattr(Run, "gates", Gates(int8_sqnr_db=500))
    with pytest.raises(GateError, match=r"int8 SQNR \(dB\).*BREAKS ≥ 500"):
        export(copy)
    assert {path.name: sha256_file(path) for path in (copy / "export").iterdir()} == before


def test_a_run_that_was_not_exported_is_told_so(tmp_path, pipeline):
    copy = tmp_path / "head"
    shutil.copytree(pipeline.head.path, copy, ignore=shutil.ignore_patterns("export"))
    with pytest.raises(SignportError, match="signport export"):
        require_export(Run.open(copy), "int8")
    with pytest.raises(SignportError, match="float64"):
        require_export(Run.open(copy), "float64")
