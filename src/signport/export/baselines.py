"""`signport quantize compare`: every way to a small file, on the same float graph, samples and runtime.

All start from the deploy form of the run's float model (normalizations folded), are calibrated on the same samples of
its training part, finished alike (names, metadata, a final softmax in float) and judged on its test part by the gates
of its family. So what differs is the quantizer.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import keras
import numpy as np

from signport.errors import SignportError
from signport.export.baseline_convert import CALIBRATION, FUSED, HEAD, convert_ways, one_line
from signport.export.check import Gate
from signport.export.convert import FLOATING
from signport.export.exporter import model_info
from signport.export.latency import Latency, paired_latency
from signport.export.metadata import ModelInfo, finish
from signport.export.reference import CheckedFile, Reference
from signport.progress import progress_bar
from signport.quantization.agreement import Agreement, compare
from signport.quantization.calibration import representative
from signport.quantization.deploy import deploy_form
from signport.quantization.engines import Engine, engine_named
from signport.quantization.fake_quant import quantizers_of
from signport.quantization.qat import Quantized, simulate
from signport.training.run import Run


@dataclass(frozen=True)
class Way:
    """A way to a small file.

    Attributes:
        name: In `compare.json`.
        title: In the table and the picture.
        form: The export format by whose gates its file is judged.
        explained: One sentence.
        fused_lstm: Whether its LSTMs are TFLite's fused operator; only for families that have any.
    """

    name: str
    title: str
    form: str
    explained: str
    fused_lstm: bool = False


WAYS = (
    Way("float32", "float32", "float32", "What ratios are to."),
    Way("float16", "float16", "float16", "TensorFlow's converter: weights stored in float16."),
    Way(
        "dynamic", "dynamic range", "dynamic", "TensorFlow's converter: int8 weights, activations quantized on the go."
    ),
    Way("ai_edge_dynamic", "dynamic range, ai-edge", "dynamic", "The same by ai-edge-quantizer, a scale a channel."),
    Way("ptq_whole", "PTQ int8, whole graph", "int8", "TensorFlow's converter, also on the preprocessing head."),
    Way("ptq", "PTQ int8, head in float", "int8", "TensorFlow's converter, head left in float as ours is."),
    Way("ptq_16x8", "PTQ 16×8, whole graph", "int8", "TensorFlow's converter: int16 activations, int8 weights."),
    Way("ai_edge", "ai-edge int8", "int8", "ai-edge-quantizer, head in float; its ranges are moving averages."),
    Way("ai_edge_16x8", "ai-edge 16×8", "int8", "ai-edge-quantizer, head in float: int16 activations, int8 weights."),
    Way("calibrated", "signport, calibrated", "int8", "Our fake quantization before the first step of training."),
    Way("qat", "signport QAT", "int8", "Ours, distilled from the float model: what `signport export` writes."),
    Way("tfmot", "tfmot QAT", "int8", "The same by tensorflow-model-optimization; for dense graphs."),
    Way("fused_float32", "float32, fused LSTM", "float32", "TFLite's own LSTM operator.", fused_lstm=True),
    Way("fused_ptq", "PTQ int8, fused LSTM", "int8", "TensorFlow's converter on it, head in float.", fused_lstm=True),
)
_ENGINES: dict[str, Engine] = {"calibrated": "signport", "qat": "signport", "tfmot": "tfmot"}


@dataclass(frozen=True)
class Row:
    """What came of a way.

    Attributes:
        way: The way.
        reason: Why there is no file, in one line; empty if there is one, and then all below is set.
        checked: The finished file, its answers against the float model's, and its gates.
        latency: How long it takes, and how long that is in float32's.
        simulation: Its answers against those of its own fake-quantized simulation, for ways that have one.
        note: What else is to be said.
    """

    way: Way
    reason: str = ""
    checked: CheckedFile | None = None
    latency: Latency | None = None
    simulation: Agreement | None = None
    note: str = ""

    @property
    def size(self) -> int:
        """Bytes of the file; 0 if there is none."""
        return len(self.checked.content) if self.checked else 0

    @property
    def broken(self) -> list[Gate]:
        """The gates that the file breaks."""
        return [gate for gate in self.checked.gates if not gate.passed] if self.checked else []


@dataclass(frozen=True)
class Comparison:
    """The ways of one run, and what they were measured on.

    Attributes:
        run: The run.
        samples: Test samples.
        calibration_samples: Training samples that ranges were measured on.
        float_accuracy: Of the Keras model on the test part; None for an embedder.
        rounds: How often each file had its turn when latencies were taken.
        rows: A row a way.
    """

    run: Run
    samples: int
    calibration_samples: int
    float_accuracy: float | None
    rounds: int
    rows: tuple[Row, ...]

    def row(self, way: str) -> Row:
        """The row of a way by its name."""
        return next(row for row in self.rows if row.way.name == way)


def compare_ways(run: Run | str | Path, *, rounds: int = 15, ways: Sequence[str] | None = None) -> Comparison:
    """Makes, checks and times a file every way.

    Args:
        run: A trained run, or its folder.
        rounds: Of timing; each file has a turn a round.
        ways: Names of those in `WAYS` that are wanted, None for all; float32, to which ratios are, always is.

    Returns:
        A row a way that applies to the family; a way that fails says why in its row.

    Raises:
        SignportError: A way is unknown, the run has no test part, or there is no float32 file to compare with.

    Examples:
        >>> comparison = sp.compare_quantizers("runs/mlp-001", rounds=5)  # doctest: +SKIP
    """
    known = [way.name for way in WAYS]
    wanted = set(known if ways is None else ways)
    if unknown := wanted.difference(known):
        raise SignportError(f"way {min(unknown)!r} is unknown; choose from {', '.join(known)}")
    run = run if isinstance(run, Run) else Run.open(run)
    keras.utils.set_random_seed(run.recipe.seed)
    with progress_bar(f"compare {run.id}", 4, unit="stages") as bar, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bar.advance(0, "quantize")
        reference = Reference.of(run)
        samples = representative(run.inputs("train"), run.recipe.quantization.calibration_samples, run.recipe.seed)
        rows, simulated = _prepare(reference, samples, {"float32", *wanted}, folder)
        bar.advance(1, "convert")
        made = convert_ways(run.family.name, folder, [row.way.name for row in rows if not row.reason])
        bar.advance(1, "check")
        info = model_info(reference)
        rows = [_check(row, made.get(row.way.name, ""), reference, info) for row in rows]
        rows = [_against_simulation(row, simulated.get(row.way.name), run.family.output) for row in rows]
        if rows[0].checked is None:
            raise SignportError(f"{run.path}: no float32 file to compare with: {rows[0].reason}")
        bar.advance(1, "time")
        inputs = {tensor.name: reference.inputs[tensor.name] for tensor in reference.model.inputs}
        timed = {row.way.name: row.checked.content for row in rows if row.checked is not None}
        latency = paired_latency(timed, inputs, folder, rounds)
        rows = [replace(row, latency=latency.get(row.way.name)) for row in rows]
        bar.advance(1, f"{len(timed)} of {len(rows)} ways have a file")
    calibrated = len(next(iter(samples.values())))
    return Comparison(run, len(reference.labels), calibrated, reference.accuracy, rounds, tuple(rows))


def head_layers(deploy: keras.Model) -> list[str]:
    """Names of a deploy model's layers that depend on no quantizer: the inputs and the preprocessing head."""
    behind: set[int] = set()
    head = []
    for layer in deploy.layers:
        inputs = layer.input if isinstance(layer.input, list | tuple) else [layer.input]
        if quantizers_of(layer) or any(id(tensor) in behind for tensor in inputs):
            behind.add(id(layer.output))
        else:
            head.append(layer.name)
    return head


def _prepare(
    reference: Reference, samples: dict[str, np.ndarray], wanted: set[str], folder: Path
) -> tuple[list[Row], dict[str, np.ndarray]]:
    """Fills the folder that the converters read.

    Returns:
        A row for each way that is wanted and applies to the family; and the test part's answers of those that have a
        simulation, float32 (samples, outputs) by the way's name.
    """
    floating = deploy_form(reference.model)
    floating.save(folder / FLOATING)
    np.savez(folder / CALIBRATION, **{tensor.name: samples[tensor.name] for tensor in reference.model.inputs})
    (folder / HEAD).write_text(json.dumps(head_layers(floating)), encoding="utf-8")
    recurrent = any(isinstance(layer, keras.layers.LSTM) for layer in reference.model.layers)
    rows = [Row(way) for way in WAYS if way.name in wanted and (recurrent or not way.fused_lstm)]
    if any(row.way.fused_lstm for row in rows):
        deploy_form(reference.model, fused_lstm=True).save(folder / FUSED)
    simulated: dict[str, np.ndarray] = {}
    for number, row in enumerate(rows):
        if row.way.name not in _ENGINES:
            continue
        try:
            quantized = _fine_tuned(reference, row.way.name)
        except SignportError as error:
            rows[number] = replace(row, reason=" ".join(str(error).split()))
            continue
        quantized.deploy.save(folder / f"{row.way.name}.keras")
        rows[number] = replace(row, note=_choice(quantized))
        simulated[row.way.name] = simulate(quantized.deploy, reference.inputs)
    return rows, simulated


def _fine_tuned(reference: Reference, way: str) -> Quantized:
    """What an engine makes of the float model."""
    run, settings = reference.run, reference.run.recipe.quantization
    if way == "calibrated":
        settings = replace(settings, epochs=0)
    quantize = engine_named(_ENGINES[way])
    return quantize(reference.model, run.inputs("train"), run.inputs("validation"), settings, run.recipe.seed)


def _choice(quantized: Quantized) -> str:
    """Says which candidate it is, where there was a choice."""
    if len(quantized.candidates) == 1:
        return ""
    epoch = quantized.chosen.epoch
    what = "calibration alone" if epoch == 0 else f"epoch {epoch}"
    return f"{what} ships, of {len(quantized.candidates)} candidates"


def _check(row: Row, made: bytes | str, reference: Reference, info: ModelInfo) -> Row:
    """Finishes a way's file and judges it."""
    if row.reason:
        return row
    if isinstance(made, str):
        return replace(row, reason=made)
    kept = reference.run.recipe.quantization.keep.values() if row.way.name in _ENGINES else ()
    in_float = sum(precision == "float" for precision in kept)
    fitting = replace(reference, fused_lstm=row.way.fused_lstm, kept=in_float)
    try:
        return replace(row, checked=fitting.check(row.way.form, finish(made, info)))
    except (SignportError, RuntimeError) as error:  # LiteRT's own when a file loads and does not run
        return replace(row, reason=one_line(str(error)))


def _against_simulation(row: Row, simulated: np.ndarray | None, output: Literal["probabilities", "embedding"]) -> Row:
    if simulated is None or row.checked is None:
        return row
    return replace(row, simulation=compare(simulated, row.checked.answers, output))
