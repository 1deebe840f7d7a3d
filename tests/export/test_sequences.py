"""Sequence families from a cache to files that hold, and the forms of an LSTM."""

import numpy as np
import pytest

import signport as sp
from signport.errors import SignportError
from signport.export.exporter import export
from signport.export.flatbuffer import operators
from signport.export.golden import read_golden
from signport.parity.answers import Options
from signport.training.train import train

QUICK = [
    "training.epochs=2",
    "training.learning_rate=0.003",
    "logging.tensorboard=false",
    "data.validation=0.2",
    "data.test=0.2",
    "quantization.epochs=1",
]
UNTIMED = Options(threads=(1,), repeats=3, warm_up=1)
TINY = {
    "lstm": ["model.frames=8", "model.units=[8,8,8]", "model.hidden=8"],
    "stgcn": ["model.frames=8", "model.blocks=1", "model.channels=8"],
}


@pytest.fixture(scope="module")
def signs(tmp_path_factory):
    path = tmp_path_factory.mktemp("signs") / "signs.parquet"
    return sp.render_signs(path, classes=4, signers=8, takes=4, seed=1)


@pytest.fixture(scope="module")
def lstm(signs, tmp_path_factory):
    # The logits of a model that has learned next to nothing are hardly more than their rounding.
    settings = [*QUICK, *TINY["lstm"], "training.epochs=20", "training.batch_size=16"]
    return train("lstm", signs, runs=tmp_path_factory.mktemp("runs"), overrides=settings)


@pytest.mark.slow
def test_a_graph_convolution_goes_from_clips_to_files_that_hold(signs, tmp_path):
    run = train("stgcn", signs, runs=tmp_path, overrides=[*QUICK, *TINY["stgcn"]])
    card = export(run).card
    assert list(card["files"]) == ["float32", "float16", "dynamic", "int8"]
    assert card["topology"] == "upper_59"
    assert card["inputs"][0]["shape"] == [1, 8, 59, 3]
    assert card["quantization"]["final_softmax"] == "float32"
    assert card["clip_frames"] == 8
    # Clips at 25 frames a second that are thinned out to 8 frames look slower to the model.
    lengths = run.part("train").num_frames
    assert card["frame_rate"] == pytest.approx(np.median(25 * 8 / lengths), abs=1e-3)
    golden = read_golden(run.export_folder)
    assert golden.inputs["landmarks"].shape == (len(golden.output), 8, 59, 3)
    assert np.isnan(golden.inputs["landmarks"]).any()
    assert list(golden.edge[golden.edge != ""]) == [
        "all zeros", "all missing", "left hand missing", "right hand missing", "one frame", "huge coordinates",
        "tiny coordinates",
    ]  # fmt: skip
    sp.check_parity(run, options=UNTIMED).require()


@pytest.mark.slow
def test_a_window_that_was_filled_frame_by_frame_is_answered_as_the_clip(lstm):
    assert export(lstm).card["lstm"] == "unrolled"
    golden = read_golden(lstm.export_folder)
    stream = sp.Stream(lstm, form="float32")
    for frame in golden.inputs["landmarks"][0]:
        stream.push(frame)
    np.testing.assert_allclose(stream.scores, golden.output[0], atol=1e-5)


@pytest.mark.slow
def test_a_fused_lstm_answers_alike_and_is_named_in_the_card(lstm):
    card = export(lstm, lstm="fused").card
    assert card["lstm"] == "fused"
    names = [operator.name for operator in operators((lstm.export_folder / "model_float32.tflite").read_bytes())]
    assert names.count("UNIDIRECTIONAL_SEQUENCE_LSTM") == 3
    assert card["metrics"]["float32"]["max_abs"] <= 1e-5
    report = sp.check_parity(lstm, options=UNTIMED)
    report.require()
    skipped = report.content["targets"]["desktop"]["runtimes"]["compiled-model"]
    assert skipped["status"] == "skipped"


def test_only_lstms_can_be_fused(signs, tmp_path):
    run = train("stgcn", signs, runs=tmp_path, overrides=[*QUICK, *TINY["stgcn"], "training.epochs=1"])
    with pytest.raises(SignportError, match=r"--lstm fused: family 'stgcn' .* has no LSTM; leave it out"):
        export(run, lstm="fused")


def test_the_training_part_s_mean_and_deviation_are_kept_beside_the_model(lstm):
    with np.load(lstm.path / "preprocess_params.npz", allow_pickle=False) as parameters:
        body = lstm.model().get_layer("body")
        np.testing.assert_allclose(parameters["mean"], np.asarray(body.mean), atol=1e-7)
        np.testing.assert_allclose(parameters["std"], np.asarray(body.deviation), atol=1e-7)
        assert parameters["mean"].shape == (75, 3)
        assert np.abs(parameters["mean"]).max() > 0.1


def test_a_model_that_starts_from_another_keeps_its_mean_and_deviation(lstm, signs, tmp_path):
    settings = [*QUICK, *TINY["lstm"], "training.epochs=1", "seed=3"]
    other = train("lstm", signs, runs=tmp_path, overrides=settings, init_from=lstm.path)
    name = "preprocess_params.npz"
    assert (other.path / name).read_bytes() == (lstm.path / name).read_bytes()
    np.testing.assert_array_equal(other.model().get_layer("body").mean, lstm.model().get_layer("body").mean)
