from types import SimpleNamespace

import numpy as np
import pytest
from tests.training.conftest import QUICK, made_up_cache

from signport.errors import SignportError
from signport.export import baseline_convert, baselines
from signport.export.baseline_convert import convert_ways, inline_buffers, make_ways, one_line
from signport.export.baselines import WAYS, compare_ways, head_layers
from signport.export.flatbuffer import read_model, write_model
from signport.models.litert import LiteRtModel
from signport.quantization.deploy import deploy_form
from signport.training.train import train

GIVES_UP = "the converter gave up on this graph"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("baselines")
    cache = made_up_cache(groups=6).write(folder / "hands.parquet")
    overrides = [*QUICK, "quantization.epochs=1", "quantization.calibration_samples=32"]
    return train("mlp", cache, runs=folder, name="quick", overrides=overrides)


@pytest.fixture(scope="module")
def comparison(run):
    """Three ways to int8, and one whose converter fails."""

    def converting(family, folder, ways):
        assert "ai_edge" in ways
        made = convert_ways(family, folder, [way for way in ways if way != "ai_edge"])
        return {**made, "ai_edge": GIVES_UP}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "convert_ways", converting)
        return compare_ways(run, rounds=2, ways=("qat", "ai_edge", "calibrated", "ptq"))


def test_only_the_wanted_ways_are_taken_and_float32_for_comparison(comparison):
    assert [row.way.name for row in comparison.rows] == ["float32", "ptq", "ai_edge", "calibrated", "qat"]


def test_a_way_that_fails_says_why_and_the_others_stand(comparison):
    failed = comparison.row("ai_edge")
    assert (failed.reason, failed.checked, failed.latency, failed.size) == (GIVES_UP, None, None, 0)
    for row in comparison.rows:
        if row is not failed:
            assert (row.reason, row.size > 0, row.latency.median_us > 0) == ("", True, True), row.way.name


def test_files_are_made_from_one_graph_and_judged_on_the_held_back_part(comparison, run):
    assert (comparison.samples, comparison.calibration_samples) == (len(run.split().test), 32)
    assert comparison.float_accuracy == comparison.row("float32").checked.accuracy
    for row in comparison.rows:
        if row.checked is not None:
            assert row.checked.agreement.samples == comparison.samples
            assert any(gate.name.startswith(row.way.form) for gate in row.checked.gates)
    assert comparison.row("float32").checked.agreement.sqnr_db > 80
    assert 20 < comparison.row("ptq").checked.agreement.sqnr_db < 80
    inputs = [run.inputs("test")[tensor.name] for tensor in run.model().inputs]
    found = comparison.row("qat").checked
    np.testing.assert_array_equal(LiteRtModel(found.content).predict(inputs), found.answers)


def test_our_files_are_also_held_to_their_simulations(comparison):
    simulations = {row.way.name: row.simulation for row in comparison.rows if row.simulation is not None}
    assert set(simulations) == {"calibrated", "qat"}
    assert all(one.sqnr_db > 30 for one in simulations.values())
    assert comparison.row("qat").note.endswith("ships, of 2 candidates")
    assert comparison.row("calibrated").note == ""


def test_an_unknown_way_is_refused_before_any_work(run):
    with pytest.raises(SignportError, match=r"way 'int3' is unknown; choose from float32, .*qat"):
        compare_ways(run, ways=("qat", "int3"))


def test_the_head_is_what_no_quantizer_comes_before(run):
    deploy = deploy_form(run.model())
    first = next(index for index, layer in enumerate(deploy.layers) if layer.name.endswith("_quantized"))
    assert head_layers(deploy) == [layer.name for layer in deploy.layers[:first]]
    assert len(head_layers(deploy)) >= 2


def test_every_way_has_a_maker():
    assert set(baseline_convert._MAKERS) == {way.name for way in WAYS}


def test_a_makers_error_becomes_one_line_and_the_next_way_is_made(tmp_path, monkeypatch):
    def fails(_source):
        raise RuntimeError("<unknown>:0: error: loc(fused['a', 'b'](x)): 'tfl.add' op is odd\n<unknown>:0: note: at …")

    def is_missing(_source):
        raise ModuleNotFoundError("No module named 'ai_edge_quantizer'", name="ai_edge_quantizer")

    makers = {"float32": lambda _source: b"file", "ptq": fails, "ai_edge": is_missing, "float16": lambda _source: b"16"}
    monkeypatch.setattr(baseline_convert, "_MAKERS", makers)
    make_ways(SimpleNamespace(folder=tmp_path), list(makers))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "float32.tflite": "file",
        "ptq.txt": "'tfl.add' op is odd",
        "ai_edge.txt": "skipped: pip install 'signport[baselines]'",
        "float16.tflite": "16",
    }


def test_a_converter_that_dies_takes_one_way_with_it(tmp_path, monkeypatch):
    """The second process finds the first one's way taken as dead, and makes the other."""
    started = []

    def dies_once(command, **_options):
        ways = command[5:]
        started.append(ways)
        if ways[0] == "ptq":
            return SimpleNamespace(returncode=-6, stderr="F0000 graph.cc:12] Check failed: x > 0\n    @ 0x7f12 foo()\n")
        (tmp_path / f"{ways[0]}.tflite").write_bytes(b"file")
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(baseline_convert.subprocess, "run", dies_once)
    assert convert_ways("mlp", tmp_path, ["ptq", "qat"]) == {
        "ptq": "the converter ended with status -6: F0000 graph.cc:12] Check failed: x > 0",
        "qat": b"file",
    }
    assert started == [["ptq", "qat"], ["qat"]]


def test_a_converter_that_never_ends_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(baseline_convert, "_TIME_LIMIT_SECONDS", 0.01)
    assert convert_ways("mlp", tmp_path, ["ptq"]) == {"ptq": "the converter was stopped after 0.01 s"}


def test_constants_behind_the_flatbuffer_are_taken_in(comparison):
    content = comparison.row("ptq").checked.content
    model = read_model(content)
    data = [np.asarray(buffer.data).tobytes() for buffer in model.buffers if buffer.data is not None]
    largest = max((buffer for buffer in model.buffers if buffer.data is not None), key=lambda one: len(one.data))
    constant, largest.data = np.asarray(largest.data).tobytes(), None
    largest.offset, largest.size = 1 << 20, len(constant)
    outside = write_model(model).ljust(1 << 20, b"\0") + constant
    taken_in = read_model(inline_buffers(outside))
    assert [np.asarray(buffer.data).tobytes() for buffer in taken_in.buffers if buffer.data is not None] == data
    assert not any(buffer.size or buffer.offset for buffer in taken_in.buffers)
    assert inline_buffers(content) is content


def test_reasons_are_cut_to_what_a_table_bears():
    assert one_line("\n  tensorflow/lite/kernels/add.cc:87 x != y (INT8 != INT16)Node 5 failed.\nmore") == (
        "x != y (INT8 != INT16)Node 5 failed."
    )
    assert one_line("x" * 500) == "x" * 199 + "…"
    assert one_line("") == "no message"
