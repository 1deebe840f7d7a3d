import shutil

import numpy as np
import pytest
from tests.parity.faked_run import CLASSES, SAMPLES, fresh_run

from signport.errors import SignportError
from signport.export.golden import worst_margin_rows
from signport.files import read_json, write_json
from signport.parity.figures import sample_weights
from signport.parity.job import load_job


@pytest.fixture
def run(tmp_path_factory, tmp_path):
    return fresh_run(tmp_path_factory, tmp_path)


def test_a_run_and_a_bare_copy_of_its_export_are_the_same_job(run, tmp_path):
    bare = tmp_path / "copied"
    shutil.copytree(run / "export", bare)
    a, b = load_job(run), load_job(bare)
    assert list(a.files) == list(b.files) == ["float32", "float16", "dynamic", "int8"]
    np.testing.assert_array_equal(a.reference, b.reference)
    assert a.reference[a.real].shape == (SAMPLES, len(CLASSES))
    assert set(a.edge[~a.real]) == {"all zeros", "huge coordinates", "tiny coordinates"}
    assert (a.weights[a.real] == 1).all()
    assert (a.weights[~a.real] == 0).all()
    assert (a.run, b.run) == (run, bare)


def test_a_tampered_file_is_refused_by_name(run):
    path = run / "export/model_int8.tflite"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(SignportError, match=r"model_int8.tflite: sha256 .* stale or changed"):
        load_job(run)


def test_a_missing_file_is_refused_by_name(run):
    (run / "export/model_float16.tflite").unlink()
    with pytest.raises(SignportError, match=r"model_float16.tflite: no such file"):
        load_job(run)


def test_golden_inputs_must_be_the_models(run):
    card = read_json(run / "export/card.json")
    card["inputs"][0]["name"] = "hand"
    write_json(run / "export/card.json", card)
    with pytest.raises(SignportError, match=r"golden.npz: holds inputs landmarks, card.json lists hand"):
        load_job(run)


def test_truncated_golden_vectors_are_refused(run):
    path = run / "export/golden.npz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(SignportError, match="damaged golden vectors"):
        load_job(run)


def test_a_card_without_its_fields_is_refused(run):
    write_json(run / "export/card.json", {"family": "mlp"})
    with pytest.raises(SignportError, match="output: missing"):
        load_job(run)


def test_a_folder_that_was_never_exported_says_what_to_do(tmp_path):
    with pytest.raises(SignportError, match="run `signport export"):
        load_job(tmp_path)
    with pytest.raises(SignportError, match="no such folder"):
        load_job(tmp_path / "nowhere")


def test_weights_undo_the_choice_of_the_hardest_samples():
    random = np.random.default_rng(0)
    answers = random.dirichlet(np.ones(3), 3000).astype(np.float32)
    ranked = np.sort(answers, axis=1)
    hard = (ranked[:, -1] - ranked[:, -2]) < 0.1
    rows = worst_margin_rows(answers, 400, seed=1)
    weights = sample_weights(answers[rows], len(answers))
    assert weights.sum() == pytest.approx(3000)
    assert hard[rows].mean() > 0.5
    assert (weights * hard[rows]).sum() / weights.sum() == pytest.approx(hard.mean(), abs=0.03)
    assert (sample_weights(answers[rows], 400) == 1).all()
    assert (sample_weights(answers[rows], None) == 1).all()
