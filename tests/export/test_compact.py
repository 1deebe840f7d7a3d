"""Real small conversions, packed plainly and compacted: the same computation in fewer bytes."""

import dataclasses
import itertools
import tempfile
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from tests.models.test_families import CASES, built, samples

from signport.export.compact import SharingBuilder, compact
from signport.export.convert import FLOATING, FORMATS, QUANTIZED, convert
from signport.export.flatbuffer import name_tensors, read_model, set_metadata, write_model
from signport.export.metadata import ModelInfo, describe, finish, float_softmax
from signport.models.litert import LiteRtModel
from signport.parity.answers import Options
from signport.parity.job import Job
from signport.parity.worker_runs import run_runtime
from signport.quantization.calibration import calibrate
from signport.quantization.deploy import deploy_form

_FORMS = ("float32", "dynamic", "int8")
_INFO = ModelInfo("small", "A small model.", [("landmarks", "l")], ("probabilities", "p"), version="3")


class _PlainBuilder(flatbuffers.Builder):
    """Writes each part anew, with weights aligned as the kernels ask."""

    def StartVector(self, elemSize, numElems, alignment):  # noqa: N802, N803
        return super().StartVector(elemSize, numElems, 16 if elemSize == 1 else alignment)


@dataclasses.dataclass(frozen=True)
class Converted:
    """Inputs, and by format what the converter wrote, that packed plainly, and the finished file."""

    inputs: dict[str, np.ndarray]
    raw: dict[str, bytes]
    plain: dict[str, bytes]
    finished: dict[str, bytes]


def _packed_plainly(raw):
    model = read_model(raw)
    float_softmax(model)
    name_tensors(model, ["landmarks"], "probabilities")
    builder = _PlainBuilder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _converted(case, **changes):
    model = built(case, **changes)
    inputs = {"landmarks": samples(model, 6)[0]["landmarks"]}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        deploy_form(model).save(folder / FLOATING)
        quantized = deploy_form(model)
        calibrate(quantized, inputs)
        quantized.save(folder / QUANTIZED)
        convert(CASES[case][0], folder, _FORMS)
        raw = {form: (folder / FORMATS[form].file_name).read_bytes() for form in _FORMS}
    plain = {form: _packed_plainly(content) for form, content in raw.items()}
    return Converted(inputs, raw, plain, {form: finish(content, _INFO) for form, content in raw.items()})


@pytest.fixture(scope="module")
def lstm():
    return _converted("lstm", frames=6, units=(16, 8, 8))


@pytest.fixture(scope="module")
def mlp():
    return _converted("mlp")


@pytest.fixture(params=["lstm", "mlp"])
def converted(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=_FORMS)
def form(request):
    return request.param


def _graph_bytes(content):
    buffers = read_model(content).buffers
    return len(content) - sum(len(buffer.data) for buffer in buffers if buffer.data is not None)


def _plain_values(value):
    """An object of the schema as comparable values."""
    return {name: item.tolist() if isinstance(item, np.ndarray) else item for name, item in vars(value).items()}


def _computation(content):
    """All that decides what a graph computes."""
    model = read_model(content)
    graph = model.subgraphs[0]
    for tensor in graph.tensors:
        data, quantization = model.buffers[tensor.buffer].data, tensor.quantization
        scaled = quantization is not None and quantization.scale is not None
        grid = (quantization.scale, quantization.zeroPoint) if scaled else ()
        along = quantization.quantizedDimension if scaled else 0
        values = None if data is None else bytes(data)
        yield list(tensor.shape), tensor.type, tensor.isVariable, [list(part) for part in grid], along, values
    for operator in graph.operators:
        code = _plain_values(model.operatorCodes[operator.opcodeIndex])
        options = operator.builtinOptions and (type(operator.builtinOptions), _plain_values(operator.builtinOptions))
        yield code, list(operator.inputs), list(operator.outputs), options
    yield list(graph.inputs), list(graph.outputs)


def test_tensors_and_operators_stay_what_they_are(converted, form):
    before, after = _computation(converted.plain[form]), _computation(converted.finished[form])
    for expected, found in itertools.zip_longest(before, after):
        assert found == expected


def test_answers_are_the_same_bits(converted, form):
    inputs = list(converted.inputs.values())
    expected = LiteRtModel(converted.plain[form]).predict(inputs)
    np.testing.assert_array_equal(LiteRtModel(converted.finished[form]).predict(inputs), expected)
    assert expected.std() > 0


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["ai-edge-litert", "compiled-model", "tf.lite", "tflite-runtime"])
def test_every_runtime_loads_an_unrolled_lstm_and_answers_with_the_same_bits(lstm, tmp_path, runtime):
    files = {}
    for form in _FORMS:
        for kind in ("plain", "finished"):
            files[f"{form}_{kind}"] = tmp_path / f"{form}_{kind}.tflite"
            files[f"{form}_{kind}"].write_bytes(getattr(lstm, kind)[form])
    nothing = np.empty(0)
    job = Job(tmp_path, tmp_path, {}, files, lstm.inputs, nothing, {}, nothing, nothing, nothing, nothing, task=None)
    told = run_runtime(runtime, job, Options(threads=(1,), repeats=1, warm_up=0), remedy="nothing")
    if told.status == "skipped":
        pytest.skip(told.reason)
    assert {name: answer.reason for name, answer in told.files.items()} == dict.fromkeys(files, "")
    for form in _FORMS:
        outputs = [told.files[f"{form}_{kind}"].output for kind in ("plain", "finished")]
        np.testing.assert_array_equal(*outputs)


@pytest.mark.parametrize(("form", "share"), [("float32", 0.45), ("dynamic", 0.45), ("int8", 0.4)])
def test_the_graph_of_an_unrolled_lstm_takes_less_than_half_the_bytes(lstm, form, share):
    assert _graph_bytes(lstm.finished[form]) <= share * _graph_bytes(lstm.plain[form])
    assert _graph_bytes(lstm.finished[form]) < _graph_bytes(lstm.raw[form])


def test_sharing_alone_loses_nothing_that_can_be_read(lstm, form):
    shared = write_model(read_model(lstm.raw[form]))
    assert len(shared) < len(lstm.raw[form])
    assert list(_computation(shared)) == list(_computation(lstm.raw[form]))
    names = [[tensor.name for tensor in read_model(one).subgraphs[0].tensors] for one in (shared, lstm.raw[form])]
    assert names[0] == names[1]


def test_compacting_twice_is_compacting_once(converted, form):
    model = read_model(converted.finished[form])
    compact(model)
    assert write_model(model) == converted.finished[form]
    assert finish(converted.finished[form], _INFO) == converted.finished[form]


def test_reading_and_writing_gives_the_same_bytes(converted, form):
    assert write_model(read_model(converted.finished[form])) == converted.finished[form]


def test_edges_keep_their_names_and_inner_tensors_lose_them(lstm, form):
    graph = read_model(lstm.finished[form]).subgraphs[0]
    names = {index: tensor.name for index, tensor in enumerate(graph.tensors) if tensor.name is not None}
    assert names == {graph.inputs[0]: b"landmarks", graph.outputs[0]: b"probabilities"}


def test_metadata_that_is_read_stays(lstm, form):
    model = read_model(lstm.raw[form])
    set_metadata(model, "note", b"ours")
    finished = finish(write_model(model), _INFO)
    kept = {
        entry.name: bytes(read_model(finished).buffers[entry.buffer].data) for entry in read_model(finished).metadata
    }
    assert set(kept) == {b"min_runtime_version", b"TFLITE_METADATA", b"note"}
    assert kept[b"note"] == b"ours"
    before = {entry.name: bytes(model.buffers[entry.buffer].data) for entry in model.metadata}
    assert kept[b"min_runtime_version"] == before[b"min_runtime_version"]
    assert describe(finished)["version"] == "3"


def test_constants_are_kept_once_and_tensors_that_are_computed_have_no_buffer_of_their_own(lstm, form):
    model = read_model(lstm.raw[form])
    weights = [tensor for tensor in model.subgraphs[0].tensors if model.buffers[tensor.buffer].data is not None]
    copy = schema.BufferT()
    copy.data = model.buffers[weights[0].buffer].data.copy()
    model.buffers.append(copy)
    other = next(t for t in model.subgraphs[0].tensors if model.buffers[t.buffer].data is None)
    other.buffer = len(model.buffers) - 1
    compact(model)
    assert other.buffer == weights[0].buffer
    held = [bytes(buffer.data) for buffer in model.buffers[1:]]
    assert len(held) == len(set(held))
    assert model.buffers[0].data is None
    used = {tensor.buffer for tensor in model.subgraphs[0].tensors} | {entry.buffer for entry in model.metadata}
    assert used == set(range(len(model.buffers)))


def test_replacing_metadata_does_not_reach_a_constant_of_the_same_bytes(mlp):
    model = read_model(mlp.raw["float32"])
    tensors = model.subgraphs[0].tensors
    index = next(i for i, tensor in enumerate(tensors) if model.buffers[tensor.buffer].data is not None)
    values = bytes(model.buffers[tensors[index].buffer].data)
    for name in ("first", "second"):
        set_metadata(model, name, values)
    compact(model)
    model = read_model(write_model(model))
    set_metadata(model, "first", b"replaced")
    read = {entry.name: bytes(model.buffers[entry.buffer].data) for entry in model.metadata}
    assert read[b"second"] == values
    assert bytes(model.buffers[model.subgraphs[0].tensors[index].buffer].data) == values


def test_a_constant_without_values_stays_a_constant(mlp):
    model = read_model(mlp.raw["float32"])
    graph = model.subgraphs[0]
    index = next(i for i, t in enumerate(graph.tensors) if model.buffers[t.buffer].data is not None)
    model.buffers[graph.tensors[index].buffer].data = np.zeros(0, np.uint8)
    compact(model)
    model = read_model(write_model(model))
    assert model.buffers[model.subgraphs[0].tensors[index].buffer].data is not None


def test_weights_begin_at_multiples_of_sixteen(converted, form):
    root = schema.Model.GetRootAsModel(converted.finished[form], 0)
    starts = []
    for index in range(root.BuffersLength()):
        table = root.Buffers(index)._tab
        if field := table.Offset(4):
            starts.append(table.Vector(field))
    assert len(starts) > 10
    assert {start % 16 for start in starts} == {0}


def test_equal_numbers_of_other_types_are_not_taken_for_each_other():
    floating, whole = schema.OperatorT(), schema.OperatorT()
    floating.builtinOptions, floating.builtinOptionsType = (
        schema.SoftmaxOptionsT(),
        schema.BuiltinOptions.SoftmaxOptions,
    )
    whole.builtinOptions, whole.builtinOptionsType = schema.GatherOptionsT(), schema.BuiltinOptions.GatherOptions
    floating.builtinOptions.beta, whole.builtinOptions.axis = 1.0, 1
    model, graph = schema.ModelT(), schema.SubGraphT()
    graph.operators, model.subgraphs, model.buffers = [floating, whole], [graph], []
    model.operatorCodes = []
    read = read_model(write_model(model)).subgraphs[0].operators
    assert read[0].builtinOptions.beta == 1.0
    assert read[1].builtinOptions.axis == 1


def test_tables_and_strings_are_written_once():
    builder = SharingBuilder()

    def tensor(name, scale):
        made, made.quantization = schema.TensorT(), schema.QuantizationParametersT()
        made.name, made.shape = name, np.array([1, 30, 75], np.int32)
        made.quantization.scale, made.quantization.zeroPoint = [scale], [3]
        return made.Pack(builder)

    first = tensor("a", 0.5)
    end = builder.Offset()
    assert tensor("a", 0.5) == first
    assert builder.Offset() == end
    others = {tensor("b", 0.5), tensor("a", 0.25), first}
    assert len(others) == 3


def test_lists_of_tables_are_not_mixed_up():
    """Their elements are relative: at another place, the same bytes mean other tables."""
    model = schema.ModelT()
    model.subgraphs = [schema.SubGraphT() for _ in range(40)]
    for index, graph in enumerate(model.subgraphs):
        graph.tensors = [schema.TensorT(), schema.TensorT()]
        graph.inputs, graph.outputs, graph.operators = [0], [1], []
        for place, tensor in enumerate(graph.tensors):
            tensor.shape = [index, place]
    model.operatorCodes, model.buffers = [], []
    read = read_model(write_model(model))
    found = [[list(tensor.shape) for tensor in graph.tensors] for graph in read.subgraphs]
    assert found == [[[index, 0], [index, 1]] for index in range(40)]
