"""`signport export`: a trained run → checked `.tflite` files. To export is to convert AND to check."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from signport.errors import GateError, SignportError, require_known
from signport.export.card import input_entries, model_card, model_labels, output_entry
from signport.export.check import Gate, judge_edge_cases, judge_simulation
from signport.export.convert import ALWAYS, FLOATING, FORMATS, convert
from signport.export.edge_cases import edge_cases
from signport.export.export_folder import CARD_FILE
from signport.export.golden import Golden, golden_samples, worst_margin_rows, write_golden, write_golden_images
from signport.export.graph_tensors import write_outlines
from signport.export.metadata import LABELS_FILE, ModelInfo, finish
from signport.export.packing import int4_tensors
from signport.export.reference import CheckedFile, Reference
from signport.files import atomic_folder, write_bytes, write_json, write_text
from signport.landmarks.topology import topology_named
from signport.models.litert import LiteRtModel
from signport.models.registry import predict
from signport.progress import progress_bar
from signport.quantization.agreement import compare
from signport.quantization.deploy import deploy_form, largest_difference
from signport.quantization.engines import Engine, engine_named
from signport.quantization.low_bits import LOW_BITS, low_bit_layers
from signport.quantization.qat import Quantized, quantize, simulate
from signport.training.recipe_sections import QuantizationRecipe
from signport.training.run import Run

_GOLDEN_IMAGES = 24
# Folding reorders float32 sums; on weights of ordinary size it moves outputs by 1e-7 to 1e-6 of their magnitude.
_DEPLOY_TOLERANCE = 1e-5
_SCORE_THRESHOLD = 0.5


@dataclass(frozen=True)
class Exported:
    """What `export` made.

    Attributes:
        folder: The export folder.
        card: Content of `card.json`.
    """

    folder: Path
    card: dict[str, Any]


def export(
    run: Run | str | Path,
    *,
    lstm: Literal["unrolled", "fused"] = "unrolled",
    engine: Engine | None = None,
    int4: bool = False,
    keep: Mapping[str, Literal["float", "int16"]] | None = None,
) -> Exported:
    """Quantizes, converts and checks a run's model; replaces the run's `export` folder whole.

    Args:
        run: A trained run, or its folder.
        lstm: `unrolled` runs everywhere; `fused` is smaller, but keeps state between calls (reset it before each clip)
            and loads neither in LiteRT.js nor in CompiledModel. For families with an LSTM; the card names it.
        engine: What quantizes; None for what the recipe says (`quantization.engine`).
        int4: Adds an int4 file, also where the recipe does not ask for it (`quantization.weight_bits: 4`).
        keep: Layers that are not to be int8, besides the recipe's (`quantization.keep`).

    Raises:
        GateError: A file breaks a gate; the earlier export stays.
        SignportError: The run cannot be exported.

    Examples:
        >>> exported = sp.export_tflite("runs/mlp-001")  # doctest: +SKIP
        >>> sorted(path.name for path in exported.folder.glob("*.tflite"))  # doctest: +SKIP
        ['model_dynamic.tflite', 'model_float16.tflite', 'model_float32.tflite', 'model_int8.tflite']
    """
    run = run if isinstance(run, Run) else Run.open(run)
    settings = run.recipe.quantization
    settings = replace(
        settings,
        engine=engine or settings.engine,
        weight_bits=LOW_BITS if int4 else settings.weight_bits,
        keep={**settings.keep, **(keep or {})},
    )
    fused = lstm == "fused"
    keras.utils.set_random_seed(run.recipe.seed)
    with progress_bar(f"export {run.id}", 4, unit="stages") as bar:
        bar.advance(0, "quantize")
        reference = replace(Reference.of(run), fused_lstm=fused, kept=len(settings.keep))
        if fused and not any(isinstance(layer, keras.layers.LSTM) for layer in reference.model.layers):
            raise SignportError(f"--lstm fused: family {run.family.name!r} of {run.path} has no LSTM; leave it out")
        floating = deploy_form(reference.model, fused_lstm=fused)
        difference = largest_difference(reference.model, floating, reference.inputs) / reference.scale
        quantized = _quantize(reference, settings)
        bar.advance(1, "convert")
        contents = _convert(reference, floating, quantized)
        bar.advance(1, "check")
        files = {form: reference.check(form, content) for form, content in contents.items()}
        simulations = {
            form: compare(simulate(one.deploy, reference.inputs), files[form].answers, run.family.output)
            for form, one in quantized.items()
        }
        gates = [Gate("deploy form max abs error", difference, _DEPLOY_TOLERANCE, "most")]
        gates += [gate for one in files.values() for gate in one.gates]
        for form, simulation in simulations.items():
            gates += judge_simulation(form, simulation, run.gates)
        if "int4" in quantized:
            wanted = len(low_bit_layers(quantized["int4"].deploy))
            gates.append(Gate("int4 tensors in 4 bits", int4_tensors(files["int4"].content), wanted, "least"))
        rows = worst_margin_rows(reference.answers, golden_samples(reference.inputs), run.recipe.seed)
        golden = _golden(reference, files, rows)
        gates += [judge_edge_cases(form, answers[golden.edge != ""]) for form, answers in golden.answers.items()]
        _require(run, gates)
        bar.advance(1, "write")
        card = model_card(reference, files, gates, quantized, simulations, settings.keep)
        with atomic_folder(run.export_folder) as folder:
            for form, one in files.items():
                write_bytes(folder / FORMATS[form].file_name, one.content)
            write_golden(folder, golden)
            write_outlines(folder, {form: one.content for form, one in files.items()}, golden.inputs)
            _write_images(reference, folder)
            write_text(folder / LABELS_FILE, "".join(f"{name}\n" for name in model_labels(run)))
            write_json(folder / CARD_FILE, card)
        bar.advance(1, f"{len(gates)} gates pass")
    return Exported(run.export_folder, card)


def _quantize(reference: Reference, settings: QuantizationRecipe) -> dict[str, Quantized]:
    """The quantized models by format."""
    run, seed = reference.run, reference.run.recipe.seed
    samples = run.inputs("train"), run.inputs("validation")
    found = {"int8": engine_named(settings.engine)(reference.model, *samples, settings, seed)}
    if settings.weight_bits == LOW_BITS:
        found["int4"] = quantize(reference.model, *samples, settings.low_bits, seed, weight_bits=LOW_BITS)
    return found


def _require(run: Run, gates: list[Gate]) -> None:
    if broken := [str(gate) for gate in gates if not gate.passed]:
        raise GateError(f"{run.path}: the export breaks {len(broken)} of {len(gates)} gates: {'; '.join(broken)}")


def model_info(reference: Reference) -> ModelInfo:
    """What a run's files say of themselves."""
    run, inputs, output = reference.run, input_entries(reference), output_entry(reference)
    return ModelInfo(
        name=run.id,
        description=f"signport {run.family.name}: {', '.join(entry['name'] for entry in inputs)} to {output['name']}.",
        inputs=[(entry["name"], entry["description"]) for entry in inputs],
        output=(output["name"], output["description"]),
        labels=model_labels(run),
        version=run.record["versions"]["signport"],
        score_threshold=_SCORE_THRESHOLD if run.family.fits_task == "head" else None,
    )


def _convert(reference: Reference, floating: keras.Model, quantized: dict[str, Quantized]) -> dict[str, bytes]:
    """Converted and finished files by format."""
    run, info = reference.run, model_info(reference)
    with tempfile.TemporaryDirectory(prefix="signport-") as name:
        folder = Path(name)
        floating.save(folder / FLOATING)
        for form, one in quantized.items():
            one.deploy.save(folder / FORMATS[form].source)
        formats = tuple(dict.fromkeys((*ALWAYS, *quantized)))
        convert(run.family.name, folder, formats)
        return {form: finish((folder / FORMATS[form].file_name).read_bytes(), info) for form in formats}


def _golden(reference: Reference, files: dict[str, CheckedFile], rows: np.ndarray) -> Golden:
    """Real samples of the test part, `rows` of it, then edge cases; and what every file answers to both."""
    run = reference.run
    cache, test_rows = run.cache(), np.sort(run.split().test)
    inputs = {name: values[rows] for name, values in reference.inputs.items()}
    cases = edge_cases(inputs, topology_named(run.family.topology))
    odd = {name: np.concatenate([case[name] for case in cases.values()]) for name in inputs}
    answers = {}
    for form, one in files.items():
        to_odd = LiteRtModel(one.content).predict([odd[tensor.name] for tensor in reference.model.inputs])
        answers[form] = np.concatenate([one.answers[rows], to_odd])
    labels, names = reference.labels[rows], np.array([*(model_labels(run) or run.classes), ""])
    return Golden(
        inputs={name: np.concatenate([values, odd[name]]) for name, values in inputs.items()},
        output=np.concatenate([reference.answers[rows], predict(reference.model, odd)]),
        labels=np.concatenate([labels, np.full(len(cases), -1)]),
        sample_ids=np.array([*(cache.sample_ids[row] for row in test_rows[rows]), *cases]),
        label_names=np.array([*names[labels], *[""] * len(cases)]),
        edge=np.array([*[""] * len(rows), *cases]),
        answers=answers,
    )


def _write_images(reference: Reference, folder: Path) -> None:
    run = reference.run
    if run.family.fits_task == "head":
        test_rows = np.sort(run.split().test)
        spread = np.random.default_rng(run.recipe.seed).permutation(test_rows)[:_GOLDEN_IMAGES]
        write_golden_images(folder, run.cache(), spread, run.classes)


def require_export(run: Run, form: str) -> bytes:
    """An exported file of a run.

    Raises:
        SignportError: There is no such format, or the run was not exported.
    """
    require_known("format", form, FORMATS)
    path = run.export_folder / FORMATS[form].file_name
    if not path.is_file():
        raise SignportError(f"{path}: no such file; run `{FORMATS[form].command} {run.path}` first")
    return path.read_bytes()
