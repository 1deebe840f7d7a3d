"""Where two graphs part: a fault put in at a known operator is found there."""

import pytest
from tests.parity.faked_run import fresh_clip_run, fresh_run, reseal
from tests.parity.faults import edited, scale_weights

from signport.errors import SignportError
from signport.export.flatbuffer import operators
from signport.export.graph_tensors import graph_tensors, write_outlines
from signport.models.gates import Gates
from signport.parity.job import load_job
from signport.parity.layers import layer_tables


@pytest.fixture
def run(tmp_path_factory, tmp_path):
    run = fresh_run(tmp_path_factory, tmp_path)
    _record(run)
    return run


def _record(run):
    job = load_job(run)
    write_outlines(run / "export", {form: path.read_bytes() for form, path in job.files.items()}, job.inputs)


@pytest.mark.parametrize("form", ["float32", "float16", "dynamic", "int8"])
def test_an_untouched_file_is_the_exported_one_operator_by_operator(run, form):
    job = load_job(run)
    as_exported, *more = layer_tables(job, form, Gates())
    assert as_exported.against == "export"
    assert as_exported.first is None
    assert "the file is the one that was exported" in as_exported.verdict
    assert [row.op for row in as_exported.rows] == [one.name for one in operators(job.files[form].read_bytes())]
    assert [table.against for table in more] == ([] if form == "float32" else ["float32"])
    assert all(table.first is None for table in more)


@pytest.mark.parametrize("form", ["float32", "int8"])
def test_a_changed_weight_is_found_at_its_operator(run, form):
    path = run / "export" / f"model_{form}.tflite"
    reseal(run, form, edited(path.read_bytes(), scale_weights))
    table = layer_tables(load_job(run), form, Gates())[0]
    assert table.first.op == "FULLY_CONNECTED"
    assert not any(row.apart for row in table.rows[: table.first.index])
    assert f"operator {table.first.index}, FULLY_CONNECTED" in table.verdict


def test_another_graph_is_told_as_such(run):
    reseal(run, "int8", (run / "export/model_float16.tflite").read_bytes())
    table = layer_tables(load_job(run), "int8", Gates())[0]
    assert "it is another graph" in table.verdict
    assert table.to_json()["rows"] == []


def test_where_int8_leaves_float_is_told_with_its_decibels(run):
    job = load_job(run)
    strict = Gates(int8_sqnr_db=200.0)
    table = layer_tables(job, "int8", strict)[1]
    assert table.against == "float32"
    assert table.first is not None
    assert "200 dB" in table.verdict
    assert layer_tables(job, "int8", Gates())[1].first is None


def test_missing_points_are_no_difference(tmp_path_factory, tmp_path):
    run = fresh_clip_run(tmp_path_factory, tmp_path)
    _record(run)
    for table in layer_tables(load_job(run), "dynamic", Gates()):
        assert table.first is None, table.verdict


def test_an_export_without_a_record_is_compared_with_float32_alone(run):
    (run / "export/tensors.npz").unlink()
    assert [table.against for table in layer_tables(load_job(run), "int8", Gates())] == ["float32"]
    (run / "export/tensors.npz").write_bytes(b"PK\x03\x04 no more")
    with pytest.raises(SignportError, match=r"tensors\.npz: damaged"):
        layer_tables(load_job(run), "int8", Gates())


def test_tensors_are_whole_and_dequantized(run):
    job = load_job(run)
    tensors = graph_tensors(job.files["int8"].read_bytes(), job.inputs, samples=3)
    assert tensors[-1].shape == (1, 4)
    assert tensors[-1].values.shape == (3, 4)
    assert tensors[-1].values.sum(axis=1) == pytest.approx(1, abs=0.02)
    assert tensors[-1].outline().shape == (3, 34)
